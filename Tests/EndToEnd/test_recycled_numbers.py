"""Numbers that were idle so long that a carrier may have given them to somebody else.

Whoever proves such a number is somebody new. The account that had it is parked: it keeps what it has, opens by its
password, and no longer by the number.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest

from harness import Server, StartServer, at_once, code_in, code_of, fresh_number, machine_client, phone_client

PASSWORD = "blue-kettle-41-Nf"
DAY = 24 * 3600

KII = ("kii-app", "kii-key-5tQz81")

CLIENTS = [
    phone_client("app"),
    phone_client("other-app"),
    machine_client("resource-server", may_introspect=True),
    {
        "client_id": KII[0], "client_name": "Kii app", "token_endpoint_auth_method": "none", "grant_types": [],
        "kii": {"app_key": KII[1], "verify_phone": True},
    },
]


@dataclass
class Holder:
    """Somebody with a password and a proven number, whom the phone login knows as well."""

    server: Server
    name: str
    number: str
    id: str

    def login(self, username: str | None = None) -> httpx.Response:
        """By password at the Kii app."""
        return kii(self.server, "POST", "/oauth2/token", {"username": username or self.name, "password": PASSWORD})

    def own(self, path: str = "") -> httpx.Response:
        """`GET /users/me` of the Kii app, with a new login."""
        headers = {"Authorization": f"Bearer {self.login().json()['access_token']}"}
        return self.server.http.get(f"/api/apps/{KII[0]}/users/me{path}", headers=headers)


def kii(server: Server, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
    return server.http.request(method, f"/api/apps/{KII[0]}{path}", json=body, auth=KII)


def holder(server: Server, number: str | None = None) -> Holder:
    number = number or fresh_number()
    name = f"holder{number[-8:]}"
    made = kii(server, "POST", "/users", {"loginName": name, "password": PASSWORD, "phoneNumber": number})
    assert made.status_code == 201, made.text
    proof = {"verificationCode": code_in(server.outbox.wait(number))}
    proved = kii(server, "POST", f"/users/LOGIN_NAME:{name}/phone-number/verify", proof)
    assert proved.status_code == 200, proved.text
    return Holder(server, name, number, made.json()["userID"])


def enters(server: Server, number: str, client: str = "app") -> str:
    """Who comes in with this number: the subject of a phone login."""
    return subject_of(server.login(client, number=number).tokens())


def subject_of(tokens: dict[str, Any]) -> str:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]


def rest(server: Server, days: float, *numbers: str) -> None:
    """Stops the server, makes the last proof of each number so old, and starts it again."""
    server.end()
    moment = int((time.time() - days * DAY) * 1000)
    for number in numbers:
        changed = server.database.change(
            "UPDATE account_phone SET last_proof_at = ? WHERE number = ?", moment, number)
        assert changed == 1, number
    server.start()


def recycled(server: Server) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in server.developer_log()]
    return [event for event in events if event["event"] == "number.recycled"]


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return make(start_server)


def make(start_server: StartServer, **settings: str) -> Server:
    return start_server(clients=CLIENTS, **settings)


def test_one_pool_knows_a_user_by_number_and_by_password(server: Server):
    """What the tests below rest on."""
    known = holder(server)
    assert enters(server, known.number) == known.id
    assert known.login().json()["id"] == known.id


def test_an_idle_number_opens_a_fresh_account_and_parks_the_old_one(server: Server):
    old = holder(server)
    assert enters(server, old.number) == old.id
    rest(server, 366, old.number)
    assert recycled(server) == [], "nobody has come yet"

    fresh = enters(server, old.number)
    assert fresh != old.id
    assert enters(server, old.number, "other-app") == fresh, "from now on it is the new one's"

    assert old.login().status_code == 200
    assert old.login().json()["id"] == old.id
    profile = old.own()
    assert profile.status_code == 200
    assert old.number not in profile.text, "the number is somebody else's"
    by_number = old.login(old.number)
    assert (by_number.status_code, by_number.json()["error"]) == (400, "invalid_grant")


def test_the_developer_log_tells_it_once_and_masked(server: Server):
    old = holder(server)
    rest(server, 400, old.number)
    enters(server, old.number)
    enters(server, old.number)
    (event,) = recycled(server)
    assert "*" in event["phone"] and event["phone"].endswith(old.number[-4:])
    assert event["client_id"] == "app"
    assert old.number not in json.dumps(event)
    assert old.number not in server.log()


@pytest.mark.parametrize("days", [1, 30, 364, 364.9])
def test_a_number_that_is_not_idle_opens_its_account(server: Server, days: float):
    old = holder(server)
    rest(server, days, old.number)
    assert enters(server, old.number) == old.id
    assert recycled(server) == []


@pytest.mark.parametrize(("setting", "days", "is_recycled"), [
    ("0", 366, False), ("0", 10_000, False), ("30", 29.9, False), ("30", 30.1, True), ("1", 1.1, True),
    ("1000", 999, False), ("1000", 1001, True),
])
def test_the_days_are_a_setting(start_server: StartServer, setting: str, days: float, is_recycled: bool):
    server = make(start_server, DENWA_ACCOUNTS_NUMBER_IDLE_DAYS=setting)
    old = holder(server)
    rest(server, days, old.number)
    assert (enters(server, old.number) != old.id) == is_recycled
    assert len(recycled(server)) == is_recycled


def test_every_proof_begins_the_days_anew(server: Server):
    old = holder(server)
    rest(server, 364, old.number)
    assert enters(server, old.number) == old.id
    (row,) = server.database.rows("SELECT last_proof_at FROM account_phone WHERE number = ?", old.number)
    assert abs(row["last_proof_at"] / 1000 - time.time()) < 60


def test_a_code_that_was_asked_for_and_not_typed_is_no_proof(server: Server):
    old = holder(server)
    rest(server, 366, old.number)
    login = server.login("app", number=old.number)
    login.request()
    login.confirm_wrongly(2)
    assert recycled(server) == []
    assert old.login(old.number).json()["id"] == old.id, "the number is still the old one's"


def test_an_account_of_a_number_alone_is_parked_too(server: Server):
    number = fresh_number()
    old = enters(server, number)
    rest(server, 366, number)
    fresh = enters(server, number)
    assert fresh != old
    assert len(recycled(server)) == 1
    assert enters(server, number) == fresh


def test_only_the_idle_number_changes_hands(server: Server):
    idle, busy = holder(server), holder(server)
    rest(server, 366, idle.number)
    assert enters(server, busy.number) == busy.id
    assert enters(server, idle.number) != idle.id
    assert busy.login(busy.number).json()["id"] == busy.id


def test_the_new_holder_sees_nothing_of_the_old_one(server: Server):
    old = holder(server)
    before = server.login("app", number=old.number, scope="openid offline phone profile email").tokens()
    rest(server, 366, old.number)
    tokens = server.login("app", number=old.number, scope="openid offline phone profile email").tokens()
    profile = server.http.get("/users/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert profile.json()["phone"] == old.number
    assert old.name not in profile.text and old.id not in profile.text
    claims = server.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert old.name not in claims.text and old.id not in claims.text
    assert subject_of(before) == old.id
    renewed = server.refresh("app", before["refresh_token"])
    if renewed.status_code == 200:
        assert subject_of(renewed.json()) == old.id, "an old token is the old account's, never the new one's"


def test_first_logins_at_once_with_an_idle_number_make_one_account(server: Server):
    old = holder(server)
    rest(server, 366, old.number)
    logins = [server.login(client, number=old.number) for client in ("app", "other-app")]
    for login in logins:
        assert login.request().status_code == 200
        login.texted_code()
    replies = at_once(2, lambda index: logins[index].confirm())
    assert [reply.status_code for reply in replies] == [200, 200]
    subjects = {
        subject_of(login.token(code_of(reply.json()["login_url"])).json()) for login, reply in zip(logins, replies)
    }
    assert len(subjects) == 1 and old.id not in subjects
    assert len(recycled(server)) == 1


@pytest.mark.parametrize("days", [364, 366])
def test_a_change_to_a_number_parks_its_owner_only_when_it_is_idle(server: Server, days: int):
    old = holder(server)
    rest(server, days, old.number)
    login = server.login("app", scope="phone")
    tokens = login.tokens()

    def send(path: str, body: dict[str, str]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return server.http.post(f"/users/me/phone{path}", json=body, headers=headers)

    texts = len(server.outbox.messages(old.number))
    begun = send("", {"phone_number": old.number})
    assert begun.status_code == 200, begun.text
    code = code_in(server.outbox.wait(old.number, texts + 1))
    confirmed = send("/confirm", {"code": code, "operation_id": begun.json()["operation_id"]})
    is_idle = days > 365
    assert confirmed.status_code == (204 if is_idle else 404)
    assert enters(server, old.number) == (subject_of(tokens) if is_idle else old.id)
    assert old.login().json()["id"] == old.id
    assert (old.number in old.own().text) != is_idle
    assert len(recycled(server)) == is_idle


def test_a_number_may_be_recycled_again(server: Server):
    old = holder(server)
    subjects = [old.id]
    for _ in range(2):
        rest(server, 366, old.number)
        subjects.append(enters(server, old.number))
    assert len(set(subjects)) == 3
    assert len(recycled(server)) == 2
    assert old.login().json()["id"] == old.id


def test_it_looks_like_any_first_login(server: Server):
    """Nothing in a reply tells an idle number, a known one and a new one apart."""
    idle, busy = holder(server), holder(server)
    rest(server, 366, idle.number)
    shapes = set()
    for number in (idle.number, busy.number, fresh_number()):
        login = server.login("app", number=number)
        begun = login.request()
        done = login.confirm()
        shapes.add((begun.status_code, done.status_code, frozenset(begun.json()), frozenset(done.json()),
                    frozenset(begun.headers), frozenset(done.headers)))
    assert len(shapes) == 1
