/// What errors of the same sort have in common: the text without what differs from case to case.
///
/// Addresses, ids, numbers and quoted names are masked: `POST http://10.0.0.7:8080 answered 503 after 1203 ms` becomes
/// `post <url> answered <n> after <n> ms`. A digit inside a word masks the word only when it looks like an id: `gpt-4o` stays.
public struct ErrorFingerprint: Hashable, Sendable {
    /// Longer texts are cut before they are masked.
    private static let longest = 400

    public let text: String

    /// - Parameters:
    ///   - category: what belongs to different categories is never the same.
    public init(category: String, error: String) {
        let words = error.prefix(Self.longest).split(whereSeparator: \.isWhitespace).map(Self.masked)
        self.text = ([category + ":"] + words).joined(separator: " ")
    }

    private static func masked(_ word: Substring) -> String {
        if word.contains("://") { return Self.framed(word, "<url>") }
        let core = Self.core(of: word)
        if core.isEmpty { return String(word) }
        let isPlain = core.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == "." }
        if isPlain || !core.contains(where: \.isLetter), let mask = Self.mask(for: core) { return Self.framed(word, mask) }
        // Parts that are joined by punctuation are looked at one by one: `request_id=ab12`, `10.1.2.3:80`, `504:`.
        var result = ""
        var part = Substring()
        func close() -> String { Self.mask(for: part) ?? part.lowercased() }
        for index in word.indices {
            let character = word[index]
            if character.isLetter || character.isNumber || character == "-" || character == "_" {
                part.append(character)
            } else {
                result += close() + String(character)
                part = Substring()
            }
        }
        return result + close()
    }

    /// What stands for a whole word; `nil` when it is kept.
    private static func mask(for word: Substring) -> String? {
        guard !word.isEmpty else { return nil }
        let digits = word.count { $0.isNumber }
        guard digits > 0 else { return nil }
        let letters = word.count { $0.isLetter }
        if letters == 0 { return "<n>" }
        let number = word.prefix { $0.isNumber || $0 == "." }
        // `30s`, `120ms`, `12kB`: the unit stays.
        if number.count == digits + number.count(where: { $0 == "." }), letters <= 3, word.count == number.count + letters {
            return "<n>" + word.dropFirst(number.count).lowercased()
        }
        let isHex = word.allSatisfy { $0.isHexDigit || $0 == "-" || $0 == "x" || $0 == "X" }
        if isHex, word.count >= 4 { return "<hex>" }
        if digits >= 3, word.count >= 8 { return "<id>" }
        return nil
    }

    /// Without punctuation around it.
    private static func core(of word: Substring) -> Substring {
        var core = word.drop { !$0.isLetter && !$0.isNumber }
        while let last = core.last, !last.isLetter, !last.isNumber { core.removeLast() }
        return core
    }

    /// `mask` with the punctuation that stood around the word.
    private static func framed(_ word: Substring, _ mask: String) -> String {
        let before = word.prefix { !$0.isLetter && !$0.isNumber }
        let after = word.reversed().prefix { !$0.isLetter && !$0.isNumber }
        return before + mask + String(after.reversed())
    }
}
