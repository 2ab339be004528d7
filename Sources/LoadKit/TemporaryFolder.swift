import Foundation

package enum TemporaryFolder {
    package static func make(_ name: String) -> String {
        "\(FileManager.default.temporaryDirectory.path)/\(name)-\(UUID().uuidString)"
    }
}
