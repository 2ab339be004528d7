import CardumeRuntime
import CardumeTesting
import Foundation
import Testing

@Suite struct QueryStringTests {
    @Test(arguments: [
        ("a=1&b=2", "b", "2"), ("a", "a", ""), ("a=b=c", "a", "b=c"), ("hub.mode=x+y", "hub.mode", "x y"),
        ("%61=%C3%A9", "a", "é"),
        ("a=1&a=2", "a", "1"), ("&&=&a=", "a", ""),
    ])
    func parametersAreDecoded(_ query: String, _ name: String, _ value: String) {
        #expect(QueryString.value(of: name, in: query) == value)
    }

    @Test(arguments: ["", "?", "&", "a=%", "a=%FF", "b=1"]) func whatIsNoParameterIsNone(_ query: String) {
        #expect(QueryString.value(of: "a", in: query) == nil)
    }

    /// Whatever a value holds comes back from its encoding.
    @Test func everyTextComesBack() {
        var generator = SeededGenerator(seed: 13)
        let scalars = Array("aZ0 +%&=;#/?é👍🏽\n\u{0}".unicodeScalars)
        for _ in 0..<2_000 {
            let text = String(
                String.UnicodeScalarView(
                    (0..<Int.random(in: 0...12, using: &generator)).compactMap { _ in scalars.randomElement(using: &generator) }
                ))
            let encoded = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            #expect(QueryString.value(of: "text", in: "limit=1&text=\(encoded)&text=other") == text)
        }
    }
}
