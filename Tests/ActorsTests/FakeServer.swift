import CardumeCore
import Synchronization

/// What several gateway servers sent, in the order of the wire.
final class Wire: Sendable {
    struct Send: Hashable, Sendable {
        let server: String
        let contact: String
        let text: String
    }

    private let state = Mutex<(sends: [Send], requests: [Send], typing: [Send])>(([], [], []))

    var sends: [Send] { self.state.withLock { $0.sends } }
    /// Whatever became of them.
    var requests: [Send] { self.state.withLock { $0.requests } }
    var typing: [Send] { self.state.withLock { $0.typing } }

    func noteRequest(_ send: Send, isSent: Bool) {
        self.state.withLock { state in
            state.requests.append(send)
            if isSent { state.sends.append(send) }
        }
    }

    func noteTyping(_ send: Send) { self.state.withLock { $0.typing.append(send) } }

    /// Replies that went out more than once.
    var duplicates: [String] {
        Dictionary(grouping: self.sends) { "\($0.contact): \($0.text)" }.filter { $0.value.count > 1 }.keys.sorted()
    }

    /// Contacts whose first sends are not these, in this order.
    func outOfOrder(_ contacts: [String], _ texts: [String]) -> [String] {
        let sends = Dictionary(grouping: self.sends) { $0.contact }
        return contacts.filter { contact in
            let received = (sends[contact] ?? []).reduce(into: [String]()) { if !$0.contains($1.text) { $0.append($1.text) } }
            return received != texts
        }
    }
}

/// A gateway server that does as it is told. Its record is truthful.
final class FakeServer: MessageChannel {
    enum Mode: Sendable {
        case well
        /// Nobody listens there.
        case away
        case errorAfterSend
        case silenceAfterSend
        case silence
    }

    let name: String
    private let wire: Wire
    private let state: Mutex<(mode: Mode, check: GatewayCheck)>

    init(_ name: String, _ wire: Wire, _ mode: Mode = .well) {
        self.name = name
        self.wire = wire
        self.state = Mutex((mode, .up))
    }

    var maximumTextLength: Int { 4096 }
    var sendTimeout: Duration { .zero }
    var recordDelay: Duration { .zero }

    func enter(_ mode: Mode) { self.state.withLock { $0.mode = mode } }

    func say(_ check: GatewayCheck) { self.state.withLock { $0.check = check } }

    func send(_ intent: SendIntent) async -> SendOutcome {
        let mode = self.state.withLock { $0.mode }
        let isSent = mode == .well || mode == .errorAfterSend || mode == .silenceAfterSend
        self.wire.noteRequest(Wire.Send(server: self.name, contact: intent.replyAddress, text: intent.text), isSent: isSent)
        switch mode {
        case .well: return .accepted(providerID: "\(self.name) \(intent.id)")
        case .away: return .unavailable(reason: "connection refused")
        case .errorAfterSend: return .unknown(reason: "answered 400")
        case .silenceAfterSend, .silence: return .unknown(reason: "timeout")
        }
    }

    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        let send = Wire.Send(server: self.name, contact: intent.replyAddress, text: intent.text)
        return self.wire.sends.contains(send) ? .found(providerID: "\(self.name) \(intent.id)") : .absent
    }

    func check() async -> GatewayCheck { self.state.withLock { $0.check } }

    func showTyping(for intent: SendIntent, lasting duration: Duration) async {
        self.wire.noteTyping(Wire.Send(server: self.name, contact: intent.replyAddress, text: intent.text))
    }
}

/// The control: takes a doubt for proof that nothing was sent.
struct HastyServer: MessageChannel {
    let server: FakeServer

    var maximumTextLength: Int { self.server.maximumTextLength }
    var sendTimeout: Duration { self.server.sendTimeout }
    var recordDelay: Duration { self.server.recordDelay }

    func send(_ intent: SendIntent) async -> SendOutcome {
        let outcome = await self.server.send(intent)
        if case .unknown(let reason) = outcome { return .unavailable(reason: reason) }
        return outcome
    }

    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        await self.server.reconcile(intent, known: known)
    }
}
