/// A certificate authority that vouches for one test server.
enum PrivateAuthority {
    /// Writes `ca.crt`, `server.crt` and `server.key` (PEM) into the host's folder. The certificate is good for 30
    /// days.
    ///
    /// - Parameter names: in the server's certificate, as OpenSSL takes them (`DNS:localhost,IP:127.0.0.1`).
    static func make(in host: ServerHost, names: String) async throws {
        let openssl = try Binary.find("openssl", package: "openssl")
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        let folder = host.folder
        _ = try await Command.run(
            [openssl, "req", "-x509", "-days", "30", "-subj", "/CN=Cardume test authority"] + key
                + ["-keyout", "ca.key", "-out", "ca.crt"], folder: folder)
        _ = try await Command.run(
            [openssl, "req", "-subj", "/CN=localhost", "-addext", "subjectAltName=\(names)"] + key
                + ["-keyout", "server.key", "-out", "server.csr"], folder: folder)
        _ = try await Command.run(
            [openssl, "x509", "-req", "-days", "30", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key"]
                + ["-CAcreateserial", "-copy_extensions", "copy", "-out", "server.crt"], folder: folder)
    }
}
