package import Foundation

/// Programs that were built together with this one.
package enum Program {
    package static var this: URL {
        URL(filePath: Bundle.main.executablePath ?? CommandLine.arguments[0]).resolvingSymlinksInPath()
    }

    /// - Throws: a ``LoadFailure`` that says how to build it.
    package static func path(_ name: String) throws -> String {
        let path = Self.this.deletingLastPathComponent().appending(path: name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw LoadFailure("\(path) is missing; run: swift build --configuration release --product \(name)")
        }
        return path
    }
}
