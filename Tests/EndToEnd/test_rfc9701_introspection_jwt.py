"""Signed answers of introspection (RFC 9701), who gets which, and for how long they may be kept.

A resource server that wants to show later what it was told asks for the answer as a JWT. Checked here with joserfc.
"""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from harness import (
    Server, StartServer, assert_oauth_error, confidential_client, eventually, machine_client, phone_client,
)
from proofs import SigningKey, claims_of, dpop

SIGNED = "application/token-introspection+jwt"
ALGORITHMS = ("ES256", "RS256", "EdDSA")

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")     # RFC 9864 names it after its curve


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app", audience=["api", "api-post", *ALGORITHMS]),
        phone_client("brief", audience="api", access_token_lifetime=2),
        phone_client("resources", resources=["https://api.example/v1"]),
        machine_client("api", protected_resources=["https://api.example/v1"]),
        machine_client("api-post", token_endpoint_auth_method="client_secret_post"),
        *(machine_client(algorithm, introspection_signed_response_alg=algorithm) for algorithm in ALGORITHMS),
        machine_client("resource-server", may_introspect=True),
        machine_client("stranger"),
        confidential_client("web"),
    ]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=clients())


@pytest.fixture(scope="module")
def keeping(start_module_server: StartServer) -> Server:
    """A server whose answers may be kept for a minute."""
    return start_module_server(clients=clients(), DENWA_INTROSPECTION_CACHE_SECONDS="60")


@pytest.fixture(scope="module")
def tokens(server: Server) -> dict[str, Any]:
    return server.login("app", scope="openid offline").tokens()


@pytest.fixture(scope="module")
def access_token(tokens: dict[str, Any]) -> str:
    return tokens["access_token"]


def ask(server: Server, token: str, by: str = "api", accept: str | None = SIGNED, **more: str) -> httpx.Response:
    return server._form("/oauth2/introspect", by, {"token": token} | more, None,
                        headers={"Accept": accept} if accept is not None else {})


def signed(server: Server, reply: httpx.Response, by: str = "api", algorithm: str = "ES256") -> dict[str, Any]:
    """What the JWT tells about the token, after the checks of RFC 9701 §5."""
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].split(";")[0].strip() == SIGNED
    assert reply.headers.get("x-content-type-options") == "nosniff"
    keys = KeySet.import_key_set(server.http.get("/.well-known/jwks.json").json())
    read = joserfc_jwt.decode(reply.text.strip(), keys, algorithms=[algorithm])
    assert (read.header["typ"], read.header["alg"]) == ("token-introspection+jwt", algorithm)
    assert read.header["kid"] and "jwk" not in read.header
    joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server.url}, aud={"essential": True, "value": by}, iat={"essential": True},
    ).validate(read.claims)
    assert abs(read.claims["iat"] - time.time()) <= 5
    assert set(read.claims) == {"iss", "aud", "iat", "token_introspection"}, "no sub and no exp: it is no token"
    return read.claims["token_introspection"]


# MARK: the answer


def test_a_signed_answer_tells_what_the_plain_one_does(server: Server, access_token: str):
    told = signed(server, ask(server, access_token))
    plain = ask(server, access_token, accept=None)
    assert plain.headers["content-type"].split(";")[0] == "application/json"
    assert told == plain.json()
    assert told["active"] is True
    assert (told["iss"], told["client_id"], told["acr"]) == (server.url, "app", "aal1")
    assert told["auth_time"] <= told["iat"] <= told["exp"]
    assert told["sub"] == claims_of(access_token)["sub"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_caller_is_answered_with_its_own_algorithm(server: Server, access_token: str, algorithm: str):
    assert signed(server, ask(server, access_token, by=algorithm), algorithm, algorithm)["active"] is True


def test_the_answer_is_for_the_caller(server: Server, access_token: str):
    assert signed(server, ask(server, access_token, by="api-post"), "api-post")["active"] is True
    assert signed(server, ask(server, access_token, by="resource-server"), "resource-server")["active"] is True


def test_a_refresh_token_is_told_of_like_that_too(server: Server, tokens: dict[str, Any]):
    reply = ask(server, tokens["refresh_token"], by="resource-server")
    told = signed(server, reply, "resource-server")
    assert told == ask(server, tokens["refresh_token"], by="resource-server", accept=None).json()
    assert told["active"] is True


def test_a_resource_that_the_caller_serves_is_enough(server: Server):
    token = server.login("resources").tokens(resource="https://api.example/v1")["access_token"]
    assert signed(server, ask(server, token))["aud"] == "https://api.example/v1"
    assert signed(server, ask(server, token, by="stranger"), "stranger") == {"active": False}


def test_a_bound_token_is_told_of_with_its_key(server: Server):
    key = SigningKey.generate()
    code = server.login("app").authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    bound = server.token("app", form, headers=dpop(key, "POST", f"{server.url}/oauth2/token")).json()
    told = signed(server, ask(server, bound["access_token"]))
    assert (told["cnf"], told["token_type"]) == ({"jkt": key.thumbprint}, "DPoP")


def test_a_changed_answer_is_noticed(server: Server, access_token: str):
    header, payload, signature = ask(server, access_token).text.strip().split(".")
    keys = KeySet.import_key_set(server.http.get("/.well-known/jwks.json").json())
    inactive = ask(server, "no-token").text.strip().split(".")[1]
    assert inactive != payload
    with pytest.raises(BadSignatureError):
        joserfc_jwt.decode(f"{header}.{inactive}.{signature}", keys, algorithms=["ES256"])


# MARK: tokens that are not


def test_strangers_and_dead_tokens_get_one_answer(server: Server, access_token: str):
    login = server.login("app", scope="offline").tokens()
    server.revoke(login["access_token"], by="app")
    short = server.login("brief").tokens()["access_token"]
    eventually("it is expired", lambda: time.time() >= claims_of(short)["exp"])
    rows = [("stranger", access_token), ("web", access_token), ("api", "no-token"), ("api", login["access_token"]),
            ("api", short), ("api", access_token[:-3] + "AAA"), ("api", login["refresh_token"])]
    for by, token in rows:
        assert signed(server, ask(server, token, by=by), by) == {"active": False}, by
        assert ask(server, token, by=by, accept=None).json() == {"active": False}


def test_the_signed_answer_itself_is_no_token(server: Server, access_token: str):
    """Signed by the same keys: the type and the missing claims keep it apart (RFC 9701 §8.1, RFC 9068 §4)."""
    answer = ask(server, access_token, by="resource-server").text.strip()
    assert server.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {answer}"}).status_code == 401
    assert ask(server, answer, by="resource-server", accept=None).json() == {"active": False}
    assert server.http.post("/token/validate", json={"token": answer}).status_code == 422
    hinted = server.http.get("/oauth2/end_session", params={"id_token_hint": answer, "client_id": "resource-server"})
    assert hinted.status_code == 400 or "location" not in hinted.headers


# MARK: which of the two


@pytest.mark.parametrize("accept, is_signed", [
    (SIGNED, True),
    ("Application/Token-Introspection+JWT", True),
    (f"{SIGNED}; q=0.9", True),
    (f"text/html, {SIGNED}", True),
    (f"{SIGNED}, application/json;q=0.5", True),
    (f"application/json;q=0.5, {SIGNED};q=0.9", True),
    (None, False),
    ("application/json", False),
    ("*/*", False),
    ("application/*", False),
    ("application/jwt", False),
    ("application/token-introspection", False),
    ("text/html", False),
    (f"{SIGNED};q=0", False),
    (f"application/json, {SIGNED};q=0.5", False),
    (f"{SIGNED};q=0, */*", False),
], ids=str)
def test_the_accept_header_decides(server: Server, access_token: str, accept: str | None, is_signed: bool):
    reply = ask(server, access_token, accept=accept)
    assert reply.status_code == 200
    if is_signed:
        assert signed(server, reply)["active"] is True
    else:
        assert reply.headers["content-type"].split(";")[0] == "application/json"
        assert reply.json()["active"] is True


def test_refusals_stay_json(server: Server, access_token: str):
    """RFC 9701 §4: errors are those of RFC 7662."""
    form = {"token": access_token}
    for more in ({"auth": ("api", "not-the-secret")}, {}, {"data": form | {"client_id": "app"}}):
        reply = server.http.post("/oauth2/introspect", **({"data": form, "headers": {"Accept": SIGNED}} | more))
        assert_oauth_error(reply, 401, "invalid_client")
    assert_oauth_error(ask(server, ""), 400, "invalid_request")


def test_the_algorithms_are_in_the_metadata(server: Server):
    document = server.http.get("/.well-known/oauth-authorization-server").json()
    assert set(document["introspection_signing_alg_values_supported"]) == set(ALGORITHMS)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS1", "ES256K", ""])
def test_other_algorithms_cannot_be_registered(start_server: StartServer, algorithm: str):
    server = start_server(clients=[machine_client("api")], started_=False)
    assert server.command("clients", "check").returncode == 0
    server.write_clients([machine_client("api", introspection_signed_response_alg=algorithm)])
    done = server.command("clients", "check")
    assert done.returncode == 1 and "introspection_signed_response_alg" in done.stdout + done.stderr


# MARK: how long it may be kept


def kept_for(reply: httpx.Response) -> int:
    """The `max-age` of an answer that its one caller may keep."""
    words = {word.strip() for word in reply.headers["cache-control"].split(",")}
    ages = [int(word.partition("=")[2]) for word in words if word.startswith("max-age=")]
    assert words == {"private", f"max-age={ages[0]}"}, reply.headers["cache-control"]
    return ages[0]


@pytest.mark.parametrize("accept", [SIGNED, None], ids=["signed", "plain"])
def test_nothing_is_kept_unless_somebody_says_so(server: Server, access_token: str, accept: str | None):
    assert ask(server, access_token, accept=accept).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", [SIGNED, None], ids=["signed", "plain"])
def test_good_news_is_kept_and_bad_news_is_not(keeping: Server, accept: str | None):
    tokens = keeping.login("app", scope="offline").tokens()
    assert kept_for(ask(keeping, tokens["access_token"], accept=accept)) == 60
    assert ask(keeping, "no-token", accept=accept).headers["cache-control"] == "no-store"
    assert ask(keeping, tokens["access_token"], "stranger", accept).headers["cache-control"] == "no-store"
    keeping.revoke(tokens["access_token"], by="app")
    dead = ask(keeping, tokens["access_token"], accept=accept)
    assert dead.headers["cache-control"] == "no-store", "what is told here is always fresh"


def test_nothing_is_kept_longer_than_the_token_lives(keeping: Server):
    token = keeping.login("brief").tokens()["access_token"]
    reply = ask(keeping, token)
    left = claims_of(token)["exp"] - time.time()
    if reply.headers["cache-control"] != "no-store":        # it is over in two seconds
        assert kept_for(reply) <= max(left + 1, 0)
    assert kept_for(ask(keeping, keeping.login("app").tokens()["access_token"])) == 60


def test_refusals_are_never_kept(keeping: Server):
    wrong = keeping.http.post("/oauth2/introspect", data={"token": "x"}, auth=("api", "not-the-secret"))
    assert_oauth_error(wrong, 401, "invalid_client")
