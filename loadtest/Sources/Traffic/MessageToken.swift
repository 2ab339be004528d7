/// What stands in a message's text so that a reply which repeats the text can be told from all others: `#k3f9-1x7`.
struct MessageToken: Hashable, Sendable {
    static let runLength = 4

    /// Of the run, four letters or digits.
    let run: String
    let index: Int

    var text: String { "#\(self.run)-\(String(self.index, radix: 36))" }

    /// What a reply answers: for each of the messages that it repeats the token, or `nil` for one without. The fake model repeats
    /// what it is asked, several messages with bars between them.
    static func parts(of reply: String) -> [MessageToken?] {
        reply.split(separator: " | ", omittingEmptySubsequences: false).map(Self.token)
    }

    /// All tokens in a text.
    static func all(in text: String) -> [MessageToken] { Self.parts(of: text).compactMap(\.self) }

    private static func token(_ text: Substring) -> MessageToken? {
        // The last one: contacts quote what they were told.
        guard let mark = text.lastIndex(of: "#") else { return nil }
        let rest = text[text.index(after: mark)...]
        let run = rest.prefix(Self.runLength)
        guard run.count == Self.runLength, run.allSatisfy(Self.isDigit) else { return nil }
        let number = rest.dropFirst(Self.runLength)
        guard number.first == "-" else { return nil }
        let digits = number.dropFirst().prefix(while: Self.isDigit)
        return Int(digits, radix: 36).map { MessageToken(run: String(run), index: $0) }
    }

    private static func isDigit(_ character: Character) -> Bool {
        character.isASCII && (character.isNumber || character.isLowercase)
    }
}
