"""idpyoidc's RPHandler with a key instead of a secret: it signs who it is, and what it asks for."""

from __future__ import annotations

from typing import Any

import pytest
from cryptojwt import KeyJar
from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES
from idpyoidc.client.exception import OidcServiceError
from idpyoidc.client.rp_handler import RPHandler

from harness import Server, StartServer, fresh_number, phone_client
from person import Person
from proofs import SigningKey

ALGORITHMS = ("ES256", "RS256")


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def denwa(start_module_server: StartServer, keys) -> Server:
    return start_module_server(clients=[
        phone_client(
            algorithm, jwks=key.jwks, token_endpoint_auth_method="private_key_jwt", require_signed_request_object=True,
            token_endpoint_auth_signing_alg=algorithm, request_object_signing_alg=algorithm,
            redirect_uris=["https://rp.example/callback"],
        )
        for algorithm, key in keys.items()
    ])


@pytest.fixture
def person(denwa: Server, make_person) -> Person:
    return make_person(denwa)


def relying_party(denwa: Server, key: SigningKey) -> RPHandler:
    authenticate = {"kwargs": {"default_authn_method": "private_key_jwt"}}
    services = {name: dict(service) for name, service in DEFAULT_OIDC_SERVICES.items()}
    services["access_token"] |= authenticate
    services["refresh_access_token"] |= authenticate
    keyjar = KeyJar()
    keyjar.import_jwks({"keys": [key.private | {"kid": key.kid, "use": "sig", "alg": key.algorithm}]}, "")
    keyjar.import_jwks({"keys": [key.private | {"kid": key.kid, "use": "sig", "alg": key.algorithm}]}, key.algorithm)
    configuration: dict[str, Any] = {
        "issuer": denwa.url,
        "provider_info": {"issuer": denwa.url},
        "client_type": "oidc",
        "client_id": key.algorithm,
        "client_authn_methods": ["private_key_jwt", "bearer_header"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": [key.algorithm],
        "id_token_signed_response_alg": "ES256",
        "redirect_uris": ["https://rp.example/callback"],
        "response_types": ["code"],
        "allow": {"missing_kid": False},
        "services": services,
        "add_ons": {
            "pkce": {
                "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
            },
            "jar": {
                "function": "idpyoidc.client.oauth2.add_on.jar.add_support",
                "kwargs": {"request_object_signing_alg": key.algorithm},
            },
        },
    }
    return RPHandler(
        "https://rp.example", client_configs={denwa.url: configuration}, keyjar=keyjar, httpc_params={"timeout": 10})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signs_in_and_refreshes_with_a_key_and_a_signed_request(denwa: Server, person: Person, keys, algorithm: str):
    handler = relying_party(denwa, keys[algorithm])
    url = handler.begin(issuer_id=denwa.url, req_args={"scope": ["openid", "phone", "offline_access"]},
                        behaviour_args={"request_object_signing_alg": algorithm})
    assert "request=" in url
    page = person.sign_in(url, fresh_number())
    page = person.consent(page) if page.has_form("decision") else page
    assert page.url.startswith("https://rp.example/callback?"), f"{page.status} {page.url}: {page.words}"
    done = handler.finalize(denwa.url, page.parameters)
    assert done["id_token"]["aud"] == [algorithm]
    assert done["userinfo"]["sub"] == done["id_token"]["sub"]
    assert handler.refresh_access_token(done["state"])["access_token"] != done["token"]


def test_another_key_is_another_client(denwa: Server, person: Person, keys):
    handler, thief = relying_party(denwa, keys["ES256"]), relying_party(denwa, SigningKey.generate())
    url = handler.begin(issuer_id=denwa.url, req_args={"scope": ["openid"]},
                        behaviour_args={"request_object_signing_alg": "ES256"})
    page = person.sign_in(url, fresh_number())
    page = person.consent(page) if page.has_form("decision") else page
    session = handler.issuer2rp[denwa.url]
    thief.issuer2rp[denwa.url] = session
    session.keyjar = session.context.keyjar = thief.keyjar
    with pytest.raises(OidcServiceError, match="invalid_client"):
        handler.finalize(denwa.url, page.parameters)
