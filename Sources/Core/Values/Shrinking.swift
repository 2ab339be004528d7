extension Dictionary {
    /// Gives memory back when most of it is unused: removing elements alone never does.
    package mutating func shrink() {
        if self.capacity > 64, self.count < self.capacity / 8 { self = Dictionary(uniqueKeysWithValues: Array(self)) }
    }
}
