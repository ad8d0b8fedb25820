"""What one node was told, the others know: within a second without being told, and what is in files on their SIGHUP."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Callable, Iterator

import jwt
import pytest

from cluster import Cluster, Node
from conftest import StartCluster
from harness import assert_refused, eventually, machine_client, phone_client
from listening import Stream, streams
from test_magic_links import APP, LinkedLogin, begin
from test_rfc7591_registration import METADATA, registered
from test_rfc7591_registration import sign_in as sign_in_at_pages

CLIENT = "app"

#: How soon every node knows.
SOON = 1.0


@pytest.fixture(scope="module")
def cluster(start_cluster: StartCluster) -> Cluster:
    return start_cluster(2, clients=[
        phone_client(CLIENT),
        phone_client("linked", link_uris=[APP]),
        machine_client("resource-server", may_introspect=True),
    ], DENWA_REGISTRATION_MODE="open", DENWA_LIMITS_REGISTER_CLIENT_PER_IP="0")


@pytest.fixture(params=[0, 1], ids=["at the first", "at the second"])
def here_and_there(request: pytest.FixtureRequest, cluster: Cluster) -> tuple[Node, Node]:
    return cluster.at(request.param), cluster.at(request.param + 1)


def tokens(node: Node) -> dict[str, Any]:
    return node.login(CLIENT, scope="offline").tokens()


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


# MARK: revocation


@pytest.fixture
def listen(cluster: Cluster) -> Iterator[Callable[[Node], Stream]]:
    """An open stream of revocations at each node."""
    with streams(cluster.first) as first, streams(cluster.second) as second:
        yield lambda node: (first if node is cluster.first else second)()


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revocation_is_seen_everywhere_within_a_second(here_and_there: tuple[Node, Node], listen, kind: str):
    here, there = here_and_there
    made = tokens(there)
    heard = [listen(node) for node in here_and_there]
    for stream in heard:
        stream.wait(1)
    assert here.is_active(made["access_token"]) and there.is_active(made["access_token"])
    assert here.revoke(made[kind], by=CLIENT).status_code == 200
    claims = claims_of(made["access_token"])
    named = {"jti": claims["jti"]} if kind == "access_token" else {"gid": claims["gid"]}
    for stream in heard:
        stream.wait_for(named, timeout=SOON)
    assert not here.is_active(made["access_token"]), "at once"
    eventually("the other node knows", lambda: not there.is_active(made["access_token"]), timeout=SOON)


def test_streams_miss_no_revocation_made_at_two_nodes_at_once(cluster: Cluster, listen):
    """Positions are given before the commit, and so are not in its order."""
    made = [tokens(cluster.at(index)) for index in range(40)]
    heard = [listen(node) for node in cluster.nodes]
    for stream in heard:
        stream.wait(1)

    def revoke(index: int) -> None:
        assert cluster.at(index).revoke(made[index]["refresh_token"], by=CLIENT).status_code == 200

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(revoke, range(len(made))))
    expected = {claims_of(reply["access_token"])["gid"] for reply in made}
    for stream in heard:
        eventually(
            "every revocation is told",
            lambda: expected <= {event.data.get("gid") for event in list(stream.events)}, timeout=2)
        assert not any(event.name == "reset" for event in stream.events)


def test_who_listened_at_one_node_goes_on_at_the_other(cluster: Cluster):
    with streams(cluster.first) as first, streams(cluster.second) as second:
        stream = first()
        (ready,) = stream.wait(1)
        stream.close()
        made = tokens(cluster.first)
        cluster.first.revoke(made["refresh_token"], by=CLIENT)
        resumed = second(headers={"Last-Event-ID": ready.id})
        resumed.wait_for({"gid": claims_of(made["access_token"])["gid"]}, timeout=SOON)


# MARK: clients that register themselves


def knows(node: Node, client_id: str) -> bool:
    query = {"client_id": client_id, "redirect_uri": METADATA["redirect_uris"][0], "response_type": "code",
             "state": "state-4f1d2c", "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
             "code_challenge_method": "S256"}
    return node.http.get("/oauth2/authorize", params=query).status_code in (200, 302, 303)


def test_a_client_that_registers_at_one_node_is_known_and_forgotten_everywhere(here_and_there: tuple[Node, Node]):
    here, there = here_and_there
    client = registered(here)
    assert knows(here, client["client_id"])
    eventually("the other node knows it", lambda: knows(there, client["client_id"]), timeout=SOON)
    assert sign_in_at_pages(there, client)["access_token"]

    removed = here.http.delete(
        f"/oauth2/register/{client['client_id']}",
        headers={"Authorization": f"Bearer {client['registration_access_token']}"})
    assert removed.status_code == 204
    eventually("the other node forgot it", lambda: not knows(there, client["client_id"]), timeout=SOON)


# MARK: files


def test_each_node_reads_the_clients_when_it_is_told_to(cluster: Cluster):
    before = cluster.clients
    cluster.write_clients([*before, phone_client("newcomer")])
    try:
        for node in cluster.nodes:
            assert_refused(node.login("newcomer").request(), 404, "003-061")
            node.reload()
            eventually("it knows the newcomer", lambda: node.login("newcomer").request().status_code == 200)
        login = cluster.first.login("newcomer", scope="offline")
        made = replace(login, server=cluster.second).tokens()
        assert cluster.first.refresh("newcomer", made["refresh_token"]).status_code == 200
    finally:
        cluster.write_clients(before)
        for node in cluster.nodes:
            node.reload()
    for node in cluster.nodes:
        eventually("it is gone", lambda: node.login("newcomer").request().status_code == 404)


def key_of(node: Node) -> str:
    """The key that this node signs with."""
    return jwt.get_unverified_header(tokens(node)["access_token"])["kid"]


def change_keys(cluster: Cluster, command: str) -> None:
    """As docs/keys.md has it: the folder is changed once, and then each node is told."""
    done = cluster.first.command("keys", command)
    assert done.returncode == 0, done.stderr
    for node in cluster.nodes:
        said = node.log().count("keys read again")
        node.reload()
        eventually("it has read them", lambda: node.log().count("keys read again") > said)


def test_keys_are_rotated_node_by_node_and_no_token_is_refused(cluster: Cluster):
    """While one node signs with the new key and the other still with the old one, each accepts both."""
    made = [tokens(node)["access_token"] for node in cluster.nodes]
    stopping, refused = threading.Event(), []

    def keep_asking() -> None:
        while not stopping.is_set():
            for node in cluster.nodes:
                made.append(tokens(node)["access_token"])
            refused.extend(token for token in made for node in cluster.nodes if not node.is_active(token))

    old = key_of(cluster.first)
    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        change_keys(cluster, "generate")
        change_keys(cluster, "rotate")
        new = [key_of(node) for node in cluster.nodes]
        time.sleep(0.2)
    finally:
        stopping.set()
        asking.join()
    assert new[0] == new[1] != old
    assert len(made) > 4 and refused == []


# MARK: links


def test_a_link_that_is_answered_at_one_node_wakes_who_waits_at_the_other(here_and_there: tuple[Node, Node]):
    here, there = here_and_there
    linked = begin(here)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(linked.poll, here.connect())
        time.sleep(0.3)
        assert not waiting.done()
        approved = time.monotonic()
        assert at(there, linked).decide().status_code == 200
        answered = waiting.result(timeout=30)
    assert answered.status_code == 200, answered.text
    assert time.monotonic() - approved < 2
    assert at(there, linked).login.confirm(answered.json()["code"]).status_code == 200
    assert_refused(linked.poll(), 404, "003-061")


def at(node: Node, linked: LinkedLogin) -> LinkedLogin:
    return replace(linked, login=replace(linked.login, server=node))
