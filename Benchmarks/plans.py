"""Hears the statements that a server runs, and asks the database how it does them.

PostgreSQL tells by itself: auto_explain writes the plan of every statement into its log. For SQLite a small library
(Load/statements.c) that is loaded into the server writes down what it prepares, and EXPLAIN QUERY PLAN tells the rest.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

from postgresql import ROLE, PostgreSQLServer

#: What never has many rows: migrations, and clients that registered themselves (`registration.maxClients`).
FEW = {"schema_migration", "registered_client", "registered_client_count"}

#: PostgreSQL reads a table of less rows at once whatever indexes it has, and may.
SMALL = 1000


@dataclass(frozen=True)
class WholeTable:
    statement: str
    reason: str


@dataclass(frozen=True)
class Heard:
    statements: set[str]
    whole_tables: list[WholeTable]


@dataclass(frozen=True)
class Listener:
    #: What a server that is to be heard has besides in its environment.
    environment: dict[str, str]
    #: What was heard; ask when the server has ended.
    heard: Callable[[], Heard]


# MARK: SQLite


def listen_to_sqlite(file: Path, directory: Path) -> Listener:
    """- Parameter directory: for the library, and what it writes."""
    library, notes = directory / "statements.so", directory / "statements.txt"
    source = Path(__file__).parent / "Load" / "statements.c"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    notes.unlink(missing_ok=True)
    return Listener(
        {"LD_PRELOAD": str(library), "STATEMENTS": str(notes)},
        lambda: judge_sqlite(file, set(notes.read_text().split("\0"))))


def judge_sqlite(file: Path, statements: set[str]) -> Heard:
    acts = {text for text in statements if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", text)}
    with closing(sqlite3.connect(file)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        found = [WholeTable(text, step) for text in sorted(acts) for step in _whole_tables(database, tables, text)]
    return Heard(acts, found)


class _Anything(dict):
    def __missing__(self, name: str) -> None:
        return None


def _whole_tables(database: sqlite3.Connection, tables: set[str], statement: str) -> list[str]:
    """Steps like "SCAN account" or "SCAN c USING COVERING INDEX …"."""
    names = {alias: table for table, alias in re.findall(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)\s+(\w+)\b", statement)}
    steps = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", _Anything())]
    scans = [(step, scan[1]) for step in steps if (scan := re.match(r"SCAN (\w+)", step))]
    return [step for step, name in scans if names.get(name, name) in tables - FEW]


# MARK: PostgreSQL

_TOLD = {
    "session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0",
    "auto_explain.log_format": "json", "auto_explain.log_nested_statements": "on",
}


@contextmanager
def listening_to_postgresql(postgresql: PostgreSQLServer, name: str, **settings: str) -> Iterator[Listener]:
    """- Parameter settings: of the server's connections, besides."""
    for setting, value in (_TOLD | settings).items():
        postgresql.query(f"ALTER ROLE {ROLE} SET {setting} = '{value}'")
    start = postgresql.log_file.stat().st_size
    try:
        yield Listener({}, lambda: judge_postgresql(postgresql, name, start))
    finally:
        postgresql.query(f"ALTER ROLE {ROLE} RESET ALL")


def judge_postgresql(postgresql: PostgreSQLServer, name: str, start: int) -> Heard:
    with postgresql.log_file.open("rb") as file:
        file.seek(start)
        log = file.read().decode(errors="replace")
    rows = postgresql.query("SELECT relname, reltuples::bigint FROM pg_class WHERE relkind = 'r'", name)
    large = {table for table, count in rows if int(count) > SMALL} - FEW
    statements, found = set(), {}
    # Lines of a message after its first begin with a tab.
    for lines in re.findall(r"plan:\n((?:\t.*\n)+)", log):
        told = json.loads(lines)
        text = re.sub(r"\s+", " ", told["Query Text"])
        statements.add(text)
        for reason in _whole_scans(told["Plan"], large, is_short=False):
            found[text, reason] = WholeTable(text, reason)
    return Heard(statements, list(found.values()))


def _whole_scans(node: dict[str, Any], large: set[str], is_short: bool) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name")
    if table in large:
        if kind == "Seq Scan":
            yield f"Seq Scan on {table}"
        elif kind.startswith("Index") and "Index Cond" not in node and not is_short:
            yield f"{kind} of all of {table}"
    if kind == "Bitmap Index Scan" and "Index Cond" not in node:
        yield f"{kind} of all of {node['Index Name']}"
    for child in node.get("Plans", []):
        yield from _whole_scans(child, large, is_short or kind == "Limit")
