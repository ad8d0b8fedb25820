"""`/users/me/phone`: a signed-in user reads, changes and removes the number, and the old one can undo it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Iterator
from urllib.parse import quote

import httpx
import jwt
import pytest

from harness import (
    Server, StartServer, assert_refused, at_once, code_in, eventually, fresh_number, machine_client, phone_client,
    six_digits_other_than, wrong_codes,
)
from person import Person, people

pytestmark = pytest.mark.nodes

TOO_MANY, WRONG, DEAD, UNKNOWN, UNAUTHORIZED = "002-057", "003-039", "003-049", "003-061", "002-016"

PATH = "/users/me/phone"


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=[
        phone_client("app"), phone_client("other-app"), machine_client("machine", scope="reports:read"),
        machine_client("resource-server", may_introspect=True),
    ])


@pytest.fixture
def user(server: Server) -> User:
    return User(server)


@pytest.fixture
def person(server: Server) -> Iterator[Person]:
    with people() as make:
        yield make(server)


@dataclass
class User:
    """Somebody who is signed in to an app with a phone."""

    server: Server
    number: str = field(default_factory=fresh_number)
    client: str = "app"

    def __post_init__(self) -> None:
        self.tokens = self.server.login(self.client, number=self.number, scope="offline phone").tokens()

    @property
    def access_token(self) -> str:
        return self.tokens["access_token"]

    @property
    def subject(self) -> str:
        return subject_of(self.tokens)

    def send(self, method: str, path: str = PATH, body: Any = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access_token}"}
        content = {} if body is None else {"json": body}
        return self.server.http.request(method, path, headers=headers, **content, **more)

    def phone(self) -> str | None:
        reply = self.send("GET")
        if reply.status_code == 204:
            assert reply.content == b""
            return None
        assert reply.status_code == 200, reply.text
        assert "no-store" in reply.headers["cache-control"]
        assert set(reply.json()) == {"phone_number"}
        return reply.json()["phone_number"]

    def ask(self, number: str) -> Change:
        """Asks for another number and reads the text that goes there."""
        before = len(self.server.outbox.messages(number))
        reply = self.send("POST", body={"phone_number": number})
        assert reply.status_code == 200, reply.text
        text = self.server.outbox.wait(number, before + 1)
        return Change(self, number, reply.json()["operation_id"], code_in(text))

    def change(self, number: str | None = None, **more: Any) -> str:
        """Changes the number and insists that it works. Answers the new one."""
        number = number or fresh_number()
        done = self.ask(number).confirm(**more)
        assert (done.status_code, done.content) == (204, b""), done.text
        return number

    def is_good(self) -> bool:
        return self.server.is_active(self.access_token)


@dataclass
class Change:
    """A number that was asked for and not yet proved."""

    user: User
    number: str
    operation_id: str
    code: str

    def confirm(self, code: Any = None, by: User | None = None, **more: Any) -> httpx.Response:
        members = {"code": self.code if code is None else code, "operation_id": self.operation_id}
        return (by or self.user).send("POST", PATH + "/confirm", body=members | more)


def subject_of(tokens: dict[str, Any]) -> str:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]


def owner(server: Server, number: str) -> str:
    """Who comes in with this number: the first time, somebody new."""
    return subject_of(server.login("app", number=number).tokens())


def undo_link(server: Server, number: str, count: int) -> str:
    """The link in the `count`-th text to the old number."""
    text = server.outbox.wait(number, count)
    links = re.findall(rf"{re.escape(server.url)}/account/undo\?token=[\w-]+", text["body"], re.ASCII)
    assert len(links) == 1, text["body"]
    return links[0]


# MARK: read


def test_the_number_is_there_to_read(user: User):
    assert user.phone() == user.number


@pytest.mark.parametrize(("method", "path"), [
    ("GET", PATH), ("POST", PATH), ("POST", PATH + "/confirm"), ("DELETE", PATH + "/%2B819012345678"),
])
def test_only_a_user_s_own_good_token_opens_it(server: Server, user: User, method: str, path: str):
    body = {"phone_number": fresh_number(), "code": "123456", "operation_id": "x"}
    content = {"json": body} if method == "POST" else {}
    revoked = User(server)
    assert server.revoke(revoked.tokens["refresh_token"], by="app").status_code == 200
    tokens = {
        "none": None, "nonsense": "nonsense", "revoked": revoked.access_token,
        "refresh": user.tokens["refresh_token"], "machine": server.client_credentials().json()["access_token"],
        "forged": user.access_token[:-6] + "AAAAAA",
    }
    for token in tokens.values():
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        assert_refused(server.http.request(method, path, headers=headers, **content), 401, UNAUTHORIZED)
    if method == "GET":
        assert_refused(server.http.get(f"{path}?access_token={user.access_token}"), 401, UNAUTHORIZED)


@pytest.mark.parametrize(("method", "path"), [
    ("PUT", PATH), ("PATCH", PATH), ("DELETE", PATH), ("GET", PATH + "/confirm"), ("PUT", PATH + "/%2B819012345678"),
])
def test_other_methods_do_nothing(user: User, method: str, path: str):
    assert user.send(method, path).status_code in (404, 405)
    assert user.phone() == user.number


# MARK: change


def test_a_proved_number_takes_the_place_of_the_old_one(server: Server, user: User):
    new = fresh_number()
    reply = user.send("POST", body={"phone_number": new})
    assert reply.status_code == 200
    assert "no-store" in reply.headers["cache-control"]
    begun = reply.json()
    assert set(begun) == {"operation_id", "expires_in", "resend_after", "code_length"}
    assert len(begun["operation_id"]) >= 22
    assert 170 <= begun["expires_in"] <= 180
    assert begun["code_length"] == 6
    code = code_in(server.outbox.wait(new))
    assert user.phone() == user.number, "the old one goes on until the new one is proved"
    assert owner(server, user.number) == user.subject

    done = Change(user, new, begun["operation_id"], code).confirm()
    assert (done.status_code, done.content) == (204, b"")
    assert user.phone() == new
    profile = user.send("GET", "/users/me").json()
    assert (profile["phone"], profile["phone_auth"]) == (new, new)
    assert owner(server, new) == user.subject
    assert owner(server, user.number) != user.subject, "the old number is nobody's, and starts anew"


def test_another_spelling_is_the_same_number(server: Server, user: User):
    new = fresh_number()
    reply = user.send("POST", body={"phone_number": f"+810{new[3:]}"})
    assert reply.status_code == 200
    code = code_in(server.outbox.wait(new))
    assert Change(user, new, reply.json()["operation_id"], code).confirm().status_code == 204
    assert user.phone() == new


@pytest.mark.parametrize(("body", "status", "code"), [
    pytest.param({}, 400, "002-028", id="missing"),
    pytest.param({"phone_number": None}, 400, "002-027", id="null"),
    pytest.param({"phone_number": 819012345678}, 400, "002-027", id="an integer"),
    pytest.param({"phone_number": ["+819012345678"]}, 400, "002-027", id="an array"),
    pytest.param({"phone_number": ""}, 422, "002-056", id="empty"),
    pytest.param({"phone_number": "09012345678"}, 422, "002-056", id="national"),
    pytest.param({"phone_number": "+81 90 1234 5678"}, 422, "002-056", id="spaces"),
    pytest.param({"phone_number": "+819012345678;ext=1"}, 422, "002-056", id="an extension"),
    pytest.param({"phone_number": "＋８１９０１２３４５６７８"}, 422, "002-056", id="full width"),
    pytest.param({"phone_number": "+99912345678"}, 422, "002-056", id="no number"),
    pytest.param({"phone_number": "+81312345678"}, 422, "002-043", id="a fixed line"),
])
def test_what_is_no_number_for_texts_is_refused(user: User, body: dict[str, Any], status: int, code: str):
    assert_refused(user.send("POST", body=body), status, code)
    assert user.phone() == user.number


@pytest.mark.parametrize(("change", "code"), [
    ({"code": None}, "002-027"), ({"code": ""}, "002-027"), ({"code": 123456}, "002-027"), ({"code": []}, "002-027"),
    ({"operation_id": None}, "002-027"), ({"operation_id": 7}, "002-027"),
    ({"end_other_sessions": "yes"}, "002-027"), ({"end_other_sessions": 1}, "002-027"),
], ids=repr)
def test_one_member_out_of_shape_confirms_nothing(user: User, change: dict[str, Any], code: str):
    asked = user.ask(fresh_number())
    members = {"code": asked.code, "operation_id": asked.operation_id} | change
    refused = user.send("POST", PATH + "/confirm", body=members)
    if change == {"code": ""}:                          # a string that is no code: malformed, or just wrong
        assert refused.status_code in (400, 401)
    else:
        assert_refused(refused, 400, code)
    assert user.phone() == user.number
    assert asked.confirm().status_code == 204, "and costs nothing"


@pytest.mark.parametrize("member", ["code", "operation_id"])
def test_a_missing_member_confirms_nothing(user: User, member: str):
    asked = user.ask(fresh_number())
    members = {"code": asked.code, "operation_id": asked.operation_id}
    del members[member]
    assert_refused(user.send("POST", PATH + "/confirm", body=members), 400, "002-028")
    assert user.phone() == user.number


def test_guesses_are_counted(user: User):
    asked = user.ask(fresh_number())
    guesses = wrong_codes(5, right=asked.code)
    for guess in guesses[:4]:
        assert_refused(asked.confirm(guess), 401, WRONG)
    assert_refused(asked.confirm(guesses[4]), 422, DEAD)
    assert_refused(asked.confirm(), 422, DEAD)
    assert user.phone() == user.number


def test_two_hundred_guesses_at_once_are_five(user: User):
    asked = user.ask(fresh_number())
    guesses = wrong_codes(200, right=asked.code)
    replies = at_once(200, lambda index: asked.confirm(guesses[index]))
    statuses = [reply.status_code for reply in replies]
    assert (statuses.count(401), statuses.count(422)) == (4, 196)
    assert_refused(asked.confirm(), 422, DEAD)


def test_a_wrong_guess_does_not_spoil_the_right_code(user: User):
    asked = user.ask(fresh_number())
    assert_refused(asked.confirm(six_digits_other_than(asked.code)), 401, WRONG)
    assert asked.confirm().status_code == 204


def test_a_code_is_used_once_also_at_once(user: User):
    asked = user.ask(fresh_number())
    replies = at_once(12, lambda _: asked.confirm())
    assert sorted(reply.status_code for reply in replies) == [204] + [404] * 11
    for reply in replies:
        if reply.status_code == 404:
            assert_refused(reply, 404, UNKNOWN)
    assert len([m for m in user.server.outbox.messages(user.number) if "/account/undo" in m["body"]]) <= 1


# MARK: whose operation it is


def test_another_login_of_the_same_user_confirms_nothing(server: Server, user: User):
    elsewhere = User(server, user.number)
    another_app = User(server, user.number, "other-app")
    assert elsewhere.subject == user.subject
    asked = user.ask(fresh_number())
    for stranger in (elsewhere, another_app):
        assert_refused(asked.confirm(by=stranger), 404, UNKNOWN)
    assert user.phone() == user.number
    assert asked.confirm().status_code == 204, "the one who asked still can"


def test_a_refreshed_token_is_the_same_login(server: Server, user: User):
    asked = user.ask(fresh_number())
    user.tokens = server.refresh("app", user.tokens["refresh_token"]).json()
    assert asked.confirm().status_code == 204


def test_another_user_confirms_nothing(server: Server, user: User):
    stranger = User(server)
    asked = user.ask(fresh_number())
    assert_refused(asked.confirm(by=stranger), 404, UNKNOWN)
    assert stranger.phone() == stranger.number
    assert asked.confirm().status_code == 204


def test_an_operation_nobody_has_is_unknown(user: User):
    asked = user.ask(fresh_number())
    for id in ("A" * len(asked.operation_id), asked.operation_id.swapcase(), asked.operation_id[:-1], "", "電話", "\0"):
        refused = user.send("POST", PATH + "/confirm", body={"code": asked.code, "operation_id": id})
        assert_refused(refused, refused.status_code, UNKNOWN, "002-027")
        assert refused.status_code in (404, 400)
    assert asked.confirm().status_code == 204


def test_a_code_for_signing_in_changes_no_number_and_the_other_way_round(server: Server, user: User):
    new = fresh_number()
    login = server.login("app", number=new)
    login.request()
    login_code = login.texted_code()
    asked = user.ask(new)
    by_login = {"code": login_code, "operation_id": login.operation_id}
    assert_refused(user.send("POST", PATH + "/confirm", body=by_login), 404, UNKNOWN)
    if login_code != asked.code:
        assert_refused(asked.confirm(login_code), 401, WRONG)
        assert_refused(login.confirm(asked.code), 401, WRONG)
    crossed = server.http.post("/oauth2/login/phone/confirm?client_id=app", json={
        "code": asked.code, "operation_id": asked.operation_id, "phone_number": new,
    })
    assert_refused(crossed, 404, UNKNOWN)
    assert user.phone() == user.number


def test_asking_again_for_another_number_leaves_one_change_that_counts(user: User):
    first, second = user.ask(fresh_number()), user.ask(fresh_number())
    assert second.confirm().status_code == 204
    assert user.phone() == second.number
    late = first.confirm()
    assert late.status_code in (204, 404)
    assert user.phone() == (first.number if late.status_code == 204 else second.number)


def test_asking_again_for_the_same_number_is_a_resend(user: User):
    number = fresh_number()
    first, second = user.ask(number), user.ask(number)
    assert first.operation_id != second.operation_id
    assert second.confirm().status_code == 204
    assert user.phone() == number


# MARK: a number that is somebody's


def test_a_number_of_another_account_is_not_told_and_not_given(server: Server, user: User):
    other = User(server)
    free = user.send("POST", body={"phone_number": fresh_number()})
    asked = user.ask(other.number)
    taken = user.send("POST", body={"phone_number": other.number})
    assert (free.status_code, set(free.json())) == (taken.status_code, set(taken.json()))
    assert set(free.headers) == set(taken.headers)
    assert_refused(asked.confirm(), 404, UNKNOWN)
    assert user.phone() == user.number and other.phone() == other.number
    assert owner(server, other.number) == other.subject


def test_a_number_taken_meanwhile_is_not_given(server: Server, user: User):
    asked = user.ask(fresh_number())
    taker = User(server, asked.number)
    assert_refused(asked.confirm(), 404, UNKNOWN)
    assert user.phone() == user.number, "the old one stays"
    assert taker.phone() == asked.number
    assert owner(server, user.number) == user.subject
    assert owner(server, asked.number) == taker.subject


@pytest.mark.parametrize("_", range(4))
def test_one_of_two_who_race_for_a_number_gets_it(server: Server, _: int):
    users = [User(server) for _ in range(2)]
    number = fresh_number()
    changes = [user.ask(number) for user in users]
    replies = at_once(2, lambda index: changes[index].confirm())
    assert sorted(reply.status_code for reply in replies) == [204, 404]
    assert_refused(max(replies, key=lambda reply: reply.status_code), 404, UNKNOWN)
    for user, reply in zip(users, replies):
        assert user.phone() == (number if reply.status_code == 204 else user.number)
    winner = users[[reply.status_code for reply in replies].index(204)]
    assert owner(server, number) == winner.subject


@pytest.mark.parametrize("_", range(4))
def test_a_first_login_and_a_change_that_race_leave_one_owner(server: Server, user: User, _: int):
    asked = user.ask(fresh_number())
    login = server.login("app", number=asked.number)
    assert login.request().status_code == 200
    login.texted_code()
    changed, confirmed = at_once(2, lambda index: login.confirm() if index else asked.confirm())
    assert confirmed.status_code == 200
    holder = owner(server, asked.number)
    assert (holder == user.subject) == (changed.status_code == 204)
    assert user.phone() == (asked.number if changed.status_code == 204 else user.number)


# MARK: other sessions


def test_other_sessions_go_on_when_nobody_says_otherwise(server: Server, user: User):
    elsewhere = User(server, user.number)
    user.change()
    assert user.is_good() and elsewhere.is_good()
    user.change(end_other_sessions=False)
    assert user.is_good() and elsewhere.is_good()


def test_other_sessions_end_when_asked_for(server: Server, user: User):
    elsewhere, bystander = User(server, user.number), User(server)
    another_app = User(server, user.number, "other-app")
    user.change(end_other_sessions=True)
    assert user.is_good() and bystander.is_good()
    assert server.refresh("app", user.tokens["refresh_token"]).status_code == 200
    for ended in (elsewhere, another_app):
        assert not ended.is_good()
        refused = server.refresh(ended.client, ended.tokens["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


# MARK: undo


def test_the_old_number_is_told_and_undoes_it(server: Server, user: User, person: Person):
    elsewhere = User(server, user.number)
    texts = len(server.outbox.messages(user.number))
    new = user.change()
    link = undo_link(server, user.number, texts + 1)
    assert new not in server.outbox.messages(user.number)[-1]["body"], "whoever has the old phone may be a stranger"

    page = person.visit(link)
    assert page.status == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert len(page.forms) == 1 and len(page.forms[0].buttons) == 1 and page.forms[0].method == "post"
    assert server.http.head(link).status_code in (200, 405)
    person.visit(link)
    assert user.phone() == new, "looking undoes nothing"

    done = person.submit(page.forms[0])
    assert done.status == 200, done.words
    for ended in (user, elsewhere):
        assert not ended.is_good()
        assert server.refresh("app", ended.tokens["refresh_token"]).status_code == 400
    assert owner(server, user.number) == user.subject
    assert owner(server, new) != user.subject


def test_a_change_is_undone_once(server: Server, user: User, person: Person):
    texts = len(server.outbox.messages(user.number))
    user.change()
    link = undo_link(server, user.number, texts + 1)
    form = person.visit(link).forms[0]
    assert person.submit(form).status == 200
    again = User(server, user.number)
    assert again.subject == user.subject
    newest = again.change()
    assert person.submit(form).status in (400, 404, 409, 410)
    assert person.visit(link).status in (404, 410)
    assert again.is_good() and again.phone() == newest


def test_a_link_nobody_was_sent_undoes_nothing(server: Server, user: User, person: Person):
    texts = len(server.outbox.messages(user.number))
    new = user.change()
    link = undo_link(server, user.number, texts + 1)
    for made_up in (link[:-1], link + "A", link.split("=")[0] + "=", link.split("?")[0], link.swapcase()):
        url = server.url + made_up[len(server.url):].replace("/ACCOUNT/UNDO?TOKEN", "/account/undo?token")
        page = person.visit(url)
        assert page.status in (200, 400, 404, 410)
        for form in page.forms:
            assert person.submit(form).status in (400, 404, 409, 410)
    assert user.phone() == new and user.is_good()


def test_every_step_can_be_undone_from_its_own_number(server: Server, user: User, person: Person):
    """Whoever took the account over and moved it twice is undone by the first number as well."""
    texts = len(server.outbox.messages(user.number))
    user.change()
    link = undo_link(server, user.number, texts + 1)
    user.change()
    assert person.submit(person.visit(link).forms[0]).status == 200
    assert owner(server, user.number) == user.subject


def test_undoing_after_somebody_came_in_with_the_old_number_leaves_one_owner(
    server: Server, user: User, person: Person
):
    texts = len(server.outbox.messages(user.number))
    new = user.change()
    link = undo_link(server, user.number, texts + 1)
    newcomer = User(server, user.number)
    assert newcomer.subject != user.subject
    page = person.visit(link)
    undone = bool(page.forms) and person.submit(page.forms[0]).status == 200
    assert owner(server, user.number) == (user.subject if undone else newcomer.subject)
    assert user.is_good() != undone
    assert undone or user.phone() == new


def test_a_first_number_has_no_old_one_to_tell(server: Server, user: User):
    old = user.number
    assert user.send("DELETE", f"{PATH}/{quote(old)}").status_code == 204
    eventually("the number hears that it was removed", lambda: len(server.outbox.messages(old)) == 2)
    before = len(server.outbox.messages(old))
    number = user.change()
    User(server)                                      # who is texted later than anybody would have been told
    assert len(server.outbox.messages(old)) == before
    assert len(server.outbox.messages(number)) == 1
    assert user.phone() == number


# MARK: remove


@pytest.mark.parametrize("spell", [quote, lambda number: number], ids=["encoded", "plain"])
def test_a_removed_number_is_gone(server: Server, user: User, spell):
    reply = user.send("DELETE", f"{PATH}/{spell(user.number)}")
    assert (reply.status_code, reply.content) == (204, b"")
    assert user.phone() is None
    profile = user.send("GET", "/users/me").json()
    assert (profile["phone"], profile["phone_auth"]) == (None, None)
    assert_refused(user.send("DELETE", f"{PATH}/{quote(user.number)}"), 404, UNKNOWN)
    assert owner(server, user.number) != user.subject


def test_only_the_own_number_is_removed(server: Server, user: User):
    other = User(server)
    refusals = [
        user.send("DELETE", f"{PATH}/{quote(number)}") for number in (other.number, fresh_number())
    ]
    for refused in refusals:
        assert_refused(refused, 404, UNKNOWN)
    assert refusals[0].json() == refusals[1].json()
    for nonsense in ("x", "%00", "me", "+81", user.number[:-1], user.number + "0"):
        assert user.send("DELETE", f"{PATH}/{quote(nonsense, safe='%')}").status_code in (400, 404, 422)
    assert user.phone() == user.number and other.phone() == other.number


def test_a_change_outlives_the_removal_of_the_old_number_or_ends_with_it(server: Server, user: User):
    asked = user.ask(fresh_number())
    assert user.send("DELETE", f"{PATH}/{quote(user.number)}").status_code == 204
    reply = asked.confirm()
    assert reply.status_code in (204, 404)
    assert user.phone() == (asked.number if reply.status_code == 204 else None)


# MARK: limits, and what is written down


def test_texts_to_one_number_are_limited_here_too(start_server: StartServer):
    server = start_server(
        clients=[phone_client("app")], DENWA_LIMITS_SEND_PER_NUMBER="2/3600", DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="0")
    user, number = User(server), fresh_number()
    user.ask(number)
    user.ask(number)
    refused = user.send("POST", body={"phone_number": number})
    assert_refused(refused, 429, TOO_MANY)
    assert int(refused.headers["retry-after"]) >= 1
    assert len(server.outbox.messages(number)) == 2


def test_the_pause_between_texts_holds_here_too(start_server: StartServer):
    server = start_server(clients=[phone_client("app")], DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    user, number = User(server), fresh_number()
    replies = at_once(10, lambda _: user.send("POST", body={"phone_number": number}))
    assert sorted({reply.status_code for reply in replies}) == [200, 429]
    assert sum(reply.status_code == 200 for reply in replies) == 1
    eventually("the text", lambda: server.outbox.messages(number))
    assert len(server.outbox.messages(number)) == 1


def test_no_log_and_no_database_holds_what_was_texted(start_server: StartServer, person: Person):
    server = start_server(clients=[phone_client("app")], DENWA_LOG_LEVEL="trace")
    user = User(server)
    asked = user.ask(fresh_number())
    wrong = six_digits_other_than(asked.code)
    assert_refused(asked.confirm(wrong), 401, WRONG)
    texts = len(server.outbox.messages(user.number))
    assert asked.confirm().status_code == 204
    token = undo_link(server, user.number, texts + 1).split("token=")[1]
    person.submit(person.visit(f"{server.url}/account/undo?token={token}").forms[0])

    database = server.database.content()
    logs = {"log": server.log(), "developer log": "\n".join(server.developer_log())}
    assert token.encode() not in b"".join(database.values())
    for where, content in logs.items():
        for secret in (token, asked.operation_id + asked.code, user.access_token, user.number, asked.number):
            assert secret not in content, where
        for code in (asked.code, wrong):
            assert not re.search(rf"(?<![\w.]){code}(?!\w)", content), where
