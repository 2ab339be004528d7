import Foundation

/// Finds the programs that the test servers run.
enum Binary {
    /// The path of `name`: from PATH, the usual folders, where Debian keeps PostgreSQL's programs (newest version first), or
    /// where `scripts/setup` puts what is not to be installed.
    ///
    /// - Parameter package: Debian's name of the package that brings it, for the error.
    static func find(_ name: String, package: String) throws(ServerError) -> String {
        let folders =
            self.path + ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"] + self.postgresFolders + [
                ".build/tools/usr/bin"
            ]
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
            return "\(folder)/\(name)"
        }
        throw ServerError("\(name) was not found; install Debian's package \(package), or put \(name) on PATH")
    }

    private static var path: [String] {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    }

    private static var postgresFolders: [String] {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(root)/\($0)/bin" }
    }
}
