"""The two engines as benchmarks see them: where they lie, what they hold, and what they write.

PostgreSQL is a server of its own (Tests/EndToEnd/postgresql.py), with fsync on and the settings below.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ContextManager, Iterator

sys.path.append(str(Path(__file__).resolve().parents[1] / "Tests" / "EndToEnd"))

from postgresql import SYSTEM_USER, PostgreSQLServer, programs  # noqa: E402

import plans  # noqa: E402
import population  # noqa: E402

#: A server with some memory and an SSD, as one would set it up; everything about durability as it comes.
SETTINGS = {
    "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "wal_level": "replica",
    "shared_buffers": "1GB", "effective_cache_size": "8GB", "random_page_cost": "1.1", "jit": "off",
    "max_wal_size": "4GB", "min_wal_size": "1GB", "checkpoint_timeout": "15min", "wal_compression": "lz4",
    "wal_keep_size": "0", "max_connections": "200",
}

#: What is being filled can be filled again.
FILLING = SETTINGS | {
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "wal_level": "minimal",
    "max_wal_senders": "0", "autovacuum": "off", "shared_buffers": "3GB", "max_wal_size": "1GB",
    "maintenance_work_mem": "512MB",
}


@dataclass(frozen=True)
class TableSize:
    name: str
    rows: int
    table: int
    indexes: int


@dataclass(frozen=True)
class Written:
    """Bytes."""

    #: Into files, by the server and its database together: log, tables, texts.
    files: int
    #: PostgreSQL's log; of it whole pages, for the first time that each changes after a checkpoint.
    log: int | None = None
    pages: int | None = None


@contextmanager
def throwaway_postgresql() -> Iterator[tuple[dict[str, str], int]]:
    """An empty server for one run: what a Denwa's environment says of it, and its process."""
    with PostgreSQLServer(**SETTINGS) as server:
        yield {"DENWA_DATABASE_URL": server.url(server.create_database("denwa"))}, server.process.pid


@contextmanager
def held_in_memory(files: list[Path]) -> Iterator[None]:
    """Keeps them there, since what is measured is a database that the machine's memory holds, and some machines take
    back what nobody read for a while (mlock(2); beyond RLIMIT_MEMLOCK it is for root)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    mapped = []
    for path in files:
        if size := path.stat().st_size:
            with path.open("rb") as file:
                mapped.append((libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0), size))
    if any([libc.mlock(*each) for each in mapped]):
        tell(f"not held in memory: {os.strerror(ctypes.get_errno())}")
        for path in files:
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass
    try:
        yield
    finally:
        for each in mapped:
            libc.munmap(*each)


class SQLiteFolder:
    """Files, each in a folder with what its server needs besides."""

    title = "SQLite"
    #: Whose children do the database's work.
    process: int | None = None

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    def folder(self, database: str) -> Path:
        """Where a server with this database lives."""
        return self.directory / f"sqlite-{database}"

    def environment(self, database: str) -> dict[str, str]:
        return {"DENWA_DATABASE_URL": f"sqlite:{self._file(database)}"}

    def fill(self, database: str, count: int, binary: Path) -> None:
        _migrate(binary, self.folder(database), self.environment(database))
        population.fill_sqlite(str(self._file(database)), count, lambda done: tell(f"SQLite: {done:,} people"))

    def add_ending(self, database: str, count: int, end: int) -> None:
        """Rows of each kind that is cleaned up, which end then (epoch milliseconds)."""
        population.add_ending_to_sqlite(str(self._file(database)), count, end)

    def rows(self, database: str, table: str) -> int:
        with closing(sqlite3.connect(self._file(database))) as connection:
            return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    def remove(self, database: str) -> None:
        shutil.rmtree(self.folder(database), ignore_errors=True)

    def files(self, database: str) -> list[Path]:
        return [self._file(database)]

    def sizes(self, database: str) -> list[TableSize]:
        with closing(sqlite3.connect(self._file(database))) as connection:
            bytes_of = dict(connection.execute("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"))
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            return [self._size(connection, table, bytes_of) for table in tables]

    @staticmethod
    def _size(connection: sqlite3.Connection, table: str, bytes_of: dict[str, int]) -> TableSize:
        rows = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        indexes = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?", [table])
        return TableSize(table, rows, bytes_of.get(table, 0), sum(bytes_of.get(name, 0) for (name,) in indexes))

    def script(self, database: str, text: str) -> None:
        with closing(sqlite3.connect(self._file(database))) as connection:
            connection.executescript(text)

    def mark(self, server: int) -> Any:
        """A moment to count from."""
        return _written_by(server)

    def written(self, server: int, since: Any) -> Written:
        return Written(_written_by(server) - since)

    def listening(self, database: str) -> ContextManager[plans.Listener]:
        return nullcontext(plans.listen_to_sqlite(self._file(database), self.folder(database)))

    def _file(self, database: str) -> Path:
        return self.folder(database) / "denwa.sqlite"


class PostgreSQLFolder:
    """Databases of one server, each with a folder for its Denwa."""

    title = "PostgreSQL"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # The server is not root's, and var/ lets nobody else in.
        self.server = _LastingServer(Path(tempfile.gettempdir()) / "denwa-growth-postgresql")

    def begin(self) -> None:
        if self.server.process is None:
            self.server.start() if self.server.data.exists() else self.server.initialize()

    def end(self) -> None:
        if self.server.process is not None:
            self.server.stop(timeout=600)

    @property
    def process(self) -> int:
        return self.server.process.pid

    def folder(self, database: str) -> Path:
        return self.directory / f"postgresql-{database}"

    def environment(self, database: str) -> dict[str, str]:
        return {"DENWA_DATABASE_URL": self.server.url(self.name(database))}

    def fill(self, database: str, count: int, binary: Path) -> None:
        self._restart(FILLING)
        self.server.query(f"DROP DATABASE IF EXISTS {self.name(database)}")
        self.server.create_database(self.name(database))
        _migrate(binary, self.folder(database), self.environment(database))
        population.fill_postgresql(
            lambda text: self.script(database, text), count, lambda done: tell(f"PostgreSQL: {done:,} people"))
        self.server.query("CHECKPOINT", timeout=600)
        self._restart(SETTINGS)

    def add_ending(self, database: str, count: int, end: int) -> None:
        population.add_ending_to_postgresql(lambda text: self.script(database, text), count, end)

    def rows(self, database: str, table: str) -> int:
        return int(self.server.query(f"SELECT count(*) FROM {table}", self.name(database))[0][0])

    def remove(self, database: str) -> None:
        self.begin()
        self.server.query(f"DROP DATABASE IF EXISTS {self.name(database)}", timeout=600)
        shutil.rmtree(self.folder(database), ignore_errors=True)

    def files(self, database: str) -> list[Path]:
        number = self.server.query(f"SELECT oid FROM pg_database WHERE datname = '{self.name(database)}'")[0][0]
        return sorted((self.server.data / "base" / number).iterdir())

    def sizes(self, database: str) -> list[TableSize]:
        rows = self.server.query(
            "SELECT relname, n_live_tup, pg_table_size(relid), pg_indexes_size(relid) FROM pg_stat_user_tables",
            self.name(database))
        return [TableSize(row[0], *map(int, row[1:])) for row in rows]

    def script(self, database: str, text: str) -> None:
        self.server.query(text, self.name(database), timeout=7200)

    def mark(self, server: int) -> Any:
        return self._written_by_all(server), self._position()

    def written(self, server: int, since: Any) -> Written:
        files, start = since
        end = self._position()
        log = int(self.server.query(f"SELECT pg_wal_lsn_diff('{end}', '{start}')")[0][0])
        return Written(self._written_by_all(server) - files, log, self._whole_pages(start, end))

    def listening(self, database: str) -> ContextManager[plans.Listener]:
        return plans.listening_to_postgresql(self.server, self.name(database))

    def _position(self) -> str:
        return self.server.query("SELECT pg_current_wal_flush_lsn()")[0][0]

    def _whole_pages(self, start: str, end: str) -> int:
        told = subprocess.run(
            [programs() / "pg_waldump", "--stats", "--path", self.server.data / "pg_wal", "--start", start, "--end", end],
            capture_output=True, text=True).stdout
        # "Total  <records>  <their bytes> [per cent]  <bytes of pages> [per cent]  <bytes> [per cent]"
        total = re.search(r"^Total\s+\d+\s+\d+ \[[^]]*\]\s+(\d+)", told, re.MULTILINE)
        return int(total[1]) if total else 0

    def _written_by_all(self, server: int) -> int:
        children = subprocess.run(["ps", "--ppid", str(self.process), "-o", "pid="], capture_output=True, text=True)
        return sum(map(_written_by, [server, self.process, *map(int, children.stdout.split())]))

    def _restart(self, settings: dict[str, str]) -> None:
        self.end()
        self.server.settings = settings
        self.begin()

    @staticmethod
    def name(database: str) -> str:
        return f"people_{database}"


class _LastingServer(PostgreSQLServer):
    """Unlike the tests' it keeps what it has when it ends."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory.rmdir()
        self.settings, self.directory = SETTINGS, directory
        self.data, self.log_file = directory / "data", directory / "postgresql.log"
        directory.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(directory, SYSTEM_USER, SYSTEM_USER)


def tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _migrate(binary: Path, directory: Path, environment: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run([binary, "migrate"], cwd=directory, env=environment, check=True, stdout=subprocess.DEVNULL)


def _written_by(process: int) -> int:
    """What it gave the kernel to write: to files, and some replies. (`write_bytes` counts whole folios, many pages for
    one.) 0 when it is gone."""
    with suppress(OSError):
        return int(re.search(r"^wchar: (\d+)", Path(f"/proc/{process}/io").read_text(), re.MULTILINE)[1])
    return 0
