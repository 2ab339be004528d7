/// What senders of webhooks and callers of the API have to know.
public struct DoorSecrets: Hashable, Sendable {
    var api: String?
    var evolutionKey: String?
    var evolutionJWT: String?
    var meta: String?
    var metaVerifyToken: String?
}

/// Secrets that have been replaced and still count for a while, because not all senders change theirs at the same moment.
public struct RetiredDoorSecrets: Hashable, Sendable {
    public var secrets: DoorSecrets
    public var until: ContinuousClock.Instant
}

extension HTTPSettings {
    var secrets: DoorSecrets {
        DoorSecrets(
            api: self.api.secret, evolutionKey: self.evolution.secret?.key, evolutionJWT: self.evolution.secret?.jwtSecret,
            meta: self.meta.secret, metaVerifyToken: self.metaVerifyToken)
    }

    /// These settings, with which the secrets of those before still count for a while.
    public func succeeding(_ earlier: HTTPSettings, at now: ContinuousClock.Instant) -> HTTPSettings {
        var settings = self
        settings.retired = earlier.retired.filter { $0.until > now }
        if earlier.secrets != self.secrets, self.secretOverlap > .zero {
            settings.retired.append(RetiredDoorSecrets(secrets: earlier.secrets, until: now + self.secretOverlap))
        }
        return settings
    }
}
