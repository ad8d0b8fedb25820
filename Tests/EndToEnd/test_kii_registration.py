"""Signing up at an app of Kii Cloud: who may, with what, and what comes back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from harness import Server, fresh_number
from kii import (
    AUTHORIZATION, PASSWORD, REGISTRATION, App, assert_error, assert_login_failed, assert_no_message, basic,
    fresh_email, fresh_name, key_of, start_kii,
)


@pytest.fixture(scope="module")
def kii(start_module_server) -> Server:
    return start_kii(start_module_server)


@pytest.fixture
def app(kii: Server) -> App:
    return App(kii, "open")


@pytest.fixture
def proving(kii: Server) -> App:
    return App(kii, "proven")


# MARK: what comes back


def test_a_registration_answers_what_was_given_and_where_the_user_is(app: App):
    given = {
        "loginName": fresh_name(), "displayName": "Ærøskøbing 電話", "emailAddress": fresh_email(),
        "phoneNumber": fresh_number(), "country": "JP", "locale": "ja-JP",
    }
    reply = app.register(**given, score=7, nested={"a": [1, None, "é"]})
    assert reply.status_code == 201, reply.text
    answered = reply.json()
    assert {name: answered[name] for name in given} == given
    assert re.fullmatch(r"[A-Za-z0-9-]{16,64}", answered["userID"])
    assert reply.headers["location"].endswith(f"/apps/open/users/{answered['userID']}")
    assert "_accessToken" not in answered and "password" not in answered
    assert PASSWORD not in reply.text


def test_what_was_not_given_is_not_answered(app: App):
    answered = app.register(loginName=fresh_name()).json()
    assert not {"emailAddress", "phoneNumber", "displayName", "country", "locale"} & set(answered)


@pytest.mark.parametrize("kind", [
    REGISTRATION, AUTHORIZATION, "application/json", "application/json; charset=UTF-8", f"{REGISTRATION};charset=utf-8",
    "application/vnd.kii.SomethingNewer+json", "Application/VND.Kii.RegistrationRequest+JSON",
])
def test_every_content_type_of_the_sdks_registers(app: App, kind: str):
    reply = app.register(kind, loginName=fresh_name())
    assert reply.status_code == 201, reply.text
    if kind == AUTHORIZATION:
        me = app.call("GET", "/users/me", by=reply.json()["_accessToken"])
        assert me.json()["userID"] == reply.json()["userID"]
    else:
        assert "_accessToken" not in reply.json()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_other_content_types_register_nobody(app: App, kind: str):
    name = fresh_name()
    assert app.register(kind, loginName=name).status_code in (400, 415)
    assert app.register(loginName=name).status_code == 201, "the name is free"


@pytest.mark.parametrize("identifier", ["loginName", "emailAddress", "phoneNumber"])
def test_one_identifier_is_enough(app: App, identifier: str):
    fresh = {"loginName": fresh_name, "emailAddress": fresh_email, "phoneNumber": fresh_number}[identifier]()
    assert app.register(**{identifier: fresh}).status_code == 201
    assert app.log_in(fresh).status_code == 200


def test_without_verification_addresses_are_usable_at_once_and_nothing_is_sent(kii: Server, app: App):
    number, email = fresh_number(), fresh_email()
    shown = app.sign_up(phoneNumber=number, emailAddress=email).shown()
    assert (shown["phoneNumber"], shown["phoneNumberVerified"]) == (number, True)
    assert (shown["emailAddress"], shown["emailAddressVerified"]) == (email, True)
    assert not {"_phoneNumberPending", "_emailAddressPending"} & set(shown)
    assert_no_message(kii, number)
    assert_no_message(kii, email)


def test_with_verification_addresses_wait_for_the_codes_that_are_sent_at_once(kii: Server, proving: App):
    number, email = fresh_number(), fresh_email()
    user = proving.sign_up(loginName=fresh_name(), phoneNumber=number, emailAddress=email)
    shown = user.shown()
    assert (shown["_phoneNumberPending"], shown["_emailAddressPending"]) == (number, email)
    assert not shown.get("phoneNumberVerified") and not shown.get("emailAddressVerified")
    text, mail = kii.outbox.wait(number), kii.outbox.wait(email)
    assert (text["channel"], mail["channel"]) == ("sms", "email") and mail["subject"]
    assert re.fullmatch(r"\d{6}", user.code(number)) and re.fullmatch(r"\d{6}", user.code(email))


# MARK: who may register


def sdk(app_id: str, key: str) -> dict[str, str]:
    return {"X-Kii-AppID": app_id, "X-Kii-AppKey": key}


@pytest.mark.parametrize("app_id", ["open", "hashed", "bare"])
@pytest.mark.parametrize("credentials", [basic, sdk], ids=["Basic", "X-Kii"])
def test_an_app_proves_itself_by_its_key(kii: Server, app_id: str, credentials: Any):
    reply = App(kii, app_id).call(
        "POST", "/users", {"loginName": fresh_name(), "password": PASSWORD}, by=credentials(app_id, key_of(app_id)))
    assert reply.status_code == 201, reply.text


STRANGERS = {
    "nothing": ("open", {}),
    "a wrong key": ("open", basic("open", "x" + key_of("open"))),
    "no key": ("open", basic("open", "")),
    "another app's key": ("open", basic("open", key_of("proven"))),
    "another app": ("open", basic("proven", key_of("proven"))),
    "the digest of the key": ("hashed", basic("hashed", "00" * 32)),
    "an app nobody knows": ("nobody", basic("nobody", key_of("nobody"))),
    "a client that is no app": ("machine", basic("machine", key_of("machine"))),
    "half of the headers": ("open", {"X-Kii-AppID": "open"}),
    "the headers of another app": ("open", sdk("proven", key_of("proven"))),
    "the headers and a wrong key": ("open", sdk("open", "wrong")),
    "Basic of nonsense": ("open", {"Authorization": "Basic %%%"}),
    "an unknown token": ("open", {"Authorization": "Bearer " + "A" * 43}),
}


@pytest.mark.parametrize(("app_id", "credentials"), STRANGERS.values(), ids=STRANGERS.keys())
def test_nobody_else_registers_anybody(kii: Server, app: App, app_id: str, credentials: dict[str, str]):
    name = fresh_name()
    refused = App(kii, app_id).call(
        "POST", "/users", {"loginName": name, "password": PASSWORD}, by=credentials)
    assert_error(refused, 401, "UNAUTHORIZED")
    if app_id == "nobody":
        known = app.call("POST", "/users", {"loginName": name}, by=basic("open", "wrong"))
        assert known.content == refused.content.replace(b"nobody", b"open"), "apps cannot be found by trying"
    assert_login_failed(app.log_in(name))


# MARK: what is refused


COMMON, LONG = "password123", "é" * 128

BAD = {
    "no password": ({"password": None}, "password"),
    "a short password": ({"password": "Sh0rt!x"}, "password"),
    "a password of 257 bytes": ({"password": LONG + "a"}, "password"),
    "a common password": ({"password": COMMON}, "password"),
    "the login name": ({"loginName": "SameAsThis77", "password": "SameAsThis77"}, "password"),
    "a password that is a number": ({"password": 1234567890}, "password"),
    "a login name of two": ({"loginName": "ab"}, "loginName"),
    "a login name of 65": ({"loginName": "a" * 65}, "loginName"),
    "a login name with a space": ({"loginName": "a name"}, "loginName"),
    "a login name with @": ({"loginName": "me@home"}, "loginName"),
    "a login name with +": ({"loginName": "+819012345678"}, "loginName"),
    "a login name with a colon": ({"loginName": "EMAIL:me"}, "loginName"),
    "a full-width login name": ({"loginName": "ｐｌａｙｅｒ"}, "loginName"),
    "a login name with a null": ({"loginName": "player\0one"}, "loginName"),
    "an empty login name": ({"loginName": ""}, "loginName"),
    "a login name that is a list": ({"loginName": ["player"]}, "loginName"),
    "no address": ({"emailAddress": "nobody"}, "emailAddress"),
    "an address without a host": ({"emailAddress": "nobody@"}, "emailAddress"),
    "two addresses": ({"emailAddress": "a@mail.example,b@mail.example"}, "emailAddress"),
    "an address with a line break": ({"emailAddress": "a@mail.example\r\nBcc: b@mail.example"}, "emailAddress"),
    "an address that is a number": ({"emailAddress": 7}, "emailAddress"),
    "a number without its country": ({"phoneNumber": "09012345678"}, "phoneNumber"),
    "a number too short": ({"phoneNumber": "+81901234"}, "phoneNumber"),
    "a number with words": ({"phoneNumber": "+8190CALLMENOW"}, "phoneNumber"),
    "a number that is a number": ({"phoneNumber": 819012345678}, "phoneNumber"),
    "a country of three letters": ({"country": "JPN"}, "country"),
    "a country of one": ({"country": "J"}, "country"),
    "a country that is a number": ({"country": 81}, "country"),
    "a locale that is a number": ({"locale": 7}, "locale"),
    "a name that is an object": ({"displayName": {}}, "displayName"),
    "no identifier": ({"loginName": None}, None),
}


@pytest.mark.parametrize(("change", "field"), BAD.values(), ids=BAD.keys())
def test_one_bad_field_is_refused_and_named(app: App, change: dict[str, Any], field: str | None):
    fields = {"loginName": fresh_name(), "password": PASSWORD} | change
    reply = app.call("POST", "/users", {name: value for name, value in fields.items() if value is not None})
    assert_error(reply, 400, "INVALID_INPUT_DATA", field)
    assert PASSWORD not in reply.text


@pytest.mark.parametrize("password", ["A good pass", LONG, "パスワードではない何か", " 8 chars "])
def test_a_password_may_be_of_anything(app: App, password: str):
    name = fresh_name()
    assert app.register(loginName=name, password=password).status_code == 201
    assert app.log_in(name, password).status_code == 200
    assert_login_failed(app.log_in(name, password.strip() + " "))


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"text"', b"null", b"7", b"\xff\xfe{}", b"[" * 50_000,
    b'{"loginName":"Abcdef","loginName":"Abcdeg"}',
], ids=["nothing", "half", "list", "text", "null", "number", "not UTF-8", "deep", "a name twice"])
def test_what_is_no_object_is_refused(app: App, body: bytes):
    assert_error(app.call("POST", "/users", body), 400, "INVALID_INPUT_DATA")


def test_custom_fields_come_back_as_they_were_up_to_500_kilobytes(app: App):
    custom = {"empty": {}, "list": [1, 2.5, True, None, "𝄞"], "no": False, "score": -9007199254740991, "é b": ""}
    shown = app.sign_up(**custom).shown()
    assert {name: shown[name] for name in custom} == custom
    assert app.register(loginName=fresh_name(), big="x" * 480_000).status_code == 201
    assert_error(app.register(loginName=fresh_name(), big="x" * 520_000), 400, "INVALID_INPUT_DATA")
    halves = {"one": "x" * 270_000, "two": "x" * 270_000}
    assert_error(app.register(loginName=fresh_name(), **halves), 400, "INVALID_INPUT_DATA")
    assert app.register(loginName=fresh_name(), big="x" * 700_000).status_code == 413


@pytest.mark.parametrize(("name", "value"), [
    ("_disabled", True), ("_hasPassword", False), ("_accessToken", "mine"), ("_phoneNumberPending", "+819000000000"),
    ("_mine", 1), ("userID", "00000000-0000-4000-8000-000000000000"), ("phoneNumberVerified", True),
    ("emailAddressVerified", True),
])
def test_what_belongs_to_the_server_is_nobodys_to_give(proving: App, name: str, value: Any):
    number, email = fresh_number(), fresh_email()
    reply = proving.register(AUTHORIZATION, phoneNumber=number, emailAddress=email, **{name: value})
    if reply.status_code == 400:
        assert_error(reply, 400, "INVALID_INPUT_DATA", name)
        return
    assert reply.json().get(name) != value
    shown = proving.call("GET", "/users/me", by=reply.json()["_accessToken"]).json()
    assert name not in shown or shown[name] != value
    assert shown["_phoneNumberPending"] == number and shown["_hasPassword"] is True
