import CardumeRuntime
import CardumeTesting
import Foundation
import Testing

/// A file that several processes share, of which each has only the secrets that it needs.
@Suite struct ConfigurationUseTests {
    private static let yaml = """
        redis: { url: "redis://r" }
        database: { url: "postgres://p/d" }
        models: { small: { base_url: "http://m/v1" } }
        admin: { users: { ana: { role: viewer, password_hash: "HASH" } } }
        assistants: { suporte: { tiers: { small: small } } }
        channels: { loja: { kind: evolution, base_url: "http://e" } }
        """

    private static func load(_ use: ConfigurationUse, _ yaml: String = Self.yaml) throws -> CardumeConfiguration {
        let folder = TemporaryFolder()
        let path = folder.path + "/cardume.yaml"
        let hash = try PasswordHash(of: "uma senha bem longa").text
        try yaml.replacing("HASH", with: hash).write(toFile: path, atomically: true, encoding: .utf8)
        return try CardumeConfiguration.load(path: path, environment: [:], for: use)
    }

    private static func problems(_ use: ConfigurationUse, _ yaml: String = Self.yaml) -> [String] {
        do {
            _ = try Self.load(use, yaml)
            return []
        } catch let error as ConfigurationProblems {
            return error.problems.map(\.key).sorted()
        } catch {
            return ["\(error)"]
        }
    }

    @Test func whoDoesEverythingNeedsEverySecret() {
        #expect(
            Self.problems(.everything) == ["admin.jwt_secret", "assistants.suporte.tiers.small", "channels.loja.key"])
    }

    @Test func whoOnlyTellsNeedsNone() {
        #expect(Self.problems([]) == [])
    }

    @Test func aGatewayNeedsWhatLoginsNeed() {
        #expect(Self.problems(.logins) == ["admin.jwt_secret"])
    }

    @Test func whatIsNoSecretIsNeededByAll() {
        let yaml = Self.yaml.replacing(", base_url: \"http://e\"", with: "")
        #expect(Self.problems([], yaml) == ["channels.loja.base_url"])
    }

    @Test func overridesAskForNoMore() throws {
        let configuration = try Self.load([])
        #expect(configuration.overridden(by: []).refused.isEmpty)
    }
}
