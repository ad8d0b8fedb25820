"""Two processes on one database: what is single-use is so for both, what ended has ended for both, and a restart
forgets nothing. The lines of attacks 29 and 31 to 35 that one process alone cannot show."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlencode

import httpx
import pytest

from harness import (
    Server, StartServer, assert_oauth_error, at_once, confidential_client, eventually, fresh_number, machine_client,
    phone_client, secret_of,
)
from person import Person, assert_shown, people
from proofs import SigningKey, asserting, assertion, dpop, proof

pytestmark = pytest.mark.nodes

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

#: The proofs and assertions of this file's clients.
KEY = SigningKey.generate()


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app"),
        phone_client("tv", grant_types=["refresh_token", DEVICE_CODE]),
        confidential_client("web"),
        confidential_client("signs", jwks=KEY.jwks),
        phone_client("asserts", jwks=KEY.jwks, token_endpoint_auth_method="private_key_jwt"),
        machine_client("machine"),
        machine_client("resource-server", may_introspect=True),
    ]


@dataclass
class Nodes:
    first: Server
    second: Server

    @property
    def issuer(self) -> str:
        return self.first.url

    def each(self) -> list[Server]:
        return [self.first, self.second]

    def at(self, index: int) -> Server:
        return self.each()[index % 2]


@pytest.fixture(scope="module")
def nodes(start_module_server: StartServer) -> Iterator[Nodes]:
    environment = {"DENWA_DPOP_REQUIRE_NONCE": "false", "DENWA_LIMITS_AUTHORIZE_PER_SESSION": "0"}
    first = start_module_server(clients=clients(), **environment)
    with first.another() as second:
        yield Nodes(first, second)


@pytest.fixture
def make_person(nodes: Nodes) -> Iterator[Callable[[], Person]]:
    with people() as make:
        yield lambda: make(nodes.first)


def redeem(node: Server, client: str, code: str, **more: str) -> httpx.Response:
    return node.token(client, {"grant_type": "authorization_code", "code": code} | more)


def prove(node: Server, headers: dict[str, str]) -> httpx.Response:
    return node.http.post("/oauth2/token", data={"grant_type": "client_credentials"}, headers=headers,
                          auth=("machine", secret_of("machine")))


# MARK: starting


def test_nodes_that_start_at_once_on_nothing_agree_about_keys_and_tables(tmp_path: Path):
    server = Server(tmp_path / "server", clients=clients(), node_count=4)
    try:
        server.start(from_nothing=True)
        published = [httpx.get(f"{node.url}/.well-known/jwks.json", trust_env=False).json() for node in server.nodes]
        assert published[0]["keys"] and published == published[:1] * 4
        assert {path.stem for path in server.keys.glob("*.pem")} == {key["kid"] for key in published[0]["keys"]}
        # Each step is at another node, so they agree about what is sealed, too.
        for _ in range(4):
            made = server.login("app", scope="offline").tokens()
            assert server.is_active(made["access_token"])
            assert server.refresh("app", made["refresh_token"]).status_code == 200
    finally:
        server.dispose()


# MARK: 29. A pushed or signed request used again


def pushed(nodes: Nodes) -> str:
    form = {"response_type": "code", "redirect_uri": "https://web.example/callback", "state": "state-4f1d2c",
            "scope": "openid", "client_id": "web"}
    reply = nodes.first._form("/oauth2/par", "web", form, None)
    assert reply.status_code == 201, reply.text
    return reply.json()["request_uri"]


def test_a_request_that_was_pushed_to_one_node_is_known_to_the_other_and_used_once(nodes: Nodes, make_person):
    query = urlencode({"client_id": "web", "request_uri": pushed(nodes)})
    browsers = [make_person().browser for _ in range(10)]
    replies = at_once(
        10, lambda index: browsers[index].get(f"{nodes.at(index).url}/oauth2/authorize?{query}"))
    assert sorted(reply.status_code for reply in replies) == [303] + [400] * 9


def test_a_request_begun_at_one_node_is_finished_at_the_other(nodes: Nodes, make_person):
    person = make_person()
    query = urlencode({"client_id": "web", "request_uri": pushed(nodes)})
    begun = person.browser.get(f"{nodes.second.url}/oauth2/authorize?{query}")
    assert begun.status_code == 303
    rest = begun.headers["location"].split("/oauth2/authorize?")[1]
    page = person.sign_in(f"{nodes.first.url}/oauth2/authorize?{rest}", fresh_number())
    more = {"redirect_uri": "https://web.example/callback"}
    assert redeem(nodes.second, "web", page.parameters["code"], **more).status_code == 200
    for node in nodes.each():
        assert_shown(person.visit(f"{node.url}/oauth2/authorize?{query}"))


# MARK: 31. One code, many redemptions


def test_a_code_redeemed_fifty_times_at_once_at_two_nodes_succeeds_once(nodes: Nodes):
    code = nodes.first.login("app", scope="offline").authorization_code()
    replies = at_once(50, lambda index: redeem(nodes.at(index), "app", code))
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 49
    made = next(reply.json() for reply in replies if reply.status_code == 200)
    for node in nodes.each():
        eventually("the replay killed what the code made", lambda: not node.is_active(made["access_token"]), timeout=1)
        assert_oauth_error(node.refresh("app", made["refresh_token"]), 400, "invalid_grant")


def test_a_bound_code_redeemed_by_many_keys_at_once_succeeds_at_most_once(nodes: Nodes):
    keys = [SigningKey.generate() for _ in range(10)]
    code = nodes.first.login("app").authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    replies = at_once(10, lambda index: nodes.at(index).token(
        "app", form, headers=dpop(keys[index], "POST", f"{nodes.issuer}/oauth2/token")))
    assert [reply.status_code for reply in replies].count(200) == 1


def test_a_device_code_redeemed_at_two_nodes_at_once_succeeds_once(nodes: Nodes, make_person):
    begun = nodes.first.http.post("/oauth2/device_authorization", data={"client_id": "tv", "scope": "openid"}).json()
    make_person().allow_device(begun["verification_uri_complete"], fresh_number())
    form = {"grant_type": DEVICE_CODE, "device_code": begun["device_code"]}
    replies = at_once(20, lambda index: nodes.at(index).token("tv", form))
    assert [reply.status_code for reply in replies].count(200) == 1


# MARK: 32. One refresh token, many refreshes


@pytest.mark.parametrize("with_key", [False, True], ids=["a bearer token", "a bound token"])
def test_fifty_refreshes_at_two_nodes_have_one_successor(nodes: Nodes, with_key: bool):
    def headers() -> dict[str, str]:
        return dpop(KEY, "POST", f"{nodes.issuer}/oauth2/token") if with_key else {}

    code = nodes.first.login("app", scope="offline").authorization_code()
    made = nodes.second.token("app", {"grant_type": "authorization_code", "code": code}, headers=headers()).json()
    form = {"grant_type": "refresh_token", "refresh_token": made["refresh_token"]}
    replies = at_once(50, lambda index: nodes.at(index).token("app", form, headers=headers()))
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["refresh_token"] for reply in replies}) == 1


# MARK: 33. No refresh after an account was disabled


def test_what_another_process_disables_is_refreshed_and_shown_nowhere(nodes: Nodes):
    number = fresh_number()
    code = nodes.first.login("app", number, scope="openid offline").authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    made = nodes.first.token("app", form, headers=dpop(KEY, "POST", f"{nodes.issuer}/oauth2/token")).json()
    done = nodes.first.command("users", "disable", number)
    assert done.returncode == 0, done.stdout + done.stderr
    for node in nodes.each():
        eventually("it is seen", lambda: not node.is_active(made["access_token"]), timeout=1)
        refused = node.token("app", {"grant_type": "refresh_token", "refresh_token": made["refresh_token"]},
                             headers=dpop(KEY, "POST", f"{nodes.issuer}/oauth2/token"))
        assert_oauth_error(refused, 400, "invalid_grant")
        shown = node.http.get(
            "/oauth2/userinfo", headers=dpop(KEY, "GET", f"{nodes.issuer}/oauth2/userinfo", made["access_token"]))
        assert shown.status_code == 401


# MARK: 34. A JWT that was heard once is not heard again


def test_a_proof_is_heard_by_one_node(nodes: Nodes):
    headers = dpop(KEY, "POST", f"{nodes.issuer}/oauth2/token")
    assert prove(nodes.first, headers).status_code == 200
    for node in nodes.each():
        assert_oauth_error(prove(node, headers), 400, "invalid_dpop_proof")


def test_a_proof_sent_to_both_at_once_is_heard_once(nodes: Nodes):
    headers = dpop(KEY, "POST", f"{nodes.issuer}/oauth2/token")
    replies = at_once(20, lambda index: prove(nodes.at(index), headers))
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 19


def test_an_assertion_is_heard_by_one_node(nodes: Nodes):
    form = {"grant_type": "refresh_token", "refresh_token": "x"} | asserting(assertion(KEY, "asserts", nodes.issuer))
    replies = at_once(20, lambda index: nodes.at(index).http.post("/oauth2/token", data=form))
    assert sorted(reply.status_code for reply in replies) == [400] + [401] * 19
    assert {reply.json()["error"] for reply in replies} == {"invalid_grant", "invalid_client"}


def test_a_nonce_of_one_node_is_good_at_the_other(start_server: StartServer):
    first = start_server(clients=clients(), DENWA_DPOP_REQUIRE_NONCE="true")
    with first.another() as second:
        url = f"{first.url}/oauth2/token"
        refused = prove(first, dpop(KEY, "POST", url))
        assert_oauth_error(refused, 400, "use_dpop_nonce")
        assert prove(second, dpop(KEY, "POST", url, nonce=refused.headers["dpop-nonce"])).status_code == 200


def test_a_restart_forgets_no_proof_and_no_assertion(start_server: StartServer):
    server = start_server(clients=clients())
    url = f"{server.url}/oauth2/token"
    # As far ahead as a proof may be: it is good for longest.
    headers = {"DPoP": proof(KEY, "POST", url, iat=int(time.time()) + 240)}
    form = {"grant_type": "refresh_token", "refresh_token": "x"} | asserting(assertion(
        KEY, "asserts", server.url, exp=int(time.time()) + 3_000))
    assert prove(server, headers).status_code == 200
    assert_oauth_error(server.http.post("/oauth2/token", data=form), 400, "invalid_grant")
    server.end()
    server.start()
    assert_oauth_error(prove(server, headers), 400, "invalid_dpop_proof")
    assert_oauth_error(server.http.post("/oauth2/token", data=form), 401, "invalid_client")
    assert prove(server, dpop(KEY, "POST", url)).status_code == 200, "and new ones are heard"


# MARK: 35. What was revoked


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("which", [0, 1], ids=["at the first", "at the second"])
def test_a_revocation_is_seen_at_once_and_within_a_second_at_the_other(nodes: Nodes, which: int, kind: str):
    here, there = nodes.at(which), nodes.at(which + 1)
    code = nodes.first.login("app", scope="offline").authorization_code()
    made = redeem(there, "app", code).json()
    for node in nodes.each():
        assert node.is_active(made["access_token"])
    assert here.revoke(made[kind], by="app").status_code == 200
    assert not here.is_active(made["access_token"])
    eventually("the other node knows", lambda: not there.is_active(made["access_token"]), timeout=1)


def test_a_replay_at_one_node_ends_the_family_at_the_other(start_server: StartServer):
    first = start_server(clients=clients(), DENWA_TOKENS_REFRESH_GRACE_SECONDS="0")
    with first.another() as second:
        made = redeem(first, "app", first.login("app", scope="offline").authorization_code()).json()
        renewed = second.refresh("app", made["refresh_token"]).json()
        assert_oauth_error(first.refresh("app", made["refresh_token"]), 400, "invalid_grant")
        eventually("the family is dead", lambda: not second.is_active(renewed["access_token"]), timeout=1)
        assert_oauth_error(second.refresh("app", renewed["refresh_token"]), 400, "invalid_grant")
