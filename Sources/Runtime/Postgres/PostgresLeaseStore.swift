package import CardumeCore

/// Who owns which partition, in the journal's database. Only the database's clock is used.
///
/// Claims exclude each other and renewals (an advisory lock that lasts as long as their transaction), so a claim that finds a
/// member dead has removed it before that member can renew itself, and the renewal then sees what was lost. A claim locks
/// its lease rows before that, so nobody else waits while it waits for commits in flight.
///
/// Give it a pool of its own, of one or two connections: renewals must not queue behind commits.
package final class PostgresLeaseStore: LeaseStore {
    package let timeToLive: Duration?
    private let lifetime: Duration
    private let pool: PostgresPool

    /// - Parameter timeToLive: defaults to 6 s.
    package init(_ pool: PostgresPool, timeToLive: Duration = .seconds(6)) {
        self.pool = pool
        self.timeToLive = timeToLive
        self.lifetime = timeToLive
    }

    package func renew(_ member: Member) async throws(StoreError) -> ClusterView {
        let results = try await self.run([
            PostgresStatement(SQL.shareOwnership),
            PostgresStatement(
                SQL.renew,
                [
                    .text(member.id.rawValue), .texts(member.queues.sorted().map(\.rawValue)), .double(self.lifetime.seconds),
                    .text(PostgresTurnLoad.text(member.load)), member.address.map { .text($0) } ?? .null,
                ]),
            // Statements of their own, whose snapshots come after the lock.
            PostgresStatement(SQL.members),
            PostgresStatement(SQL.leases),
        ])
        let members = results[2].map(Self.member)
        let leases = results[3].map { row in
            (Self.partition(row), Lease(holder: Member.ID(row.text(3) ?? ""), epoch: Epoch(rawValue: row.int(2) ?? 0)))
        }
        return ClusterView(members: members, leases: Dictionary(uniqueKeysWithValues: leases))
    }

    package func members() async throws(StoreError) -> [Member] {
        try await self.run([PostgresStatement(SQL.members)])[0].map(Self.member)
    }

    package func holder(of partition: Partition.ID) async throws(StoreError) -> LeaseHolder? {
        let statement = PostgresStatement(SQL.holder, [.text(partition.queue.rawValue), .int(Int64(partition.number))])
        guard let row = try await self.run([statement])[0].first else { return nil }
        let id = Member.ID(row.text(4) ?? "")
        guard let left = row.int(5), left > 0 else { return LeaseHolder(id: id) }
        return LeaseHolder(id: id, member: Self.member(row), lifetimeLeft: .milliseconds(left))
    }

    package func claim(
        _ partitions: [Partition.ID], for member: Member.ID
    ) async throws(StoreError) -> [Partition.ID: Ownership] {
        guard !partitions.isEmpty else { return [:] }
        let wanted = Self.columns(partitions)
        let results = try await self.run([
            PostgresStatement(SQL.makeLeases, wanted),
            PostgresStatement(SQL.lockLeases, wanted),
            PostgresStatement(SQL.changeOwnership),
            PostgresStatement(SQL.removeDead),
            PostgresStatement(SQL.claim, wanted + [.text(member.rawValue)]),
        ])
        let owned = results[4].map { row in
            (
                Self.partition(row),
                Ownership(epoch: Epoch(rawValue: row.int(2) ?? 0), followsCrash: row.bool(3) ?? true)
            )
        }
        return Dictionary(uniqueKeysWithValues: owned)
    }

    package func release(_ fences: [Fence], of member: Member.ID) async throws(StoreError) {
        guard !fences.isEmpty else { return }
        let epochs = PostgresParameter.ints(fences.map(\.epoch.rawValue))
        _ = try await self.run([
            PostgresStatement(
                SQL.release, Self.columns(fences.map(\.partition)) + [epochs, .text(member.rawValue)])
        ])
    }

    package func leave(_ member: Member.ID) async throws(StoreError) {
        _ = try await self.run([PostgresStatement(SQL.leave, [.text(member.rawValue)])])
    }

    /// A renewal that takes as long as a member lives is worth nothing any more.
    private func run(_ statements: [PostgresStatement]) async throws(StoreError) -> [PostgresResult] {
        do {
            return try await self.pool.pipeline(statements, within: min(self.lifetime, self.pool.settings.statementTimeout))
        } catch {
            throw StoreError(postgres: error)
        }
    }

    private static func columns(_ partitions: [Partition.ID]) -> [PostgresParameter] {
        [.texts(partitions.map(\.queue.rawValue)), .ints(partitions.map { Int64($0.number) })]
    }

    private static func member(_ row: PostgresRow) -> Member {
        Member(
            id: Member.ID(row.text(0) ?? ""), queues: Set((row.texts(1) ?? []).map { QueueID($0) }),
            load: PostgresTurnLoad.load(row.text(2) ?? ""), address: row.text(3))
    }

    private static func partition(_ row: PostgresRow) -> Partition.ID {
        Partition.ID(QueueID(row.text(0) ?? ""), number: Int(row.int(1) ?? 0))
    }

    private enum SQL {
        private static let lock = 0x4341_5244_554D_4533

        static let shareOwnership = PostgresStatement.SQL("SELECT pg_advisory_xact_lock_shared(\(Self.lock))")
        static let changeOwnership = PostgresStatement.SQL("SELECT pg_advisory_xact_lock(\(Self.lock))")

        static let renew: PostgresStatement.SQL = """
            INSERT INTO cardume.members (id, queues, expires_at, load, address)
            VALUES ($1, $2::text[], clock_timestamp() + make_interval(secs => $3), $4::jsonb, $5::text)
            ON CONFLICT (id) DO UPDATE SET queues = excluded.queues, expires_at = excluded.expires_at, load = excluded.load,
                address = excluded.address
            """
        static let members: PostgresStatement.SQL =
            """
            SELECT id, queues, load::text, address FROM cardume.members WHERE expires_at > clock_timestamp() ORDER BY id
            """
        static let holder: PostgresStatement.SQL = """
            SELECT m.id, m.queues, m.load::text, m.address, l.member,
                (extract(epoch FROM m.expires_at - clock_timestamp()) * 1000)::int8
            FROM cardume.leases l LEFT JOIN cardume.members m ON m.id = l.member
            WHERE l.assistant = $1 AND l.partition = $2::int8 AND l.member IS NOT NULL
            """
        static let leases: PostgresStatement.SQL =
            "SELECT assistant, partition, epoch, member FROM cardume.leases WHERE member IS NOT NULL"

        private static let wanted = "unnest($1::text[], $2::int8[]) w (assistant, partition)"
        private static let isWanted = "l.assistant = w.assistant AND l.partition = w.partition"

        static let makeLeases = PostgresStatement.SQL(
            """
            INSERT INTO cardume.leases (assistant, partition, epoch, is_clean)
            SELECT assistant, partition, 0, true FROM \(Self.wanted) ORDER BY assistant, partition ON CONFLICT DO NOTHING
            """)
        /// In key order, like those who commit.
        static let lockLeases = PostgresStatement.SQL(
            """
            SELECT 1 FROM cardume.leases l JOIN \(Self.wanted) ON \(Self.isWanted)
            ORDER BY l.assistant, l.partition FOR UPDATE OF l
            """)
        static let removeDead: PostgresStatement.SQL = "DELETE FROM cardume.members WHERE expires_at <= clock_timestamp()"
        static let claim = PostgresStatement.SQL(
            """
            UPDATE cardume.leases l SET member = $3, epoch = l.epoch + 1, is_clean = false
            FROM cardume.leases before JOIN \(Self.wanted)
                ON before.assistant = w.assistant AND before.partition = w.partition
            WHERE l.assistant = before.assistant AND l.partition = before.partition AND (
                before.member IS NULL OR before.member = $3
                OR NOT EXISTS (SELECT FROM cardume.members m WHERE m.id = before.member))
            RETURNING l.assistant, l.partition, l.epoch, NOT before.is_clean AND before.member IS DISTINCT FROM $3
            """)
        /// The marks of what is given back go with it: nothing that ran there killed anybody.
        static let release: PostgresStatement.SQL = """
            WITH stopped AS (
                SELECT l.assistant, l.partition FROM cardume.leases l
                JOIN unnest($1::text[], $2::int8[], $3::int8[]) f (assistant, partition, epoch)
                    ON l.assistant = f.assistant AND l.partition = f.partition AND l.epoch = f.epoch
                WHERE l.member = $4 ORDER BY l.assistant, l.partition FOR UPDATE OF l
            ), released AS (
                UPDATE cardume.leases l SET member = NULL, is_clean = true FROM stopped s
                WHERE l.assistant = s.assistant AND l.partition = s.partition
            )
            DELETE FROM cardume.crash_marks c USING stopped s WHERE c.assistant = s.assistant AND c.partition = s.partition
            """
        static let leave: PostgresStatement.SQL = "DELETE FROM cardume.members WHERE id = $1"
    }
}
