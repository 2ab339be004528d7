import AsyncHTTPClient
import Foundation
import NIOCore

@testable import CardumeTesting

/// A headless Chromium, driven by chromedriver in the WebDriver protocol (and, for what that lacks, the DevTools'). Ends when
/// this object goes away.
final class Browser: Sendable {
    /// A key that has no letter, as WebDriver writes it.
    enum Key: String {
        case tab = "\u{E004}"
        case enter = "\u{E007}"
        case escape = "\u{E00C}"
    }

    /// A line of the browser's console.
    struct LogLine: Decodable, CustomStringConvertible {
        let level: String
        let message: String

        var description: String { "\(self.level): \(self.message)" }
    }

    private let driver: ServerHost
    private let session: String

    private init(driver: ServerHost, session: String) {
        self.driver = driver
        self.session = session
    }

    /// - Parameter language: that of its user.
    static func start(language: String = "en-US") async throws -> Browser {
        let program = try Binary.find("chromedriver", package: "chromium-driver")
        let driver = try ServerHost(name: "chromedriver")
        let address = "http://127.0.0.1:\(driver.port)"
        try await driver.launch([program, "--port=\(driver.port)", "--log-level=WARNING"]) {
            (try? await Self.call("GET", "\(address)/status", nil as Nothing?, Nothing.self)) != nil
        }
        let arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb",
            "--hide-scrollbars", "--window-size=1280,900", "--accept-lang=\(language)",
            "--user-data-dir=\(driver.folder)/profile",
        ]
        let begun = try await Self.call(
            "POST", "\(address)/session", Capabilities(arguments: arguments), Begun.self, within: .seconds(60))
        return Browser(driver: driver, session: "\(address)/session/\(begun.sessionId)")
    }

    // MARK: Looking

    func open(_ address: String) async throws {
        try await self.tell("url", ["url": address])
    }

    /// Runs a function's body. `arguments` in there are `arguments`.
    func run<Value: Decodable & Sendable>(
        _ script: String, _ arguments: String..., as type: Value.Type = Value.self
    ) async throws -> Value {
        try await self.ask("execute/sync", Script(script: script, args: arguments), type)
    }

    /// The same for one that returns nothing.
    func perform(_ script: String, _ arguments: String...) async throws {
        try await self.tell("execute/sync", Script(script: script, args: arguments))
    }

    /// Waits until an expression is true.
    func wait(for expression: String, within limit: Duration = .seconds(30)) async throws {
        do {
            try await Waiting.until(expression, within: limit) {
                try await self.ask("execute/sync", Script(script: "return Boolean(\(expression))", args: []), Bool.self)
            }
        } catch let error as ServerError {
            let text = try? await self.run("return location.href + '\\n' + document.body.innerText", as: String.self)
            throw ServerError("\(error); the page says:\n\((text ?? "nothing").prefix(3_000))")
        }
    }

    /// A picture of what is in the window, as PNG.
    func screenshot() async throws -> Data {
        let text = try await Self.call("GET", "\(self.session)/screenshot", nil as Nothing?, String.self)
        guard let data = Data(base64Encoded: text) else { throw ServerError("the picture is none") }
        return data
    }

    /// What its console has got since the last time.
    func takeLog() async throws -> [LogLine] {
        try await self.ask("se/log", ["type": "browser"], [LogLine].self)
    }

    // MARK: Acting

    /// Presses what `path` (XPath, in the uppermost dialog if there is one) finds, once it is there and can be reached.
    func click(_ path: String) async throws {
        try await Waiting.value(of: "\(path) to be clicked") {
            try await self.tell("element/\(try await self.find(path))/click", Nothing())
        }
    }

    /// Presses the button with this text or name.
    func press(_ name: String) async throws {
        try await self.click("//button[normalize-space()=\"\(name)\" or @aria-label=\"\(name)\"]")
    }

    /// Types into the field with this label, after what is there was taken away.
    func type(_ text: String, into label: String) async throws {
        try await Waiting.value(of: "the field \(label)") {
            let element = try await self.find("//label[normalize-space()=\"\(label)\"]/following-sibling::input")
            try await self.tell("element/\(element)/clear", Nothing())
            try await self.tell("element/\(element)/value", ["text": text])
        }
    }

    func choose(_ option: String, in label: String) async throws {
        try await self.click(
            "//label[normalize-space()=\"\(label)\"]/following-sibling::select/option[normalize-space()=\"\(option)\"]")
    }

    /// Types where the focus is.
    func send(_ keys: Key...) async throws {
        for key in keys { try await self.send(key.rawValue) }
    }

    func send(_ text: String) async throws {
        let keys = text.flatMap { [Action(type: "keyDown", value: String($0)), Action(type: "keyUp", value: String($0))] }
        try await self.tell("actions", Actions(actions: [Actions.Source(type: "key", id: "keyboard", actions: keys)]))
    }

    // MARK: Its surroundings

    func resize(width: Int, height: Int) async throws {
        try await self.develop(
            "Emulation.setDeviceMetricsOverride",
            ["width": .number(width), "height": .number(height), "deviceScaleFactor": .number(1), "mobile": .flag(false)])
    }

    func prefer(_ scheme: String) async throws {
        try await self.develop(
            "Emulation.setEmulatedMedia",
            ["features": .list([.object(["name": .text("prefers-color-scheme"), "value": .text(scheme)])])])
    }

    private func develop(_ command: String, _ parameters: [String: Parameter]) async throws {
        try await self.tell("goog/cdp/execute", DevelopersCommand(cmd: command, params: parameters))
    }

    // MARK: The protocol

    private struct Nothing: Codable {}

    private struct Begun: Decodable {
        let sessionId: String
    }

    private struct Script: Encodable {
        let script: String
        let args: [String]
    }

    private struct Action: Encodable {
        let type: String
        let value: String
    }

    private struct Actions: Encodable {
        struct Source: Encodable {
            let type: String
            let id: String
            let actions: [Action]
        }
        let actions: [Source]
    }

    private struct DevelopersCommand: Encodable, Sendable {
        let cmd: String
        let params: [String: Parameter]
    }

    private indirect enum Parameter: Encodable, Sendable {
        case number(Int)
        case flag(Bool)
        case text(String)
        case list([Parameter])
        case object([String: Parameter])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let value): try container.encode(value)
            case .flag(let value): try container.encode(value)
            case .text(let value): try container.encode(value)
            case .list(let value): try container.encode(value)
            case .object(let value): try container.encode(value)
            }
        }
    }

    private struct Capabilities: Encodable {
        struct Matched: Encodable {
            let browserName = "chrome"
            let options: Options
            let logging = ["browser": "ALL"]

            enum CodingKeys: String, CodingKey {
                case browserName
                case options = "goog:chromeOptions"
                case logging = "goog:loggingPrefs"
            }
        }

        struct Options: Encodable {
            let args: [String]
        }

        struct Whole: Encodable {
            let alwaysMatch: Matched
        }

        let capabilities: Whole

        init(arguments: [String]) {
            self.capabilities = Whole(alwaysMatch: Matched(options: Options(args: arguments)))
        }
    }

    private struct Wrapped<Value: Decodable>: Decodable {
        let value: Value
    }

    private struct Problem: Decodable {
        let error: String
        let message: String
    }

    private func find(_ path: String) async throws -> String {
        let isAsked = try await self.run("return document.querySelector('dialog[open]') !== null", as: Bool.self)
        let whole = isAsked ? "(//dialog[@open])[last()]\(path)" : path
        let found = try await self.ask("element", ["using": "xpath", "value": whole], [String: String].self)
        guard let id = found.values.first else { throw ServerError("\(path): an element without an id") }
        return id
    }

    private func tell(_ path: String, _ body: some Encodable & Sendable) async throws {
        _ = try await self.ask(path, body, Nothing?.self)
    }

    private func ask<Value: Decodable & Sendable>(
        _ path: String, _ body: some Encodable & Sendable, _ type: Value.Type
    ) async throws -> Value {
        try await Self.call("POST", "\(self.session)/\(path)", body, type)
    }

    private static func call<Value: Decodable & Sendable>(
        _ method: String, _ address: String, _ body: (some Encodable & Sendable)?, _ type: Value.Type,
        within limit: TimeAmount = .seconds(30)
    ) async throws -> Value {
        var request = HTTPClientRequest(url: address)
        request.method = .RAW(value: method)
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: limit)
        let data = Data(buffer: try await response.body.collect(upTo: 32 << 20))
        guard response.status == .ok else {
            let problem = try? JSONDecoder().decode(Wrapped<Problem>.self, from: data).value
            throw ServerError("\(address): \(problem.map { "\($0.error): \($0.message)" } ?? "\(response.status)")")
        }
        return try JSONDecoder().decode(Wrapped<Value>.self, from: data).value
    }
}
