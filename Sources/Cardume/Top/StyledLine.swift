enum TextStyle: Sendable {
    case plain, bold, dim, reverse
    /// In colours, where there are any.
    case good, warning, bad

    /// What a terminal is told; `nil` for nothing.
    fileprivate func code(_ ink: Ink) -> String? {
        switch (self, ink) {
        case (.plain, _), (_, .none): nil
        case (.bold, _): "1"
        case (.dim, _): "2"
        case (.reverse, _): "7"
        case (_, .monochrome): nil
        case (.good, .colour): "32"
        case (.warning, .colour): "33"
        case (.bad, .colour): "1;31"
        }
    }
}

/// What the output can show.
enum Ink: Sendable {
    /// Text alone, for pipes.
    case none
    /// A terminal whose user wants no colours.
    case monochrome
    case colour
}

/// A line of a frame.
struct StyledLine: Equatable, Sendable {
    private struct Span: Equatable, Sendable {
        var text: String
        var style: TextStyle
    }

    private var spans: [Span] = []

    init() {}

    init(_ text: String, _ style: TextStyle = .plain) { self.append(text, style) }

    mutating func append(_ text: String, _ style: TextStyle = .plain) {
        self.spans.append(Span(text: TextWidth.clean(text), style: style))
    }

    var width: Int { self.spans.reduce(0) { $0 + TextWidth.of($1.text) } }

    /// Without styles, and without white space at its end.
    var plain: String {
        let text = self.spans.map(\.text).joined()
        return String(text[..<(text.lastIndex { $0 != " " }.map { text.index(after: $0) } ?? text.startIndex)])
    }

    /// At most `width` columns, the last of them `…` where something is missing.
    func cut(to width: Int) -> StyledLine {
        guard self.width > width else { return self }
        var line = StyledLine()
        var rest = max(0, width - 1)
        for span in self.spans {
            let own = TextWidth.of(span.text)
            if own <= rest {
                line.spans.append(span)
                rest -= own
                continue
            }
            line.append(TextWidth.prefix(span.text, rest) + (width > 0 ? "…" : ""), span.style)
            break
        }
        return line
    }

    /// As it is written, without the line's end.
    func text(_ ink: Ink) -> String {
        self.spans.map { span in
            span.style.code(ink).map { "\u{1B}[\($0)m\(span.text)\u{1B}[0m" } ?? span.text
        }.joined()
    }
}
