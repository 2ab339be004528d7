import Foundation

/// The sample webhooks under `Tests/Fixtures/wire`, with the outcome each must have.
public struct WireSamples: Decodable, Sendable {
    public struct Expected: Decodable, Sendable {
        public let conversation_id: String
        public let message_id: String
        public let type: String
        public let text: String?
        public let text_sha256: String?
        public let text_utf8_bytes: Int?
        public let timestamp: Int64?
    }

    public struct Status: Decodable, Sendable {
        public let message_id: String?
        public let instance: String?
        public let status: String?
        public let state: String?
    }

    public struct File: Decodable, Sendable, CustomStringConvertible {
        public let file: String
        public let source: String
        public let outcome: String
        public let accept_also: [String]?
        public let http_status_hint: Int
        public let expected: [Expected]
        public let expected_status: [Status]?
        public let x_hub_signature_256: String?
        public let after: [String]?

        public var description: String { self.file }

        public var body: [UInt8] { WireSamples.body(self.file) }
    }

    public struct SignatureCase: Decodable, Sendable {
        public let file: String
        public let header: String?
        public let status: Int
        public let accept_also: [Int]?
        public let note: String?
    }

    public struct VerificationCase: Decodable, Sendable {
        public let query: String
        public let verify_token: String
        public let status: Int
        public let accept_also: [Int]?
        public let body: String?
    }

    public let meta_app_secret: String
    public let files: [File]
    public let signature_cases: [SignatureCase]
    public let verification_cases: [VerificationCase]

    public static let all: WireSamples = {
        do {
            return try JSONDecoder().decode(WireSamples.self, from: Data(Self.body("index.json")))
        } catch {
            preconditionFailure("the sample index cannot be read: \(error)")
        }
    }()

    public static func body(_ file: String) -> [UInt8] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        guard let data = try? Data(contentsOf: folder.appending(path: "Fixtures/wire/\(file)")) else {
            preconditionFailure("the sample \(file) is missing")
        }
        return Array(data)
    }
}
