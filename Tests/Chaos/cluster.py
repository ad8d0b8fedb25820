"""Several nodes of Denwa on one database, the provider that their texts go to, and what stands before them.

A node is a process with a port and a log of its own. Keys and clients are shared, as by a mounted secret.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable

import httpx

from harness import Outbox, Server, eventually, standard_clients
from postgresql import lasting_port
from providers.scripted import Behaviour, ConnectedServer, Received, ScriptedProvider

#: A provider's timeout and five seconds: how long a text waits that a killed node had in hand.
PROVIDER_TIMEOUT = 2
LEASE = PROVIDER_TIMEOUT + 5

#: Away is away after so long. A machine that is merely busy must not get there.
DATABASE_WAIT = 3

SETTINGS = {
    "DENWA_DATABASE_WAIT_SECONDS": str(DATABASE_WAIT),
    "DENWA_GUARD_MODE": "off",
    "DENWA_LIMITS_POLL_PER_IP": "0",
    # So that a slow machine is no reason for a refusal.
    "DENWA_TOKENS_REFRESH_GRACE_SECONDS": "300",
    "DENWA_TOKENS_CODE_LIFETIME_SECONDS": "300",
}


# MARK: texts


@dataclass(frozen=True)
class Delivery:
    """A text that the provider took."""

    at: float
    message: dict[str, Any]


class Provider(ScriptedProvider):
    """Takes every text, and knows which came to whom and when."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.deliveries: dict[str, list[Delivery]] = defaultdict(list)
        super().__init__("provider", behaviour)

    def take(self, request: Received) -> None:
        super().take(request)
        with self.lock:
            self.deliveries[request.message["to"]].append(Delivery(request.at, request.message))

    def of(self, number: str) -> list[Delivery]:
        with self.lock:
            return list(self.deliveries.get(number, ()))


@dataclass
class Telephones(Outbox):
    """Where people read what the provider took."""

    provider: Provider

    def messages(self, number: str | None = None) -> list[dict[str, Any]]:
        if number is None:
            return list(self.provider.texts)
        return [delivery.message for delivery in self.provider.of(number)]


# MARK: nodes


@dataclass
class Node(ConnectedServer):
    """One process. Its directory holds its logs."""

    name: str = ""

    def share(self, folder: Path, phones: Telephones) -> None:
        self.outbox = phones
        self.keys = folder / "keys"
        self.clients_file = folder / "clients.json"

    def kill(self) -> None:
        """`kill -9`. Those who wait for an answer see their connections break."""
        self.running().kill()
        self.exit_status()

    def running(self) -> subprocess.Popen:
        (node,) = self.nodes
        assert node.process is not None, f"{self.name} is not running"
        return node.process

    def exit_status(self, timeout: float = 20) -> int:
        """Waits until the process is gone."""
        (node,) = self.nodes
        return node.wait(timeout)


@dataclass
class Cluster:
    """`first`, `second` and so on; the first one's address is the issuer."""

    directory: Path
    database_url: str
    size: int = 2
    clients: list[dict[str, Any]] = field(default_factory=standard_clients)
    environment: dict[str, str] = field(default_factory=dict)
    provider: Provider = field(default_factory=Provider)

    def __post_init__(self) -> None:
        names = ["first", "second", "third"][: self.size]
        ports = [lasting_port() for _ in names]
        environment = SETTINGS | {
            "DENWA_DATABASE_URL": self.database_url,
            "DENWA_ISSUER": f"http://127.0.0.1:{ports[0]}",
            "DENWA_MESSAGING_CONNECTORS": json.dumps([self.provider.connector(timeoutSeconds=PROVIDER_TIMEOUT)]),
        } | self.environment
        phones = Telephones(self.directory / "unused", self.provider)
        self.nodes = []
        for name, port in zip(names, ports):
            node = Node(self.directory / name, clients=self.clients, environment=environment, port=port, name=name)
            node.share(self.directory, phones)
            self.nodes.append(node)
        self.write_clients(self.clients)
        self.rotation = Rotation(self.nodes)

    def start(self) -> Cluster:
        """The first one makes the keys and the tables."""
        for node in self.nodes:
            node.start()
        return self

    def revive(self) -> None:
        """Starts the nodes that ended."""
        for node in self.nodes:
            if not node.is_running:
                node.nodes[0].dispose()
                node.start()

    def write_clients(self, clients: Iterable[dict[str, Any]]) -> None:
        """One file for all; each node reads it when it is told to."""
        self.clients = list(clients)
        for node in self.nodes:
            node.write_clients(self.clients)

    def settle(self, timeout: float = LEASE + 20) -> None:
        """Waits until no text is queued any more."""
        eventually("nothing is queued", lambda: not self._queued(), timeout, every=0.2)

    def _queued(self) -> str:
        done = self.first.command("messages", "list", "--state", "queued", "--json")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def database(self) -> str:
        """Its name."""
        return self.database_url.rpartition("/")[2]

    @property
    def first(self) -> Node:
        return self.nodes[0]

    @property
    def second(self) -> Node:
        return self.nodes[1]

    def at(self, index: int) -> Node:
        return self.nodes[index % len(self.nodes)]

    def dispose(self) -> None:
        for node in self.nodes:
            node.dispose()
        self.provider.stop()


# MARK: what stands before them


class Rotation:
    """The nodes that get requests, in turn: what a load balancer knows."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._lock = threading.Lock()
        self._nodes = list(nodes)
        self._turn = itertools.count()

    def next(self) -> Node:
        with self._lock:
            return self._nodes[next(self._turn) % len(self._nodes)]

    def remove(self, node: Node) -> None:
        with self._lock:
            self._nodes = [other for other in self._nodes if other is not node]

    def add(self, node: Node) -> None:
        with self._lock:
            self._nodes = [other for other in self._nodes if other is not node] + [node]


class HealthChecks:
    """Asks each node ten times a second whether it is ready, and gives requests to those that are."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._check)
        #: When a node was first found not to be ready, by name.
        self.left: dict[str, float] = {}

    def __enter__(self) -> HealthChecks:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopping.set()
        self._thread.join()

    def _check(self) -> None:
        with httpx.Client(timeout=2, trust_env=False) as http:
            while not self._stopping.wait(0.1):
                for node in self._cluster.nodes:
                    if self._is_ready(http, node):
                        self._cluster.rotation.add(node)
                    else:
                        self.left.setdefault(node.name, time.monotonic())
                        self._cluster.rotation.remove(node)

    @staticmethod
    def _is_ready(http: httpx.Client, node: Node) -> bool:
        try:
            return http.get(f"{node.url}/health/ready", headers={"Connection": "close"}).status_code == 200
        except httpx.TransportError:
            return False
