import NIOCore
import NIOPosix
import Synchronization

/// A server on 127.0.0.1 that answers every connection with the same bytes, right or wrong, until it is told otherwise.
final class ScriptedServer: Sendable {
    struct Script: Sendable {
        /// Sent one after another, with the pause before each.
        var parts: [String]
        var pauseMilliseconds: Int64 = 0
        var staysOpen = false
    }

    private let channel: any Channel
    private let state: State
    var port: Int { channel.localAddress?.port ?? 0 }
    /// What came, a connection each.
    var requests: [String] { state.requests.withLock { $0 } }

    private final class State: Sendable {
        let script: Mutex<Script>
        let requests = Mutex<[String]>([])

        init(_ script: Script) { self.script = Mutex(script) }
    }

    private init(channel: any Channel, state: State) {
        self.channel = channel
        self.state = state
    }

    func answer(
        _ body: String, status: String = "200 OK", headers: [String] = ["Content-Type: application/json"]
    ) {
        state.script.withLock { $0.parts = [Self.reply(body, status: status, headers: headers)] }
    }

    static func run(
        host: String = "127.0.0.1", _ script: Script, _ body: (ScriptedServer) async throws -> Void
    ) async throws {
        let state = State(script)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(state))
                }
            }
            .bind(host: host, port: 0).get()
        do {
            try await body(ScriptedServer(channel: channel, state: state))
            try await channel.close()
        } catch {
            try? await channel.close()
            throw error
        }
    }

    static func run(
        host: String = "127.0.0.1", body: String, status: String = "200 OK",
        headers: [String] = ["Content-Type: application/json"], _ test: (ScriptedServer) async throws -> Void
    ) async throws {
        try await run(host: host, Script(parts: [reply(body, status: status, headers: headers)]), test)
    }

    static func reply(
        _ body: String, status: String = "200 OK", headers: [String] = ["Content-Type: application/json"]
    ) -> String {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)", "Connection: close"] + headers
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let state: State
        private let script: Script
        private var text = ""
        private var hasAnswered = false

        init(_ state: State) {
            self.state = state
            script = state.script.withLock { $0 }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            guard !hasAnswered, isWhole else { return }
            hasAnswered = true
            state.requests.withLock { $0.append(text) }
            send(script.parts[...], on: context.channel)
        }

        /// The head and what it says comes after: the two may arrive one after another.
        private var isWhole: Bool {
            guard let head = text.firstRange(of: "\r\n\r\n") else { return false }
            let length = text.firstMatch(of: /(?i)\r\ncontent-length: *([0-9]+)/).flatMap { Int($0.1) } ?? 0
            return text[head.upperBound...].utf8.count >= length
        }

        private func send(_ parts: ArraySlice<String>, on channel: any Channel) {
            guard let part = parts.first else {
                if !script.staysOpen { channel.close(promise: nil) }
                return
            }
            let rest = parts.dropFirst()
            let pause = TimeAmount.milliseconds(script.pauseMilliseconds)
            let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
            channel.eventLoop.scheduleTask(in: pause) {
                channel.writeAndFlush(ByteBuffer(string: part)).whenComplete { _ in
                    bound.value.send(rest, on: channel)
                }
            }
        }
    }
}
