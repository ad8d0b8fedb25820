package enum UserFileFormat: Sendable, Equatable, CaseIterable {
    /// RFC 4180 with a header; the separator is the one that fits the header.
    case csv
    /// One JSON object a line.
    case jsonLines

    /// By the end of a file's name; nil when that settles nothing and the first byte has to.
    package init?(fileName: String) {
        let name = fileName.lowercased()
        if [".csv", ".tsv", ".tab"].contains(where: name.hasSuffix) {
            self = .csv
        } else if [".jsonl", ".ndjson"].contains(where: name.hasSuffix) {
            self = .jsonLines
        } else {
            return nil
        }
    }
}
