"""A node that is asked to end, behind a load balancer: it says so first, finishes what it has begun, and hands over its
texts. Nobody notices.

On SIGTERM `/health/ready` answers 503 at once, while other requests are served for `http.drainSeconds`; then nobody new
is let in, and what is under way has ten seconds.
"""

from __future__ import annotations

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Iterator

import httpx
import pytest

from cluster import Cluster, HealthChecks
from conftest import StartCluster
from harness import assert_refused, eventually, machine_client, phone_client
from listening import Stream
from load import Load
from providers.scripted import accept
from test_magic_links import APP, begin

DRAIN_SECONDS = 2

#: What requests that are under way may take in the end.
LAST_SECONDS = 10


@pytest.fixture(scope="module")
def whole(start_cluster: StartCluster) -> Cluster:
    clients = [
        phone_client("40017"), phone_client("linked", link_uris=[APP]),
        machine_client("resource-server", may_introspect=True),
    ]
    return start_cluster(2, clients=clients, DENWA_HTTP_DRAIN_SECONDS=str(DRAIN_SECONDS))


@pytest.fixture
def cluster(whole: Cluster) -> Iterator[Cluster]:
    """With all its nodes, and a provider that takes no time."""
    whole.provider.behave(accept())
    yield whole
    whole.revive()


def ready(cluster: Cluster) -> httpx.Response:
    return cluster.second.http.get("/health/ready")


def is_listening(cluster: Cluster) -> bool:
    with suppress(httpx.TransportError):
        httpx.get(f"{cluster.second.url}/health/live", trust_env=False, timeout=5)
        return True
    return False


def test_readiness_ends_first_and_then_the_listener(cluster: Cluster):
    asked = time.monotonic()
    cluster.second.running().send_signal(signal.SIGTERM)
    reply = eventually("it is not ready", lambda: (found := ready(cluster)).status_code == 503 and found, timeout=0.5)
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert cluster.second.login("40017").tokens()["access_token"], "while it drains it serves"
    assert cluster.first.http.get("/health/ready").status_code == 200
    eventually("nobody new is let in", lambda: not is_listening(cluster), timeout=DRAIN_SECONDS + 3)
    assert time.monotonic() - asked > DRAIN_SECONDS - 0.1
    assert cluster.second.exit_status(LAST_SECONDS) == 0


def test_nobody_behind_a_load_balancer_notices_and_each_text_leaves_once(cluster: Cluster):
    """Texts take a while at the provider, so that many are on their way when the node ends."""
    cluster.provider.behave(accept(after=0.3))
    with HealthChecks(cluster) as checks, Load(cluster) as load:
        load.go_on(10)
        for node in cluster.nodes:
            asked = time.monotonic()
            node.running().send_signal(signal.SIGTERM)
            assert node.exit_status(DRAIN_SECONDS + LAST_SECONDS) == 0
            assert checks.left[node.name] - asked < 1
            assert not load.serves(node, since=asked + DRAIN_SECONDS + 1)
            ended, promised = time.monotonic(), list(load.answered.operations)
            eventually(
                "the other node sends what was queued", lambda: all(map(cluster.provider.of, promised)), timeout=5)
            assert time.monotonic() - ended < 5
            load.go_on(5)
            node.start()
            load.go_on(5)
    load.check()
    assert load.missed == []
    cluster.settle()
    assert {len(cluster.provider.of(number)) for number in load.answered.operations} == {1}


def test_who_waits_for_an_answer_gets_one(cluster: Cluster):
    """A poll may wait for 20 seconds, and the node has not that long."""
    linked = begin(cluster.second)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(linked.poll, cluster.second.connect())
        time.sleep(0.3)
        cluster.second.running().send_signal(signal.SIGTERM)
        answered = waiting.result(timeout=DRAIN_SECONDS + LAST_SECONDS)
    assert_refused(answered, 408, "002-059")
    assert cluster.second.exit_status(LAST_SECONDS) == 0


def test_a_stream_that_never_ends_keeps_no_node_from_ending(cluster: Cluster):
    secret = cluster.second.client("resource-server")["client_secret"]
    stream = Stream(f"{cluster.second.url}/oauth2/revocations", ("resource-server", secret))
    try:
        stream.wait(1)
        cluster.second.running().send_signal(signal.SIGTERM)
        assert cluster.second.exit_status(DRAIN_SECONDS + LAST_SECONDS) == 0
        eventually("the stream has ended", lambda: stream.is_over)
    finally:
        stream.close()


def test_a_request_that_never_ends_keeps_no_node_from_ending(cluster: Cluster):
    with socket.create_connection(("127.0.0.1", cluster.second.port)) as connection:
        connection.sendall(b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngrant_type=")
        cluster.second.running().send_signal(signal.SIGTERM)
        assert cluster.second.exit_status(DRAIN_SECONDS + LAST_SECONDS + 2) == 0
