"""Fixtures: one quiet server for the whole run, and as many particular ones as a test asks for."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

import databases
from harness import PhoneLogin, Server, StartServer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "single_node(reason): about what one process has or does; left out when servers are several nodes")
    config.addinivalue_line("markers", "nodes: tells most about several nodes; what CI runs with two of them")
    # Whoever ends the run with a plain `kill` wants its servers to end, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_report_header() -> str:
    return f"servers: {databases.NODES} node(s) on {databases.KIND}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if databases.NODES == 1:
        return
    for item in items:
        if marker := item.get_closest_marker("single_node"):
            (reason,) = marker.args
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def database_server() -> Iterator[None]:
    with databases.database_server():
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared by every test that does not change the server itself. No limits; each test has its own numbers."""
    running = Server(tmp_path_factory.mktemp("server"))
    try:
        yield running.start()
    finally:
        running.dispose()


@pytest.fixture(scope="module")
def start_module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """`start_server` for fixtures that serve a whole file."""
    yield from _servers(lambda: tmp_path_factory.mktemp("server"))


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts a server of the test's own: `start_server(DENWA_LIMITS_SEND_PER_IP="3/3600")`."""
    yield from _servers(lambda: tmp_path_factory.mktemp("server"))


def _servers(directory: Callable[[], Path]) -> Iterator[StartServer]:
    started: list[Server] = []

    def start(*, clients: list[dict[str, Any]] | None = None, started_: bool = True, **environment: str) -> Server:
        more = {} if clients is None else {"clients": clients}
        server = Server(directory(), environment=environment, **more)
        started.append(server)
        return server.start() if started_ else server

    try:
        yield start
    finally:
        for server in started:
            server.dispose()


@pytest.fixture
def login(server: Server) -> PhoneLogin:
    """A new number at the simplest client of the shared server."""
    return server.login()
