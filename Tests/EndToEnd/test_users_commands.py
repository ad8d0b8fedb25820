"""`denwa users …`: what an operator does to one account, by any name it goes by, and what the person notices."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import uuid
from dataclasses import dataclass
from typing import Any, Callable

import httpx
import jwt
import pytest

from harness import Server, StartServer, at_once, binary, fresh_number, phone_client

pytestmark = pytest.mark.nodes

APP = "old-app"
APP_KEY = "app-key-of-old-app-5Rq8"
PASSWORD = "nine green Teapots 7x"

_names = itertools.count(1)


def fresh_name() -> str:
    return f"Somebody-{os.getpid()}.{next(_names)}"


@pytest.fixture(scope="module")
def home(start_module_server: StartServer) -> Server:
    app = {"client_id": APP, "client_name": "Old app", "grant_types": [], "kii": {"app_key": APP_KEY}}
    resource_server = {
        "client_id": "resource-server", "client_name": "Resource server", "redirect_uris": [],
        "client_secret": "secret-of-resource-server-1", "grant_types": ["client_credentials"], "may_introspect": True,
        "token_endpoint_auth_method": "client_secret_basic",
    }
    return start_module_server(
        clients=[app, phone_client("40017"), resource_server], DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="0",
        DENWA_LIMITS_PASSWORD_PER_IP="0", DENWA_LIMITS_REGISTER_PER_IP="0", DENWA_GUARD_MODE="off",
        DENWA_ACCOUNTS_NUMBER_IDLE_DAYS="0")


# MARK: people


@dataclass
class Person:
    """Somebody who registered with a name, an address and a number, and proved the number by signing in."""

    server: Server
    id: str
    name: str
    email: str
    number: str

    def log_in(self, username: str | None = None) -> httpx.Response:
        return self.server.http.post(
            f"/api/apps/{APP}/oauth2/token", json={"username": username or self.name, "password": PASSWORD},
            auth=(APP, APP_KEY))

    def is_let_in(self) -> bool:
        reply = self.log_in()
        if reply.status_code != 200:
            assert (reply.status_code, reply.json()["errorCode"]) == (400, "invalid_grant"), reply.text
        return reply.status_code == 200

    def token(self) -> str:
        reply = self.log_in()
        assert reply.status_code == 200, reply.text
        return reply.json()["access_token"]

    def is_accepted(self, token: str) -> bool:
        reply = self.server.http.get(f"/api/apps/{APP}/users/me", headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code in (200, 401), reply.text
        return reply.status_code == 200


@pytest.fixture
def somebody(home: Server) -> Callable[[], Person]:
    def make() -> Person:
        name, email, number = fresh_name(), f"{fresh_name()}@mail.example", fresh_number()
        registration = {"password": PASSWORD, "loginName": name, "emailAddress": email}
        reply = home.http.post(f"/api/apps/{APP}/users", json=registration, auth=(APP, APP_KEY))
        assert reply.status_code == 201, reply.text
        person = Person(home, reply.json()["userID"], name, email, number)
        given = run(home, "set-phone", person.id, number)
        assert given.returncode == 0, given.stderr
        return person

    return make


@pytest.fixture
def person(somebody: Callable[[], Person]) -> Person:
    return somebody()


def run(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return server.command("users", *arguments, timeout=60)


def shown(server: Server, user: str) -> dict[str, Any] | None:
    """What `users show` knows; `None` when it knows nobody."""
    done = run(server, "show", user, "--json")
    if done.returncode != 0:
        assert done.stderr.strip() and not done.stdout.strip()
        return None
    return json.loads(done.stdout)


def subject_by_phone(server: Server, number: str) -> str:
    tokens = server.login("40017", number=number).tokens()
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]


REFERENCES: dict[str, Callable[[Person], str]] = {
    "id": lambda person: person.id,
    "number": lambda person: person.number,
    "login name": lambda person: f"LOGIN_NAME:{person.name}",
    "login name in capitals": lambda person: f"LOGIN_NAME:{person.name.upper()}",
    "e-mail address": lambda person: f"EMAIL:{person.email}",
    "e-mail address in capitals": lambda person: f"EMAIL:{person.email.upper()}",
}

by_every_reference = pytest.mark.parametrize("reference", REFERENCES.values(), ids=list(REFERENCES))

#: Every act, with what it needs besides the user.
ACTS = {
    "show": [], "disable": [], "enable": [], "sign-out": [], "delete": ["--yes"], "set-phone": ["+819012300045"],
}


# MARK: whoever it is


@by_every_reference
def test_a_user_is_shown_by_every_name(home: Server, person: Person, reference: Callable[[Person], str]):
    seen = shown(home, reference(person))
    assert seen is not None
    assert (seen["id"], seen["disabled"]) == (person.id, False)
    assert (seen["login_name"], seen["email"], seen["phone_number"]) == (person.name, person.email, person.number)
    for_people = run(home, "show", reference(person))
    assert for_people.returncode == 0 and person.id in for_people.stdout
    assert "scrypt" not in for_people.stdout + json.dumps(seen), "no hash is shown"


NOBODY = [
    "00000000-0000-4000-8000-000000000000", "+819099999999", "LOGIN_NAME:nobody-at-all", "EMAIL:nobody@mail.example",
    "LOGIN_NAME:", "EMAIL:", "me", "", " ", "%", "LOGIN_NAME:%", "EMAIL:*", "+", "+81", "' OR 1=1 --", "PHONE:",
]


@pytest.mark.parametrize("act", ACTS)
def test_nobody_is_nobody(home: Server, person: Person, act: str):
    for user in NOBODY:
        done = run(home, act, user, *ACTS[act])
        assert done.returncode != 0, f"{user!r}: {done.stdout}"
        assert done.stderr.strip() and not done.stdout.strip(), user
    assert person.is_let_in(), "and nobody else was meant"


def test_a_name_of_one_kind_is_none_of_another(home: Server, person: Person):
    assert shown(home, f"LOGIN_NAME:{person.email}") is None
    assert shown(home, f"EMAIL:{person.name}") is None
    assert shown(home, f"LOGIN_NAME:{person.id}") is None
    assert shown(home, person.name) is None, "a bare word is an id"


# MARK: disabling and enabling


@by_every_reference
def test_who_is_disabled_is_kept_out_until_enabled(home: Server, person: Person, reference: Callable[[Person], str]):
    token = person.token()
    assert person.is_accepted(token)
    assert run(home, "disable", reference(person)).returncode == 0
    assert shown(home, person.id)["disabled"] is True
    assert not person.is_let_in()
    assert not person.is_accepted(token)

    assert run(home, "enable", reference(person)).returncode == 0
    assert shown(home, person.id)["disabled"] is False
    assert person.is_let_in()
    assert not person.is_accepted(token), "what was ended stays ended"


def test_a_disabled_user_gets_no_text_that_signs_in(home: Server, person: Person):
    assert subject_by_phone(home, person.number) == person.id
    assert run(home, "disable", person.id).returncode == 0
    login = home.login("40017", number=person.number)
    refused = login.request()
    if refused.status_code == 200:
        refused = login.confirm()
    assert refused.status_code in (401, 403, 404, 422), refused.text


@pytest.mark.parametrize("act", ["disable", "enable"])
def test_doing_it_twice_is_no_fault(home: Server, person: Person, act: str):
    assert [run(home, act, person.id).returncode for _ in range(2)] == [0, 0]
    assert shown(home, person.id)["disabled"] is (act == "disable")


@by_every_reference
def test_signing_out_ends_tokens_and_lets_in_again(home: Server, person: Person, reference: Callable[[Person], str]):
    token = person.token()
    assert run(home, "sign-out", reference(person)).returncode == 0
    assert not person.is_accepted(token)
    assert person.is_let_in()


# MARK: deleting


@by_every_reference
def test_who_is_deleted_is_gone(home: Server, person: Person, reference: Callable[[Person], str]):
    token = person.token()
    done = run(home, "delete", reference(person), "--yes")
    assert done.returncode == 0, done.stderr
    assert not person.is_accepted(token)
    for username in (person.name, person.email, person.number):
        assert person.log_in(username).status_code == 400
    for other in REFERENCES.values():
        assert shown(home, other(person)) is None
    assert run(home, "delete", person.id, "--yes").returncode != 0, "there is nobody any more"


def test_what_a_deleted_user_had_is_free_for_somebody_else(home: Server, person: Person):
    assert run(home, "delete", person.id, "--yes").returncode == 0
    newcomer = subject_by_phone(home, person.number)
    assert newcomer != person.id
    registration = {"password": PASSWORD, "loginName": person.name, "emailAddress": person.email}
    reply = home.http.post(f"/api/apps/{APP}/users", json=registration, auth=(APP, APP_KEY))
    assert reply.status_code == 201, reply.text
    assert reply.json()["userID"] not in (person.id, newcomer)


@pytest.mark.parametrize("answer", [None, "", "y\n", "yes\n"], ids=["no input", "an empty pipe", "y", "yes"])
def test_deleting_without_a_terminal_needs_yes(home: Server, person: Person, answer: str | None):
    done = subprocess.run(
        [str(binary()), "users", "delete", person.id], cwd=home.directory, env=home.variables(), text=True, timeout=30,
        capture_output=True, **({"stdin": subprocess.DEVNULL} if answer is None else {"input": answer}))
    assert done.returncode != 0
    assert "--yes" in done.stderr
    assert person.is_let_in()


# MARK: numbers


@by_every_reference
def test_a_number_set_by_the_operator_signs_in(home: Server, person: Person, reference: Callable[[Person], str]):
    number = fresh_number()
    done = run(home, "set-phone", reference(person), number)
    assert done.returncode == 0, done.stderr
    assert shown(home, person.id)["phone_number"] == number
    assert shown(home, number)["id"] == person.id
    assert shown(home, person.number) is None
    assert subject_by_phone(home, number) == person.id
    assert person.log_in(number).status_code == 200
    assert person.log_in(person.number).status_code == 400
    assert subject_by_phone(home, person.number) != person.id, "the old number is somebody else's from now on"


def test_a_number_has_one_spelling_however_it_is_typed(home: Server, person: Person):
    number = fresh_number()
    assert run(home, "set-phone", person.id, f"+810{number[3:]}").returncode == 0
    assert shown(home, person.id)["phone_number"] == number
    assert run(home, "set-phone", person.id, number).returncode == 0, "the number it has already"
    assert shown(home, person.id)["phone_number"] == number


@pytest.mark.parametrize(
    "number", ["09012345678", "+81", "+8190123", "+999123456789", "nonsense", "", "+81-90x", "tel:+819012345678"])
def test_what_is_not_a_number_is_not_set(home: Server, person: Person, number: str):
    done = run(home, "set-phone", person.id, number)
    assert done.returncode != 0 and done.stderr.strip()
    assert shown(home, person.id)["phone_number"] == person.number


def test_a_number_that_another_has_is_not_taken_by_accident(home: Server, somebody: Callable[[], Person]):
    one, other = somebody(), somebody()
    refused = run(home, "set-phone", one.id, other.number)
    assert refused.returncode != 0
    assert "--take" in refused.stderr
    assert shown(home, one.id)["phone_number"] == one.number
    assert subject_by_phone(home, other.number) == other.id

    taken = run(home, "set-phone", one.id, other.number, "--take")
    assert taken.returncode == 0, taken.stderr
    assert shown(home, one.id)["phone_number"] == other.number
    assert shown(home, other.id).get("phone_number") is None
    assert subject_by_phone(home, other.number) == one.id
    assert other.is_let_in(), "who lost the number still has a name and a password"


def test_a_number_that_an_account_only_claims_is_not_taken_by_accident_either(home: Server, person: Person):
    number = fresh_number()
    registration = {"password": PASSWORD, "loginName": fresh_name(), "phoneNumber": number}
    reply = home.http.post(f"/api/apps/{APP}/users", json=registration, auth=(APP, APP_KEY))
    assert reply.status_code == 201, reply.text
    run(home, "set-phone", person.id, number, "--take")
    assert shown(home, number)["id"] == person.id
    assert shown(home, reply.json()["userID"]).get("phone_number") is None


def test_one_number_set_for_many_at_once_is_one_s(home: Server, somebody: Callable[[], Person]):
    people, number = [somebody() for _ in range(6)], fresh_number()
    done = at_once(len(people), lambda index: run(home, "set-phone", people[index].id, number))
    assert sum(one.returncode == 0 for one in done) == 1, [one.stderr for one in done]
    holders = [person.id for person in people if shown(home, person.id).get("phone_number") == number]
    assert len(holders) == 1
    assert subject_by_phone(home, number) == holders[0]


# MARK: around it


def test_the_commands_work_while_nobody_listens(start_server: StartServer):
    app = {"client_id": APP, "client_name": "Old app", "grant_types": [], "kii": {"app_key": APP_KEY}}
    server = start_server(clients=[app], started_=False)
    assert shown(server, str(uuid.uuid4())) is None
    file = server.directory / "users.csv"
    file.write_text("login_name\nhanako\n")
    assert run(server, "import", str(file)).returncode == 0
    assert run(server, "disable", "LOGIN_NAME:hanako").returncode == 0
    assert shown(server, "LOGIN_NAME:Hanako")["disabled"] is True
    assert run(server, "delete", "LOGIN_NAME:hanako", "--yes").returncode == 0
    assert shown(server, "LOGIN_NAME:hanako") is None


def test_what_an_operator_did_is_in_the_developer_log_without_numbers(home: Server, person: Person):
    number = fresh_number()
    assert run(home, "set-phone", person.id, number).returncode == 0
    assert run(home, "disable", person.id).returncode == 0
    events = [line for line in home.developer_log() if person.id in line]
    assert events, "somebody may have to answer for it"
    for value in (number, person.number, person.name, person.email):
        assert value not in "".join(events)
