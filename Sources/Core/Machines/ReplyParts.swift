/// Cuts a long answer into parts a channel can carry.
public enum ReplyParts {
    /// Parts of at most `limit` UTF-16 units (as WhatsApp counts), cut at the end of a paragraph, else of a line, else of a
    /// word, else anywhere between characters. Blank parts are left out.
    ///
    /// - Parameter limit: from 16.
    public static func split(_ text: String, limit: Int) -> [String] {
        var parts: [String] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            let end = self.end(of: rest, limit: limit)
            let part = rest[..<end]
            if !part.allSatisfy(\.isWhitespace) {
                parts.append(String(end == rest.endIndex && parts.isEmpty ? part : self.trimmed(part)))
            }
            rest = rest[end...]
        }
        return parts
    }

    private static func end(of text: Substring, limit: Int) -> Substring.Index {
        var units = 0
        var paragraph: Substring.Index?
        var line: Substring.Index?
        var word: Substring.Index?
        var index = text.startIndex
        var wasNewline = false
        while index < text.endIndex {
            let character = text[index]
            let next = text.index(after: index)
            units += character.utf16.count
            guard units <= limit || index == text.startIndex else { return paragraph ?? line ?? word ?? index }
            if character.isNewline {
                if wasNewline { paragraph = next }
                line = next
            } else if character.isWhitespace {
                word = next
            }
            wasNewline = character.isNewline
            index = next
        }
        return text.endIndex
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let head = text.drop(while: \.isWhitespace)
        guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return head }
        return head[...last]
    }
}
