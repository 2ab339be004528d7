import Foundation

/// Programs that were built together with this one.
enum Program {
    static var this: URL { URL(filePath: Bundle.main.executablePath ?? CommandLine.arguments[0]).resolvingSymlinksInPath() }

    /// - Throws: a ``BenchFailure`` that says how to build it.
    static func path(_ name: String) throws -> String {
        let path = Self.this.deletingLastPathComponent().appending(path: name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw BenchFailure("\(path) is missing; run: swift build --configuration release --product \(name)")
        }
        return path
    }
}
