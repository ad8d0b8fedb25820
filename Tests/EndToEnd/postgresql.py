"""Real PostgreSQL servers for tests: made in a temporary directory, killed like machines are, followed by standbys.

Needs Debian's `postgresql`, and no server that runs already. Knows nothing of Denwa but the name of its role.

    with PostgreSQLServer() as postgresql:
        url = postgresql.url(postgresql.create_database("denwa"))
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import closing, suppress
from enum import Enum
from pathlib import Path
from typing import Any

from harness import eventually

#: Owns the databases and is nothing special, as it should be in production.
ROLE = "denwa"

#: The user of Debian's package. initdb refuses to work for root.
SYSTEM_USER = "postgres"

#: Nobody pulls the plug here: processes die and the machine stays, so what was written need not reach the disk.
SETTINGS = {
    "fsync": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "wal_keep_size": "256MB",
    "hot_standby": "on",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %a ",
}


class Shutdown(Enum):
    """How `pg_ctl stop -m` asks for it."""

    #: Waits until the last client is gone.
    SMART = signal.SIGTERM
    #: Rolls back what is under way, tells the clients, writes everything down.
    FAST = signal.SIGINT
    #: Drops everything; the next start recovers from the log.
    IMMEDIATE = signal.SIGQUIT


def programs() -> Path:
    """Where initdb and postgres are: the newest version that is installed."""
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda path: int(path.parent.name))
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    raise FileNotFoundError("no initdb: install postgresql")


def lasting_port() -> int:
    """A free port that no outgoing connection takes while the server is away: below those that the kernel hands out."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class PostgreSQLServer:
    """One server: data, socket and log in a directory of its own, listening on loopback. Whoever connects is trusted.

    Start it from a thread that outlives it: it goes down with the thread, so that none is left when tests are
    interrupted.
    """

    def __init__(self, **settings: str) -> None:
        self.settings = SETTINGS | settings
        self.port = lasting_port()
        self.directory = Path(tempfile.mkdtemp(prefix="denwa-pg-"))
        self.data = self.directory / "data"
        self.log_file = self.directory / "postgresql.log"
        self.process: subprocess.Popen | None = None
        if os.geteuid() == 0:
            shutil.chown(self.directory, SYSTEM_USER, SYSTEM_USER)

    def __enter__(self) -> PostgreSQLServer:
        try:
            return self if self.process else self.initialize()
        except BaseException:
            self.dispose()
            raise

    def __exit__(self, *_: Any) -> None:
        self.dispose()

    # MARK: processes

    def initialize(self) -> PostgreSQLServer:
        """Makes an empty cluster, and starts it. A standby is copied instead: `standby`."""
        self._program("initdb", "--pgdata", str(self.data), "--username", SYSTEM_USER, "--auth", "trust",
                      "--encoding", "UTF8", "--no-locale", "--no-sync")
        self.start()
        self.query(f"CREATE ROLE {ROLE} LOGIN")
        return self

    def start(self, timeout: float = 60) -> PostgreSQLServer:
        """Starts it on the data it has, through recovery if need be, until it answers."""
        assert self.process is None
        settings = self.settings | {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": str(self.directory)}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self._as_system_user(
                    str(programs() / "postgres"), "-D", str(self.data),
                    *(f"--{name}={value}" for name, value in settings.items()), until="SIGQUIT"),
                cwd=self.directory, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually("PostgreSQL answers", self.is_ready, timeout=timeout, every=0.02)
        return self

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        if self.process is None:
            return False
        if (status := self.process.poll()) is not None:
            raise AssertionError(f"PostgreSQL ended with {status}:\n{self.log()[-4000:]}")
        return self._psql("SELECT 1", "postgres").returncode == 0

    def stop(self, how: Shutdown = Shutdown.FAST, timeout: float = 60) -> None:
        """Asks it to end, and waits until it has."""
        process, self.process = self._running(), None
        process.send_signal(how.value)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise AssertionError(f"PostgreSQL did not end within {timeout} s:\n{self.log()[-4000:]}") from None

    def kill(self) -> None:
        """`kill -9` for the postmaster and all its children, as when the machine goes."""
        process, self.process = self._running(), None
        _kill(process)

    def freeze(self) -> None:
        """It holds its connections and answers nothing, as when the machine or the way to it is gone without a word."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, what: signal.Signals) -> None:
        postmaster = self._running()
        postmaster.send_signal(what)
        for child in _children(postmaster.pid):
            with suppress(ProcessLookupError):
                os.kill(child, what)

    def restart(self, how: Shutdown = Shutdown.FAST) -> PostgreSQLServer:
        self.stop(how)
        return self.start()

    def dispose(self) -> None:
        """Ends it whatever it does, and removes what it wrote."""
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _running(self) -> subprocess.Popen:
        assert self.process is not None, "PostgreSQL is not running"
        return self.process

    # MARK: a standby

    def standby(self, *, synchronous: bool = True) -> PostgreSQLServer:
        """Another server that follows this one. When `synchronous`, this one answers no commit before the standby has
        it, and so waits for ever when the standby is away. It runs already, and is disposed of like any other."""
        follower = PostgreSQLServer(**self.settings)
        try:
            follower._program(
                "pg_basebackup", "--pgdata", str(follower.data), "--write-recovery-conf", "--checkpoint=fast",
                "--no-sync", "--dbname", f"host=127.0.0.1 port={self.port} user={SYSTEM_USER} application_name=standby")
            follower.start()
            self.wait_for_standby("streaming")
            if synchronous:
                self.configure("synchronous_standby_names", "standby")
                self.wait_for_standby("streaming", "sync")
        except BaseException:
            follower.dispose()
            raise
        return follower

    def wait_for_standby(self, state: str, sync: str | None = None) -> None:
        def follows() -> bool:
            standbys = self.query("SELECT state, sync_state FROM pg_stat_replication")
            return any(row[0] == state and sync in (None, row[1]) for row in standbys)

        eventually(f"a standby is {state}", follows, timeout=30, every=0.05)

    def promote(self) -> None:
        """Makes a standby the primary."""
        assert self.query("SELECT pg_promote(true, 60)") == [["t"]]

    @property
    def is_standby(self) -> bool:
        return self.query("SELECT pg_is_in_recovery()") == [["t"]]

    # MARK: databases

    def create_database(self, name: str) -> str:
        """A new database of the role. Answers its name."""
        self.query(f'CREATE DATABASE "{name}" OWNER {ROLE}')
        return name

    def url(self, database: str, *others: PostgreSQLServer, **parameters: str) -> str:
        """What libpq connects by. `others` are hosts to try as well, in order."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self, *others))
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgres://{ROLE}@{hosts}/{database}" + (f"?{query}" if query else "")

    def query(self, statement: str, database: str = "postgres", timeout: float = 30) -> list[list[str]]:
        """Runs one statement as the superuser; NULL is empty. Answers rows of text."""
        done = self._psql(statement, database, timeout)
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr.strip()}\nfor: {statement}")
        rows = done.stdout.removesuffix("\n")
        return [row.split("\x1f") for row in rows.split("\x1e")] if rows else []

    def configure(self, name: str, value: str) -> None:
        """Changes a setting of the running server that needs no restart."""
        self.query(f"ALTER SYSTEM SET {name} = '{value}'")
        self.query("SELECT pg_reload_conf()")
        eventually(f"{name} is {value}", lambda: self.query(f"SHOW {name}") == [[value]], every=0.02)

    def connections(self, database: str) -> int:
        """How many connections others have to a database."""
        return int(self.query(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND usename = '{ROLE}'")[0][0])

    def disconnect_everybody(self, database: str) -> int:
        """Cuts every connection to a database, as an administrator may. Answers how many there were."""
        return len(self.query(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' "
            f"AND usename = '{ROLE}'"))

    # MARK: programs

    def _psql(self, statement: str, database: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(programs() / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
             "--field-separator=\x1f", "--record-separator=\x1e", "--set=ON_ERROR_STOP=1",
             "--host", str(self.directory), "--port", str(self.port), "--username", SYSTEM_USER,
             "--dbname", database, "--command", statement],
            env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def _program(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            self._as_system_user(str(programs() / name), *arguments), cwd=self.directory, env=self._environment(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    @staticmethod
    def _as_system_user(*command: str, until: str = "SIGKILL") -> list[str]:
        """`until`: the signal it gets when the thread that starts it is gone."""
        user = [f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--init-groups"] if os.geteuid() == 0 else []
        return ["setpriv", *user, f"--pdeathsig={until}", "--", *command]

    @staticmethod
    def _environment() -> dict[str, str]:
        # Nothing of the caller's own PostgreSQL.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        return kept | {"LC_ALL": "C", "PGCONNECT_TIMEOUT": "5"}


def _kill(postmaster: subprocess.Popen) -> None:
    """The parent first, or it would clean up after its children."""
    children = _children(postmaster.pid)
    postmaster.kill()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    postmaster.wait()
    eventually("PostgreSQL's processes are gone", lambda: not any(map(_is_alive, children)))


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # "pid (name) state ppid …": a name may hold anything, so from its end on.
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(status.parent.name))
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
