import CardumeCore
import Foundation

/// A value as people write it into JSON: `"8"`, `8` or `true`.
struct SettingText: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self.text = text
        } else if let flag = try? container.decode(Bool.self) {
            self.text = String(flag)
        } else if let integer = try? container.decode(Int.self) {
            self.text = String(integer)
        } else {
            self.text = String(try container.decode(Double.self))
        }
    }
}

/// A setting in the admin API.
struct SettingBody: Encodable {
    let path: String
    /// Missing when there is none, and for secrets.
    let value: String?
    /// `default`, `file`, `environment` or `override`; missing when there is no value.
    let source: String?
    let `default`: String?
    /// What it would be without the override.
    let configured: String?
    let allowed: String
    let summary: String
    let live: Bool
    let secret: Bool
    let `override`: OverrideBody?
    let not_in_force: NotInForceBody?

    init(_ state: SettingState) {
        self.path = state.path.joined(separator: ".")
        self.value = state.key.isSecret ? nil : state.value?.text
        self.source = state.value?.source.rawValue
        self.default = state.key.defaultValue
        self.configured = state.key.isSecret ? nil : state.base?.text
        self.allowed = state.key.allowed
        self.summary = state.key.summary
        self.live = state.key.isLive
        self.secret = state.key.isSecret
        self.override = state.value?.override.map(OverrideBody.init)
        self.not_in_force = state.refused.map(NotInForceBody.init)
    }
}

struct OverrideBody: Encodable {
    let value: String
    let by: String
    let at: String
    let expires_at: String?
    let reason: String?

    init(_ override: SettingOverride) {
        self.value = override.value
        self.by = override.author.name
        self.at = override.at.text
        self.expires_at = override.expiresAt?.text
        self.reason = override.author.reason
    }
}

struct NotInForceBody: Encodable {
    let path: String
    let problem: String
    let `override`: OverrideBody

    init(_ refused: RefusedOverride) {
        self.path = refused.override.path
        self.problem = refused.problem
        self.override = OverrideBody(refused.override)
    }
}

/// A line of the journal.
struct ChangeBody: Encodable {
    let id: Int64
    let at: String
    let by: String
    let action: String
    let path: String
    let old: String?
    let new: String?
    let expires_at: String?
    let reason: String?
    /// `true` when `old` or `new` is only the beginning; missing when both are whole.
    let shortened: Bool?

    /// As one of many, with long values shortened: `GET /admin/settings/history/{id}` has the whole.
    init(listed change: SettingChange) {
        func preview(_ value: String?) -> String? {
            guard let scalars = value?.unicodeScalars, scalars.count > SettingChange.previewLength else { return value }
            return String(String.UnicodeScalarView(scalars.prefix(SettingChange.previewLength))) + "…"
        }
        var shown = change
        (shown.old, shown.new) = (preview(change.old), preview(change.new))
        self.init(shown, shortened: shown.old != change.old || shown.new != change.new ? true : nil)
    }

    init(_ change: SettingChange, shortened: Bool? = nil) {
        self.shortened = shortened
        self.id = change.id
        self.at = change.at.text
        self.by = change.author.name
        self.action = change.action.rawValue
        self.path = change.path
        self.old = change.old
        self.new = change.new
        self.expires_at = change.expiresAt?.text
        self.reason = change.author.reason
    }
}

extension Timestamp {
    /// ISO 8601, UTC.
    var text: String {
        Date(timeIntervalSince1970: Double(self.milliseconds) / 1_000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
