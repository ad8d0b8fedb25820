"""What nodes do in the background they share: each text and each notice is one node's at a time, and whoever dies with
it in hand is replaced by another."""

from __future__ import annotations

import time
from collections import Counter
from typing import Iterator

import pytest

from cluster import LEASE, Cluster
from conftest import StartCluster
from harness import PhoneLogin, at_once, eventually
from listening import Receiver
from person import people
from providers.scripted import accept, hang
from test_backchannel_logout import Browser, app

APPS = [f"app-{index}" for index in range(12)]

#: A notice's time-out and three seconds: docs/logout.md.
NOTICE_LEASE = 8


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def whole(start_cluster: StartCluster, receiver: Receiver) -> Cluster:
    return start_cluster(3, clients=[app(name, receiver) for name in APPS])


@pytest.fixture
def cluster(whole: Cluster, receiver: Receiver) -> Iterator[Cluster]:
    """With all its nodes, whatever a test does to them, and nothing on the receiver."""
    receiver.posts.clear()
    receiver.answers.clear()
    yield whole
    whole.revive()


def begun(cluster: Cluster, count: int) -> list[PhoneLogin]:
    """As many people ask for a text at once, at all nodes."""
    logins = [cluster.at(index).login(APPS[0]) for index in range(count)]
    replies = at_once(count, lambda index: logins[index].request())
    assert {reply.status_code for reply in replies} == {200}
    return logins


def test_each_of_many_texts_leaves_once_whichever_node_takes_it(cluster: Cluster):
    """All nodes look for what is due, every second and at each request."""
    cluster.provider.behave(accept(after=0.1, at_most=0.5))
    logins = begun(cluster, 150)
    eventually("all are there", lambda: all(cluster.provider.of(login.number) for login in logins), timeout=20)
    cluster.settle()
    time.sleep(1.5)                             # in which a node would look again
    assert Counter(len(cluster.provider.of(login.number)) for login in logins) == {1: len(logins)}


def test_texts_that_a_killed_node_had_in_hand_are_sent_by_another(cluster: Cluster):
    """Nobody knows whether the provider heard of them: they wait for the lease, and then leave."""
    cluster.provider.behave(hang())
    logins = begun(cluster, 4)                  # fewer than make the third node pass over the provider
    eventually("the provider was asked", lambda: len(cluster.provider.offered()) >= len(logins))
    killed = time.monotonic()
    for node in (cluster.first, cluster.second):
        node.kill()
    cluster.provider.behave(accept())
    eventually(
        "the third node sends them all", lambda: all(cluster.provider.of(login.number) for login in logins),
        timeout=LEASE + 10, every=0.05)
    assert time.monotonic() - killed < LEASE + 5
    time.sleep(1.5)
    assert Counter(len(cluster.provider.of(login.number)) for login in logins) == {1: len(logins)}


def signed_in(cluster: Cluster, browser: Browser) -> None:
    for name in APPS:
        browser.sign_in(name)


def sign_out_everywhere(cluster: Cluster, browser: Browser) -> None:
    done = cluster.first.command("users", "sign-out", browser.number)
    assert done.returncode == 0, done.stderr


def test_each_app_is_told_of_a_sign_out_once_whichever_node_tells_it(cluster: Cluster, receiver: Receiver):
    with people() as make:
        browser = Browser(cluster.first, make(cluster.first))
        signed_in(cluster, browser)
        sign_out_everywhere(cluster, browser)
    for name in APPS:
        receiver.wait(name)
    time.sleep(1.5)
    assert Counter(to for to, *_ in receiver.posts) == {name: 1 for name in APPS}


def test_a_notice_that_a_killed_node_had_in_hand_is_given_by_another(cluster: Cluster, receiver: Receiver):
    receiver.answers |= {name: [receiver.hang, 204] for name in APPS}
    with people() as make:
        browser = Browser(cluster.first, make(cluster.first))
        signed_in(cluster, browser)
        sign_out_everywhere(cluster, browser)
    eventually("all apps were called", lambda: {to for to, *_ in receiver.posts} == set(APPS))
    for node in (cluster.first, cluster.second):
        node.kill()
    for name in APPS:
        receiver.wait(name, 2, timeout=NOTICE_LEASE + 10)
