import CHiredis

/// Reads replies from bytes as they come, with hiredis' reader (RESP2).
///
/// Used on one thread at a time.
package final class RedisReplyReader {
    /// hiredis moves what it has not read yet to the front after each reply; small portions keep that cheap.
    private static let portion = 16 * 1024
    /// What the reader keeps while it has nothing to read. By default it would give up its buffer all the time.
    private static let kept = 1 << 20

    private let reader: UnsafeMutablePointer<redisReader>
    /// The reader's callbacks find it through a pointer.
    private let builder: UnsafeMutablePointer<RedisTapeBuilder>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private var failure: RedisError?

    package init() {
        self.functions = .allocate(capacity: 1)
        self.functions.initialize(to: Self.callbacks)
        self.builder = .allocate(capacity: 1)
        self.builder.initialize(to: RedisTapeBuilder())
        guard let reader = redisReaderCreateWithFunctions(self.functions) else { preconditionFailure("out of memory") }
        self.reader = reader
        reader.pointee.privdata = UnsafeMutableRawPointer(self.builder)
        reader.pointee.maxbuf = Self.kept
    }

    deinit {
        redisReaderFree(self.reader)
        self.builder.deinitialize(count: 1)
        self.builder.deallocate()
        self.functions.deallocate()
    }

    /// Reads `bytes` and hands over every reply that is whole now. After an error it stays with that error.
    package func read(
        _ bytes: UnsafeRawBufferPointer, _ take: (Result<RedisReply, RedisError>) -> Void
    ) throws(RedisError) {
        if let failure = self.failure { throw failure }
        var rest = bytes[...]
        while !rest.isEmpty {
            let portion = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.portion))
            rest = rest.dropFirst(Self.portion)
            redisReaderFeed(self.reader, portion.baseAddress, portion.count)
            while true {
                var reply: UnsafeMutableRawPointer?
                guard redisReaderGetReply(self.reader, &reply) == REDIS_OK else { throw self.fail() }
                if reply == nil { break }
                take(self.builder.pointee.finish().result)
            }
        }
    }

    private func fail() -> RedisError {
        let text = withUnsafeBytes(of: self.reader.pointee.errstr) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let failure = RedisError(.protocolViolation, "the answer is not Redis' (\(text))")
        self.failure = failure
        return failure
    }

    /// What every callback returns for an object, which nobody looks at: the values are on the tape. Not 0, which is a failure.
    private static var onTape: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    private static var callbacks: redisReplyObjectFunctions {
        redisReplyObjectFunctions(
            createString: { task, text, length in
                guard let task else { return nil }
                let kind: RedisToken.Kind =
                    switch task.pointee.type {
                    case REDIS_REPLY_STATUS: .status
                    case REDIS_REPLY_ERROR: .error
                    default: .string
                    }
                let text = UnsafeRawBufferPointer(start: text, count: length)
                return RedisReplyReader.builder(task).pointee.add(kind, text) ? RedisReplyReader.onTape : nil
            },
            createArray: { task, count in
                guard let task else { return nil }
                RedisReplyReader.builder(task).pointee.addArray(count: Int(count))
                return RedisReplyReader.onTape
            },
            createInteger: { task, value in
                guard let task else { return nil }
                RedisReplyReader.builder(task).pointee.add(integer: value)
                return RedisReplyReader.onTape
            },
            createNil: { task in
                guard let task else { return nil }
                RedisReplyReader.builder(task).pointee.addNull()
                return RedisReplyReader.onTape
            },
            freeObject: { _ in })
    }

    private static func builder(_ task: UnsafePointer<redisReadTask>) -> UnsafeMutablePointer<RedisTapeBuilder> {
        task.pointee.privdata.assumingMemoryBound(to: RedisTapeBuilder.self)
    }
}

extension RedisReply {
    /// An error reply as the error that is thrown.
    fileprivate var result: Result<RedisReply, RedisError> {
        if let error = self.root.error { .failure(error) } else { .success(self) }
    }
}
