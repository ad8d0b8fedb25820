"""Authlib's sessions with client assertions, and what they push and sign by them."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2 import rfc8414, rfc9101
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc import jwt

from harness import Server, StartServer, fresh_number, machine_client, phone_client, pkce
from person import Person
from proofs import ALGORITHMS, SigningKey, claims_of

SCOPE = "openid phone offline_access"
SHARED_SECRET = "a-secret-of-two-that-is-long-enough-0b1fKqR7ZxT2"


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def denwa(start_module_server: StartServer, keys) -> Server:
    return start_module_server(clients=[
        *(phone_client(algorithm, token_endpoint_auth_method="private_key_jwt", jwks=key.jwks)
          for algorithm, key in keys.items()),
        machine_client("shared", client_secret=SHARED_SECRET, token_endpoint_auth_method="client_secret_jwt"),
    ])


@pytest.fixture
def person(denwa: Server, make_person) -> Person:
    return make_person(denwa)


def session(denwa: Server, client: str, key: SigningKey) -> OAuth2Session:
    made = OAuth2Session(
        client, key.key, scope=SCOPE, redirect_uri=f"https://{client}.example/callback",
        token_endpoint_auth_method="private_key_jwt", revocation_endpoint_auth_method="private_key_jwt",
        code_challenge_method="S256")
    made.register_client_auth_method(
        PrivateKeyJWT(f"{denwa.url}/oauth2/token", alg=key.algorithm, headers={"kid": key.kid}))
    return made


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")        # joserfc would rather have "Ed25519"
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("how", ["plainly", "pushed", "signed"])
def test_a_key_is_enough_for_a_whole_sign_in(denwa: Server, person: Person, keys, algorithm: str, how: str):
    key, (verifier, challenge) = keys[algorithm], pkce()
    with session(denwa, algorithm, key) as app:
        url, state = app.create_authorization_url(f"{denwa.url}/oauth2/authorize", code_verifier=verifier)
        asked = {"client_id": algorithm, "response_type": "code", "redirect_uri": app.redirect_uri, "scope": SCOPE,
                 "state": state} | challenge
        if how == "pushed":
            reply = app.post(
                f"{denwa.url}/oauth2/par", data=urlencode(asked), withhold_token=True,
                headers={"Content-Type": "application/x-www-form-urlencoded"}, auth=app.client_auth("private_key_jwt"))
            assert reply.status_code == 201, reply.text
            asked = {"client_id": algorithm, "request_uri": reply.json()["request_uri"]}
        elif how == "signed":
            token = jwt.encode({"alg": algorithm, "kid": key.kid}, asked | {
                "iss": algorithm, "aud": denwa.url, "exp": int(time.time()) + 300}, key.key, algorithms=[algorithm])
            asked = {"client_id": algorithm, "request": token}
        if how != "plainly":
            url = f"{denwa.url}/oauth2/authorize?{urlencode(asked)}"
        page = person.sign_in(url, fresh_number())
        token = app.fetch_token(
            f"{denwa.url}/oauth2/token", authorization_response=page.url, state=state, code_verifier=verifier)
        assert app.get(f"{denwa.url}/oauth2/userinfo").json()["sub"] == claims_of(token["id_token"])["sub"]
        renewed = app.refresh_token(f"{denwa.url}/oauth2/token", refresh_token=token["refresh_token"])
        asked_about = app.introspect_token(f"{denwa.url}/oauth2/introspect", token=renewed["access_token"])
        assert asked_about.json()["active"] is True
        assert app.revoke_token(f"{denwa.url}/oauth2/revoke", token=renewed["refresh_token"]).status_code == 200
        with pytest.raises(OAuthError) as refused:
            app.refresh_token(f"{denwa.url}/oauth2/token", refresh_token=renewed["refresh_token"])
        assert refused.value.error == "invalid_grant"


def test_another_key_is_another_client(denwa: Server):
    with session(denwa, "ES256", SigningKey.generate()) as app, pytest.raises(OAuthError) as refused:
        app.fetch_token(f"{denwa.url}/oauth2/token", grant_type="authorization_code", code="x" * 43)
    assert refused.value.error == "invalid_client"


def test_a_shared_secret_signs(denwa: Server):
    with OAuth2Session("shared", SHARED_SECRET, token_endpoint_auth_method="client_secret_jwt") as app:
        app.register_client_auth_method(ClientSecretJWT(f"{denwa.url}/oauth2/token"))
        token = app.fetch_token(f"{denwa.url}/oauth2/token", grant_type="client_credentials")
    assert claims_of(token["access_token"])["client_id"] == "shared"


def test_the_metadata_pass_authlibs_checks_for_signed_requests(denwa: Server):
    document: dict[str, Any] = denwa.http.get("/.well-known/oauth-authorization-server").json()
    # Authlib insists on https, which a server on loopback has not.
    secure = json.loads(json.dumps(document).replace("http://", "https://"))
    rfc8414.AuthorizationServerMetadata(secure).validate(metadata_classes=[rfc9101.AuthorizationServerMetadata])
