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
        settings.retired = earlier.retired
        if earlier.secrets != self.secrets {
            settings.retired.append(RetiredDoorSecrets(secrets: earlier.secrets, until: now + self.secretOverlap))
        }
        // A shorter time than before counts for all.
        for index in settings.retired.indices {
            settings.retired[index].until = min(settings.retired[index].until, now + self.secretOverlap)
        }
        settings.retired.removeAll { $0.until <= now }
        return settings
    }
}
