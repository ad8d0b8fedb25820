"""What may happen to a cluster, and what people may notice of it."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable, Iterator

from cluster import DATABASE_WAIT, Cluster, HealthChecks, Node
from harness import eventually
from load import Kind, Load, Missed
from postgresql import PostgreSQLServer, Shutdown

#: How long the database stays away: longer than an act waits for it.
OUTAGE = DATABASE_WAIT + 2

#: For a database that hangs: how long a statement may take.
STATEMENT_TIMEOUT = 2
IMPATIENT = {
    "DENWA_DATABASE_STATEMENT_TIMEOUT_SECONDS": str(STATEMENT_TIMEOUT),
    "DENWA_DATABASE_LOCK_TIMEOUT_SECONDS": str(STATEMENT_TIMEOUT),
}

#: How soon everything must work again when the database is back.
BACK_WITHIN = 5

#: A node's last calls: a request may be on its way when it dies.
LAST_CALLS = 1


@dataclass(frozen=True)
class Trouble:
    """Who may be served badly, and how, from when to when. Nobody else may, and nobody otherwise."""

    kind: Kind
    nodes: list[Node]
    began: float
    ended: float
    patience: float

    def explains(self, missed: Missed) -> bool:
        return (
            missed.kind is self.kind
            and missed.node in [node.name for node in self.nodes]
            and missed.ended >= self.began
            and missed.began <= missed.ended <= self.ended + self.patience
        )


@dataclass
class Site:
    """A cluster with its database, under load."""

    cluster: Cluster
    load: Load
    postgresql: PostgreSQLServer
    standby: PostgreSQLServer | None = None
    troubles: list[Trouble] = field(default_factory=list)

    @contextmanager
    def database_away(self) -> Iterator[None]:
        """What happens here takes the database away and brings it back: then each node serves soon."""
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self.troubles.append(Trouble(Kind.UNAVAILABLE, self.cluster.nodes, began, ended, BACK_WITHIN))
        for node in self.cluster.nodes:
            eventually(
                f"{node.name} serves again", lambda: self.load.failures or self.load.serves(node, since=ended),
                timeout=BACK_WITHIN)

    @contextmanager
    def node_dies(self, node: Node) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.troubles.append(Trouble(Kind.BROKEN, [node], began, time.monotonic(), LAST_CALLS))


def the_process_of_a_node_is_killed(site: Site) -> None:
    node = site.cluster.second
    for _ in range(2):
        with site.node_dies(node):
            node.kill()
            site.cluster.rotation.remove(node)
        site.load.go_on(10)
        node.start()
        site.cluster.rotation.add(node)
        site.load.go_on(10)


def a_node_is_asked_to_end(site: Site) -> None:
    """Behind a load balancer, and started again."""
    with HealthChecks(site.cluster):
        for node in site.cluster.nodes:
            node.running().send_signal(signal.SIGTERM)
            assert node.exit_status() == 0
            site.load.go_on(5)
            node.start()
            site.load.go_on(10)


def postgresql_is_killed(site: Site) -> None:
    for _ in range(2):
        with site.database_away():
            site.postgresql.kill()
            time.sleep(OUTAGE)
            site.postgresql.start()
        site.load.go_on(10)


def postgresql_is_stopped_fast(site: Site) -> None:
    _stop_and_start(site, Shutdown.FAST)


def postgresql_is_stopped_immediately(site: Site) -> None:
    _stop_and_start(site, Shutdown.IMMEDIATE)


def _stop_and_start(site: Site, how: Shutdown) -> None:
    with site.database_away():
        site.postgresql.stop(how)
        time.sleep(OUTAGE)
        site.postgresql.start()


def postgresql_is_restarted_at_once(site: Site) -> None:
    """Most people only wait."""
    with site.database_away():
        site.postgresql.restart(Shutdown.FAST)


def all_connections_are_cut(site: Site) -> None:
    """An administrator's `pg_terminate_backend`."""
    for _ in range(3):
        with site.database_away():
            assert site.postgresql.disconnect_everybody(site.cluster.database) > 0
        site.load.go_on(5)


def the_primary_is_lost_and_the_standby_promoted(site: Site) -> None:
    with site.database_away():
        site.postgresql.kill()
        time.sleep(OUTAGE)
        site.standby.promote()


def postgresql_hangs(site: Site) -> None:
    """It takes connections and says nothing. Only the nodes' own patience helps."""
    with site.database_away():
        site.postgresql.freeze()
        time.sleep(STATEMENT_TIMEOUT + OUTAGE)
        site.postgresql.thaw()


def the_primary_hangs_and_the_standby_is_promoted(site: Site) -> None:
    """The machine is gone without a word: no connection is refused, and none is answered."""
    with site.database_away():
        site.postgresql.freeze()
        time.sleep(STATEMENT_TIMEOUT + OUTAGE)
        site.standby.promote()
    site.load.go_on(10)
    site.postgresql.kill()


@dataclass(frozen=True)
class Disaster:
    strike: Callable[[Site], None]
    #: Whether it takes the database away for so long that people must notice.
    is_noticed: bool = False
    has_standby: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.strike.__name__.replace("_", " ")


DISASTERS = [
    Disaster(the_process_of_a_node_is_killed),
    Disaster(a_node_is_asked_to_end),
    Disaster(postgresql_is_killed, is_noticed=True),
    Disaster(postgresql_is_stopped_fast, is_noticed=True),
    Disaster(postgresql_is_stopped_immediately, is_noticed=True),
    Disaster(postgresql_is_restarted_at_once),
    Disaster(all_connections_are_cut),
    Disaster(postgresql_hangs, is_noticed=True, environment=IMPATIENT),
    Disaster(the_primary_is_lost_and_the_standby_promoted, is_noticed=True, has_standby=True),
    Disaster(
        the_primary_hangs_and_the_standby_is_promoted, is_noticed=True, has_standby=True, environment=IMPATIENT),
]
