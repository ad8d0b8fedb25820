"""What a stranger with nothing but an app's key learns of its users: nothing. Nor can they lock anybody out."""

from __future__ import annotations

import itertools
import json
import re
import statistics
import time
from typing import Any, Callable

import httpx
import pytest

from harness import CHANGING_HEADERS, Server, at_once, code_in, fresh_number, six_digits_other_than, wrong_codes
from kii import (
    LOGIN_FAILED, ORIGIN, PASSWORD, App, assert_error, assert_no_message, assert_rate_limited, fresh_email,
    fresh_name, key_of, start_kii,
)

NEW = "another 9 Green kites"

#: Texts to one number and guesses at it, so that thresholds can be compared too.
LIMITS = {"DENWA_LIMITS_SEND_PER_NUMBER": "4/3600", "DENWA_LIMITS_PASSWORD_PER_IDENTIFIER": "4/3600",
          "DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR": "10"}


@pytest.fixture(scope="module")
def kii(start_module_server) -> Server:
    return start_kii(start_module_server, **LIMITS)


def person(app: App, how: str) -> dict[str, str]:
    """Name, number and address of somebody who is there, or is not."""
    fields = {"loginName": fresh_name(), "phoneNumber": fresh_number(), "emailAddress": fresh_email()}
    if how == "missing":
        return fields
    user = app.sign_up(**fields)
    if how == "disabled":
        app.disable(user.id)
    if how == "deleted":
        assert user.call("DELETE").status_code == 204
    return fields


def seen(reply: httpx.Response, fields: dict[str, str]) -> tuple[Any, ...]:
    """All of a reply that must not differ. Seconds may, by a tick."""
    headers = [(name, value) for name, value in reply.headers.multi_items() if name not in CHANGING_HEADERS]
    text = str((reply.status_code, headers, reply.content))
    for value in fields.values():
        assert value not in text
    return re.sub(r"(retry-after', '|;[tr]=|\"retry_?[aA]fter\":)\d+", r"\1n", text), [name for name, _ in headers]


#: What a stranger may do, six times, at an address.
ACTS: dict[str, Callable[[App, str], httpx.Response]] = {
    "login": lambda app, address: app.log_in(address, "wrong " + PASSWORD),
    "verify": lambda app, address: app.verify(address, "314159"),
    "resend": lambda app, address: app.resend(address),
    "verify a mail": lambda app, address: app.verify(address, "314159", "email-address"),
    "resend a mail": lambda app, address: app.resend(address, "email-address"),
    "reset": lambda app, address: app.request_reset(address),
    "reset by mail": lambda app, address: app.request_reset(address, "EMAIL"),
    "complete a reset": lambda app, address: app.complete_reset(address, "314159", NEW),
    "complete with a bad password": lambda app, address: app.complete_reset(address, "314159", "short"),
    "look": lambda app, address: app.address("GET", address),
}
EXPECTED = {
    "login": 400, "verify": 400, "resend": 204, "reset": 204, "complete a reset": 400, "look": 401}

FIELDS = {"PHONE:": "phoneNumber", "LOGIN_NAME:": "loginName", "EMAIL:": "emailAddress"}
KINDS = ("missing", "existing", "disabled", "deleted")


@pytest.mark.parametrize(("act", "way"), [
    ("login", "PHONE:"), ("login", "LOGIN_NAME:"), ("verify", "PHONE:"), ("verify", "LOGIN_NAME:"),
    ("resend", "PHONE:"), ("resend", "LOGIN_NAME:"), ("verify a mail", "EMAIL:"), ("resend a mail", "EMAIL:"),
    ("reset", "PHONE:"), ("reset", "LOGIN_NAME:"), ("reset by mail", "EMAIL:"), ("complete a reset", "PHONE:"),
    ("complete a reset", "EMAIL:"), ("complete with a bad password", "PHONE:"), ("look", "EMAIL:"),
])
@pytest.mark.parametrize("app_id", ["open", "proven"])
def test_everybody_looks_like_nobody_down_to_the_limit(kii: Server, app_id: str, act: str, way: str):
    app = App(kii, app_id)

    def of(index: int) -> list[tuple[Any, ...]]:
        fields = person(app, KINDS[index])
        return [seen(ACTS[act](app, way + fields[FIELDS[way]]), fields) for _ in range(6)]

    replies = dict(zip(KINDS, at_once(len(KINDS), of)))
    for how in KINDS[1:]:
        assert replies[how] == replies["missing"], how
    if act in EXPECTED:
        assert replies["missing"][0][0].startswith(f"({EXPECTED[act]},")


def test_registering_with_a_taken_number_looks_like_any_other_where_numbers_are_verified(kii: Server):
    proving = App(kii, "proven")
    taken, free = proving.proven_user().given["phoneNumber"], fresh_number()
    replies = [proving.register(phoneNumber=number) for number in (taken, free)]
    assert [reply.status_code for reply in replies] == [201, 201]
    assert [sorted(reply.json()) for reply in replies] == [sorted(replies[1].json())] * 2
    assert len({(len(reply.content), *reply.headers) for reply in replies}) == 1


def test_a_right_code_of_somebody_disabled_is_wrong(kii: Server):
    app, proving = App(kii, "open"), App(kii, "proven")
    forgetful, unproven = app.sign_up(phoneNumber=fresh_number()), proving.sign_up(phoneNumber=fresh_number())
    reset, pending = (f"PHONE:{user.given['phoneNumber']}" for user in (forgetful, unproven))
    app.request_reset(reset)
    pin, code, nobody = forgetful.code(), unproven.code(), f"PHONE:{fresh_number()}"
    app.disable(forgetful.id)
    proving.disable(unproven.id)
    assert app.complete_reset(reset, pin, NEW).content == app.complete_reset(nobody, pin, NEW).content
    assert proving.verify(pending, code).content == proving.verify(nobody, code).content
    app.disable(forgetful.id, False)
    assert app.log_in(forgetful.given["phoneNumber"]).status_code == 200


def test_the_time_of_a_failed_login_tells_nothing(start_server):
    """Sixty failed logins each, in turns: the medians of any two kinds of people differ by less than 10 %.

    A median does not see the moments in which this machine did something else, and turns give every kind its share of
    them. When they were more than half of all moments the run says nothing: it is repeated once.
    """
    server = start_kii(start_server)
    app = App(server, "open")
    number = fresh_number()
    server.login(number=number).tokens()
    disabled = app.sign_up()
    app.disable(disabled.id)
    kinds = {"existing": app.sign_up().given["loginName"], "missing": fresh_name(), "no password": number,
             "disabled": disabled.given["loginName"]}

    def medians() -> dict[str, float]:
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(60):
            for kind in list(kinds)[turn % 4:] + list(kinds)[:turn % 4]:
                password = PASSWORD if kind == "disabled" and turn % 2 else "wrong " + PASSWORD
                began = time.perf_counter()
                reply = app.log_in(kinds[kind], password)
                took[kind].append(time.perf_counter() - began)
                assert reply.content == LOGIN_FAILED
        return {kind: statistics.median(times) for kind, times in took.items()}

    for _ in range(2):
        found = medians()
        if max(found.values()) < 1.1 * min(found.values()):
            return
    raise AssertionError({kind: f"{seconds * 1000:.1f} ms" for kind, seconds in found.items()})


# MARK: 9. The victim


def test_strangers_who_burn_the_codes_of_a_number_do_not_lock_its_owner_out(start_server):
    """The owner's address is known from a login; strangers come from many."""
    server = start_kii(start_server, DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1",
                       DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="6", DENWA_LIMITS_SEND_PER_NUMBER="3/3600")
    app = App(server, "open")
    home, number = app.at("203.0.113.7"), fresh_number()
    home.sign_up(phoneNumber=number)
    assert home.log_in(number).status_code == 200
    for stranger in [app.at(f"198.51.100.{last}") for last in range(1, 5)]:
        stranger.request_reset(f"PHONE:{number}")
        for code in wrong_codes(5, right=""):
            assert stranger.complete_reset(f"PHONE:{number}", code, NEW).status_code in (400, 429)
    sent = len(server.outbox.messages(number))
    assert home.request_reset(f"PHONE:{number}").status_code == 204
    pin = code_in(server.outbox.wait(number, sent + 1))
    wrong = home.complete_reset(f"PHONE:{number}", six_digits_other_than(pin), NEW)
    assert_error(wrong, 400, "INVALID_VERIFICATION_CODE")
    assert home.complete_reset(f"PHONE:{number}", pin, NEW).status_code == 204
    assert home.log_in(number, NEW).status_code == 200


def test_registrations_from_one_place_are_limited(start_server):
    server = start_kii(start_server, DENWA_LIMITS_REGISTER_PER_IP="3/3600", DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1")
    here, elsewhere = App(server, "open").at("203.0.113.7"), App(server, "proven").at("198.51.100.1")
    assert [here.register(loginName=fresh_name()).status_code for _ in range(3)] == [201] * 3
    number = fresh_number()
    assert_rate_limited(App(server, "proven", here.http).register(phoneNumber=number))
    assert elsewhere.register(phoneNumber=fresh_number()).status_code == 201
    assert_no_message(server, number)


# MARK: other origins

HEADERS = "authorization,content-type,x-kii-appid,x-kii-appkey"


@pytest.mark.parametrize(("method", "path"), [
    ("POST", "/users"), ("POST", "/oauth2/token"), ("GET", "/users/me"), ("PATCH", "/users/me"),
    ("DELETE", "/users/me"), ("PUT", "/users/me/phone-number"),
    ("POST", "/users/PHONE:%2B819012345678/password/request-reset"),
])
def test_a_registered_origin_may_call_and_no_other(kii: Server, method: str, path: str):
    for origin, allowed in ((ORIGIN, True), ("https://evil.example", False), ("null", False), (f"{ORIGIN}:8", False)):
        asked = kii.http.options(f"/api/apps/open{path}", headers={
            "Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": HEADERS})
        told = App(kii, "open").call(method, path, by={}, Origin=origin)
        assert told.status_code >= 400
        for reply in (asked, told):
            assert reply.headers.get("access-control-allow-origin") == (ORIGIN if allowed else None)
            assert "access-control-allow-credentials" not in reply.headers
            assert "origin" in reply.headers.get("vary", "").lower() or not allowed
        if allowed:
            assert asked.is_success
            assert method in re.split(r",\s*", asked.headers["access-control-allow-methods"])
            sendable = re.split(r",\s*", asked.headers["access-control-allow-headers"].lower())
            assert set(HEADERS.split(",")) <= set(sendable)
            assert "location" in told.headers.get("access-control-expose-headers", "").lower() or method != "POST"


# MARK: what is written down


def test_no_log_holds_a_code_a_password_a_token_or_a_number(start_server):
    server = start_kii(start_server, DENWA_LOG_LEVEL="trace")
    app, secrets, numbers = App(server, "proven"), {key_of("proven"), PASSWORD, NEW}, []
    for _ in range(3):
        user = app.sign_up(loginName=fresh_name(), phoneNumber=fresh_number(), emailAddress=fresh_email())
        number, email, new = user.given["phoneNumber"], user.given["emailAddress"], fresh_number()
        numbers += [number, new]
        user.verify_wrongly(2, user.code())
        user.resend()
        assert user.verify(user.code(count=2)).status_code == 200
        user.verify(user.code(email), "email-address")
        user.change_number(new)
        assert user.verify(user.code(new)).status_code == 200
        app.request_reset(f"PHONE:{new}")
        pin = user.code(new, 2)
        app.complete_reset(f"PHONE:{new}", six_digits_other_than(pin), NEW)
        app.complete_reset(f"PHONE:{new}", pin, NEW)
        app.log_in(new, "wrong password %1")
        ending = app.log_in(new, NEW, expiresAt=int(time.time() + 900) * 1000).json()
        app.refresh(ending["refresh_token"])
        app.call("GET", f"/users/PHONE:{number}?token={user.token}", by=user.token)
        links = re.findall(r"token=(\S+)", "".join(message["body"] for message in server.outbox.messages(number)))
        assert len(links) == 1
        server.http.get(f"/account/undo?token={links[0]}")
        secrets |= {user.token, ending["access_token"], ending["refresh_token"], "wrong password %1", email, *links}
        secrets |= {f'"{code}"' for code in (user.code(), user.code(count=2), user.code(email), user.code(new), pin)}
    written = server.log() + "\n".join(server.developer_log())
    assert '"client_id":"proven"' in "".join(server.developer_log()) and len(server.log()) > 1_000
    for secret in itertools.chain(secrets, (json.dumps(secret)[1:-1] for secret in secrets)):
        assert secret not in written
    for number in numbers:
        assert not re.search(rf"(?<!\d)(81|0)?{number[3:]}(?!\d)", written)
