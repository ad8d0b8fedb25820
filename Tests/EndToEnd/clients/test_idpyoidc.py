"""idpyoidc's RPHandler, by the people who test OpenID providers for a living: it checks every message it gets against
a schema, the answer's `iss`, state and nonce, the ID token, and that UserInfo speaks of the same person."""

from __future__ import annotations

from typing import Any, Iterator

import pytest
from cryptojwt import KeyJar
from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES
from idpyoidc.client.exception import OidcServiceError
from idpyoidc.client.rp_handler import RPHandler
from idpyoidc.message.oidc import ProviderConfigurationResponse

from harness import Server, confidential_client, fresh_number, secret_of
from person import Person

ALGORITHMS = ("ES256", "RS256", "EdDSA")
SCOPE = ["openid", "phone", "offline_access"]


@pytest.fixture(scope="module")
def denwa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    denwa = Server(tmp_path_factory.mktemp("idpyoidc"), clients=[
        confidential_client(
            algorithm, id_token_signed_response_alg=algorithm,
            redirect_uris=["https://rp.example/callback"],
            post_logout_redirect_uris=["https://rp.example/goodbye"],
        )
        for algorithm in ALGORITHMS
    ])
    try:
        yield denwa.start()
    finally:
        denwa.dispose()


@pytest.fixture
def person(denwa: Server, make_person) -> Person:
    return make_person(denwa)


def relying_party(denwa: Server, client: str) -> RPHandler:
    authenticate = {"kwargs": {"default_authn_method": "client_secret_basic"}}
    services = {name: dict(service) for name, service in DEFAULT_OIDC_SERVICES.items()}
    services["access_token"] |= authenticate
    services["refresh_access_token"] |= authenticate
    services["end_session"] = {"class": "idpyoidc.client.oidc.end_session.EndSession"}
    configuration: dict[str, Any] = {
        "issuer": denwa.url,
        "provider_info": {"issuer": denwa.url},                 # and nothing more: the rest is discovered
        "client_type": "oidc",
        "client_id": client,
        "client_secret": secret_of(client),
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": denwa.client(client)["id_token_signed_response_alg"],
        "redirect_uris": denwa.client(client)["redirect_uris"],
        "post_logout_redirect_uris": denwa.client(client)["post_logout_redirect_uris"],
        "response_types": ["code"],
        "allow": {"missing_kid": False},
        "services": services,
        "add_ons": {
            "pkce": {
                "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
            },
        },
    }
    return RPHandler(
        "https://rp.example", client_configs={denwa.url: configuration}, keyjar=KeyJar(), httpc_params={"timeout": 10}
    )


def begin(handler: RPHandler, denwa: Server, **more: Any) -> str:
    return handler.begin(issuer_id=denwa.url, req_args={"scope": SCOPE} | more)


def test_the_discovery_document_follows_the_schema(denwa: Server):
    document = ProviderConfigurationResponse().from_json(denwa.http.get("/.well-known/openid-configuration").text)
    assert document.verify(allow_http=True)
    assert document["issuer"] == denwa.url


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signs_in_refreshes_and_signs_out(denwa: Server, person: Person, algorithm: str):
    handler, number = relying_party(denwa, algorithm), fresh_number()
    url = begin(handler, denwa)
    assert "prompt=consent" in url, "as OpenID Connect Core §11 has it for offline_access"
    page = person.consent(person.sign_in(url, number))
    assert page.url.startswith("https://rp.example/callback?")

    done = handler.finalize(denwa.url, page.parameters)
    assert "error" not in done
    assert done["id_token"].jws_header["alg"] == algorithm
    assert done["id_token"]["aud"] == [algorithm]
    assert done["userinfo"]["sub"] == done["id_token"]["sub"]
    assert done["userinfo"]["phone_number"] == number
    assert handler.has_active_authentication(done["state"])

    renewed = handler.refresh_access_token(done["state"])
    assert renewed["access_token"] != done["token"]
    assert renewed["__verified_id_token"]["sub"] == done["id_token"]["sub"]
    assert handler.get_user_info(done["state"])["sub"] == done["id_token"]["sub"]

    page = person.visit(handler.logout(done["state"])["url"])
    assert page.url.startswith("https://rp.example/goodbye?state=")
    answer = handler.finalize(denwa.url, person.visit(begin(handler, denwa, prompt="none")).parameters)
    assert answer["error"] == "login_required"


def test_a_second_sign_in_is_another_answer_for_the_same_person(denwa: Server, person: Person):
    handler = relying_party(denwa, "ES256")
    first = handler.finalize(
        denwa.url, person.consent(person.sign_in(begin(handler, denwa), fresh_number())).parameters
    )
    second = handler.finalize(denwa.url, person.consent(person.visit(begin(handler, denwa))).parameters)
    assert second["state"] != first["state"]
    for claim in ("sub", "sid", "auth_time"):
        assert second["id_token"][claim] == first["id_token"][claim]


def test_a_no_reaches_the_relying_party(denwa: Server, person: Person):
    handler = relying_party(denwa, "ES256")
    page = person.consent(person.sign_in(begin(handler, denwa), fresh_number()), allow=False)
    assert handler.finalize(denwa.url, page.parameters)["error"] == "access_denied"


def test_a_code_is_redeemed_once(denwa: Server, person: Person):
    handler = relying_party(denwa, "ES256")
    page = person.consent(person.sign_in(begin(handler, denwa), fresh_number()))
    state = handler.finalize(denwa.url, page.parameters)["state"]
    with pytest.raises(OidcServiceError, match="invalid_grant"):
        handler.get_tokens(state)
