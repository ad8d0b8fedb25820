import NIOCore
import NIOPosix
import Synchronization

/// A server on 127.0.0.1 that answers every connection with the same bytes, right or wrong.
final class ScriptedServer: Sendable {
    struct Script: Sendable {
        /// Sent one after another, with the pause before each.
        var parts: [String]
        var pauseMilliseconds: Int64 = 0
        var staysOpen = false
    }

    private let channel: any Channel
    private let received: Received
    var port: Int { channel.localAddress?.port ?? 0 }
    /// What came, a connection each.
    var requests: [String] { received.texts.withLock { $0 } }

    private final class Received: Sendable { let texts = Mutex<[String]>([]) }

    private init(channel: any Channel, received: Received) {
        self.channel = channel
        self.received = received
    }

    static func run(
        host: String = "127.0.0.1", _ script: Script, _ body: (ScriptedServer) async throws -> Void
    ) async throws {
        let received = Received()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(script: script, received: received))
                }
            }
            .bind(host: host, port: 0).get()
        do {
            try await body(ScriptedServer(channel: channel, received: received))
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

        private let script: Script
        private let received: Received
        private var text = ""
        private var hasAnswered = false

        init(script: Script, received: Received) {
            self.script = script
            self.received = received
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            guard !hasAnswered, text.contains("\r\n\r\n") else { return }
            hasAnswered = true
            received.texts.withLock { $0.append(text) }
            send(script.parts[...], on: context.channel)
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
