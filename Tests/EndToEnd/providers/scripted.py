"""A provider that does as it is told, well or badly, and keeps what it received.

It speaks the format of the `webhook` connector over plain sockets, so that it can also break the rules of
HTTP. What it does with a request is a `Behaviour`, which a test may change at any time. `Scene` starts
servers whose texts go to such providers, and ends all of it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from harness import Outbox, Server, free_port
from processes import Node

MEGABYTE = 1 << 20


# MARK: what came


@dataclass(frozen=True)
class Received:
    """One request, whatever was answered."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    behaviour: str

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request and the ways to answer it."""

    provider: HTTPFake
    connection: socket.socket
    received: Received

    def reply(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        """An answer as HTTP wants it; the connection stays open. A good one means that the text is taken."""
        if 200 <= status < 300:
            self.provider.take(self.received)
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def close(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Returns early when the provider is stopped."""
        self.provider.stopping.wait(seconds)


# MARK: what may be done


@dataclass(frozen=True)
class Behaviour:
    name: str
    act: Callable[[Exchange], None]


def accept(after: float = 0, at_most: float = 0) -> Behaviour:
    """Takes the text, after a pause that is drawn when `at_most` is given."""

    def act(exchange: Exchange) -> None:
        if pause := random.uniform(after, at_most) if at_most else after:
            exchange.wait(pause)
        exchange.reply(200, b'{"accepted":true}')

    return Behaviour("accept", act)


def hang(seconds: float = 60) -> Behaviour:
    def act(exchange: Exchange) -> None:
        exchange.wait(seconds)
        exchange.close()

    return Behaviour("hang", act)


def answer(status: int, **headers: str) -> Behaviour:
    return Behaviour(str(status), lambda exchange: exchange.reply(status, b'{"error":"scripted"}', **headers))


def throttle(seconds: int = 7) -> Behaviour:
    return answer(429, Retry_After=str(seconds))


def redirect(url: str, status: int = 302) -> Behaviour:
    return answer(status, Location=url)


def close_mid_reply() -> Behaviour:
    def act(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
        exchange.close()

    return Behaviour("close mid-reply", act)


def close_at_once() -> Behaviour:
    return Behaviour("close at once", lambda exchange: exchange.close())


def promise_more_than_there_is() -> Behaviour:
    def act(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{}")
        exchange.close()

    return Behaviour("wrong content-length", act)


def flood(megabytes: int = 100) -> Behaviour:
    """A reply far larger than any provider sends."""

    def act(exchange: Exchange) -> None:
        chunk = b" " * MEGABYTE
        exchange.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % (megabytes * MEGABYTE))
        for _ in range(megabytes):
            exchange.send(chunk)
            exchange.provider.flooded += len(chunk)
        exchange.provider.floods_taken += 1

    return Behaviour("flood", act)


def nonsense() -> Behaviour:
    def act(exchange: Exchange) -> None:
        exchange.send(random.Random(7).randbytes(4096))
        exchange.close()

    return Behaviour("nonsense", act)


# MARK: the fake


class HTTPFake:
    """An HTTP/1.1 server on loopback, a thread for each connection."""

    def __init__(self, behaviour: Behaviour):
        self.behaviour = behaviour
        self.port = free_port()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.received: list[Received] = []
        self.connections = 0
        self.flooded = 0
        self.floods_taken = 0
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listens, on the same port as before when it was stopped."""
        assert self._listener is None
        self.stopping = threading.Event()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(256)
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener, self.stopping), daemon=True).start()

    def stop(self) -> None:
        """Ends every connection and refuses new ones."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        self.stopping.set()
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        listener.close()
        with self.lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    def count(self) -> int:
        """How many requests came."""
        return len(self.received)

    def admits(self, request: Received) -> int:
        """The status that a request is refused with before the script runs; 0 lets it through."""
        return 0

    def _serve(self, listener: socket.socket, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self._open.add(connection)
            threading.Thread(target=self._converse, args=(connection, stopping), daemon=True).start()

    def _converse(self, connection: socket.socket, stopping: threading.Event) -> None:
        connection.settimeout(120)
        reader = connection.makefile("rb")
        try:
            while not stopping.is_set() and (request := self._read(reader)) is not None:
                behaviour = self.behaviour
                status = self.admits(request)
                if status:
                    behaviour = answer(status)
                request = Received(**(vars(request) | {"behaviour": behaviour.name}))
                with self.lock:
                    self.received.append(request)
                behaviour.act(Exchange(self, connection, request))
        except (OSError, ValueError):
            pass            # the other side went away, or was sent away
        finally:
            with self.lock:
                self._open.discard(connection)
            reader.close()
            connection.close()

    def take(self, request: Received) -> None:
        """Called just before a good answer."""

    @staticmethod
    def _read(reader: Any) -> Received | None:
        first = reader.readline(65_536)
        if not first.endswith(b"\r\n"):
            return None
        method, path, _ = first.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := reader.readline(65_536)) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(reader.readline(1024).split(b";")[0], 16):
                body += reader.read(size)
                reader.readline(1024)
            while reader.readline(1024) not in (b"\r\n", b""):
                pass
        else:
            body = reader.read(int(headers.get("content-length", "0")))
        return Received(time.monotonic(), method, path, headers, body, "")


class ScriptedProvider(HTTPFake):
    """The receiving end of a `webhook` connector. What is not signed as agreed is answered 401."""

    def __init__(self, name: str, behaviour: Behaviour | None = None):
        self.name = name
        self.secret = f"webhook-secret-of-{name}-Zk3vQ1"
        self.texts: list[dict[str, Any]] = []
        super().__init__(behaviour or accept())

    def connector(self, **more: Any) -> dict[str, Any]:
        """The entry of `messaging.connectors` that leads here."""
        return {
            "type": "webhook", "name": self.name, "url": f"{self.url}/texts", "secret": self.secret,
        } | more

    def admits(self, request: Received) -> int:
        return 0 if request.method == "POST" and self.is_signed(request) else 401

    def is_signed(self, request: Received) -> bool:
        signature = request.headers.get("denwa-signature", "t=0,v1=")
        parts = dict(part.split("=", 1) for part in signature.split(","))
        at = int(parts["t"])
        return abs(time.time() - at) <= 300 and self.sign(request.body, at) == signature

    def sign(self, body: bytes, at: int | None = None) -> str:
        """The header of a receipt from here."""
        at = int(time.time()) if at is None else at
        digest = hmac.new(self.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={at},v1={digest}"

    def take(self, request: Received) -> None:
        with self.lock:
            self.texts.append(request.message)

    def offered(self, number: str | None = None) -> list[dict[str, Any]]:
        """Every text that came here, taken or not."""
        with self.lock:
            messages = [request.message for request in self.received if request.behaviour != "401"]
        return [message for message in messages if number in (None, message["to"])]


@dataclass
class Handset(Outbox):
    """What reached people, through whichever provider, and not through a file."""

    providers: list[ScriptedProvider]

    def messages(self, number: str | None = None) -> list[dict[str, Any]]:
        taken = [text for provider in self.providers for text in list(provider.texts)]
        return [text for text in taken if number in (None, text["to"])]

    def wait(self, number: str, count: int = 1, timeout: float = 15) -> dict[str, Any]:
        return super().wait(number, count, timeout)


# MARK: servers


@dataclass
class ConnectedServer(Server):
    """A server whose texts go where its connectors lead, and not to a file."""

    def variables(self, node: Node | None = None) -> dict[str, str]:
        variables = super().variables(node)
        if "DENWA_MESSAGING_CONNECTORS" in self.environment:
            del variables["DENWA_MESSAGING_OUTBOX_FILE"]
        return variables


@dataclass
class Scene:
    """Servers and the providers that their texts go to, ended together."""

    directory: Callable[[], Path]
    providers: list[ScriptedProvider] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)

    def provider(self, name: str, behaviour: Behaviour | None = None) -> ScriptedProvider:
        provider = ScriptedProvider(name, behaviour)
        self.providers.append(provider)
        return provider

    def server(
        self,
        *connectors: ScriptedProvider | dict[str, Any],
        clients: list[dict[str, Any]] | None = None,
        start: bool = True,
        **environment: str,
    ) -> Server:
        """A server that tries these connectors in this order. Polls are not limited unless asked for."""
        entries = [one.connector() if isinstance(one, ScriptedProvider) else one for one in connectors]
        environment = {
            "DENWA_MESSAGING_CONNECTORS": json.dumps(entries),
            "DENWA_LIMITS_POLL_PER_IP": "0",
        } | environment
        more = {} if clients is None else {"clients": clients}
        server = ConnectedServer(self.directory(), environment=environment, **more)
        server.outbox = Handset(server.outbox.path, self.providers)
        self.servers.append(server)
        return server.start() if start else server

    def close(self) -> None:
        for server in self.servers:
            server.dispose()
        for provider in self.providers:
            provider.stop()


# MARK: what a text costs


#: GSM 03.38: the basic alphabet, and what takes two septets.
GSM_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
GSM_EXTENDED = set("\f^{}\\[~]|€")


def encoding_of(body: str) -> str:
    return "GSM-7" if set(body) <= GSM_BASIC | GSM_EXTENDED else "UCS-2"


def units_of(body: str) -> list[int]:
    """What each character takes, in septets or in UTF-16 units."""
    if encoding_of(body) == "GSM-7":
        return [2 if character in GSM_EXTENDED else 1 for character in body]
    return [len(character.encode("utf-16-le")) // 2 for character in body]


def segments_of(body: str) -> int:
    """How many messages a provider bills for."""
    alone, joined = (160, 153) if encoding_of(body) == "GSM-7" else (70, 67)
    if sum(units_of(body)) <= alone:
        return 1
    segments, room = 1, joined
    for units in units_of(body):        # no character is torn in two
        if units > room:
            segments, room = segments + 1, joined
        room -= units
    return segments
