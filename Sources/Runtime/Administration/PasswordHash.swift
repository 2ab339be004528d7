import Crypto
import CryptoExtras
import Foundation

/// A password as it is kept: scrypt, written as `$scrypt$ln=15,r=8,p=1$<salt>$<hash>` (PHC string format, base64 without padding).
public struct PasswordHash: Sendable {
    /// 32 MiB and some 100 ms for each try.
    private static let standard = (logRounds: 15, blockSize: 8, parallelism: 1)
    private static let hashLength = 32

    private let logRounds: Int
    private let blockSize: Int
    private let parallelism: Int
    private let salt: [UInt8]
    private let hash: [UInt8]

    /// `nil` for what is not written as above, or would take more than 256 MiB.
    public init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt" else { return nil }
        let costs = parts[2].split(separator: ",").map { $0.split(separator: "=", maxSplits: 1) }
        guard costs.count == 3, costs.map({ $0.first }) == ["ln", "r", "p"] else { return nil }
        let numbers = costs.map { Int($0.last ?? "") ?? 0 }
        guard (10...20).contains(numbers[0]), (1...32).contains(numbers[1]), (1...16).contains(numbers[2]),
            numbers[1] << (numbers[0] + 7) <= 256 << 20,
            let salt = Self.bytes(parts[3]), let hash = Self.bytes(parts[4]), salt.count >= 8, hash.count == Self.hashLength
        else { return nil }
        (self.logRounds, self.blockSize, self.parallelism) = (numbers[0], numbers[1], numbers[2])
        (self.salt, self.hash) = (salt, hash)
    }

    /// Hashes a new password. Takes some 100 ms.
    public init(of password: String) throws {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        (self.logRounds, self.blockSize, self.parallelism) = Self.standard
        self.salt = salt
        self.hash = try Self.derive(password, salt, Self.standard)
    }

    public var text: String {
        "$scrypt$ln=\(self.logRounds),r=\(self.blockSize),p=\(self.parallelism)$\(Self.text(self.salt))$\(Self.text(self.hash))"
    }

    /// Whether `password` is the one. Takes as long for a wrong one. Blocks its thread meanwhile.
    func accepts(_ password: String) -> Bool {
        let costs = (self.logRounds, self.blockSize, self.parallelism)
        guard let given = try? Self.derive(password, self.salt, costs) else { return false }
        // Digests are compared in constant time.
        return SHA256.hash(data: given) == SHA256.hash(data: self.hash)
    }

    private static func derive(
        _ password: String, _ salt: [UInt8], _ costs: (logRounds: Int, blockSize: Int, parallelism: Int)
    ) throws -> [UInt8] {
        try KDF.Scrypt.deriveKey(
            from: Data(password.utf8), salt: salt, outputByteCount: Self.hashLength, rounds: 1 << costs.logRounds,
            blockSize: costs.blockSize, parallelism: costs.parallelism
        ).withUnsafeBytes { Array($0) }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("=", with: "")
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text + padding).map(Array.init)
    }
}
