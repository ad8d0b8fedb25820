"""RFC 7523: clients that prove who they are by a signature, and send no secret anywhere."""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Iterator
from urllib.parse import urlencode

import httpx
import pytest

from harness import (
    Server, StartServer, assert_oauth_error, at_once, confidential_client, eventually, machine_client, phone_client,
    secret_of,
)
from proofs import (
    ALGORITHMS, ASSERTION_TYPE, IMPOSSIBLE_TIMES, SigningKey, asserting, assertion, assertion_claims, claims_of,
    decoded, deep, encoded, mirrored, proof, public_bytes, signed_with_hmac, unsigned,
)


#: RFC 7518 §3.2: HMAC wants a key as long as its digest.
SHARED_SECRET = "a-secret-of-two-that-is-long-enough-0b1fKqR7ZxT2"


def machine(client_id: str, **more: Any) -> dict[str, Any]:
    """A client without people, and without a secret unless `more` has one."""
    without = {name: value for name, value in machine_client(client_id).items() if name != "client_secret"}
    return without | {"token_endpoint_auth_method": "private_key_jwt"} | more


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {algorithm: SigningKey.generate(algorithm, f"key-{algorithm}") for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def key(keys) -> SigningKey:
    return keys["ES256"]


@pytest.fixture(scope="module")
def strangers() -> SigningKey:
    return SigningKey.generate("ES256", "key-ES256")


def clients(keys: dict[str, SigningKey], strangers: SigningKey) -> list[dict[str, Any]]:
    es256 = keys["ES256"].jwks
    return [
        *(machine(algorithm, jwks=key.jwks) for algorithm, key in keys.items()),
        machine("several", jwks={"keys": [key.registered for key in keys.values()]}, may_introspect=True),
        machine("pinned", jwks={"keys": [key.registered for key in keys.values()]},
                token_endpoint_auth_signing_alg="ES256"),
        machine("bare", jwks={"keys": [keys["ES256"].public]}),
        machine("stranger", jwks=strangers.jwks),
        machine("shared", client_secret=SHARED_SECRET, token_endpoint_auth_method="client_secret_jwt"),
        phone_client("app", jwks=es256, token_endpoint_auth_method="private_key_jwt", grant_types=[
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]),
        machine_client("basic"),
        confidential_client("post", "client_secret_post"),
        phone_client("public"),
    ]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer, keys, strangers: SigningKey) -> Server:
    return start_module_server(clients=clients(keys, strangers))


def at(server: Server, path: str = "/oauth2/token") -> str:
    return f"{server.url}{path}"


def ask(server: Server, form: dict[str, str] | list[tuple[str, str]], **more: Any) -> httpx.Response:
    pairs = list(form.items()) if isinstance(form, dict) else form
    return server.http.post(
        "/oauth2/token", content=urlencode([("grant_type", "client_credentials"), *pairs]),
        headers={"Content-Type": "application/x-www-form-urlencoded"}, **more)


def prove(server: Server, token: str, **more: str) -> httpx.Response:
    """Asks for a machine's token with this assertion."""
    return ask(server, asserting(token) | more)


def assert_unknown(reply: httpx.Response) -> None:
    """RFC 6749 §5.2. One answer for everything that is wrong about an assertion."""
    assert_oauth_error(reply, 401, "invalid_client")
    assert reply.headers["www-authenticate"].startswith("Basic")


# MARK: who they are


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_as_good_as_a_secret(server: Server, keys, algorithm: str):
    reply = prove(server, assertion(keys[algorithm], algorithm, server.url))
    assert reply.status_code == 200, reply.text
    assert claims_of(reply.json()["access_token"])["client_id"] == algorithm


@pytest.mark.parametrize("audience", [
    pytest.param(lambda server: server.url, id="the issuer"),
    pytest.param(lambda server: at(server), id="the token endpoint"),
    pytest.param(lambda server: [server.url], id="a list of the issuer"),
    pytest.param(lambda server: ["https://other.example", at(server)], id="a list with others"),
])
def test_an_assertion_is_for_this_server(server: Server, key: SigningKey, audience):
    assert prove(server, assertion(key, "ES256", audience(server))).status_code == 200


@pytest.mark.parametrize("change", [
    pytest.param({"header": {"typ": None}}, id="no type"),
    pytest.param({"header": {"kid": None}}, id="no kid, where there is one key"),
    pytest.param({"iat": None}, id="no iat"),
    pytest.param({"nbf": int(time.time()) - 10}, id="an nbf that is past"),
    pytest.param({"jti": "j" * 200}, id="a long jti"),
    pytest.param({"x-unheard-of": {"a": [1]}}, id="something unheard of"),
    pytest.param({"exp": int(time.time()) + 3_000}, id="a life of fifty minutes"),
])
def test_an_assertion_may_have(server: Server, key: SigningKey, change: dict[str, Any]):
    assert prove(server, assertion(key, "ES256", server.url, **change)).status_code == 200


def test_a_client_id_beside_the_assertion_is_the_same_one(server: Server, key: SigningKey):
    assert prove(server, assertion(key, "ES256", server.url), client_id="ES256").status_code == 200
    for other in ("RS256", "basic", "public", "no-such-client"):
        reply = prove(server, assertion(key, "ES256", server.url), client_id=other)
        assert reply.status_code in (400, 401), other
        assert_oauth_error(reply, reply.status_code, "invalid_client", "invalid_request")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_of_several_keys_the_kid_names_one(server: Server, keys, algorithm: str):
    assert prove(server, assertion(keys[algorithm], "several", server.url)).status_code == 200


@pytest.mark.parametrize("kid", ["no-such-key", "", "../key-ES256", "key-RS256"])
def test_of_several_keys_an_unknown_or_wrong_one_is_none(server: Server, key: SigningKey, kid: str):
    assert_unknown(prove(server, assertion(key, "several", server.url, header={"kid": kid})))


def test_a_key_that_was_registered_bare_is_found(server: Server, key: SigningKey):
    assert prove(server, assertion(key, "bare", server.url, header={"kid": None})).status_code == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_may_be_held_to_one_algorithm(server: Server, keys, algorithm: str):
    reply = prove(server, assertion(keys[algorithm], "pinned", server.url))
    if algorithm == "ES256":
        assert reply.status_code == 200
    else:
        assert_unknown(reply)


def test_the_metadata_name_the_methods(server: Server):
    for document in ("openid-configuration", "oauth-authorization-server"):
        told = server.http.get(f"/.well-known/{document}").json()
        for endpoint in ("token", "introspection", "revocation"):
            methods = told[f"{endpoint}_endpoint_auth_methods_supported"]
            assert {"private_key_jwt", "client_secret_jwt", "client_secret_basic"} <= set(methods), endpoint
            algorithms = set(told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"])
            assert algorithms == {*ALGORITHMS, "HS256"}, f"{endpoint}: {algorithms}"


# MARK: everywhere


def test_people_sign_in_to_a_client_that_signs(server: Server, key: SigningKey):
    code = server.login("app", scope="openid offline").authorization_code()

    def call(path: str, form: dict[str, str]) -> httpx.Response:
        token = assertion(key, "app", at(server, path))
        return server.http.post(path, data=form | asserting(token))

    made = call("/oauth2/token", {"grant_type": "authorization_code", "code": code})
    assert made.status_code == 200, made.text
    renewed = call("/oauth2/token", {"grant_type": "refresh_token", "refresh_token": made.json()["refresh_token"]})
    assert renewed.status_code == 200, renewed.text
    asked = call("/oauth2/introspect", {"token": renewed.json()["access_token"]})
    assert asked.json()["active"] is True
    assert call("/oauth2/revoke", {"token": renewed.json()["refresh_token"]}).status_code == 200
    assert call("/oauth2/introspect", {"token": renewed.json()["access_token"]}).json() == {"active": False}
    pushed = call("/oauth2/par", {
        "response_type": "code", "redirect_uri": "https://app.example/callback", "state": "state-4f1d2c"})
    assert pushed.status_code == 201, pushed.text


@pytest.mark.parametrize("path", [
    "/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/par", "/oauth2/challenge",
    "/oauth2/device_authorization",
])
def test_every_endpoint_refuses_what_the_key_did_not_sign(
    server: Server, key: SigningKey, strangers: SigningKey, path: str
):
    form = {"token": "x", "grant_type": "refresh_token", "refresh_token": "x"}
    assert_unknown(server.http.post(path, data=form | {"client_id": "app"}))
    not_signed = unsigned({"alg": "none"}, assertion_claims("app", server.url))
    for token in (assertion(strangers, "app", server.url), not_signed):
        assert_unknown(server.http.post(path, data=form | asserting(token)))
    # The same call with the right key gets further than that, and once only.
    good = form | asserting(assertion(key, "app", at(server, path)))
    assert server.http.post(path, data=good).status_code not in (401, 404, 405)
    assert_unknown(server.http.post(path, data=good))


def test_an_assertion_is_not_for_another_endpoint_than_the_one_it_names(server: Server, key: SigningKey):
    """`aud` may be the endpoint called, the token endpoint or the issuer, and no other address of this server."""
    token = assertion(key, "app", at(server, "/oauth2/introspect"))
    assert_unknown(server.http.post("/oauth2/revoke", data={"token": "x"} | asserting(token)))


# MARK: what is refused. Each row differs from a good assertion in one thing

WRONG: dict[str, dict[str, Any]] = {
    "is by nobody": {"iss": None},
    "is by another": {"iss": "stranger"},
    "is about nobody": {"sub": None},
    "is about another": {"sub": "stranger"},
    "is about a client that does not exist": {"sub": "no-such-client", "iss": "no-such-client"},
    "has a number as subject": {"sub": 7, "iss": 7},
    "is for nobody": {"aud": None},
    "is for an empty list": {"aud": []},
    "is for another server": {"aud": "https://other.example"},
    "is for its own client": {"aud": "ES256"},
    "is for a number": {"aud": 7},
    "has no end": {"exp": None},
    "has an end in words": {"exp": "tomorrow"},
    "has no jti": {"jti": None},
    "has an empty jti": {"jti": ""},
    "has a number as jti": {"jti": 7},
    "says it is not signed": {"header": {"alg": "none"}},
    "says it is signed with HMAC": {"header": {"alg": "HS256"}},
    "says it is signed in another way": {"header": {"alg": "RS256"}},
    "says nothing of how it is signed": {"header": {"alg": None}},
    "says it is signed in small letters": {"header": {"alg": "es256"}},
    "is a DPoP proof by its type": {"header": {"typ": "dpop+jwt"}},
    "is a request by its type": {"header": {"typ": "oauth-authz-req+jwt"}},
    "must be understood in a way that nobody knows": {"header": {"crit": ["exp"], "exp": 1}},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_an_assertion_is_refused_that(server: Server, key: SigningKey, change: dict[str, Any]):
    assert_unknown(prove(server, assertion(key, "ES256", server.url, **change)))


@pytest.mark.parametrize(
    "suffix", ["/", "/oauth2/token/", "/oauth2/Token", "/oauth2", "?x=1", "#x", "/.well-known/jwks.json"])
def test_an_audience_is_matched_by_exact_string(server: Server, key: SigningKey, suffix: str):
    assert_unknown(prove(server, assertion(key, "ES256", server.url + suffix)))


@pytest.mark.parametrize("times", [
    pytest.param({"exp": -120}, id="is over"), pytest.param({"exp": 3_900}, id="is good for more than an hour"),
    pytest.param({"exp": 10**10}, id="is good for ever"), pytest.param({"nbf": 300}, id="is not yet good"),
    pytest.param({"iat": 300}, id="comes from the future"),
])
def test_an_assertion_has_a_short_time_and_is_refused_when_it(server: Server, key: SigningKey, times: dict[str, int]):
    now = int(time.time())
    assert_unknown(prove(server, assertion(
        key, "ES256", server.url, **{name: now + seconds for name, seconds in times.items()})))


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("time_", IMPOSSIBLE_TIMES.values(), ids=IMPOSSIBLE_TIMES.keys())
def test_a_time_that_no_clock_shows_stops_nothing(server: Server, key: SigningKey, name: str, time_: float):
    assert_unknown(prove(server, assertion(key, "ES256", server.url, **{name: time_})))
    assert prove(server, assertion(key, "ES256", server.url)).status_code == 200


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_clocks_may_differ_by_half_a_minute(server: Server, key: SigningKey, seconds: int):
    now = int(time.time()) + seconds
    assert prove(server, assertion(key, "ES256", server.url, iat=now, nbf=now, exp=now + 60)).status_code == 200


def test_another_key_signs_for_nobody_else(server: Server, key: SigningKey, strangers: SigningKey):
    for header in ({}, {"kid": None}, {"jwk": strangers.public}, {"jwk": strangers.public, "kid": None},
                   {"jku": f"{server.url}/.well-known/jwks.json"}, {"x5u": f"{server.url}/x"}, {"x5c": ["AAAA"]}):
        assert_unknown(prove(server, assertion(strangers, "ES256", server.url, header=header)))
    assert prove(server, assertion(strangers, "stranger", server.url)).status_code == 200, "but for itself it does"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_is_no_shared_secret(server: Server, keys, algorithm: str):
    for name, secret in public_bytes(keys[algorithm]).items():
        for header in ({"alg": "HS256", "kid": f"key-{algorithm}"}, {"alg": "HS256"}):
            reply = prove(server, signed_with_hmac(header, assertion_claims(algorithm, server.url), secret))
            assert reply.status_code == 401, f"taken: HS256 with {name}"


FORGED: dict[str, Callable[[str, SigningKey], str]] = {
    "is changed on the way": lambda token, key: ".".join([
        token.split(".")[0], encoded(claims_of(token) | {"jti": "another"}), token.split(".")[2]]),
    "has lost its signature": lambda token, key: token.rpartition(".")[0] + ".",
    "has two parts": lambda token, key: token.rpartition(".")[0],
    "has a signature of zeros": lambda token, key: f"{token.rpartition('.')[0]}.{encoded(bytes(64))}",
    "is not signed, and says so": lambda token, key: unsigned({"alg": "none"}, claims_of(token)),
    "is not signed, and shouts it": lambda token, key: unsigned({"alg": "NONE"}, claims_of(token)),
    "is no JWT": lambda token, key: "nonsense",
    "is encrypted": lambda token, key: ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}), "a", "b", "c", "d"]),
    "has claims that are a list": lambda token, key: key.sign(decoded(token.split(".")[0]), [claims_of(token)]),
    "is two thousand levels deep": lambda token, key: key.sign(decoded(token.split(".")[0]), deep(claims_of(token))),
    "says one claim twice": lambda token, key: key.sign(
        decoded(token.split(".")[0]), (json.dumps(claims_of(token))[:-1] + ', "sub": "ES256"}').encode()),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_an_assertion_is_no_longer_the_clients_when_it(server: Server, key: SigningKey, forge):
    assert_unknown(prove(server, forge(assertion(key, "ES256", server.url), key)))


@pytest.mark.parametrize("kind", [
    None, "", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", ASSERTION_TYPE.upper(),
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
], ids=str)
def test_an_assertion_of_another_kind_is_none(server: Server, key: SigningKey, kind: str | None):
    form = asserting(assertion(key, "ES256", server.url)) | {"client_assertion_type": kind, "client_id": "ES256"}
    reply = ask(server, {name: value for name, value in form.items() if value is not None})
    assert reply.status_code in (400, 401)
    assert_oauth_error(reply, reply.status_code, "invalid_client", "invalid_request")


def test_an_assertion_in_the_query_is_none(server: Server, key: SigningKey):
    """It would stand in the log of every proxy on the way."""
    query = urlencode(asserting(assertion(key, "ES256", server.url)))
    reply = server.http.post(f"/oauth2/token?{query}", data={"grant_type": "client_credentials", "client_id": "ES256"})
    assert_unknown(reply)


def test_a_type_without_an_assertion_is_none(server: Server):
    reply = ask(server, {"client_assertion_type": ASSERTION_TYPE, "client_id": "ES256"})
    assert reply.status_code in (400, 401)
    assert_oauth_error(reply, reply.status_code, "invalid_client", "invalid_request")


@pytest.mark.parametrize("name", ["client_assertion", "client_assertion_type", "client_id"])
def test_a_parameter_twice_is_refused(server: Server, key: SigningKey, name: str):
    form = asserting(assertion(key, "ES256", server.url)) | {"client_id": "ES256"}
    assert_oauth_error(ask(server, [*form.items(), (name, form[name])]), 400, "invalid_request")


# MARK: one method for each client


def test_two_methods_at_once_are_refused(server: Server, key: SigningKey):
    """RFC 6749 §2.3: a client MUST NOT use more than one in a request."""
    token = assertion(key, "ES256", server.url)
    assert_oauth_error(ask(server, asserting(token), auth=("ES256", "a-secret-0b1fKqR7ZxT2")), 400, "invalid_request")
    token = assertion(key, "ES256", server.url)
    both = asserting(token) | {"client_id": "ES256", "client_secret": "a-secret-0b1fKqR7ZxT2"}
    assert_oauth_error(ask(server, both), 400, "invalid_request")
    token = assertion(key, "basic", server.url)
    assert_oauth_error(ask(server, asserting(token), auth=("basic", secret_of("basic"))), 400, "invalid_request")


def test_a_client_that_signs_has_no_secret_and_is_not_public(server: Server):
    """The downgrade: leaving the signature out must leave nothing."""
    for form, auth in (
        ({"client_id": "ES256"}, None),
        ({"client_id": "ES256", "client_secret": ""}, None),
        ({"client_id": "ES256", "client_secret": secret_of("ES256")}, None),
        ({}, ("ES256", secret_of("ES256"))),
        ({}, ("ES256", "")),
    ):
        assert_unknown(ask(server, form, **({"auth": auth} if auth else {})))


@pytest.mark.parametrize("client", ["basic", "post", "public"])
def test_a_client_of_another_method_signs_nothing(server: Server, key: SigningKey, client: str):
    assert_unknown(prove(server, assertion(key, client, server.url)))
    with_secret = signed_with_hmac({"alg": "HS256"}, assertion_claims(client, server.url), secret_of(client).encode())
    assert_unknown(prove(server, with_secret))


# MARK: client_secret_jwt


def shared(server: Server, secret: str = SHARED_SECRET) -> str:
    return signed_with_hmac({"alg": "HS256", "typ": "JWT"}, assertion_claims("shared", server.url), secret.encode())


def test_a_shared_secret_signs_and_is_not_sent(server: Server):
    assert prove(server, shared(server)).status_code == 200
    assert_unknown(prove(server, shared(server, "another-secret-0b1fKqR7ZxT2")))
    assert_unknown(prove(server, shared(server, "x")))
    assert_unknown(ask(server, {"client_id": "shared", "client_secret": SHARED_SECRET}))
    assert_unknown(ask(server, {}, auth=("shared", SHARED_SECRET)))
    assert_unknown(ask(server, {"client_id": "shared"}))


def test_a_client_of_a_shared_secret_has_no_key(server: Server, key: SigningKey):
    assert_unknown(prove(server, assertion(key, "shared", server.url)))
    assert_unknown(prove(server, unsigned({"alg": "none"}, assertion_claims("shared", server.url))))
    for algorithm in ("HS384", "HS512"):
        claims = assertion_claims("shared", server.url)
        assert_unknown(prove(server, signed_with_hmac({"alg": algorithm}, claims, SHARED_SECRET.encode())))


def test_an_assertion_by_a_shared_secret_is_good_once(server: Server):
    token = shared(server)
    assert prove(server, token).status_code == 200
    assert_unknown(prove(server, token))


def test_a_sealed_secret_signs_and_stands_nowhere(start_server: StartServer):
    """The server needs the secret itself for HMAC; the file holds it sealed."""
    server = start_server(clients=[])
    made = server.command("clients", "secret", "--sealed")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.splitlines()[0].split()[-1]
    sealed = json.loads("{" + made.stdout[made.stdout.index('"client_secret_sealed"'):].strip().rstrip(",") + "}")
    assert secret not in json.dumps(sealed)
    server.write_clients([machine("shared", token_endpoint_auth_method="client_secret_jwt", **sealed)])
    server.reload()
    eventually("the client is there", lambda: prove(server, shared(server, secret)).status_code == 200)
    assert_unknown(prove(server, shared(server, sealed["client_secret_sealed"])))


# MARK: used once


def test_an_assertion_is_good_once(server: Server, key: SigningKey):
    token = assertion(key, "ES256", server.url)
    assert prove(server, token).status_code == 200
    assert_unknown(prove(server, token))


def test_it_is_used_up_at_every_endpoint_by_one(server: Server, key: SigningKey):
    token = assertion(key, "several", server.url)
    assert prove(server, token).status_code == 200
    assert_unknown(server.http.post("/oauth2/introspect", data={"token": "x"} | asserting(token)))
    assert_unknown(server.http.post("/oauth2/revoke", data={"token": "x"} | asserting(token)))


def test_a_request_that_fails_for_another_reason_uses_it_up(server: Server, key: SigningKey):
    token = assertion(key, "app", server.url)
    form = {"grant_type": "authorization_code", "code": "A" * 43} | asserting(token)
    assert_oauth_error(server.http.post("/oauth2/token", data=form), 400, "invalid_grant")
    assert_unknown(server.http.post("/oauth2/token", data=form))


def test_a_jti_is_good_once_also_with_a_new_signature(server: Server, key: SigningKey):
    now = int(time.time())
    assert prove(server, assertion(key, "ES256", server.url, jti="the same")).status_code == 200
    assert_unknown(prove(server, assertion(key, "ES256", server.url, jti="the same", exp=now + 600)))


def test_the_other_form_of_its_signature_is_the_same_assertion(server: Server, key: SigningKey):
    token = assertion(key, "ES256", server.url)
    assert prove(server, token).status_code == 200
    assert_unknown(prove(server, mirrored(token)))


def test_a_jti_of_one_client_is_none_of_another(server: Server, keys):
    """Otherwise each could use up what others are about to send."""
    for algorithm in ALGORITHMS:
        assert prove(server, assertion(keys[algorithm], algorithm, server.url, jti="everybody's")).status_code == 200


def test_a_forgery_does_not_use_up_a_jti(server: Server, key: SigningKey, strangers: SigningKey):
    assert_unknown(prove(server, assertion(strangers, "ES256", server.url, jti="known in advance")))
    assert prove(server, assertion(key, "ES256", server.url, jti="known in advance")).status_code == 200


def test_of_twenty_that_send_one_assertion_one_is_heard(server: Server, key: SigningKey):
    token = assertion(key, "ES256", server.url)
    replies = at_once(20, lambda _: prove(server, token))
    assert sorted(reply.status_code for reply in replies) == [200] + [401] * 19


# MARK: one kind of JWT for another


def test_a_dpop_proof_is_no_assertion(server: Server, key: SigningKey):
    claims = assertion_claims("ES256", server.url)
    assert_unknown(prove(server, proof(key, "POST", at(server))))
    assert_unknown(prove(server, proof(key, "POST", at(server), **claims)))


def test_an_assertion_is_no_dpop_proof(server: Server, key: SigningKey):
    looks_like_one = assertion(
        key, "ES256", server.url, header={"jwk": key.public}, htm="POST", htu=at(server))
    reply = server.http.post(
        "/oauth2/token", data={"grant_type": "client_credentials"} | asserting(assertion(key, "ES256", server.url)),
        headers={"DPoP": looks_like_one})
    assert_oauth_error(reply, 400, "invalid_dpop_proof")


def test_a_token_of_this_server_is_no_assertion(server: Server, key: SigningKey):
    made = prove(server, assertion(key, "ES256", server.url)).json()["access_token"]
    assert_unknown(prove(server, made))


# MARK: the file of clients


@pytest.fixture(scope="module")
def checking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("checking"))
    try:
        yield server
    finally:
        server.dispose()


@pytest.mark.parametrize("member", [
    pytest.param({"jwks": None}, id="no key at all"),
    pytest.param({"jwks": {"keys": []}}, id="an empty set"),
    pytest.param({"jwks": "keys.json"}, id="the name of a file"),
    pytest.param({"jwks_uri": "https://keys.example/jwks.json"}, id="keys in two places"),
    pytest.param({"jwks": None, "jwks_uri": "http://keys.example/jwks.json"}, id="keys that come without TLS"),
    pytest.param({"jwks": None, "jwks_uri": "file:///etc/passwd"}, id="keys from a file"),
    pytest.param({"client_secret": secret_of("it")}, id="a secret besides"),
    pytest.param({"token_endpoint_auth_signing_alg": "none"}, id="no signature as its algorithm"),
    pytest.param({"token_endpoint_auth_signing_alg": "HS256"}, id="HMAC as its algorithm"),
])
def test_a_client_is_not_registered_with(checking: Server, key: SigningKey, member: dict[str, Any]):
    client = {name: value for name, value in (machine("it", jwks=key.jwks) | member).items() if value is not None}
    checking.write_clients([client])
    done = checking.command("clients", "check")
    assert done.returncode == 1, done.stdout + done.stderr
    assert '"it"' in done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["private", "symmetric"])
def test_a_key_that_is_secret_is_not_registered(checking: Server, key: SigningKey, kind: str):
    secret = key.private if kind == "private" else {"kty": "oct", "k": encoded(b"k" * 32)}
    checking.write_clients([machine("it", jwks={"keys": [secret]})])
    done = checking.command("clients", "check")
    assert done.returncode == 1, done.stdout + done.stderr
    told = done.stdout + done.stderr
    assert secret.get("d", secret.get("k")) not in told
