"""Clients that register themselves: who may, what they may say, and what they can do then (RFC 7591)."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import httpx
import pytest

from harness import Server, StartServer, assert_oauth_error, assert_refused, at_once, code_of, fresh_number, pkce
from person import people

#: What clients say who know nothing of this server.
METADATA = {
    "client_name": "An App",
    "redirect_uris": ["https://an-app.example/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
}
TOKEN = "an-initial-access-token-4f1d2c"


def open_to_all(**more: str) -> dict[str, str]:
    return {"DENWA_REGISTRATION_MODE": "open", "DENWA_LIMITS_REGISTER_CLIENT_PER_IP": "0"} | more


@pytest.fixture(scope="module")
def site(start_module_server) -> Server:
    return start_module_server(**open_to_all())


def register(server: Server, token: str | None = None, **changes: Any) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return server.http.post("/oauth2/register", json=METADATA | changes, headers=headers)


def registered(server: Server, **changes: Any) -> dict[str, Any]:
    reply = register(server, **changes)
    assert reply.status_code == 201, reply.text
    return reply.json()


def sign_in(server: Server, client: dict[str, Any], number: str | None = None, **more: Any) -> dict[str, Any]:
    """A whole login through the pages, with consent; the answer of the token endpoint."""
    verifier, challenge = pkce()
    query = {"client_id": client["client_id"], "response_type": "code", "state": "state-4f1d2c",
             "redirect_uri": client["redirect_uris"][0], "scope": "openid offline_access"} | challenge
    with people() as person:
        somebody = person(server)
        page = somebody.sign_in(f"{server.url}/oauth2/authorize?{httpx.QueryParams(query)}", number or fresh_number())
        assert "An App" in page.words, "consent names the app"
        page = somebody.consent(page)
    form = {"grant_type": "authorization_code", "code": code_of(page.url), "code_verifier": verifier,
            "redirect_uri": query["redirect_uri"]}
    auth = httpx.USE_CLIENT_DEFAULT
    if client["token_endpoint_auth_method"] == "client_secret_basic":
        auth = (client["client_id"], client["client_secret"])
    else:
        form["client_id"] = client["client_id"]
    reply = server.http.post("/oauth2/token", data=form, auth=auth)
    assert reply.status_code == 200, reply.text
    return reply.json()


# MARK: what comes back


def test_a_public_client_registers_and_signs_somebody_in(site: Server):
    reply = register(site)
    assert reply.status_code == 201, reply.text
    assert "no-store" in reply.headers["cache-control"]
    client = reply.json()
    assert METADATA.items() <= client.items()
    assert client["response_types"] == ["code"]
    assert client["client_id_issued_at"] > 1_700_000_000
    assert "client_secret" not in client and "client_secret_expires_at" not in client
    assert len(client["registration_access_token"]) >= 43
    assert client["registration_client_uri"] == f"{site.url}/oauth2/register/{client['client_id']}"
    tokens = sign_in(site, client)
    assert tokens["refresh_token"] and tokens["id_token"]


def test_a_confidential_client_gets_a_secret_that_works(site: Server):
    client = registered(site, token_endpoint_auth_method="client_secret_basic")
    assert len(client["client_secret"]) >= 43
    assert client["client_secret_expires_at"] == 0
    assert sign_in(site, client)["access_token"]
    wrong = site.http.post("/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": "x"},
                           auth=(client["client_id"], "wrong"))
    assert_oauth_error(wrong, 401, "invalid_client")


def test_without_a_method_it_is_the_standards_default(site: Server):
    metadata = {name: value for name, value in METADATA.items() if name != "token_endpoint_auth_method"}
    reply = site.http.post("/oauth2/register", json=metadata)
    assert reply.status_code == 201
    assert reply.json()["token_endpoint_auth_method"] == "client_secret_basic"
    assert reply.json()["client_secret"]


def test_ids_tokens_and_secrets_are_each_others_strangers(site: Server):
    clients = [registered(site, token_endpoint_auth_method="client_secret_post") for _ in range(3)]
    for name in ("client_id", "client_secret", "registration_access_token"):
        assert len({client[name] for client in clients}) == 3


def test_neither_secret_nor_token_is_kept(site: Server):
    client = registered(site, token_endpoint_auth_method="client_secret_basic")
    kept = b"".join(site.database.content().values()) + site.log().encode()
    assert client["client_id"].encode() in kept
    assert client["client_secret"].encode() not in kept
    assert client["registration_access_token"].encode() not in kept


# MARK: what a stranger may say


@pytest.mark.parametrize("member", [
    {"first_party": True}, {"phone_login": True}, {"may_introspect": True}, {"resources": ["https://api.example"]},
    {"protected_resources": ["https://api.example"]}, {"token_exchange": {"audiences": ["api"], "impersonation": True}},
    {"kii": {"app_key": "0123456789abcdef"}}, {"monaca": {"api_key": "0123456789abcdef"}}, {"audience": ["api"]},
    {"test_numbers": [{"phone_number": "+819012345678", "code": "123456", "expires_at": 4102444800}]},
    {"client_secret": "of my own choosing"}, {"client_id": "40017"}, {"require_pkce": False}, {"project_id": "1"},
    {"something_new": True},
], ids=lambda member: next(iter(member)))
def test_what_only_the_operator_gives_is_ignored_and_not_echoed(site: Server, member: dict[str, Any]):
    plain, client = registered(site), registered(site, **member)
    assert set(client) == set(plain)
    for name, value in member.items():
        assert client.get(name) != value


def test_such_a_client_cannot_do_what_it_was_not_given(site: Server):
    client = registered(site, token_endpoint_auth_method="client_secret_basic", first_party=True, may_introspect=True,
                        phone_login=True, grant_types=["authorization_code", "client_credentials"])
    assert client["grant_types"] == ["authorization_code"]
    auth = (client["client_id"], client["client_secret"])
    refused = site.http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth)
    assert_oauth_error(refused, 400, "unauthorized_client")
    token = site.login("40017").tokens()["access_token"]
    reply = site.http.post("/oauth2/introspect", data={"token": token}, auth=auth)
    assert reply.json() == {"active": False}
    texted = site.http.post(f"/oauth2/login/phone/request?response_type=code&client_id={client['client_id']}"
                            "&state=state-4f1d2c", json={"phone_number": fresh_number()})
    assert_refused(texted, 400)
    plain = site.http.get("/oauth2/authorize", params={
        "client_id": client["client_id"], "response_type": "code", "state": "state-4f1d2c"})
    assert (plain.status_code, "location" in plain.headers) == (400, False), "told here, not at a stranger's address"
    assert "code_challenge is missing" in plain.text, "PKCE is never optional"


@pytest.mark.parametrize("uris", [
    [], None, ["http://an-app.example/callback"], ["https://an-app.example/callback#x"], ["javascript:alert(1)"],
    ["an-app:/callback"], ["https://*.an-app.example/"], ["https://user@an-app.example/"], ["/callback"], [7],
    "https://an-app.example/callback", [f"https://an-app.example/{index}" for index in range(11)],
    ["https://an-app.example/callback", "http://an-app.example/callback"],
], ids=str)
def test_an_address_that_nobody_vouches_for_is_refused(site: Server, uris: Any):
    assert_oauth_error(register(site, redirect_uris=uris), 400, "invalid_redirect_uri")


@pytest.mark.parametrize("uris", [
    ["http://127.0.0.1/callback"], ["http://[::1]:4000/callback"], ["http://localhost:4000/callback"],
    ["com.example.app:/callback"], [f"https://an-app.example/{index}" for index in range(10)],
], ids=str)
def test_an_app_of_a_device_or_of_a_site_may_register(site: Server, uris: list[str]):
    assert registered(site, redirect_uris=uris)["redirect_uris"] == uris


@pytest.mark.parametrize("change", [
    {"token_endpoint_auth_method": "client_secret_jwt"}, {"token_endpoint_auth_method": "private_key_jwt"},
    {"jwks": {"keys": []}, "jwks_uri": "https://an-app.example/jwks"}, {"grant_types": ["client_credentials"]},
    {"grant_types": ["implicit"], "response_types": ["token"]}, {"response_types": ["token"]},
    {"scope": "admin"}, {"scope": 7}, {"client_name": {"en": "App"}}, {"logo_uri": "javascript:alert(1)"},
    {"id_token_signed_response_alg": "none"}, {"subject_type": "anonymous"},
], ids=str)
def test_what_cannot_be_is_said(site: Server, change: dict[str, Any]):
    assert_oauth_error(register(site, **change), 400, "invalid_client_metadata")


def test_a_software_statement_is_refused_not_passed_over(site: Server):
    assert_oauth_error(register(site, software_statement="eyJ.e30.x"), 400, "invalid_software_statement")


def test_scope_is_what_is_open_to_strangers(site: Server):
    assert registered(site)["scope"] == "openid profile phone email offline_access"
    client = registered(site, scope="openid reports:read phone")
    assert client["scope"] == "openid phone"
    query = {"client_id": client["client_id"], "response_type": "code", "state": "state-4f1d2c", "scope": "email"}
    refused = site.http.get("/oauth2/authorize", params=query | pkce()[1])
    assert refused.status_code == 400 and "scope exceeds" in refused.text


def test_a_name_cannot_lead_the_eye(site: Server):
    client = registered(site, client_name="An App\u202e\n\u200b\x07 <b>x</b>")
    query = {"client_id": client["client_id"], "response_type": "code", "state": "state-4f1d2c"} | pkce()[1]
    page = site.http.get("/oauth2/authorize", params=query, headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.status_code == 200
    assert "\u202e" not in page.text and "<b>x</b>" not in page.text


# MARK: bodies


@pytest.mark.parametrize("body,kind,status,error", [
    (b"{", "application/json", 400, "invalid_client_metadata"),
    (b"[]", "application/json", 400, "invalid_client_metadata"),
    (b'{"redirect_uris":[],"redirect_uris":["https://x.example/"]}', "application/json", 400,
     "invalid_client_metadata"),
    (b"[" * 10_000, "application/json", 400, "invalid_client_metadata"),
    (json.dumps(METADATA).encode(), "application/x-www-form-urlencoded", 400, "invalid_request"),
    (json.dumps(METADATA).encode(), "text/plain", 400, "invalid_request"),
    (b'{"x":"' + b"a" * 20_000 + b'"}', "application/json", 413, "invalid_request"),
])
def test_what_is_no_registration(site: Server, body: bytes, kind: str, status: int, error: str):
    reply = site.http.post("/oauth2/register", content=body, headers={"Content-Type": kind})
    assert_oauth_error(reply, status, error)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_a_post_registers(site: Server, method: str):
    reply = site.http.request(method, "/oauth2/register", json=METADATA)
    assert reply.status_code == 405
    assert reply.json()["error"] == "method_not_allowed"
    assert reply.headers["allow"] == "POST"


# MARK: who may


def test_where_registration_is_off_there_is_no_such_address(server: Server):
    reply = register(server)
    assert reply.status_code == 404
    assert reply.json()["error"] == "not_found"
    assert server.http.get("/oauth2/register/reg-x").status_code == 404
    metadata = server.http.get("/.well-known/oauth-authorization-server").json()
    assert "registration_endpoint" not in metadata


def test_metadata_names_the_endpoint_where_there_is_one(site: Server):
    for name in ("oauth-authorization-server", "openid-configuration"):
        metadata = site.http.get(f"/.well-known/{name}").json()
        assert metadata["registration_endpoint"] == f"{site.url}/oauth2/register"


@pytest.fixture(scope="module")
def guarded(start_module_server) -> Server:
    digests = [hashlib.sha256(token.encode()).hexdigest() for token in (TOKEN, "another")]
    return start_module_server(**open_to_all(
        DENWA_REGISTRATION_MODE="token", DENWA_REGISTRATION_INITIAL_ACCESS_TOKENS=",".join(digests)))


@pytest.mark.parametrize("token", [None, "wrong", TOKEN.upper(), TOKEN + "x",
                                   hashlib.sha256(TOKEN.encode()).hexdigest()])
def test_a_wrong_initial_access_token_registers_nothing(guarded: Server, token: str | None):
    reply = register(guarded, token=token)
    assert_oauth_error(reply, 401, "invalid_token")
    assert reply.headers["www-authenticate"].startswith("Bearer")


def test_each_initial_access_token_registers(guarded: Server):
    assert register(guarded, token=TOKEN).status_code == 201
    assert register(guarded, token="another").status_code == 201
    assert register(guarded, token="wrong").status_code == 401
    events = [json.loads(line)["event"] for line in guarded.developer_log()]
    assert events.count("client.registered") == 2 and "client.registration_refused" in events


def test_a_token_is_not_taken_from_the_query(guarded: Server):
    reply = guarded.http.post(f"/oauth2/register?access_token={TOKEN}", json=METADATA)
    assert_oauth_error(reply, 401, "invalid_token")


@pytest.mark.parametrize("variables", [
    {"DENWA_REGISTRATION_MODE": "token"},
    {"DENWA_REGISTRATION_MODE": "everybody"},
    {"DENWA_REGISTRATION_MODE": "token", "DENWA_REGISTRATION_INITIAL_ACCESS_TOKENS": "not-a-digest"},
    {"DENWA_REGISTRATION_SCOPE": "a\tb"},
], ids=str)
def test_a_setting_that_cannot_be_meant_is_told_at_the_start(start_server: StartServer, variables: dict[str, str]):
    server = start_server(started_=False, **variables)
    done = server.command("config", "check")
    assert done.returncode != 0
    assert "registration." in done.stdout + done.stderr or "REGISTRATION" in done.stdout + done.stderr


# MARK: how many


def test_one_address_registers_so_many(start_server: StartServer):
    server = start_server(DENWA_REGISTRATION_MODE="open", DENWA_LIMITS_REGISTER_CLIENT_PER_IP="3/86400")
    statuses = [reply.status_code for reply in at_once(8, lambda _: register(server))]
    assert sorted(statuses) == [201] * 3 + [429] * 5
    refused = register(server)
    assert_oauth_error(refused, 429, "temporarily_unavailable")
    assert 0 < int(refused.headers["retry-after"]) <= 86400
    assert refused.headers["ratelimit-policy"].startswith('"registerClientPerIP";q=3;w=86400')
    assert_oauth_error(register(server, redirect_uris=[]), 400, "invalid_redirect_uri")


def test_there_are_so_many_in_all(start_server: StartServer):
    server = start_server(**open_to_all(DENWA_REGISTRATION_MAX_CLIENTS="2"))
    replies = at_once(8, lambda _: register(server))
    assert sorted(reply.status_code for reply in replies) == [201] * 2 + [503] * 6
    assert_oauth_error(register(server), 503, "temporarily_unavailable")
    client = next(reply.json() for reply in replies if reply.status_code == 201)
    gone = server.http.delete(client["registration_client_uri"],
                              headers={"Authorization": f"Bearer {client['registration_access_token']}"})
    assert gone.status_code == 204
    assert register(server).status_code == 201, "its place is free"


# MARK: over time


def test_a_client_outlives_the_process_and_the_mode(start_server: StartServer):
    server = start_server(**open_to_all())
    client = registered(server)
    server.end()
    server.environment["DENWA_REGISTRATION_MODE"] = "off"
    server.start()
    assert register(server).status_code == 404
    assert sign_in(server, client)["access_token"], "who relies on it is not locked out"


def test_the_operator_lists_shows_and_deletes(start_server: StartServer):
    server = start_server(**open_to_all())
    client = registered(server)
    listed = server.command("clients", "list")
    assert re.search(rf"^{client['client_id']} .*registered itself", listed.stdout, re.M)
    shown = json.loads(server.command("clients", "show", client["client_id"]).stdout)
    assert shown["redirect_uris"] == METADATA["redirect_uris"] and "registration_access_token" not in shown
    tokens = sign_in(server, client)
    assert server.is_active(tokens["access_token"])
    assert server.command("clients", "delete", client["client_id"]).returncode != 0, "asks first"
    assert server.command("clients", "delete", client["client_id"], "--yes").returncode == 0
    assert not server.is_active(tokens["access_token"])
    assert server.command("clients", "show", client["client_id"]).returncode != 0
