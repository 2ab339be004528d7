import Foundation

/// The embedded deployment's file.
package struct DataFileSource: MetricSource {
    private let path: String

    package init(folder: String) { self.path = folder + "/" + SQLiteStore.fileName }

    package func samples() async -> [MetricSample] {
        let sizes = [self.path, self.path + "-wal"].compactMap { path in
            (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.doubleValue
        }
        return sizes.isEmpty ? [] : [MetricSample("cardume_data_file_bytes", sizes.reduce(0, +))]
    }
}
