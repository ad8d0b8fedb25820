"""`kill -9` in the middle of everything: nothing answered is lost, nothing single-use works twice.

One server is killed three times under load, and then asked about all it had answered. The tests run in the order
they are written in: the later ones spend, and by replaying kill, what the earlier ones look at.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Callable

import httpx
import jwt
import pytest

from harness import Server, at_once, code_of, eventually, fresh_number

pytestmark = pytest.mark.nodes

CLIENT = "40017"


@dataclass
class Chain:
    """A login whose refresh token goes round. `answered` are the tokens the server said it had issued."""

    number: str
    subject: str
    answered: list[str]
    #: A refresh of the last answered token was under way when the server died.
    in_flight: bool = False


@dataclass
class Answered:
    """What clients were told before the server died: all of it must hold afterwards."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    chains: list[Chain] = field(default_factory=list)
    #: Authorization codes the client knows and has not sent.
    unspent: list[str] = field(default_factory=list)
    #: Codes that were answered with tokens.
    spent: list[str] = field(default_factory=list)
    #: Codes sent, with no answer.
    in_doubt: list[str] = field(default_factory=list)
    #: Every number a text was promised to.
    texts: list[str] = field(default_factory=list)
    #: operation_id by number, of those who did nothing more.
    operations: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, value: Any) -> None:
        with self.lock:
            getattr(self, kind).append(value)


def subject_of(tokens: dict[str, Any]) -> str:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]


def keep_logging_in(server: Server, answered: Answered, stop: threading.Event) -> None:
    """Logins; a third of them stop at the authorization code, a third refresh once or oftener."""
    turn = 0
    while not stop.is_set():
        turn += 1
        login = server.login(CLIENT, scope="offline")
        begun = login.request()
        assert begun.status_code == 200, begun.text
        answered.add("texts", login.number)
        eventually("the text", lambda: stop.is_set() or server.outbox.messages(login.number))
        if stop.is_set():
            return
        confirmed = login.confirm()
        assert confirmed.status_code == 200, confirmed.text
        code = code_of(confirmed.json()["login_url"])
        if turn % 3 == 0:
            answered.add("unspent", code)
            continue
        try:
            tokens = login.token(code)
        except httpx.TransportError:
            answered.add("in_doubt", code)
            raise
        assert tokens.status_code == 200, tokens.text
        answered.add("spent", code)
        chain = Chain(login.number, subject_of(tokens.json()), [tokens.json()["refresh_token"]])
        answered.add("chains", chain)
        for _ in range(turn % 3):
            chain.in_flight = True
            renewed = server.refresh(CLIENT, chain.answered[-1])
            assert renewed.status_code == 200, renewed.text
            chain.answered.append(renewed.json()["refresh_token"])
            chain.in_flight = False


def keep_texting(server: Server, answered: Answered, stop: threading.Event) -> None:
    while not stop.is_set():
        login = server.login(CLIENT)
        reply = login.request()
        assert reply.status_code == 200, reply.text
        with answered.lock:
            answered.texts.append(login.number)
            answered.operations[login.number] = reply.json()["operation_id"]


def load_until_killed(server: Server, answered: Answered, logins: int) -> None:
    """Kills the server as soon as `logins` more people are in, plus a moment, so that it dies at any point."""
    stop, failures = threading.Event(), []

    def until_it_dies(work: Callable[[Server, Answered, threading.Event], None]) -> None:
        try:
            work(server, answered, stop)
        except httpx.TransportError:
            if not stop.is_set():       # it must not die by itself
                failures.append("the server went away before it was killed")
        except AssertionError as wrong:
            failures.append(str(wrong))

    target = len(answered.chains) + logins
    workers = [keep_logging_in] * 6 + [keep_texting] * 2
    threads = [threading.Thread(target=until_it_dies, args=(work,)) for work in workers]
    for thread in threads:
        thread.start()
    try:
        eventually("people log in", lambda: failures or len(answered.chains) >= target, timeout=30, every=0.002)
        time.sleep(random.Random(logins).uniform(0, 0.02))
    finally:
        stop.set()
        server.kill()
        for thread in threads:
            thread.join(timeout=60)
        server.end(signal.SIGKILL)
    assert failures == []


@pytest.fixture(scope="module")
def survivor(start_module_server) -> tuple[Server, Answered]:
    """A server killed three times under load, and now running again on the same files."""
    server = start_module_server(        # so that a slow machine is no reason for a refusal
        DENWA_TOKENS_REFRESH_GRACE_SECONDS="300", DENWA_TOKENS_CODE_LIFETIME_SECONDS="300")
    answered = Answered()
    for logins in (20, 21, 22):
        load_until_killed(server, answered, logins)
        server.start()
    return server, answered


def test_every_text_of_an_answered_operation_leaves_in_the_end(survivor):
    server, answered = survivor
    assert len(answered.operations) >= 20

    def missing() -> set[str]:
        return set(answered.texts) - {message["to"] for message in server.outbox.messages()}

    eventually("the last texts", lambda: not missing(), timeout=45, every=0.05)


def test_the_outbox_survives_without_a_torn_line(survivor):
    server, answered = survivor
    sent = defaultdict(set)
    for message in server.outbox.messages():            # parses every line
        sent[message["to"]].add(message["body"])
    assert all(len(bodies) == 1 for number, bodies in sent.items() if number in answered.operations), (
        "a text may leave twice, but not with two codes")


def test_an_operation_answered_before_the_kill_is_finished_after_it(survivor):
    server, answered = survivor
    # Those of the last round, whose codes are youngest.
    for number, operation_id in list(answered.operations.items())[-5:]:
        login = server.login(CLIENT, number=number)
        login.operation_id = operation_id
        server.outbox.wait(number, timeout=45)
        assert login.confirm().status_code == 200


def test_every_login_answered_is_still_there(survivor):
    """The account is the same one, and the refresh token answered last still works."""
    server, answered = survivor
    assert len(answered.chains) >= 60
    for chain in answered.chains:
        if len(chain.answered) == 2 and not chain.in_flight:
            continue                                     # these are for the next test
        renewed = server.refresh(CLIENT, chain.answered[-1])
        assert renewed.status_code == 200, renewed.text
        assert subject_of(renewed.json()) == chain.subject
    for chain in random.Random(1).sample(answered.chains, 15):
        assert subject_of(server.login(CLIENT, number=chain.number).tokens()) == chain.subject


def test_a_refresh_token_rotated_before_the_kill_has_no_second_successor(survivor):
    server, answered = survivor
    rotated = [chain for chain in answered.chains if len(chain.answered) == 2 and not chain.in_flight]
    assert len(rotated) >= 5
    for chain in rotated:
        old, new = chain.answered
        repeated = server.refresh(CLIENT, old)
        assert repeated.status_code == 200, "inside the grace"
        assert repeated.json()["refresh_token"] == new


def test_an_authorization_code_answered_before_the_kill_works_once_after_it(survivor):
    server, answered = survivor
    young = answered.unspent[-12:]
    assert len(young) >= 6
    for code in young:
        replies = at_once(4, lambda _: server.token(CLIENT, {"grant_type": "authorization_code", "code": code}))
        assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400]


def test_an_authorization_code_spent_before_the_kill_does_not_work_again(survivor):
    server, answered = survivor
    assert len(answered.spent) >= 60
    for code in answered.spent:
        reply = server.token(CLIENT, {"grant_type": "authorization_code", "code": code})
        assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


def test_a_code_whose_redemption_was_cut_off_works_at_most_once(survivor):
    server, answered = survivor
    for code in answered.in_doubt:
        replies = [server.token(CLIENT, {"grant_type": "authorization_code", "code": code}) for _ in range(2)]
        assert replies[0].status_code in (200, 400)
        assert replies[1].status_code == 400


def test_the_server_has_recovered_wholly(survivor):
    server, _ = survivor
    assert server.http.get("/health/ready").status_code == 200
    tokens = server.login(CLIENT, number=fresh_number(), scope="offline").tokens()
    assert server.is_active(tokens["access_token"])
    assert server.refresh(CLIENT, tokens["refresh_token"]).status_code == 200
    assert server.end(signal.SIGTERM) == 0, "and it ends in peace when asked to"
