"""Three nodes on one database: fifty who ask at once, at any of them, have one winner or share one budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Callable

import httpx
import pytest

from cluster import Cluster, Node
from conftest import StartCluster
from harness import (
    PhoneLogin, assert_oauth_error, assert_refused, at_once, code_of, eventually, fresh_number, machine_client,
    phone_client, wrong_codes,
)
from kii import App, fresh_name, kii_client
from load import subject_of
from person import people
from test_magic_links import APP, LinkedLogin, begin
from test_rfc8628_device import DEVICE_CODE, device_client

WRONG, DEAD, UNKNOWN, TOO_MANY = "003-039", "003-049", "003-061", "002-057"

APPS = [f"app-{index}" for index in range(6)]


@pytest.fixture(scope="module")
def cluster(start_cluster: StartCluster) -> Cluster:
    return start_cluster(3, clients=[
        *(phone_client(name) for name in APPS),
        phone_client("linked", link_uris=[APP]),
        device_client("tv"),
        machine_client("resource-server", may_introspect=True),
        machine_client("machine"),
        kii_client("kii", admin=False),
    ], DENWA_LIMITS_REGISTER_PER_IP="0", DENWA_LIMITS_TOKEN_PER_CLIENT="1000/3600")


@pytest.fixture(scope="module")
def strict(start_cluster: StartCluster) -> Cluster:
    """With limits, each on something that only one test uses."""
    return start_cluster(3, DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30", DENWA_LIMITS_TOKEN_PER_CLIENT="10/3600")


def everywhere(cluster: Cluster, count: int, act: Callable[[Node, int], Any]) -> list[Any]:
    """As many calls at once, in turn at each node."""
    return at_once(count, lambda index: act(cluster.at(index), index))


def statuses(replies: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(reply.status_code for reply in replies))


def login_at(node: Node, login: PhoneLogin) -> PhoneLogin:
    """The same person, whom the load balancer leads to another node."""
    return replace(login, server=node)


@pytest.fixture
def login(cluster: Cluster) -> PhoneLogin:
    """Somebody who has a code."""
    login = cluster.first.login(APPS[0], scope="offline")
    assert login.request().status_code == 200
    login.texted_code()
    return login


# MARK: what works once


def test_fifty_redemptions_of_one_code_are_one(cluster: Cluster, login: PhoneLogin):
    code = login.authorization_code()
    replies = everywhere(cluster, 50, lambda node, _: login_at(node, login).token(code))
    assert statuses(replies) == {200: 1, 400: 49}
    made = next(reply.json() for reply in replies if reply.status_code == 200)
    for node in cluster.nodes:
        eventually("the replay killed what the code made", lambda: not node.is_active(made["access_token"]), timeout=1)
        assert_oauth_error(node.refresh(APPS[0], made["refresh_token"]), 400, "invalid_grant")


def test_fifty_right_codes_are_one_sign_in(cluster: Cluster, login: PhoneLogin):
    right = login.texted_code()
    replies = everywhere(cluster, 50, lambda node, _: login_at(node, login).confirm(right))
    assert statuses(replies) == {200: 1, 404: 49}
    won = next(reply for reply in replies if reply.status_code == 200)
    assert login.token(code_of(won.json()["login_url"])).status_code == 200


def test_fifty_refreshes_of_one_token_have_one_successor(cluster: Cluster, login: PhoneLogin):
    token = login.tokens()["refresh_token"]
    replies = everywhere(cluster, 50, lambda node, _: node.refresh(APPS[0], token))
    assert statuses(replies) == {200: 50}, "inside the grace"
    (successor,) = {reply.json()["refresh_token"] for reply in replies}
    assert cluster.second.refresh(APPS[0], successor).status_code == 200


def test_of_fifty_answers_to_one_link_one_counts(cluster: Cluster):
    linked = begin(cluster.first)

    def decide(node: Node, index: int) -> httpx.Response:
        return linked_at(node, linked).decide(approve=index % 2 == 0)

    replies = everywhere(cluster, 50, decide)
    answers = [set(statuses(replies[half::2])) for half in (0, 1)]
    assert answers in ([{200}, {404}], [{404}, {200}]), "yes or no, and repeating it does no harm"
    for node in cluster.nodes:
        assert linked_at(node, linked).poll().status_code == (200 if answers[0] == {200} else 404)


def linked_at(node: Node, linked: LinkedLogin) -> LinkedLogin:
    return replace(linked, login=login_at(node, linked.login))


def test_of_fifty_polls_of_an_approved_device_one_gets_the_tokens(cluster: Cluster):
    begun = cluster.first.http.post("/oauth2/device_authorization", data={"client_id": "tv", "scope": "openid"}).json()
    with people() as make:
        make(cluster.first).allow_device(begun["verification_uri_complete"], fresh_number())
    form = {"grant_type": DEVICE_CODE, "device_code": begun["device_code"]}
    replies = everywhere(cluster, 50, lambda node, _: node.token("tv", form))
    assert statuses(replies) == {200: 1, 400: 49}
    won = next(reply for reply in replies if reply.status_code == 200)
    assert cluster.second.is_active(won.json()["access_token"])


# MARK: what has a budget


def test_fifty_guesses_at_one_operation_are_five(cluster: Cluster, login: PhoneLogin):
    codes = wrong_codes(51, right=login.texted_code())
    replies = everywhere(cluster, 50, lambda node, index: login_at(node, login).confirm(codes[index]))
    assert statuses(replies) == {401: 4, 422: 46}
    for reply in replies:
        assert_refused(reply, reply.status_code, WRONG if reply.status_code == 401 else DEAD)
    for node in cluster.nodes:
        assert_refused(login_at(node, login).confirm(), 422, DEAD)


def test_guesses_at_one_number_are_ten_over_all_apps(cluster: Cluster):
    number = fresh_number()
    logins = [cluster.at(index).login(app, number) for index, app in enumerate(APPS)]
    for login in logins:
        assert login.request().status_code == 200
    known = {login.texted_code() for login in logins}
    codes = [code for code in wrong_codes(20, right="") if code not in known][:10]

    def guess(node: Node, index: int) -> httpx.Response:
        return login_at(node, logins[index % len(logins)]).confirm(codes[index // len(logins)])

    replies = everywhere(cluster, len(logins) * len(codes), guess)
    assert 1 <= statuses(replies)[401] <= 10
    assert all(login.confirm().status_code in (422, 429) for login in logins), "the budget is spent"


def test_ten_starts_for_one_number_are_one_text(strict: Cluster):
    number = fresh_number()
    replies = everywhere(strict, 10, lambda node, _: node.login("40017", number).request())
    assert statuses(replies) == {200: 1, 429: 9}
    for reply in replies:
        if reply.status_code == 429:
            assert_refused(reply, 429, TOO_MANY)
    strict.settle()
    assert len(strict.provider.of(number)) == 1


def test_a_limit_is_one_over_all_nodes(strict: Cluster):
    replies = everywhere(strict, 48, lambda node, _: node.client_credentials("machine"))
    assert statuses(replies) == {200: 10, 429: 38}


# MARK: what is one persons


def test_a_new_number_that_signs_in_everywhere_at_once_is_one_account(cluster: Cluster):
    number = fresh_number()
    logins = [cluster.at(index).login(app, number) for index, app in enumerate(APPS)]
    for login in logins:
        assert login.request().status_code == 200
        login.texted_code()
    replies = at_once(len(logins), lambda index: logins[index].confirm())
    assert statuses(replies) == {200: len(logins)}
    tokens = [login.token(code_of(reply.json()["login_url"])) for login, reply in zip(logins, replies)]
    assert len({subject_of(reply.json()) for reply in tokens}) == 1


@pytest.mark.parametrize(("field", "fresh"), [("loginName", fresh_name), ("phoneNumber", fresh_number)])
def test_of_twelve_who_register_one_name_one_has_it(cluster: Cluster, field: str, fresh: Callable[[], str]):
    value = fresh()
    replies = everywhere(cluster, 12, lambda node, _: App(node, "kii").register(**{field: value}))
    assert statuses(replies) == {201: 1, 409: 11}
    won = next(reply for reply in replies if reply.status_code == 201)
    for node in cluster.nodes:
        assert App(node, "kii").log_in(value).json()["id"] == won.json()["userID"]
