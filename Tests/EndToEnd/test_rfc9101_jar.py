"""RFC 9101: an authorization request that the client signed, so that nobody on the way can change it."""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from harness import (
    Server, StartServer, assert_oauth_error, at_once, confidential_client, fresh_number, phone_client, pkce,
)
from person import Page, Person, assert_shown, authorize_url, people
from proofs import (
    ALGORITHMS, IMPOSSIBLE_TIMES, SigningKey, asserting, assertion, claims_of, decoded, deep, dpop, encoded, jti,
    mirrored, proof, public_bytes, request_object, signed_with_hmac, unsigned,
)

pytestmark = pytest.mark.nodes

STATE = "state-4f1d2c &+%/\"é電話"


def callback(client: str) -> str:
    return f"https://{client}.example/callback"


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {algorithm: SigningKey.generate(algorithm, f"key-{algorithm}") for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def key(keys) -> SigningKey:
    return keys["ES256"]


@pytest.fixture(scope="module")
def strangers() -> SigningKey:
    return SigningKey.generate("ES256", "key-ES256")


@pytest.fixture(scope="module")
def server(start_module_server: StartServer, keys, strangers: SigningKey) -> Server:
    all_keys = {"keys": [key.registered for key in keys.values()]}
    bare = {"keys": [keys["ES256"].public]}
    return start_module_server(DENWA_LIMITS_AUTHORIZE_PER_SESSION="0", clients=[
        confidential_client("web", jwks=all_keys),
        confidential_client("bare", jwks=bare),
        confidential_client("pinned", jwks=all_keys, request_object_signing_alg="ES256"),
        confidential_client("signs", jwks=all_keys, require_signed_request_object=True),
        confidential_client("other", jwks=strangers.jwks),
        confidential_client("keyless"),
        phone_client("native", jwks=all_keys),
        phone_client("asserts", jwks=all_keys, token_endpoint_auth_method="private_key_jwt"),
    ])


@pytest.fixture
def make_person(server: Server) -> Iterator[Callable[[], Person]]:
    with people() as make:
        yield lambda: make(server)


@pytest.fixture(scope="module")
def member(server: Server) -> Iterator[Person]:
    """Somebody who is signed in to a browser."""
    with people() as make:
        member = make(server)
        member.sign_in(authorize_url(server, "keyless"), fresh_number())
        yield member


def good(client: str = "web", **change: Any) -> dict[str, Any]:
    asked = {"response_type": "code", "redirect_uri": callback(client), "state": STATE, "scope": "openid"} | change
    return {name: value for name, value in asked.items() if value is not None}


def signed(server: Server, key: SigningKey, client: str = "web", /, **change: Any) -> str:
    """A good request object, but for `change`."""
    return request_object(key, client, server.url, good(client), **change)


def carrying(server: Server, token: str, client: str = "web", **more: str) -> str:
    return f"{server.url}/oauth2/authorize?{urlencode({'client_id': client, 'request': token} | more)}"


def redeem(server: Server, page: Page, client: str = "web", **more: str) -> httpx.Response:
    assert page.url.startswith(f"{callback(client)}?"), f"{page.status} {page.url}: {page.words}"
    return server.token(client, {
        "grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": callback(client),
    } | more)


def push(server: Server, token: str, client: str = "web", **more: str) -> httpx.Response:
    return server._form("/oauth2/par", client, {"request": token} | more, None)


def has_code(page: Page) -> bool:
    return "code" in parse_qs(urlsplit(page.url).query)


def assert_refused_everywhere(server: Server, member: Person, token: str, client: str = "web") -> None:
    """Shown to the person, who is sent nowhere, since nothing of such an object is known to be the client's; and told
    to a client that pushes it."""
    plain = {"redirect_uri": callback(client), "state": "state-4f1d2c", "response_type": "code", "scope": "openid"}
    assert_shown(member.visit(carrying(server, token, client)))
    assert_shown(member.visit(carrying(server, token, client, **plain)))
    assert_oauth_error(push(server, token, client), 400, "invalid_request_object")


# MARK: signed and used


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("how", ["query", "form", "pushed"])
def test_a_signed_request_signs_somebody_in(server: Server, make_person, keys, algorithm: str, how: str):
    person, token = make_person(), signed(server, keys[algorithm])
    if how == "query":
        url = carrying(server, token)
    elif how == "form":
        reply = person.browser.post(f"{server.url}/oauth2/authorize", data={"client_id": "web", "request": token})
        assert reply.status_code == 303, reply.text
        url = server.url + reply.headers["location"].removeprefix(server.url)
    else:
        reply = push(server, token)
        assert reply.status_code == 201, reply.text
        query = urlencode({"client_id": "web", "request_uri": reply.json()["request_uri"]})
        url = f"{server.url}/oauth2/authorize?{query}"
    page = person.sign_in(url, fresh_number())
    assert page.parameters["state"] == STATE
    assert page.parameters["iss"] == server.url
    tokens = redeem(server, page)
    assert tokens.status_code == 200, tokens.text
    assert tokens.json()["scope"] == "openid"


@pytest.mark.parametrize("change", [
    pytest.param({"header": {"typ": "oauth-authz-req+jwt"}}, id="the type of RFC 9101"),
    pytest.param({"header": {"typ": "JWT"}}, id="the type of any JWT"),
    pytest.param({"header": {"typ": None}}, id="no type"),
    pytest.param({"max_age": 86_400}, id="a number"),
    pytest.param({"max_age": "86400"}, id="a number as text"),
    pytest.param({"jti": None}, id="no jti"),
    pytest.param({"iat": None}, id="no iat"),
    pytest.param({"nonce": "nonce-8Fz1"}, id="a nonce"),
    pytest.param({"x-unheard-of": {"a": [1, 2]}}, id="something unheard of"),
])
def test_a_request_object_may_have(server: Server, member: Person, key: SigningKey, change: dict[str, Any]):
    page = member.visit(carrying(server, signed(server, key, **change)))
    assert redeem(server, page).status_code == 200


def test_this_server_may_be_one_of_several_audiences(server: Server, member: Person, key: SigningKey):
    token = signed(server, key, aud=["https://other.example", server.url])
    assert has_code(member.visit(carrying(server, token)))


def test_a_key_without_a_name_needs_no_name(server: Server, member: Person, key: SigningKey):
    token = signed(server, key, "bare", header={"kid": None})
    assert has_code(member.visit(carrying(server, token, "bare")))


def test_a_public_client_signs_and_still_needs_its_challenge(server: Server, member: Person, key: SigningKey):
    verifier, challenge = pkce()
    page = member.visit(carrying(server, signed(server, key, "native", **challenge), "native"))
    assert redeem(server, page, "native", code_verifier=verifier).status_code == 200

    page = member.visit(carrying(server, signed(server, key, "native"), "native", **challenge))
    assert not has_code(page), "a challenge beside the object was not signed"


def test_nothing_beside_the_object_counts(server: Server, member: Person, key: SigningKey):
    """RFC 9101 §6.3: what the object leaves out stays out."""
    page = member.visit(carrying(
        server, signed(server, key), redirect_uri="https://evil.example/callback", state="another-state",
        scope="openid phone offline", prompt="none", response_mode="form_post", nonce="forged", response_type="token",
        code_challenge="x" * 43, code_challenge_method="S256", login_hint="+819000000000",
    ))
    assert page.parameters["state"] == STATE
    tokens = redeem(server, page)
    assert tokens.status_code == 200, tokens.text
    assert tokens.json()["scope"] == "openid"
    assert "nonce" not in claims_of(tokens.json()["id_token"])


def test_what_is_pushed_beside_the_object_counts_as_little(server: Server, member: Person, key: SigningKey):
    reply = push(server, signed(server, key), redirect_uri="https://evil.example/callback", scope="openid phone",
                 state="another-state")
    assert reply.status_code == 201, reply.text
    query = urlencode({"client_id": "web", "request_uri": reply.json()["request_uri"]})
    page = member.visit(f"{server.url}/oauth2/authorize?{query}")
    assert page.parameters["state"] == STATE
    assert redeem(server, page).json()["scope"] == "openid"


def test_the_answer_to_a_signed_request_goes_where_it_says(server: Server, make_person, key: SigningKey):
    page = make_person().visit(carrying(server, signed(server, key, prompt="none")))
    assert page.url.startswith(callback("web"))
    assert page.parameters["error"] == "login_required"
    assert page.parameters["state"] == STATE


@pytest.mark.parametrize("document", ["openid-configuration", "oauth-authorization-server"])
def test_the_metadata_say_what_is_taken(server: Server, document: str):
    told = server.http.get(f"/.well-known/{document}").json()
    assert told["request_parameter_supported"] is True
    assert told["request_uri_parameter_supported"] is False
    assert told["require_signed_request_object"] is False
    assert set(told["request_object_signing_alg_values_supported"]) == set(ALGORITHMS), "and never none"


# MARK: what is refused. Each row differs from a good object in one thing

WRONG: dict[str, dict[str, Any]] = {
    "is by another client": {"iss": "other"},
    "says by nobody who it is": {"iss": None},
    "is for another server": {"aud": "https://other.example"},
    "is for another server's token endpoint": {"aud": "https://other.example/oauth2/token"},
    "is for nobody": {"aud": None},
    "is for an empty list": {"aud": []},
    "has no end": {"exp": None},
    "has an end in words": {"exp": "tomorrow"},
    "is about another client": {"client_id": "other"},
    "has its client as subject": {"sub": "web"},
    "has another request in it": {"request": "x.y.z"},
    "points at another request": {"request_uri": "urn:ietf:params:oauth:request_uri:" + "A" * 43},
    "is a DPoP proof by its type": {"header": {"typ": "dpop+jwt"}},
    "is an access token by its type": {"header": {"typ": "at+jwt"}},
    "is a logout token by its type": {"header": {"typ": "logout+jwt"}},
    "is by a key that nobody knows": {"header": {"kid": "no-such-key"}},
    "is by a key of another kind": {"header": {"kid": "key-RS256"}},
    "says it is not signed": {"header": {"alg": "none"}},
    "says it is signed with HMAC": {"header": {"alg": "HS256"}},
    "says it is signed in another way": {"header": {"alg": "RS256"}},
    "says it is signed with more bits": {"header": {"alg": "ES512"}},
    "says nothing of how it is signed": {"header": {"alg": None}},
    "must be understood in a way that nobody knows": {"header": {"crit": ["exp"], "exp": 1}},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_an_object_is_refused_that(server: Server, member: Person, key: SigningKey, change: dict[str, Any]):
    assert_refused_everywhere(server, member, signed(server, key, **change))


@pytest.mark.parametrize("times", [
    pytest.param({"exp": -120}, id="is over"), pytest.param({"exp": 3_900}, id="is good for more than an hour"),
    pytest.param({"exp": 10**10}, id="is good for ever"), pytest.param({"nbf": 300}, id="is not yet good"),
    pytest.param({"iat": 300}, id="comes from the future"),
])
def test_an_object_has_a_short_time_and_is_refused_when_it(
    server: Server, member: Person, key: SigningKey, times: dict[str, int]
):
    now = int(time.time())
    assert_refused_everywhere(
        server, member, signed(server, key, **{name: now + seconds for name, seconds in times.items()}))


@pytest.mark.parametrize("name", ["exp", "nbf", "max_age"])
@pytest.mark.parametrize("value", IMPOSSIBLE_TIMES.values(), ids=IMPOSSIBLE_TIMES.keys())
def test_a_time_that_no_clock_shows_stops_nothing(
    server: Server, member: Person, key: SigningKey, name: str, value: float
):
    token = signed(server, key, **{name: value})
    reply = push(server, token)
    if name == "max_age" and value == 2**63 - 1:
        assert reply.status_code in (201, 400)          # so long a time may pass for one
    else:
        assert_oauth_error(reply, 400, "invalid_request_object", "invalid_request")
    member.visit(carrying(server, token))
    assert has_code(member.visit(carrying(server, signed(server, key))))


def test_the_client_outside_is_the_client_inside(
    server: Server, member: Person, key: SigningKey, strangers: SigningKey
):
    """Neither may anybody send another client's object as their own, nor sign for another."""
    assert_shown(member.visit(carrying(server, signed(server, key), "other")))
    assert_refused_everywhere(server, member, signed(server, strangers))
    assert_refused_everywhere(server, member, request_object(
        strangers, "web", server.url, good(), header={"jwk": strangers.public}))
    assert_refused_everywhere(server, member, request_object(
        strangers, "web", server.url, good(), header={"jwk": strangers.public, "kid": None}))
    assert_refused_everywhere(server, member, request_object(
        strangers, "web", server.url, good(), header={"jku": f"{server.url}/.well-known/jwks.json", "kid": None}))
    page = member.visit(f"{server.url}/oauth2/authorize?{urlencode({'request': signed(server, key)})}")
    assert_shown(page)


def test_a_client_id_inside_may_be_left_out_or_not_but_never_replaces_the_one_outside(
    server: Server, member: Person, key: SigningKey
):
    """RFC 9101 §5: both are required. Whoever leaves it out inside gets at most what the outer one may have."""
    page = member.visit(carrying(server, signed(server, key, client_id=None)))
    assert_shown(page)


def test_nobody_else_signs_with_the_servers_own_keys(server: Server, member: Person, key: SigningKey):
    """An ID token is a JWT for this client that this server signed. It is no request."""
    tokens = redeem(server, member.visit(carrying(server, signed(server, key)))).json()
    for token in (tokens["id_token"], tokens["access_token"]):
        assert_refused_everywhere(server, member, token)


FORGED: dict[str, Callable[[str, SigningKey], str]] = {
    "is changed on the way": lambda token, key: ".".join([
        token.split(".")[0], encoded(claims_of(token) | {"scope": "openid phone"}), token.split(".")[2]]),
    "has lost its signature": lambda token, key: token.rpartition(".")[0] + ".",
    "has two parts": lambda token, key: token.rpartition(".")[0],
    "has a signature of zeros": lambda token, key: f"{token.rpartition('.')[0]}.{encoded(bytes(64))}",
    "is not signed, and says so": lambda token, key: unsigned({"alg": "none"}, claims_of(token)),
    "is not signed, and shouts it": lambda token, key: unsigned({"alg": "NONE"}, claims_of(token)),
    "is no JWT": lambda token, key: "nonsense",
    "is plain JSON": lambda token, key: json.dumps(claims_of(token)),
    "is encrypted": lambda token, key: ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}), "a", "b", "c", "d"]),
    "has claims that are a list": lambda token, key: key.sign(decoded(token.split(".")[0]), [claims_of(token)]),
    "is two thousand levels deep": lambda token, key: key.sign(decoded(token.split(".")[0]), deep(claims_of(token))),
    "says one claim twice": lambda token, key: key.sign(
        decoded(token.split(".")[0]), (json.dumps(claims_of(token))[:-1] + ', "scope": "openid phone"}').encode()),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_an_object_is_no_longer_the_clients_when_it(server: Server, member: Person, key: SigningKey, forge):
    assert_refused_everywhere(server, member, forge(signed(server, key), key))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_is_no_shared_secret(server: Server, keys, algorithm: str):
    key = keys[algorithm]
    claims = claims_of(signed(server, key))
    for name, secret in public_bytes(key).items():
        for header in ({"alg": "HS256", "kid": key.kid}, {"alg": "HS256"}):
            reply = push(server, signed_with_hmac(header, claims, secret))
            assert reply.status_code == 400, f"taken: HS256 with {name}"
            assert reply.json()["error"] == "invalid_request_object"


def test_a_client_secret_signs_no_request(server: Server, member: Person, key: SigningKey):
    claims, secret = claims_of(signed(server, key, "keyless")), server.client("keyless")["client_secret"]
    assert_refused_everywhere(server, member, signed_with_hmac({"alg": "HS256"}, claims, secret.encode()), "keyless")


def test_a_client_without_keys_has_no_signed_requests(server: Server, member: Person, key: SigningKey):
    assert_refused_everywhere(server, member, signed(server, key, "keyless"), "keyless")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_may_be_held_to_one_algorithm(server: Server, member: Person, keys, algorithm: str):
    token = signed(server, keys[algorithm], "pinned")
    if algorithm == "ES256":
        assert has_code(member.visit(carrying(server, token, "pinned")))
    else:
        assert_refused_everywhere(server, member, token, "pinned")


@pytest.mark.parametrize("change", [
    pytest.param({"redirect_uri": "https://evil.example/callback"}, id="to an address that is not registered"),
    pytest.param({"redirect_uri": callback("other")}, id="to another client's address"),
    pytest.param({"redirect_uri": ["https://web.example/callback"]}, id="to a list of addresses"),
])
def test_a_signature_opens_no_redirect(server: Server, member: Person, key: SigningKey, change: dict[str, Any]):
    token = signed(server, key, **change)
    assert_shown(member.visit(carrying(server, token)))
    assert_oauth_error(push(server, token), 400, "invalid_request", "invalid_request_object")


@pytest.mark.parametrize("name", ["scope", "state", "nonce", "response_type", "prompt"])
@pytest.mark.parametrize("value", [["openid"], {"a": "b"}, True], ids=["a list", "an object", "a truth"])
def test_what_is_no_text_is_no_parameter(server: Server, member: Person, key: SigningKey, name: str, value: Any):
    assert not has_code(member.visit(carrying(server, signed(server, key, **{name: value}))))


def test_a_request_and_a_request_uri_at_once_are_refused(server: Server, member: Person, key: SigningKey):
    """RFC 9101 §5: MUST NOT be used together."""
    token = signed(server, key)
    uri = push(server, token).json()["request_uri"]
    assert_shown(member.visit(carrying(server, token, request_uri=uri)))
    assert_oauth_error(push(server, token, request_uri=uri), 400, "invalid_request", "invalid_request_object")


def test_a_request_twice_is_refused(server: Server, member: Person, key: SigningKey):
    token = signed(server, key)
    assert_shown(member.visit(f"{carrying(server, token)}&{urlencode({'request': token})}"))
    pairs = [("request", token), ("request", token)]
    assert_oauth_error(server._form("/oauth2/par", "web", pairs, None), 400, "invalid_request")


# MARK: replay


def test_one_request_object_brings_one_code(server: Server, make_person, key: SigningKey):
    """Whoever copies the address, from a history or a log, must not get a code of his own from it."""
    token, person = signed(server, key), make_person()
    assert has_code(person.sign_in(carrying(server, token), fresh_number()))
    assert not has_code(person.visit(carrying(server, token)))


@pytest.mark.parametrize("change", [{}, {"jti": None}], ids=["with a jti", "without a jti"])
def test_the_other_form_of_its_signature_is_the_same_object(
    server: Server, member: Person, key: SigningKey, change: dict[str, Any]
):
    token = signed(server, key, nonce=jti(), **change)
    assert has_code(member.visit(carrying(server, token)))
    assert not has_code(member.visit(carrying(server, mirrored(token))))


@pytest.mark.parametrize("change", [{}, {"jti": None}], ids=["with a jti", "without a jti"])
def test_an_object_that_is_pushed_twice_brings_one_code(
    server: Server, member: Person, key: SigningKey, change: dict[str, Any]
):
    token, codes = signed(server, key, nonce=jti(), **change), 0
    for again in (token, token, mirrored(token)):
        if (pushed := push(server, again)).status_code == 201:
            query = urlencode({"client_id": "web", "request_uri": pushed.json()["request_uri"]})
            codes += has_code(member.visit(f"{server.url}/oauth2/authorize?{query}"))
    assert codes == 1


def test_two_requests_that_say_the_same_are_two(server: Server, member: Person, key: SigningKey):
    for _ in range(2):
        assert has_code(member.visit(carrying(server, signed(server, key))))


@pytest.mark.parametrize("with_jti", [True, False], ids=["with a jti", "without a jti"])
def test_of_ten_at_once_one_brings_a_code(server: Server, member: Person, key: SigningKey, with_jti: bool):
    token = signed(server, key, **({} if with_jti else {"jti": None}), nonce=jti())
    cookies = {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in member.browser.cookies.jar)}

    def visit(_: int) -> bool:
        reply = server.http.get(carrying(server, token), headers=cookies)
        for _ in range(3):
            location = reply.headers.get("location", "")
            if not location.startswith(("/", server.url)):
                return "code=" in location
            reply = server.http.get(location, headers=cookies)
        return False

    assert at_once(10, visit).count(True) == 1


def test_a_pushed_object_and_the_same_object_shown_bring_one_code(server: Server, member: Person, key: SigningKey):
    token = signed(server, key)
    uri = push(server, token).json()["request_uri"]
    pages = [
        member.visit(f"{server.url}/oauth2/authorize?{urlencode({'client_id': 'web', 'request_uri': uri})}"),
        member.visit(carrying(server, token)),
    ]
    assert [has_code(page) for page in pages].count(True) == 1


# MARK: bound to a key


def redeem_with(server: Server, page: Page, key: SigningKey | None) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": callback("web")}
    return server.token("web", form, headers=dpop(key, "POST", f"{server.url}/oauth2/token") if key else {})


def test_a_key_that_the_object_names_is_the_codes_and_one_beside_it_is_not(
    server: Server, member: Person, key: SigningKey, strangers: SigningKey
):
    """`dpop_jkt` is a parameter like any other."""
    def visit(inside: dict[str, str], **outside: str) -> Page:
        return member.visit(carrying(server, signed(server, key, **inside), **outside))

    bound = {"dpop_jkt": key.thumbprint}
    assert redeem_with(server, visit(bound), key).json()["token_type"] == "DPoP"
    for thief in (strangers, None):
        page = visit(bound, dpop_jkt=strangers.thumbprint)
        assert_oauth_error(redeem_with(server, page, thief), 400, "invalid_grant")
    assert redeem_with(server, visit({}, dpop_jkt=strangers.thumbprint), key).status_code == 200


def test_the_key_of_the_proof_beside_a_pushed_object_is_the_codes(
    server: Server, member: Person, key: SigningKey, strangers: SigningKey
):
    def pushed(token: str) -> httpx.Response:
        return server._form(
            "/oauth2/par", "web", {"request": token}, None, headers=dpop(key, "POST", f"{server.url}/oauth2/par"))

    def visit() -> Page:
        query = urlencode({"client_id": "web", "request_uri": pushed(signed(server, key)).json()["request_uri"]})
        return member.visit(f"{server.url}/oauth2/authorize?{query}")

    assert redeem_with(server, visit(), key).json()["token_type"] == "DPoP"
    for thief in (strangers, None):
        assert_oauth_error(redeem_with(server, visit(), thief), 400, "invalid_grant")
    conflicting = pushed(signed(server, key, dpop_jkt=strangers.thumbprint))
    assert_oauth_error(conflicting, 400, "invalid_dpop_proof")


# MARK: clients that must sign


def test_a_client_that_must_sign_cannot_ask_without(server: Server, member: Person, key: SigningKey):
    page = member.visit(authorize_url(server, "signs"))
    assert not has_code(page)
    if page.url.startswith(callback("signs")):
        assert page.parameters["error"] in ("invalid_request", "invalid_request_object")
    else:
        assert_shown(page)
    plain = server._form("/oauth2/par", "signs", good("signs"), None)
    assert_oauth_error(plain, 400, "invalid_request", "invalid_request_object")

    assert has_code(member.visit(carrying(server, signed(server, key, "signs"), "signs")))
    uri = push(server, signed(server, key, "signs"), "signs").json()["request_uri"]
    query = urlencode({"client_id": "signs", "request_uri": uri})
    assert has_code(member.visit(f"{server.url}/oauth2/authorize?{query}"))


def test_a_client_that_must_sign_may_not_send_an_object_that_says_it_is_not(server: Server, member: Person, key):
    token = unsigned({"alg": "none"}, claims_of(signed(server, key, "signs")))
    assert_refused_everywhere(server, member, token, "signs")


# MARK: one kind of JWT for another


def test_a_client_assertion_is_no_request(server: Server, member: Person, key: SigningKey):
    """RFC 9101 §10.8: made for the token endpoint, by the same key, with this server as audience."""
    token = assertion(key, "asserts", server.url, client_id="asserts", **good("asserts"))
    assert_shown(member.visit(carrying(server, token, "asserts")))


def test_a_request_is_no_client_assertion(server: Server, key: SigningKey):
    for change in ({}, {"sub": "asserts"}, {"sub": "asserts", "header": {"typ": "oauth-authz-req+jwt"}}):
        token = signed(server, key, "asserts", **change)
        reply = server.http.post(
            "/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": "x"} | asserting(token))
        assert_oauth_error(reply, 401, "invalid_client")


def test_a_dpop_proof_is_no_request(server: Server, member: Person, key: SigningKey):
    claims = claims_of(signed(server, key))
    assert_refused_everywhere(server, member, proof(key, "GET", f"{server.url}/oauth2/authorize", **claims))
