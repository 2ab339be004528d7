import Foundation

enum TemporaryFolder {
    static func make(_ name: String) -> String {
        "\(FileManager.default.temporaryDirectory.path)/\(name)-\(UUID().uuidString)"
    }
}
