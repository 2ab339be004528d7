package import CardumeCore
import FoundationEssentials

/// What members say of their load: a column of `cardume.members`, as JSON.
package enum PostgresTurnLoad {
    static let migration = PostgresMigration(
        version: 6, name: "load of members",
        up: "ALTER TABLE cardume.members ADD COLUMN load jsonb NOT NULL DEFAULT '{}'",
        down: "ALTER TABLE cardume.members DROP COLUMN load")

    package static func text(_ load: [AssistantID: TurnLoad]) -> String {
        let named = Dictionary(uniqueKeysWithValues: load.map { ($0.key.rawValue, $0.value) })
        return (try? JSONEncoder().encode(named)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// What is not understood, because another version wrote it, counts as no load.
    package static func load(_ text: String) -> [AssistantID: TurnLoad] {
        let named = (try? JSONDecoder().decode([String: TurnLoad].self, from: Data(text.utf8))) ?? [:]
        return Dictionary(named.map { (AssistantID($0.key), $0.value) }) { first, _ in first }
    }
}
