"""What servers keep their rows in, and how a test looks into it: a SQLite file, or a database of one PostgreSQL server.

Both say the same of the same rows: `bytes` are `bytes`, and `?` stands for a value.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Protocol

from processes import binary

if TYPE_CHECKING:
    from postgresql import PostgreSQLServer

Row = dict[str, Any]


class Database(Protocol):
    """Of one server, over all its nodes and starts."""

    #: `DENWA_DATABASE_URL`.
    url: str

    def rows(self, statement: str, *values: Any) -> list[Row]: ...

    def change(self, statement: str, *values: Any) -> int:
        """Runs one UPDATE, INSERT or DELETE. Answers how many rows that changed."""

    def tables(self) -> list[str]: ...

    def content(self) -> dict[str, bytes]:
        """All there is to find in it, raw, by where it is."""

    def forget_tables(self) -> None:
        """Leaves nothing, as before the first start ever."""

    def drop(self) -> None: ...


class SQLiteFile:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "denwa.sqlite"
        self.url = f"sqlite:{self.path}"

    def rows(self, statement: str, *values: Any) -> list[Row]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement, values)]

    def change(self, statement: str, *values: Any) -> int:
        with closing(sqlite3.connect(self.path, timeout=10)) as database, database:
            return database.execute(statement, values).rowcount

    def tables(self) -> list[str]:
        return [row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def content(self) -> dict[str, bytes]:
        """Its files: what was deleted may still be in them."""
        return {path.name: path.read_bytes() for path in sorted(self.path.parent.glob(f"{self.path.name}*"))}

    def forget_tables(self) -> None:
        """It has none before the first start."""

    def drop(self) -> None:
        """Nothing: the file goes with its folder."""


class PostgreSQLDatabase:
    #: Has every table and no row. To copy it takes less time than to make the tables.
    TEMPLATE = "denwa-tables"

    def __init__(self, server: PostgreSQLServer, name: str, template: str = TEMPLATE) -> None:
        self.name = name
        self.url = server.url(name)
        self._server = server
        self._create(template)

    @classmethod
    def make_template(cls, server: PostgreSQLServer) -> None:
        made = cls(server, cls.TEMPLATE, "template1")
        variables = {name: value for name, value in os.environ.items() if not name.startswith("DENWA_")}
        subprocess.run([str(binary()), "migrate"], env=variables | {"DENWA_DATABASE_URL": made.url}, cwd=server.directory,
                       stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)

    def _create(self, template: str) -> None:
        self._server.query(f'CREATE DATABASE "{self.name}" OWNER denwa TEMPLATE "{template}"')

    def rows(self, statement: str, *values: Any) -> list[Row]:
        return self._rows(f"SELECT coalesce(json_agg(found), '[]') FROM ({_bound(statement, values)}) AS found")

    def change(self, statement: str, *values: Any) -> int:
        changing = f"WITH changed AS ({_bound(statement, values)} RETURNING 1) SELECT count(*) FROM changed"
        ((count,),) = self._server.query(changing, self.name)
        return int(count)

    def _rows(self, statement: str) -> list[Row]:
        ((found,),) = self._server.query(statement, self.name)
        return [{name: _value(value) for name, value in row.items()} for row in json.loads(found)]

    def tables(self) -> list[str]:
        return [row["name"] for row in self.rows(
            "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'")]

    def content(self) -> dict[str, bytes]:
        """Its rows, table by table, and what PostgreSQL itself wrote about statements that failed."""
        tables = {
            table: b"\n".join(_raw(value) for row in self.rows(f'SELECT * FROM "{table}"') for value in row.values())
            for table in self.tables()
        }
        return tables | {"postgresql.log": self._server.log().encode()}

    def forget_tables(self) -> None:
        self.drop()
        self._create("template1")

    def drop(self) -> None:
        self._server.query(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


def _bound(statement: str, values: tuple[Any, ...]) -> str:
    parts = statement.split("?")
    assert len(parts) == len(values) + 1, statement
    return "".join(f"{part}{_literal(value)}" for part, value in zip(parts, values)) + parts[-1]


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case bytes():
            return f"'\\x{value.hex()}'::bytea"
        case str():
            return "'" + value.replace("'", "''") + "'"
    raise TypeError(type(value).__name__)


def _value(value: Any) -> Any:
    """JSON has no bytes: PostgreSQL writes them as `\\x00ff`."""
    if isinstance(value, str) and re.fullmatch(r"\\x([0-9a-f]{2})*", value):
        return bytes.fromhex(value[2:])
    return value


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


# MARK: of this run


#: More than one: servers are so many processes behind a proxy.
NODES = int(os.environ.get("DENWA_TEST_NODES", "1"))

#: One node has a file unless told otherwise, as people have it; several have PostgreSQL.
KIND = os.environ.get("DENWA_TEST_DATABASE") or ("sqlite" if NODES == 1 else "postgresql")

_server: PostgreSQLServer | None = None


@contextmanager
def database_server() -> Iterator[None]:
    """What the databases of the run need. Enter it on the main thread."""
    global _server
    if KIND != "postgresql":
        yield
        return
    from postgresql import PostgreSQLServer     # it stands on the harness, which stands on this

    with PostgreSQLServer(max_connections="500") as _server:     # a pool for every node of every server at the time
        PostgreSQLDatabase.make_template(_server)
        try:
            yield
        finally:
            _server = None


def make_database(directory: Path) -> Database:
    """An empty one, for a server whose files are in `directory`."""
    if KIND == "sqlite":
        return SQLiteFile(directory)
    assert KIND == "postgresql", f"DENWA_TEST_DATABASE={KIND}"
    assert _server is not None, "the run has not started PostgreSQL"
    # PostgreSQL cuts longer names short.
    made = PostgreSQLDatabase(_server, f"{directory.name[-40:]}-{len(_made)}")
    _made.append(made.name)
    return made


_made: list[str] = []
