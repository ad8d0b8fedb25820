"""Nodes and databases die under load: nothing that was answered is lost, nothing single-use happens twice, and who
could not be served was told to come back.

Each disaster strikes a cluster of two nodes in the middle of logins, refreshes, texts and guesses; then the cluster is
asked about all that it had answered. The tests run in the order they are written in: the later ones spend, and by
replaying kill, what the earlier ones look at.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import Iterator

import pytest

from cluster import LEASE
from conftest import StartCluster
from disasters import DISASTERS, Disaster, Site
from harness import at_once, eventually
from load import CLIENT, Kind, Load, subject_of
from postgresql import PostgreSQLServer

#: How long a provider's yes takes to be on disk, on a machine that does ten things at once.
RECORDED_WITHIN = 2


@pytest.fixture(scope="module", params=DISASTERS, ids=lambda disaster: disaster.name)
def disaster(request: pytest.FixtureRequest) -> Disaster:
    return request.param


@pytest.fixture(scope="module")
def survived(disaster: Disaster, postgresql: PostgreSQLServer, start_cluster: StartCluster) -> Iterator[Site]:
    with ExitStack() as stack:
        primary, standby = postgresql, None
        if disaster.has_standby:
            primary = stack.enter_context(PostgreSQLServer())
            standby = stack.enter_context(primary.standby())
        cluster = start_cluster(
            on=primary, standby=standby, **{"DENWA_HTTP_DRAIN_SECONDS": "1"} | disaster.environment)
        stack.callback(cluster.dispose)
        if primary is postgresql:
            stack.callback(lambda: postgresql.process or postgresql.start())
        with Load(cluster) as load:
            site = Site(cluster, load, primary, standby)
            load.go_on(30)
            disaster.strike(site)
            load.go_on(20)
        load.check()
        yield site


# MARK: what people noticed


def test_who_was_not_served_was_told_so_and_only_while_something_was_away(survived: Site, disaster: Disaster):
    unexplained = [
        missed for missed in survived.load.missed if not any(trouble.explains(missed) for trouble in survived.troubles)]
    assert unexplained == []
    if disaster.is_noticed:
        told = {missed.node for missed in survived.load.missed if missed.kind is Kind.UNAVAILABLE}
        assert told == {node.name for node in survived.cluster.nodes}, "or nothing was away"


def test_nobody_waited_for_longer_than_for_the_database(survived: Site):
    assert survived.load.longest < 15


def test_the_nodes_run_as_if_nothing_had_been(survived: Site):
    for node in survived.cluster.nodes:
        assert node.is_ready()


# MARK: texts


def test_every_text_that_was_promised_leaves(survived: Site):
    promised, provider = survived.load.answered.operations, survived.cluster.provider
    assert len(promised) >= 50
    eventually("the last texts", lambda: all(map(provider.of, promised)), timeout=LEASE + 20, every=0.1)


def test_a_text_leaves_again_only_if_it_was_at_the_provider_when_its_node_or_the_database_died(survived: Site):
    survived.cluster.settle()
    for number in survived.load.answered.operations:
        first, *again = survived.cluster.provider.of(number)
        assert len(again) <= 1 and all(other.message == first.message for other in again), "the same one"
        if again:
            assert any(
                trouble.began - RECORDED_WITHIN <= first.at <= trouble.ended + RECORDED_WITHIN
                for trouble in survived.troubles)


def test_a_code_texted_before_is_good_after(survived: Site):
    unused = survived.load.answered.idle[:3] + survived.load.answered.idle[-3:]
    assert len(unused) >= 5
    for index, number in enumerate(unused):
        login = survived.cluster.at(index).login(CLIENT, number)
        login.operation_id = survived.load.answered.operations[number]
        assert login.confirm().status_code == 200


# MARK: what is counted


def test_guesses_that_were_counted_are_not_forgotten(survived: Site):
    guesses = survived.load.answered.guesses
    assert max(guessed.wrong for guessed in guesses) == 4 and any(guessed.is_exhausted for guessed in guesses)


# MARK: logins


def test_every_login_answered_is_still_there(survived: Site):
    """The account is the same one, and the refresh token answered last still works, at whichever node."""
    chains = survived.load.answered.chains
    assert len(chains) >= 50
    for index, chain in enumerate(chains):
        if len(chain.answered) == 2 and not chain.in_doubt:
            continue                                     # these are for the next test
        renewed = survived.cluster.at(index).refresh(CLIENT, chain.answered[-1])
        assert renewed.status_code == 200, renewed.text
        assert subject_of(renewed.json()) == chain.subject
    for chain in random.Random(1).sample(chains, 10):
        assert subject_of(survived.cluster.first.login(CLIENT, chain.number).tokens()) == chain.subject


def test_a_rotated_refresh_token_has_no_second_successor(survived: Site):
    rotated = [chain for chain in survived.load.answered.chains if len(chain.answered) == 2 and not chain.in_doubt]
    assert len(rotated) >= 10
    for index, chain in enumerate(rotated):
        old, new = chain.answered
        repeated = survived.cluster.at(index).refresh(CLIENT, old)
        assert repeated.status_code == 200, "inside the grace"
        assert repeated.json()["refresh_token"] == new


def test_an_authorization_code_nobody_sent_works_once(survived: Site):
    unspent = survived.load.answered.unspent
    assert len(unspent) >= 10
    for code in unspent[:5] + unspent[-5:]:
        form = {"grant_type": "authorization_code", "code": code}
        replies = at_once(4, lambda index: survived.cluster.at(index).token(CLIENT, form))
        assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400]


def test_a_spent_authorization_code_does_not_work_again(survived: Site):
    spent = survived.load.answered.spent
    assert len(spent) >= 50
    for index, code in enumerate(spent):
        reply = survived.cluster.at(index).token(CLIENT, {"grant_type": "authorization_code", "code": code})
        assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


def test_a_code_whose_redemption_was_cut_off_works_at_most_once(survived: Site):
    for code in survived.load.answered.in_doubt:
        form = {"grant_type": "authorization_code", "code": code}
        replies = [node.token(CLIENT, form) for node in survived.cluster.nodes]
        assert replies[0].status_code in (200, 400)
        assert replies[1].status_code == 400
