import AsyncHTTPClient
import CardumeTrials
import Foundation
import Testing

@testable import CardumeRuntime

/// The web panel's files: how they are served, and that they fit together.
@Suite(.timeLimit(.minutes(2))) struct PanelFileTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Sources/Runtime/HTTP/Panel/Assets").standardizedFileURL

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    }

    private static func files(_ ending: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(ending) }.sorted()
    }

    private static func scripts() throws -> [(name: String, text: String)] {
        try Self.files(".js").map { ($0, try Self.text($0)) }
    }

    // MARK: Served

    @Test func filesComeWithStrictHeadersAndATag() async throws {
        let deployment = try await Deployment(extra: "admin: { token: token-de-operador-mestre }")
        try await deployment.start()
        let policy = """
            default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
            base-uri 'none'; form-action 'none'; frame-ancestors 'none'
            """
        for asset in PanelAsset.all.map(\.name) + [""] {
            let answer = try await deployment.request("GET", "/panel/\(asset)")
            #expect(answer.status == 200, "\(asset)")
            #expect(answer.headers["content-security-policy"] == policy, "\(asset)")
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            #expect(answer.headers["referrer-policy"] == "no-referrer")
            #expect(answer.headers["cross-origin-opener-policy"] == "same-origin")
            #expect(answer.headers["cross-origin-resource-policy"] == "same-origin")
            #expect(answer.headers["permissions-policy"]?.contains("camera=()") == true)
            #expect(answer.headers["cache-control"] == "no-cache")
            let type = asset.isEmpty ? PanelAsset.Kind.html : PanelAsset.byName[asset]?.kind
            #expect(answer.headers["content-type"] == type?.rawValue, "\(asset)")
            #expect(asset.isEmpty ? answer.body == (try Self.text("index.html")) : answer.body == (try Self.text(asset)))
            let tag = try #require(answer.headers["etag"])
            for condition in [tag, "\"other\", W/\(tag)", "*"] {
                let known = try await deployment.request("GET", "/panel/\(asset)", headers: ["If-None-Match": condition])
                #expect(known.status == 304 && known.body.isEmpty && known.headers["etag"] == tag, "\(asset): \(condition)")
            }
            let stale = try await deployment.request("GET", "/panel/\(asset)", headers: ["If-None-Match": "\"other\""])
            #expect(stale.status == 200)
            let head = try await deployment.request("HEAD", "/panel/\(asset)")
            #expect(
                head.status == 200 && head.body.isEmpty && head.headers["content-length"] == answer.headers["content-length"])
        }
        let unknown = try await deployment.request("GET", "/panel/nada.js")
        #expect(unknown.status == 404 && unknown.headers["content-security-policy"] == policy)
        #expect(try await deployment.request("POST", "/panel/", body: []).status == 405)
        #expect(try await deployment.terminate() == 0)
    }

    /// Relative, so that it holds behind a proxy that puts something before the path.
    @Test func thePathWithoutItsSlashLeadsThere() async throws {
        let deployment = try await Deployment(extra: "admin: { token: token-de-operador-mestre }")
        try await deployment.start()
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: HTTPClient.Configuration(redirectConfiguration: .disallow))
        let answer = try await client.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(try deployment.port)/panel"), timeout: .seconds(20))
        try await client.shutdown()
        #expect(answer.status.code == 308 && answer.headers["location"] == ["panel/"])
        #expect(!answer.headers["content-security-policy"].isEmpty)
        #expect(try await deployment.terminate() == 0)
    }

    @Test func withoutAnybodyConfiguredItIsNotThere() async throws {
        let deployment = try await Deployment()
        try await deployment.start()
        for path in ["/panel", "/panel/", "/panel/app.js"] {
            #expect(try await deployment.request("GET", path).status == 404, "\(path)")
        }
        #expect(try await deployment.terminate() == 0)
    }

    // MARK: Together

    @Test func allFilesAreBuiltInAndNothingElse() throws {
        #expect(try PanelAsset.all.map(\.name).sorted() == Self.files())
    }

    @Test func whatIsReferredToIsThere() throws {
        let names = Set(try Self.files())
        var referred: Set<String> = []
        for (name, text) in try Self.scripts() {
            for match in text.matches(of: /from '\.\/([^']+)'/) {
                #expect(names.contains(String(match.1)), "\(name) imports \(match.1)")
                referred.insert(String(match.1))
            }
        }
        for match in try Self.text("index.html").matches(of: /(?:href|src)="([^"]+)"/) {
            #expect(names.contains(String(match.1)), "index.html: \(match.1)")
            referred.insert(String(match.1))
        }
        #expect(names.subtracting(referred).filter { $0.hasSuffix(".js") } == [], "nobody imports them")
    }

    @Test func nothingComesFromElsewhereAndNoMarkupFromData() throws {
        let forbidden = [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "document.cookie",
            "localStorage.setItem(key", "style=", "onclick=", "javascript:",
        ]
        for name in try Self.files() {
            let text = try Self.text(name)
            for word in forbidden { #expect(!text.contains(word), "\(name): \(word)") }
            for match in text.matches(of: /https?:\/\/[^\s'"`]+/) {
                #expect(match.0 == "http://www.w3.org/2000/svg", "\(name): \(match.0)")
            }
        }
        #expect(!(try Self.text("index.html").contains(/<script(?![^>]*src=)|<style/)))
    }

    // MARK: Words

    private static func dictionary(_ name: String) throws -> [String: String] {
        try JSONDecoder().decode([String: String].self, from: Data(try Self.text(name).utf8))
    }

    @Test func bothLanguagesHaveTheSameWords() throws {
        let (english, portuguese) = (try Self.dictionary("en.json"), try Self.dictionary("pt-BR.json"))
        #expect(Set(english.keys).symmetricDifference(portuguese.keys) == [])
        func places(_ text: String?) -> [String] { (text ?? "").matches(of: /\{\w+\}/).map { String($0.0) }.sorted() }
        for (key, text) in english {
            #expect(places(text) == places(portuguese[key]), "\(key): other values")
            #expect(!text.isEmpty && portuguese[key] != "", "\(key)")
        }
    }

    @Test func everyWordThatIsUsedExistsAndEveryOneIsUsed() throws {
        let words = Set(try Self.dictionary("en.json").keys)
        var used: Set<String> = []
        func use(_ key: String, in name: String) {
            #expect(words.contains(key), "\(name): \(key)")
            used.insert(key)
        }
        for (name, text) in try Self.scripts() {
            for match in text.matches(of: /\bt\('([^']+)'/) { use(String(match.1), in: name) }
            for match in text.matches(of: /\btitle: '([a-z_.]+)'/) { use(String(match.1), in: name) }
            for match in text.matches(of: /\btn\('([^']+)'/) {
                for form in ["one", "other"] { use("\(match.1).\(form)", in: name) }
            }
            for match in text.matches(of: /\b(?:label|badge)\('([^']+)'/) {
                let group = words.filter { $0.hasPrefix("\(match.1).") }
                #expect(!group.isEmpty, "\(name): \(match.1)")
                used.formUnion(group)
            }
        }
        #expect(words.subtracting(used) == [], "nobody uses them")
    }
}
