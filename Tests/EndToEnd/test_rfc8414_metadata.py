"""The metadata document (RFC 8414): each thing it names works, and nothing else is named."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey

from first_party import Challenge
from harness import (
    Server, StartServer, assert_oauth_error, machine_client, phone_client, pkce,
)
from proofs import ALGORITHMS, SigningKey, assertion, assertion_claims, asserting, dpop

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

#: Where each endpoint of the contract is.
ENDPOINTS = {
    "authorization_endpoint": "/oauth2/authorize",
    "token_endpoint": "/oauth2/token",
    "userinfo_endpoint": "/oauth2/userinfo",
    "end_session_endpoint": "/oauth2/end_session",
    "introspection_endpoint": "/oauth2/introspect",
    "revocation_endpoint": "/oauth2/revoke",
    "pushed_authorization_request_endpoint": "/oauth2/par",
    "authorization_challenge_endpoint": "/oauth2/challenge",
    "device_authorization_endpoint": "/oauth2/device_authorization",
    "revocation_stream_endpoint": "/oauth2/revocations",
    "jwks_uri": "/.well-known/jwks.json",
}

KEYS = {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app"),
        machine_client("client_secret_basic", may_introspect=True),
        machine_client("client_secret_post", token_endpoint_auth_method="client_secret_post", may_introspect=True),
        *(keyed(algorithm) for algorithm in ALGORITHMS),
        machine_client("client_secret_jwt", token_endpoint_auth_method="client_secret_jwt", may_introspect=True),
    ]


def keyed(algorithm: str) -> dict[str, Any]:
    """A client of `private_key_jwt`."""
    client = machine_client(
        algorithm, token_endpoint_auth_method="private_key_jwt", jwks=KEYS[algorithm].jwks, may_introspect=True)
    return {name: value for name, value in client.items() if name != "client_secret"}


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=clients())


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    return discovered(server)


def discovered(server: Server) -> dict[str, Any]:
    reply = server.http.get("/.well-known/oauth-authorization-server")
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    return reply.json()


# MARK: what is always there


def test_every_endpoint_is_where_the_contract_says(server: Server, document: dict[str, Any]):
    named = {name: document.get(name) for name in ENDPOINTS}
    assert named == {name: f"{server.url}{path}" for name, path in ENDPOINTS.items()}


def test_every_endpoint_that_is_named_is_there(server: Server, document: dict[str, Any]):
    named = {name: url for name, url in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert len(named) >= len(ENDPOINTS)
    for name, url in named.items():
        assert url.startswith(f"{server.url}/"), name
        answers = {server.http.get(url).status_code, server.http.post(url).status_code}
        assert answers & {200, 303, 400, 401} and max(answers) < 500, f"{name}: {answers}"


def test_what_is_only_for_forms_answers_other_methods_with_405(server: Server, document: dict[str, Any]):
    for name in ("token", "introspection", "revocation", "pushed_authorization_request", "authorization_challenge",
                 "device_authorization"):
        for method in ("GET", "PUT", "DELETE"):
            reply = server.http.request(method, document[f"{name}_endpoint"])
            assert reply.status_code == 405, f"{method} {name}: {reply.status_code}"
            assert reply.json()["error"] == "method_not_allowed"


def test_both_documents_are_one(server: Server):
    names = ("openid-configuration", "oauth-authorization-server")
    assert len({server.http.get(f"/.well-known/{name}").content for name in names}) == 1


def test_what_this_server_says_of_itself(document: dict[str, Any]):
    said = {
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
        "require_signed_request_object": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "code_challenge_methods_supported": ["S256"],
        "response_types_supported": ["code"],
        "acr_values_supported": ["aal1"],
    }
    assert {name: document.get(name) for name in said} == said


def test_algorithms_are_those_that_work_and_never_none(document: dict[str, Any]):
    for name in ("dpop_signing_alg_values_supported", "request_object_signing_alg_values_supported",
                 "introspection_signing_alg_values_supported", "id_token_signing_alg_values_supported"):
        assert set(document[name]) == set(ALGORITHMS), name
    for endpoint in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        assert set(document[f"{endpoint}_auth_signing_alg_values_supported"]) == {*ALGORITHMS, "HS256"}, endpoint


def test_no_list_is_empty_or_says_a_thing_twice(document: dict[str, Any]):
    """RFC 8414 §2: claims with zero elements are omitted."""
    for name, value in document.items():
        assert value not in (None, "", []), name
        if isinstance(value, list):
            assert len(set(value)) == len(value), name


# MARK: what is named works


def form_of(server: Server, client_id: str, method: str, path: str) -> dict[str, Any]:
    """How a client that is registered for `method` shows who it is."""
    secret = server.client(client_id).get("client_secret")
    if method == "none":
        return {"data": {"client_id": client_id}}
    if method == "client_secret_basic":
        return {"auth": (client_id, secret)}
    if method == "client_secret_post":
        return {"data": {"client_id": client_id, "client_secret": secret}}
    if method == "private_key_jwt":
        return {"data": asserting(assertion(KEYS[client_id], client_id, f"{server.url}{path}"))}
    assert method == "client_secret_jwt", f"what is {method}?"
    signed = joserfc_jwt.encode(
        {"alg": "HS256"}, assertion_claims(client_id, f"{server.url}{path}"), OctKey.import_key(secret))
    return {"data": asserting(signed)}


def clients_of(method: str) -> tuple[str, ...]:
    return {"none": ("app",), "private_key_jwt": ALGORITHMS}.get(method, (method,))


@pytest.mark.parametrize("endpoint, path, form, good", [
    ("token", "/oauth2/token", {"grant_type": "authorization_code", "code": "x"}, "invalid_grant unauthorized_client"),
    ("introspection", "/oauth2/introspect", {"token": "x"}, ""),
    ("revocation", "/oauth2/revoke", {"token": "x"}, ""),
])
def test_every_way_to_authenticate_that_is_named_works(
    server: Server, document: dict[str, Any], endpoint: str, path: str, form: dict[str, str], good: str
):
    methods = document[f"{endpoint}_endpoint_auth_methods_supported"]
    assert {"client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt"} <= set(methods)
    assert ("none" in methods) is (endpoint != "introspection")
    for method in methods:
        for client_id in clients_of(method):
            shown = form_of(server, client_id, method, path)
            reply = server.http.post(path, data=form | shown.pop("data", {}), **shown)
            if good:
                assert_oauth_error(reply, 400, *good.split())
            else:
                assert reply.status_code == 200, f"{method}: {reply.text}"


def test_every_grant_that_is_named_is_known(server: Server, document: dict[str, Any]):
    grants = document["grant_types_supported"]
    assert set(grants) == {"authorization_code", "refresh_token", "client_credentials", DEVICE_CODE, EXCHANGE}
    for grant in grants:
        reply = server.token("client_secret_basic", {"grant_type": grant})
        assert reply.status_code == 200 or reply.json()["error"] != "unsupported_grant_type", grant
    assert_oauth_error(server.token("client_secret_basic", {"grant_type": "password"}), 400, "unsupported_grant_type")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_of_proofs_that_is_named_is_taken(server: Server, document: dict[str, Any], algorithm: str):
    assert algorithm in document["dpop_signing_alg_values_supported"]
    headers = dpop(KEYS[algorithm], "POST", document["token_endpoint"])
    reply = server.token("client_secret_basic", {"grant_type": "client_credentials"}, headers=headers)
    assert reply.json()["token_type"] == "DPoP"


def test_what_is_pushed_may_be_used(server: Server, document: dict[str, Any]):
    form = {"response_type": "code", "client_id": "app"} | pkce()[1]
    pushed = server.http.post(document["pushed_authorization_request_endpoint"], data=form)
    assert pushed.status_code == 201
    reply = server.http.get(document["authorization_endpoint"], params={
        "client_id": "app", "request_uri": pushed.json()["request_uri"]})
    assert reply.status_code == 303


def test_the_challenge_endpoint_that_is_named_challenges(server: Server):
    assert Challenge(server).tokens()["access_token"]


# MARK: what depends on the configuration

#: Member, and the configuration with which it is there.
OPTIONAL = [
    ("registration_endpoint", {"DENWA_REGISTRATION_MODE": "open"}),
    ("client_id_metadata_document_supported", {"DENWA_CLIENT_METADATA_ENABLED": "true"}),
    ("tls_client_certificate_bound_access_tokens",
     {"DENWA_HTTP_CLIENT_CERTIFICATE_HEADER": "Client-Cert", "DENWA_HTTP_TRUSTED_PROXIES": "127.0.0.1"}),
]


@pytest.mark.parametrize("member, environment", OPTIONAL, ids=[row[0] for row in OPTIONAL])
def test_an_option_is_named_when_it_is_switched_on(
    document: dict[str, Any], start_server: StartServer, member: str, environment: dict[str, str]
):
    assert not document.get(member)
    server = start_server(clients=clients(), **environment)
    with_it = discovered(server)
    expected = f"{server.url}/oauth2/register" if member == "registration_endpoint" else True
    assert with_it[member] == expected
    others = {name for name, _ in OPTIONAL} - {member}
    assert not [name for name in others if with_it.get(name)], "nothing else came with it"


def test_a_route_that_is_not_named_is_not_there(server: Server, document: dict[str, Any]):
    assert "registration_endpoint" not in document
    reply = server.http.post("/oauth2/register", json={"redirect_uris": ["https://new.example/callback"]})
    assert reply.status_code == 404


def test_registration_with_a_token_is_named_too(start_server: StartServer):
    server = start_server(clients=clients(), DENWA_REGISTRATION_MODE="token",
                          DENWA_REGISTRATION_INITIAL_ACCESS_TOKENS="0" * 64)
    assert discovered(server)["registration_endpoint"] == f"{server.url}/oauth2/register"
    reply = server.http.post("/oauth2/register", json={"redirect_uris": ["https://new.example/callback"]})
    assert reply.status_code == 401


def test_every_name_is_built_from_the_issuer(start_server: StartServer):
    """Whatever the request calls this server."""
    server = start_server(clients=clients(), DENWA_ISSUER="https://id.example", DENWA_PRODUCTION="false")
    reply = server.http.get("/.well-known/oauth-authorization-server", headers={
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"})
    document = reply.json()
    assert document["issuer"] == "https://id.example"
    for name, path in ENDPOINTS.items():
        assert document[name] == f"https://id.example{path}"
