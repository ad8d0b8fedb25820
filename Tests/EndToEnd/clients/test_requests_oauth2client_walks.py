"""The rest of the protocol with a foreign client, requests_oauth2client: pushed and signed requests, assertions, DPoP
with nonces, devices, and token exchange. What it checks by itself (state, `iss`, ID tokens, nonces) it checks here."""

from __future__ import annotations

from typing import Any, Callable

import pytest
import requests
from requests_oauth2client import (
    AccessDenied, AuthorizationPending, BearerToken, ClientSecretBasic, ClientSecretJwt, ClientSecretPost,
    DeviceAuthorizationPollingJob, DPoPKey, DPoPToken, InvalidGrant, InvalidTarget, OAuth2Client, PrivateKeyJwt,
    PublicApp, SlowDown, UnauthorizedClient,
)

from harness import Server, StartServer, code_in, confidential_client, fresh_number, machine_client, phone_client
from person import Page, Person
from proofs import ALGORITHMS, SigningKey, claims_of

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

KEYS = {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}


def keyed(algorithm: str) -> dict[str, Any]:
    """A web app that shows who it is by signing for it."""
    client = confidential_client(algorithm, "private_key_jwt", jwks=KEYS[algorithm].jwks,
                                 grant_types=["authorization_code", "refresh_token", "client_credentials"])
    return {name: value for name, value in client.items() if name != "client_secret"}


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("spa", audience=["gateway", "spa"]),
        confidential_client("basic"),
        confidential_client("post", "client_secret_post"),
        confidential_client("secret-jwt", "client_secret_jwt"),
        *map(keyed, ALGORITHMS),
        phone_client("tv", grant_types=[DEVICE_CODE, "refresh_token"], redirect_uris=[]),
        machine_client("gateway", grant_types=["client_credentials", EXCHANGE], scope="orders:read orders:write",
                       token_exchange={"audiences": ["orders"], "resources": [], "impersonation": False}),
        machine_client("orders"),
    ]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=clients(), DENWA_DEVICE_INTERVAL_SECONDS="1")


@pytest.fixture(scope="module")
def careful(start_module_server: StartServer) -> Server:
    """A server that takes no proof without a nonce of its own."""
    return start_module_server(clients=clients(), DENWA_DPOP_REQUIRE_NONCE="true")


@pytest.fixture
def person(server: Server, make_person: Callable[..., Person]) -> Person:
    return make_person(server)


def authentication(server: Server, client_id: str) -> Any:
    registered = server.client(client_id)
    method, secret = registered["token_endpoint_auth_method"], registered.get("client_secret")
    if method == "none":
        return PublicApp(client_id)
    if method == "private_key_jwt":
        return PrivateKeyJwt(client_id, KEYS[client_id].private | {"kid": KEYS[client_id].kid}, alg=client_id)
    made = {"client_secret_basic": ClientSecretBasic, "client_secret_post": ClientSecretPost,
            "client_secret_jwt": ClientSecretJwt}
    return made[method](client_id, secret)


def client_of(server: Server, client_id: str, **more: Any) -> OAuth2Client:
    """Set up from the metadata alone."""
    metadata = requests.get(f"{server.url}/.well-known/oauth-authorization-server", timeout=10).json()
    redirect_uris = server.client(client_id)["redirect_uris"]
    return OAuth2Client.from_discovery_endpoint(
        f"{server.url}/.well-known/openid-configuration", server.url, auth=authentication(server, client_id),
        redirect_uri=redirect_uris[0] if redirect_uris else None, testing=True,
        id_token_signed_response_alg="ES256",
        device_authorization_endpoint=metadata.get("device_authorization_endpoint"), **more)


def arrived(page: Page, client: OAuth2Client) -> str:
    assert page.url.startswith(f"{client.redirect_uri}?"), f"{page.url}: {page.words}"
    return page.url


# MARK: signing in


@pytest.mark.parametrize("client_id", ["spa", "basic", "post", "secret-jwt", *ALGORITHMS])
def test_a_pushed_sign_in_for_every_way_to_authenticate(server: Server, person: Person, client_id: str):
    client = client_of(server, client_id)
    request = client.authorization_request(scope="openid offline_access phone")
    pushed = client.pushed_authorization_request(request)
    number = fresh_number()
    answer = request.validate_callback(arrived(person.sign_in(str(pushed), number), client))
    token = client.authorization_code(answer)
    assert client.userinfo(token)["phone_number"] == number
    refreshed = client.refresh_token(token)
    assert refreshed.access_token != token.access_token
    with pytest.raises(InvalidGrant):
        client.authorization_code(answer)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signed_request_signs_in(server: Server, person: Person, algorithm: str):
    client = client_of(server, algorithm)
    request = client.authorization_request(scope="openid", iss=algorithm, aud=server.url)
    signed = request.sign(KEYS[algorithm].private | {"kid": KEYS[algorithm].kid}, alg=algorithm, lifetime=60)
    answer = request.validate_callback(arrived(person.sign_in(str(signed), fresh_number()), client))
    assert client.authorization_code(answer).id_token


@pytest.mark.parametrize("client_id", ["basic", "spa"])
def test_a_sign_in_that_is_bound_to_a_key_from_its_first_step(server: Server, person: Person, client_id: str):
    client = client_of(server, client_id, dpop_bound_access_tokens=True)
    request = client.authorization_request(scope="openid offline_access")
    pushed = client.pushed_authorization_request(request)
    answer = request.validate_callback(arrived(person.sign_in(str(pushed), fresh_number()), client))
    token = client.authorization_code(answer, validate=False)       # it cannot copy a bound token to validate it
    assert isinstance(token, DPoPToken)
    assert claims_of(token.access_token)["cnf"] == {"jkt": request.dpop_jkt}

    url = f"{server.url}/oauth2/userinfo"
    assert requests.get(url, auth=token, timeout=10).json()["sub"] == token.id_token.sub
    as_bearer = requests.get(url, headers={"Authorization": f"Bearer {token.access_token}"}, timeout=10)
    assert as_bearer.status_code == 401
    refreshed = client.refresh_token(token, dpop_key=token.dpop_key)
    assert requests.get(url, auth=refreshed, timeout=10).status_code == 200


def test_nonces_are_learned_on_the_way(careful: Server, make_person: Callable[..., Person]):
    """The library knows none at first: it is told one, and tries again by itself."""
    client = client_of(careful, "basic", dpop_bound_access_tokens=True)
    request = client.authorization_request(scope="openid")
    pushed = client.pushed_authorization_request(request)
    person = make_person(careful)
    answer = request.validate_callback(arrived(person.sign_in(str(pushed), fresh_number()), client))
    token = client.authorization_code(answer, validate=False)
    told = requests.get(f"{careful.url}/oauth2/userinfo", auth=token, timeout=10)
    assert told.status_code == 200, told.text


# MARK: a service


@pytest.mark.parametrize("client_id", ALGORITHMS)
def test_a_service_that_signs_for_itself_asks_about_and_revokes_its_tokens(server: Server, client_id: str):
    client = client_of(server, client_id)
    token = client.client_credentials()
    assert client.introspect_token(token)["active"] is True
    assert client.revoke_access_token(token) is True
    assert client.introspect_token(token) == {"active": False}


def users_token(server: Server) -> BearerToken:
    return BearerToken(**server.login("spa", scope="openid orders:read").tokens())


def test_a_token_is_traded_in_the_services_own_name(server: Server):
    gateway, token = client_of(server, "gateway"), users_token(server)
    actor = gateway.client_credentials()
    traded = gateway.token_exchange(
        subject_token=token, actor_token=actor, requested_token_type="urn:ietf:params:oauth:token-type:access_token",
        audience="orders", scope="orders:read")
    claims = claims_of(traded.access_token)
    assert (claims["aud"], claims["act"], claims["sub"]) == (
        "orders", {"sub": "gateway"}, claims_of(token.access_token)["sub"])
    assert traded.refresh_token is None and traded.scope == "orders:read"
    assert client_of(server, "orders").introspect_token(traded)["act"] == {"sub": "gateway"}


def test_a_traded_token_is_bound_to_the_services_key(server: Server):
    gateway, token, key = client_of(server, "gateway"), users_token(server), DPoPKey.generate()
    traded = gateway.token_exchange(
        subject_token=token, actor_token=gateway.client_credentials(), audience="orders", dpop=True, dpop_key=key)
    assert isinstance(traded, DPoPToken)
    assert claims_of(traded.access_token)["cnf"] == {"jkt": key.dpop_jkt}


def test_refusals_are_read_as_what_they_are(server: Server):
    gateway, token = client_of(server, "gateway"), users_token(server)
    actor = gateway.client_credentials()
    with pytest.raises(InvalidTarget):
        gateway.token_exchange(subject_token=token, actor_token=actor, audience="billing")
    with pytest.raises(UnauthorizedClient):
        client_of(server, "orders").token_exchange(subject_token=token, actor_token=actor, audience="orders")


# MARK: a device


def decide(person: Person, url: str, decision: str) -> Page:
    """Somebody opens what the television shows, signs in, and answers."""
    page = person.visit(url)
    if page.has_form("user_code"):
        page = person.submit(page.form("user_code"))
    page = person.type_code(person.type_number(page, fresh_number()), code_in(person.text))
    if page.has_form("user_code") and not page.has_form("decision"):
        page = person.submit(page.form("user_code"))
    return person.submit(page.form("decision"), decision=decision)


def test_a_television_is_signed_in_by_a_telephone(server: Server, person: Person):
    client = client_of(server, "tv")
    device = client.authorize_device(scope="openid offline_access")
    assert device.interval == 1
    with pytest.raises(AuthorizationPending):
        client.device_code(device)
    with pytest.raises(SlowDown):
        client.device_code(device)

    quick = client.authorize_device(scope="openid offline_access")
    decide(person, quick.verification_uri_complete, "allow")
    token = DeviceAuthorizationPollingJob(client, quick)()
    assert client.userinfo(token)["sub"] == token.id_token.sub
    assert client.refresh_token(token).access_token
    with pytest.raises(InvalidGrant):
        client.device_code(quick)


def test_a_television_is_told_no(server: Server, person: Person):
    client = client_of(server, "tv")
    device = client.authorize_device(scope="openid")
    decide(person, device.verification_uri_complete, "deny")
    with pytest.raises(AccessDenied):
        client.device_code(device)
