/// Which server a conversation belongs to: the same answer for all who know the same servers, each server's share in
/// proportion to its weight. When one goes, its conversations alone move; when it comes back, they do.
///
/// Every server's score is `-weight / ln(h)`, where `h` in (0, 1) is made of 64 well-mixed bits of the conversation's and the
/// server's name; the highest wins. `-ln(h) / weight` is an exponentially distributed time with rate `weight`, and among such
/// times server *i*'s is the shortest with probability `weight_i / Σ weight` (Schindelhauer and Schomaker, "Weighted
/// Distributed Hash Tables", SPAA 2005, the logarithmic method; Resch, "New Hashing Algorithms for Data Storage", SNIA Storage
/// Developer Conference 2015).
public enum WeightedRendezvous {
    /// From 0. The server with the highest comes first.
    ///
    /// - Parameters:
    ///   - server: empty for the one server without a name.
    ///   - weight: from 1.
    public static func score(of server: String, weight: Int, for conversation: Conversation.ID) -> Double {
        let hash = StableHash.mixed(server.utf8, conversation.rawValue.utf8)
        // The middle of one of 2⁵³ equal parts of (0, 1): never 0, never 1.
        let share = (Double(hash >> 11) + 0.5) * 0x1p-53
        return Double(weight) / -Self.logarithm(share)
    }

    /// Natural logarithm: `ln(m · 2ᵉ) = e · ln 2 + 2 · artanh((m − 1) / (m + 1))`, exact to a few units in the last place. It
    /// gives the same bits everywhere, which mathematical libraries do not promise.
    static func logarithm(_ value: Double) -> Double {
        var (mantissa, exponent) = (value.significand, Double(value.exponent))
        if mantissa > 1.414_213_562_373_095_1 { (mantissa, exponent) = (mantissa / 2, exponent + 1) }
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        let series = stride(from: 23.0, through: 1, by: -2).reduce(0) { $0 * square + 1 / $1 }
        return exponent * 0.693_147_180_559_945_3 + 2 * ratio * series
    }
}
