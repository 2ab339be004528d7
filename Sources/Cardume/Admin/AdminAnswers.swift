import CardumeRuntime
import Foundation

extension SettingBody {
    /// On one line of a table.
    var shownValue: String { self.secret ? "********" : self.value.map(Table.oneLine) ?? "(none)" }

    /// Where the value comes from, in a few words.
    var origin: String {
        guard let override = self.override else { return self.source ?? "" }
        return "set by \(override.by)" + (override.expires_at.map { " until \(Table.time($0))" } ?? "")
    }

    /// The whole of it: values are not cut.
    var description: String {
        func whole(_ value: String?) -> String { value.map { $0.isEmpty ? "(empty)" : $0 } ?? "(none)" }
        var lines = [
            "\(self.path) = \(self.secret ? "********" : whole(self.value))  (\(self.source ?? "no value"))",
            "  \(self.summary)", "  allowed: \(self.allowed)", "  default: \(whole(self.default))",
        ]
        if let override = self.override {
            lines.append("  set by \(override.by), \(Table.time(override.at))" + (override.reason.map { ": \($0)" } ?? ""))
            lines.append("  without it: \(whole(self.configured))")
            if let end = override.expires_at { lines.append("  until \(Table.time(end))") }
        }
        if let refused = self.not_in_force {
            lines.append("  set to \(refused.override.value), NOT IN FORCE: \(refused.problem)")
        }
        if !self.live { lines.append("  a change needs a restart") }
        return lines.joined(separator: "\n")
    }
}

extension SettingListBody {
    /// A table; long values are cut.
    ///
    /// - Parameter all: those at their default, too.
    func text(all: Bool) -> String {
        let shown = self.settings.filter { all || $0.source != "default" && $0.source != nil }
        var lines = [
            Table.text(
                ["SETTING", "VALUE", "FROM", "ALLOWED"], shown.map { [$0.path, $0.shownValue, $0.origin, $0.allowed] })
        ]
        lines += self.not_in_force.map { refused in
            "NOT IN FORCE: \(refused.path) = \(Table.oneLine(refused.override.value)): \(refused.problem)"
        }
        let others = self.settings.count - shown.count
        if others > 0 { lines.append("\(others) more are at their default; --all shows them") }
        return lines.joined(separator: "\n")
    }
}

extension ChangeBody {
    /// The whole of it.
    var description: String {
        var lines = ["change \(self.id): \(self.action) \(self.path) by \(self.by), \(Table.time(self.at))"]
        if let reason = self.reason { lines.append("reason: \(reason)") }
        if let end = self.expires_at { lines.append("until \(Table.time(end))") }
        for (name, value) in [("old", self.old), ("new", self.new)] {
            if let value { lines.append("\(name): \(value)") }
        }
        return lines.joined(separator: "\n")
    }
}

extension ChangesBody {
    var table: String {
        let rows = self.changes.map { change in
            [
                String(change.id), Table.time(change.at), change.by, change.action, change.path,
                change.old.map(Table.oneLine) ?? "-", change.new.map(Table.oneLine) ?? "-",
                change.expires_at.map(Table.time) ?? "", change.reason ?? "",
            ]
        }
        return Table.text(["ID", "AT", "WHO", "WHAT", "SETTING", "OLD", "NEW", "UNTIL", "REASON"], rows)
    }
}

extension SettingOutcomeBody {
    /// What has happened, in one line.
    var description: String {
        guard let change = self.change else { return "nothing to do: \(self.setting?.path ?? "it") was not set" }
        let now = self.setting.map { "; \($0.path) = \($0.shownValue) (\($0.origin))" } ?? ""
        var text = "change \(change.id)\(now)"
        if let refused = self.setting?.not_in_force { text += "\nNOT IN FORCE: \(refused.problem)" }
        return text
    }
}

enum Table {
    /// Columns as wide as their widest cell, without white space at the ends of lines.
    static func text(_ header: [String], _ rows: [[String]]) -> String {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        return ([header] + rows).map { row in
            let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
            return String(line.reversed().drop(while: \.isWhitespace).reversed())
        }.joined(separator: "\n")
    }

    /// At most 60 characters on one line.
    static func oneLine(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.isEmpty ? "(empty)" : line.count > 60 ? line.prefix(59) + "…" : line
    }

    /// `2026-11-21 09:38:01`, UTC.
    static func time(_ text: String) -> String {
        String(text.prefix(19)).replacing("T", with: " ")
    }
}
