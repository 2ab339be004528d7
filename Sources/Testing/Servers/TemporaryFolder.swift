import Foundation

/// A folder that is removed at the end.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() {
        self.path = FileManager.default.temporaryDirectory.appending(path: "cardume-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }
}
