"""RFC 9470: a resource that wants a fresher sign-in says so, and the app can get it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from harness import (
    Server, StartServer, assert_oauth_error, confidential_client, eventually, fresh_number, machine_client,
    phone_client,
)
from person import Page, Person, authorize_url, people
from proofs import claims_of


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(DENWA_LIMITS_AUTHORIZE_PER_SESSION="0", clients=[
        confidential_client("app"),
        confidential_client("fresh", default_max_age=1),
        confidential_client("fresh-stranger", default_max_age=1, first_party=False),
        confidential_client("patient", default_max_age=86_400),
        phone_client("fresh-game", default_max_age=1),
        machine_client("machine"),
        machine_client("resource-server", may_introspect=True),
    ])


@pytest.fixture
def person(server: Server) -> Iterator[Person]:
    with people() as make:
        yield make(server)


@pytest.fixture(scope="module")
def member(server: Server) -> Iterator[Person]:
    """Somebody who is signed in to a browser."""
    with people() as make:
        member = make(server)
        member.sign_in(authorize_url(server, "app"), fresh_number())
        yield member


def redeem(server: Server, page: Page, client: str = "app") -> dict[str, Any]:
    redirect_uri = server.client(client)["redirect_uris"][0]
    assert page.url.startswith(f"{redirect_uri}?code="), f"{page.status} {page.url}: {page.words}"
    reply = server.token(client, {
        "grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": redirect_uri})
    assert reply.status_code == 200, reply.text
    return reply.json()


def wait_until(moment: float) -> None:
    eventually("the sign-in is old enough", lambda: time.time() >= moment, timeout=10, every=0.05)


def answer(page: Page) -> dict[str, str]:
    assert page.url.startswith("https://"), f"{page.status} {page.url}: {page.words}"
    return page.parameters


# MARK: what a token says of the sign-in


def test_an_access_token_says_when_and_how_somebody_signed_in(server: Server, person: Person):
    before = int(time.time())
    made = redeem(server, person.sign_in(authorize_url(server, "app", scope="openid offline"), fresh_number()))
    said = claims_of(made["access_token"])
    assert before <= said["auth_time"] <= time.time() + 1
    assert said["acr"] == "aal1"
    asked = server.introspect(made["access_token"]).json()
    assert (asked["acr"], asked["auth_time"]) == ("aal1", said["auth_time"])
    assert claims_of(made["id_token"])["acr"] == "aal1"
    assert claims_of(made["id_token"])["auth_time"] == said["auth_time"]


def test_the_phone_login_is_of_the_same_class(server: Server):
    token = server.login("fresh-game").tokens()["access_token"]
    said = claims_of(token)
    assert said["acr"] == "aal1" and abs(said["auth_time"] - time.time()) < 10


def test_a_refresh_is_no_sign_in(server: Server, person: Person):
    made = redeem(server, person.sign_in(authorize_url(server, "app", scope="openid offline"), fresh_number()))
    said = claims_of(made["access_token"])
    wait_until(said["auth_time"] + 1.1)
    renewed = server.refresh("app", made["refresh_token"]).json()
    assert claims_of(renewed["access_token"])["auth_time"] == said["auth_time"]
    assert claims_of(renewed["access_token"])["acr"] == "aal1"
    assert claims_of(renewed["access_token"])["iat"] > said["iat"] - 1


def test_a_machine_does_not_sign_in(server: Server):
    token = server.client_credentials().json()["access_token"]
    assert not {"acr", "auth_time", "amr"} & set(claims_of(token))
    assert not {"acr", "auth_time"} & set(server.introspect(token).json())


# MARK: classes


@pytest.mark.parametrize("values", ["aal1", "aal1 aal1", "urn:example:gold aal1", "aal1 urn:example:gold"])
def test_a_known_class_is_met(server: Server, member: Person, values: str):
    made = redeem(server, member.visit(authorize_url(server, "app", scope="openid", acr_values=values)))
    assert claims_of(made["access_token"])["acr"] == "aal1"


@pytest.mark.parametrize("values", ["urn:example:gold", "aal2", "AAL1", "aal", "aal11", "0", "a b c"])
def test_a_class_that_nobody_can_meet_is_refused_before_anybody_signs_in(
    server: Server, person: Person, member: Person, values: str
):
    """RFC 9470 §5: `unmet_authentication_requirements`, also for somebody who would have to sign in first."""
    for somebody in (person, member):
        told = answer(somebody.visit(authorize_url(server, "app", acr_values=values)))
        assert told["error"] == "unmet_authentication_requirements"
        assert told["state"] == "state-4f1d2c" and told["iss"] == server.url
        assert "code" not in told


def test_a_pushed_class_that_nobody_can_meet_is_refused_at_once(server: Server):
    form = {"response_type": "code", "redirect_uri": "https://app.example/callback", "state": "state-4f1d2c"}
    refused = server._form("/oauth2/par", "app", form | {"acr_values": "urn:example:gold"}, None)
    assert_oauth_error(refused, 400, "unmet_authentication_requirements")
    assert server._form("/oauth2/par", "app", form | {"acr_values": "aal1"}, None).status_code == 201


@pytest.mark.parametrize("document", ["openid-configuration", "oauth-authorization-server"])
def test_the_metadata_name_the_classes(server: Server, document: str):
    assert server.http.get(f"/.well-known/{document}").json()["acr_values_supported"] == ["aal1"]


# MARK: a resource that wants a fresher sign-in


def resource(max_age: int) -> Callable[[str], tuple[int, str | None]]:
    """A resource that looks at `auth_time` and answers as RFC 9470 §3 has it."""

    def answers(token: str) -> tuple[int, str | None]:
        if time.time() - claims_of(token)["auth_time"] <= max_age:
            return 200, None
        return 401, f'Bearer error="insufficient_user_authentication", acr_values="aal1", max_age="{max_age}"'

    return answers


def test_an_app_steps_up(server: Server, person: Person):
    number, transfer = fresh_number(), resource(max_age=1)
    first = redeem(server, person.sign_in(authorize_url(server, "app", scope="openid"), number))
    signed_in = claims_of(first["access_token"])["auth_time"]
    wait_until(signed_in + 2.1)
    status, challenge = transfer(first["access_token"])
    assert status == 401 and challenge

    wanted = {"acr_values": "aal1", "max_age": "1"}
    asked = person.visit(authorize_url(server, "app", scope="openid", **wanted))
    assert asked.has_form("phone_number"), "whoever is signed in is asked again"
    second = redeem(server, person.sign_in(authorize_url(server, "app", scope="openid", **wanted), number))
    assert claims_of(second["access_token"])["sub"] == claims_of(first["access_token"])["sub"]
    assert claims_of(second["access_token"])["auth_time"] > signed_in
    assert transfer(second["access_token"]) == (200, None)
    assert claims_of(first["access_token"])["auth_time"] == server.introspect(first["access_token"]).json()["auth_time"]


@pytest.mark.parametrize("how", ["query", "pushed"])
def test_a_sign_in_that_is_too_old_is_not_passed_off_as_fresh(server: Server, person: Person, how: str):
    """With `prompt=none` nobody can be asked, so the answer is an error and never an older sign-in."""
    made = redeem(server, person.sign_in(authorize_url(server, "app", scope="openid"), fresh_number()))
    wait_until(claims_of(made["access_token"])["auth_time"] + 2.1)
    url = authorize_url(server, "app", prompt="none", max_age="1")
    if how == "pushed":
        form = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        uri = server._form("/oauth2/par", "app", form, None).json()["request_uri"]
        url = authorize_url(server, "app", request_uri=uri, max_age=None)
    assert answer(person.visit(url))["error"] == "login_required"
    assert "code" in answer(person.visit(authorize_url(server, "app", prompt="none", max_age="3600")))


def test_max_age_zero_asks_everybody(server: Server, member: Person):
    assert member.visit(authorize_url(server, "app", max_age="0")).has_form("phone_number")


@pytest.mark.parametrize("value", ["-1", "1.5", "soon", "1e3", "0x10", "٣", "99999999999999999999999"])
def test_a_max_age_that_is_no_number_is_refused(server: Server, member: Person, value: str):
    assert answer(member.visit(authorize_url(server, "app", max_age=value)))["error"] == "invalid_request"


# MARK: clients whose sign-ins get old

TOO_OLD = {"fresh": "insufficient_authorization", "fresh-game": "insufficient_authorization",
           "fresh-stranger": "invalid_grant"}


@dataclass
class Old:
    """What somebody got who signed in longer ago than the client's `default_max_age`."""

    number: str
    tokens: dict[str, Any]


@pytest.fixture(scope="module")
def old(server: Server) -> dict[str, Old]:
    """One for each such client. All grow old together, so that the tests wait once."""
    made = {}
    for client in TOO_OLD:
        number = fresh_number()
        tokens = server.login(client, number, scope="openid offline").tokens()
        renewed = server.refresh(client, tokens["refresh_token"])
        assert renewed.status_code == 200, "while it is fresh"
        made[client] = Old(number, renewed.json())
    wait_until(max(claims_of(one.tokens["access_token"])["auth_time"] for one in made.values()) + 2.1)
    return made


@pytest.mark.parametrize(("client", "error"), TOO_OLD.items())
def test_a_sign_in_that_is_too_old_is_not_refreshed(server: Server, old, client: str, error: str):
    """`default_max_age`: an app of the house is told to ask for a code, any other to begin anew."""
    for _ in range(2):
        assert_oauth_error(server.refresh(client, old[client].tokens["refresh_token"]), 400, error)


def test_a_sign_in_that_is_young_enough_is_refreshed(server: Server):
    made = server.login("patient", scope="offline").tokens()
    assert server.refresh("patient", made["refresh_token"]).status_code == 200


def test_only_a_new_sign_in_is_refreshed_again(server: Server, old):
    new = server.login("fresh", old["fresh"].number, scope="offline").tokens()
    assert server.refresh("fresh", new["refresh_token"]).status_code == 200
    refused = server.refresh("fresh", old["fresh"].tokens["refresh_token"])
    assert_oauth_error(refused, 400, "insufficient_authorization")


def test_userinfo_asks_for_no_fresher_sign_in(server: Server, old):
    headers = {"Authorization": f"Bearer {old['fresh'].tokens['access_token']}"}
    assert server.http.get("/oauth2/userinfo", headers=headers).status_code == 200
