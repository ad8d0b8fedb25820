"""RFC 9449: tokens that are worth nothing without the key they were made for."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any, Callable, Iterator
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.jwk import ECKey, OKPKey, RSAKey

from harness import (
    Server, StartServer, assert_oauth_error, at_once, code_in, confidential_client, fresh_number, machine_client,
    phone_client, pkce, secret_of,
)
from person import Person, authorize_url, people
from proofs import (
    ALGORITHMS, IMPOSSIBLE_TIMES, SigningKey, claims_of, deep, dpop, encoded, mirrored, proof, proof_parts,
    public_bytes, sha256, signed_with_hmac, unsigned,
)

pytestmark = pytest.mark.nodes

SPA = "https://spa.example"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app"),
        phone_client("other-app"),
        phone_client("bound-app", dpop_bound_access_tokens=True),
        phone_client("spa", cors_origins=[SPA]),
        phone_client("tv", grant_types=["refresh_token", DEVICE_CODE]),
        confidential_client("web"),
        machine_client("machine"),
        machine_client("bound-machine", dpop_bound_access_tokens=True),
        machine_client("resource-server", may_introspect=True),
        machine_client("tide", kii={"app_key": "tide-app-key-0b1fKqR7"}),
    ]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=clients(), DENWA_LIMITS_AUTHORIZE_PER_SESSION="0")


@pytest.fixture(scope="module")
def asking(start_module_server: StartServer) -> Server:
    """A server that gives nonces out and wants them back."""
    return start_module_server(clients=clients(), DENWA_DPOP_REQUIRE_NONCE="true")


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def key(keys) -> SigningKey:
    return keys["ES256"]


@pytest.fixture(scope="module")
def stolen_from() -> SigningKey:
    """Another key: the thief's, or the next device's."""
    return SigningKey.generate("ES256")


@pytest.fixture(scope="module")
def member(server: Server) -> Iterator[Person]:
    """Somebody who is signed in to a browser."""
    with people() as make:
        member = make(server)
        _, challenge = pkce()
        member.sign_in(authorize_url(server, "app", **challenge), fresh_number())
        yield member


def at(server: Server, path: str = "/oauth2/token") -> str:
    return f"{server.url}{path}"


def machine_token(
    server: Server, headers: dict[str, str] | list[tuple[str, str]], client: str = "machine"
) -> httpx.Response:
    return server.http.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, headers=headers, auth=(client, secret_of(client))
    )


def redeem(server: Server, client: str, code: str, key: SigningKey | None = None, **more: str) -> httpx.Response:
    headers = dpop(key, "POST", at(server)) if key else {}
    return server.token(client, {"grant_type": "authorization_code", "code": code} | more, headers=headers)


def refresh(server: Server, client: str, token: str, key: SigningKey | None = None) -> httpx.Response:
    headers = dpop(key, "POST", at(server)) if key else {}
    return server.token(client, {"grant_type": "refresh_token", "refresh_token": token}, headers=headers)


def tokens(server: Server, client: str, key: SigningKey | None, scope: str = "openid phone offline") -> dict[str, Any]:
    reply = redeem(server, client, server.login(client, scope=scope).authorization_code(), key)
    assert reply.status_code == 200, reply.text
    return reply.json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def assert_bad_proof(reply: httpx.Response) -> None:
    assert_oauth_error(reply, 400, "invalid_dpop_proof")


def assert_challenged(reply: httpx.Response, *errors: str) -> None:
    """RFC 9449 §7.1: the resource says which scheme, what was wrong, and which algorithms it takes."""
    assert reply.status_code == 401, f"{reply.status_code}: {reply.text}"
    challenges = reply.headers.get_list("www-authenticate")
    told = next((line for line in challenges if line.startswith("DPoP ")), None)
    assert told, f"no DPoP challenge in {challenges}"
    assert any(f'error="{error}"' in told for error in errors), told
    algorithms = told.split('algs="')[1].split('"')[0].split()
    assert set(algorithms) == set(ALGORITHMS)


# MARK: tokens that are bound


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("client", ["app", "bound-app", "web"])
def test_a_proof_binds_the_users_token_to_its_key(server: Server, keys, client: str, algorithm: str):
    key = keys[algorithm]
    made = tokens(server, client, key)
    assert made["token_type"] == "DPoP"
    assert claims_of(made["access_token"])["cnf"] == {"jkt": key.thumbprint}
    assert claims_of(made["id_token"]).get("cnf") is None, "an ID token is shown, not used"

    headers = dpop(key, "GET", at(server, "/oauth2/userinfo"), made["access_token"])
    shown = server.http.get("/oauth2/userinfo", headers=headers)
    assert shown.status_code == 200, shown.text
    asked = server.introspect(made["access_token"]).json()
    assert asked["active"] is True
    assert asked["token_type"] == "DPoP"
    assert asked["cnf"] == {"jkt": key.thumbprint}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("client", ["machine", "bound-machine"])
def test_a_proof_binds_a_machines_token(server: Server, keys, client: str, algorithm: str):
    reply = machine_token(server, dpop(keys[algorithm], "POST", at(server)), client)
    assert reply.status_code == 200, reply.text
    assert reply.json()["token_type"] == "DPoP"
    assert claims_of(reply.json()["access_token"])["cnf"] == {"jkt": keys[algorithm].thumbprint}


@pytest.mark.parametrize("client", ["app", "web"])
def test_without_a_proof_everything_is_as_before(server: Server, client: str):
    made = tokens(server, client, None)
    assert made["token_type"].lower() == "bearer"
    assert "cnf" not in claims_of(made["access_token"])
    assert "cnf" not in server.introspect(made["access_token"]).json()
    assert server.http.get("/oauth2/userinfo", headers=bearer(made["access_token"])).status_code == 200
    renewed = refresh(server, client, made["refresh_token"])
    assert renewed.status_code == 200
    assert renewed.json()["token_type"].lower() == "bearer"


@pytest.mark.parametrize("document", ["openid-configuration", "oauth-authorization-server"])
def test_the_metadata_name_the_algorithms_of_proofs(server: Server, document: str):
    told = server.http.get(f"/.well-known/{document}").json()
    assert set(told["dpop_signing_alg_values_supported"]) == set(ALGORITHMS)


def test_no_nonce_is_given_out_unless_nonces_are_wanted(server: Server, key: SigningKey):
    assert "dpop-nonce" not in machine_token(server, dpop(key, "POST", at(server))).headers
    assert "dpop-nonce" not in machine_token(server, {"DPoP": "nonsense"}).headers


# MARK: what a proof must be. Each row differs from a good proof in one thing

#: Changes of header and claims.
WRONG_PROOFS: dict[str, dict[str, Any]] = {
    "has no typ": {"header": {"typ": None}},
    "is of the type of any JWT": {"header": {"typ": "JWT"}},
    "is of the type of an access token": {"header": {"typ": "at+jwt"}},
    "has a typ that is no text": {"header": {"typ": 7}},
    "says it is signed with HMAC": {"header": {"alg": "HS256"}},
    "says it is not signed": {"header": {"alg": "none"}},
    "names the algorithm of another kind of key": {"header": {"alg": "RS256"}},
    "names an algorithm of another curve": {"header": {"alg": "ES384"}},
    "names no algorithm": {"header": {"alg": None}},
    "names the algorithm in other letters": {"header": {"alg": "es256"}},
    "has no key": {"header": {"jwk": None}},
    "has a key that is no object": {"header": {"jwk": "key-1"}},
    "has a key without members": {"header": {"jwk": {}}},
    "must be understood in a way that nobody knows": {"header": {"crit": ["b64"], "b64": False}},
    "has no jti": {"jti": None},
    "has an empty jti": {"jti": ""},
    "has a jti of 257 bytes": {"jti": "j" * 257},
    "has a number as jti": {"jti": 17},
    "has no htm": {"htm": None},
    "is for another method": {"htm": "GET"},
    "has its method in small letters": {"htm": "post"},
    "has no htu": {"htu": None},
    "has an empty htu": {"htu": ""},
    "has an htu that is no text": {"htu": ["x"]},
    "has a relative htu": {"htu": "/oauth2/token"},
    "is for another host": {"htu": "http://login.example/oauth2/token"},
    "has no iat": {"iat": None},
    "has an iat that is a text": {"iat": str(int(time.time()))},
    "has an iat of the first day of time": {"iat": 0},
    "has a negative iat": {"iat": -int(time.time())},
}


@pytest.mark.parametrize("change", WRONG_PROOFS.values(), ids=WRONG_PROOFS.keys())
def test_a_proof_is_refused_that(server: Server, key: SigningKey, change: dict[str, Any]):
    assert_bad_proof(machine_token(server, {"DPoP": proof(key, "POST", at(server), **change)}))


@pytest.mark.parametrize("seconds", [
    pytest.param(-320, id="five minutes ago"), pytest.param(320, id="in five minutes"),
    pytest.param(-86_400, id="yesterday"), pytest.param(10**12, id="in milliseconds"),
])
def test_a_proof_is_good_around_its_own_time_only(server: Server, key: SigningKey, seconds: int):
    made = proof(key, "POST", at(server), iat=int(time.time()) + seconds)
    assert_bad_proof(machine_token(server, {"DPoP": made}))


@pytest.mark.parametrize("seconds", [-240, -5, 0, 5, 240])
def test_a_clock_may_be_some_minutes_off(server: Server, key: SigningKey, seconds: int):
    made = proof(key, "POST", at(server), iat=int(time.time()) + seconds)
    assert machine_token(server, {"DPoP": made}).status_code == 200


@pytest.mark.parametrize("iat", IMPOSSIBLE_TIMES.values(), ids=IMPOSSIBLE_TIMES.keys())
def test_a_time_that_no_clock_shows_stops_nothing(server: Server, key: SigningKey, iat: float):
    assert_bad_proof(machine_token(server, {"DPoP": proof(key, "POST", at(server), iat=iat)}))
    assert machine_token(server, dpop(key, "POST", at(server))).status_code == 200


def test_a_time_may_have_a_fraction(server: Server, key: SigningKey):
    """RFC 7519 §2, NumericDate."""
    assert machine_token(server, {"DPoP": proof(key, "POST", at(server), iat=time.time())}).status_code == 200


@pytest.mark.parametrize("jti", ["j", "j" * 256, "日本語", "a b\"c\\d"], ids=["short", "long", "not ascii", "odd"])
def test_a_jti_may_be_any_short_text(server: Server, key: SigningKey, jti: str):
    assert machine_token(server, {"DPoP": proof(key, "POST", at(server), jti=jti)}).status_code == 200


@pytest.mark.parametrize("path", [
    "/oauth2/introspect", "/oauth2/token/", "/oauth2/Token", "/oauth2%2Ftoken", "/oauth2//token", "/", "",
    "/x/oauth2/token", "/oauth2/token/../introspect", "/oauth2/tok%65n%00",
])
def test_a_proof_is_for_one_address_not(server: Server, key: SigningKey, path: str):
    assert_bad_proof(machine_token(server, {"DPoP": proof(key, "POST", at(server, path))}))


def test_a_proof_for_the_address_that_the_request_claims_to_go_to_is_refused(server: Server, key: SigningKey):
    """The issuer says where the server is, and never a Host header."""
    for name in ("Host", "X-Forwarded-Host", "Forwarded"):
        value = "host=evil.example" if name == "Forwarded" else "evil.example"
        made = proof(key, "POST", "http://evil.example/oauth2/token")
        assert_bad_proof(machine_token(server, {"DPoP": made, name: value}))


@pytest.mark.parametrize("other", ["private", "symmetric", "someone else's", "off the curve", "of another curve",
                                   "of another kind", "not base64"])
def test_the_key_in_a_proof_is_public_whole_and_the_one_that_signed(
    server: Server, keys, stolen_from: SigningKey, other: str
):
    key = keys["ES256"]
    jwk = {
        "private": key.private,
        "symmetric": {"kty": "oct", "k": encoded(b"k" * 32)},
        "someone else's": stolen_from.public,
        "off the curve": key.public | {"y": key.public["x"]},
        "of another curve": key.public | {"crv": "P-384"},
        "of another kind": keys["RS256"].public,
        "not base64": key.public | {"x": "%%%"},
    }[other]
    assert_bad_proof(machine_token(server, {"DPoP": proof(key, "POST", at(server), header={"jwk": jwk})}))


#: Made in earnest, with keys that fit.
NOT_OFFERED = {
    "ES384": lambda: ECKey.generate_key("P-384"), "ES512": lambda: ECKey.generate_key("P-521"),
    "ES256K": lambda: ECKey.generate_key("secp256k1"), "PS256": lambda: RSAKey.generate_key(2048),
    "RS512": lambda: RSAKey.generate_key(2048), "Ed448": lambda: OKPKey.generate_key("Ed448"),
}


@pytest.mark.parametrize("algorithm", NOT_OFFERED)
def test_an_algorithm_that_is_not_offered_is_refused(server: Server, algorithm: str):
    key = SigningKey(algorithm, NOT_OFFERED[algorithm](), "key-1")
    assert_bad_proof(machine_token(server, {"DPoP": proof(key, "POST", at(server))}))


def test_what_else_a_key_says_of_itself_does_not_change_its_thumbprint(server: Server, key: SigningKey):
    """RFC 7638 §3: of the required members alone."""
    jwk = {"x5t": "x", "use": "sig"} | key.public | {"kid": "mine", "alg": "ES256"}
    reply = machine_token(server, {"DPoP": proof(key, "POST", at(server), header={"jwk": jwk})})
    assert claims_of(reply.json()["access_token"])["cnf"] == {"jkt": key.thumbprint}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_is_no_shared_secret(server: Server, keys, algorithm: str):
    for name, secret in public_bytes(keys[algorithm]).items():
        header, claims = proof_parts(keys[algorithm], "POST", at(server), header={"alg": "HS256"})
        reply = machine_token(server, {"DPoP": signed_with_hmac(header, claims, secret)})
        assert reply.status_code == 400 and reply.json()["error"] == "invalid_dpop_proof", f"taken: HS256 with {name}"


def test_a_symmetric_key_in_a_proof_signs_nothing(server: Server, key: SigningKey):
    secret = b"s" * 32
    header, claims = proof_parts(
        key, "POST", at(server), header={"alg": "HS256", "jwk": {"kty": "oct", "k": encoded(secret)}}
    )
    assert_bad_proof(machine_token(server, {"DPoP": signed_with_hmac(header, claims, secret)}))


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_small_rsa_key_is_none(server: Server):
    small = SigningKey("RS256", RSAKey.generate_key(1024), "small")
    assert_bad_proof(machine_token(server, {"DPoP": proof(small, "POST", at(server))}))


def der_signed(key: SigningKey, header: Any, claims: Any) -> str:
    """ES256 the way OpenSSL writes it and JWS does not: the signature in DER."""
    text, _, signature = key.sign(header, claims).rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    return f"{text}.{encoded(encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])))}"


def tampered(key: SigningKey, header: Any, claims: Any) -> str:
    head, _, signature = key.sign(header, claims).split(".")
    return f"{head}.{encoded(claims | {'jti': 'another'})}.{signature}"


FORGED: dict[str, Callable[[SigningKey, Any, Any], str]] = {
    "is signed for other claims": tampered,
    "has no signature": lambda key, *parts: key.sign(*parts).rpartition(".")[0] + ".",
    "has two parts": lambda key, *parts: key.sign(*parts).rpartition(".")[0],
    "has a signature of zeros": lambda key, *parts: f"{key.sign(*parts).rpartition('.')[0]}.{encoded(bytes(64))}",
    "has half a signature": lambda key, *parts: key.sign(*parts)[:-43],
    "has a signature in DER": der_signed,
    "has something after the signature": lambda key, *parts: f"{key.sign(*parts)}.x",
    "has padding": lambda key, *parts: f"{key.sign(*parts)}==",
    "is an empty text": lambda key, *parts: "",
    "is no JWT": lambda key, *parts: "nonsense",
    "has a header that is a list": lambda key, header, claims: key.sign([header], claims),
    "has claims that are a list": lambda key, header, claims: key.sign(header, [claims]),
    "has claims that are no JSON": lambda key, header, claims: key.sign(header, b"{"),
    "says one claim twice": lambda key, header, claims: key.sign(
        header, (json.dumps(claims)[:-1] + ', "htm": "POST"}').encode()),
    "says alg twice": lambda key, header, claims: key.sign(
        (json.dumps(header)[:-1] + ', "alg": "ES256"}').encode(), claims),
    "has claims two thousand levels deep": lambda key, header, claims: key.sign(header, deep(claims)),
    "has a header two thousand levels deep": lambda key, header, claims: key.sign(deep(header), claims),
    "is two proofs in one header": lambda key, *parts: f"{key.sign(*parts)},{key.sign(*parts)}",
    "is unsigned": lambda key, header, claims: unsigned(header | {"alg": "none"}, claims),
    "is in the JSON form": lambda key, *parts: json.dumps(
        dict(zip(("protected", "payload", "signature"), key.sign(*parts).split(".")))),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_what_is_no_whole_signed_jwt_is_refused_when_it(server: Server, key: SigningKey, forge):
    reply = machine_token(server, {"DPoP": forge(key, *proof_parts(key, "POST", at(server)))})
    assert_bad_proof(reply)


def test_a_proof_longer_than_a_header_may_be_is_refused(server: Server, key: SigningKey):
    reply = machine_token(server, {"DPoP": proof(key, "POST", at(server), x="x" * 20_000)})
    assert reply.status_code in (400, 413, 431)
    assert machine_token(server, dpop(key, "POST", at(server))).status_code == 200, "and others are served"


def test_two_proofs_are_none(server: Server, key: SigningKey):
    twice = [("DPoP", proof(key, "POST", at(server))) for _ in range(2)]
    assert_bad_proof(machine_token(server, twice))


def test_a_key_from_elsewhere_is_not_fetched(server: Server, key: SigningKey):
    header = {"jwk": None, "jku": f"{server.url}/.well-known/jwks.json", "kid": key.kid}
    assert_bad_proof(machine_token(server, {"DPoP": proof(key, "POST", at(server), header=header)}))


def test_an_address_may_be_spelled_as_rfc_3986_allows(start_server: StartServer, key: SigningKey):
    """RFC 9449 §4.3: normalisation of case, default port and percent-encoding."""
    server = start_server(clients=clients(), DENWA_ISSUER="http://login.example")
    for url in ("http://login.example/oauth2/token", "HTTP://LOGIN.example/oauth2/token",
                "http://login.example:80/oauth2/token", "http://login.example/oauth2/%74oken"):
        reply = machine_token(server, {"DPoP": proof(key, "POST", url)})
        assert reply.status_code == 200, f"{url}: {reply.text}"
    for url in ("https://login.example/oauth2/token", "http://login.example:8080/oauth2/token", at(server),
                "http://login.example/OAuth2/token", "http://user@login.example/oauth2/token",
                "http://login.example./oauth2/token", "http://login.example.evil.example/oauth2/token"):
        reply = machine_token(server, {"DPoP": proof(key, "POST", url)})
        assert reply.status_code == 400 and reply.json()["error"] == "invalid_dpop_proof", f"taken: {url}"


# MARK: replay


def test_a_proof_is_good_once(server: Server, key: SigningKey):
    headers = dpop(key, "POST", at(server))
    assert machine_token(server, headers).status_code == 200
    assert_bad_proof(machine_token(server, headers))


def test_a_jti_is_good_once_also_with_a_new_signature(server: Server, key: SigningKey):
    first, again = (proof(key, "POST", at(server), jti="the same", iat=int(time.time()) + age) for age in (-1, 0))
    assert machine_token(server, {"DPoP": first}).status_code == 200
    assert_bad_proof(machine_token(server, {"DPoP": again}))


def test_the_other_form_of_its_signature_is_the_same_proof(server: Server, key: SigningKey):
    made = proof(key, "POST", at(server))
    assert machine_token(server, {"DPoP": made}).status_code == 200
    assert_bad_proof(machine_token(server, {"DPoP": mirrored(made)}))


def test_a_jti_of_one_key_is_none_of_another(server: Server, key: SigningKey, stolen_from: SigningKey):
    """Otherwise each could use up what others are about to send."""
    for each in (key, stolen_from):
        headers = {"DPoP": proof(each, "POST", at(server), jti="everybody's")}
        assert machine_token(server, headers).status_code == 200


def test_of_twenty_that_send_one_proof_one_is_heard(server: Server, key: SigningKey):
    headers = dpop(key, "POST", at(server))
    replies = at_once(20, lambda _: machine_token(server, headers))
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 19


def test_a_forged_proof_does_not_use_up_the_jti_of_a_good_one(server: Server, key: SigningKey, stolen_from: SigningKey):
    header, claims = proof_parts(key, "POST", at(server))
    assert_bad_proof(machine_token(server, {"DPoP": stolen_from.sign(header, claims)}))
    assert machine_token(server, {"DPoP": key.sign(header, claims)}).status_code == 200


def test_a_proof_at_a_resource_is_good_once(server: Server, key: SigningKey):
    token = tokens(server, "app", key)["access_token"]
    headers = dpop(key, "GET", at(server, "/oauth2/userinfo"), token)
    assert server.http.get("/oauth2/userinfo", headers=headers).status_code == 200
    assert_challenged(server.http.get("/oauth2/userinfo", headers=headers), "invalid_dpop_proof")


# MARK: bound tokens at resources


@dataclass
class Bound:
    """A bound token, and the good request for userinfo that each test spoils."""

    server: Server
    key: SigningKey
    token: str

    @property
    def url(self) -> str:
        return at(self.server, "/oauth2/userinfo")

    def get(self, headers: Any) -> httpx.Response:
        return self.server.http.get("/oauth2/userinfo", headers=headers)


@pytest.fixture(scope="module")
def bound(server: Server, key: SigningKey) -> Bound:
    return Bound(server, key, tokens(server, "app", key)["access_token"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
def test_userinfo_takes_a_bound_token_with_its_proof(bound: Bound, method: str, scheme: str):
    headers = {"Authorization": f"{scheme} {bound.token}",
               "DPoP": proof(bound.key, method, bound.url, access_token=bound.token)}
    reply = bound.server.http.request(method, "/oauth2/userinfo", headers=headers)
    assert reply.status_code == 200, reply.text


def test_a_bound_token_is_no_bearer_token(bound: Bound):
    """RFC 9449 §7.2: the downgrade by which a thief would get along without the key."""
    for more in ({}, {"DPoP": proof(bound.key, "GET", bound.url, access_token=bound.token)}):
        reply = bound.get(bearer(bound.token) | more)
        assert reply.status_code == 401
        assert 'error="invalid_token"' in reply.headers["www-authenticate"]


@pytest.mark.parametrize("change", [
    pytest.param({"ath": None}, id="does not name the token"),
    pytest.param({"ath": ""}, id="names an empty token"),
    pytest.param({"ath": sha256("another token")}, id="names another token"),
    pytest.param({"ath": "in hexadecimal"}, id="has the digest in hexadecimal"),
    pytest.param({"htm": "POST"}, id="is for another method"),
    pytest.param({"htu": "/oauth2/userinfo"}, id="has a relative address"),
    pytest.param({"htu": "http://other.example/oauth2/userinfo"}, id="is for another server"),
    pytest.param({"iat": 1}, id="is old"),
    pytest.param({"jti": None}, id="has no jti"),
    pytest.param({"header": {"typ": "JWT"}}, id="is of another type"),
])
def test_userinfo_refuses_a_proof_that(bound: Bound, change: dict[str, Any]):
    if change.get("ath") == "in hexadecimal":
        change = {"ath": hashlib.sha256(bound.token.encode()).hexdigest()}
    made = proof(bound.key, "GET", bound.url, **({"access_token": bound.token} | change))
    assert_challenged(bound.get({"Authorization": f"DPoP {bound.token}", "DPoP": made}), "invalid_dpop_proof")


def test_a_thief_has_no_key(bound: Bound, stolen_from: SigningKey):
    """A proof that is good in itself, by another key than the token's."""
    reply = bound.get(dpop(stolen_from, "GET", bound.url, bound.token))
    assert_challenged(reply, "invalid_token", "invalid_dpop_proof")
    header = {"jwk": bound.key.public}
    reply = bound.get(dpop(stolen_from, "GET", bound.url, bound.token, header=header))
    assert_challenged(reply, "invalid_dpop_proof")


def test_a_bound_token_comes_with_exactly_one_proof(bound: Bound):
    authorization = {"Authorization": f"DPoP {bound.token}"}
    assert_challenged(bound.get(authorization), "invalid_dpop_proof", "invalid_token")
    assert_challenged(bound.get(authorization | {"DPoP": ""}), "invalid_dpop_proof", "invalid_token")
    twice = [("DPoP", proof(bound.key, "GET", bound.url, access_token=bound.token)) for _ in range(2)]
    assert_challenged(bound.get([*authorization.items(), *twice]), "invalid_dpop_proof")


def test_a_bound_token_hides_in_no_form_query_or_second_header(bound: Bound):
    """RFC 6750 §2 has three places for a token. Two of them know nothing of proofs."""
    for reply in (
        bound.server.http.post("/oauth2/userinfo", data={"access_token": bound.token}),
        bound.server.http.get(f"/oauth2/userinfo?access_token={bound.token}"),
        bound.get([("Authorization", f"DPoP {bound.token}"), ("Authorization", f"Bearer {bound.token}")]),
        bound.get([("Authorization", f"Bearer {bound.token}"), ("Authorization", f"DPoP {bound.token}")]),
    ):
        assert reply.status_code in (400, 401), reply.text


def test_a_token_that_is_not_bound_is_none_under_the_scheme_of_bound_ones(server: Server, key: SigningKey):
    token = tokens(server, "app", None)["access_token"]
    headers = dpop(key, "GET", at(server, "/oauth2/userinfo"), token)
    assert_challenged(server.http.get("/oauth2/userinfo", headers=headers), "invalid_token")


def test_what_is_no_token_is_none_under_any_scheme(bound: Bound):
    for token in ("nonsense", "a.b.c", bound.token[:-4] + "AAAA"):
        assert_challenged(bound.get(dpop(bound.key, "GET", bound.url, token)), "invalid_token", "invalid_dpop_proof")


def test_the_proof_of_the_token_request_is_none_at_the_resource(server: Server, key: SigningKey):
    """§7: `ath` and `htu` tell the two apart, and the jti is used up besides."""
    headers = dpop(key, "POST", at(server))
    code = server.login("app", scope="openid").authorization_code()
    made = server.token("app", {"grant_type": "authorization_code", "code": code}, headers=headers).json()
    both = headers | {"Authorization": f"DPoP {made['access_token']}"}
    assert_challenged(server.http.post("/oauth2/userinfo", headers=both), "invalid_dpop_proof")


def test_users_me_and_logout_take_a_bound_token_with_its_proof(server: Server, key: SigningKey):
    token = tokens(server, "app", key)["access_token"]
    assert server.http.get("/users/me", headers=bearer(token)).status_code == 401
    assert server.http.get("/users/me", headers={"Authorization": f"DPoP {token}"}).status_code == 401
    shown = server.http.get("/users/me", headers=dpop(key, "GET", at(server, "/users/me"), token))
    assert shown.status_code == 200, shown.text

    assert server.http.post("/oauth2/logout?sessions=all", headers=bearer(token)).status_code == 401
    assert server.is_active(token), "nobody was signed out by a token without its key"
    headers = dpop(key, "POST", at(server, "/oauth2/logout"), token)
    out = server.http.post("/oauth2/logout?sessions=all", headers=headers)
    assert out.status_code == 204, out.text
    assert not server.is_active(token)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/users/me", "/users/me/phone", "/users/me/phone/confirm"])
def test_no_route_of_a_user_takes_a_bound_token_as_bearer(bound: Bound, method: str, path: str):
    reply = bound.server.http.request(method, path, headers=bearer(bound.token), json={"phone_number": fresh_number()})
    assert reply.status_code in (401, 404, 405), reply.text


def test_a_bound_token_is_not_valid_for_whoever_just_shows_it(bound: Bound):
    """`/token/validate` sees no proof, so it cannot say yes."""
    assert bound.server.http.post("/token/validate", json={"token": bound.token}).status_code == 422
    assert bound.server.is_active(bound.token)


def test_the_kii_interface_takes_no_bound_token_of_an_administrator(server: Server, key: SigningKey):
    """Its routes see no proofs, so there a bound token would be a bearer token."""
    def answer(token: str) -> int:
        return server.http.get("/api/apps/tide/users/LOGIN_NAME:nobody/status", headers=bearer(token)).status_code

    bound, plain = (machine_token(server, headers, "tide").json()["access_token"]
                    for headers in (dpop(key, "POST", at(server)), {}))
    assert answer(plain) == 404, "who asks is an administrator, and there is no such user"
    assert answer(bound) == 401


# MARK: clients whose tokens are always bound


def test_a_client_of_bound_tokens_gets_none_without_a_proof(server: Server, key: SigningKey):
    assert_bad_proof(machine_token(server, {}, "bound-machine"))
    code = server.login("bound-app", scope="offline").authorization_code()
    assert_bad_proof(redeem(server, "bound-app", code))
    made = tokens(server, "bound-app", key)
    assert_bad_proof(refresh(server, "bound-app", made["refresh_token"]))
    assert refresh(server, "bound-app", made["refresh_token"], key).json()["token_type"] == "DPoP"


# MARK: refresh tokens


@pytest.mark.parametrize("client", ["app", "bound-app"])
def test_a_public_clients_refresh_token_is_bound_and_not_spent_by_a_thief(
    server: Server, key: SigningKey, stolen_from: SigningKey, client: str
):
    held = tokens(server, client, key)["refresh_token"]
    assert_bad_proof(refresh(server, client, held))
    assert_oauth_error(refresh(server, client, held, stolen_from), 400, "invalid_grant")

    renewed = refresh(server, client, held, key)
    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["token_type"] == "DPoP"
    assert claims_of(renewed.json()["access_token"])["cnf"] == {"jkt": key.thumbprint}
    successor = renewed.json()["refresh_token"]
    assert successor != held
    assert_oauth_error(refresh(server, client, successor, stolen_from), 400, "invalid_grant")
    assert_bad_proof(refresh(server, client, successor))
    assert refresh(server, client, successor, key).status_code == 200


def test_a_thief_of_a_spent_refresh_token_learns_nothing_inside_the_grace(
    server: Server, key: SigningKey, stolen_from: SigningKey
):
    """The grace repeats the successor for whoever has the old token, so it must ask for the key too."""
    held = tokens(server, "app", key)["refresh_token"]
    successor = refresh(server, "app", held, key).json()["refresh_token"]
    assert_oauth_error(refresh(server, "app", held, stolen_from), 400, "invalid_grant")
    assert_bad_proof(refresh(server, "app", held))
    assert refresh(server, "app", held, key).json()["refresh_token"] == successor


def test_a_confidential_client_may_change_its_key(server: Server, key: SigningKey, stolen_from: SigningKey):
    """§5: its refresh tokens are bound to the client's own credentials."""
    held = tokens(server, "web", key)["refresh_token"]
    renewed = refresh(server, "web", held, stolen_from)
    assert renewed.status_code == 200, renewed.text
    assert claims_of(renewed.json()["access_token"])["cnf"] == {"jkt": stolen_from.thumbprint}


def test_a_public_client_may_begin_to_bind_its_tokens_later(server: Server, key: SigningKey):
    held = tokens(server, "app", None)["refresh_token"]
    renewed = refresh(server, "app", held, key)
    assert renewed.status_code == 200, renewed.text
    assert claims_of(renewed.json()["access_token"])["cnf"] == {"jkt": key.thumbprint}


# MARK: codes that are bound to a key


def code_by_redirect(
    server: Server, member: Person, client: str = "app", **parameters: Any
) -> tuple[str, dict[str, str]]:
    verifier, challenge = pkce()
    page = member.visit(authorize_url(server, client, **challenge | parameters))
    assert "code" in page.parameters, f"{page.status} {page.url}: {page.words}"
    redirect_uri = server.client(client)["redirect_uris"][0]
    return page.parameters["code"], {"code_verifier": verifier, "redirect_uri": redirect_uri}


def push(server: Server, client: str, parameters: dict[str, str], key: SigningKey | None = None) -> httpx.Response:
    headers = dpop(key, "POST", at(server, "/oauth2/par")) if key else {}
    asked = {"response_type": "code", "state": "state-4f1d2c", "client_id": client,
             "redirect_uri": server.client(client)["redirect_uris"][0]}
    return server.http.post("/oauth2/par", data=asked | parameters, headers=headers)


def test_a_code_with_dpop_jkt_is_for_its_key(server: Server, member: Person, key: SigningKey):
    code, more = code_by_redirect(server, member, dpop_jkt=key.thumbprint)
    assert redeem(server, "app", code, key, **more).json()["token_type"] == "DPoP"


@pytest.mark.parametrize("thief", ["with another key", "with none"])
def test_a_bound_code_in_other_hands_is_spent(
    server: Server, member: Person, key: SigningKey, stolen_from: SigningKey, thief: str
):
    """§10: also with the verifier, and afterwards for nobody."""
    code, more = code_by_redirect(server, member, dpop_jkt=key.thumbprint)
    with_what = stolen_from if thief == "with another key" else None
    assert_oauth_error(redeem(server, "app", code, with_what, **more), 400, "invalid_grant")
    assert_oauth_error(redeem(server, "app", code, key, **more), 400, "invalid_grant")


@pytest.mark.parametrize("how", ["dpop_jkt", "proof", "both"])
def test_a_pushed_request_binds_its_code(
    server: Server, member: Person, key: SigningKey, stolen_from: SigningKey, how: str
):
    def pushed_code() -> tuple[str, dict[str, str]]:
        verifier, challenge = pkce()
        named = {"dpop_jkt": key.thumbprint} if how != "proof" else {}
        reply = push(server, "app", challenge | named, key if how != "dpop_jkt" else None)
        assert reply.status_code == 201, reply.text
        query = urlencode({"client_id": "app", "request_uri": reply.json()["request_uri"]})
        page = member.visit(f"{server.url}/oauth2/authorize?{query}")
        return page.parameters["code"], {
            "code_verifier": verifier, "redirect_uri": server.client("app")["redirect_uris"][0]}

    code, more = pushed_code()
    assert redeem(server, "app", code, key, **more).status_code == 200
    code, more = pushed_code()
    assert_oauth_error(redeem(server, "app", code, stolen_from, **more), 400, "invalid_grant")
    code, more = pushed_code()
    assert_oauth_error(redeem(server, "app", code, **more), 400, "invalid_grant")


def test_a_pushed_request_names_the_key_of_its_proof(server: Server, key: SigningKey, stolen_from: SigningKey):
    _, challenge = pkce()
    assert_bad_proof(push(server, "app", challenge | {"dpop_jkt": stolen_from.thumbprint}, key))


def test_a_bad_proof_pushes_nothing(server: Server, key: SigningKey):
    _, challenge = pkce()
    parameters = {"response_type": "code", "state": "state-4f1d2c", "client_id": "app",
                  "redirect_uri": server.client("app")["redirect_uris"][0]} | challenge
    for bad in ("nonsense", proof(key, "POST", at(server)), proof(key, "GET", at(server, "/oauth2/par"))):
        assert_bad_proof(server.http.post("/oauth2/par", data=parameters, headers={"DPoP": bad}))


@pytest.mark.parametrize("jkt", ["short", "x" * 44, "not base64url at all! 0123456789abcdefghijklmn"])
def test_a_thumbprint_that_is_none_is_refused(server: Server, jkt: str):
    _, challenge = pkce()
    assert_oauth_error(push(server, "app", challenge | {"dpop_jkt": jkt}), 400, "invalid_request", "invalid_dpop_proof")


def challenge(server: Server, key: SigningKey | None, **form: str) -> httpx.Response:
    headers = dpop(key, "POST", at(server, "/oauth2/challenge")) if key else {}
    return server.http.post("/oauth2/challenge", data={"client_id": "app"} | form, headers=headers)


@pytest.mark.parametrize("how", ["dpop_jkt", "proof"])
def test_a_code_that_an_app_asks_for_itself_is_bound_too(
    server: Server, key: SigningKey, stolen_from: SigningKey, how: str
):
    """OAuth 2.0 for First-Party Applications §5.1: the key of the first request is the key of all."""
    def authorization_code() -> tuple[str, dict[str, str]]:
        number, (verifier, hidden) = fresh_number(), pkce()
        named = {"dpop_jkt": key.thumbprint} if how == "dpop_jkt" else {}
        begun = challenge(server, key if how == "proof" else None, login_hint=number, **hidden | named)
        session = assert_oauth_error(begun, 400, "insufficient_authorization")["auth_session"]
        otp = {"auth_session": session, "otp": code_in(server.outbox.wait(number))}
        assert_oauth_error(challenge(server, stolen_from, **otp), 400, "invalid_session", "invalid_dpop_proof")
        done = challenge(server, key, **otp)
        assert done.status_code == 200, done.text
        return done.json()["authorization_code"], {"code_verifier": verifier}

    code, more = authorization_code()
    assert redeem(server, "app", code, key, **more).json()["token_type"] == "DPoP"
    for thief in (stolen_from, None):
        code, more = authorization_code()
        assert_oauth_error(redeem(server, "app", code, thief, **more), 400, "invalid_grant")


# MARK: devices


def test_a_device_that_proves_a_key_gets_bound_tokens(server: Server, key: SigningKey, stolen_from: SigningKey):
    """RFC 9449 §5: of whatever grant, a proof at the token endpoint binds what comes of it."""
    begun = server.http.post("/oauth2/device_authorization", data={"client_id": "tv", "scope": "openid offline"}).json()
    with people() as make:
        make(server).allow_device(begun["verification_uri_complete"], fresh_number())
    form = {"grant_type": DEVICE_CODE, "device_code": begun["device_code"]}
    made = server.token("tv", form, headers=dpop(key, "POST", at(server)))
    assert made.status_code == 200, made.text
    assert made.json()["token_type"] == "DPoP"
    assert claims_of(made.json()["access_token"])["cnf"] == {"jkt": key.thumbprint}
    held = made.json()["refresh_token"]
    assert_bad_proof(refresh(server, "tv", held))
    assert_oauth_error(refresh(server, "tv", held, stolen_from), 400, "invalid_grant")
    assert refresh(server, "tv", held, key).status_code == 200


# MARK: nonces


def wanted_nonce(reply: httpx.Response) -> str:
    assert_oauth_error(reply, 400, "use_dpop_nonce")
    assert (nonce := reply.headers["dpop-nonce"])
    return nonce


def test_a_server_that_wants_nonces_says_so_and_gives_one(asking: Server, key: SigningKey):
    nonce = wanted_nonce(machine_token(asking, dpop(key, "POST", at(asking))))
    reply = machine_token(asking, dpop(key, "POST", at(asking), nonce=nonce))
    assert reply.status_code == 200, reply.text
    assert reply.headers["dpop-nonce"], "§8.2: the next one comes with every answer"


def test_a_nonce_may_be_used_more_than_once(asking: Server, key: SigningKey):
    nonce = wanted_nonce(machine_token(asking, dpop(key, "POST", at(asking))))
    for _ in range(3):
        assert machine_token(asking, dpop(key, "POST", at(asking), nonce=nonce)).status_code == 200


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda nonce: "", id="an empty nonce"),
    pytest.param(lambda nonce: "nonsense", id="an invented nonce"),
    pytest.param(lambda nonce: nonce[:-1], id="a nonce that is cut"),
    pytest.param(lambda nonce: ("B" if nonce[0] == "A" else "A") + nonce[1:], id="a nonce with another letter"),
    pytest.param(lambda nonce: [nonce], id="a nonce in a list"),
    pytest.param(lambda nonce: 7, id="a number"),
])
def test_what_the_server_did_not_give_is_no_nonce(asking: Server, server: Server, key: SigningKey, spoil):
    nonce = wanted_nonce(machine_token(asking, dpop(key, "POST", at(asking))))
    reply = machine_token(asking, dpop(key, "POST", at(asking), nonce=spoil(nonce)))
    assert_oauth_error(reply, 400, "use_dpop_nonce", "invalid_dpop_proof")
    if isinstance(spoil(nonce), str):
        assert reply.json()["error"] == "use_dpop_nonce" and reply.headers["dpop-nonce"]
    reply = machine_token(server, dpop(key, "POST", at(server), nonce=spoil(nonce)))
    assert_oauth_error(reply, 400, "use_dpop_nonce", "invalid_dpop_proof")


def test_asking_for_a_nonce_spends_neither_code_nor_refresh_token(asking: Server, key: SigningKey):
    """Every client of §8 sends its request twice, the same but for the proof."""
    code = asking.login("app", scope="openid offline").authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    nonce = wanted_nonce(asking.token("app", form, headers=dpop(key, "POST", at(asking))))
    made = asking.token("app", form, headers=dpop(key, "POST", at(asking), nonce=nonce))
    assert made.status_code == 200, made.text

    form = {"grant_type": "refresh_token", "refresh_token": made.json()["refresh_token"]}
    nonce = wanted_nonce(asking.token("app", form, headers=dpop(key, "POST", at(asking))))
    renewed = asking.token("app", form, headers=dpop(key, "POST", at(asking), nonce=nonce))
    assert renewed.status_code == 200, renewed.text

    token = renewed.json()["access_token"]
    refused = asking.http.get("/oauth2/userinfo", headers=dpop(key, "GET", at(asking, "/oauth2/userinfo"), token))
    assert_challenged(refused, "use_dpop_nonce")
    nonce = refused.headers["dpop-nonce"]
    shown = asking.http.get(
        "/oauth2/userinfo", headers=dpop(key, "GET", at(asking, "/oauth2/userinfo"), token, nonce=nonce))
    assert shown.status_code == 200, shown.text
    assert shown.headers["dpop-nonce"]


def test_a_push_with_a_proof_is_asked_for_a_nonce_too(asking: Server, key: SigningKey):
    def pushed(**more: str) -> httpx.Response:
        _, challenge = pkce()
        return asking.http.post("/oauth2/par", headers=dpop(key, "POST", at(asking, "/oauth2/par"), **more), data={
            "response_type": "code", "state": "state-4f1d2c", "client_id": "app",
            "redirect_uri": asking.client("app")["redirect_uris"][0]} | challenge)

    nonce = wanted_nonce(pushed())
    reply = pushed(nonce=nonce)
    assert reply.status_code == 201, reply.text
    assert reply.headers["dpop-nonce"]


def test_who_sends_no_proof_is_not_asked_for_a_nonce(asking: Server):
    reply = machine_token(asking, {})
    assert reply.status_code == 200
    assert reply.json()["token_type"].lower() == "bearer"


# MARK: pages of other origins


def test_a_page_may_send_proofs_and_read_nonces(asking: Server):
    """A single-page app is who needs DPoP most. §8: it reads `DPoP-Nonce` only if that is exposed."""
    for path in ("/oauth2/token", "/oauth2/userinfo"):
        asked = asking.http.options(path, headers={
            "Origin": SPA, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,dpop",
        })
        assert "dpop" in asked.headers["access-control-allow-headers"].lower()
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    told = asking.token("spa", form, headers={"Origin": SPA, "DPoP": "nonsense"})
    exposed = told.headers["access-control-expose-headers"].lower()
    assert "dpop-nonce" in exposed and "www-authenticate" in exposed
