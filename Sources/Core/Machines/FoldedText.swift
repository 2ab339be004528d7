/// A text as people compare it: words in lower case without accents.
package struct FoldedText: Hashable {
    package let words: [String]

    package init(_ text: String) {
        var folded = String.UnicodeScalarView()
        for scalar in text.lowercased().unicodeScalars {
            switch scalar {
            case "\u{300}"..."\u{36F}": continue  // combining marks
            case "à"..."å": folded.append("a")
            case "ç": folded.append("c")
            case "è"..."ë": folded.append("e")
            case "ì"..."ï": folded.append("i")
            case "ñ": folded.append("n")
            case "ò"..."ö": folded.append("o")
            case "ù"..."ü": folded.append("u")
            default: folded.append(scalar)
            }
        }
        self.words = String(folded).split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }

    /// Whether `other`'s words stand in this text, next to each other.
    func contains(_ other: FoldedText) -> Bool {
        guard !other.words.isEmpty, other.words.count <= self.words.count else { return false }
        return (0...(self.words.count - other.words.count)).contains {
            Array(self.words[$0..<($0 + other.words.count)]) == other.words
        }
    }
}
