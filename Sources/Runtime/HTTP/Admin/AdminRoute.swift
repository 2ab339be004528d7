import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird
import Synchronization

/// One thing that can be done under /admin, and who may do it. ``AdminAPI/table`` is all of it.
struct AdminRoute: Sendable {
    /// As the audit log calls it.
    let name: String
    let method: HTTPRequest.Method
    /// With `:name` for what varies.
    let path: String
    /// The least role that may; `nil` where everybody is asked who they are.
    let role: AdminRole?
    let handler: Handler

    typealias Handler = @Sendable (AdminAPI) -> HTTPGateway.Handler

    init(
        _ name: String, _ method: HTTPRequest.Method, _ path: String, _ role: AdminRole?,
        _ handler: @escaping Handler
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.role = role
        self.handler = handler
    }

    /// Whether the audit log has it.
    var isChange: Bool { self.method != .get && self.role != nil }
}

/// What a change says about itself, for the audit log. Never a secret.
final class AuditNote: Sendable {
    private static let longest = 2_000

    private let content = Mutex<String?>(nil)

    private static let reasonMark = "reason: "

    var text: String? { self.content.withLock { $0 } }

    /// What was given as reason, in a text that was written here.
    static func reason(in text: String?) -> String? {
        guard let text, let mark = text.range(of: Self.reasonMark) else { return nil }
        return String(text[mark.upperBound...])
    }

    /// - Parameter reason: in the author's words.
    func write(_ text: String?, _ reason: String? = nil) {
        let parts = [text, reason.map { Self.reasonMark + $0 }].compactMap(\.self)
        guard !parts.isEmpty else { return }
        self.content.withLock { $0 = String(parts.joined(separator: "; ").prefix(Self.longest)) }
    }
}
