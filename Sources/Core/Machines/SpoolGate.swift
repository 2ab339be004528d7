/// Which way messages go into the log: straight, or over a spool when the log is away.
///
/// What a conversation wrote must be appended in the order in which it arrived. So from the first failure on everything goes
/// into the spool, which is replayed in the order of arrival, and only as far as nobody that arrived earlier is still on the
/// way. When little is left, newcomers wait for a moment, until the spool is empty and the straight way is open again;
/// otherwise there would always be somebody behind whom to queue.
public struct SpoolGate: Sendable {
    public enum Way: Hashable, Sendable {
        /// Append it; then ``ended(_:)``, or ``failed(_:)`` when the log is away.
        case log
        /// Store it; then ``stored(_:messages:bytes:)`` or ``ended(_:)``.
        case spool
        /// Ask again when the gate says so.
        case wait
    }

    private enum Phase {
        case open
        case spooling
        case closing
    }

    private var phase: Phase
    private var nextNumber: Int64
    /// Numbers of those that are being appended or stored.
    private var onTheWay: Set<Int64> = []
    private let keepsOrder: Bool
    /// Stored and not replayed.
    public private(set) var messages: Int
    public private(set) var bytes: Int

    /// - Parameters:
    ///   - messages: that the spool holds already.
    ///   - nextNumber: larger than all of theirs.
    ///   - isOpen: whether messages may go straight from the start; else they wait for ``replayed(messages:bytes:isLast:)`` or
    ///     ``interrupted()``. Defaults to `true`; never when the spool holds something.
    ///   - keepsOrder: whether newcomers go behind what is in the spool. Defaults to `true`; `false` shows what happens without.
    public init(messages: Int = 0, bytes: Int = 0, nextNumber: Int64 = 1, isOpen: Bool = true, keepsOrder: Bool = true) {
        self.phase = messages > 0 ? .spooling : isOpen ? .open : .closing
        self.messages = messages
        self.bytes = bytes
        self.nextNumber = nextNumber
        self.keepsOrder = keepsOrder
    }

    /// Whether there may be something to replay.
    public var isSpooling: Bool { self.phase != .open }

    /// Whether newcomers have to wait.
    public var isClosing: Bool { self.phase == .closing }

    /// Messages have arrived together.
    ///
    /// - Returns: their way, and the first of their numbers.
    public mutating func arrived(_ count: Int) -> (way: Way, number: Int64) {
        let way: Way =
            switch self.phase {
            case .open: .log
            case .spooling: self.keepsOrder ? .spool : .log
            case .closing: .wait
            }
        guard way != .wait else { return (way, 0) }
        defer { self.nextNumber += Int64(count) }
        self.onTheWay.insert(self.nextNumber)
        return (way, self.nextNumber)
    }

    /// They are in the log, or their sender was told that they were not taken.
    public mutating func ended(_ number: Int64) { self.onTheWay.remove(number) }

    /// The log is away: they are to be stored now.
    public mutating func failed(_ number: Int64) {
        if self.phase == .open { self.phase = .spooling }
    }

    /// They are in the spool.
    public mutating func stored(_ number: Int64, messages: Int, bytes: Int) {
        self.onTheWay.remove(number)
        self.messages += messages
        self.bytes += bytes
    }

    /// Messages below this number may be replayed.
    public var horizon: Int64 {
        self.keepsOrder ? self.onTheWay.min() ?? self.nextNumber : self.nextNumber
    }

    /// They are in the log, and no longer in the spool.
    ///
    /// - Parameter isLast: whether there was nothing more to replay.
    /// - Returns: whether the straight way has been opened: those who wait are to ask again.
    public mutating func replayed(messages: Int, bytes: Int, isLast: Bool) -> Bool {
        self.messages -= messages
        self.bytes -= bytes
        guard isLast, self.phase != .open else { return false }
        if self.messages == 0, self.onTheWay.isEmpty {
            self.phase = .open
            return true
        }
        // Not before the log has taken something: newcomers would wait for one that is away.
        if messages > 0 { self.phase = .closing }
        return false
    }

    /// The log is away, again or still. Those who wait are to ask again.
    public mutating func interrupted() {
        if self.phase == .closing { self.phase = .spooling }
    }
}
