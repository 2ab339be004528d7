package import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// What a process says about itself, for operators.
public struct AdminStatus: Codable, Sendable {
    public struct Assistant: Codable, Sendable {
        var slots: Int
        var running: Int
        var waiting: Int
        var paused: Bool

        /// - Parameters:
        ///   - slots: turns that may run at once.
        ///   - waiting: turns that wait for a slot.
        public init(slots: Int, running: Int, waiting: Int, paused: Bool) {
            self.slots = slots
            self.running = running
            self.waiting = waiting
            self.paused = paused
        }
    }

    var role: String
    /// As which the cluster knows it; missing for processes that own nothing.
    package internal(set) var member: String?
    var version: String
    /// The change up to which settings are in force here.
    var settings_version: Int64?
    /// Of the queues this process serves.
    var assistants: [String: Assistant]

    public init(role: String, version: String, assistants: [String: Assistant]) {
        self.role = role
        self.version = version
        self.assistants = assistants
    }
}

/// What operators look into and change.
public struct AdminDesk: Sendable {
    let deadLetters: DeadLetterStore
    /// The same, for figures that may be a little old.
    let statistics: DeadLetterStore
    let replays: ReplayStore
    let audit: AuditStore
    let conversations: ConversationStore
    let usage: any UsageReader
    let log: any PartitionLog
    let backlog: any BacklogReader
    let leases: any LeaseStore
    let operations: ConversationOperations
    /// Those of the configuration.
    let queues: [QueueID]

    /// - Parameters:
    ///   - analytics: where `database` may be read a little late.
    ///   - usage: of the same kind.
    package init(
        database: any AdminDatabase, analytics: any AdminDatabase, usage: any UsageReader, log: any PartitionLog,
        backlog: any BacklogReader,
        leases: any LeaseStore, operations: ConversationOperations, queues: [QueueID]
    ) {
        self.deadLetters = DeadLetterStore(database)
        self.statistics = DeadLetterStore(analytics)
        self.replays = ReplayStore(database)
        self.audit = AuditStore(database)
        self.conversations = ConversationStore(database)
        self.usage = usage
        self.log = log
        self.backlog = backlog
        self.leases = leases
        self.operations = operations
        self.queues = queues
    }
}

/// `/admin`: what operators see and change. Served by every process.
public struct AdminAPI: Sendable {
    typealias Context = GatewayContext

    static let bodyLimit = 1 << 20

    let live: LiveConfiguration
    let explainer: ConversationExplainer
    let desk: AdminDesk
    let authenticator: AdminAuthenticator
    let sight: ProcessSight
    let status: @Sendable () -> AdminStatus

    public init(
        live: LiveConfiguration, explainer: ConversationExplainer, desk: AdminDesk, authenticator: AdminAuthenticator,
        sight: ProcessSight, status: @escaping @Sendable () -> AdminStatus
    ) {
        self.live = live
        self.explainer = explainer
        self.desk = desk
        self.authenticator = authenticator
        self.sight = sight
        self.status = status
    }

    /// Everything there is under /admin, and who may do it.
    static let table: [AdminRoute] = [
        AdminRoute("session.begin", .post, "/admin/login", nil, Self.logIn),
        AdminRoute("session.show", .get, "/admin/session", .viewer, Self.showSession),
        AdminRoute("openapi.show", .get, "/admin/openapi.json", .viewer, Self.showDocument),
        AdminRoute("status.show", .get, "/admin/status", .viewer, Self.showStatus),
        AdminRoute("overview.show", .get, "/admin/overview", .viewer, Self.showOverview),

        AdminRoute("gateways.list", .get, "/admin/gateways", .viewer, Self.listGateways),
        AdminRoute("breakers.list", .get, "/admin/breakers", .viewer, Self.listBreakers),
        AdminRoute("traffic.show", .get, "/admin/traffic", .viewer, Self.showTraffic),

        AdminRoute("queues.list", .get, "/admin/queues", .viewer, Self.listQueues),
        AdminRoute("queues.show", .get, "/admin/queues/:queue", .viewer, Self.showQueue),
        AdminRoute("queues.pause", .post, "/admin/queues/:queue/pause", .operator, Self.pauseQueue),
        AdminRoute("queues.resume", .post, "/admin/queues/:queue/resume", .operator, Self.resumeQueue),

        AdminRoute("dead_letters.list", .get, "/admin/dead-letters", .viewer, Self.listDeadLetters),
        AdminRoute("dead_letters.count", .get, "/admin/dead-letters/stats", .viewer, Self.countDeadLetters),
        AdminRoute("dead_letters.analyse", .get, "/admin/dead-letters/analysis", .viewer, Self.analyseDeadLetters),
        AdminRoute("dead_letters.purge", .post, "/admin/dead-letters/purge", .admin, Self.purgeDeadLetters),
        AdminRoute("dead_letters.show", .get, "/admin/dead-letters/:letter", .viewer, Self.showDeadLetter),

        AdminRoute("replays.list", .get, "/admin/replays", .viewer, Self.listReplays),
        AdminRoute("replays.begin", .post, "/admin/replays", .operator, Self.beginReplay),
        AdminRoute("replays.show", .get, "/admin/replays/:replay", .viewer, Self.showReplay),
        AdminRoute("replays.cancel", .post, "/admin/replays/:replay/cancel", .operator, Self.cancelReplay),

        AdminRoute("conversations.held", .get, "/admin/conversations", .viewer, Self.listHeld),
        AdminRoute("conversations.show", .get, "/admin/conversations/:conversation", .viewer, Self.showConversation),
        AdminRoute(
            "conversations.explain", .get, "/admin/conversations/:conversation/explain", .viewer, Self.explainConversation),
        AdminRoute(
            "conversations.hold", .post, "/admin/conversations/:conversation/hold", .operator, Self.holdConversation),
        AdminRoute(
            "conversations.release", .post, "/admin/conversations/:conversation/release", .operator,
            Self.releaseConversation),
        AdminRoute(
            "conversations.transfer", .post, "/admin/conversations/:conversation/transfer", .operator,
            Self.transferConversation),

        AdminRoute("usage.show", .get, "/admin/usage", .viewer, Self.showUsage),
        AdminRoute("errors.show", .get, "/admin/errors", .viewer, Self.showErrors),
        AdminRoute("audit.list", .get, "/admin/audit", .admin, Self.listAudit),

        AdminRoute("settings.list", .get, "/admin/settings", .viewer, Self.listSettings),
        AdminRoute("settings.history", .get, "/admin/settings/history", .viewer, Self.showHistory),
        AdminRoute("settings.change", .get, "/admin/settings/history/:change", .viewer, Self.showChange),
        AdminRoute("settings.roll_back", .post, "/admin/settings/rollback", .admin, Self.rollBack),
        AdminRoute("settings.show", .get, "/admin/settings/:path", .viewer, Self.showSetting),
        AdminRoute("settings.set", .put, "/admin/settings/:path", .operator, Self.setSetting),
        AdminRoute("settings.unset", .delete, "/admin/settings/:path", .operator, Self.unsetSetting),
    ]

    private func showStatus(_ request: Request, _ context: Context) async throws -> Response {
        var status = self.status()
        status.settings_version = await self.live.version
        status.member = self.explainer.member?.rawValue
        return try JSONAnswer(status).response(from: request, context: context)
    }
}
