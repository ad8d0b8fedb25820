"""Nothing tells a number with an account from a number without one."""

from __future__ import annotations

import re
import time
from typing import Any, Callable

import httpx
import pytest

from harness import (
    CHANGING_HEADERS, PhoneLogin, Server, code_of, fresh_number, six_digits_other_than, wrong_codes,
)


def shape(value: Any) -> Any:
    """What a JSON body is made of: names, types, lengths of strings. Numbers of seconds may differ by a tick."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return len(value) if isinstance(value, str) else type(value).__name__


def looks(reply: httpx.Response) -> tuple[Any, ...]:
    """All of a reply that another reply of the same kind must have too."""
    headers = {name: value for name, value in reply.headers.items() if name not in CHANGING_HEADERS}
    if "set-cookie" in headers:         # its name, its attributes and how long its value is
        headers["set-cookie"] = re.sub(r"=[^;]*", lambda value: "=" * len(value[0]), headers["set-cookie"], count=1)
    return (
        reply.status_code,
        [name for name, _ in reply.headers.multi_items()],
        {name: value for name, value in headers.items() if name not in ("retry-after", "ratelimit")},
        shape(reply.json()),
        len(reply.content),
    )


@pytest.fixture(scope="module")
def known(server: Server) -> Callable[[], str]:
    """Gives numbers that have an account."""
    def make() -> str:
        login = server.login()
        login.tokens()
        return login.number

    return make


def both(server: Server, known: Callable[[], str], **more: Any) -> tuple[PhoneLogin, PhoneLogin]:
    return server.login(number=known(), **more), server.login(number=fresh_number(), **more)


def test_starting_looks_the_same(server: Server, known):
    old, new = both(server, known)
    assert looks(old.request()) == looks(new.request())
    old_text, new_text = old.text(), new.text()
    code = old.texted_code(), new.texted_code()
    assert old_text["body"].replace(code[0], "") == new_text["body"].replace(code[1], "")


def test_a_resend_looks_the_same(server: Server, known):
    old, new = both(server, known)
    old.request(), new.request()
    assert looks(old.request()) == looks(new.request())


def test_wrong_guesses_look_the_same_down_to_the_last(server: Server, known):
    old, new = both(server, known)
    old.request(), new.request()
    for of_old, of_new in zip(old.confirm_wrongly(6), new.confirm_wrongly(6), strict=True):
        assert looks(of_old) == looks(of_new)
        assert of_old.text == of_new.text
    of_old, of_new = old.request(), new.request()
    assert of_old.status_code == 429
    assert looks(of_old) == looks(of_new)


def test_succeeding_looks_the_same(server: Server, known):
    old, new = both(server, known, scope="offline")
    old.request(), new.request()
    of_old, of_new = old.confirm(), new.confirm()
    assert of_old.status_code == 200
    assert looks(of_old) == looks(of_new)
    codes = [code_of(reply.json()["login_url"]) for reply in (of_old, of_new)]
    of_old, of_new = old.token(codes[0]), new.token(codes[1])
    assert of_old.status_code == 200
    assert looks(of_old) == looks(of_new)


def test_limits_look_the_same(start_server):
    server = start_server(DENWA_LIMITS_SEND_PER_NUMBER="2/3600", DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="0",
                          DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="6")
    seen = server.login()
    seen.request(), seen.confirm()                          # one send and no wrong guess
    unseen = server.login()
    unseen.request()                                        # one send, and no account
    unseen.texted_code()
    of_seen = [server.login("other-game", number=seen.number).request() for _ in range(2)]
    of_unseen = [server.login("other-game", number=unseen.number).request() for _ in range(2)]
    assert [reply.status_code for reply in of_seen] == [200, 429]
    assert [looks(reply) for reply in of_seen] == [looks(reply) for reply in of_unseen]


def test_an_account_elsewhere_does_not_show_at_another_client(server: Server, known):
    old, new = server.login("other-game", number=known()), server.login("other-game")
    assert looks(old.request()) == looks(new.request())
    of_old = old.confirm(six_digits_other_than(old.texted_code()))
    of_new = new.confirm(six_digits_other_than(new.texted_code()))
    assert of_old.status_code == 401
    assert of_old.text == of_new.text and looks(of_old) == looks(of_new)


def test_an_operation_nobody_has_looks_the_same_for_both(server: Server, known):
    replies = [
        server.http.post(
            "/oauth2/login/phone/confirm?client_id=40017",
            json={"code": "123456", "operation_id": "A" * 22, "phone_number": number},
        )
        for number in (known(), fresh_number())
    ]
    assert replies[0].status_code == 404
    assert replies[0].text == replies[1].text
    assert looks(replies[0]) == looks(replies[1])


def test_guessing_takes_the_same_time(server: Server, known):
    """Coarse on purpose: finds a lookup, a hash or a write more on one side, not a cache line.

    The faster samples are compared, since what slows single ones down is this machine and not the server.
    """
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(10):
        pair = dict(zip((True, False), both(server, known)))
        wrong = {}
        for has_account, login in pair.items():
            login.request()
            wrong[has_account] = wrong_codes(4, right=login.texted_code())
        for turn in range(4):
            for has_account, login in pair.items():
                started = time.perf_counter()
                assert login.confirm(wrong[has_account][turn]).status_code == 401
                took[has_account].append(time.perf_counter() - started)
    of_known, of_unknown = (sorted(took[has])[8] for has in (True, False))
    assert abs(of_known - of_unknown) < max(of_known, of_unknown) * 0.5 + 0.001
