import NIOCore
import NIOSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension RedisError {
    /// Wraps what a channel throws.
    ///
    /// - Parameter isSecure: whether there is no TLS handshake left that could have failed.
    init(connection error: any Error, to node: RedisNode, isSecure: Bool) {
        switch error {
        case NIOSSLError.handshakeFailed(.sslError([.eofDuringHandshake])), NIOSSLError.uncleanShutdown:
            self.init(.closed, "\(node) closed the connection")
        case let error where !isSecure && (error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError):
            self.init(.tls, "no TLS with \(node): \(Self.reason(ofTLS: error))")
        case let error as IOError:
            self.init(.closed, "the connection to \(node) broke: \(error.reason)")
        default:
            self.init(.closed, "the connection to \(node) broke: \(error)")
        }
    }

    /// BoringSSL's reason in words, or at least without its source lines.
    private static func reason(ofTLS error: any Error) -> String {
        if error as? NIOSSLExtraError == .failedToValidateHostname { return "its certificate is for another name" }
        let text = String(describing: error)
        guard let start = text.firstRange(of: "OPENSSL_internal:") else { return text }
        let reason = text[start.upperBound...].prefix { $0.isUppercase || $0.isNumber || $0 == "_" }
        switch reason {
        case "CERTIFICATE_VERIFY_FAILED": return "its certificate is not of an authority that is trusted here, or has expired"
        case "WRONG_VERSION_NUMBER": return "it does not speak TLS"
        default: return String(reason)
        }
    }
}

extension IOError {
    /// What the system says, without the name of the call.
    var reason: String { String(cString: strerror(self.errnoCode)) }
}
