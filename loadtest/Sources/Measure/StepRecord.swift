import CardumeLoad

/// What became of the messages of one step.
struct StepRecord: Sendable, Codable {
    let step: LoadStep
    /// Seconds since the run began.
    let begin: Double
    /// The first message's number.
    let first: Int
    var intended = 0
    var accepted = 0
    /// Answered with a status that asks to come back later.
    var refused = 0
    /// Of them, those that did not say when.
    var withoutRetryAfter = 0
    /// Not answered, or answered with anything else.
    var failed = 0
    var replied = 0
    var lost = 0
    var duplicates = 0
    var reordered = 0
    /// From the intended time.
    var acceptance = Percentiles()
    var reply = Percentiles()
    /// The same less what a runtime that takes no time itself would have needed.
    var added = Percentiles()
    /// How much later than intended the generator posted.
    var lateness = Percentiles()

    init(_ step: LoadStep, begin: Double, first: Int) {
        self.step = step
        self.begin = begin
        self.first = first
    }

    /// The same with what another attempt at this step found.
    mutating func add(_ other: StepRecord) {
        self.intended += other.intended
        self.accepted += other.accepted
        self.refused += other.refused
        self.withoutRetryAfter += other.withoutRetryAfter
        self.failed += other.failed
        self.replied += other.replied
        self.lost += other.lost
        self.duplicates += other.duplicates
        self.reordered += other.reordered
        self.acceptance.add(other.acceptance)
        self.reply.add(other.reply)
        self.added.add(other.added)
        self.lateness.add(other.lateness)
    }

    /// Of intended messages, those that were not accepted; 0 to 1.
    var errors: Double { self.intended == 0 ? 0 : Double(self.refused + self.failed) / Double(self.intended) }
}
