import CZlib
import CardumeCore

/// Compresses a stream into one gzip member (RFC 1952), as `zcat` reads it. Not to be used after it has thrown.
final class GzipEncoder {
    // zlib keeps the address.
    private let stream: UnsafeMutablePointer<z_stream>

    init() throws(StoreError) {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        // 15 bits of window, and 16 for gzip's header and checksum.
        let status = deflateInit2_(
            self.stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw StoreError(.unavailable, "zlib cannot compress (\(status))") }
    }

    deinit {
        deflateEnd(self.stream)
        self.stream.deallocate()
    }

    /// - Returns: what there is of the compressed stream since the call before; often nothing.
    func add(_ bytes: [UInt8]) throws(StoreError) -> [UInt8] { try self.run(bytes, Z_NO_FLUSH) }

    /// The stream's end. Called once, last.
    func finish() throws(StoreError) -> [UInt8] { try self.run([], Z_FINISH) }

    private func run(_ bytes: [UInt8], _ flush: Int32) throws(StoreError) -> [UInt8] {
        let (output, status) = self.stream.feed(bytes) { stream in
            let status = deflate(stream, flush)
            return (status, stream.pointee.avail_out == 0)
        }
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            throw StoreError(.unavailable, "zlib cannot compress (\(status))")
        }
        return output
    }
}

/// Decompresses one gzip member; what comes after its end is ignored.
final class GzipDecoder {
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether a member has come to its end, and its checksum was right.
    private(set) var isAtEnd = false

    init() throws(StoreError) {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        let status = inflateInit2_(self.stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw StoreError(.unavailable, "zlib cannot decompress (\(status))") }
    }

    deinit {
        inflateEnd(self.stream)
        self.stream.deallocate()
    }

    func add(_ bytes: [UInt8]) throws(StoreError) -> [UInt8] {
        let (output, status) = self.stream.feed(bytes) { stream in
            let status = inflate(stream, Z_NO_FLUSH)
            return (status, status == Z_OK && (stream.pointee.avail_out == 0 || stream.pointee.avail_in > 0))
        }
        if status == Z_STREAM_END { self.isAtEnd = true }
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            throw StoreError(.corrupt, "the compressed data is damaged (\(status))")
        }
        return output
    }
}

extension UnsafeMutablePointer<z_stream> {
    private static var chunk: Int { 1 << 16 }

    /// Gives zlib `bytes` and takes what it makes of them, a chunk with each `step`, as long as `step` says that there is more.
    ///
    /// - Returns: what was made, and the last step's status.
    fileprivate func feed(
        _ bytes: [UInt8], _ step: (Self) -> (status: Int32, goesOn: Bool)
    ) -> (output: [UInt8], status: Int32) {
        var output: [UInt8] = []
        var input = bytes
        var last = (status: Z_OK, goesOn: true)
        input.withUnsafeMutableBufferPointer { input in
            self.pointee.next_in = input.baseAddress
            self.pointee.avail_in = UInt32(input.count)
            while last.goesOn {
                output += [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, count in
                    self.pointee.next_out = buffer.baseAddress
                    self.pointee.avail_out = UInt32(Self.chunk)
                    last = step(self)
                    count = Self.chunk - Int(self.pointee.avail_out)
                }
            }
        }
        return (output, last.status)
    }
}
