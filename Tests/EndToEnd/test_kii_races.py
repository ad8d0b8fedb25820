"""Who has a name, a number or an address: one person, also when many ask at once, and also after a change is undone."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

import httpx
import jwt
import pytest

from harness import PhoneLogin, Server, at_once, fresh_number
from kii import PASSWORD, App, User, assert_error, assert_login_failed, fresh_email, fresh_name, start_kii
from person import Page, Person, people

pytestmark = pytest.mark.nodes

NEW = "another 9 Green kites"
INVALID, TAKEN = "INVALID_VERIFICATION_CODE", "USER_ALREADY_EXISTS"


@pytest.fixture(scope="module")
def kii(start_module_server) -> Server:
    return start_kii(start_module_server)


@pytest.fixture
def app(kii: Server) -> App:
    return App(kii, "open")


@pytest.fixture
def proving(kii: Server) -> App:
    return App(kii, "proven")


def statuses(replies: list[httpx.Response]) -> Counter[int]:
    return Counter(reply.status_code for reply in replies)


# MARK: one after the other


@pytest.mark.parametrize(("field", "fresh", "spell"), [
    ("loginName", fresh_name, str), ("loginName", fresh_name, str.upper), ("emailAddress", fresh_email, str),
    ("emailAddress", fresh_email, str.upper), ("emailAddress", fresh_email, lambda email: "ｐ" + email[1:]),
    ("phoneNumber", fresh_number, str), ("phoneNumber", fresh_number, lambda number: f"{number[:3]}0{number[3:]}"),
])
@pytest.mark.parametrize("other", ["open", "bare"])
def test_a_name_a_number_and_an_address_are_one_persons_over_all_apps(
    kii: Server, app: App, field: str, fresh: Any, spell: Any, other: str
):
    value = fresh()
    assert app.register(**{field: value}).status_code == 201
    assert_error(App(kii, other).register(**{field: spell(value)}), 409, TAKEN, field)


def subject(login: PhoneLogin) -> str:
    return jwt.decode(login.tokens()["access_token"], options={"verify_signature": False})["sub"]


def test_a_proof_takes_a_number_from_who_only_claims_it(kii: Server, app: App, proving: App):
    number, other = fresh_number(), fresh_number()
    claims, loses = (app.sign_up(loginName=fresh_name(), phoneNumber=taken) for taken in (number, other))
    owner = subject(kii.login(number=number))
    assert owner != claims.id, "whoever wrote the number down first gets nothing of its owner's"
    proof = proving.sign_up(loginName=fresh_name(), phoneNumber=other, password=NEW)
    assert proof.verify(proof.code()).status_code == 200
    for user, taken in ((claims, number), (loses, other)):
        assert user.shown().get("phoneNumber") != taken
        assert_login_failed(app.log_in(taken))
        assert user.again().is_in(), "the rest of the account goes on"
        assert_error(app.sign_up().change_number(taken), 409, TAKEN, "phoneNumber")
    assert subject(kii.login(number=number)) == owner
    assert subject(kii.login(number=other)) == proof.id, "one pool of users"


# MARK: at once


@pytest.mark.parametrize(("field", "fresh"), [
    ("loginName", fresh_name), ("emailAddress", fresh_email), ("phoneNumber", fresh_number),
])
def test_one_of_sixteen_registrations_at_once_has_it(app: App, field: str, fresh: Any):
    value = fresh()
    replies = at_once(16, lambda index: app.register(**{field: value}))
    assert statuses(replies) == {201: 1, 409: 15}
    won = next(reply for reply in replies if reply.status_code == 201)
    assert app.log_in(value).json()["id"] == won.json()["userID"]


def test_one_of_ten_users_who_take_a_number_at_once_has_it(app: App):
    number = fresh_number()
    users = [app.sign_up() for _ in range(10)]
    replies = at_once(10, lambda index: users[index].change_number(number))
    assert statuses(replies) == {204: 1, 409: 9}
    assert [user.shown().get("phoneNumber") for user in users].count(number) == 1


@pytest.mark.parametrize("fresh_users", [True, False], ids=["at registration", "by a change"])
def test_one_of_two_users_who_prove_a_number_at_once_has_it(proving: App, fresh_users: bool):
    for _ in range(6):
        number = fresh_number()
        if fresh_users:
            users = [proving.sign_up(phoneNumber=number) for _ in range(2)]
        else:
            users = [proving.proven_user() for _ in range(2)]
            for user in users:
                assert user.change_number(number).status_code == 204
        codes = [users[0].code(number), users[1].code(number, 2)]
        at_once(4, lambda index: users[index % 2].verify(codes[index // 2]))
        held = [user.shown().get("phoneNumber") for user in users]
        assert held.count(number) == 1, "whichever text was whose, one of the four was right first"
        loser = 1 - held.index(number)
        assert held[loser] == (None if fresh_users else users[loser].given["phoneNumber"])
        assert users[loser].verify(codes[loser]).status_code == 400


def test_of_forty_guesses_at_once_five_are_compared(proving: App):
    user = proving.sign_up(phoneNumber=fresh_number())
    right = user.code()
    codes = [f"{number:06d}" for number in range(500_000, 500_040) if f"{number:06d}" != right]
    assert {reply.status_code for reply in at_once(len(codes), lambda index: user.verify(codes[index]))} == {400}
    assert_error(user.verify(right), 400, INVALID)


def test_a_code_works_once(app: App, proving: App):
    user = proving.sign_up(phoneNumber=fresh_number())
    replies = at_once(16, lambda _: user.verify(user.code()))
    assert statuses(replies) == {200: 1, 400: 15}
    resets = app.sign_up(phoneNumber=fresh_number())
    address = "PHONE:" + resets.given["phoneNumber"]
    app.request_reset(address)
    replies = at_once(16, lambda index: app.complete_reset(address, resets.code(), f"{NEW} {index}"))
    assert statuses(replies) == {204: 1, 400: 15}
    won = next(index for index, reply in enumerate(replies) if reply.status_code == 204)
    assert app.log_in(resets.given["phoneNumber"], f"{NEW} {won}").status_code == 200


@pytest.mark.parametrize("end", ["password", "disable", "delete"])
def test_no_token_slips_through_while_an_account_ends_them(app: App, end: str):
    for _ in range(3):
        user, admin = app.sign_up(), app.admin()
        call = {
            "password": lambda: user.call("PUT", "/password", {"oldPassword": PASSWORD, "newPassword": NEW}),
            "disable": lambda: app.call("PUT", f"/users/{user.id}/status", {"disabled": True}, by=admin),
            "delete": lambda: user.call("DELETE"),
        }[end]
        replies = at_once(9, lambda index: call() if index == 4 else app.log_in(user.given["loginName"]))
        assert replies[4].status_code == 204
        for reply in replies[:4] + replies[5:]:
            assert reply.status_code in (200, 400)
            assert reply.status_code == 400 or not app.accepts(reply.json()["access_token"])


def test_a_refresh_token_has_one_successor(app: App):
    user = app.sign_up()
    first = app.log_in(user.given["loginName"], expiresAt=int(time.time() + 900) * 1000).json()["refresh_token"]
    renewed = [reply.json()["refresh_token"] for reply in at_once(16, lambda _: app.refresh(first)) if reply.is_success]
    assert len(renewed) >= 1 and len(set(renewed)) == 1


# MARK: taken back


def changed(app: App) -> tuple[User, str, str]:
    """Somebody whose number changed, the old number, and the link that came there."""
    user, new = app.proven_user(loginName=fresh_name()), fresh_number()
    old = user.given["phoneNumber"]
    texts = len(app.server.outbox.messages(old))
    user.change_number(new)
    assert user.verify(user.code(new)).status_code == 200
    told = app.server.outbox.wait(old, texts + 1)["body"]
    links = re.findall(rf"{re.escape(app.server.url)}/account/undo\?token=[\w-]{{43,}}", told)
    assert len(links) == 1, told
    user.given["new"] = new
    return user, old, links[0]


def undo(person: Person, link: str) -> Page:
    page = person.visit(link)
    posted = [form for form in page.forms if form.method == "post"]
    assert page.status == 200 and len(posted) == 1 == len(posted[0].buttons), page.words
    return person.submit(posted[0])


def is_spent(person: Person, link: str) -> bool:
    """Whether the link is refused, at the latest when its button is pressed."""
    page = person.visit(link)
    return page.status >= 400 or not any(form.method == "post" for form in page.forms) or (
        undo(person, link).status >= 400)


def test_looking_at_the_link_undoes_nothing_and_its_button_does(proving: App):
    user, old, link = changed(proving)
    for method in ("GET", "HEAD", "GET", "OPTIONS", "PUT"):
        reply = proving.server.http.request(method, link)
        if method == "GET":
            assert reply.headers["referrer-policy"] == "no-referrer"
            assert "no-store" in reply.headers["cache-control"]
            assert old[3:] not in reply.text and user.given["new"][3:] not in reply.text
    assert user.shown()["phoneNumber"] == user.given["new"]
    elsewhere = user.again()
    with people() as make:
        assert undo(make(proving.server), link).status == 200
        assert not user.is_in() and not elsewhere.is_in(), "whoever changed it is out"
        assert user.again().shown()["phoneNumber"] == old
        assert proving.log_in(old).json()["id"] == user.id
        assert_login_failed(proving.log_in(user.given["new"]))
        back = user.again()
        assert is_spent(make(proving.server), link) and back.is_in()


def test_an_undo_that_is_forged_foreign_or_too_late_does_nothing(proving: App):
    next_owner = proving.proven_user()
    user, old, link = changed(proving)
    post, token = proving.server.http.post, link.split("=")[1]
    for forged in (token[:-2] + "xx", "A" * len(token), "", token[::-1]):
        assert post("/account/undo", data={"token": forged}).status_code >= 400
    assert post(link, data={"token": token}, headers={"Origin": "https://evil.example"}).status_code >= 400
    assert user.shown()["phoneNumber"] == user.given["new"]
    texts = len(proving.server.outbox.messages(old))
    next_owner.change_number(old)
    assert next_owner.verify(next_owner.code(old, texts + 1)).status_code == 200
    with people() as make:
        assert is_spent(make(proving.server), link)
    assert next_owner.shown()["phoneNumber"] == old and proving.log_in(old).json()["id"] == next_owner.id


def test_an_undo_pressed_many_times_at_once_is_one(proving: App):
    user, old, link = changed(proving)
    with people() as make:
        visitors = [make(proving.server) for _ in range(6)]
        forms = [next(form for form in visitor.visit(link).forms if form.method == "post") for visitor in visitors]
        assert all(page.status < 500 for page in at_once(6, lambda index: visitors[index].submit(forms[index])))
    assert user.again().shown()["phoneNumber"] == old


def test_a_deleted_users_link_and_code_bring_nobody_back(proving: App):
    user, old, link = changed(proving)
    waiting = fresh_number()
    user.change_number(waiting)
    code = user.code(waiting)
    assert user.call("DELETE").status_code == 204
    with people() as make:
        assert is_spent(make(proving.server), link)
    assert_error(proving.verify(f"PHONE:{waiting}", code), 400, INVALID)
    assert_error(user.verify(code), 401, "UNAUTHORIZED")
    assert proving.proven_user(phoneNumber=old).id != user.id
