/// The body of `POST /admin/login`. Members of bodies are named as in JSON.
package struct LoginRequest: Codable, Sendable {
    package let user: String
    package let password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }
}

/// The answer to it.
package struct LoginBody: Codable, Sendable {
    package let token: String
    package let name: String
    package let role: String
    package let expires_at: String
}

/// Who the caller is.
package struct SessionBody: Codable, Sendable {
    package let name: String
    package let role: String
    /// Missing for tokens.
    package let expires_at: String?
}

/// Why a request was not answered as it was meant, from any door: `{"error":{"code":…,"message":…}}`.
package struct ErrorBody: Codable, Sendable {
    package struct Detail: Codable, Sendable {
        package let code: String
        package let message: String
    }

    package let error: Detail

    init(code: String, message: String) { self.error = Detail(code: code, message: message) }
}
