/// What a worker has taken ahead of a budget, in blocks, and what it will give back. Nothing is lost or invented between them:
/// what is not used within its time goes back to where it was charged.
struct BudgetBlocks: Sendable {
    private struct Block {
        var calls: Int
        var tokens: Int
        let stamp: Int64
        let until: Duration
    }

    private var blocks: [Block] = []
    /// To be given back, by stamp; below zero where more was used than reserved.
    private var returns: [Int64: BudgetAmount] = [:]

    var isEmpty: Bool { self.blocks.isEmpty && self.returns.isEmpty }
    var calls: Int { self.blocks.reduce(0) { $0 + $1.calls } }

    mutating func add(_ lease: BudgetLease, until: Duration) {
        guard lease.calls > 0 else { return }
        self.blocks.append(Block(calls: lease.calls, tokens: lease.tokens, stamp: lease.stamp, until: until))
    }

    /// Takes one call from the first block that has the tokens for it, whole: what several blocks have left together is charged
    /// to different times.
    ///
    /// - Returns: the block's stamp.
    mutating func take(_ tokens: Int) -> Int64? {
        guard let index = self.blocks.firstIndex(where: { $0.calls > 0 && $0.tokens >= tokens }) else { return nil }
        self.blocks[index].calls -= 1
        self.blocks[index].tokens -= tokens
        let block = self.blocks[index]
        if block.calls == 0 {
            self.giveBack(BudgetAmount(tokens: block.tokens), to: block.stamp)
            self.blocks.remove(at: index)
        }
        return block.stamp
    }

    mutating func giveBack(_ amount: BudgetAmount, to stamp: Int64) {
        let sum = self.returns[stamp, default: .zero] + amount
        self.returns[stamp] = sum == .zero ? nil : sum
    }

    /// Gives back what was not used in time.
    mutating func expire(at now: Duration) {
        for block in self.blocks where block.until <= now {
            self.giveBack(BudgetAmount(requests: block.calls, tokens: block.tokens), to: block.stamp)
        }
        self.blocks.removeAll { $0.until <= now }
    }

    /// What is to be given back, once.
    mutating func takeReturns() -> [Int64: BudgetAmount] {
        defer { self.returns = [:] }
        return self.returns
    }
}
