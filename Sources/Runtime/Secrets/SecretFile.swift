import Foundation

/// A file that holds a secret and at most one line end.
enum SecretFile {
    /// - Throws: a ``ConfigurationProblem`` when it cannot be read or is empty.
    static func read(_ file: String, place: String, for path: [String]) throws(ConfigurationProblem) -> String {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw ConfigurationProblem(
                place: place, key: path.joined(separator: "."), message: "the secret's file \(file) cannot be read")
        }
        let secret = text.hasSuffix("\r\n") ? text.dropLast() : text.hasSuffix("\n") ? text.dropLast() : Substring(text)
        guard !secret.isEmpty else {
            throw ConfigurationProblem(
                place: place, key: path.joined(separator: "."), message: "the secret's file \(file) is empty")
        }
        return String(secret)
    }
}

extension ConfigurationValues {
    /// What the files of secrets hold now.
    ///
    /// - Returns: `nil` for the values when nothing has changed. A file that cannot be used changes nothing: it may be being
    ///   replaced.
    func rereadingSecrets() -> (values: ConfigurationValues?, changed: [[String]], problems: [ConfigurationProblem]) {
        var values = self
        var changed: [[String]] = []
        var problems: [ConfigurationProblem] = []
        for (path, effective) in self.effective {
            guard let file = effective.secretFile else { continue }
            do throws(ConfigurationProblem) {
                let text = try SecretFile.read(file, place: effective.place, for: path)
                guard text != effective.text else { continue }
                if let problem = effective.key.problem(with: text) {
                    throw ConfigurationProblem(place: effective.place, key: path.joined(separator: "."), message: problem)
                }
                values.effective[path]?.text = text
                changed.append(path)
            } catch {
                problems.append(error)
            }
        }
        return (changed.isEmpty ? nil : values, changed, problems)
    }
}
