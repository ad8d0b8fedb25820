"""People and apps that keep a cluster busy, and remember what they were told: all of it must hold later.

Who is answered 503, or not at all, is somebody whom the server could not serve: it is noted, and they try again as
apps do. Any other answer that is not the good one ends the load, and the test.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Callable

import httpx
import jwt

from cluster import Cluster, Node
from harness import PhoneLogin, assert_oauth_error, assert_refused, code_of, eventually, fresh_number, wrong_codes

CLIENT = "40017"

WRONG, EXHAUSTED = 401, 422

#: How soon somebody who was not served tries again. Apps are told to wait longer; these look at how soon it is back.
IMPATIENCE = 0.05


# MARK: what was answered


@dataclass
class Chain:
    """A login whose refresh token goes round. `answered` are the tokens that the server said it had issued."""

    number: str
    subject: str
    answered: list[str]
    #: A refresh of the last one was sent, and no answer came yet.
    in_doubt: bool = False


@dataclass
class Guessed:
    """An operation at which somebody guesses, and how often the answer was "wrong"."""

    operation_id: str
    wrong: int = 0
    is_exhausted: bool = False


@dataclass
class Answered:
    """What clients were told."""

    chains: list[Chain] = field(default_factory=list)
    #: Authorization codes that the client knows and has not sent.
    unspent: list[str] = field(default_factory=list)
    #: Codes that were answered with tokens.
    spent: list[str] = field(default_factory=list)
    #: Codes that were sent and not answered.
    in_doubt: list[str] = field(default_factory=list)
    #: operation_id by number: to each a text was promised.
    operations: dict[str, str] = field(default_factory=dict)
    #: Those numbers of which nobody used the text.
    idle: list[str] = field(default_factory=list)
    guesses: list[Guessed] = field(default_factory=list)


class Kind(Enum):
    UNAVAILABLE = "503"
    BROKEN = "no answer"


@dataclass(frozen=True)
class Missed:
    """Somebody who was not served."""

    kind: Kind
    node: str
    began: float
    ended: float
    what: str


def assert_unavailable(reply: httpx.Response) -> None:
    """503 in the words of the endpoint, with the seconds after which to come back."""
    if reply.request.url.path.startswith("/oauth2/login/phone"):
        assert_refused(reply, 503, "000-001")
    else:
        assert_oauth_error(reply, 503, "server_error", "temporarily_unavailable")
    assert 1 <= int(reply.headers["retry-after"]) <= 60


def subject_of(tokens: dict[str, Any]) -> str:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]


# MARK: who asks


class Load:
    """Runs until `stop`, through whatever happens to the cluster meanwhile."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.answered = Answered()
        self.missed: list[Missed] = []
        self.failures: list[str] = []
        #: When the call began that each node answered well last.
        self.served: dict[str, float] = {}
        #: How long somebody waited for an answer of any kind.
        self.longest = 0.0
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(work,))
            for work in [self.log_in] * 5 + [self.stay_signed_in] * 3 + [self.ask_for_a_text] + [self.guess]
        ]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def stop(self) -> None:
        """Everybody finishes the step that they are at."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=90)
        assert not any(thread.is_alive() for thread in self.threads), "somebody still waits for an answer"

    def go_on(self, logins: int, timeout: float = 60) -> None:
        """Comes back when that many more people are in."""
        target = len(self.answered.chains) + logins
        eventually(
            f"{logins} more people log in", lambda: self.failures or len(self.answered.chains) >= target, timeout)
        self.check()

    def check(self) -> None:
        assert not self.failures, self.failures

    def serves(self, node: Node, since: float) -> bool:
        """Whether a node answered well after that."""
        return self.served.get(node.name, 0) > since

    def _run(self, work: Callable[[int], None]) -> None:
        try:
            for turn in itertools.count():
                if self.stopping.is_set():
                    return
                work(turn)
        except Exception as wrong:  # noqa: BLE001: whatever it is, the test must hear of it
            self.failures.append(f"{work.__name__}: {wrong!r}")

    # MARK: one call

    def call(
        self, login: PhoneLogin, what: str, act: Callable[[PhoneLogin], httpx.Response], *good: int
    ) -> httpx.Response | None:
        """Through the node whose turn it is. `None` when the server could not serve it."""
        login.server = node = self.cluster.rotation.next()
        began = time.monotonic()
        kind = Kind.UNAVAILABLE
        try:
            reply = act(login)
        except httpx.TransportError as error:
            kind, what = Kind.BROKEN, f"{what}: {error!r}"
        else:
            self.longest = max(self.longest, time.monotonic() - began)
            if reply.status_code in (good or (200,)):
                self.served[node.name] = began
                return reply
            assert reply.status_code == 503, f"{what} at {node.name}: {reply.status_code} {reply.text}"
            assert_unavailable(reply)
        self.missed.append(Missed(kind, node.name, began, time.monotonic(), what))
        self.stopping.wait(IMPATIENCE)
        return None

    def begin(self) -> PhoneLogin | None:
        """A new person, who was promised a text and has it."""
        login = PhoneLogin(self.cluster.first, CLIENT, fresh_number(), scope="offline")
        if self.call(login, "request", PhoneLogin.request) is None:
            return None
        self.answered.operations[login.number] = login.operation_id
        eventually(
            f"the text to {login.number}", lambda: self.stopping.is_set() or login.server.outbox.messages(login.number),
            timeout=60)
        return None if self.stopping.is_set() else login

    # MARK: what they do

    def log_in(self, turn: int) -> None:
        """A third stop at the authorization code, a third refresh once."""
        login = self.begin()
        confirmed = login and self.call(login, "confirm", PhoneLogin.confirm)
        if not confirmed:
            return
        code = code_of(confirmed.json()["login_url"])
        if turn % 3 == 0:
            self.answered.unspent.append(code)
        elif (chain := self.redeem(login, code)) and turn % 3 == 1:
            self.refresh(chain)

    def redeem(self, login: PhoneLogin, code: str) -> Chain | None:
        tokens = self.call(login, "redeem", lambda login: login.token(code))
        if tokens is None:
            self.answered.in_doubt.append(code)
            return None
        self.answered.spent.append(code)
        chain = Chain(login.number, subject_of(tokens.json()), [tokens.json()["refresh_token"]])
        self.answered.chains.append(chain)
        return chain

    def refresh(self, chain: Chain) -> None:
        """Asks until it is answered: inside the grace the same token gets the same successor."""
        login = PhoneLogin(self.cluster.first, CLIENT, chain.number)
        chain.in_doubt = True
        while not self.stopping.is_set():
            renewed = self.call(login, "refresh", lambda at: at.server.refresh(CLIENT, chain.answered[-1]))
            if renewed is not None:
                assert subject_of(renewed.json()) == chain.subject
                chain.answered.append(renewed.json()["refresh_token"])
                chain.in_doubt = False
                return

    def stay_signed_in(self, turn: int) -> None:
        """An app that is used for long."""
        login = self.begin()
        confirmed = login and self.call(login, "confirm", PhoneLogin.confirm)
        chain = confirmed and self.redeem(login, code_of(confirmed.json()["login_url"]))
        for _ in range(40 if chain else 0):
            if self.stopping.is_set():
                return
            self.refresh(chain)

    def ask_for_a_text(self, turn: int) -> None:
        login = self.begin()
        if login:
            self.answered.idle.append(login.number)

    def guess(self, turn: int) -> None:
        """Wrong codes, one after the other, until no guess is left."""
        login = self.begin()
        if not login:
            return
        guessed = Guessed(login.operation_id)
        self.answered.guesses.append(guessed)
        for code in itertools.cycle(wrong_codes(20, right=login.texted_code())):
            if self.stopping.wait(0.1):
                return
            reply = self.call(login, "guess", lambda login: login.confirm(code), WRONG, EXHAUSTED)
            if reply is not None and reply.status_code == EXHAUSTED:
                guessed.is_exhausted = True
                return
            guessed.wrong += reply is not None
