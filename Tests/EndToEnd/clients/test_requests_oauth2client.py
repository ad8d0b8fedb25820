"""requests_oauth2client: client assertions, pushed and signed requests, DPoP with and without nonces, resources."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from jwskate import Jwk
from requests import HTTPError
from requests_oauth2client import (
    AuthorizationRequest, BearerToken, ClientSecretJwt, DPoPKey, DPoPToken, InvalidClient, InvalidGrant, InvalidTarget,
    OAuth2Client, PrivateKeyJwt,
)

from harness import Server, StartServer, confidential_client, fresh_number, machine_client, phone_client, secret_of
from person import Person
from proofs import ALGORITHMS, SigningKey, claims_of

FILES, MAIL = "https://files.example/api", "https://mail.example/"
SCOPE = "openid phone offline_access"
SHARED_SECRET = "a-secret-of-two-that-is-long-enough-0b1fKqR7ZxT2"


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}


def registered(keys: dict[str, SigningKey]) -> list[dict[str, Any]]:
    def without_secret(client_id: str, **more: Any) -> dict[str, Any]:
        return phone_client(client_id, token_endpoint_auth_method="private_key_jwt", resources=[FILES, MAIL], **more)

    def machine(client_id: str, **more: Any) -> dict[str, Any]:
        client = machine_client(client_id, **more)
        return client if "client_secret" in more else {k: v for k, v in client.items() if k != "client_secret"}

    return [
        *(without_secret(algorithm, jwks=key.jwks) for algorithm, key in keys.items()),
        without_secret("strict", jwks=keys["ES256"].jwks, require_pushed_authorization_requests=True,
                       require_signed_request_object=True, dpop_bound_access_tokens=True),
        phone_client("public"),
        confidential_client("secret"),
        machine("machine", jwks=keys["ES256"].jwks, token_endpoint_auth_method="private_key_jwt", resources=[FILES]),
        machine("shared", client_secret=SHARED_SECRET, token_endpoint_auth_method="client_secret_jwt"),
    ]


@pytest.fixture(scope="module")
def denwa(start_module_server: StartServer, keys) -> Server:
    return start_module_server(clients=registered(keys))


@pytest.fixture(scope="module")
def asking(start_module_server: StartServer, keys) -> Server:
    """The same, and it wants nonces."""
    return start_module_server(clients=registered(keys), DENWA_DPOP_REQUIRE_NONCE="true")


@pytest.fixture
def person(denwa: Server, make_person: Callable[..., Person]) -> Person:
    return make_person(denwa)


def private(key: SigningKey) -> Jwk:
    return Jwk(key.private | {"kid": key.kid, "alg": key.algorithm})


def client(denwa: Server, client_id: str, auth: Any, **more: Any) -> OAuth2Client:
    """Everything else it finds out by itself. `testing` is for http on loopback."""
    made = OAuth2Client.from_discovery_document(
        denwa.http.get("/.well-known/openid-configuration").json(), issuer=denwa.url, auth=auth, testing=True,
        redirect_uri=f"https://{client_id}.example/callback", id_token_signed_response_alg="ES256", **more)
    made.update_authorization_server_public_keys()
    return made


def signing(denwa: Server, client_id: str, key: SigningKey, **more: Any) -> OAuth2Client:
    return client(denwa, client_id, PrivateKeyJwt(client_id, private(key)), **more)


def sign_in(person: Person, app: OAuth2Client, request: AuthorizationRequest, url: str) -> BearerToken:
    answer = request.validate_callback(person.sign_in(url, fresh_number()).url)
    token = app.authorization_code(answer, validate=False)
    # It checks ID tokens beside bearer tokens only.
    BearerToken(token.access_token, id_token=token.id_token).validate_id_token(app, answer)
    return token


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_assertion_is_enough_for_a_whole_sign_in(denwa: Server, person: Person, keys, algorithm: str):
    app = signing(denwa, algorithm, keys[algorithm])
    request = app.authorization_request(scope=SCOPE)
    token = sign_in(person, app, request, str(app.pushed_authorization_request(request)))
    assert app.userinfo(token)["sub"] == token.id_token.sub
    renewed = app.refresh_token(token)
    assert app.introspect_token(renewed)["active"] is True
    app.revoke_refresh_token(renewed)
    assert app.introspect_token(renewed)["active"] is False
    with pytest.raises(InvalidGrant):
        app.refresh_token(renewed)


def test_a_shared_secret_signs(denwa: Server):
    token = client(denwa, "shared", ClientSecretJwt("shared", SHARED_SECRET)).client_credentials()
    assert claims_of(token.access_token)["client_id"] == "shared"
    with pytest.raises(InvalidClient):
        client(denwa, "shared", ClientSecretJwt("shared", SHARED_SECRET[::-1])).client_credentials()


def test_another_key_is_another_client(denwa: Server, keys):
    with pytest.raises(InvalidClient):
        signing(denwa, "machine", SigningKey.generate()).client_credentials()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("how", ["public", "secret", "signing"])
def test_dpop_binds_a_sign_in_from_the_code_to_the_refresh(
    denwa: Server, person: Person, keys, how: str, algorithm: str
):
    app = {
        "public": lambda: client(denwa, "public", "public", dpop_alg=algorithm),
        "secret": lambda: client(denwa, "secret", ("secret", secret_of("secret")), dpop_alg=algorithm),
        "signing": lambda: signing(denwa, "ES256", keys["ES256"], dpop_alg=algorithm),
    }[how]()
    request = app.authorization_request(scope=SCOPE, dpop=True)
    token = sign_in(person, app, request, str(request))                       # with `dpop_jkt`, not pushed
    assert isinstance(token, DPoPToken)
    assert claims_of(token.access_token)["cnf"] == {"jkt": request.dpop_jkt}
    assert app.userinfo(token)["sub"] == token.id_token.sub
    renewed = app.refresh_token(token)
    assert isinstance(renewed, DPoPToken)
    assert app.userinfo(renewed)["sub"] == token.id_token.sub
    with pytest.raises(HTTPError, match="401"):
        app.userinfo(renewed.access_token)                                    # as a bearer token


def test_a_code_of_one_key_is_not_redeemed_with_another(denwa: Server, person: Person):
    app = client(denwa, "public", "public")
    request = app.authorization_request(scope=SCOPE, dpop=True)
    page = person.sign_in(str(request), fresh_number())
    answer = request.validate_callback(page.url)
    with pytest.raises(InvalidGrant):
        app.token_request({
            "grant_type": "authorization_code", "code": answer.code, "redirect_uri": answer.redirect_uri,
            "code_verifier": answer.code_verifier,
        }, dpop=True, dpop_key=DPoPKey.generate())


def test_everything_at_once(denwa: Server, person: Person, keys):
    """Client assertion, signed request, pushed, bound to a key, for one resource of two."""
    app = signing(denwa, "strict", keys["ES256"], dpop_bound_access_tokens=True)
    request = app.authorization_request(scope=SCOPE, iss="strict", aud=denwa.url, resource=[FILES, MAIL])
    signed = request.sign_request_jwt(private(keys["ES256"]), lifetime=60)
    pushed = app.session.post(app.pushed_authorization_request_endpoint, data={"request": str(signed)}, auth=app.auth)
    assert pushed.status_code == 201, pushed.text
    page = person.sign_in(
        f"{app.authorization_endpoint}?client_id=strict&request_uri={pushed.json()['request_uri']}", fresh_number())
    token = app.authorization_code(request.validate_callback(page.url), validate=False, resource=MAIL)
    assert isinstance(token, DPoPToken)
    assert claims_of(token.access_token)["aud"] in (MAIL, [MAIL])
    assert claims_of(token.access_token)["cnf"] == {"jkt": request.dpop_jkt}
    other = app.refresh_token(token, resource=FILES)
    assert claims_of(other.access_token)["aud"] in (FILES, [FILES])
    with pytest.raises(InvalidTarget):
        app.refresh_token(other, resource="https://elsewhere.example/")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signed_request_signs_somebody_in(denwa: Server, person: Person, keys, algorithm: str):
    app = signing(denwa, algorithm, keys[algorithm])
    request = app.authorization_request(scope=SCOPE, iss=algorithm, aud=denwa.url, max_age=3600, acr_values="aal1")
    token = sign_in(person, app, request, str(request.sign(private(keys[algorithm]), lifetime=60)))
    assert token.id_token.acr == "aal1"


def test_a_machine_asks_for_a_resource(denwa: Server, keys):
    app = signing(denwa, "machine", keys["ES256"])
    assert claims_of(app.client_credentials(resource=FILES).access_token)["aud"] in (FILES, [FILES])
    with pytest.raises(InvalidTarget):
        app.client_credentials(resource=MAIL)


def test_nonces_are_taken_up(asking: Server, make_person: Callable[..., Person], keys):
    """It sends without one, is told, and sends again, at each of the endpoints."""
    app = signing(asking, "ES256", keys["ES256"])
    request = app.authorization_request(scope=SCOPE, dpop=True)
    token = sign_in(make_person(asking), app, request, str(app.pushed_authorization_request(request)))
    assert isinstance(token, DPoPToken)
    assert request.dpop_key.as_nonce, "a nonce was given and used"
    assert app.userinfo(token)["sub"] == token.id_token.sub
    assert token.dpop_key.rs_nonce
    assert isinstance(app.refresh_token(token), DPoPToken)
    assert isinstance(signing(asking, "machine", keys["ES256"]).client_credentials(dpop=True), DPoPToken)
