"""What guessing and texting cost at the authorization challenge endpoint: one budget with the phone login's door.

Every limit is asked for from both sides: used up at one door it is used up at the other. And a number with an account
looks like one without.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections import Counter
from functools import cache
from typing import Any, Callable

import httpx
import pytest

from first_party import (
    Challenge, assert_challenged, assert_limited, assert_over, assert_wrong, code_of,
)
from harness import (
    CHANGING_HEADERS, PhoneLogin, Server, StartServer, assert_oauth_error, assert_refused, at_once,
    confidential_client, fresh_number, machine_client, phone_client, six_digits_other_than, wrong_codes,
)

pytestmark = pytest.mark.nodes

TOO_MANY, DEAD = "002-057", "003-049"

HOUR = "3600"

APPS = ["app", "second", "third", "fourth", "fifth", "sixth"]


def clients() -> list[dict[str, Any]]:
    return [*map(phone_client, APPS), confidential_client("web"),
            machine_client("resource-server", may_introspect=True)]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=clients())


@pytest.fixture
def start(start_server: StartServer) -> StartServer:
    return lambda **environment: start_server(clients=clients(), **environment)


@pytest.fixture(scope="module")
def shared(start_module_server: StartServer) -> StartServer:
    """One server for each configuration. Its limits are of numbers, addresses and clients that no other test uses."""
    @cache
    def start(**environment: str) -> Server:
        return start_module_server(clients=clients(), DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1", **environment)

    return start


_addresses = itertools.count(1)
_apps = itertools.cycle(APPS)


def fresh_address() -> dict[str, str]:
    """The headers of calls that a proxy forwards for an address of its own."""
    return {"X-Forwarded-For": f"198.51.100.{next(_addresses)}"}


# MARK: two doors


class ByChallenge:
    """The door of the authorization challenge, in the words that the tests below use for both."""

    name = "challenge"

    @staticmethod
    def begin(
        server: Server, number: str, client: str = "app", headers: dict[str, str] | None = None, **more: str
    ) -> Challenge:
        challenge = Challenge(server, client, number, form=more, headers=headers or {})
        challenge.reply = challenge.begin()
        return challenge

    @staticmethod
    def passed(reply: httpx.Response) -> bool:
        if reply.status_code == 400:
            assert_challenged(reply)
            return True
        assert_limited(reply)
        return False

    @staticmethod
    def guess(challenge: Challenge, code: str) -> httpx.Response:
        return challenge.guess(code)

    @staticmethod
    def was_compared(reply: httpx.Response) -> bool:
        return reply.json().get("error") == "insufficient_authorization"


class ByPhoneLogin:
    name = "phone login"

    @staticmethod
    def begin(
        server: Server, number: str, client: str = "app", headers: dict[str, str] | None = None, **more: str
    ) -> PhoneLogin:
        login = server.login(client, number, headers=headers or {})
        login.reply = login.request(**more)
        return login

    @staticmethod
    def passed(reply: httpx.Response) -> bool:
        if reply.status_code != 200:
            assert_refused(reply, 429, TOO_MANY)
        return reply.status_code == 200

    @staticmethod
    def guess(login: PhoneLogin, code: str) -> httpx.Response:
        return login.confirm(code)

    @staticmethod
    def was_compared(reply: httpx.Response) -> bool:
        return reply.status_code == 401


DOORS = [(ByChallenge, ByPhoneLogin), (ByPhoneLogin, ByChallenge), (ByChallenge, ByChallenge)]
both_ways = pytest.mark.parametrize(
    "first, second", DOORS, ids=[f"{one.name}, {other.name}".replace(" ", "-") for one, other in DOORS])


@both_ways
def test_the_pause_between_texts_is_one(shared: StartServer, first: Any, second: Any):
    server = shared(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    number = fresh_number()
    begun = first.begin(server, number)
    assert first.passed(begun.reply) and begun.reply.json()["resend_after"] == 30
    later = second.begin(server, number, "second")
    assert not second.passed(later.reply)
    assert 20 <= int(later.reply.headers["retry-after"]) <= 30
    assert first.guess(begun, begun.texted_code()).status_code == 200, "a refused text takes nothing away"
    assert second.passed(second.begin(server, fresh_number()).reply), "nor from others"
    assert len(server.outbox.messages(number)) == 1


@both_ways
def test_the_texts_of_a_number_are_one_budget(shared: StartServer, first: Any, second: Any):
    server = shared(DENWA_LIMITS_SEND_PER_NUMBER=f"2/{HOUR}")
    number = fresh_number()
    assert first.passed(first.begin(server, number, "app").reply)
    assert second.passed(second.begin(server, number, "second").reply)
    assert not first.passed(first.begin(server, number, "third").reply)
    assert not second.passed(second.begin(server, number, "fourth").reply)
    assert second.passed(second.begin(server, fresh_number()).reply)


@both_ways
def test_the_texts_of_an_address_are_one_budget(shared: StartServer, first: Any, second: Any):
    server = shared(DENWA_LIMITS_SEND_PER_IP=f"2/{HOUR}")
    address = fresh_address()
    assert first.passed(first.begin(server, fresh_number(), headers=address).reply)
    assert second.passed(second.begin(server, fresh_number(), headers=address).reply)
    assert not first.passed(first.begin(server, fresh_number(), headers=address).reply)
    assert not second.passed(second.begin(server, fresh_number(), headers=address).reply)
    assert second.passed(second.begin(server, fresh_number(), headers=fresh_address()).reply), "another address"


@both_ways
def test_the_texts_of_a_client_are_one_budget(shared: StartServer, first: Any, second: Any):
    server = shared(DENWA_LIMITS_SEND_PER_CLIENT=f"2/{HOUR}")
    app, another = next(_apps), next(_apps)
    assert first.passed(first.begin(server, fresh_number(), app).reply)
    assert second.passed(second.begin(server, fresh_number(), app).reply)
    assert not first.passed(first.begin(server, fresh_number(), app).reply)
    assert not second.passed(second.begin(server, fresh_number(), app).reply)
    assert second.passed(second.begin(server, fresh_number(), another).reply), "another client"


@both_ways
def test_the_confirmations_of_an_address_are_one_budget(shared: StartServer, first: Any, second: Any):
    server = shared(DENWA_LIMITS_CONFIRM_PER_IP=f"3/{HOUR}")
    address = fresh_address()
    begun = [door.begin(server, fresh_number(), headers=address) for door in (first, second, first, second)]
    codes = [one.texted_code() for one in begun]
    assert first.was_compared(first.guess(begun[0], six_digits_other_than(codes[0])))
    assert second.was_compared(second.guess(begun[1], six_digits_other_than(codes[1])))
    assert first.guess(begun[2], codes[2]).status_code == 200
    last = second.guess(begun[3], codes[3])
    assert last.status_code == 429 and int(last.headers["retry-after"]) >= 1


@both_ways
def test_the_wrong_guesses_at_a_number_are_one_budget(shared: StartServer, first: Any, second: Any):
    server = shared(DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="6")
    number = fresh_number()
    one = first.begin(server, number, "app")
    for code in wrong_codes(4, right=one.texted_code()):
        assert first.was_compared(first.guess(one, code))
    other = second.begin(server, number, "second")
    right = other.texted_code()
    compared = [second.was_compared(second.guess(other, code)) for code in wrong_codes(4, right=right)]
    assert compared == [True, True, False, False], "six of one number, wherever they were made"
    assert second.guess(other, right).status_code in (400, 422, 429), "the right code, but no guess is left for it"
    assert first.guess(one, one.texted_code()).status_code in (400, 422, 429)
    bystander = Challenge(server)
    assert bystander.redeem().status_code == 200, "other people's logins go on"


def test_at_one_client_a_code_has_five_guesses_over_both_doors(server: Server):
    """It is one code, whichever door asked for it again."""
    number = fresh_number()
    login = ByPhoneLogin.begin(server, number)
    challenge = Challenge(server, number=number).started()
    right = login.texted_code()
    assert challenge.texted_code() == right
    codes = wrong_codes(5, right=right)
    assert_wrong(challenge.guess(codes[0]), challenge.session)
    assert login.confirm(codes[1]).status_code == 401
    assert_wrong(challenge.guess(codes[2]), challenge.session)
    assert login.confirm(codes[3]).status_code == 401
    assert_over(challenge.guess(codes[4]))
    assert_refused(login.confirm(right), 422, DEAD)
    assert_over(challenge.guess(right))


def test_who_signed_in_at_one_door_has_ended_what_was_open_at_the_other(server: Server):
    for first in (True, False):
        number = fresh_number()
        login = ByPhoneLogin.begin(server, number)
        challenge = Challenge(server, number=number).started()
        right = challenge.texted_code()
        if first:
            assert code_of(challenge.guess(right))
            assert_refused(login.confirm(right), 404, "003-061")
        else:
            assert login.confirm(right).status_code == 200
            assert_over(challenge.guess(right))


def test_right_codes_at_both_doors_at_once_are_one_sign_in(server: Server):
    number = fresh_number()
    login = ByPhoneLogin.begin(server, number)
    challenge = Challenge(server, number=number).started()
    right = challenge.texted_code()
    replies = at_once(30, lambda index: challenge.guess(right) if index % 2 else login.confirm(right))
    assert [reply.status_code for reply in replies].count(200) == 1


def test_guesses_at_both_doors_at_once_are_ten(start: StartServer):
    server = start()        # ten an hour, unless told otherwise
    number = fresh_number()
    begun = [(door, door.begin(server, number, client))
             for door, client in zip([ByChallenge, ByPhoneLogin] * 3, APPS)]
    rights = {one.texted_code() for _, one in begun}
    codes = [code for code in wrong_codes(20, right="") if code not in rights][:10]

    def guess(index: int) -> bool:
        door, one = begun[index % len(begun)]
        return door.was_compared(door.guess(one, codes[index // len(begun)]))

    assert 1 <= sum(at_once(len(begun) * len(codes), guess)) <= 10
    for door, one in begun:
        assert door.guess(one, one.texted_code()).status_code in (400, 422, 429), "the budget is spent"


def test_a_used_up_budget_of_a_number_says_when_to_come_back(start: StartServer):
    server = start(DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="1")
    challenge = Challenge(server).started()
    assert_wrong(challenge.guess_wrongly(1)[0], challenge.session)
    reply = challenge.guess()
    if reply.json()["error"] == "temporarily_unavailable":
        assert_limited(reply)
    else:
        assert_over(reply)


def test_wrong_guesses_at_one_door_do_not_add_up_at_another_number(shared: StartServer):
    server = shared(DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="5")
    for _ in range(3):
        challenge = Challenge(server).started()
        challenge.guess_wrongly(4)
        assert code_of(challenge.guess())


# MARK: many at once


def test_first_calls_that_race_the_pause_are_one_text(shared: StartServer):
    server = shared(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    number = fresh_number()
    challenges = [Challenge(server, number=number) for _ in range(50)]
    replies = at_once(50, lambda index: challenges[index].begin())
    assert Counter(reply.status_code for reply in replies) == {400: 1, 429: 49}
    for reply in replies:
        if reply.status_code == 429:
            assert assert_limited(reply, most_seconds=30) >= 25
    Challenge(server).started().text()
    assert len(server.outbox.messages(number)) == 1


def test_resends_that_race_the_pause_are_one_text(start: StartServer):
    server = start(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="1")
    challenge = Challenge(server).started()
    challenge.text()
    assert_limited(challenge.resend(), most_seconds=1)
    time.sleep(1)
    replies = at_once(30, lambda _: challenge.call({"auth_session": challenge.session, "resend": "true"}))
    assert Counter(reply.status_code for reply in replies) == {400: 1, 429: 29}
    server.outbox.wait(challenge.number, 2)
    Challenge(server).started().text()
    assert len(server.outbox.messages(challenge.number)) == 2
    assert code_of(challenge.guess())


def test_a_hundred_texts_to_one_number_through_two_doors_are_five(start: StartServer):
    server = start(DENWA_LIMITS_SEND_PER_NUMBER=f"5/{HOUR}")
    number = fresh_number()
    doors = [ByChallenge, ByPhoneLogin]
    passed = at_once(
        100, lambda index: doors[index % 2].passed(doors[index % 2].begin(server, number, APPS[index % 6]).reply))
    assert sum(passed) == 5
    Challenge(server).started().text()
    assert len(server.outbox.messages(number)) == 5


# MARK: the victim


@both_ways
def test_a_device_that_is_known_at_one_door_is_let_in_at_the_other(shared: StartServer, first: Any, second: Any):
    """Strangers have used up the number's guesses."""
    server = shared(DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="5")
    owner = first.begin(server, fresh_number())
    device = first.guess(owner, owner.texted_code()).json()["device_id"]
    for client in APPS[1:3]:
        stranger = ByChallenge.begin(server, owner.number, client)
        for code in wrong_codes(4, right=stranger.texted_code()):
            stranger.guess(code)
    assert stranger.guess().status_code in (400, 429)

    back = second.begin(server, owner.number, device_id=device)
    assert second.guess(back, back.texted_code()).status_code == 200


def test_a_device_id_of_another_number_is_ignored(shared: StartServer):
    server = shared(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    stranger = Challenge(server).started()
    device = stranger.guess().json()["device_id"]
    victim = Challenge(server).started()
    for claimed in (device, "x", "A" * len(device)):
        assert_limited(Challenge(server, number=victim.number, form={"device_id": claimed}).begin(), 30)
    assert code_of(victim.guess())


# MARK: providers


def test_no_connector_for_a_country_is_told(start: StartServer, tmp_path):
    connectors = [{"type": "file", "path": str(tmp_path / "german.jsonl"), "countries": ["DE"]}]
    server = start(DENWA_MESSAGING_CONNECTORS=json.dumps(connectors))
    reply = Challenge(server).begin()
    assert_oauth_error(reply, 503, "temporarily_unavailable")
    assert int(reply.headers["retry-after"]) >= 1


def test_a_country_that_gets_no_texts_is_refused(start: StartServer):
    server = start(DENWA_PHONE_ALLOWED_COUNTRIES="DE")
    assert_oauth_error(Challenge(server).begin(), 400, "invalid_request")
    assert_challenged(Challenge(server, number=fresh_number("+49151")).begin())


# MARK: oracles


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return len(value) if isinstance(value, str) else type(value).__name__


def looks(reply: httpx.Response) -> tuple[Any, ...]:
    """All of a reply that another reply of the same kind must have too."""
    changing = CHANGING_HEADERS | {"retry-after", "ratelimit"}
    headers = [(name, value) for name, value in reply.headers.multi_items() if name not in changing]
    body = reply.json()
    return reply.status_code, headers, shape(body), body.get("error"), body.get("error_description")


@pytest.fixture(scope="module")
def numbers(server: Server) -> Callable[[], dict[str, str]]:
    """A number that nobody has, one with an account, one of a disabled account, and one of a deleted account."""
    def make() -> dict[str, str]:
        made = {"unknown": fresh_number()}
        for kind in ("known", "disabled", "deleted"):
            made[kind] = Challenge(server).number
            Challenge(server, number=made[kind]).tokens()
        for kind, act in (("disabled", ["disable"]), ("deleted", ["delete", "--yes"])):
            done = server.command("users", *act, made[kind])
            assert done.returncode == 0, done.stderr
        return made

    return make


def assert_same(replies: dict[str, httpx.Response]) -> None:
    expected = looks(replies["unknown"])
    for kind, reply in replies.items():
        assert looks(reply) == expected, kind


def test_numbers_look_the_same_up_to_the_right_code(server: Server, numbers):
    challenges = {kind: Challenge(server, number=number) for kind, number in numbers().items()}
    assert_same({kind: one.begin() for kind, one in challenges.items()})
    texts = {kind: re.sub(r"\d", "0", one.text()["body"]) for kind, one in challenges.items()}
    assert len(set(texts.values())) == 1
    guesses = {kind: iter(wrong_codes(5, right=one.texted_code())) for kind, one in challenges.items()}
    for _ in range(2):
        assert_same({kind: one.guess(next(guesses[kind])) for kind, one in challenges.items()})
    assert_same({kind: one.guess("") for kind, one in challenges.items()})
    assert_same({kind: one.resend() for kind, one in challenges.items()})
    for _ in range(3):
        assert_same({kind: one.guess(next(guesses[kind])) for kind, one in challenges.items()})
    assert_same({kind: one.guess() for kind, one in challenges.items()})
    assert_same({kind: one.resend() for kind, one in challenges.items()})


def test_known_and_unknown_numbers_look_the_same_to_the_end(server: Server, numbers):
    made = numbers()
    challenges = {kind: Challenge(server, number=made[kind]) for kind in ("unknown", "known", "deleted")}
    for one in challenges.values():
        one.begin()
    finished = {kind: one.guess() for kind, one in challenges.items()}
    assert_same(finished)
    assert_same({kind: one.redeem(code_of(finished[kind])) for kind, one in challenges.items()})


def test_limits_look_the_same(shared: StartServer):
    server = shared(DENWA_LIMITS_SEND_PER_NUMBER=f"2/{HOUR}")
    known, unknown = Challenge(server).started(), Challenge(server).started()
    assert known.guess().status_code == 200
    replies = [[Challenge(server, "second", one.number).begin() for _ in range(2)] for one in (known, unknown)]
    assert [reply.status_code for reply in replies[0]] == [400, 429]
    assert [looks(reply) for reply in replies[0]] == [looks(reply) for reply in replies[1]]


def test_guessing_takes_the_same_time(server: Server):
    """Coarse on purpose: finds a lookup, a hash or a write more on one side, not a cache line."""
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(6):
        pair = {"known": Challenge(server), "unknown": Challenge(server)}
        Challenge(server, number=pair["known"].number).tokens()
        wrong = {}
        for kind, one in pair.items():
            wrong[kind] = wrong_codes(4, right=one.started().texted_code())
        for turn in range(4):
            for kind, one in pair.items():
                began = time.perf_counter()
                assert_wrong(one.guess(wrong[kind][turn]), one.session)
                took[kind].append(time.perf_counter() - began)
    known, unknown = (sorted(took[kind])[5] for kind in ("known", "unknown"))
    assert abs(known - unknown) < max(known, unknown) * 0.5 + 0.001
