"""Everybody wants the same row: one number, one client, one address. Locks collide, and nobody is told."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Callable

import httpx
import pytest

from cluster import Cluster, Node
from conftest import StartCluster
from harness import PhoneLogin, at_once, eventually, fresh_number, machine_client, phone_client, wrong_codes
from load import subject_of
from postgresql import PostgreSQLServer

CLIENT = "app"

#: How long each crowd pushes.
SECONDS = 3.0

#: Every limit is counted, and none is ever reached.
COUNTED = {
    f"DENWA_LIMITS_{name}": "1000000/3600" for name in
    ["SEND_PER_IP", "SEND_PER_NUMBER", "SEND_PER_CLIENT", "CONFIRM_PER_IP", "TOKEN_PER_CLIENT", "SEND_PER_RANGE",
     "SEND_PER_COUNTRY"]
} | {"DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR": "100000", "DENWA_GUARD_MODE": "dryRun"}


@pytest.fixture(scope="module")
def cluster(start_cluster: StartCluster) -> Cluster:
    return start_cluster(3, clients=[
        phone_client(CLIENT), phone_client("other"), machine_client("machine"),
        machine_client("resource-server", may_introspect=True),
    ], **COUNTED)


def crowd(cluster: Cluster, acts: dict[Callable[[Node, int], httpx.Response], int]) -> Counter[int]:
    """So many do each of these at all nodes, again and again. Answers how often which status came."""
    counted: Counter[int] = Counter()
    until = time.monotonic() + SECONDS
    turns = itertools.count()

    def push(act: Callable[[Node, int], httpx.Response]) -> None:
        while time.monotonic() < until:
            turn = next(turns)
            reply = act(cluster.at(turn), turn)
            counted[reply.status_code] += 1
            assert reply.status_code < 500, f"{act.__name__}: {reply.status_code} {reply.text}"

    with ThreadPoolExecutor(sum(acts.values())) as pool:
        for done in [pool.submit(push, act) for act, count in acts.items() for _ in range(count)]:
            done.result()
    return counted


def test_one_number_that_many_start_guess_and_confirm_gives_no_error(cluster: Cluster):
    number = fresh_number()
    begun: list[PhoneLogin] = [cluster.first.login(CLIENT, number)]
    assert begun[0].request().status_code == 200
    codes = wrong_codes(500, right=begun[0].texted_code())

    def start(node: Node, turn: int) -> httpx.Response:
        login = node.login(CLIENT if turn % 2 else "other", number)
        reply = login.request()
        if reply.status_code == 200:
            begun.append(login)
        return reply

    def guess(node: Node, turn: int) -> httpx.Response:
        latest = begun[-1]
        return PhoneLogin(node, latest.client_id, number, operation_id=latest.operation_id).confirm(codes[turn % 499])

    def confirm(node: Node, turn: int) -> httpx.Response:
        latest = begun[-1]
        return PhoneLogin(node, latest.client_id, number, operation_id=latest.operation_id,
                          texts_before=latest.texts_before).confirm()

    counted = crowd(cluster, {start: 6, guess: 6, confirm: 6})
    assert counted[200] > 0 and counted[401] > 0, counted


def test_one_person_at_many_devices_gives_no_error(cluster: Cluster):
    """One account, with refreshes of all its logins and new ones at once; then all devices sign out everywhere."""
    login = cluster.first.login(CLIENT, scope="offline")
    devices = [replace(login).tokens() for _ in range(12)]
    subjects = set(map(subject_of, devices))

    def refresh(node: Node, turn: int) -> httpx.Response:
        reply = node.refresh(CLIENT, devices[turn % 12]["refresh_token"])
        devices[turn % 12] = reply.json()
        return reply

    def log_in(node: Node, turn: int) -> httpx.Response:
        reply = replace(login, server=node).token()
        subjects.add(subject_of(reply.json()))
        return reply

    counted = crowd(cluster, {refresh: 8, log_in: 1})
    assert set(counted) == {200} and len(subjects) == 1
    bearers = [{"Authorization": f"Bearer {tokens['access_token']}"} for tokens in devices]
    replies = at_once(
        12, lambda index: cluster.at(index).http.post("/oauth2/logout?sessions=all", headers=bearers[index]))
    assert 204 in {reply.status_code for reply in replies} <= {204, 401}
    for index, tokens in enumerate(devices):
        assert cluster.at(index).refresh(CLIENT, tokens["refresh_token"]).status_code == 400


def test_a_crowd_at_one_number_takes_no_connection_from_others(cluster: Cluster):
    """More than a node has connections, all for one row."""
    number, others = fresh_number(), []

    def start(node: Node, turn: int) -> httpx.Response:
        return node.login(CLIENT, number).request()

    def ask_for_another(node: Node, turn: int) -> httpx.Response:
        others.append(node.login(CLIENT).request())
        return others[-1]

    crowd(cluster, {start: 90, ask_for_another: 3})
    assert {reply.status_code for reply in others} == {200}


def test_one_client_that_asks_everywhere_gives_no_error(cluster: Cluster):
    """Its limit is one row."""
    def ask(node: Node, turn: int) -> httpx.Response:
        return node.client_credentials("machine")

    def look(node: Node, turn: int) -> httpx.Response:
        return node.introspect("no token at all")

    counted = crowd(cluster, {ask: 10, look: 6})
    assert set(counted) == {200}


def test_a_table_that_is_locked_for_a_while_delays_and_refuses_nobody(
    cluster: Cluster, postgresql: PostgreSQLServer
):
    """As when somebody adds a column by hand. `database.lockTimeoutSeconds` is five."""
    logins = [cluster.at(index).login(CLIENT) for index in range(8)]
    lock = threading.Thread(target=lambda: postgresql.query(
        "BEGIN; LOCK TABLE phone_operation IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT", cluster.database))
    lock.start()
    is_locked = "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'phone_operation'::regclass"
    eventually("it is locked", lambda: postgresql.query(is_locked, cluster.database))
    began = time.monotonic()
    with ThreadPoolExecutor(len(logins)) as pool:
        replies = list(pool.map(PhoneLogin.request, logins))
    lock.join()
    assert [reply.status_code for reply in replies] == [200] * len(logins)
    assert time.monotonic() - began > 0.5, "or nothing was locked"
