"""The user object of an app of Kii Cloud: who sees it, what changes it, administrators, e-mail addresses, the end."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from harness import Server, fresh_number
from kii import (
    PASSWORD, App, User, assert_error, assert_login_failed, fresh_email, fresh_name, start_kii,
)

BAD = "INVALID_INPUT_DATA"


@pytest.fixture(scope="module")
def kii(start_module_server) -> Server:
    return start_kii(start_module_server)


@pytest.fixture
def app(kii: Server) -> App:
    return App(kii, "open")


def somebody(app: App, **more: Any) -> User:
    return app.sign_up(loginName=fresh_name(), phoneNumber=fresh_number(), emailAddress=fresh_email(), **more)


@pytest.fixture
def user(app: App) -> User:
    return somebody(app)


#: How a user is addressed, from the user's own fields.
ADDRESSES: dict[str, Callable[[User], str]] = {
    "id": lambda user: user.id,
    "LOGIN_NAME:": lambda user: "LOGIN_NAME:" + user.given["loginName"],
    "LOGIN_NAME: in capitals": lambda user: "LOGIN_NAME:" + user.given["loginName"].upper(),
    "EMAIL:": lambda user: "EMAIL:" + user.given["emailAddress"],
    "EMAIL: in capitals": lambda user: "EMAIL:" + user.given["emailAddress"].upper(),
    "PHONE:+": lambda user: "PHONE:" + user.given["phoneNumber"],
    "PHONE:JP-": lambda user: "PHONE:JP-" + user.given["phoneNumber"][3:],
    "PHONE:+810": lambda user: "PHONE:+810" + user.given["phoneNumber"][3:],
}
addressed = pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())

#: The same of somebody else, and of nobody.
NOBODYS: dict[str, str] = {
    "id": "00000000-0000-4000-8000-000000000000", "LOGIN_NAME:": "LOGIN_NAME:nobody-at-all",
    "EMAIL:": "EMAIL:nobody@mail.example", "PHONE:+": "PHONE:+819000000001", "PHONE:JP-": "PHONE:JP-9000000001",
}


# MARK: who sees it


@addressed
def test_a_user_and_an_administrator_see_it_at_every_address(app: App, user: User, address: Callable[[User], str]):
    shown = user.shown()
    assert {name: shown[name] for name in ("loginName", "emailAddress", "phoneNumber")} == {
        name: user.given[name] for name in ("loginName", "emailAddress", "phoneNumber")}
    assert (shown["userID"], shown["_hasPassword"], shown["_disabled"]) == (user.id, True, False)
    assert PASSWORD not in str(shown) and "password" not in shown
    for by in (user.token, app.admin()):
        reply = app.address("GET", address(user), by=by)
        assert reply.status_code == 200, reply.text
        assert reply.json() == shown


def test_a_plus_in_the_path_is_a_plus(app: App, user: User):
    reply = app.call("GET", f"/users/PHONE:{user.given['phoneNumber']}", by=user.token)
    assert reply.json()["userID"] == user.id


@pytest.mark.parametrize("way", NOBODYS)
@pytest.mark.parametrize(("method", "path"), [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/phone-number"), ("PUT", "/phone-number"),
    ("PUT", "/password"), ("POST", "/phone-number/verify"), ("POST", "/phone-number/resend-verification"),
    ("GET", "/email-address"),
])
def test_others_look_like_nobody(app: App, user: User, way: str, method: str, path: str):
    put = {"phoneNumber": fresh_number(), "oldPassword": "x", "newPassword": PASSWORD}
    verify = {"verificationCode": "123456"} if path.endswith("verify") else None
    body = {"PATCH": {"displayName": "x"}, "PUT": put}.get(method, verify)
    other = somebody(app)
    replies = [app.address(method, of, path, body, by=user.token) for of in (ADDRESSES[way](other), NOBODYS[way])]
    for reply in replies:
        assert_error(reply, 404, "USER_NOT_FOUND" if way == "id" else "USER_ADDRESS_NOT_FOUND")
    assert replies[0].content == replies[1].content
    assert other.is_in() and "displayName" not in other.shown()


@pytest.mark.parametrize("by", [{}, None, "unknown", "A" * 43, "\N{COPYRIGHT SIGN}"], ids=repr)
def test_without_a_token_there_is_nobody(app: App, user: User, by: Any):
    by = {"Authorization": b"Bearer " + by.encode()} if by == "\N{COPYRIGHT SIGN}" else by
    for address in ("me", user.id, "LOGIN_NAME:" + user.given["loginName"], *NOBODYS.values()):
        assert_error(app.address("GET", address, by=by), 401, "UNAUTHORIZED")
    assert_error(app.address("DELETE", user.id, by=by), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("address", [
    "FAX:1", "PHONE:", "PHONE:XX-1", "EMAIL:", ":", "PHONE:JP-+819012345678", "a\0b", "a/b", "%", "..", "x" * 2_000])
def test_an_address_of_no_form_is_nobodys(app: App, user: User, address: str):
    for by in (user.token, app.admin()):
        assert app.address("GET", address, by=by).status_code in (400, 404)


# MARK: what changes it


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_fields_change_and_the_others_stay(app: App, method: str):
    user = somebody(app, displayName="Before", country="JP", keep={"a": 1}, change=1)
    fields = {"displayName": "後", "country": "DE", "locale": "de-DE", "change": [None, 2.5], "new": {"x": "𝄞"}}
    began = int(time.time() * 1000) - 1_000
    reply = user.call(method, "", fields)
    assert reply.status_code == 200, reply.text
    assert set(reply.json()) == {"modifiedAt"} and began <= reply.json()["modifiedAt"] <= time.time() * 1000 + 1_000
    shown = user.shown()
    assert {name: shown[name] for name in fields} == fields
    assert shown["keep"] == {"a": 1} and shown["phoneNumber"] == user.given["phoneNumber"]


@pytest.mark.parametrize(("name", "value"), [
    ("_disabled", True), ("_hasPassword", False), ("_phoneNumberPending", "+819000000002"), ("_x", 1),
    ("userID", NOBODYS["id"]), ("phoneNumberVerified", True), ("password", "a new Password 77"),
    ("phoneNumber", "+819012000003"), ("phoneNumber", "+8190"), ("emailAddress", "victim@mail.example"),
    ("emailAddressVerified", True),
])
def test_no_patch_touches_what_is_the_servers_or_goes_another_way(kii: Server, name: str, value: Any):
    user = somebody(App(kii, "proven"))
    before = user.shown()
    reply = user.call("PATCH", "", {name: value, "hello": 1})
    after = user.shown()
    if reply.status_code == 400:
        assert_error(reply, 400, BAD, name)
        assert after == before, "nothing, or all"
    assert after.get(name) != value or before.get(name) == value
    assert after["userID"] == user.id and not after["_disabled"] and not after.get("phoneNumberVerified")
    assert user.again().is_in()


@pytest.mark.parametrize("change", [
    {"country": "JPN"}, {"locale": 7}, {"displayName": []}, {"loginName": "a b"}, [], "text", b"{", b"", None,
], ids=repr)
def test_a_bad_change_changes_nothing(user: User, change: Any):
    before = user.shown()
    assert_error(user.call("PATCH", "", change), 400, BAD)
    assert user.shown() == before


def test_all_custom_fields_together_have_500_kilobytes(user: User):
    assert user.call("PATCH", "", {"one": "x" * 300_000}).status_code == 200
    assert_error(user.call("PATCH", "", {"two": "x" * 250_000}), 400, BAD)
    assert "two" not in user.shown()
    assert user.call("PATCH", "", {"one": "", "two": "x" * 250_000}).status_code == 200
    assert user.call("PATCH", "", {"one": "x" * 700_000}).status_code == 413


# MARK: e-mail addresses


def test_an_address_is_proven_by_a_mailed_code_like_a_number(kii: Server):
    app = App(kii, "proven")
    user, email = app.sign_up(loginName=fresh_name(), emailAddress=fresh_email()), fresh_email()
    first = user.given["emailAddress"]
    assert user.resend("email-address").status_code == 204
    assert_error(user.verify("abcdef", "email-address"), 400, "INVALID_VERIFICATION_CODE")
    assert user.verify(user.code(first, 2), "email-address").json() == {"verificationStatus": "VERIFIED"}
    assert_error(user.verify("123456", "email-address"), 400, "INVALID_ACCOUNT_STATUS")
    assert_error(user.resend("email-address"), 400, "INVALID_ACCOUNT_STATUS")
    assert user.call("PUT", "/email-address", {"emailAddress": email}).status_code == 204
    assert user.call("GET", "/email-address").json() == {"emailAddress": first, "verified": True}
    assert user.shown()["_emailAddressPending"] == email
    assert_login_failed(app.log_in(email))
    assert_error(user.again().verify(user.code(email), "email-address"), 400, "INVALID_VERIFICATION_CODE")
    assert user.verify(user.code(email), "email-address").status_code == 200
    assert user.call("GET", "/email-address").json() == {"emailAddress": email, "verified": True}
    assert_login_failed(app.log_in(first))
    for bad in ("nobody", 7, None, "a@b\r\nc@d", ""):
        assert_error(user.call("PUT", "/email-address", {"emailAddress": bad}), 400, BAD, "emailAddress")


def test_a_monaca_username_is_a_login_name(kii: Server, app: App):
    name = fresh_name()
    params = {"username": name, "password": "seven-blue-Lanterns", "__api_key": "monaca-key-5fT2wQ9z", "__device": "d1"}
    call = {"jsonrpc": "2.0", "method": "User.register", "params": params, "id": "1"}
    assert "result" in kii.http.post("/monaca/backend", json=call).json()
    assert_error(app.register(loginName=name.upper()), 409, "USER_ALREADY_EXISTS", "loginName")


# MARK: administrators


def test_a_disabled_user_has_no_token_until_the_next_login(app: App, user: User):
    path, admin, other = f"/users/{user.id}/status", app.admin(), user.again()
    assert app.call("GET", path, by=admin).json()["disabled"] is False
    app.disable(user.id)
    assert app.call("GET", path, by=admin).json()["disabled"] is True
    assert app.call("GET", f"/users/{user.id}", by=admin).json()["_disabled"] is True
    assert not user.is_in() and not other.is_in()
    assert_login_failed(app.log_in(user.given["loginName"]))
    app.disable(user.id, False)
    assert not user.is_in() and not other.is_in(), "what ended stays ended"
    assert user.again().is_in()


def test_a_status_is_an_administrators(app: App, user: User):
    path = f"/users/{user.id}/status"
    for by in (user.token, None, {}, user.app.server.client_credentials("machine").json()["access_token"]):
        assert app.call("PUT", path, {"disabled": True}, by=by).status_code in (401, 403, 404)
        assert app.call("GET", path, by=by).status_code in (401, 403, 404)
    for bad in ({}, {"disabled": "true"}, {"disabled": 1}, {"disabled": None}, [], b"{"):
        assert_error(app.call("PUT", path, bad, by=app.admin()), 400, BAD)
    nobody = app.address("PUT", NOBODYS["id"], "/status", {"disabled": True}, by=app.admin())
    assert_error(nobody, 404, "USER_NOT_FOUND")
    assert_error(app.address("GET", NOBODYS["EMAIL:"], by=app.admin()), 404, "USER_ADDRESS_NOT_FOUND")
    assert user.is_in()


# MARK: the end


@pytest.mark.parametrize("by_admin", [False, True], ids=["the user", "an administrator"])
def test_who_is_deleted_is_gone_and_whoever_comes_next_is_somebody_else(app: App, user: User, by_admin: bool):
    other = user.again()
    reply = app.call("DELETE", f"/users/{user.id}", by=app.admin()) if by_admin else user.call("DELETE")
    assert (reply.status_code, reply.content) == (204, b"")
    assert not user.is_in() and not other.is_in()
    assert_login_failed(app.log_in(user.given["loginName"]))
    for way in ("id", "LOGIN_NAME:", "EMAIL:", "PHONE:+"):
        code = "USER_NOT_FOUND" if way == "id" else "USER_ADDRESS_NOT_FOUND"
        assert_error(app.address("GET", ADDRESSES[way](user), by=app.admin()), 404, code)
    again = app.sign_up(**user.given | {"password": "a new Password 77"})
    assert again.id != user.id and not user.is_in()
    assert_login_failed(app.log_in(user.given["loginName"]))


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/nothing", 404), ("GET", "/users/me/nothing", 404), ("PUT", "/users", 405),
    ("DELETE", "/oauth2/token", 405), ("GET", "/users/me/password/complete-reset", 405),
    ("GET", "/users/me/phone-number/verify", 405),
])
def test_a_route_that_is_none_is_told(user: User, method: str, path: str, status: int):
    assert user.app.call(method, path, by=user.token).status_code in (status, 404)
