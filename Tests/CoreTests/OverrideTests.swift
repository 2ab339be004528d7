import CardumeCore
import CardumeTesting
import Testing

@Suite struct OverrideTests {
    private static let ana = SettingAuthor("ana")
    private static let noon = Timestamp(milliseconds: 1_795_176_000_000)

    private static func override(_ path: String, _ value: String, until end: Timestamp? = nil) -> SettingOverride {
        SettingOverride(path: path, value: value, author: Self.ana, at: Self.noon, expiresAt: end)
    }

    @Test func aRollbackKeepsWhatIsSoAlready() {
        let end = Self.noon.advanced(by: .seconds(60))
        var book = OverrideBook(
            [Self.override("a", "1"), Self.override("b", "2", until: end), Self.override("c", "3")], version: 7, at: Self.noon)
        book.restore(
            [Self.override("a", "1"), Self.override("b", "2"), Self.override("d", "4", until: Self.noon)], by: Self.ana)
        #expect(book.changes.map(\.path) == ["b", "c"], "a is so already; d is over")
        #expect(book.changes.map(\.id) == [8, 9])
        #expect(book.changes.map(\.action) == [.set, .unset])
        #expect(book.changes[0].expiresAt == nil, "the same value with another end is a change")
    }

    /// Any edits, replayed from the journal alone, give what is set; a rollback to any of them gives what was set then.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func theJournalSaysWhatIsSet(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var (overrides, journal, now) = ([String: SettingOverride](), [SettingChange](), Self.noon)
        var history: [[String: SettingOverride]] = [[:]]
        func replayed(upTo id: Int64) -> [String: SettingOverride] {
            journal.prefix(Int(id)).reduce(into: [:]) { $0[$1.path] = $1.made }
        }
        for _ in 0..<40 {
            now = now.advanced(by: .seconds(Int.random(in: 0...20, using: &generator)))
            var book = OverrideBook(Array(overrides.values), version: Int64(journal.count), at: now)
            let path = ["a", "b", "c"].randomElement(using: &generator) ?? "a"
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let lifetime = Bool.random(using: &generator) ? Duration.seconds(30) : nil
                book.set(path, to: String(Int.random(in: 0..<4, using: &generator)), for: lifetime, by: Self.ana)
            case 1: book.unset(path, by: Self.ana)
            case 2: book.expire()
            default:
                let id = Int.random(in: 0...journal.count, using: &generator)
                book.restore(Array(replayed(upTo: Int64(id)).values), by: Self.ana)
                let values = book.changes.reduce(into: overrides) { $0[$1.path] = $1.made }.mapValues(\.value)
                let then = history[id].filter { $0.value.isInForce(at: now) }.mapValues(\.value)
                #expect(values == then, "what is over does not come back; what else was set does")
            }
            for change in book.changes {
                #expect(change.id == Int64(journal.count) + 1)
                #expect(change.old == overrides[change.path]?.value)
                overrides[change.path] = change.made
                journal.append(change)
                history.append(overrides)
            }
            #expect(replayed(upTo: Int64(journal.count)) == overrides)
        }
    }

    @Test func anOverrideEndsByTimeAloneOnTheStoresClock() {
        var view = OverrideView()
        #expect(view.version == nil)
        let overrides = [Self.override("a", "1", until: Self.noon.advanced(by: .seconds(60))), Self.override("b", "2")]
        view.read(
            OverrideSnapshot(version: 3, readAt: Self.noon.advanced(by: .seconds(20)), overrides: overrides),
            at: .seconds(1_000))
        #expect(view.inForce(at: .seconds(1_039)).map(\.path) == ["a", "b"])
        #expect(!view.hasExpired(at: .seconds(1_039)))
        #expect(view.inForce(at: .seconds(1_040)).map(\.path) == ["b"], "40 s after a look that was 40 s before the end")
        #expect(view.hasExpired(at: .seconds(1_040)))
    }
}
