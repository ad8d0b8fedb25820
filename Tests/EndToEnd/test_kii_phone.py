"""Proving a number at an app of Kii Cloud, and changing it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from harness import Server, fresh_number, wrong_codes
from kii import (
    VERIFICATION, App, User, assert_error, assert_login_failed, assert_rate_limited, fresh_email, fresh_name,
    start_kii,
)

pytestmark = pytest.mark.nodes

INVALID, NOTHING, BAD = "INVALID_VERIFICATION_CODE", "INVALID_ACCOUNT_STATUS", "INVALID_INPUT_DATA"
TAKEN = "USER_ALREADY_EXISTS"


@pytest.fixture(scope="module")
def kii(start_module_server) -> Server:
    return start_kii(start_module_server)


@pytest.fixture
def app(kii: Server) -> App:
    return App(kii, "proven")


@pytest.fixture
def user(app: App) -> User:
    """A number that waits for its code, and a name."""
    return app.sign_up(loginName=fresh_name(), phoneNumber=fresh_number())


def number_of(user: User) -> dict[str, Any]:
    reply = user.call("GET", "/phone-number")
    assert reply.status_code == 200, reply.text
    return reply.json()


# MARK: the code


@pytest.mark.parametrize("way", ["me", "id", "PHONE:", "PHONE:JP-", "LOGIN_NAME:", "app"])
@pytest.mark.parametrize("kind", [VERIFICATION, "application/json"])
def test_the_texted_code_proves_the_number(app: App, user: User, way: str, kind: str):
    number = user.given["phoneNumber"]
    address = {
        "me": "me", "id": user.id, "PHONE:": f"PHONE:{number}", "PHONE:JP-": f"PHONE:JP-{number[3:]}",
        "LOGIN_NAME:": "LOGIN_NAME:" + user.given["loginName"], "app": f"PHONE:{number}",
    }[way]
    code = user.code()
    reply = app.address("POST", address, "/phone-number/verify", {"verificationCode": code}, kind=kind,
                        by=None if way == "app" else user.token)
    assert reply.status_code == 200, reply.text
    assert reply.json() == {"verificationStatus": "VERIFIED"}, "and the code is not echoed"
    assert number_of(user) == {"phoneNumber": number, "verified": True}
    shown = user.shown()
    assert (shown["phoneNumber"], shown["phoneNumberVerified"]) == (number, True)
    assert "_phoneNumberPending" not in shown
    assert_error(user.verify(code), 400, NOTHING)
    assert_error(user.resend(), 400, NOTHING)


@pytest.mark.parametrize("members", [
    {}, {"verificationCode": None}, {"verificationCode": 123456}, {"verificationCode": ["123456"]},
    {"verificationCode": {}}, {"code": "123456"}, [], "123456", None,
], ids=repr)
def test_a_code_that_is_no_text_is_refused_and_not_counted(user: User, members: Any):
    for _ in range(6):
        assert_error(user.call("POST", "/phone-number/verify", members, kind=VERIFICATION), 400, BAD)
    assert user.verify(user.code()).status_code == 200


@pytest.mark.parametrize("code", ["", "12345", "1234567", " 123456", "１２３４５６", "12345a", "9" * 5_000])
def test_a_code_of_another_form_is_wrong(user: User, code: str):
    reply = user.verify(code)
    assert_error(reply, 400, reply.json()["errorCode"] if reply.json()["errorCode"] == BAD else INVALID)


def test_ten_megabytes_are_no_code(user: User):
    reply = user.call("POST", "/phone-number/verify", b'{"verificationCode":"' + b"1" * 10_000_000 + b'"}')
    assert reply.status_code == 413


@pytest.mark.parametrize("of", ["phone-number", "email-address"])
def test_a_code_has_five_guesses_which_a_resend_does_not_give_back(app: App, of: str):
    user = app.sign_up(loginName=fresh_name(), phoneNumber=fresh_number(), emailAddress=fresh_email())
    to = user.given["phoneNumber" if of == "phone-number" else "emailAddress"]
    for wrong in wrong_codes(3, right=user.code(to)):
        assert_error(user.verify(wrong, of), 400, INVALID)
    assert user.resend(of).status_code == 204
    again = user.code(to, 2)
    for wrong in wrong_codes(2, right=again):
        assert_error(user.verify(wrong, of), 400, INVALID)
    for code in (user.code(to), again):
        assert_error(user.verify(code, of), 400, INVALID)
    assert user.resend(of).status_code == 429
    assert {"_phoneNumberPending", "_emailAddressPending"} <= set(user.shown())


def test_nobody_reads_a_code(app: App, user: User):
    code = user.code()
    for path in ("", "/phone-number", "/status"):
        for by in (user.token, app.admin()):
            assert code not in app.call("GET", f"/users/{user.id}{path}", by=by).text
    wrong = {"verificationCode": "000000" if code != "000000" else "000001", "verified": True, "test": 1}
    assert_error(user.call("POST", "/phone-number/verify?verified=true", wrong), 400, INVALID)


def test_four_wrong_guesses_do_not_spoil_the_right_one(user: User):
    user.verify_wrongly(4, user.code())
    assert user.again().verify(user.code()).status_code == 200, "which another login may use"


def test_a_resend_repeats_the_code_that_nobody_guessed_at(app: App, user: User):
    number = user.given["phoneNumber"]
    assert user.resend().content == b""
    assert app.resend(f"PHONE:{number}").status_code == 204, "the app may ask too"
    assert user.code(count=3) == user.code(count=2) == user.code()


def test_a_code_expires_and_a_new_one_works(start_server):
    app = App(start_kii(start_server, DENWA_PHONE_CODE_LIFETIME_SECONDS="2"), "proven")
    user = app.sign_up(phoneNumber=fresh_number())
    code = user.code()
    time.sleep(2.2)
    assert_error(user.verify(code), 400, INVALID)
    assert user.resend().status_code == 204
    assert user.verify(user.code(count=2)).status_code == 200


def test_the_guesses_at_a_number_are_one_budget_over_users(start_server):
    app = App(start_kii(start_server, DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="6"), "proven")
    number = fresh_number()
    first, second = app.sign_up(phoneNumber=number), app.sign_up(phoneNumber=number)
    first.verify_wrongly(4, first.code(number))
    second.verify_wrongly(2, second.code(number, 2))
    refused = second.verify(second.code(number, 2))
    assert refused.status_code in (400, 429) and refused.json()["errorCode"] in (INVALID, "RATE_LIMITED")


def test_texts_are_limited_and_the_refusal_says_for_how_long(start_server):
    app = App(start_kii(start_server, DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30"), "proven")
    user = app.sign_up(phoneNumber=fresh_number())
    assert_rate_limited(user.resend(), most_seconds=30)
    app = App(start_kii(start_server, DENWA_LIMITS_SEND_PER_NUMBER="2/3600"), "proven")
    user = app.sign_up(phoneNumber=fresh_number())
    assert user.resend().status_code == 204
    assert_rate_limited(user.resend())


# MARK: changing it


def test_without_verification_a_change_counts_at_once(kii: Server):
    open_app = App(kii, "open")
    user = open_app.sign_up(phoneNumber=fresh_number())
    old, new = user.given["phoneNumber"], fresh_number()
    reply = user.change_number(new)
    assert (reply.status_code, reply.content) == (204, b"")
    assert number_of(user) == {"phoneNumber": new, "verified": True}
    assert open_app.log_in(new).status_code == 200
    assert_login_failed(open_app.log_in(old))
    taken = assert_error(open_app.sign_up().change_number(new), 409, TAKEN, "phoneNumber")
    assert user.id not in str(taken)
    assert open_app.register(phoneNumber=old).status_code == 201, "the old one is free"


def test_a_pending_number_changes_nothing_until_it_is_proven(kii: Server, app: App):
    user = app.proven_user()
    old, new = user.given["phoneNumber"], fresh_number()
    texts = len(kii.outbox.messages(old))
    assert user.change_number(new).status_code == 204
    assert number_of(user) == {"phoneNumber": old, "verified": True}
    assert user.shown()["_phoneNumberPending"] == new
    assert app.log_in(old).status_code == 200
    assert_login_failed(app.log_in(new))
    assert len(kii.outbox.messages(old)) == texts

    assert user.verify(user.code(new)).status_code == 200
    assert number_of(user) == {"phoneNumber": new, "verified": True}
    assert "_phoneNumberPending" not in user.shown()
    assert app.log_in(new).status_code == 200
    assert_login_failed(app.log_in(old))
    told = kii.outbox.wait(old, texts + 1)["body"]
    assert f"{kii.url}/account/undo?token=" in told
    assert new not in told and user.code(new) not in told


def test_the_next_change_is_the_one_that_counts(app: App):
    user = app.proven_user()
    first, second = fresh_number(), fresh_number()
    user.change_number(first)
    code = user.code(first)
    user.change_number(second)
    assert_error(user.verify(code), 400, INVALID)
    assert user.verify(user.code(second)).status_code == 200
    assert number_of(user)["phoneNumber"] == second


def test_a_change_is_proven_where_it_began(app: App):
    user = app.proven_user(loginName=fresh_name())
    elsewhere, new = user.again(), fresh_number()
    user.change_number(new)
    assert_error(elsewhere.verify(user.code(new)), 400, INVALID)
    for address in (f"PHONE:{new}", f"PHONE:{user.given['phoneNumber']}", "LOGIN_NAME:" + user.given["loginName"]):
        assert_error(app.verify(address, user.code(new)), 400, INVALID)
    assert user.verify(user.code(new)).status_code == 200


def test_a_number_that_somebody_else_proved_first_stays_theirs(app: App):
    late, early, number = app.proven_user(), app.proven_user(), fresh_number()
    late.change_number(number)
    late_code = late.code(number)
    early.change_number(number)
    assert early.verify(early.code(number, 2)).status_code == 200
    assert_error(late.verify(late_code), 400, INVALID)
    assert number_of(late) == {"phoneNumber": late.given["phoneNumber"], "verified": True}
    assert app.log_in(late.given["phoneNumber"]).json()["id"] == late.id
    assert app.log_in(number).json()["id"] == early.id


@pytest.mark.parametrize("spell", [
    lambda number: f"{number[:3]} {number[3:5]}-{number[5:9]}-{number[9:]}", lambda number: f"00{number[1:]}",
    lambda number: "+" + "".join(chr(ord(digit) + 0xFEE0) for digit in number[1:]), lambda number: f"{number};ext=7",
    lambda number: f"{number}%00", lambda number: f"{number}\0", lambda number: f"{number[:3]}0{number[3:]}",
    lambda number: "0" + number[3:], lambda number: f"tel:{number}", lambda number: f"JP-{number[3:]}",
    lambda number: f"\u200f{number}", lambda number: [number], lambda number: None, lambda number: "",
])
def test_another_spelling_is_the_same_number_or_none(kii: Server, spell: Any):
    open_app, number = App(kii, "open"), fresh_number()
    owner, user = open_app.sign_up(phoneNumber=number), open_app.sign_up()
    reply = user.change_number(spell(number))
    assert_error(reply, *((409, TAKEN) if reply.status_code == 409 else (400, BAD)), "phoneNumber")
    assert open_app.log_in(number).json()["id"] == owner.id


def test_where_numbers_are_verified_a_registration_takes_none_away(kii: Server, app: App):
    owner = app.proven_user()
    number = owner.given["phoneNumber"]
    second = app.sign_up(loginName=fresh_name(), phoneNumber=number)
    assert owner.shown()["phoneNumber"] == number and app.log_in(number).json()["id"] == owner.id
    # The owner proved it first, and a registration tells nobody so.
    assert_error(second.verify(second.code(count=2)), 400, INVALID)
    assert "phoneNumber" not in second.shown()
    assert_error(App(kii, "open").register(phoneNumber=number), 409, TAKEN, "phoneNumber")
    assert_error(app.register(loginName=second.given["loginName"]), 409, TAKEN, "loginName")
