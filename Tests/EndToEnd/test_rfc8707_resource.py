"""RFC 8707: a token says which resource it is for, and is for that one alone."""

from __future__ import annotations

from typing import Any, Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from harness import (
    Server, StartServer, assert_oauth_error, code_in, confidential_client, fresh_number, machine_client, phone_client,
    pkce,
)
from person import Page, Person, authorize_url, people
from proofs import SigningKey, claims_of, request_object

FILES, MAIL, CLOCK = "https://files.example/api", "https://mail.example/", "urn:example:clock"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
#: With a letter that Unicode has twice.
MAPS = "https://maps.example/K"
#: What a client that has FILES, MAIL and MAPS may still not name.
WRONG = {
    "registered for nobody": "https://elsewhere.example/",
    "registered for another client": CLOCK,
    "with a fragment": f"{FILES}#part",
    "with an empty fragment": f"{FILES}#",
    "relative": "/api",
    "without a scheme": "files.example/api",
    "with a slash more": f"{FILES}/",
    "with a slash less": MAIL.rstrip("/"),
    "below a registered one": f"{FILES}/v1",
    "with a query": f"{FILES}?v=1",
    "in capitals": FILES.upper(),
    "on a port": "https://files.example:443/api",
    "with a user": "https://user@files.example/api",
    "with a letter that equals another": MAPS.replace("K", "\u212a"),
    "spelled otherwise": "https://files.example/%61pi",
    "around a detour": "https://files.example/x/../api",
    "two in one": f"{FILES} {MAIL}",
    "no URI": "files",
    "a script": "javascript:alert(1)",
    "the client itself": "app",
}


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def server(start_module_server: StartServer, key: SigningKey) -> Server:
    both = {"resources": [FILES, MAIL, MAPS]}
    return start_module_server(DENWA_LIMITS_AUTHORIZE_PER_SESSION="0", clients=[
        confidential_client("app", audience="app-api", jwks=key.jwks, **both),
        phone_client("public", **both),
        phone_client("tv", grant_types=["refresh_token", DEVICE_CODE], **both),
        confidential_client("clock-app", resources=[CLOCK]),
        confidential_client("plain"),
        machine_client("machine", scope="reports:read", **both),
        machine_client("files", protected_resources=[FILES]),
        machine_client("mail", protected_resources=[MAIL]),
        machine_client("resource-server", may_introspect=True),
        machine_client("stranger"),
    ])


@pytest.fixture(scope="module")
def member(server: Server) -> Iterator[Person]:
    """Somebody who is signed in to a browser."""
    with people() as make:
        member = make(server)
        member.sign_in(authorize_url(server, "plain"), fresh_number())
        yield member


def callback(client: str) -> str:
    return f"https://{client}.example/callback"


def named(resources: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("resource", resource) for resource in resources]


def authorize(server: Server, member: Person, *resources: str, client: str = "app", **more: str) -> Page:
    query = {"client_id": client, "response_type": "code", "redirect_uri": callback(client), "state": "state-4f1d2c",
             "scope": "openid offline"} | more
    return member.visit(f"{server.url}/oauth2/authorize?{urlencode([*query.items(), *named(resources)])}")


def redeem(server: Server, page: Page, *resources: str, client: str = "app", **more: str) -> httpx.Response:
    assert page.url.startswith(f"{callback(client)}?"), f"{page.status} {page.url}: {page.words}"
    form = {"grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": callback(client)}
    return server.token(client, [*(form | more).items(), *named(resources)])


def refresh(server: Server, token: str, *resources: str, client: str = "app") -> httpx.Response:
    return server.token(client, [("grant_type", "refresh_token"), ("refresh_token", token), *named(resources)])


def machine(server: Server, *resources: str, client: str = "machine") -> httpx.Response:
    return server.token(client, [("grant_type", "client_credentials"), *named(resources)])


def audience(reply: httpx.Response) -> str:
    """Whom the token is for: exactly one."""
    assert reply.status_code == 200, reply.text
    aud = claims_of(reply.json()["access_token"])["aud"]
    if isinstance(aud, list):
        assert len(aud) == 1, aud
        return aud[0]
    return aud


# MARK: one resource for each token


def test_without_a_resource_a_token_is_for_the_clients_own_audience(server: Server, member: Person):
    made = redeem(server, authorize(server, member))
    assert audience(made) == "app-api"
    assert audience(refresh(server, made.json()["refresh_token"])) == "app-api"
    assert audience(machine(server)) == "machine"


def test_one_resource_that_was_agreed_to_need_not_be_said_again(server: Server, member: Person):
    made = redeem(server, authorize(server, member, FILES))
    assert audience(made) == FILES
    assert audience(refresh(server, made.json()["refresh_token"])) == FILES
    assert audience(redeem(server, authorize(server, member, FILES), FILES)) == FILES


def test_of_two_that_were_agreed_to_each_token_is_for_one(server: Server, member: Person):
    made = redeem(server, authorize(server, member, FILES, MAIL), MAIL)
    assert audience(made) == MAIL
    other = refresh(server, made.json()["refresh_token"], FILES)
    assert audience(other) == FILES
    assert audience(refresh(server, other.json()["refresh_token"], MAIL)) == MAIL, "naming one gives up none"


def test_of_two_that_were_agreed_to_one_must_be_named(server: Server, member: Person):
    assert_oauth_error(redeem(server, authorize(server, member, FILES, MAIL)), 400, "invalid_target")
    made = redeem(server, authorize(server, member, FILES, MAIL), FILES).json()
    assert_oauth_error(refresh(server, made["refresh_token"]), 400, "invalid_target")
    assert audience(refresh(server, made["refresh_token"], FILES)) == FILES, "and the refusal spends nothing"


def test_the_same_resource_twice_is_one(server: Server, member: Person):
    assert audience(redeem(server, authorize(server, member, FILES, FILES))) == FILES


def test_a_resource_may_be_named_at_the_token_endpoint_alone(server: Server, member: Person):
    assert audience(redeem(server, authorize(server, member), FILES)) == FILES
    assert audience(machine(server, MAIL)) == MAIL


def test_resources_change_nothing_else_about_a_token(server: Server, member: Person):
    plain = redeem(server, authorize(server, member)).json()
    bound = redeem(server, authorize(server, member, FILES)).json()
    assert plain["scope"] == bound["scope"]
    for claim in ("iss", "sub", "client_id", "scope"):
        assert claims_of(plain["access_token"])[claim] == claims_of(bound["access_token"])[claim]
    assert claims_of(bound["id_token"])["aud"] == "app", "an ID token is for the app itself"


@pytest.mark.parametrize("path", ["/oauth2/userinfo", "/users/me", "/users/me/phone"])
def test_a_token_for_a_resource_opens_nothing_of_this_server(server: Server, member: Person, path: str):
    """The resource's server holds it too, and must not be able to take the account with it."""
    usual = redeem(server, authorize(server, member)).json()["access_token"]
    token = redeem(server, authorize(server, member, FILES)).json()["access_token"]
    opened = [server.http.get(path, headers={"Authorization": f"Bearer {each}"}).status_code for each in (usual, token)]
    assert opened[1] == 401
    assert opened[0] != opened[1] or path == "/users/me/phone", "an app that was let in by redirect has no number to read"


def test_resources_can_be_pushed(server: Server, member: Person):
    query = [("client_id", "app"), ("response_type", "code"), ("redirect_uri", callback("app")),
             ("state", "state-4f1d2c"), ("scope", "openid")]
    pushed = server._form("/oauth2/par", "app", [*query, *named((FILES, MAIL))], None)
    assert pushed.status_code == 201, pushed.text
    address = urlencode({"client_id": "app", "request_uri": pushed.json()["request_uri"], "resource": CLOCK})
    assert audience(redeem(server, member.visit(f"{server.url}/oauth2/authorize?{address}"), MAIL)) == MAIL


@pytest.mark.parametrize("resources", [FILES, [FILES, MAIL]], ids=["a text", "a list"])
def test_resources_can_be_signed(server: Server, member: Person, key: SigningKey, resources: Any):
    parameters = {"response_type": "code", "redirect_uri": callback("app"), "state": "state-4f1d2c", "scope": "openid"}
    token = request_object(key, "app", server.url, parameters, resource=resources)
    page = member.visit(f"{server.url}/oauth2/authorize?{urlencode({'client_id': 'app', 'request': token})}")
    assert audience(redeem(server, page, FILES)) == FILES


def test_a_device_asks_for_its_resource(server: Server):
    def begin(*resources: str) -> httpx.Response:
        return server._form("/oauth2/device_authorization", "tv", [("scope", "openid"), *named(resources)], None)

    assert_oauth_error(begin(CLOCK), 400, "invalid_target")
    begun = begin(FILES, MAIL).json()
    with people() as make:
        make(server).allow_device(begun["verification_uri_complete"], fresh_number())
    form = [("grant_type", DEVICE_CODE), ("device_code", begun["device_code"]), ("resource", MAIL)]
    assert audience(server.token("tv", form)) == MAIL


def test_an_app_that_asks_for_the_code_itself_asks_for_its_resource(server: Server):
    number, (verifier, challenge) = fresh_number(), pkce()

    def call(**form: str) -> httpx.Response:
        return server.http.post("/oauth2/challenge", data={"client_id": "public"} | form)

    assert_oauth_error(call(login_hint=number, resource=CLOCK, **challenge), 400, "invalid_target")
    begun = call(login_hint=number, resource=FILES, **challenge).json()
    done = call(auth_session=begun["auth_session"], otp=code_in(server.outbox.wait(number))).json()
    form = [("grant_type", "authorization_code"), ("code", done["authorization_code"]), ("code_verifier", verifier)]
    assert_oauth_error(server.token("public", [*form, ("resource", MAIL)]), 400, "invalid_target")
    begun = call(login_hint=number, resource=FILES, **challenge).json()
    done = call(auth_session=begun["auth_session"], otp=code_in(server.outbox.wait(number, 2))).json()
    form[1] = ("code", done["authorization_code"])
    assert audience(server.token("public", form)) == FILES


# MARK: what a client may not name


@pytest.mark.parametrize("resource", WRONG.values(), ids=WRONG.keys())
def test_a_resource_is_refused_that_is(server: Server, member: Person, resource: str):
    page = authorize(server, member, resource)
    assert page.url.startswith(f"{callback('app')}?"), f"{page.status} {page.url}"
    assert page.parameters["error"] == "invalid_target"
    assert page.parameters["state"] == "state-4f1d2c" and page.parameters["iss"] == server.url
    assert "code" not in page.parameters

    assert_oauth_error(machine(server, resource), 400, "invalid_target")
    query = [("client_id", "app"), ("response_type", "code"), ("redirect_uri", callback("app")),
             ("state", "state-4f1d2c")]
    assert_oauth_error(
        server._form("/oauth2/par", "app", [*query, ("resource", resource)], None), 400, "invalid_target")


def test_one_wrong_resource_spoils_the_others(server: Server, member: Person):
    page = authorize(server, member, FILES, WRONG["registered for nobody"])
    assert page.parameters["error"] == "invalid_target"


def test_a_client_without_resources_names_none(server: Server, member: Person):
    assert authorize(server, member, FILES, client="plain").parameters["error"] == "invalid_target"
    assert_oauth_error(machine(server, FILES, client="stranger"), 400, "invalid_target")


@pytest.mark.parametrize("name", ["registered for another client", "with a fragment", "with a slash more", "relative"])
def test_the_token_endpoint_refuses_what_is(server: Server, member: Person, name: str):
    resource = WRONG[name]
    assert_oauth_error(redeem(server, authorize(server, member), resource), 400, "invalid_target")
    made = redeem(server, authorize(server, member, FILES)).json()
    assert_oauth_error(refresh(server, made["refresh_token"], resource), 400, "invalid_target")
    assert audience(refresh(server, made["refresh_token"])) == FILES, "and the refusal spends nothing"


def test_a_token_for_two_resources_is_not_made(server: Server, member: Person):
    """RFC 8707 §2: a token for both could be replayed by each at the other."""
    for resources in ((FILES, MAIL), (FILES, FILES)):
        assert_oauth_error(machine(server, *resources), 400, "invalid_target")
        page = authorize(server, member, FILES, MAIL)
        assert_oauth_error(redeem(server, page, *resources), 400, "invalid_target")


# MARK: no widening (attack 33)


def test_a_code_opens_no_resource_that_nobody_agreed_to(server: Server, member: Person):
    assert_oauth_error(redeem(server, authorize(server, member, FILES), MAIL), 400, "invalid_target")


def test_a_refresh_opens_no_other_resource(server: Server, member: Person):
    made = redeem(server, authorize(server, member, FILES)).json()
    assert_oauth_error(refresh(server, made["refresh_token"], MAIL), 400, "invalid_target")
    renewed = refresh(server, made["refresh_token"], FILES)
    assert audience(renewed) == FILES
    assert_oauth_error(refresh(server, renewed.json()["refresh_token"], MAIL), 400, "invalid_target")


def test_a_resource_that_was_taken_away_is_gone_at_the_next_refresh(start_server: StartServer):
    server = start_server(clients=[confidential_client("app", resources=[FILES, MAIL])])
    with people() as make:
        person = make(server)
        url = authorize_url(server, "app", scope="openid offline")
        page = person.sign_in(f"{url}&{urlencode({'resource': FILES})}", fresh_number())
        held = redeem(server, page).json()["refresh_token"]
        server.write_clients([confidential_client("app", resources=[MAIL])])
        server.end()
        server.start()
        assert_oauth_error(refresh(server, held), 400, "invalid_target")
        assert_oauth_error(refresh(server, held, MAIL), 400, "invalid_target")


# MARK: who may ask about it (attack 35)


def test_a_resource_sees_its_own_tokens_and_no_others(server: Server, member: Person):
    for_files, for_mail, for_app = (
        redeem(server, authorize(server, member, *resources)).json()["access_token"]
        for resources in ((FILES,), (MAIL,), ())
    )
    seen = server.introspect(for_files, by="files").json()
    assert seen["active"] is True
    assert seen["aud"] in (FILES, [FILES])
    for token, by in ((for_mail, "files"), (for_files, "mail"), (for_app, "files"), (for_files, "stranger")):
        reply = server.introspect(token, by=by)
        assert (reply.status_code, reply.json()) == (200, {"active": False}), "RFC 7662 §2.2: nothing is told"
    assert server.introspect(for_mail, by="mail").json()["active"] is True
    assert server.introspect(for_mail, by="resource-server").json()["active"] is True


def test_a_public_client_names_its_resource_with_its_challenge(server: Server, member: Person):
    verifier, challenge = pkce()
    page = authorize(server, member, FILES, client="public", **challenge)
    assert audience(redeem(server, page, client="public", code_verifier=verifier)) == FILES


def test_a_resource_twice_is_no_repeated_parameter_but_others_are(server: Server, member: Person):
    url = authorize_url(server, "app", scope="openid")
    page = member.visit(f"{url}&{urlencode(named((FILES, MAIL)))}&scope=openid")
    assert page.parameters["error"] == "invalid_request"
    assert "code" not in parse_qs(urlsplit(page.url).query)
