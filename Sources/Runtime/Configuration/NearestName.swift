/// Finds what somebody meant to write.
enum NearestName {
    /// The candidate with the fewest edits, if they are few enough to be a slip.
    static func of(_ name: String, among candidates: [String]) -> String? {
        let best = candidates.map { ($0, self.distance(name, $0)) }.min { $0.1 < $1.1 }
        guard let best, best.1 <= max(2, name.count / 3) else { return nil }
        return best.0
    }

    /// The candidates with few enough edits to be a slip, nearest first.
    static func all(near name: String, among candidates: [String], limit: Int) -> [String] {
        let near = candidates.map { (name: $0, distance: self.distance(name, $0)) }
            .filter { $0.distance <= max(2, name.count / 3) }
        return near.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(limit).map(\.name)
    }

    /// Levenshtein distance.
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let substitution = diagonal + (character == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substitution, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
