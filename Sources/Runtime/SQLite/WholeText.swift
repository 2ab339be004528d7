import Foundation
import GRDB

/// A text that may hold NUL characters. Both SQLite's text binding and GRDB's reading stop at the first one, so such texts
/// are stored as blobs, and every text somebody wrote is read as bytes.
struct WholeText: DatabaseValueConvertible {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    init?(_ text: String?) {
        guard let text else { return nil }
        self.text = text
    }

    var databaseValue: DatabaseValue {
        self.text.utf8.contains(0) ? Data(self.text.utf8).databaseValue : self.text.databaseValue
    }

    static func fromDatabaseValue(_ value: DatabaseValue) -> WholeText? {
        Data.fromDatabaseValue(value).map { WholeText(String(decoding: $0, as: UTF8.self)) }
    }
}

extension WholeText: StatementColumnConvertible {
    init?(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(String(decoding: Data(sqliteStatement: sqliteStatement, index: index), as: UTF8.self))
    }
}
