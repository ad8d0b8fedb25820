"""The token endpoint and everything that answers questions about tokens, as OAuth libraries use them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import re
import threading
import time
import warnings
from contextlib import contextmanager
from typing import Any, Iterator
from urllib.parse import urlencode

import httpx
import jwt
import pytest
from authlib.integrations.base_client.errors import OAuthError as AuthlibOAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as RequestsSession

from harness import (
    PROJECT, Server, assert_oauth_error, assert_refused, at_once, code_of, eventually, machine_client, phone_client, pkce,
    secret_of, standard_clients,
)

pytestmark = pytest.mark.nodes

CALLBACK = {client: f"https://{client}.example/callback" for client in ("40017", "web-basic", "web-post")}


@pytest.fixture(autouse=True)
def plain_http_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests-oauthlib and Authlib refuse http otherwise."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def unverified(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def key_client(server: Server) -> jwt.PyJWKClient:
    return jwt.PyJWKClient(f"{server.url}/.well-known/jwks.json")


# MARK: requests-oauthlib


def test_requests_oauthlib_logs_in_and_refreshes_as_a_public_client(server: Server):
    login = server.login("40017", scope="offline", redirect_uri=CALLBACK["40017"])
    session = RequestsSession("40017", redirect_uri=CALLBACK["40017"], state=login.state)
    token = session.fetch_token(
        f"{server.url}/oauth2/token", authorization_response=login.login_url(), include_client_id=True
    )
    assert server.is_active(token["access_token"])

    renewed = session.refresh_token(f"{server.url}/oauth2/token", client_id="40017")
    assert renewed["refresh_token"] != token["refresh_token"]
    assert server.is_active(renewed["access_token"])


@pytest.mark.parametrize("client", ["web-basic", "web-post"])
def test_requests_oauthlib_logs_in_as_a_confidential_client(server: Server, client: str):
    login = server.login(client, scope="offline", redirect_uri=CALLBACK[client])
    session = RequestsSession(client, redirect_uri=CALLBACK[client], state=login.state)
    how = (
        {"auth": HTTPBasicAuth(client, secret_of(client))}
        if client == "web-basic"
        else {"include_client_id": True, "client_secret": secret_of(client)}
    )
    token = session.fetch_token(f"{server.url}/oauth2/token", authorization_response=login.login_url(), **how)
    assert server.is_active(token["access_token"])


def test_requests_oauthlib_does_client_credentials(server: Server):
    session = RequestsSession(client=BackendApplicationClient("machine"))
    token = session.fetch_token(
        f"{server.url}/oauth2/token", client_id="machine", client_secret=secret_of("machine")
    )
    assert server.is_active(token["access_token"])
    assert "refresh_token" not in token, "RFC 6749 §4.4.3"


def test_requests_oauthlib_reads_a_refusal_as_the_standard_error(server: Server):
    session = RequestsSession("40017", redirect_uri=CALLBACK["40017"])
    with pytest.raises(InvalidGrantError):
        session.fetch_token(f"{server.url}/oauth2/token", code="no-such-code", include_client_id=True)


# MARK: Authlib


@pytest.mark.parametrize("client", ["web-basic", "web-post"])
def test_authlib_does_the_whole_life_of_a_token(server: Server, client: str):
    session = AuthlibSession(
        client, secret_of(client), token_endpoint_auth_method=server.client(client)["token_endpoint_auth_method"],
        redirect_uri=CALLBACK[client],
    )
    login = server.login(client, scope="offline", redirect_uri=CALLBACK[client])
    token = session.fetch_token(
        f"{server.url}/oauth2/token", authorization_response=login.login_url(), state=login.state
    )
    asked = session.introspect_token(f"{server.url}/oauth2/introspect", token=token["access_token"])
    assert asked.status_code == 200
    assert asked.json()["active"] is True, "a client may ask about its own tokens"

    renewed = session.refresh_token(f"{server.url}/oauth2/token", refresh_token=token["refresh_token"])
    assert renewed["refresh_token"] != token["refresh_token"]

    revoked = session.revoke_token(
        f"{server.url}/oauth2/revoke", token=renewed["refresh_token"], token_type_hint="refresh_token"
    )
    assert revoked.status_code == 200
    with pytest.raises(AuthlibOAuthError) as refused:
        session.refresh_token(f"{server.url}/oauth2/token", refresh_token=renewed["refresh_token"])
    assert refused.value.error == "invalid_grant"
    assert not server.is_active(renewed["access_token"])


def test_authlib_does_client_credentials_with_a_scope(server: Server):
    session = AuthlibSession("machine", secret_of("machine"), scope="reports:read")
    token = session.fetch_token(f"{server.url}/oauth2/token", grant_type="client_credentials")
    assert token["scope"] == "reports:read"
    assert unverified(token["access_token"])["scope"] == "reports:read"


def test_authlib_reads_the_metadata(server: Server):
    reply = server.http.get("/.well-known/oauth-authorization-server")
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    document = reply.json()
    assert document["issuer"] == server.url
    for endpoint, path in {
        "token_endpoint": "/oauth2/token",
        "introspection_endpoint": "/oauth2/introspect",
        "revocation_endpoint": "/oauth2/revoke",
        "jwks_uri": "/.well-known/jwks.json",
    }.items():
        assert document[endpoint] == server.url + path
    assert {"authorization_code", "refresh_token", "client_credentials"} <= set(document["grant_types_supported"])
    assert {"none", "client_secret_basic", "client_secret_post"} <= set(
        document["token_endpoint_auth_methods_supported"]
    )
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "password" not in document["grant_types_supported"]
    assert "implicit" not in document["grant_types_supported"]
    assert all("token" not in kind.split() for kind in document.get("response_types_supported", []))

    # Authlib insists on https, which a server on loopback has not.
    metadata = AuthorizationServerMetadata(json.loads(reply.text.replace("http://", "https://")))
    for check in ("issuer", "token_endpoint", "jwks_uri", "introspection_endpoint", "revocation_endpoint",
                  "grant_types_supported", "token_endpoint_auth_methods_supported",
                  "code_challenge_methods_supported", "scopes_supported", "ui_locales_supported"):
        getattr(metadata, f"validate_{check}")()


# MARK: signatures


@pytest.mark.parametrize(
    ("client", "algorithm"), [("40017", "ES256"), ("rs256", "RS256"), ("eddsa", "EdDSA"), ("xsolla", "RS256")]
)
def test_pyjwt_and_joserfc_verify_what_was_signed(server: Server, client: str, algorithm: str):
    token = server.login(client).tokens()["access_token"]
    header = jwt.get_unverified_header(token)
    assert header["alg"] == algorithm
    assert not {"jwk", "jku", "x5u", "x5c"} & set(header)

    key = key_client(server).get_signing_key_from_jwt(token)
    audience = unverified(token)["aud"]
    claims = jwt.decode(token, key, algorithms=[algorithm], audience=audience, issuer=server.url)
    assert claims["client_id"] == client

    keys = KeySet.import_key_set(server.http.get("/.well-known/jwks.json").json())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # joserfc would rather have "Ed25519" than "EdDSA"
        assert joserfc_jwt.decode(token, keys, algorithms=[algorithm]).claims == claims

    damaged = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(damaged, key, algorithms=[algorithm], audience=audience)
    assert server.introspect(damaged).json() == {"active": False}


def test_an_hs256_token_is_known_to_the_server_but_its_key_is_published_nowhere(server: Server):
    token = server.login("hs256").tokens()["access_token"]
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    assert server.is_active(token)
    published = server.http.get("/.well-known/jwks.json").json()["keys"]
    assert all(key["kty"] in ("EC", "RSA", "OKP") for key in published)
    assert jwt.get_unverified_header(token).get("kid") not in {key["kid"] for key in published}


def test_the_published_keys_are_public_and_named(server: Server):
    reply = server.http.get("/.well-known/jwks.json")
    assert reply.headers["content-type"].split(";")[0] in ("application/json", "application/jwk-set+json")
    keys = reply.json()["keys"]
    assert {key["alg"] for key in keys} >= {"ES256", "RS256", "EdDSA"}
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & set(key)
        if key["kty"] == "RSA":
            assert jwt.PyJWK(key).key.key_size >= 2048


def test_old_clients_find_the_rsa_keys_as_a_bare_array_in_hexadecimal(server: Server):
    reply = server.http.get(f"/projects/{PROJECT}/keys")
    assert reply.status_code == 200
    served = reply.json()
    assert isinstance(served, list)
    published = {
        key["kid"]: jwt.PyJWK(key).key.public_numbers()
        for key in server.http.get("/.well-known/jwks.json").json()["keys"] if key["kty"] == "RSA"
    }
    assert published and {key["kid"] for key in served} == set(published)
    for key in served:
        assert key["kty"] == "RSA"
        numbers = published[key["kid"]]
        assert (int(key["n"], 16), int(key["e"], 16)) == (numbers.n, numbers.e)

    token = server.login("xsolla").tokens()["access_token"]
    mine = next(key for key in served if key["kid"] == jwt.get_unverified_header(token)["kid"])
    public = rsa.RSAPublicNumbers(int(mine["e"], 16), int(mine["n"], 16)).public_key()
    assert jwt.decode(token, public, algorithms=["RS256"], options={"verify_aud": False})["type"] == "phone"


def test_a_token_lives_as_long_as_its_client_says(server: Server):
    tokens = server.login("short").tokens()
    claims = unverified(tokens["access_token"])
    assert tokens["expires_in"] == 120
    assert claims["exp"] - claims["iat"] == 120


# MARK: PKCE


def test_the_right_verifier_redeems(server: Server):
    verifier, query = pkce()
    assert server.login("pkce-only", query=query).token(code_verifier=verifier).status_code == 200


def test_a_wrong_verifier_is_refused_and_spends_the_code(server: Server):
    verifier, query = pkce()
    login = server.login(query=query)
    code = login.authorization_code()
    assert_oauth_error(login.token(code, code_verifier=pkce()[0]), 400, "invalid_grant")
    assert_oauth_error(login.token(code, code_verifier=verifier), 400, "invalid_grant")


@pytest.mark.parametrize("verifier", [None, "", "short"])
def test_a_verifier_cannot_be_left_out_or_shortened(server: Server, verifier: str | None):
    _, query = pkce()
    login = server.login(query=query)
    form = {} if verifier is None else {"code_verifier": verifier}
    assert_oauth_error(login.token(**form), 400, "invalid_grant", "invalid_request")


def test_the_challenge_itself_is_no_verifier(server: Server):
    _, query = pkce()
    login = server.login(query=query)
    assert_oauth_error(login.token(code_verifier=query["code_challenge"]), 400, "invalid_grant")


def test_a_verifier_without_a_challenge_is_refused(server: Server):
    """RFC 9700 §2.1.1: otherwise an attacker drops the challenge and the client never notices."""
    login = server.login()
    assert_oauth_error(login.token(code_verifier=pkce()[0]), 400, "invalid_grant", "invalid_request")


# MARK: who the client is


@pytest.mark.parametrize("client", ["web-basic", "web-post"])
def test_a_wrong_secret_is_an_unknown_client_and_spends_nothing(server: Server, client: str):
    login = server.login(client)
    code = login.authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    refused = server.token(client, form, secret="not-the-secret")
    assert_oauth_error(refused, 401, "invalid_client")
    if client == "web-basic":
        assert refused.headers["www-authenticate"].lower().startswith("basic")
    assert login.token(code).status_code == 200


def test_a_secret_may_come_in_the_body_or_by_basic(server: Server):
    for client in ("web-basic", "web-post"):
        by_basic = server.http.post(
            "/oauth2/token", data={"grant_type": "authorization_code", "code": server.login(client).authorization_code()},
            auth=(client, secret_of(client)),
        )
        in_body = server.http.post(
            "/oauth2/token", data={"grant_type": "authorization_code", "code": server.login(client).authorization_code(),
                                   "client_id": client, "client_secret": secret_of(client)},
        )
        assert (by_basic.status_code, in_body.status_code) == (200, 200)


UNAUTHENTICATED = {
    "an unknown client": {"client_id": "nobody", "client_secret": "x"},
    "no client at all": {},
    "a confidential client without its secret": {"client_id": "web-post"},
    "a confidential client with an empty secret": {"client_id": "web-post", "client_secret": ""},
}


@pytest.mark.parametrize("credentials", UNAUTHENTICATED.values(), ids=UNAUTHENTICATED.keys())
def test_nobody_gets_a_token_without_being_a_client(server: Server, credentials: dict[str, str]):
    code = server.login("web-post").authorization_code()
    reply = server.http.post("/oauth2/token", data={"grant_type": "authorization_code", "code": code} | credentials)
    allowed = ((401, "invalid_client"), (400, "invalid_client"), (400, "invalid_request"))
    assert (reply.status_code, reply.json()["error"]) in allowed
    assert reply.headers["cache-control"] == "no-store"


def test_a_secret_known_only_by_its_digest_works(start_server):
    digest = hashlib.sha256(b"only-the-client-knows").hexdigest()
    hashed = machine_client("hashed", client_secret_sha256=digest)
    del hashed["client_secret"]
    server = start_server(clients=[*standard_clients(), hashed])
    right = server.token("hashed", {"grant_type": "client_credentials"}, secret="only-the-client-knows")
    assert right.status_code == 200, right.text
    for wrong in (digest, "only-the-client-know"):
        assert_oauth_error(server.token("hashed", {"grant_type": "client_credentials"}, secret=wrong), 401, "invalid_client")


def test_a_client_uses_only_the_grants_it_is_registered_for(server: Server):
    refused = server.token("web-basic", {"grant_type": "client_credentials"})
    assert_oauth_error(refused, 400, "unauthorized_client")
    refused = server.token("machine", {"grant_type": "refresh_token", "refresh_token": "x"})
    assert_oauth_error(refused, 400, "unauthorized_client")


@pytest.mark.parametrize("grant", ["password", "implicit", "", "urn:example:unheard-of"])
def test_other_grants_do_not_exist(server: Server, grant: str):
    form = {"grant_type": grant, "username": "+819012345678", "password": "x"}
    assert_oauth_error(server.token("web-basic", form), 400, "unsupported_grant_type", "invalid_request")


# MARK: the authorization code


def test_the_redirect_uri_of_the_request_must_be_repeated(server: Server):
    login = server.login("several", redirect_uri="https://several.example/a")
    code = login.authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    assert_oauth_error(
        server.token("several", form | {"redirect_uri": "https://several.example/b"}), 400, "invalid_grant"
    )
    login = server.login("several", redirect_uri="https://several.example/a")
    form["code"] = login.authorization_code()
    assert_oauth_error(server.token("several", form), 400, "invalid_grant", "invalid_request")


def test_a_code_belongs_to_its_client(server: Server):
    login = server.login("40017")
    code = login.authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    assert_oauth_error(server.token("other-game", form), 400, "invalid_grant")
    assert login.token(code).status_code == 200, "a stranger's attempt does not spend it"


@pytest.mark.parametrize("code", ["", "A" * 43, "no such code", "x" * 10_000])
def test_an_unknown_code_is_an_invalid_grant(server: Server, code: str):
    form = {"grant_type": "authorization_code", "code": code}
    assert_oauth_error(server.token("40017", form), 400, "invalid_grant", *(["invalid_request"] if not code else []))


def test_a_replayed_code_kills_what_it_made(server: Server):
    login = server.login(scope="offline")
    code = login.authorization_code()
    tokens = login.token(code).json()
    renewed = server.refresh(login.client_id, tokens["refresh_token"]).json()
    assert server.is_active(renewed["access_token"])

    assert_oauth_error(login.token(code), 400, "invalid_grant")
    assert not server.is_active(tokens["access_token"])
    assert not server.is_active(renewed["access_token"])
    assert_oauth_error(server.refresh(login.client_id, renewed["refresh_token"]), 400, "invalid_grant")


def test_a_code_redeemed_fifty_times_at_once_succeeds_once(server: Server):
    login = server.login(scope="offline")
    code = login.authorization_code()
    replies = at_once(50, lambda _: login.token(code))
    won = [reply for reply in replies if reply.status_code == 200]
    assert len(won) == 1
    for lost in replies:
        if lost is not won[0]:
            assert_oauth_error(lost, 400, "invalid_grant")
    assert not server.is_active(won[0].json()["access_token"]), "forty-nine replays have killed it"


# MARK: refreshing


def test_fifty_refreshes_at_once_have_one_successor(server: Server):
    login = server.login(scope="offline")
    first = login.tokens()["refresh_token"]
    replies = at_once(50, lambda _: server.refresh(login.client_id, first))
    assert {reply.status_code for reply in replies} == {200}
    successors = {reply.json()["refresh_token"] for reply in replies}
    assert len(successors) == 1
    assert successors != {first}
    assert server.refresh(login.client_id, successors.pop()).status_code == 200


def test_inside_the_grace_a_repeat_brings_the_same_successor(server: Server):
    login = server.login(scope="offline")
    first = login.tokens()["refresh_token"]
    answers = [server.refresh(login.client_id, first).json() for _ in range(3)]
    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert all(server.is_active(answer["access_token"]) for answer in answers)


def test_a_refresh_token_belongs_to_its_client(server: Server):
    login = server.login(scope="offline")
    token = login.tokens()["refresh_token"]
    assert_oauth_error(server.refresh("other-game", token), 400, "invalid_grant")
    assert server.refresh(login.client_id, token).status_code == 200


def test_the_redirect_uri_that_sdks_send_on_refresh_is_ignored(server: Server):
    login = server.login(scope="offline")
    token = login.tokens()["refresh_token"]
    assert server.refresh(login.client_id, token, redirect_uri="https://anything.example/").status_code == 200


def test_scope_may_narrow_on_refresh(server: Server):
    login = server.login(scope="offline read write")
    reply = server.refresh(login.client_id, login.tokens()["refresh_token"], scope="offline read")
    assert reply.status_code == 200, reply.text
    for scope in (reply.json()["scope"], unverified(reply.json()["access_token"])["scope"]):
        assert "read" in scope.split() and "write" not in scope.split()


def test_scope_cannot_widen_on_refresh(server: Server):
    login = server.login(scope="offline read")
    token = login.tokens()["refresh_token"]
    assert_oauth_error(server.refresh(login.client_id, token, scope="offline read admin"), 400, "invalid_scope")
    assert server.refresh(login.client_id, token).status_code == 200, "a refused refresh rotates nothing"


def test_a_machine_gets_only_the_scope_it_is_registered_for(server: Server):
    assert set(server.client_credentials().json()["scope"].split()) == {"reports:read", "reports:write"}
    assert_oauth_error(server.client_credentials(scope="reports:read admin"), 400, "invalid_scope")


@pytest.fixture(scope="module")
def hasty(start_module_server) -> Server:
    """A server on which the grace of a rotation and the life of an authorization code last one second."""
    return start_module_server(DENWA_TOKENS_REFRESH_GRACE_SECONDS="1", DENWA_TOKENS_CODE_LIFETIME_SECONDS="1")


def test_after_the_grace_a_repeat_kills_the_family_and_the_log_tells(hasty: Server):
    login = hasty.login(scope="offline")
    first = login.tokens()
    second = hasty.refresh(login.client_id, first["refresh_token"]).json()
    bystander = hasty.login(number=login.number, scope="offline").tokens()
    time.sleep(1.1)
    assert_oauth_error(hasty.refresh(login.client_id, first["refresh_token"]), 400, "invalid_grant")
    assert_oauth_error(hasty.refresh(login.client_id, second["refresh_token"]), 400, "invalid_grant")
    assert not hasty.is_active(first["access_token"])
    assert not hasty.is_active(second["access_token"])
    assert hasty.refresh(login.client_id, bystander["refresh_token"]).status_code == 200, "another login lives on"
    eventually("the developer log tells of the reuse", lambda: [
        line for line in hasty.developer_log()
        if login.client_id in line and re.search("reuse|replay|repeat|family", line, re.IGNORECASE)
    ], timeout=3, every=0.2)


def test_an_authorization_code_dies_of_age(hasty: Server):
    login = hasty.login()
    code = login.authorization_code()
    time.sleep(1.1)
    assert_oauth_error(login.token(code), 400, "invalid_grant")


# MARK: the form


@pytest.mark.parametrize("name", ["grant_type", "code", "client_id", "redirect_uri"])
def test_a_repeated_form_parameter_is_an_invalid_request(server: Server, name: str):
    login = server.login("several", redirect_uri="https://several.example/a")
    code = login.authorization_code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": login.redirect_uri,
            "client_id": "several"}
    pairs = [*form.items(), (name, form[name])]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = server.http.post("/oauth2/token", content=urlencode(pairs), headers=headers)
    assert_oauth_error(reply, 400, "invalid_request")
    assert login.token(code).status_code == 200, "it was not spent"


@pytest.mark.parametrize("missing", ["grant_type", "code"])
def test_a_missing_form_parameter_is_an_invalid_request(server: Server, missing: str):
    form = {"grant_type": "authorization_code", "code": "x"}
    del form[missing]
    assert_oauth_error(server.token("40017", form), 400, "invalid_request")


def test_the_token_endpoint_reads_no_query(server: Server):
    login = server.login()
    code = login.authorization_code()
    query = urlencode({"grant_type": "authorization_code", "code": code, "client_id": login.client_id})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = server.http.post(f"/oauth2/token?{query}", content="", headers=headers)
    assert reply.status_code in (400, 401)
    assert reply.json()["error"] in ("invalid_request", "invalid_client")
    assert server.http.get(f"/oauth2/token?{query}").status_code in (404, 405)
    assert login.token(code).status_code == 200


def test_a_token_request_in_json_is_refused(server: Server):
    login = server.login()
    form = {"grant_type": "authorization_code", "code": login.authorization_code(), "client_id": login.client_id}
    reply = server.http.post("/oauth2/token", json=form)
    assert reply.status_code in (400, 401, 415)
    assert reply.json()["error"] in ("invalid_request", "invalid_client")
    assert login.token(form["code"]).status_code == 200, "it was not spent"


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"])
def test_a_form_over_sixteen_kibibytes_is_too_large(server: Server, path: str):
    reply = server.http.post(path, data={"token": "x" * 17_000}, auth=("machine", secret_of("machine")))
    assert reply.status_code == 413
    assert isinstance(reply.json()["error"], str)


# MARK: introspection and revocation


def test_introspection_tells_what_the_token_says(server: Server):
    login = server.login(scope="offline read")
    token = login.tokens()["access_token"]
    reply = server.introspect(token)
    assert reply.headers["cache-control"] == "no-store"
    told, said = reply.json(), unverified(token)
    assert told["active"] is True
    assert told["client_id"] == login.client_id
    for claim in ("sub", "iss", "exp", "iat", "aud", "jti"):
        assert told[claim] == said[claim]
    assert set(told["scope"].split()) == set(said["scope"].split())


def test_a_refresh_token_may_be_asked_about_by_its_client(server: Server):
    login = server.login("web-basic", scope="offline")
    token = login.tokens()["refresh_token"]
    told = server.introspect(token, by="web-basic").json()
    assert told["active"] is True
    assert server.introspect(token, by="stranger").json() == {"active": False}


def test_a_stranger_learns_nothing_about_a_token(server: Server):
    token = server.login().tokens()["access_token"]
    assert server.introspect(token, by="resource-server").json()["active"] is True
    reply = server.introspect(token, by="stranger")
    assert reply.status_code == 200
    assert reply.json() == {"active": False}
    nothing = server.introspect("no such token", by="stranger")
    assert nothing.text == reply.text and nothing.status_code == reply.status_code


def test_the_audience_of_a_token_may_ask_about_it(start_server):
    clients = [*standard_clients(), machine_client("orders-api"),
               phone_client("shop", audience=["orders-api"])]
    server = start_server(clients=clients)
    token = server.login("shop").tokens()["access_token"]
    audience = unverified(token)["aud"]
    assert "orders-api" in ([audience] if isinstance(audience, str) else audience)
    assert server.introspect(token, by="orders-api").json()["active"] is True
    assert server.introspect(token, by="stranger").json() == {"active": False}
    other = server.login("40017").tokens()["access_token"]
    assert server.introspect(other, by="orders-api").json() == {"active": False}


@pytest.mark.parametrize("path", ["/oauth2/introspect", "/oauth2/revoke"])
def test_questions_about_tokens_need_a_client(server: Server, path: str):
    token = server.login("web-basic").tokens()["access_token"]
    wrong = server.http.post(path, data={"token": token}, auth=("web-basic", "not-the-secret"))
    assert_oauth_error(wrong, 401, "invalid_client")
    assert wrong.headers["www-authenticate"].lower().startswith("basic")
    nobody = server.http.post(path, data={"token": token})
    assert (nobody.status_code, nobody.json()["error"]) in ((401, "invalid_client"), (400, "invalid_request"))
    assert server.is_active(token)


def test_a_public_client_cannot_introspect(server: Server):
    token = server.login("40017").tokens()["access_token"]
    reply = server.introspect(token, by="40017")
    assert reply.status_code in (400, 401, 403) or reply.json() == {"active": False}


def test_introspection_wants_a_token(server: Server):
    reply = server.http.post("/oauth2/introspect", data={}, auth=("resource-server", secret_of("resource-server")))
    assert_oauth_error(reply, 400, "invalid_request")


def test_revoking_a_refresh_token_ends_the_login(server: Server):
    login = server.login(scope="offline")
    tokens = login.tokens()
    assert server.revoke(tokens["refresh_token"], by=login.client_id).status_code == 200
    assert_oauth_error(server.refresh(login.client_id, tokens["refresh_token"]), 400, "invalid_grant")
    assert server.introspect(tokens["access_token"]).json() == {"active": False}


@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "access_token"}, {"token_type_hint": "refresh_token"},
                                  {"token_type_hint": "unheard_of"}], ids=lambda hint: str(hint))
def test_revoking_an_access_token_ends_it_whatever_the_hint(server: Server, hint: dict[str, str]):
    login = server.login()
    token = login.tokens()["access_token"]
    assert server.is_active(token)
    assert server.revoke(token, by=login.client_id, **hint).status_code == 200
    assert server.introspect(token).json() == {"active": False}
    assert server.revoke(token, by=login.client_id).status_code == 200, "and again, RFC 7009 §2.2"


def test_revoking_nothing_is_a_success(server: Server):
    assert server.revoke("no such token", by="40017").status_code == 200


def test_nobody_revokes_the_token_of_another_client(server: Server):
    login = server.login(scope="offline")
    tokens = login.tokens()
    for token in (tokens["refresh_token"], tokens["access_token"]):
        assert server.revoke(token, by="other-game").status_code in (200, 400)
    assert server.is_active(tokens["access_token"])
    assert server.refresh(login.client_id, tokens["refresh_token"]).status_code == 200


# MARK: /token/validate, and forgeries


def validate(server: Server, token: Any) -> httpx.Response:
    return server.http.post("/token/validate", json={"token": token})


@pytest.mark.parametrize("client", ["40017", "rs256", "eddsa", "hs256", "xsolla"])
def test_a_good_token_is_valid(server: Server, client: str):
    reply = validate(server, server.login(client).tokens()["access_token"])
    assert reply.status_code == 204
    assert reply.content == b""
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", None, 7, ["x"]])
def test_what_is_no_token_is_refused_in_the_envelope(server: Server, token: Any):
    reply = validate(server, token)
    assert reply.status_code in (400, 404, 422)
    assert_refused(reply, reply.status_code)


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_with_hmac(header: dict, claims: dict, key: bytes) -> str:
    """By hand: no library signs HMAC with a public key any more."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), 'sha256'))}"


def signed_with(key: Any, header: dict, claims: dict) -> str:
    return jwt.encode(claims, key, algorithm=header["alg"], headers=header)


class Good:
    """A token that is good, and what an attacker sees of it."""

    def __init__(self, server: Server, client: str):
        self.token = server.login(client).tokens()["access_token"]
        self.header = jwt.get_unverified_header(self.token)
        self.claims = unverified(self.token)
        keys = server.http.get("/.well-known/jwks.json").json()["keys"]
        self.jwk = next(key for key in keys if key["kid"] == self.header["kid"])
        self.public = jwt.PyJWK(self.jwk).key
        self.own_key = ec.generate_private_key(ec.SECP256R1())
        self.own_jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.own_key.public_key()))

    def public_bytes(self, encoding: str, form: str) -> bytes:
        return self.public.public_bytes(
            getattr(serialization.Encoding, encoding), getattr(serialization.PublicFormat, form)
        )

    def forgeries(self) -> dict[str, str]:
        header, claims, body = self.header, self.claims, self.token.split(".")[1]
        head, _, signature = self.token.split(".")
        raised = claims | {"sub": "11111111-1111-4111-8111-111111111111"}
        es256 = header | {"alg": "ES256"}
        hs256 = header | {"alg": "HS256"}
        pem = self.public_bytes("PEM", "SubjectPublicKeyInfo")
        jwk_bytes = json.dumps(self.jwk, separators=(",", ":")).encode()
        found = {
            "other claims, old signature": f"{head}.{encoded(raised)}.{signature}",
            "signature cut off": f"{head}.{body}.",
            "two parts": f"{head}.{body}",
            "zero signature": f"{head}.{body}.{encoded(bytes(64))}",
            "HS256 with the PEM": signed_with_hmac(hs256, claims, pem),
            "HS256 with the PEM less its last line break": signed_with_hmac(hs256, claims, pem.rstrip()),
            "HS256 with the DER": signed_with_hmac(hs256, claims, self.public_bytes("DER", "SubjectPublicKeyInfo")),
            "HS256 with the JWK": signed_with_hmac(hs256, claims, jwk_bytes),
            "HS256 with an empty key": signed_with_hmac(hs256, claims, b""),
            "HS256 with an empty key and no kid": signed_with_hmac({"alg": "HS256", "typ": "at+jwt"}, claims, b""),
            "HS256 with the kid": signed_with_hmac(hs256, claims, header["kid"].encode()),
            "embedded jwk": signed_with(self.own_key, es256 | {"jwk": self.own_jwk}, claims),
            "embedded jwk, no kid": signed_with(
                self.own_key, {"alg": "ES256", "typ": "at+jwt", "jwk": self.own_jwk}, claims),
            "own key, real kid": signed_with(self.own_key, es256, claims),
            "own key, unknown kid": signed_with(self.own_key, es256 | {"kid": "no-such-key"}, claims),
            "own key, kid a path": signed_with(self.own_key, es256 | {"kid": "../../../dev/null"}, claims),
            "own key, no kid": signed_with(self.own_key, {"alg": "ES256", "typ": "at+jwt"}, claims),
        }
        found |= {
            f"alg {name}": f"{encoded(header | {'alg': name})}.{body}." for name in ("none", "None", "NONE", "nOnE", "")
        }
        found["none, old signature"] = f"{encoded(header | {'alg': 'none'})}.{body}.{signature}"
        found["no alg"] = f"{encoded({k: v for k, v in header.items() if k != 'alg'})}.{body}.{signature}"
        return found


def assert_forged(server: Server, name: str, token: str) -> None:
    reply = server.introspect(token)
    assert (reply.status_code, reply.json()) == (200, {"active": False}), f"introspection took: {name}"
    reply = validate(server, token)
    assert reply.status_code in (400, 404, 422), f"validation took: {name} ({reply.status_code})"
    assert_refused(reply, reply.status_code)


@pytest.mark.parametrize("client", ["40017", "rs256", "eddsa"])
def test_no_forgery_passes(server: Server, client: str):
    good = Good(server, client)
    assert server.is_active(good.token) and validate(server, good.token).status_code == 204
    for name, token in good.forgeries().items():
        assert_forged(server, name, token)


@contextmanager
def key_server(jwk: dict) -> Iterator[tuple[str, list[str]]]:
    """Publishes `jwk`, and notes who came for it."""
    visits: list[str] = []

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            body = json.dumps({"keys": [jwk]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", visits
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_a_key_from_elsewhere_is_neither_fetched_nor_believed(server: Server, member: str):
    good = Good(server, "40017")
    with key_server(good.own_jwk | {"kid": "mine"}) as (url, visits):
        for kid in ("mine", good.header["kid"]):
            header = good.header | {"kid": kid, member: f"{url}/keys.json"}
            assert_forged(server, f"{member} with kid {kid}", signed_with(good.own_key, header, good.claims))
        assert visits == []


def test_a_token_of_the_servers_own_key_must_still_be_an_access_token_in_its_life(server: Server):
    """Signed here with the server's key file, to reach the checks behind the signature."""
    good = Good(server, "40017")
    mine = private_key_of(server, good)
    assert server.is_active(signed_with(mine, good.header, good.claims)), "the key is the right one"
    now = int(time.time())
    for name, header, claims in [
        ("typ JWT", {"typ": "JWT"}, {}),
        ("typ of a logout token", {"typ": "logout+jwt"}, {}),
        ("typ of a DPoP proof", {"typ": "dpop+jwt"}, {}),
        ("expired", {}, {"exp": now - 3600, "iat": now - 7200}),
        ("another issuer", {}, {"iss": "https://evil.example"}),
        ("an expiry that is no number", {}, {"exp": None}),
    ]:
        token = jwt.api_jws.encode(
            json.dumps(good.claims | claims).encode(), mine, algorithm="ES256", headers=good.header | header
        )
        assert_forged(server, name, token)


def private_key_of(server: Server, good: Good) -> Any:
    for path in server.keys.rglob("*.pem"):
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except ValueError:
            continue
        if key.public_key() == good.public:
            return key
    raise AssertionError(f"no PEM of the signing key in {server.keys}")


def test_a_refresh_token_is_no_access_token(server: Server):
    token = server.login(scope="offline").tokens()["refresh_token"]
    assert validate(server, token).status_code in (400, 404, 422)


def test_a_code_cannot_be_smuggled_through_state(server: Server):
    login = server.login(state="x&code=stolen-code&state=y")
    login_url = login.login_url()
    assert login.token(code_of(login_url)).status_code == 200
