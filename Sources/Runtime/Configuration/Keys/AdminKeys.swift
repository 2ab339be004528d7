import CardumeCore

extension ConfigurationKey {
    private static let roles = AdminRole.allCases.map(\.rawValue)

    static let administration: [ConfigurationKey] = [
        .init(
            "admin.tokens.*.sha256", .text, isSecret: true,
            "A named bearer token of /admin: the SHA-256 of it, 64 hex digits (`printf %s TOKEN | sha256sum`)."),
        .init(
            "admin.tokens.*.token", .text, isSecret: true,
            "The token itself, instead of its `sha256`; best from a file (`token_file`)."),
        .init(
            "admin.tokens.*.role", .choice(Self.roles), default: AdminRole.viewer.rawValue,
            "What it may do: viewer looks; operator sets things going again; admin does everything."),
        .init(
            "admin.users.*.password_hash", .text, isSecret: true,
            "A person who logs in at /admin/login: what `cardume admin hash-password` prints."),
        .init("admin.users.*.role", .choice(Self.roles), default: AdminRole.viewer.rawValue, "What they may do."),
        .init(
            "admin.jwt_secret", .text, isSecret: true,
            "Signs what a login gives, the same on every process; 32 bytes or more. A single process can do without."),
        .init(
            "admin.session", .duration(.seconds(60)...hour * 24), default: "30m", isLive: true,
            "How long a login counts."),
        .init(
            "admin.login_attempts", .integer(1...1000), default: "5", isLive: true,
            "Wrong passwords of one user from one address within `login_window`; four times as many from one address, twenty times of one user."
        ),
        .init(
            "admin.login_window", .duration(second...hour * 24), default: "15m", isLive: true,
            "How long a wrong password counts."),
        .init(
            "admin.replay_rate", .number(0.01...10_000), default: "50", isLive: true,
            "Most dead letters that one replay puts back in a second, whoever asks for more."),
    ]
}
