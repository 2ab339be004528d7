import CPostgres
package import CardumeCore

/// The rows of one statement, in binary.
package final class PostgresResult: Sendable, RandomAccessCollection {
    /// All values, one behind the other, row by row.
    private let bytes: [UInt8]
    /// Where each of them lies in ``bytes``; `nil` for NULL.
    private let cells: [Range<Int>?]
    private let columnCount: Int

    package let startIndex = 0
    package let endIndex: Int
    /// Rows inserted, updated, deleted or selected.
    package let affectedRows: Int

    /// Copies what libpq read, and frees `result`: rows may then go to any thread, and outlive the connection.
    package init(_ result: OpaquePointer) {
        defer { PQclear(result) }
        let (rows, columns) = (PQntuples(result), PQnfields(result))
        var bytes: [UInt8] = []
        var cells: [Range<Int>?] = []
        cells.reserveCapacity(Int(rows) * Int(columns))
        for row in 0..<rows {
            for column in 0..<columns {
                guard PQgetisnull(result, row, column) == 0 else {
                    cells.append(nil)
                    continue
                }
                let start = bytes.count
                bytes.append(
                    contentsOf: UnsafeRawBufferPointer(
                        start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column))))
                cells.append(start..<bytes.count)
            }
        }
        self.bytes = bytes
        self.cells = cells
        self.columnCount = Int(columns)
        self.endIndex = Int(rows)
        self.affectedRows = PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    package subscript(row: Int) -> PostgresRow {
        precondition(self.indices.contains(row), "row \(row) of \(self.endIndex)")
        return PostgresRow(result: self, row: row)
    }

    /// Lends a value's bytes to `read`; `nil` for NULL.
    fileprivate func value<Value>(_ row: Int, _ column: Int, _ read: (UnsafeRawBufferPointer) -> Value) -> Value? {
        precondition((0..<self.columnCount).contains(column), "no column \(column)")
        guard let range = self.cells[row * self.columnCount + column] else { return nil }
        return self.bytes.withUnsafeBytes { read(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}

/// One row. Columns count from 0; a column of another type than asked for is a programmer's error; `nil` is NULL.
package struct PostgresRow: Sendable {
    fileprivate let result: PostgresResult
    fileprivate let row: Int

    /// `smallint`, `integer` or `bigint`.
    package func int(_ column: Int) -> Int64? {
        self.result.value(self.row, column) { bytes in
            switch bytes.count {
            case 2: Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
            case 4: Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
            case 8: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
            default: preconditionFailure("column \(column) is no integer")
            }
        }
    }

    package func double(_ column: Int) -> Double? {
        self.result.value(self.row, column) { bytes in
            precondition(bytes.count == 8, "column \(column) is no double precision")
            return Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
        }
    }

    package func bool(_ column: Int) -> Bool? {
        self.result.value(self.row, column) { bytes in
            precondition(bytes.count == 1, "column \(column) is no boolean")
            return bytes[0] != 0
        }
    }

    /// `text`, or UTF-8 in a `bytea`.
    package func text(_ column: Int) -> String? {
        self.result.value(self.row, column) { String(decoding: $0, as: UTF8.self) }
    }

    package func bytes(_ column: Int) -> [UInt8]? {
        self.result.value(self.row, column) { Array($0) }
    }

    /// `timestamptz`.
    package func time(_ column: Int) -> Timestamp? {
        self.int(column).map(PostgresEncoding.time(microseconds:))
    }

    /// `text[]` without NULLs; `nil` also for bytes that are none.
    package func texts(_ column: Int) -> [String]? {
        self.result.value(self.row, column, PostgresEncoding.texts) ?? nil
    }
}
