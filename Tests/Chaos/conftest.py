"""Fixtures: one PostgreSQL for the whole run, and clusters on it, each with a database of its own."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Iterator

import pytest

from cluster import Cluster
from postgresql import PostgreSQLServer

#: `start_cluster(3, DENWA_LIMITS_SEND_PER_IP="3/3600")`.
StartCluster = Callable[..., Cluster]

_databases = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    """Shared. Whoever takes it down brings it back."""
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture(scope="module")
def start_cluster(
    postgresql: PostgreSQLServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartCluster]:
    """Starts nodes on a new database, of the shared server or of `on`, with `standby` to turn to."""
    clusters: list[Cluster] = []

    def start(
        size: int = 2, *, on: PostgreSQLServer = postgresql, standby: PostgreSQLServer | None = None,
        clients: list[dict[str, Any]] | None = None, **environment: str,
    ) -> Cluster:
        database = on.create_database(f"denwa_{next(_databases)}")
        more = {} if clients is None else {"clients": clients}
        url = on.url(database, *([standby] if standby else []))
        clusters.append(Cluster(tmp_path_factory.mktemp("cluster"), url, size, environment=environment, **more))
        return clusters[-1].start()

    try:
        yield start
    finally:
        for cluster in clusters:
            cluster.dispose()
