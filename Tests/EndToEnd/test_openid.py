"""OpenID Connect to the letter: ID tokens, UserInfo, pairwise subjects, discovery, CORS, and a user who is shut out."""

from __future__ import annotations

import base64
import hashlib
import re
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Iterator
from urllib.parse import urlencode

import httpx
import jwt
import pytest

from harness import (
    Server, assert_oauth_error, code_in, confidential_client, eventually, fresh_number, machine_client, phone_client,
    pkce,
)
from person import Page, Person, authorize_url, people

ALGORITHMS = ("ES256", "RS256", "EdDSA")
SPA = ["https://spa.example", "http://localhost:3000"]


def app(client_id: str, **more: Any) -> dict[str, Any]:
    return confidential_client(client_id, **more)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pairwise = {"subject_type": "pairwise"}
    sector = {"sector_identifier_uri": "https://sector.example/redirects.json"} | pairwise
    server = Server(tmp_path_factory.mktemp("openid"), clients=[
        app("app"),
        app("other-app"),
        app("asks", first_party=False),
        *(app(algorithm, id_token_signed_response_alg=algorithm) for algorithm in ALGORITHMS),
        app("pair-a", redirect_uris=["https://a.example/callback"], **pairwise),
        app("pair-a-too", redirect_uris=["https://a.example/elsewhere"], **pairwise),
        app("pair-b", redirect_uris=["https://b.example/callback"],
            post_logout_redirect_uris=["https://b.example/goodbye"], **pairwise),
        app("sector-1", redirect_uris=["https://one.example/callback"], **sector),
        app("sector-2", redirect_uris=["https://two.example/callback", "https://three.example/callback"], **sector),
        phone_client("spa", cors_origins=SPA),
        machine_client("machine"),
        machine_client("resource-server", may_introspect=True),
    ])
    try:
        yield server.start()
    finally:
        server.dispose()


@pytest.fixture
def make_person(server: Server) -> Iterator[Callable[..., Person]]:
    with people() as make:
        yield partial(make, server)


@pytest.fixture
def person(make_person) -> Person:
    return make_person()


@dataclass
class SignedIn:
    """What an app has after somebody signed in to it."""

    server: Server
    client_id: str
    reply: dict[str, Any]

    @property
    def access_token(self) -> str:
        return self.reply["access_token"]

    @property
    def id_token(self) -> dict[str, Any]:
        return verified(self.server, self.reply["id_token"], self.client_id)

    @property
    def access_claims(self) -> dict[str, Any]:
        return jwt.decode(self.access_token, options={"verify_signature": False})

    def userinfo(self) -> dict[str, Any]:
        reply = userinfo(self.server, self.access_token)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def refreshed(self) -> SignedIn:
        reply = self.server.refresh(self.client_id, self.reply["refresh_token"])
        assert reply.status_code == 200, reply.text
        return SignedIn(self.server, self.client_id, reply.json())


def redeem(server: Server, client_id: str, page: Page, **more: str) -> SignedIn:
    redirect_uri = server.client(client_id)["redirect_uris"][0]
    assert page.url.startswith(f"{redirect_uri}?code="), f"{page.url}: {page.words}"
    reply = server.token(client_id, {
        "grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": redirect_uri,
    } | more)
    assert reply.status_code == 200, reply.text
    return SignedIn(server, client_id, reply.json())


def sign_in(server: Server, person: Person, client_id: str, number: str | None = None, **parameters: str) -> SignedIn:
    url = authorize_url(server, client_id, **{"scope": "openid"} | parameters)
    return redeem(server, client_id, person.sign_in(url, number or fresh_number()))


def visit(server: Server, person: Person, client_id: str, **parameters: str) -> SignedIn:
    """Of somebody who is signed in already, and is not asked."""
    url = authorize_url(server, client_id, **{"scope": "openid"} | parameters)
    return redeem(server, client_id, person.visit(url))


def verified(server: Server, id_token: str, client_id: str) -> dict[str, Any]:
    """The claims, after the checks of OpenID Connect Core §3.1.3.7 that do not depend on the request."""
    algorithm = server.client(client_id).get("id_token_signed_response_alg", "ES256")
    header = jwt.get_unverified_header(id_token)
    assert header["alg"] == algorithm
    key = jwt.PyJWKClient(f"{server.url}/.well-known/jwks.json", timeout=10).get_signing_key(header["kid"])
    return jwt.decode(
        id_token, key, algorithms=[algorithm], audience=client_id, issuer=server.url,
        options={"require": ["iss", "sub", "aud", "exp", "iat"]},
    )


def userinfo(server: Server, access_token: str) -> httpx.Response:
    return server.http.get("/oauth2/userinfo", headers=bearer(access_token))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# MARK: the ID token


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_id_token_says_who_signed_in_when_and_how(server: Server, person: Person, algorithm: str):
    before, number = int(time.time()), fresh_number()
    signed_in = sign_in(server, person, algorithm, number, nonce="nonce-8Fz1", scope="openid phone")
    claims = signed_in.id_token
    now = int(time.time()) + 1

    assert claims["iss"] == server.url
    assert claims["sub"] == signed_in.access_claims["sub"]
    assert str(uuid.UUID(claims["sub"])) == claims["sub"]
    assert claims["aud"] == algorithm, "the client alone, and not whoever the access token is for"
    assert before <= claims["auth_time"] <= claims["iat"] <= now
    assert claims["iat"] < claims["exp"] <= claims["iat"] + 24 * 3600
    assert claims["nonce"] == "nonce-8Fz1"
    assert claims["acr"] in discovered(server)["acr_values_supported"]
    assert {"otp", "sms"} <= set(claims["amr"])
    assert isinstance(claims["sid"], str) and claims["sid"]
    assert number not in str(claims), "claims of scopes are UserInfo's to tell (§5.4)"
    assert "jwk" not in (header := jwt.get_unverified_header(signed_in.reply["id_token"])) and header["kid"]
    assert header.get("typ") != "at+jwt", "nobody takes it for an access token (RFC 9068 §2.1)"


#: OpenID Connect Core §3.1.3.6: the hash of the signature's algorithm; that of Ed25519 is SHA-512.
HASHES = {"ES256": hashlib.sha256, "RS256": hashlib.sha256, "EdDSA": hashlib.sha512}


def left_half(access_token: str, algorithm: str) -> str:
    digest = HASHES[algorithm](access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_at_hash_is_of_the_access_token_beside_it(server: Server, person: Person, algorithm: str):
    signed_in = sign_in(server, person, algorithm, scope="openid offline_access")
    assert signed_in.id_token["at_hash"] == left_half(signed_in.access_token, algorithm)
    refreshed = signed_in.refreshed()
    assert refreshed.id_token["at_hash"] == left_half(refreshed.access_token, algorithm)
    assert refreshed.id_token["at_hash"] != signed_in.id_token["at_hash"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_refreshed_id_token_is_of_the_same_sign_in(server: Server, person: Person, algorithm: str):
    """OpenID Connect Core §12.2."""
    signed_in = sign_in(server, person, algorithm, scope="openid offline_access", nonce="nonce-8Fz1")
    eventually("the next second begins", lambda: time.time() >= signed_in.id_token["iat"] + 1)
    first, second = signed_in.id_token, signed_in.refreshed().id_token
    assert second["iat"] > first["iat"]
    assert second["exp"] > first["exp"]
    assert "nonce" not in second
    changing = {"iat", "exp", "at_hash", "nonce"}
    assert {name: value for name, value in second.items() if name not in changing} == {
        name: value for name, value in first.items() if name not in changing
    }


def test_auth_time_is_when_the_person_signed_in_and_not_when_the_app_asked(server: Server, person: Person):
    first = sign_in(server, person, "app").id_token
    eventually("the next second begins", lambda: time.time() >= first["iat"] + 1)
    second = visit(server, person, "other-app").id_token
    assert second["iat"] > first["iat"]
    assert second["auth_time"] == first["auth_time"]


def test_a_fresh_sign_in_has_a_later_auth_time(server: Server, person: Person):
    number = fresh_number()
    first = sign_in(server, person, "app", number).id_token
    eventually("the next second begins", lambda: time.time() >= first["iat"] + 1)
    for wish in ({"prompt": "login"}, {"max_age": "0"}):
        assert sign_in(server, person, "app", number, **wish).id_token["auth_time"] > first["auth_time"]
    assert visit(server, person, "app", max_age="3600").id_token["sub"] == first["sub"]


def test_each_browser_has_a_session_of_its_own(server: Server, make_person):
    number = fresh_number()
    one, other = make_person(), make_person()
    first, second = (sign_in(server, who, "app", number).id_token for who in (one, other))
    assert first["sub"] == second["sub"]
    assert first["sid"] != second["sid"]
    assert visit(server, one, "app").id_token["sid"] == first["sid"]


def test_without_a_nonce_there_is_none(server: Server, person: Person):
    assert "nonce" not in sign_in(server, person, "app").id_token


@pytest.mark.parametrize("nonce", ["n", "n" * 1024, "a b+c%20&d=e#f", "電話🎮e\u0301", '"quoted\\"'])
def test_a_nonce_comes_back_byte_for_byte(server: Server, person: Person, nonce: str):
    assert sign_in(server, person, "app", nonce=nonce).id_token["nonce"] == nonce


def test_without_openid_there_is_no_id_token(server: Server, person: Person):
    signed_in = sign_in(server, person, "app", scope="phone offline_access", nonce="nonce-8Fz1")
    assert "id_token" not in signed_in.reply
    assert "id_token" not in signed_in.refreshed().reply


def test_the_phone_flow_of_apps_gives_id_tokens_too(server: Server):
    login = server.login("app", scope="openid offline")
    tokens = login.tokens()
    claims = verified(server, tokens["id_token"], "app")
    assert claims["at_hash"] == left_half(tokens["access_token"], "ES256")
    assert {"otp", "sms"} <= set(claims["amr"]) and claims["auth_time"] and claims["acr"]
    renewed = server.refresh("app", tokens["refresh_token"]).json()
    assert verified(server, renewed["id_token"], "app")["sub"] == claims["sub"]


def test_a_narrowed_refresh_without_openid_has_no_id_token(server: Server, person: Person):
    signed_in = sign_in(server, person, "app", scope="openid phone offline_access")
    narrowed = server.refresh("app", signed_in.reply["refresh_token"], scope="phone").json()
    assert "id_token" not in narrowed
    assert userinfo(server, narrowed["access_token"]).status_code == 403


def test_an_id_token_opens_nothing(server: Server, person: Person):
    id_token = sign_in(server, person, "app", scope="openid phone").reply["id_token"]
    assert userinfo(server, id_token).status_code == 401
    assert server.http.get("/users/me", headers=bearer(id_token)).status_code == 401
    assert server.http.post("/token/validate", json={"token": id_token}).status_code != 204
    assert server.introspect(id_token).json() == {"active": False}


# MARK: UserInfo


@pytest.mark.parametrize(("scope", "names"), [
    ("openid", {"sub"}),
    ("openid phone", {"sub", "phone_number", "phone_number_verified"}),
    ("phone openid custom:thing", {"sub", "phone_number", "phone_number_verified"}),
    ("openid email", {"sub"}),
    ("openid offline_access", {"sub"}),
])
def test_userinfo_tells_what_the_scope_asks_for(server: Server, person: Person, scope: str, names: set[str]):
    number = fresh_number()
    signed_in = sign_in(server, person, "app", number, scope=scope)
    told = signed_in.userinfo()
    assert set(told) == names
    assert told["sub"] == signed_in.id_token["sub"]
    if "phone_number" in names:
        assert told["phone_number"] == number
        assert told["phone_number_verified"] is True


def test_userinfo_of_a_profile_never_tells_the_number(server: Server, person: Person):
    number = fresh_number()
    told = sign_in(server, person, "app", number, scope="openid profile").userinfo()
    assert number not in str(told) and told["sub"]
    assert set(told) <= set(discovered(server)["claims_supported"])


def test_a_refresh_narrows_what_userinfo_tells(server: Server, person: Person):
    signed_in = sign_in(server, person, "app", scope="openid phone offline_access")
    narrowed = server.refresh("app", signed_in.reply["refresh_token"], scope="openid").json()
    assert set(userinfo(server, narrowed["access_token"]).json()) == {"sub"}


@pytest.fixture(scope="module")
def app_token(server: Server) -> str:
    return server.login("app", scope="openid phone").tokens()["access_token"]


@pytest.mark.parametrize("send", [
    pytest.param(lambda http, token: http.get("/oauth2/userinfo", headers=bearer(token)), id="GET"),
    pytest.param(lambda http, token: http.post("/oauth2/userinfo", headers=bearer(token)), id="POST"),
    pytest.param(lambda http, token: http.post("/oauth2/userinfo", data={"access_token": token}), id="body"),
    pytest.param(
        lambda http, token: http.get("/oauth2/userinfo", headers={"Authorization": f"bearer {token}"}),
        id="scheme in small letters",
    ),
])
def test_userinfo_takes_the_token_as_rfc_6750_has_it(server: Server, app_token: str, send):
    reply = send(server.http, app_token)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json()["phone_number"]


def challenge(reply: httpx.Response) -> dict[str, str]:
    """The parameters of the `Bearer` challenge."""
    header = reply.headers["www-authenticate"]
    assert header.split(" ")[0] == "Bearer", header
    found = dict(re.findall(r'(\w+)="([^"\\]*)"', header))
    assert header == "Bearer " + ", ".join(f'{name}="{value}"' for name, value in found.items())
    return found


@pytest.mark.parametrize("send", [
    pytest.param(lambda http, token: http.get("/oauth2/userinfo"), id="GET"),
    pytest.param(lambda http, token: http.post("/oauth2/userinfo"), id="POST"),
    pytest.param(lambda http, token: http.post("/oauth2/userinfo", data={"token": token}), id="another field"),
    pytest.param(lambda http, token: http.get(f"/oauth2/userinfo?access_token={token}"), id="in the query"),
    pytest.param(lambda http, token: http.post("/oauth2/userinfo", json={"access_token": token}), id="JSON"),
    pytest.param(
        lambda http, token: http.get("/oauth2/userinfo", headers={"Authorization": f"Basic {token}"}),
        id="another scheme",
    ),
])
def test_userinfo_without_a_token_asks_for_one(server: Server, app_token: str, send):
    reply = send(server.http, app_token)
    assert reply.status_code == 401
    assert "error" not in challenge(reply), "RFC 6750 §3.1: nothing was brought, so nothing is wrong with it"
    assert app_token not in reply.text


@pytest.mark.parametrize("kind", ["nonsense", "forged", "revoked", "refresh token", "code", "of a client"])
def test_userinfo_refuses_a_token_that_is_not_good(server: Server, app_token: str, kind: str):
    def bad() -> str:
        match kind:
            case "nonsense":
                return "nonsense"
            case "forged":
                return app_token[:-10] + ("A" if app_token[-10] != "A" else "B") + app_token[-9:]
            case "revoked":
                token = server.login("app", scope="openid").tokens()["access_token"]
                assert server.revoke(token, by="app").status_code == 200
                return token
            case "refresh token":
                return server.login("app", scope="openid offline").tokens()["refresh_token"]
            case "code":
                return server.login("app", scope="openid").authorization_code()
            case _:
                return server.client_credentials("machine").json()["access_token"]

    token = bad()
    for reply in (userinfo(server, token), server.http.post("/oauth2/userinfo", data={"access_token": token})):
        assert reply.status_code == 401
        assert challenge(reply)["error"] == "invalid_token"
        assert "no-store" in reply.headers["cache-control"]
        assert token not in reply.text + reply.headers["www-authenticate"]


def test_userinfo_needs_the_scope_openid(server: Server):
    token = server.login("app", scope="phone").tokens()["access_token"]
    reply = userinfo(server, token)
    assert reply.status_code == 403
    assert challenge(reply)["error"] == "insufficient_scope"


@pytest.mark.parametrize("send", [
    pytest.param(
        lambda http, token: http.post("/oauth2/userinfo", headers=bearer(token), data={"access_token": token}),
        id="in two places",
    ),
    pytest.param(
        lambda http, token: http.post(
            "/oauth2/userinfo", content=urlencode([("access_token", token)] * 2),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
        id="twice in the body",
    ),
])
def test_userinfo_takes_one_token_only(server: Server, app_token: str, send):
    """RFC 6750 §3.1, `invalid_request`: a parameter repeated, or more than one way of sending the token."""
    reply = send(server.http, app_token)
    assert reply.status_code == 400
    assert challenge(reply)["error"] == "invalid_request"


def test_somebody_elses_app_learns_the_number_only_when_the_person_agreed(server: Server, person: Person):
    number = fresh_number()

    def signed_in(scope: str, page: Page) -> SignedIn:
        assert "Client asks" in page.heading
        return redeem(server, "asks", person.consent(page))

    first = signed_in("openid", person.sign_in(authorize_url(server, "asks", scope="openid"), number))
    me = server.http.get("/users/me", headers=bearer(first.access_token))
    assert number not in str(first.userinfo())
    assert number not in me.text
    second = signed_in("openid phone", person.visit(authorize_url(server, "asks", scope="openid phone")))
    assert second.userinfo()["phone_number"] == number
    assert number not in str(first.userinfo()), "the older token tells no more than before"


# MARK: pairwise subjects


def subjects(signed_in: SignedIn) -> set[str]:
    """The one person behind a sign-in, by every way that an app can ask."""
    server, own = signed_in.server, signed_in.client_id
    refreshed = signed_in.refreshed()
    return {
        signed_in.id_token["sub"],
        signed_in.access_claims["sub"],
        signed_in.userinfo()["sub"],
        server.introspect(signed_in.access_token, by=own).json()["sub"],
        server.introspect(signed_in.access_token, by="resource-server").json()["sub"],
        server.introspect(refreshed.reply["refresh_token"], by=own).json()["sub"],
        server.http.get("/users/me", headers=bearer(signed_in.access_token)).json()["id"],
        refreshed.id_token["sub"],
        refreshed.access_claims["sub"],
    }


def subject(server: Server, person: Person, client_id: str) -> str:
    found = subjects(visit(server, person, client_id, scope="openid offline_access"))
    assert len(found) == 1, f"{client_id} knows one person by {found}"
    return found.pop()


@pytest.fixture
def signed_in_person(server: Server, person: Person) -> Person:
    sign_in(server, person, "app")
    return person


@pytest.mark.parametrize("client_id", ["app", "pair-a", "pair-b", "sector-1"])
def test_an_app_knows_a_person_by_one_subject_everywhere(server: Server, signed_in_person: Person, client_id: str):
    assert subject(server, signed_in_person, client_id)


def test_apps_of_different_hosts_cannot_compare_their_people(server: Server, signed_in_person: Person):
    clients = ("app", "pair-a", "pair-b", "sector-1")
    assert len({subject(server, signed_in_person, client) for client in clients}) == len(clients)


def test_apps_of_one_sector_know_the_same_person(server: Server, signed_in_person: Person):
    assert subject(server, signed_in_person, "sector-1") == subject(server, signed_in_person, "sector-2")
    assert subject(server, signed_in_person, "pair-a") == subject(server, signed_in_person, "pair-a-too"), "one host"
    assert subject(server, signed_in_person, "app") == subject(server, signed_in_person, "other-app"), "public"


def test_a_pairwise_subject_stays_from_login_to_login(server: Server, make_person):
    number = fresh_number()
    found = {
        sign_in(server, make_person(), "pair-a", number).id_token["sub"] for _ in range(2)
    } | {
        verified(server, server.login("pair-a", number=number, scope="openid").tokens()["id_token"], "pair-a")["sub"]
    }
    assert len(found) == 1
    assert sign_in(server, make_person(), "pair-a").id_token["sub"] not in found, "another person is another"


def test_a_pairwise_subject_stays_when_the_server_starts_again(start_server):
    clients = [app("pair-a", redirect_uris=["https://a.example/callback"], subject_type="pairwise")]
    server = start_server(clients=clients)
    login = server.login("pair-a", scope="openid")
    first = login.tokens()
    server.end()
    server.start()
    second = server.login("pair-a", number=login.number, scope="openid").tokens()
    assert verified(server, first["id_token"], "pair-a")["sub"] == verified(server, second["id_token"], "pair-a")["sub"]


def test_a_pairwise_subject_shows_nothing_of_the_account(server: Server, signed_in_person: Person):
    account = subject(server, signed_in_person, "app")
    token = visit(server, signed_in_person, "pair-a").access_token
    assert account not in str(jwt.decode(token, options={"verify_signature": False}))
    assert account not in server.introspect(token).text
    assert account not in userinfo(server, token).text


def test_a_pairwise_id_token_signs_out(server: Server, person: Person):
    id_token = sign_in(server, person, "pair-b").reply["id_token"]
    goodbye = "https://b.example/goodbye"
    page = person.visit(f"{server.url}/oauth2/end_session?" + urlencode(
        {"id_token_hint": id_token, "post_logout_redirect_uri": goodbye, "state": "s1"}
    ))
    assert page.url == f"{goodbye}?state=s1"
    assert person.visit(authorize_url(server, "pair-b")).has_form("phone_number")


# MARK: discovery


def discovered(server: Server) -> dict[str, Any]:
    reply = server.http.get("/.well-known/openid-configuration")
    assert reply.status_code == 200
    return reply.json()


def test_discovery_has_what_the_standard_requires(server: Server):
    reply = server.http.get("/.well-known/openid-configuration")
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    document = reply.json()
    assert document["issuer"] == server.url
    required = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported",
                "subject_types_supported", "id_token_signing_alg_values_supported"}
    recommended = {"userinfo_endpoint", "scopes_supported", "claims_supported"}
    assert required | recommended | {"end_session_endpoint"} <= set(document)
    assert document["response_types_supported"] == ["code"]
    assert set(document["subject_types_supported"]) == {"public", "pairwise"}
    assert set(document["id_token_signing_alg_values_supported"]) == set(ALGORITHMS)
    assert set(document["response_modes_supported"]) == {"query", "form_post"}
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["request_uri_parameter_supported"] is False, "its default would be true"
    assert {"openid", "phone", "offline_access"} <= set(document["scopes_supported"])


def test_both_well_known_documents_are_the_same(server: Server):
    documents = [
        server.http.get(f"/.well-known/{name}") for name in ("openid-configuration", "oauth-authorization-server")
    ]
    assert documents[0].content == documents[1].content
    assert {document.status_code for document in documents} == {200}


def test_every_endpoint_that_is_named_answers(server: Server):
    document = discovered(server)
    named = {name: url for name, url in document.items() if name.endswith("_endpoint") or name == "jwks_uri"}
    assert len(named) >= 9
    for name, url in named.items():
        assert url.startswith(f"{server.url}/"), name
        get, post = server.http.get(url).status_code, server.http.post(url).status_code
        assert {get, post} & {200, 303, 400, 401} and max(get, post) < 500, f"{name}: GET {get}, POST {post}"
        is_read_only = name in ("jwks_uri", "revocation_stream_endpoint")
        assert get != 404 and (post != 404 or is_read_only), f"{name}: GET {get}, POST {post}"


def test_every_language_that_is_named_is_spoken(server: Server, make_person):
    for locale in discovered(server)["ui_locales_supported"]:
        page = make_person().visit(authorize_url(server, "app", ui_locales=locale))
        assert re.search(rf'<html[^>]* lang="?{locale}\b', page.text), locale


def test_every_scope_that_is_named_is_granted(server: Server, person: Person):
    scopes = discovered(server)["scopes_supported"]
    signed_in = sign_in(server, person, "app", scope=" ".join(scopes))
    assert set(signed_in.reply["scope"].split()) == set(scopes)


# MARK: CORS


API = [("POST", "/oauth2/token"), ("GET", "/oauth2/userinfo"), ("POST", "/oauth2/userinfo"), ("POST", "/oauth2/revoke")]
PAGES = ["/oauth2/authorize?client_id=spa", "/login?client_id=spa", "/login/code?client_id=spa", "/login/link",
         "/oauth2/end_session", "/device"]
STRANGERS = ["https://evil.example", "https://spa.example.evil.example", "http://spa.example",
             "https://spa.example:8443", "https://SPA.example", "https://a.spa.example",
             "http://localhost:3001", "null", "*"]


def preflight(server: Server, path: str, origin: str, method: str = "POST") -> httpx.Response:
    return server.http.options(path, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    })


def allows(reply: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", SPA)
@pytest.mark.parametrize(("method", "path"), API)
def test_a_registered_origin_may_call_the_api(server: Server, method: str, path: str, origin: str):
    asked = preflight(server, path, origin, method)
    assert asked.is_success
    allowed = allows(asked)
    assert allowed["access-control-allow-origin"] == origin
    assert method in re.split(r",\s*", allowed["access-control-allow-methods"])
    headers = re.split(r",\s*", allowed["access-control-allow-headers"].lower())
    assert {"authorization", "content-type"} <= set(headers)

    refused = server.http.request(method, path, headers={"Origin": origin})
    assert refused.status_code >= 400
    assert allows(refused)["access-control-allow-origin"] == origin, "a page must be able to read what went wrong"
    assert "origin" in refused.headers["vary"].lower(), "no cache may give it to another origin"
    for reply in (asked, refused):
        assert "access-control-allow-credentials" not in reply.headers, "cookies are for Denwa's own pages"


def test_a_single_page_app_signs_somebody_in(server: Server, person: Person):
    verifier, challenge_of_it = pkce()
    url = authorize_url(server, "spa", scope="openid phone", **challenge_of_it)
    signed_in = redeem(server, "spa", person.sign_in(url, fresh_number()), code_verifier=verifier)
    reply = server.http.get("/oauth2/userinfo", headers=bearer(signed_in.access_token) | {"Origin": SPA[0]})
    assert reply.status_code == 200
    assert allows(reply)["access-control-allow-origin"] == SPA[0]
    readable = reply.headers.get("access-control-expose-headers", "").lower()
    refused = server.http.get("/oauth2/userinfo", headers={"Origin": SPA[0]})
    assert "www-authenticate" in refused.headers and "www-authenticate" in readable


@pytest.mark.parametrize("origin", STRANGERS)
def test_no_other_origin_may(server: Server, app_token: str, origin: str):
    for method, path in API:
        assert not allows(preflight(server, path, origin, method))
        assert not allows(server.http.request(method, path, headers={"Origin": origin} | bearer(app_token)))


@pytest.mark.parametrize("origin", [SPA[0], "https://evil.example"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_no_other_origin(server: Server, path: str, origin: str):
    for method in ("GET", "POST"):
        assert not allows(preflight(server, path, origin, method))
        assert not allows(server.http.request(method, path, headers={"Origin": origin}))


@pytest.mark.parametrize("path", [
    "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json",
])
def test_public_documents_are_for_everybody(server: Server, path: str):
    reply = server.http.get(path, headers={"Origin": "https://evil.example"})
    assert allows(reply)["access-control-allow-origin"] in ("*", "https://evil.example")
    assert "access-control-allow-credentials" not in reply.headers


# MARK: a user who is shut out


def command(server: Server, act: str, user: str) -> None:
    done = server.command("users", act, user)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("by", ["number", "subject"])
def test_a_disabled_user_is_out_at_once_everywhere(server: Server, person: Person, by: str):
    number = fresh_number()
    signed_in = sign_in(server, person, "app", number, scope="openid phone offline_access")
    elsewhere = server.login("other-app", number=number, scope="openid offline").tokens()
    code = person.visit(authorize_url(server, "app", scope="openid")).parameters["code"]

    command(server, "disable", number if by == "number" else signed_in.id_token["sub"])

    answer = person.visit(authorize_url(server, "app", scope="openid", prompt="none")).parameters
    assert answer["error"] == "login_required", "the session"
    assert person.visit(authorize_url(server, "app", scope="openid")).has_form("phone_number")
    for token in (signed_in.access_token, elsewhere["access_token"]):
        refused = userinfo(server, token)
        assert refused.status_code == 401
        assert challenge(refused)["error"] == "invalid_token"
        assert server.introspect(token).json() == {"active": False}
        assert server.http.post("/token/validate", json={"token": token}).status_code == 422
    assert_oauth_error(server.refresh("app", signed_in.reply["refresh_token"]), 400, "invalid_grant")
    assert_oauth_error(server.refresh("other-app", elsewhere["refresh_token"]), 400, "invalid_grant")
    redeemed = server.token("app", {
        "grant_type": "authorization_code", "code": code, "redirect_uri": server.client("app")["redirect_uris"][0],
    })
    assert_oauth_error(redeemed, 400, "invalid_grant")


def test_a_disabled_user_cannot_sign_in_until_enabled(server: Server, person: Person):
    number = fresh_number()
    before = sign_in(server, person, "app", number, scope="openid offline_access")
    command(server, "disable", number)
    page = person.type_number(person.visit(authorize_url(server, "app", scope="openid")), number)
    page = person.type_code(page, code_in(person.text))
    assert page.url.startswith(server.url) and page.status >= 400
    assert "can’t sign in" in page.alert or "can't sign in" in page.alert
    assert person.visit(authorize_url(server, "app", prompt="none")).parameters["error"] == "login_required"

    command(server, "enable", number)
    after = sign_in(server, person, "app", number)
    assert after.id_token["sub"] == before.id_token["sub"]
    assert after.userinfo()["sub"] == before.id_token["sub"]
    assert_oauth_error(server.refresh("app", before.reply["refresh_token"]), 400, "invalid_grant")


def test_disabling_one_user_leaves_the_others_in(server: Server, make_person):
    one, other = make_person(), make_person()
    number = fresh_number()
    sign_in(server, one, "app", number)
    signed_in = sign_in(server, other, "app", scope="openid offline_access")
    command(server, "disable", number)
    assert signed_in.userinfo()["sub"] == visit(server, other, "app").id_token["sub"]
    assert signed_in.refreshed().userinfo()["sub"] == signed_in.id_token["sub"]
