package import CardumeCore
import Foundation

/// The audit log, in either database. Lines are never changed once complete; they go only by `keep.audit`.
package struct AuditStore: Sendable {
    let database: any AdminDatabase

    package init(_ database: any AdminDatabase) { self.database = database }

    /// Writes what is about to be done, at the database's time.
    ///
    /// - Returns: the line's number.
    package func begin(_ entry: AuditEntry) async throws(StoreError) -> Int64 {
        let dialect = self.database.dialect
        return try await self.database.transaction { query in
            try query(
                """
                INSERT INTO {admin_audit} (at, who, role, address, action, target, detail, trace_id, status) VALUES
                (\(dialect.now), $1, $2, $3, $4, $5, \(dialect.typed("$6", as: "text")), $7, \(dialect.typed("$8", as: "int8")))
                RETURNING id
                """,
                [
                    .text(entry.who), .text(entry.role), .text(entry.address), .text(entry.action), .text(entry.target),
                    .optional(entry.detail), .text(entry.traceID), entry.status.map { .int(Int64($0)) } ?? .null,
                ])[0].int(0) ?? 0
        }
    }

    package func end(_ id: Int64, status: Int, detail: String?) async throws(StoreError) {
        let dialect = self.database.dialect
        try await self.database.transaction { query in
            _ = try query(
                """
                UPDATE {admin_audit} SET status = $2, detail = coalesce(\(dialect.typed("$3", as: "text")), detail)
                WHERE id = $1
                """, [.int(id), .int(Int64(status)), .optional(detail)])
        }
    }

    /// Writes that a conversation was released by somebody who does not call /admin.
    package func released(
        _ conversation: Conversation.ID, by who: String, from address: String = "", traceID: String = ""
    ) async throws(StoreError) {
        _ = try await self.begin(
            AuditEntry(
                who: who, role: "", address: address, action: "conversations.release",
                target: AuditEntry.target("conversations", conversation.rawValue, "release"), traceID: traceID, status: 200))
    }

    /// The latest first.
    ///
    /// - Parameters:
    ///   - who, action: only these; `nil` for all.
    ///   - before: only lines with lower numbers.
    package func entries(
        who: String?, action: String?, before: Int64?, limit: Int
    ) async throws(StoreError) -> [AuditEntry] {
        let dialect = self.database.dialect
        return try await self.database.query { query in
            try query(
                """
                SELECT id, at, who, role, address, action, target, detail, trace_id, status FROM {admin_audit}
                WHERE (\(dialect.typed("$1", as: "text")) IS NULL OR who = $1)
                AND (\(dialect.typed("$2", as: "text")) IS NULL OR action = $2)
                AND (\(dialect.typed("$3", as: "int8")) IS NULL OR id < $3) ORDER BY id DESC LIMIT $4
                """, [.optional(who), .optional(action), before.map(AdminValue.int) ?? .null, .int(Int64(limit))]
            ).map { row in
                AuditEntry(
                    id: row.int(0) ?? 0, at: row.time(1) ?? Timestamp(milliseconds: 0), who: row.text(2) ?? "",
                    role: row.text(3) ?? "", address: row.text(4) ?? "", action: row.text(5) ?? "", target: row.text(6) ?? "",
                    detail: row.text(7), traceID: row.text(8) ?? "", status: row.int(9).map(Int.init))
            }
        }
    }
}

extension AuditEntry {
    private static let longestTarget = 600

    /// A path below /admin as the audit log writes it.
    static func target(_ segments: String...) -> String {
        Self.target(path: "/admin/" + segments.map(HTTPAddress.segment).joined(separator: "/"))
    }

    /// One spelling for all that mean the same: callers escape as they like.
    static func target(path: String) -> String {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            HTTPAddress.segment(segment.removingPercentEncoding ?? String(segment))
        }
        return String(segments.joined(separator: "/").prefix(Self.longestTarget))
    }
}
