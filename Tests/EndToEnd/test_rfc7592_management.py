"""What a client does with its own registration: read, replace, delete (RFC 7592)."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from harness import Server, StartServer, assert_oauth_error, at_once, eventually, pkce
from test_rfc7591_registration import METADATA, open_to_all, registered, sign_in

pytestmark = pytest.mark.nodes


@pytest.fixture(scope="module")
def site(start_module_server) -> Server:
    return start_module_server(**open_to_all())


def call(server: Server, method: str, client: dict[str, Any], token: str | None = None, **more: Any) -> httpx.Response:
    token = client["registration_access_token"] if token is None else token
    return server.http.request(
        method, f"/oauth2/register/{client['client_id']}", headers={"Authorization": f"Bearer {token}"}, **more)


def replace(server: Server, client: dict[str, Any], **changes: Any) -> httpx.Response:
    body = METADATA | {"client_id": client["client_id"]} | changes
    reply = call(server, "PUT", client, json={name: value for name, value in body.items() if value is not ...})
    if reply.status_code == 200:
        server.spread()
    return reply


def test_a_registration_is_read_as_it_is(site: Server):
    client = registered(site, token_endpoint_auth_method="client_secret_basic", contacts=["me@an-app.example"])
    reply = call(site, "GET", client)
    assert reply.status_code == 200
    assert "no-store" in reply.headers["cache-control"]
    # The secret is kept as a digest: it is told once.
    assert reply.json() == {name: value for name, value in client.items() if name != "client_secret"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("whose", ["nobody's", "another's", "its secret", "of nobody"])
def test_only_its_own_token_opens_a_registration(site: Server, method: str, whose: str):
    client = registered(site, token_endpoint_auth_method="client_secret_basic")
    token = {
        "nobody's": "wrong", "another's": registered(site)["registration_access_token"],
        "its secret": client["client_secret"], "of nobody": client["registration_access_token"],
    }[whose]
    asked = client | {"client_id": "reg-nobody"} if whose == "of nobody" else client
    reply = call(site, method, asked, token=token, json=METADATA | {"client_id": asked["client_id"]})
    assert_oauth_error(reply, 401, "invalid_token")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert call(site, "GET", client).status_code == 200


def test_a_client_of_the_file_has_no_such_address(site: Server):
    reply = site.http.get("/oauth2/register/40017", headers={"Authorization": "Bearer x"})
    assert_oauth_error(reply, 401, "invalid_token")


def test_what_is_replaced_counts_at_once(site: Server):
    client = registered(site, client_uri="https://an-app.example/")
    reply = replace(site, client, redirect_uris=["https://moved.example/callback"])
    assert reply.status_code == 200, reply.text
    changed = reply.json()
    assert changed["redirect_uris"] == ["https://moved.example/callback"]
    assert "client_uri" not in changed, "what is not said again is gone"
    assert changed["registration_access_token"] == client["registration_access_token"]
    assert changed["client_id_issued_at"] == client["client_id_issued_at"]
    assert call(site, "GET", client).json() == changed

    query = {"client_id": client["client_id"], "response_type": "code", "state": "state-4f1d2c"} | pkce()[1]
    old = site.http.get("/oauth2/authorize", params=query | {"redirect_uri": client["redirect_uris"][0]})
    assert old.status_code == 400, "nobody is sent to where it was"
    assert sign_in(site, changed)["access_token"]


@pytest.mark.parametrize("changes,error", [
    ({"client_id": ...}, "invalid_client_metadata"),
    ({"client_id": "reg-another"}, "invalid_client_metadata"),
    ({"client_secret": "another"}, "invalid_client_metadata"),
    ({"redirect_uris": ["http://an-app.example/"]}, "invalid_redirect_uri"),
    ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    ({"software_statement": "eyJ.e30.x"}, "invalid_software_statement"),
], ids=str)
def test_a_replacement_that_is_wrong_changes_nothing(site: Server, changes: dict[str, Any], error: str):
    client = registered(site)
    assert_oauth_error(replace(site, client, **changes), 400, error)
    assert call(site, "GET", client).json() == client


def test_a_replacement_gives_no_more_rights_than_a_registration(site: Server):
    client = registered(site)
    changed = replace(site, client, first_party=True, may_introspect=True, scope="openid admin").json()
    assert changed["scope"] == "openid"
    assert not {"first_party", "may_introspect"} & set(changed)


def test_the_secret_stays_while_one_is_needed(site: Server):
    client = registered(site, token_endpoint_auth_method="client_secret_basic")
    kept = replace(site, client, token_endpoint_auth_method="client_secret_post", client_secret=client["client_secret"])
    assert kept.status_code == 200 and "client_secret" not in kept.json()
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client["client_id"]}
    secret = {"client_secret": client["client_secret"]}
    assert_oauth_error(site.http.post("/oauth2/token", data=form | secret), 400, "invalid_grant")

    public = replace(site, client, token_endpoint_auth_method="none").json()
    assert "client_secret_expires_at" not in public
    assert_oauth_error(site.http.post("/oauth2/token", data=form | secret), 401, "invalid_client")

    again = replace(site, client, token_endpoint_auth_method="client_secret_post").json()
    assert again["client_secret"] and again["client_secret"] != client["client_secret"]
    assert_oauth_error(site.http.post("/oauth2/token", data=form | secret), 401, "invalid_client")
    new = {"client_secret": again["client_secret"]}
    assert_oauth_error(site.http.post("/oauth2/token", data=form | new), 400, "invalid_grant")


def test_who_deletes_itself_is_gone_with_all_it_was_granted(site: Server):
    client = registered(site)
    tokens = sign_in(site, client)
    assert site.is_active(tokens["access_token"])
    assert call(site, "DELETE", client).status_code == 204
    site.spread()

    assert not site.is_active(tokens["access_token"])
    userinfo = site.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert userinfo.status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client["client_id"]}
    assert_oauth_error(site.http.post("/oauth2/token", data=form), 401, "invalid_client")
    query = {"client_id": client["client_id"], "response_type": "code", "state": "state-4f1d2c"} | pkce()[1]
    assert site.http.get("/oauth2/authorize", params=query).status_code == 400
    for method in ("GET", "DELETE"):
        assert_oauth_error(call(site, method, client), 401, "invalid_token")


def test_of_deletions_that_race_one_is_told_so(site: Server):
    client = registered(site)
    statuses = [reply.status_code for reply in at_once(8, lambda _: call(site, "DELETE", client))]
    assert sorted(statuses) == [204] + [401] * 7


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_nothing_else_can_be_done_to_a_registration(site: Server, method: str):
    reply = call(site, method, registered(site), json=METADATA)
    assert reply.status_code == 405
    assert reply.json()["error"] == "method_not_allowed"


def test_another_node_sees_changes_within_a_second(start_server: StartServer):
    """Two processes at one database."""
    one = start_server(**open_to_all())
    client = registered(one)
    query = {"client_id": client["client_id"], "response_type": "code", "state": "state-4f1d2c"} | pkce()[1]
    with one.another() as two:

        def status() -> int:
            return two.http.get("/oauth2/authorize", params=query).status_code

        assert status() != 400, "a new client is known at once"
        assert call(one, "DELETE", client).status_code == 204
        deleted = time.monotonic()
        eventually("the other node has forgotten it", lambda: status() == 400, timeout=3)
        assert time.monotonic() - deleted < 1.5
