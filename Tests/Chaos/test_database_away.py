"""While the database is away: each endpoint says so in its own words and soon, what needs none is served, and a node
neither ends nor leaks what it waited for."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator

import httpx
import pytest

from cluster import DATABASE_WAIT, Cluster, Node
from conftest import StartCluster
from disasters import BACK_WITHIN
from harness import (
    PhoneLogin, assert_oauth_error, assert_refused, at_once, eventually, fresh_number, machine_client, phone_client,
    pkce,
)
from kii import App, User, assert_error, kii_client
from monaca import PASSWORD, Backend, Device, monaca_client
from person import Form, authorize_url, people
from postgresql import PostgreSQLServer
from test_magic_links import APP, LinkedLogin, begin
from test_rfc7591_registration import METADATA
from test_rfc8628_device import DEVICE_CODE, device_client

#: An act waits for the database, and the rest is for a machine that is busy.
SOON = DATABASE_WAIT + 5


@dataclass
class Things:
    """What was made while the database was there."""

    node: Node
    tokens: dict[str, Any]
    login: PhoneLogin
    linked: LinkedLogin
    device_code: str
    kii: User
    monaca: Device
    #: Somebody who sees the page that asks for a number.
    visitor: httpx.Client
    form: Form

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}


def says_oauth(reply: httpx.Response) -> None:
    assert_oauth_error(reply, 503, "server_error", "temporarily_unavailable")


def says_envelope(reply: httpx.Response) -> None:
    assert_refused(reply, 503, "000-001")


def says_kii(reply: httpx.Response) -> None:
    assert_error(reply, 503, "SERVICE_UNAVAILABLE")


def says_page(reply: httpx.Response) -> None:
    assert reply.status_code == 503 and reply.headers["content-type"].startswith("text/html")
    assert "no-store" in reply.headers["cache-control"]


def says_monaca(reply: httpx.Response) -> None:
    """JSON-RPC answers 200."""
    assert reply.status_code == 200 and reply.json()["error"]["code"] == -32603


def says_unready(reply: httpx.Response) -> None:
    assert reply.status_code == 503 and reply.json() == {"status": "unavailable"}


def works(reply: httpx.Response) -> None:
    assert reply.status_code == 200, f"{reply.status_code} {reply.text}"


@dataclass(frozen=True)
class Door:
    name: str
    says: Callable[[httpx.Response], None]
    knock: Callable[[Things], httpx.Response]


DOORS = [
    Door("token, refresh", says_oauth, lambda a: a.node.refresh("app", a.tokens["refresh_token"])),
    Door("token, code", says_oauth, lambda a: a.node.token(
        "app", {"grant_type": "authorization_code", "code": "x" * 43})),
    Door("token, device", says_oauth, lambda a: a.node.token(
        "tv", {"grant_type": DEVICE_CODE, "device_code": a.device_code})),
    Door("introspect", says_oauth, lambda a: a.node.introspect(a.tokens["access_token"])),
    Door("revoke", says_oauth, lambda a: a.node.revoke("x" * 43, by="app")),
    Door("userinfo", says_oauth, lambda a: a.node.http.get("/oauth2/userinfo", headers=a.bearer)),
    Door("device authorization", says_oauth, lambda a: a.node.http.post(
        "/oauth2/device_authorization", data={"client_id": "tv"})),
    Door("pushed request", says_oauth, lambda a: a.node.http.post("/oauth2/par", data={
        "client_id": "app", "response_type": "code", "redirect_uri": "https://app.example/callback"} | pkce()[1])),
    Door("challenge", says_oauth, lambda a: a.node.http.post("/oauth2/challenge", data={
        "client_id": "app", "login_hint": fresh_number()} | pkce()[1])),
    Door("registration", says_oauth, lambda a: a.node.http.post("/oauth2/register", json=METADATA)),
    Door("phone, request", says_envelope, lambda a: a.node.login("app").request()),
    Door("phone, confirm", says_envelope, lambda a: a.login.confirm()),
    Door("link, answer", says_envelope, lambda a: a.linked.decide()),
    Door("link, poll", says_envelope, lambda a: a.linked.poll()),
    Door("the user", says_envelope, lambda a: a.node.http.get("/users/me", headers=a.bearer)),
    Door("logout", says_envelope, lambda a: a.node.http.post("/oauth2/logout?sessions=all", headers=a.bearer)),
    Door("kii, login", says_kii, lambda a: a.kii.app.log_in(a.kii.given["loginName"])),
    Door("kii, user", says_kii, lambda a: a.kii.call("GET")),
    Door("monaca", says_monaca, lambda a: a.monaca.backend.send(
        a.monaca.call("User.getProperties", {"names": ["color"]}))),
    Door("sign-in page", says_page, lambda a: a.visitor.post(
        a.form.action, data=a.form.fields | {"phone_number": fresh_number()}, headers={"Origin": a.form.policy.origin})),
    Door("link page", says_page, lambda a: a.node.http.get(
        "/login/link", params={"operation_id": a.linked.operation_id, "link_token": a.linked.link_token})),
    Door("readiness", says_unready, lambda a: a.node.http.get("/health/ready")),
    Door("liveness", works, lambda a: a.node.http.get("/health/live")),
    Door("keys", works, lambda a: a.node.http.get("/.well-known/jwks.json")),
    Door("metadata", works, lambda a: a.node.http.get("/.well-known/openid-configuration")),
    Door("description", works, lambda a: a.node.http.get("/openapi.json")),
]


@pytest.fixture(scope="module")
def cluster(start_cluster: StartCluster) -> Cluster:
    return start_cluster(2, clients=[
        phone_client("app"),
        phone_client("linked", link_uris=[APP]),
        device_client("tv"),
        kii_client("kii", admin=False),
        monaca_client("backend"),
        machine_client("resource-server", may_introspect=True),
    ], DENWA_REGISTRATION_MODE="open", DENWA_LIMITS_REGISTER_CLIENT_PER_IP="0", DENWA_LIMITS_REGISTER_PER_IP="0")


@contextmanager
def make_things(node: Node) -> Iterator[Things]:
    begun = node.http.post("/oauth2/device_authorization", data={"client_id": "tv", "scope": "openid"}).json()
    with people() as make:
        make(node).allow_device(begun["verification_uri_complete"], fresh_number())
        visitor = make(node)
        form = visitor.visit(authorize_url(node, "app", **pkce()[1])).form("phone_number")
        login = node.login("app")
        assert login.request().status_code == 200
        login.texted_code()
        yield Things(
            node, node.login("app", scope="openid offline").tokens(), login, begin(node), begun["device_code"],
            App(node, "kii").sign_up(), Backend(node).registered(password=PASSWORD), visitor.browser, form)


@dataclass(frozen=True)
class Answer:
    reply: httpx.Response
    seconds: float


@pytest.fixture(scope="module")
def away(cluster: Cluster, postgresql: PostgreSQLServer) -> Iterator[tuple[Things, dict[str, Answer]]]:
    """What everybody says while the database is away. It is back afterwards."""
    with make_things(cluster.second) as things:
        postgresql.kill()
        try:
            def knock(index: int) -> Answer:
                began = time.monotonic()
                return Answer(DOORS[index].knock(things), time.monotonic() - began)

            answers = dict(zip([door.name for door in DOORS], at_once(len(DOORS), knock)))
        finally:
            postgresql.start()
        eventually("it is ready again", cluster.second.is_ready, timeout=BACK_WITHIN)
        yield things, answers


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_each_endpoint_says_in_its_own_words_that_the_database_is_away(away, door: Door):
    reply = away[1][door.name].reply
    door.says(reply)
    if reply.status_code == 503 and door.says is not says_unready:
        assert 1 <= int(reply.headers["retry-after"]) <= 60


def test_nobody_waits_for_long(away):
    assert {name: answer.seconds for name, answer in away[1].items() if answer.seconds > SOON} == {}


def test_what_was_refused_has_changed_nothing(away):
    """The code that nobody could confirm is good, the link is not answered, and the token goes on."""
    things, _ = away
    assert things.node.is_active(things.tokens["access_token"]), "nobody was signed out"
    assert things.node.refresh("app", things.tokens["refresh_token"]).status_code == 200
    assert things.login.confirm().status_code == 200
    assert things.linked.decide(approve=False).status_code == 200, "it was not said yes to"
    assert things.node.token("tv", {"grant_type": DEVICE_CODE, "device_code": things.device_code}).status_code == 200
    assert things.kii.is_in() and things.monaca.is_logged_in()


def test_a_crowd_that_found_it_away_leaves_no_connection_behind(cluster: Cluster, postgresql: PostgreSQLServer):
    """Hundreds wait at once; afterwards the pools are no larger than they may be, and each serves."""
    postgresql.kill()
    try:
        replies = at_once(200, lambda index: cluster.at(index).introspect("no token at all"))
    finally:
        postgresql.start()
    assert {reply.status_code for reply in replies} == {503}
    for node in cluster.nodes:
        eventually("it serves again", lambda: node.introspect("no token at all").status_code == 200, timeout=BACK_WITHIN)
    replies = at_once(200, lambda index: cluster.at(index).introspect("no token at all"))
    assert {reply.status_code for reply in replies} == {200}
    assert postgresql.connections(cluster.database) <= 2 * 16


def test_connections_that_were_cut_while_nobody_asked_are_nobodys_trouble(
    cluster: Cluster, postgresql: PostgreSQLServer
):
    assert postgresql.disconnect_everybody(cluster.database) > 0
    replies = at_once(40, lambda index: cluster.at(index).introspect("no token at all"))
    assert {reply.status_code for reply in replies} == {200}


def test_nothing_that_was_logged_of_it_tells_whom_it_was_about(cluster: Cluster, away):
    things, _ = away
    secrets = [things.login.number, things.tokens["refresh_token"], things.linked.link_token,
               things.kii.given["loginName"], PASSWORD]
    for node in cluster.nodes:
        assert [secret for secret in secrets if secret in node.log()] == []
