import CPostgres
package import CardumeCore

/// The rows of one statement, in binary, where libpq put them: reading a column copies that column only.
package final class PostgresResult: Sendable, RandomAccessCollection {
    /// Nobody else has it.
    private nonisolated(unsafe) let result: OpaquePointer  // libpq never changes a result it has handed out

    package let startIndex = 0
    package let endIndex: Int

    /// Takes over `result` and frees it.
    init(_ result: OpaquePointer) {
        self.result = result
        self.endIndex = Int(PQntuples(result))
    }

    deinit {
        PQclear(self.result)
    }

    package subscript(row: Int) -> PostgresRow {
        precondition(self.indices.contains(row), "row \(row) of \(self.endIndex)")
        return PostgresRow(result: self, row: Int32(row))
    }

    /// Rows inserted, updated, deleted or selected.
    package var affectedRows: Int {
        PQcmdTuples(self.result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// `nil` for NULL.
    fileprivate func value(_ row: Int32, _ column: Int) -> UnsafeRawBufferPointer? {
        precondition((0..<Int(PQnfields(self.result))).contains(column), "no column \(column)")
        guard PQgetisnull(self.result, row, Int32(column)) == 0 else { return nil }
        let length = Int(PQgetlength(self.result, row, Int32(column)))
        return UnsafeRawBufferPointer(start: PQgetvalue(self.result, row, Int32(column)), count: length)
    }
}

/// One row. Columns count from 0; a column of another type than asked for is a programmer's error; `nil` is NULL.
package struct PostgresRow: Sendable {
    fileprivate let result: PostgresResult
    fileprivate let row: Int32

    /// `smallint`, `integer` or `bigint`.
    package func int(_ column: Int) -> Int64? {
        self.result.value(self.row, column).map { bytes in
            switch bytes.count {
            case 2: Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
            case 4: Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
            case 8: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
            default: preconditionFailure("column \(column) is no integer")
            }
        }
    }

    package func double(_ column: Int) -> Double? {
        self.result.value(self.row, column).map { bytes in
            precondition(bytes.count == 8, "column \(column) is no double precision")
            return Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
        }
    }

    package func bool(_ column: Int) -> Bool? {
        self.result.value(self.row, column).map { bytes in
            precondition(bytes.count == 1, "column \(column) is no boolean")
            return bytes[0] != 0
        }
    }

    /// `text`, or UTF-8 in a `bytea`.
    package func text(_ column: Int) -> String? {
        self.result.value(self.row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    package func bytes(_ column: Int) -> [UInt8]? {
        self.result.value(self.row, column).map { Array($0) }
    }

    /// `timestamptz`.
    package func time(_ column: Int) -> Timestamp? {
        self.int(column).map(PostgresEncoding.time(microseconds:))
    }

    /// `text[]` without NULLs.
    package func texts(_ column: Int) -> [String]? {
        self.result.value(self.row, column).map { bytes in
            guard bytes.loadUnaligned(as: Int32.self) != 0 else { return [] }
            let count = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self))
            var offset = 20
            return (0..<count).map { _ in
                let length = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
                defer { offset += 4 + length }
                return String(decoding: bytes[offset + 4..<offset + 4 + length], as: UTF8.self)
            }
        }
    }
}
