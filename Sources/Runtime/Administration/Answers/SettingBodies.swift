import CardumeCore

/// A value as people write it into JSON: `"8"`, `8` or `true`.
package struct SettingText: Codable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(from decoder: any Decoder) throws {
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

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }
}

/// The body of `PUT /admin/settings/{path}`.
package struct SettingRequest: Codable, Sendable {
    package let value: SettingText
    /// A duration; for ever when missing.
    package let expires_in: String?
    package let reason: String?

    package init(value: String, lifetime: String?, reason: String?) {
        self.value = SettingText(value)
        self.expires_in = lifetime
        self.reason = reason
    }
}

/// The body of `POST /admin/settings/rollback`.
package struct RollbackRequest: Codable, Sendable {
    package let to: Int64
    package let reason: String?

    package init(to change: Int64, reason: String? = nil) {
        self.to = change
        self.reason = reason
    }
}

/// A setting in the admin API.
package struct SettingBody: Codable, Sendable {
    package let path: String
    /// Missing when there is none, and for secrets.
    package let value: String?
    /// `default`, `file`, `environment` or `override`; missing when there is no value.
    package let source: String?
    package let `default`: String?
    /// What it would be without the override.
    package let configured: String?
    package let allowed: String
    package let summary: String
    package let live: Bool
    package let secret: Bool
    package let `override`: OverrideBody?
    package let not_in_force: NotInForceBody?

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

package struct OverrideBody: Codable, Sendable {
    package let value: String
    package let by: String
    package let at: String
    package let expires_at: String?
    package let reason: String?

    init(_ override: SettingOverride) {
        self.value = override.value
        self.by = override.author.name
        self.at = override.at.text
        self.expires_at = override.expiresAt?.text
        self.reason = override.author.reason
    }
}

package struct NotInForceBody: Codable, Sendable {
    package let path: String
    package let problem: String
    package let `override`: OverrideBody

    init(_ refused: RefusedOverride) {
        self.path = refused.override.path
        self.problem = refused.problem
        self.override = OverrideBody(refused.override)
    }
}

package struct SettingListBody: Codable, Sendable {
    package let version: Int64?
    package let settings: [SettingBody]
    /// Set, and without effect: their keys are gone, or their values no longer allowed.
    package let not_in_force: [NotInForceBody]
}

/// A line of the journal.
package struct ChangeBody: Codable, Sendable {
    package let id: Int64
    package let at: String
    package let by: String
    package let action: String
    package let path: String
    package let old: String?
    package let new: String?
    package let expires_at: String?
    package let reason: String?
    /// `true` when `old` or `new` is only the beginning; missing when both are whole.
    package let shortened: Bool?

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

package struct ChangesBody: Codable, Sendable {
    package let changes: [ChangeBody]
}

/// What came of a change of one setting.
package struct SettingOutcomeBody: Codable, Sendable {
    /// `nil` when nothing had to change.
    package let change: ChangeBody?
    /// `nil` when the configuration no longer has it.
    package let setting: SettingBody?
}
