import Foundation

/// Numbers in few characters.
enum Short {
    /// `987`, `45210`, `1.2M`.
    static func count(_ value: Double?) -> String {
        guard let value else { return "-" }
        switch abs(value) {
        case ..<100_000: return String(Int(value.rounded()))
        case ..<1_000_000: return "\(Int((value / 1_000).rounded()))k"
        case ..<1e9: return String(format: "%.1fM", value / 1_000_000)
        default: return String(format: "%.1fG", value / 1e9)
        }
    }

    static func count(_ value: Int?) -> String { Self.count(value.map(Double.init)) }

    /// `0`, `0.25`, `12.5`, `180`.
    static func rate(_ value: Double?) -> String {
        guard let value else { return "-" }
        switch abs(value) {
        case ..<0.005: return "0"
        case ..<10: return String(format: "%.2f", value)
        case ..<100: return String(format: "%.1f", value)
        default: return Self.count(value)
        }
    }

    /// `2.5ms`, `850ms`, `1.25s`, `12.3s`, `5m 3s`.
    static func seconds(_ value: Double?) -> String {
        guard let value else { return "-" }
        switch value {
        case ..<0.000_05: return "0"
        case ..<0.01: return String(format: "%.1fms", value * 1_000)
        case ..<0.999_5: return String(format: "%.0fms", value * 1_000)
        case ..<9.995: return String(format: "%.2fs", value)
        case ..<59.95: return String(format: "%.1fs", value)
        default: return Table.duration(value)
        }
    }

    /// `180M` for MiB.
    static func bytes(_ value: Double?) -> String {
        guard let value else { return "-" }
        let mebibytes = value / 1_048_576
        return mebibytes < 10_000 ? String(format: "%.0fM", mebibytes) : String(format: "%.1fG", mebibytes / 1_024)
    }

    static func percent(_ share: Double?) -> String { share.map { String(format: "%.0f%%", $0 * 100) } ?? "-" }
}
