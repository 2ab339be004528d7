import Foundation
import TestSupport

@testable import CardumeTesting

/// Prometheus' own checker.
enum Promtool {
    /// - Throws: what it finds wrong with a page; or that there is no promtool (`make setup-servers` fetches it).
    static func check(_ page: String) async throws {
        let binary = URL(filePath: try Binary.find("promtool", package: "prometheus")).absoluteURL.path
        let folder = TemporaryFolder()
        let path = folder.path + "/page.txt"
        try Data(page.utf8).write(to: URL(filePath: path))
        _ = try await Command.run(["/bin/sh", "-c", "exec '\(binary)' check metrics < '\(path)'"])
    }
}
