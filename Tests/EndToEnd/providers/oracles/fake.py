"""An HTTP service on loopback that stands for a provider: keeps what it was sent, answers what a test wants.

Knows nothing of any provider; each of its neighbours adds how one of them signs, speaks and complains.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Self
from urllib.parse import parse_qsl, urlsplit

from harness import eventually


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    #: Says nothing for so long. The wait ends early when the service closes.
    after: float = 0
    #: Closes the connection in the middle of the body.
    cut: bool = False

    @staticmethod
    def of(value: Any, status: int = 200, **more: Any) -> Reply:
        return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"}, **more)

    def padded(self, size: int) -> Reply:
        """The same JSON or XML with white space after it, `size` bytes in all."""
        return Reply(self.status, self.body.ljust(size), self.headers)


@dataclass
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Message
    body: bytes
    at: float = field(default_factory=time.time)
    #: What was wrong with its signature or password; None when nothing was.
    problem: str | None = None
    number: str | None = None
    #: The id that the provider gave the message.
    message_id: str | None = None

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return _once(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        assert self.headers.get_content_type() == "application/x-www-form-urlencoded", str(self.headers)
        return _once(self.body.decode())

    @property
    def json(self) -> Any:
        assert self.headers.get_content_type() == "application/json", str(self.headers)
        return json.loads(self.body)


def _once(encoded: str) -> dict[str, str]:
    pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded), errors="strict")
    assert len(dict(pairs)) == len(pairs), f"a name twice in {encoded}"
    return dict(pairs)


#: What a test plans: a reply, or what makes one of the request.
Plan = Reply | Callable[[Received], Reply]


class Service:
    """Accepts everything, until a test says what a number's next texts meet."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._answers: dict[str, deque[Plan]] = {}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    # MARK: what a provider adds

    def number_of(self, received: Received) -> str:
        """Whom the text is for, as +E.164."""
        raise NotImplementedError

    def problem_with(self, received: Received) -> str | None:
        """What is wrong with the signature or the password."""
        raise NotImplementedError

    def refusal(self, problem: str) -> Reply:
        """What the provider says to a request with such a problem."""
        raise NotImplementedError

    def acceptance(self, received: Received) -> Reply:
        """What the provider says when it takes the text. Sets `message_id`."""
        raise NotImplementedError

    # MARK: what tests use

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, number: str, *replies: Plan) -> None:
        """The next texts to `number` get these replies; what comes after them is accepted, as ever."""
        with self._lock:
            self._answers[number] = deque(replies)

    def texts(self, number: str) -> list[Received]:
        with self._lock:
            return [received for received in self.received if received.number == number]

    def wait(self, number: str, count: int = 1, timeout: float = 10) -> Received:
        """The `count`-th request for `number`; with a good signature, or the test fails."""
        received = eventually(
            f"request {count} for {number} at {type(self).__name__}",
            lambda: (found := self.texts(number)) and len(found) >= count and found[count - 1],
            timeout=timeout,
        )
        assert received.problem is None, received.problem
        return received

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # MARK: one request

    def handle(self, received: Received) -> Reply:
        reply = self._judge(received)
        if reply.after:
            self._closing.wait(reply.after)
        return reply

    def _judge(self, received: Received) -> Reply:
        try:
            received.problem = self.problem_with(received)
            received.number = self.number_of(received)
            with self._lock:
                planned = self._answers.get(received.number)
                plan = planned.popleft() if planned else self.acceptance
            reply = plan if isinstance(plan, Reply) else plan(received)
        except Exception as error:              # what cannot be read is a finding, not a crash
            received.problem = received.problem or f"unreadable: {error!r}"
            reply = Reply(400)
        with self._lock:
            self.received.append(received)
        return reply if received.problem is None else self.refusal(received.problem)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Peers that hang up are what some tests are about."""


def _handler_of(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            reply = service.handle(Received(self.command, self.path, self.headers, self.rfile.read(size)))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) + (1000 if reply.cut else 0)))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = self.close_connection or reply.cut

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
