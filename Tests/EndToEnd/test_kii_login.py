"""Logging in at an app of Kii Cloud: every form of a username, tokens that last for ever or not, and one refusal."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from harness import Server, fresh_number, secret_of
from kii import (
    PASSWORD, App, User, assert_error, assert_login_failed, assert_rate_limited, fresh_email, fresh_name, key_of,
    start_kii,
)

FOREVER = 2_147_483_647

both_forms = pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])


@pytest.fixture(scope="module")
def kii(start_module_server) -> Server:
    return start_kii(start_module_server)


@pytest.fixture
def app(kii: Server) -> App:
    return App(kii, "open")


@pytest.fixture(scope="module")
def player(kii: Server) -> User:
    return App(kii, "open").sign_up(
        loginName=fresh_name(), emailAddress=fresh_email(), phoneNumber=fresh_number())


def full_width(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


# MARK: who logs in


USERNAMES: dict[str, Callable[[dict[str, Any]], str]] = {
    "login name": lambda user: user["loginName"],
    "login name in capitals": lambda user: user["loginName"].upper(),
    "login name full width": lambda user: full_width(user["loginName"]),
    "LOGIN_NAME:": lambda user: "LOGIN_NAME:" + user["loginName"],
    "address": lambda user: user["emailAddress"],
    "address in capitals": lambda user: user["emailAddress"].upper(),
    "EMAIL:": lambda user: "EMAIL:" + user["emailAddress"],
    "number": lambda user: user["phoneNumber"],
    "PHONE:+": lambda user: "PHONE:" + user["phoneNumber"],
    "PHONE:JP-": lambda user: "PHONE:JP-" + user["phoneNumber"][3:],
    "PHONE:JP-0": lambda user: "PHONE:JP-0" + user["phoneNumber"][3:],
}


@both_forms
@pytest.mark.parametrize("username", USERNAMES.values(), ids=USERNAMES.keys())
def test_every_form_of_a_username_logs_in(app: App, player: User, username: Callable, form: bool):
    reply = app.log_in(username(player.given), form=form)
    assert reply.status_code == 200, reply.text
    assert reply.json()["id"] == player.id


@pytest.mark.parametrize("grant", [{}, {"grant_type": "password"}], ids=["no grant_type", "password"])
def test_a_login_answers_as_the_sdks_expect(app: App, player: User, grant: dict[str, str]):
    reply = app.log_in(player.given["loginName"], **grant)
    answered = reply.json()
    assert {name: answered[name] for name in ("id", "expires_in", "token_type")} == {
        "id": player.id, "expires_in": FOREVER, "token_type": "bearer"}
    assert set(answered) == {"id", "access_token", "expires_in", "token_type"}
    assert "no-store" in reply.headers["cache-control"]
    assert app.accepts(answered["access_token"])


@pytest.mark.parametrize("credentials", ["Basic", "X-Kii"])
@both_forms
def test_the_older_route_takes_the_app_from_its_credentials(app: App, player: User, credentials: str, form: bool):
    headers = app.basic if credentials == "Basic" else {"X-Kii-AppID": "open", "X-Kii-AppKey": key_of("open")}
    body = {"data" if form else "json": {"username": player.given["loginName"], "password": PASSWORD}}
    reply = app.server.http.post("/api/oauth2/token", headers=headers, **body)
    assert reply.status_code == 200, reply.text
    assert (reply.json()["id"], reply.json()["expires_in"]) == (player.id, FOREVER)


@pytest.mark.parametrize("path", ["/api/apps/open/oauth2/token", "/api/oauth2/token"])
def test_a_wrong_key_logs_nobody_in(kii: Server, player: User, path: str):
    body = {"username": player.given["loginName"], "password": PASSWORD}
    for headers in ({}, {"X-Kii-AppID": "open", "X-Kii-AppKey": "x"}, {"X-Kii-AppID": "x", "X-Kii-AppKey": "x"}):
        assert_error(kii.http.post(path, json=body, headers=headers), 401, "UNAUTHORIZED")


def test_with_verification_only_a_proven_address_logs_in(kii: Server):
    proving = App(kii, "proven")
    number, email = fresh_number(), fresh_email()
    user = proving.sign_up(loginName=fresh_name(), phoneNumber=number, emailAddress=email)
    for address in (number, email, f"PHONE:{number}", f"EMAIL:{email}"):
        assert_login_failed(proving.log_in(address))
    assert proving.log_in(user.given["loginName"]).status_code == 200
    assert user.verify(user.code(number)).status_code == 200
    assert proving.log_in(number).status_code == 200
    assert_login_failed(proving.log_in(email))
    assert user.verify(user.code(email), "email-address").status_code == 200
    assert proving.log_in(email).status_code == 200


# MARK: how long


def milliseconds(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


@both_forms
def test_a_token_with_an_end_says_what_is_left_and_brings_a_refresh_token(app: App, player: User, form: bool):
    answered = app.log_in(player.given["loginName"], form=form, expiresAt=milliseconds(1000)).json()
    assert 995 <= answered["expires_in"] <= 1000
    renewed = app.refresh(answered["refresh_token"])
    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["id"] == player.id
    assert renewed.json()["access_token"] != answered["access_token"]
    assert app.accepts(renewed.json()["access_token"])


def test_a_token_ends_when_it_said(app: App, player: User):
    answered = app.log_in(player.given["loginName"], expiresAt=milliseconds(2.5)).json()
    assert 1 <= answered["expires_in"] <= 2
    assert app.accepts(answered["access_token"])
    time.sleep(2.7)
    assert not app.accepts(answered["access_token"])
    assert player.is_in(), "others do not end with it"


@pytest.mark.parametrize("end", [0, -1, 1_000, "soon", "", [], {}, True, 1.5e300, "now"])
def test_an_end_that_is_none_is_refused(app: App, player: User, end: Any):
    end = milliseconds(-60) if end == "now" else end
    reply = app.log_in(player.given["loginName"], expiresAt=end)
    assert reply.status_code == 400
    assert "access_token" not in reply.text


def test_a_cap_of_the_operator_bounds_every_token(start_server):
    app = App(start_kii(start_server, DENWA_KII_MAX_TOKEN_LIFETIME="3"), "open")
    user = app.sign_up()
    name = user.given["loginName"]
    answered = app.log_in(name).json()
    assert answered["expires_in"] <= 3 and answered["refresh_token"]
    assert app.log_in(name, expiresAt=milliseconds(5000)).json()["expires_in"] <= 3
    assert app.log_in(name, expiresAt=milliseconds(1.9)).json()["expires_in"] <= 1
    renewed = app.refresh(answered["refresh_token"]).json()
    assert renewed["expires_in"] <= 3
    time.sleep(3.2)
    for token in (user.token, answered["access_token"], renewed["access_token"]):
        assert not app.accepts(token)
    assert app.refresh(renewed["refresh_token"]).status_code == 200, "that is what it is for"


def test_a_token_for_ever_outlives_a_restart_and_can_be_revoked(start_server):
    server = start_kii(start_server)
    app = App(server, "open")
    user = app.sign_up()
    other = user.again()
    server.end()
    server.start()
    assert server.revoke(user.token, by="proven").status_code in (200, 400)
    assert user.is_in() and other.is_in(), "another client's to revoke"
    assert server.revoke(user.token, by="open").status_code == 200
    assert not user.is_in() and other.is_in()


# MARK: who does not


@both_forms
@pytest.mark.parametrize("how", ["missing", "disabled", "deleted", "wrong password"])
def test_every_failure_is_the_same_to_the_byte(app: App, how: str, form: bool):
    user = app.sign_up()
    if how == "disabled":
        app.disable(user.id)
    if how == "deleted":
        assert user.call("DELETE").status_code == 204
    name = fresh_name() if how == "missing" else user.given["loginName"]
    assert_login_failed(app.log_in(name, "x" + PASSWORD if how == "wrong password" else PASSWORD, form=form))


@pytest.mark.parametrize("username", [
    "+", "PHONE:", "PHONE:JP-", "PHONE:XX-9012345678", "EMAIL:", "LOGIN_NAME:", "ID:x", "me", "a" * 10_000,
    "name\0", "' OR 1=1 --", "\ud83d\ude00", "PHONE:PHONE:+819012345678", "00000000-0000-4000-8000-000000000000",
])
def test_a_username_that_nobody_can_have_fails_like_any_other(app: App, username: str):
    assert_login_failed(app.log_in(username))


@pytest.mark.parametrize("change", [
    {"username": None}, {"password": None}, {"grant_type": "authorization_code"}, {"grant_type": "implicit"},
    {"username": 7}, {"username": []}, {"password": 7}, {"password": [PASSWORD]}, {"password": ""},
    {"grant_type": "refresh_token"}, {"grant_type": "refresh_token", "refresh_token": "A" * 43}, {"grant_type": 7},
])
def test_a_call_with_one_thing_wrong_gives_no_token(app: App, player: User, change: dict[str, Any]):
    members = {"username": player.given["loginName"], "password": PASSWORD} | change
    reply = app.token({name: value for name, value in members.items() if value is not None})
    assert reply.status_code == 400, reply.text
    assert reply.json()["errorCode"] and "access_token" not in reply.text
    assert PASSWORD not in reply.text


def test_the_apps_own_client_gets_an_administrators_token_here_too(kii: Server, player: User):
    own = {"client_id": "open", "client_secret": secret_of("open")}
    for members in (own, own | {"grant_type": "client_credentials"}):
        reply = App(kii, "open").token(members)
        assert reply.status_code == 200, reply.text
        shown = App(kii, "open").call("GET", f"/users/{player.id}", by=reply.json()["access_token"])
        assert shown.json()["userID"] == player.id
    for wrong in ({"client_secret": "wrong"}, {"client_id": "proven"}, {"client_id": "bare"}, {"client_secret": ""}):
        assert App(kii, "open").token(own | wrong).status_code in (400, 401)


# MARK: limits. What one place may try, and that it locks nobody out


def test_wrong_guesses_at_one_name_end_for_strangers_and_not_for_its_owner(start_server):
    limits = {"DENWA_LIMITS_PASSWORD_PER_IDENTIFIER": "4/3600", "DENWA_HTTP_TRUSTED_PROXIES": "127.0.0.1"}
    server = start_kii(start_server, **limits)
    app = App(server, "open")
    home, stranger, other = app.at("203.0.113.7"), app.at("198.51.100.1"), app.at("192.0.2.99")
    victim, nobody = app.sign_up(), fresh_name()
    name = victim.given["loginName"]
    assert home.log_in(name).status_code == 200, "from here the owner is known"
    for guessed in (name, nobody):
        replies = [stranger.log_in(spelling, "wrong") for spelling in (guessed, guessed.upper(), guessed.lower()) * 2]
        assert [reply.status_code for reply in replies] == [400] * 4 + [429] * 2, "spellings share the budget"
        assert_rate_limited(replies[-1])
        assert_rate_limited(other.log_in(guessed, "wrong"))
    assert_rate_limited(stranger.log_in(name))
    assert home.log_in(name, "wrong").status_code == 400
    assert home.log_in(name).status_code == 200
    assert stranger.log_in(app.sign_up().given["loginName"]).status_code == 200


def test_guesses_from_one_place_end_whoever_they_are_at(start_server):
    server = start_kii(start_server, DENWA_LIMITS_PASSWORD_PER_IP="3/3600", DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1")
    app = App(server, "open")
    here, elsewhere = app.at("2001:db8:5:5::1"), app.at("2001:db8:5:6::1")
    name = app.at("203.0.113.1").sign_up().given["loginName"]
    assert [here.log_in(who, "wrong").status_code for who in (name, fresh_name(), fresh_name())] == [400] * 3
    assert_rate_limited(app.at("2001:db8:5:5:ffff::2").log_in(fresh_name(), "wrong"))
    assert elsewhere.log_in(name).status_code == 200
