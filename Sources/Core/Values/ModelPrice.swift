/// What a model costs, in millionths of some currency for a million tokens.
public struct ModelPrice: Hashable, Sendable {
    public var input: Int64
    public var output: Int64

    /// - Parameters:
    ///   - input: for a million tokens that the model reads.
    ///   - output: for a million tokens that it writes.
    public init(input: Int64, output: Int64) {
        self.input = max(0, input)
        self.output = max(0, output)
    }

    /// Rounded to the nearest millionth. Absurd counts cost the most there is.
    public func cost(prompt: Int, completion: Int) -> Int64 {
        let (read, isTooMuchRead) = self.input.multipliedReportingOverflow(by: Int64(max(0, prompt)))
        let (written, isTooMuchWritten) = self.output.multipliedReportingOverflow(by: Int64(max(0, completion)))
        let (sum, isTooMuch) = read.addingReportingOverflow(written)
        guard !isTooMuchRead, !isTooMuchWritten, !isTooMuch else { return .max / 1_000_000 }
        return sum / 1_000_000 + (sum % 1_000_000 >= 500_000 ? 1 : 0)
    }
}
