"""Passwords at an app of Kii Cloud: changed, forgotten, reset; and the words of every message that an app sends."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from harness import Server, code_in, fresh_number, wrong_codes
from kii import (
    PASSWORD, QUIET, App, User, assert_error, assert_login_failed, assert_no_message, fresh_email, fresh_name,
    kii_clients, start_kii,
)

NEW = "another 9 Green kites"
INVALID, BAD = "INVALID_VERIFICATION_CODE", "INVALID_INPUT_DATA"


@pytest.fixture(scope="module")
def kii(start_module_server) -> Server:
    return start_kii(start_module_server)


@pytest.fixture
def app(kii: Server) -> App:
    return App(kii, "open")


@pytest.fixture
def user(app: App) -> User:
    return app.sign_up(loginName=fresh_name(), phoneNumber=fresh_number(), emailAddress=fresh_email())


def change(user: User, old: Any, new: Any) -> Any:
    members = {"oldPassword": old, "newPassword": new}
    return user.call("PUT", "/password", {name: value for name, value in members.items() if value is not None})


# MARK: changing it


def test_a_new_password_ends_every_token(app: App, user: User):
    other = user.again()
    bounded = app.log_in(user.given["loginName"], expiresAt=int(time.time() + 900) * 1000).json()
    reply = change(user, PASSWORD, NEW)
    assert (reply.status_code, reply.content) == (204, b"")
    assert not user.is_in() and not other.is_in()
    assert not app.accepts(bounded["access_token"])
    assert_login_failed(app.refresh(bounded["refresh_token"]))
    assert_login_failed(app.log_in(user.given["loginName"]))
    assert app.log_in(user.given["loginName"], NEW).json()["id"] == user.id


@pytest.mark.parametrize("old", ["wrong", PASSWORD.upper(), PASSWORD + " ", "", None], ids=repr)
def test_without_the_old_password_nothing_changes(app: App, user: User, old: Any):
    reply = change(user, old, NEW)
    assert_error(reply, *((400, BAD) if old is None and reply.status_code == 400 else (401, "UNAUTHORIZED")))
    assert user.is_in()
    assert_login_failed(app.log_in(user.given["loginName"], NEW))


@pytest.mark.parametrize("new", [
    "Sh0rt!x", "password123", "é" * 128 + "a", "", 1234567890, None, ["a", "b"]], ids=repr)
def test_a_new_password_that_may_not_be_is_refused(user: User, new: Any):
    assert_error(change(user, PASSWORD, new), 400, BAD, "newPassword")
    assert user.is_in() and user.again().is_in()


def test_the_login_name_is_no_password(user: User):
    assert_error(change(user, PASSWORD, user.given["loginName"]), 400, BAD, "newPassword")


def test_an_app_alone_changes_no_password(app: App, user: User):
    body = {"oldPassword": PASSWORD, "newPassword": NEW}
    for address in ("me", user.id, "LOGIN_NAME:" + user.given["loginName"]):
        assert_error(app.address("PUT", address, "/password", body), 401, "UNAUTHORIZED")
    assert user.again().is_in()


# MARK: forgotten


@pytest.mark.parametrize("method", ["SMS", "EMAIL"])
@pytest.mark.parametrize("way", ["PHONE:", "PHONE:JP-", "EMAIL:", "LOGIN_NAME:", "id"])
def test_a_pin_by_text_or_mail_sets_a_new_password(app: App, user: User, method: str, way: str):
    address = {
        "PHONE:": "PHONE:" + user.given["phoneNumber"], "PHONE:JP-": "PHONE:JP-" + user.given["phoneNumber"][3:],
        "EMAIL:": "EMAIL:" + user.given["emailAddress"], "LOGIN_NAME:": "LOGIN_NAME:" + user.given["loginName"],
        "id": user.id,
    }[way]
    asked = app.request_reset(address, method)
    assert (asked.status_code, asked.content) == (204, b"")
    pin = user.code(user.given["phoneNumber" if method == "SMS" else "emailAddress"])
    assert user.is_in(), "asking alone ends nothing"
    done = app.complete_reset(address, pin, NEW)
    assert (done.status_code, done.content) == (204, b"")
    assert not user.is_in()
    assert_login_failed(app.log_in(user.given["loginName"]))
    assert app.log_in(user.given["loginName"], NEW).json()["id"] == user.id
    assert_error(app.complete_reset(address, pin, PASSWORD), 400, INVALID)


def test_an_account_without_a_password_gets_its_first_one(kii: Server, app: App):
    number = fresh_number()
    kii.login(number=number).tokens()
    assert_login_failed(app.log_in(number))
    assert app.request_reset(f"PHONE:{number}").status_code == 204
    assert app.complete_reset(f"PHONE:{number}", code_in(kii.outbox.wait(number, 2)), NEW).status_code == 204
    assert app.log_in(number, NEW).status_code == 200


@pytest.mark.parametrize("method", ["SMS", "EMAIL"])
def test_only_the_right_pin_within_five_guesses(app: App, user: User, method: str):
    address = "LOGIN_NAME:" + user.given["loginName"]
    app.request_reset(address, method)
    pin = user.code(user.given["phoneNumber" if method == "SMS" else "emailAddress"])
    for wrong in wrong_codes(5, right=pin):
        assert_error(app.complete_reset(address, wrong, NEW), 400, INVALID)
    assert_error(app.complete_reset(address, pin, NEW), 400, INVALID)
    assert user.again().is_in()


@pytest.mark.parametrize(("method", "setting"), [
    ("SMS", "DENWA_PHONE_CODE_LIFETIME_SECONDS"), ("EMAIL", "DENWA_ACCOUNTS_EMAIL_CODE_LIFETIME_SECONDS"),
])
def test_a_pin_expires(start_server, method: str, setting: str):
    app = App(start_kii(start_server, **{setting: "2"}), "open")
    user = app.sign_up(phoneNumber=fresh_number(), emailAddress=fresh_email())
    address = user.given["phoneNumber" if method == "SMS" else "emailAddress"]
    for nth, waits in ((1, 2.2), (2, 0)):
        assert app.request_reset(f"PHONE:{user.given['phoneNumber']}", method).status_code == 204
        pin = user.code(address, nth)
        time.sleep(waits)
        done = app.complete_reset(f"PHONE:{user.given['phoneNumber']}", pin, NEW)
        assert done.status_code == (400 if waits else 204), done.text


def test_a_code_is_good_for_its_own_purpose_and_person_only(kii: Server):
    proving = App(kii, "proven")
    user, other = proving.proven_user(), proving.proven_user()
    mine, new = "PHONE:" + user.given["phoneNumber"], fresh_number()
    proving.request_reset(mine)
    pin = user.code(count=2)
    user.change_number(new)
    code = user.code(new)
    assert_error(proving.complete_reset("PHONE:" + other.given["phoneNumber"], pin, NEW), 400, INVALID)
    if code != pin:
        assert_error(proving.complete_reset(mine, code, NEW), 400, INVALID)
        assert_error(user.verify(pin), 400, INVALID)
    assert App(kii, "open").complete_reset(mine, pin, NEW).status_code == 400, "of another app"
    assert proving.complete_reset(mine, pin, NEW).status_code == 204


def test_an_address_that_is_not_proven_resets_nothing(kii: Server):
    proving = App(kii, "proven")
    user = proving.sign_up(loginName=fresh_name(), phoneNumber=fresh_number(), emailAddress=fresh_email())
    for address, method, kind in (("phoneNumber", "SMS", "PHONE"), ("emailAddress", "EMAIL", "EMAIL")):
        for way in (f"{kind}:{user.given[address]}", f"LOGIN_NAME:{user.given['loginName']}"):
            assert proving.request_reset(way, method).status_code == 204
        assert_no_message(kii, user.given[address], but=1)


@pytest.mark.parametrize("body", [
    {"notificationMethod": "PIGEON"}, {"notificationMethod": 7},
    {"notificationMethod": "SMS", "smsResetMethod": "PIGEON"}, [], b"{",
], ids=repr)
def test_a_way_that_does_not_exist_is_refused(app: App, user: User, body: Any):
    refused = app.address("POST", "PHONE:" + user.given["phoneNumber"], "/password/request-reset", body)
    assert_error(refused, 400, BAD)


# MARK: the words

PURPOSES = ["verification_code", "verification_completed", "password_reset", "password_reset_done", "number_changed"]


def worded(purpose: str, tag: str) -> str:
    places = {"verification_code": " {{code}} {{minutes}}m", "password_reset": " {{code}} {{minutes}}m",
              "number_changed": " {{link}}"}
    return f"{purpose}/{tag} {{{{app}}}}{places.get(purpose, '')}"


def write(server: Server, templates: Any) -> None:
    path = server.directory / "templates.json"
    path.write_text(json.dumps({"templates": templates}))
    server.environment["DENWA_MESSAGING_TEMPLATES_FILE"] = str(path)


TEMPLATES = [
    {"purpose": purpose, "channel": channel, "locale": locale, "text": worded(purpose, f"{channel}/{locale}")}
    | ({"subject": f"S {locale}"} if channel == "email" else {})
    for purpose in PURPOSES for channel in ("sms", "email") for locale in ("en", "zh", "zh-Hans")
    if (purpose, channel) != ("number_changed", "email")
]


@pytest.fixture(scope="module")
def wordy(start_module_server) -> Server:
    server = start_module_server(clients=kii_clients(), started_=False, **QUIET)
    write(server, TEMPLATES)
    return server.start()


@pytest.mark.parametrize(("locale", "tag"), [
    ("zh-Hans-HK", "zh-Hans"), ("zh-Hans", "zh-Hans"), ("zh-Hant-TW", "zh"), ("ZH-hk", "zh"), ("en-GB", "en"),
    ("tlh", "en"),
])
def test_every_message_has_the_operators_words_in_the_users_language(wordy: Server, locale: str, tag: str):
    app, number, email = App(wordy, "thorough"), fresh_number(), fresh_email()

    def came(to: str, count: int, words: str) -> dict[str, Any]:
        message = wordy.outbox.wait(to, count)
        assert re.fullmatch(words, message["body"]), message["body"]
        return message

    def code(to: str, count: int, purpose: str, channel: str, minutes: str) -> str:
        message = came(to, count, rf"{purpose}/{channel}/{tag} App thorough \d{{6}} {minutes}m")
        assert channel == "sms" or message["subject"] == f"S {tag}"
        return code_in(message)

    user = app.sign_up(loginName=fresh_name(), phoneNumber=number, emailAddress=email, locale=locale)
    addresses = ((number, "sms", "[23]", "phone-number"), (email, "email", "1[45]", "email-address"))
    for to, channel, minutes, of in addresses:
        assert user.verify(code(to, 1, "verification_code", channel, minutes), of).status_code == 200
        came(to, 2, f"verification_completed/{channel}/{tag} App thorough")
    for to, channel, minutes, _ in addresses:
        way = f"{'PHONE' if channel == 'sms' else 'EMAIL'}:{to}"
        app.request_reset(way, channel.upper())
        assert app.complete_reset(way, code(to, 3, "password_reset", channel, minutes), PASSWORD).status_code == 204
        came(to, 4, f"password_reset_done/{channel}/{tag} App thorough")
    user, new = user.again(), fresh_number()
    user.change_number(new)
    user.verify(code(new, 1, "verification_code", "sms", "[23]"))
    came(number, 5, rf"number_changed/sms/{tag} App thorough {wordy.url}/account/undo\?token=\S+")


@pytest.mark.parametrize("text", ["{{code}} {{name}}", "{{code}} {{phone}}", "{{Code}}", "{{code}} {{}}", "{{link}}"])
@pytest.mark.parametrize("command", [("config", "check"), ("serve",)], ids=" ".join)
def test_a_place_that_nothing_fills_is_refused(start_server, text: str, command: tuple[str, ...]):
    server = start_server(clients=kii_clients(), started_=False)
    write(server, [TEMPLATES[0], {"purpose": "verification_code", "locale": "ja", "text": text}])
    done = server.command(*command, timeout=20)
    assert done.returncode == 1 and "templates" in done.stdout + done.stderr
