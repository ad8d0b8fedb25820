import DeveloperLog
import SQLiteDriver
import Storage
import Time

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What sharing commits is worth: durable acts a second on a disk whose every commit takes five milliseconds,
/// by one writer after another and by 64 at once, and the same on the disk as it is.
@main
enum StorageBenchmark {
    static func main() async throws {
        let folder = CommandLine.arguments.dropFirst().first ?? "var/bench"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        print("| commit delay | writers | durable acts/s |\n|---|---|---|")
        for (delay, writers) in [(5, 1), (5, 64), (0, 1), (0, 64)] {
            var rates: [Double] = []
            for run in 0..<3 {
                let path = "\(folder)/storage-\(delay)-\(writers)-\(run).sqlite"
                rates.append(try await measure(path: path, delay: delay, writers: writers))
                for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            }
            print("| \(delay) ms | \(writers) | \(Int(rates.sorted()[1])) |")
        }
    }

    private static func measure(path: String, delay: Int, writers: Int) async throws -> Double {
        let store = SQLStore(engine: try SQLiteDatabase(path: path, commitDelayMilliseconds: delay))
        try await store.migrate(at: WallClock.system.now())
        let clock = ContinuousClock()
        let end = clock.now + .seconds(3)
        let acts = try await withThrowingTaskGroup(of: Int.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    var acts = 0
                    while clock.now < end {
                        try await store.record(event(writer: writer, act: acts))
                        acts += 1
                    }
                    return acts
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(acts) / 3
    }

    private static func event(writer: Int, act: Int) -> SecurityEvent {
        SecurityEvent(
            .guessWrong, at: WallClock.system.now(),
            origin: RequestOrigin(requestID: "\(writer)-\(act)", address: "192.0.2.1"), clientID: "benchmark",
            phone: "+8190****5678", rule: "guessesPerOperation", reason: "wrong code")
    }
}
