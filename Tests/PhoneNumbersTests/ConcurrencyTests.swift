import Foundation
import PhoneNumbers
import Synchronization
import Testing

@Suite struct ConcurrencyTests {
    @Test func `the first checks of a process may come from many threads at once`() async {
        // Only a fresh process has a library that nobody has loaded yet.
        await #expect(processExitsWith: .success) {
            let numbers = LineTypeTests.numbers
            let right = Atomic(0)
            Threads.run(32) { thread in
                let expected = numbers[thread % numbers.count]
                let number = try? PhoneNumber(e164Input: expected.e164)
                if number?.region == expected.region, number?.lineType == expected.lineType {
                    right.add(1, ordering: .relaxed)
                }
            }
            #expect(right.load(ordering: .relaxed) == 32)
        }
    }

    @Test func `many threads get the answers one thread gets`() {
        let examples = Library.examples
        let alone = examples.map { (try? PhoneNumber(e164Input: $0)).map(Library.Answer.init) }
        let differences = Atomic(0)
        Threads.run(16) { thread in
            // Every thread begins elsewhere, so that they meet in the library's cache of patterns.
            for offset in examples.indices {
                let index = (offset + thread * 97) % examples.count
                let number = (try? PhoneNumber(e164Input: examples[index])).map(Library.Answer.init)
                if number != alone[index] { differences.add(1, ordering: .relaxed) }
            }
        }
        #expect(differences.load(ordering: .relaxed) == 0)
    }
}

enum Threads {
    /// Real threads, more than there are processors: the cooperative pool would never have so many.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let start = DispatchSemaphore(value: 0)
        let done = DispatchGroup()
        for index in 0..<count {
            done.enter()
            Thread {
                start.wait()
                body(index)
                done.leave()
            }.start()
        }
        for _ in 0..<count { start.signal() }
        done.wait()
    }
}
