"""Token exchange (RFC 8693): a service trades its user's token for one that another service takes.

The cast: people sign in to `app`, whose tokens are for `gateway`. The gateway calls `orders` and `billing`, and trades
the token first. `delegate` may do so only in its own name, beside the user's.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any, Callable, Iterator

import httpx
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from harness import (
    PROJECT, Server, StartServer, assert_oauth_error, at_once, confidential_client, eventually, machine_client,
    phone_client,
)
from proofs import SigningKey, claims_of, decoded, dpop, encoded, mirrored, signed_with_hmac, unsigned

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ALIAS = "urn:ietf:params:oauth:grant-type:token_exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"

ORDERS_API, STOCK_API = "https://orders.example/v1", "https://stock.example/"
GATEWAY_API = "https://gateway.example/api"

USER_SCOPE = "openid offline orders:read orders:write billing:read"


def exchanger(client_id: str, **more: Any) -> dict[str, Any]:
    """A service that may trade tokens: for those it names, and as whom it says."""
    return machine_client(client_id, scope=USER_SCOPE, grant_types=["client_credentials", EXCHANGE]) | {
        "token_exchange": {"audiences": ["orders", "billing"], "resources": [ORDERS_API], "impersonation": True},
    } | more


def policy(*audiences: str, impersonation: bool = False, resources: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"audiences": list(audiences), "resources": list(resources), "impersonation": impersonation}


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app", audience=["gateway", "delegate", "post", "narrow", "no-policy", "no-grant", "loop"],
                     resources=[GATEWAY_API, "https://elsewhere.example/"]),
        phone_client("brief", audience="gateway", access_token_lifetime=1),
        phone_client("other-app"),
        *(phone_client(algorithm, audience="gateway", access_token_signed_response_alg=algorithm)
          for algorithm in ("RS256", "EdDSA")),
        confidential_client("HS256", audience="gateway", access_token_signed_response_alg="HS256"),
        phone_client("xsolla", audience="gateway", token_profile="xsolla", project_id=PROJECT,
                     access_token_signed_response_alg="RS256"),
        phone_client("pair", audience="gateway", subject_type="pairwise"),
        exchanger("gateway", protected_resources=[GATEWAY_API], access_token_lifetime=86_400),
        exchanger("delegate", token_exchange=policy("orders", "gateway")),
        exchanger("post", token_endpoint_auth_method="client_secret_post"),
        exchanger("narrow", scope="orders:read", access_token_lifetime=60),
        exchanger("loop", token_exchange=policy("loop", "orders", impersonation=True)),
        exchanger("with-users", grant_types=["authorization_code", "refresh_token", "client_credentials", EXCHANGE],
                  redirect_uris=["https://with-users.example/cb"]),
        exchanger("no-policy", token_exchange=None),
        exchanger("no-grant", grant_types=["client_credentials"]),
        exchanger("stranger"),
        machine_client("orders", protected_resources=[ORDERS_API]),
        machine_client("billing"),
        machine_client("resource-server", may_introspect=True),
    ]


def registered() -> list[dict[str, Any]]:
    return [{name: value for name, value in client.items() if value is not None} for client in clients()]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=registered())


Exchange = Callable[..., httpx.Response]


@pytest.fixture
def exchange(server: Server) -> Exchange:
    return partial(exchange_at, server)


def exchange_at(
    server: Server, subject_token: str, by: str = "gateway", headers: dict[str, str] | None = None, **more: str | None
) -> httpx.Response:
    """A good request but for what is changed; a parameter of `None` is left out."""
    form = {
        "grant_type": EXCHANGE, "subject_token": subject_token, "subject_token_type": ACCESS_TOKEN,
        "audience": "orders",
    } | more
    kept = {name: value for name, value in form.items() if value is not None}
    return server.token(by, kept, headers=headers or {})


def user_tokens(server: Server, client_id: str = "app", scope: str | None = USER_SCOPE, **more: Any) -> dict[str, Any]:
    return server.login(client_id, scope=scope, **more).tokens()


@pytest.fixture(scope="module")
def tokens(server: Server) -> dict[str, Any]:
    """Of somebody who stays signed in while the module runs."""
    return user_tokens(server)


@pytest.fixture(scope="module")
def users_token(tokens: dict[str, Any]) -> str:
    return tokens["access_token"]


def actor_token(server: Server, client_id: str = "gateway") -> str:
    return server.client_credentials(client_id).json()["access_token"]


def acting(server: Server, client_id: str = "gateway") -> dict[str, str]:
    """The parameters by which a service trades in its own name."""
    return {"actor_token": actor_token(server, client_id), "actor_token_type": ACCESS_TOKEN}


def traded(reply: httpx.Response) -> dict[str, Any]:
    """The reply of RFC 8693 §2.2.1."""
    assert reply.status_code == 200, reply.text
    assert "no-store" in reply.headers["cache-control"]
    body = reply.json()
    assert set(body) - {"scope"} == {"access_token", "issued_token_type", "token_type", "expires_in"}, body
    assert body["issued_token_type"] == ACCESS_TOKEN
    return body


def verified(server: Server, token: str, audience: str) -> dict[str, Any]:
    """Its claims, after the checks that a resource server makes with joserfc (RFC 9068 §4)."""
    keys = KeySet.import_key_set(server.http.get("/.well-known/jwks.json").json())
    read = joserfc_jwt.decode(token, keys, algorithms=["ES256"])
    assert read.header["typ"] == "at+jwt"
    must = {name: {"essential": True} for name in ("exp", "iat", "sub", "jti", "client_id")}
    joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server.url}, aud={"essential": True, "value": audience}, **must,
    ).validate(read.claims)
    return read.claims


# MARK: what comes of it


def test_a_service_gets_a_token_for_another(server: Server, exchange: Exchange, users_token: str):
    body = traded(exchange(users_token))
    of_user, made = claims_of(users_token), verified(server, body["access_token"], "orders")
    assert (made["sub"], made["client_id"], made["aud"]) == (of_user["sub"], "gateway", "orders")
    assert made["jti"] != of_user["jti"] and made["exp"] <= of_user["exp"]
    assert "act" not in made
    assert body["token_type"].lower() == "bearer"
    assert 0 < body["expires_in"] <= of_user["exp"] - int(time.time()) + 1
    assert set(made["scope"].split()) <= set(of_user["scope"].split())
    told = server.introspect(body["access_token"], by="orders").json()
    assert told["active"] and (told["sub"], told["aud"]) == (of_user["sub"], "orders")
    assert server.introspect(body["access_token"], by="stranger").json() == {"active": False}


@pytest.mark.parametrize("change", [
    {"subject_token_type": JWT}, {"requested_token_type": ACCESS_TOKEN}, {"requested_token_type": JWT},
    {"grant_type": ALIAS}, {"audience": "billing"}, {"scope": "orders:read"}, {"by": "post"},
], ids=lambda change: "=".join(map(str, *change.items())))
def test_a_good_request_in_another_form(exchange: Exchange, users_token: str, change: dict[str, str]):
    body = exchange(users_token, **change).json()
    assert body.get("access_token"), body
    assert claims_of(body["access_token"])["aud"] == change.get("audience", "orders")


def test_a_resource_is_a_target_too(server: Server, exchange: Exchange, users_token: str):
    token = traded(exchange(users_token, audience=None, resource=ORDERS_API))["access_token"]
    assert verified(server, token, ORDERS_API)["aud"] == ORDERS_API
    assert server.introspect(token, by="orders").json()["active"], "it serves that resource"


def test_without_a_target_the_token_is_for_the_clients_own_audience(exchange: Exchange, users_token: str):
    token = traded(exchange(users_token, audience=None))["access_token"]
    assert claims_of(token)["aud"] == "gateway"


def test_a_token_for_a_resource_that_a_service_serves_is_its_to_trade(server: Server, exchange: Exchange):
    mine = server.login("app", scope="orders:read").tokens(resource=GATEWAY_API)["access_token"]
    assert claims_of(mine)["aud"] == GATEWAY_API
    assert traded(exchange(mine))
    theirs = server.login("app", scope="orders:read").tokens(resource="https://elsewhere.example/")["access_token"]
    assert claims_of(theirs)["aud"] == "https://elsewhere.example/"
    assert_oauth_error(exchange(theirs), 400, "invalid_request")


@pytest.mark.parametrize("client_id", ["RS256", "EdDSA", "HS256", "xsolla"])
def test_the_users_token_may_be_of_any_algorithm_and_profile(server: Server, exchange: Exchange, client_id: str):
    token = user_tokens(server, client_id)["access_token"]
    made = verified(server, traded(exchange(token))["access_token"], "orders")
    assert made["sub"] == claims_of(token)["sub"], "and what comes of it is of the service's own"


def test_a_services_own_user_token_is_its_to_trade(server: Server, exchange: Exchange, users_token: str):
    """One that was issued to it, as every traded one is."""
    own = traded(exchange(users_token, audience=None))["access_token"]
    assert claims_of(traded(exchange(own))["access_token"])["aud"] == "orders"


def test_neither_a_refresh_token_nor_an_id_token_comes_with_it(exchange: Exchange, users_token: str):
    traded(exchange(users_token, scope="openid offline orders:read"))


def test_the_same_token_may_be_traded_again(exchange: Exchange, users_token: str):
    replies = at_once(20, lambda _: exchange(users_token))
    assert {reply.status_code for reply in replies} == {200}
    assert len({claims_of(reply.json()["access_token"])["jti"] for reply in replies}) == 20


def test_a_traded_token_does_not_outlive_the_first(server: Server, exchange: Exchange, users_token: str):
    """The gateway's own tokens live a day."""
    body = traded(exchange(users_token))
    assert claims_of(body["access_token"])["exp"] <= claims_of(users_token)["exp"]
    short = user_tokens(server, "brief")["access_token"]
    reply = exchange(short)
    if reply.status_code == 200:        # a second is soon over
        assert claims_of(reply.json()["access_token"])["exp"] <= claims_of(short)["exp"]
        assert reply.json()["expires_in"] <= 1


def test_a_traded_token_lives_as_the_client_is_registered(exchange: Exchange, users_token: str):
    body = traded(exchange(users_token, by="narrow"))
    claims = claims_of(body["access_token"])
    assert claims["exp"] - claims["iat"] <= 60 and body["expires_in"] <= 60


def test_the_grant_is_in_the_metadata(server: Server):
    document = server.http.get("/.well-known/oauth-authorization-server").json()
    assert EXCHANGE in document["grant_types_supported"]


# MARK: scope


def scope_of(reply: httpx.Response) -> set[str]:
    body = traded(reply)
    in_token = set(claims_of(body["access_token"]).get("scope", "").split())
    assert set(body.get("scope", "").split()) == in_token
    return in_token


def test_scope_only_narrows(server: Server, exchange: Exchange, users_token: str):
    assert scope_of(exchange(users_token, scope="orders:read")) == {"orders:read"}
    once = traded(exchange(users_token, audience=None, scope="orders:read"))["access_token"]
    assert scope_of(exchange(once)) == {"orders:read"}
    assert_oauth_error(exchange(once, scope="orders:read orders:write"), 400, "invalid_scope")
    assert_oauth_error(exchange(once, scope="orders:write"), 400, "invalid_scope")


def test_scope_that_is_not_named_is_what_both_sides_have(exchange: Exchange, users_token: str):
    assert scope_of(exchange(users_token, by="narrow")) == {"orders:read"}
    everything = scope_of(exchange(users_token))
    assert {"orders:read", "orders:write", "billing:read"} <= everything <= set(USER_SCOPE.split())


def test_a_user_token_without_scope_makes_one_without(server: Server, exchange: Exchange):
    token = user_tokens(server, scope=None)["access_token"]
    assert scope_of(exchange(token)) == set()
    assert_oauth_error(exchange(token, scope="orders:read"), 400, "invalid_scope")


@pytest.mark.parametrize("by, scope", [
    ("gateway", "admin"), ("gateway", "orders:read admin"), ("gateway", 'orders"read'), ("gateway", "ORDERS:READ"),
    ("narrow", "orders:write"), ("narrow", "orders:read orders:write"),
])
def test_more_scope_than_either_side_has_is_refused(exchange: Exchange, users_token: str, by: str, scope: str):
    assert_oauth_error(exchange(users_token, by=by, scope=scope), 400, "invalid_scope")


# MARK: target


@pytest.mark.parametrize("target", [
    {"audience": "admin"}, {"audience": "stranger"}, {"audience": "Orders"}, {"audience": "orders "},
    {"audience": "orders billing"}, {"audience": ORDERS_API},
    {"audience": None, "resource": STOCK_API}, {"audience": None, "resource": f"{ORDERS_API}/"},
    {"audience": None, "resource": f"{ORDERS_API}#x"}, {"audience": None, "resource": "/v1"},
    {"audience": None, "resource": "orders"}, {"audience": None, "resource": "https://ORDERS.example/v1"},
], ids=lambda target: str(target.get("audience") or target.get("resource")))
def test_a_target_that_the_policy_does_not_name_is_refused(
    exchange: Exchange, users_token: str, target: dict[str, Any]
):
    assert_oauth_error(exchange(users_token, **target), 400, "invalid_target")


def test_one_target_at_most(server: Server, exchange: Exchange, users_token: str):
    both = exchange(users_token, resource=ORDERS_API)
    assert_oauth_error(both, 400, "invalid_request", "invalid_target")
    for name, values in (("audience", ("orders", "billing")), ("resource", (ORDERS_API, STOCK_API))):
        pairs = [("grant_type", EXCHANGE), ("subject_token", users_token), ("subject_token_type", ACCESS_TOKEN)]
        reply = server.token("gateway", pairs + [(name, value) for value in values])
        assert_oauth_error(reply, 400, "invalid_request", "invalid_target")


# MARK: who may


def test_clients_without_the_grant_or_a_policy_may_not(exchange: Exchange, users_token: str):
    for by in ("no-grant", "no-policy", "orders"):
        assert_oauth_error(exchange(users_token, by=by), 400, "unauthorized_client")


@pytest.mark.parametrize("grant_type", [EXCHANGE, ALIAS])
def test_a_public_client_may_not(server: Server, users_token: str, grant_type: str):
    reply = exchange_at(server, users_token, by="app", grant_type=grant_type)
    assert_oauth_error(reply, 400, "unauthorized_client")


def test_nobody_trades_without_showing_who_they_are(server: Server, users_token: str):
    form = {"grant_type": EXCHANGE, "subject_token": users_token, "subject_token_type": ACCESS_TOKEN}
    for more in ({}, {"client_id": "gateway"}, {"client_id": "gateway", "client_secret": "not-the-secret-1"}):
        assert_oauth_error(server.http.post("/oauth2/token", data=form | more), 401, "invalid_client")


def test_a_public_client_cannot_be_registered_for_it(start_server: StartServer):
    server = start_server(clients=registered(), started_=False)
    assert server.command("clients", "check").returncode == 0, "the others are fine"
    public = phone_client("public", grant_types=["authorization_code", EXCHANGE], token_exchange=policy("orders"))
    server.write_clients([public])
    done = server.command("clients", "check")
    assert done.returncode == 1 and "public" in done.stdout + done.stderr


def test_a_client_that_registers_itself_may_not(start_server: StartServer):
    server = start_server(clients=registered(), DENWA_REGISTRATION_MODE="open")
    claimed = {"redirect_uris": ["https://mine.example/callback"], "grant_types": ["authorization_code", EXCHANGE],
               "token_endpoint_auth_method": "client_secret_basic", "audience": "gateway",
               "protected_resources": [GATEWAY_API], "token_exchange": policy("orders", impersonation=True)}
    reply = server.http.post("/oauth2/register", json=claimed)
    if reply.status_code != 201:
        assert_oauth_error(reply, 400, "invalid_client_metadata")
        reply = server.http.post("/oauth2/register", json=claimed | {"grant_types": ["authorization_code"]})
        assert reply.status_code == 201, reply.text
    mine = reply.json()
    assert not {"token_exchange", "protected_resources"} & set(mine) and EXCHANGE not in mine["grant_types"]
    form = {"grant_type": EXCHANGE, "subject_token": user_tokens(server)["access_token"],
            "subject_token_type": ACCESS_TOKEN, "audience": "orders"}
    traded_by_it = server.http.post("/oauth2/token", data=form, auth=(mine["client_id"], mine["client_secret"]))
    assert_oauth_error(traded_by_it, 400, "unauthorized_client")


def test_a_token_that_is_for_somebody_else_is_not_theirs_to_trade(
    server: Server, exchange: Exchange, users_token: str
):
    assert_oauth_error(exchange(users_token, by="stranger"), 400, "invalid_request")
    elsewhere = user_tokens(server, "other-app")["access_token"]
    assert_oauth_error(exchange(elsewhere), 400, "invalid_request")
    traded_away = traded(exchange(users_token))["access_token"]
    assert_oauth_error(exchange(traded_away, by="delegate", **acting(server, "delegate")), 400, "invalid_request")


# MARK: one deviation


#: What is wrong, and what changes in a good request.
MALFORMED: list[tuple[str, dict[str, str | None]]] = [
    ("no subject token", {"subject_token": None}),
    ("an empty subject token", {"subject_token": ""}),
    ("no type of it", {"subject_token_type": None}),
    ("a type of refresh tokens", {"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}),
    ("a type of ID tokens", {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}),
    ("a type of SAML", {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}),
    ("a short name of the type", {"subject_token_type": "access_token"}),
    ("a refresh token is wanted", {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}),
    ("an ID token is wanted", {"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"}),
    ("a type of no actor", {"actor_token_type": ACCESS_TOKEN}),
    ("an actor of no type", {"actor_token": "actor"}),
    ("an actor that is no token", {"actor_token": "actor", "actor_token_type": ACCESS_TOKEN}),
]


@pytest.mark.parametrize("name, change", MALFORMED, ids=[row[0] for row in MALFORMED])
def test_one_deviation_is_refused(exchange: Exchange, users_token: str, name: str, change: dict[str, str | None]):
    if "actor_token" in change and change["actor_token"] == "actor" and "actor_token_type" not in change:
        change = {"actor_token": users_token}
    form = {"subject_token": users_token} | change
    reply = exchange(form.pop("subject_token"), **form)
    body = assert_oauth_error(reply, 400, "invalid_request")
    assert "urn:" not in body["error_description"]


@pytest.mark.parametrize("name", ["subject_token", "subject_token_type", "scope", "requested_token_type", "grant_type"])
def test_a_repeated_parameter_is_refused(server: Server, users_token: str, name: str):
    form = {
        "grant_type": EXCHANGE, "subject_token": users_token, "subject_token_type": ACCESS_TOKEN, "audience": "orders",
        "scope": "orders:read", "requested_token_type": ACCESS_TOKEN,
    }
    assert_oauth_error(server.token("gateway", [*form.items(), (name, form[name])]), 400, "invalid_request")


def test_the_names_of_the_grant_are_exactly_two(exchange: Exchange, users_token: str):
    for grant_type in ("token-exchange", "token_exchange", EXCHANGE.upper(), f"{EXCHANGE} ", f"{EXCHANGE}/"):
        assert_oauth_error(exchange(users_token, grant_type=grant_type), 400, "unsupported_grant_type")


# MARK: subject tokens that are not


def with_header(token: str, **change: Any) -> str:
    header, payload, signature = token.split(".")
    return f"{encoded(decoded(header) | change)}.{payload}.{signature}"


def with_claims(token: str, **change: Any) -> str:
    header, payload, signature = token.split(".")
    return f"{header}.{encoded(decoded(payload) | change)}.{signature}"


def forged_tokens(server: Server, good: str) -> dict[str, str]:
    header, claims = decoded(good.split(".")[0]), claims_of(good)
    own = SigningKey.generate()
    public = server.http.get("/.well-known/jwks.json").json()["keys"]
    es256 = next(key for key in public if key["kid"] == header["kid"])
    return {
        "unsigned": unsigned(header | {"alg": "none"}, claims),
        "signed with nothing": good.rsplit(".", 1)[0] + ".",
        "HS256 with the public key": signed_with_hmac(
            header | {"alg": "HS256"}, claims, json.dumps(es256, separators=(",", ":")).encode()),
        "of another key": own.sign(header, claims),
        "of a key that it brings": own.sign(header | {"jwk": own.public}, claims),
        "of a key at another place": own.sign(header | {"jku": "https://evil.example/jwks"}, claims),
        "of an unknown kid": with_header(good, kid="unknown"),
        "of another user": with_claims(good, sub="9cbb6cd4-b6f8-464d-92e7-e71f8267ac78"),
        "with another audience": with_claims(good, aud="stranger"),
        "cut short": good[:-4],
        "in four parts": good + ".x",
        "no JWT": "token",
        "two tokens": f"{good} {good}",
    }


FORGERIES = [
    "unsigned", "signed with nothing", "HS256 with the public key", "of another key", "of a key that it brings",
    "of a key at another place", "of an unknown kid", "of another user", "with another audience", "cut short",
    "in four parts", "no JWT", "two tokens",
]


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_refused_as_subject_and_as_actor(
    server: Server, exchange: Exchange, users_token: str, name: str
):
    forged = forged_tokens(server, users_token)[name]
    for kind in (ACCESS_TOKEN, JWT):
        assert_oauth_error(exchange(forged, subject_token_type=kind), 400, "invalid_request")
    forged = forged_tokens(server, actor_token(server))[name]
    reply = exchange(users_token, actor_token=forged, actor_token_type=ACCESS_TOKEN)
    assert_oauth_error(reply, 400, "invalid_request")


def test_other_kinds_of_tokens_are_no_subjects(server: Server, exchange: Exchange, tokens: dict[str, Any]):
    """Also under the name of an access token: an ID token of the same signature, a refresh token of the same grant."""
    for token in (tokens["id_token"], tokens["refresh_token"]):
        for kind in (ACCESS_TOKEN, JWT):
            assert_oauth_error(exchange(token, subject_token_type=kind), 400, "invalid_request")


def test_an_expired_token_is_refused(server: Server, exchange: Exchange):
    short = user_tokens(server, "brief")["access_token"]
    eventually("it is expired", lambda: time.time() >= claims_of(short)["exp"])
    assert_oauth_error(exchange(short), 400, "invalid_request")


@pytest.mark.parametrize("how", ["the token", "the grant", "disabled", "deleted", "signed out"])
def test_what_has_ended_is_not_traded(server: Server, exchange: Exchange, how: str):
    login = server.login("app", scope=USER_SCOPE)
    mine = login.tokens()
    traded(exchange(mine["access_token"]))
    end(server, login.number, mine, how)
    for token in (mine["access_token"], mirrored(mine["access_token"])):
        assert_oauth_error(exchange(token), 400, "invalid_request")


def end(server: Server, number: str, tokens: dict[str, Any], how: str) -> None:
    if how in ("the token", "the grant"):
        token = tokens["access_token" if how == "the token" else "refresh_token"]
        assert server.revoke(token, by="app").status_code == 200
        return
    act = {"disabled": ["disable"], "deleted": ["delete", "--yes"], "signed out": ["sign-out"]}[how]
    done = server.command("users", *act, number)
    assert done.returncode == 0, done.stderr


# MARK: what ends with what


@pytest.mark.parametrize("how", ["the grant", "disabled", "deleted", "signed out"])
def test_traded_tokens_end_with_the_users_grant(server: Server, exchange: Exchange, how: str):
    login = server.login("app", scope=USER_SCOPE)
    mine = login.tokens()
    once = traded(exchange(mine["access_token"], audience=None))["access_token"]
    twice = traded(exchange(once))["access_token"]
    bystanders = user_tokens(server)
    other = traded(exchange(bystanders["access_token"]))["access_token"]
    assert server.is_active(once) and server.is_active(twice)

    end(server, login.number, mine, how)
    assert not server.is_active(once) and not server.is_active(twice)
    assert_oauth_error(exchange(once), 400, "invalid_request")
    assert server.is_active(other), "somebody else's"


def test_a_replayed_code_ends_traded_tokens_too(server: Server, exchange: Exchange):
    login = server.login("app", scope=USER_SCOPE)
    code = login.authorization_code()
    token = traded(exchange(login.tokens(code=code)["access_token"]))["access_token"]
    assert server.is_active(token)
    assert_oauth_error(login.token(code), 400, "invalid_grant")
    assert not server.is_active(token)


def test_who_traded_may_revoke_and_nobody_else(server: Server, exchange: Exchange, tokens: dict[str, Any]):
    token = traded(exchange(tokens["access_token"]))["access_token"]
    for other in ("app", "orders", "delegate"):
        server.revoke(token, by=other)
        assert server.is_active(token), other
    assert server.revoke(token, by="gateway").status_code == 200
    assert not server.is_active(token)
    assert server.is_active(tokens["access_token"]), "the user's own goes on"


def test_who_keeps_a_traded_token_hears_of_its_end(server: Server, exchange: Exchange):
    """On the stream of revocations: of one token by its `jti`, of all of a grant by the `gid` that they share."""
    mine = user_tokens(server)
    one, other = (traded(exchange(mine["access_token"]))["access_token"] for _ in range(2))
    assert claims_of(one)["gid"] == claims_of(mine["access_token"])["gid"]
    secret = server.client("resource-server")["client_secret"]
    with server.http.stream("GET", "/oauth2/revocations", auth=("resource-server", secret)) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        next(line for line in lines if line == "event: ready")
        server.revoke(one, by="gateway")
        assert heard(lines) == {"jti": claims_of(one)["jti"]}
        server.revoke(mine["refresh_token"], by="app")
        assert heard(lines) == {"gid": claims_of(other)["gid"]}


def heard(lines: Iterator[str]) -> dict[str, str]:
    """The data of the next revocation."""
    next(line for line in lines if line == "event: revocation")
    return json.loads(next(line for line in lines if line.startswith("data:")).partition(":")[2])


def test_trading_races_the_end_of_the_grant(server: Server, exchange: Exchange):
    """Whatever was traded in that moment is dead afterwards."""
    mine = user_tokens(server)

    def act(index: int) -> httpx.Response:
        return server.revoke(mine["refresh_token"], by="app") if index == 7 else exchange(mine["access_token"])

    made = [traded(exchange(mine["access_token"]))["access_token"]]
    made += [reply.json()["access_token"] for index, reply in enumerate(at_once(16, act))
             if index != 7 and reply.status_code == 200]
    assert not [token for token in made if server.is_active(token)]


# MARK: in whose name


def test_an_actor_is_named_beside_the_user(server: Server, exchange: Exchange, users_token: str):
    body = traded(exchange(users_token, by="delegate", **acting(server, "delegate")))
    made = verified(server, body["access_token"], "orders")
    assert made["act"] == {"sub": "delegate"}
    assert (made["sub"], made["client_id"]) == (claims_of(users_token)["sub"], "delegate")
    assert server.introspect(body["access_token"], by="orders").json()["act"] == {"sub": "delegate"}


def test_the_earlier_actor_is_inside(server: Server, exchange: Exchange, users_token: str):
    """RFC 8693 §4.1: the outermost is the current one."""
    first = traded(exchange(users_token, by="delegate", audience="gateway", **acting(server, "delegate")))
    second = traded(exchange(first["access_token"], **acting(server)))
    assert verified(server, second["access_token"], "orders")["act"] == {"sub": "gateway", "act": {"sub": "delegate"}}


def test_an_earlier_actor_is_kept_when_none_is_added(server: Server, exchange: Exchange, users_token: str):
    first = traded(exchange(users_token, by="delegate", audience="gateway", **acting(server, "delegate")))
    second = traded(exchange(first["access_token"]))["access_token"]
    assert claims_of(second)["act"] == {"sub": "delegate"}, "who acts cannot be washed off"


def test_without_the_right_to_impersonate_an_actor_is_needed(exchange: Exchange, users_token: str):
    assert_oauth_error(exchange(users_token, by="delegate"), 400, "invalid_request")


def depth(act: dict[str, Any] | None) -> int:
    return 0 if act is None else 1 + depth(act.get("act"))


def test_actors_are_five_at_most(server: Server, exchange: Exchange, users_token: str):
    token, actor = users_token, acting(server, "loop")
    for actors in range(1, 6):
        token = traded(exchange(token, by="loop", audience="loop", **actor))["access_token"]
        assert depth(claims_of(token)["act"]) == actors
    assert_oauth_error(exchange(token, by="loop", audience="loop", **actor), 400, "invalid_request")
    kept = traded(exchange(token, by="loop", audience="orders"))["access_token"]
    assert depth(claims_of(kept)["act"]) == 5, "no more are added, none is dropped"


def test_an_actor_is_the_client_that_asks(server: Server, exchange: Exchange, users_token: str, tokens: dict[str, Any]):
    others = actor_token(server, "delegate")
    for token in (others, tokens["id_token"], tokens["refresh_token"]):
        reply = exchange(users_token, actor_token=token, actor_token_type=ACCESS_TOKEN)
        assert_oauth_error(reply, 400, "invalid_request")


def test_a_users_token_is_not_the_service_that_acts(server: Server, exchange: Exchange, users_token: str):
    """`act` would name a person in place of the service."""
    reply = exchange(users_token, actor_token=users_token, actor_token_type=ACCESS_TOKEN)
    assert_oauth_error(reply, 400, "invalid_request")


def test_a_person_is_no_acting_service(server: Server, exchange: Exchange, users_token: str):
    """A user of the service's own would stand in `act` in place of the service."""
    own = user_tokens(server, "with-users")["access_token"]
    assert_oauth_error(
        exchange(own, by="with-users", actor_token=own, actor_token_type=ACCESS_TOKEN), 400, "invalid_request")
    traded(exchange(own, by="with-users", **acting(server, "with-users")))


def test_a_revoked_actor_acts_no_more(server: Server, exchange: Exchange, users_token: str):
    actor = acting(server)
    assert traded(exchange(users_token, **actor))
    assert server.revoke(actor["actor_token"], by="gateway").status_code == 200
    assert_oauth_error(exchange(users_token, **actor), 400, "invalid_request")


@pytest.mark.parametrize("kind", ["refresh_token", "id_token", "saml2"])
def test_an_actor_of_another_type_is_refused(server: Server, exchange: Exchange, users_token: str, kind: str):
    actor = acting(server) | {"actor_token_type": f"urn:ietf:params:oauth:token-type:{kind}"}
    assert_oauth_error(exchange(users_token, **actor), 400, "invalid_request")


# MARK: confusion


def test_a_services_own_token_names_no_person(server: Server, exchange: Exchange):
    """A subject is a user, whose grant the traded token ends with."""
    assert_oauth_error(exchange(actor_token(server)), 400, "invalid_request")


def test_claims_cannot_be_asked_for(exchange: Exchange, users_token: str):
    asked = {"sub": "admin", "act": '{"sub":"admin"}', "exp": "9999999999", "client_id": "gateway", "subject": "admin"}
    token = traded(exchange(users_token, **asked))["access_token"]
    assert claims_of(token)["sub"] == claims_of(users_token)["sub"] and "act" not in claims_of(token)


def test_a_traded_token_of_another_audience_opens_nothing_here(server: Server, exchange: Exchange, users_token: str):
    token = traded(exchange(users_token))["access_token"]
    assert_oauth_error(server.refresh("gateway", token), 400, "invalid_grant", "unauthorized_client")
    assert server.http.get("/users/me/phone", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_pairwise_user_stays_the_one_the_app_knows(server: Server, exchange: Exchange):
    token = user_tokens(server, "pair")["access_token"]
    assert claims_of(traded(exchange(token))["access_token"])["sub"] == claims_of(token)["sub"]


def test_trades_count_as_tokens_of_the_client(start_server: StartServer):
    server = start_server(clients=registered(), DENWA_LIMITS_TOKEN_PER_CLIENT="3/3600")
    token = user_tokens(server)["access_token"]
    assert_oauth_error(exchange_at(server, "forged"), 400, "invalid_request")
    replies = [exchange_at(server, token) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert_oauth_error(replies[3], 429, "temporarily_unavailable")
    assert int(replies[3].headers["retry-after"]) >= 1 and replies[3].headers["ratelimit"]


def test_no_token_of_a_trade_is_written_down(start_server: StartServer):
    server = start_server(clients=registered(), DENWA_LOG_LEVEL="debug")
    subject, actor = user_tokens(server)["access_token"], actor_token(server)
    named = {"actor_token": actor, "actor_token_type": ACCESS_TOKEN}
    made = traded(exchange_at(server, subject, **named))["access_token"]
    assert_oauth_error(exchange_at(server, subject, **named, audience="admin"), 400, "invalid_target")
    assert_oauth_error(exchange_at(server, subject, by="stranger", **named), 400, "invalid_request")
    server.end()
    written = server.log().encode() + b"".join(server.database.content().values())
    for token in (subject, actor, made):
        assert token.encode() not in written
        assert token.rsplit(".", 1)[1].encode() not in written


# MARK: bound to a key (RFC 9449 §5)


def proved(server: Server, key: SigningKey) -> dict[str, str]:
    return dpop(key, "POST", f"{server.url}/oauth2/token")


def test_a_proof_binds_the_traded_token(server: Server, exchange: Exchange, users_token: str):
    key = SigningKey.generate()
    body = traded(exchange(users_token, headers=proved(server, key)))
    assert body["token_type"] == "DPoP"
    assert claims_of(body["access_token"])["cnf"] == {"jkt": key.thumbprint}
    told = server.introspect(body["access_token"], by="orders").json()
    assert (told["cnf"], told["token_type"]) == ({"jkt": key.thumbprint}, "DPoP")


def test_a_bad_proof_trades_nothing(server: Server, exchange: Exchange, users_token: str):
    headers = dpop(SigningKey.generate(), "POST", f"{server.url}/oauth2/introspect")
    assert_oauth_error(exchange(users_token, headers=headers), 400, "invalid_dpop_proof")
    once = proved(server, SigningKey.generate())
    assert traded(exchange(users_token, headers=once))
    assert_oauth_error(exchange(users_token, headers=once), 400, "invalid_dpop_proof")


def test_the_key_of_the_first_token_is_not_inherited(server: Server, exchange: Exchange):
    """Who trades does not hold it: the traded token is bound to the service's own key, or to none."""
    key = SigningKey.generate()
    reply = server.login("app", scope=USER_SCOPE)
    bound = server.token("app", {"grant_type": "authorization_code", "code": reply.authorization_code()},
                         headers=proved(server, key)).json()
    assert bound["token_type"] == "DPoP"
    other = SigningKey.generate()
    made = traded(exchange(bound["access_token"], headers=proved(server, other)))["access_token"]
    assert claims_of(made)["cnf"] == {"jkt": other.thumbprint}
    plain = exchange(bound["access_token"])
    if plain.status_code == 200:
        assert "cnf" not in claims_of(plain.json()["access_token"])
        assert plain.json()["token_type"].lower() == "bearer"


def test_a_services_own_bound_token_is_traded_with_its_key_alone(server: Server, exchange: Exchange, users_token: str):
    """Whoever has the token and the service's secret still lacks the key."""
    key, other = SigningKey.generate(), SigningKey.generate()
    own = traded(exchange(users_token, audience=None, headers=proved(server, key)))["access_token"]
    for headers in ({}, proved(server, other)):
        assert_oauth_error(exchange(own, headers=headers), 400, "invalid_dpop_proof", "invalid_request")
    again = traded(exchange(own, headers=proved(server, key)))
    assert claims_of(again["access_token"])["cnf"] == {"jkt": key.thumbprint}
