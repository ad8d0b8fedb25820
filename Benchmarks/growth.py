#!/usr/bin/env python3
"""Measures what a login costs with a thousand, a million and ten million people in the database, on both engines, and
what they take on disk. Prints Markdown tables.

    Benchmarks/growth.py                                  # .build/release/denwa; some 15 GB of disk, and an hour
    Benchmarks/growth.py --quick                          # a trial: 1,000 and 20,000 people, one short run
    Benchmarks/growth.py --databases sqlite --people 1000,1000000 --keep
    Benchmarks/growth.py --plans                          # with it: no statement of these logins reads a whole table

The people are made by SQL (population.py). Then whole phone logins run, every other one by somebody who is at random
among them and the others by newcomers, in rounds: each number of people in turn, so that whatever else the machine
does falls on all of them. With --keep the databases stay for the next time.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import statistics
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ContextManager, Iterator

from engines import PostgreSQLFolder, SQLiteFolder, TableSize, Written, held_in_memory, tell
from run import BENCH, ROOT, Server, compile_load, fsync_ms, machine

Database = SQLiteFolder | PostgreSQLFolder
NEWCOMERS_A_RUN = 200_000
DATABASES = {"sqlite": SQLiteFolder, "postgres": PostgreSQLFolder}


@dataclass
class Measured:
    people: int
    runs: list[dict[str, Any]] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)

    def median(self, name: str) -> float | None:
        values = [run[name] for run in self.runs if name in run]
        return statistics.median(values) if values else None

    def bytes_a_login(self, name: str) -> float | None:
        values = [getattr(written, name) for written in self.written]
        logins = [run["finished"] for run in self.runs]
        return None if None in values else statistics.median(map(lambda value, count: value / count, values, logins))


def main() -> int:
    options = parse()
    BENCH.mkdir(parents=True, exist_ok=True)
    directory = BENCH / "growth"
    load = compile_load()
    print(f"- machine: {machine()}\n- disk: {fsync_ms():.2f} ms a write with fdatasync\n"
          f"- load: {options.connections} connections, {options.runs} rounds of {options.seconds:g} s after "
          f"{options.warmup:g} s of warm-up, medians; half of the logins are newcomers'", flush=True)
    for kind in options.databases:
        database = DATABASES[kind](directory)
        database.begin()
        try:
            for people in options.people:
                prepare(database, people, options)
            with held_in_memory([file for people in options.people for file in database.files(str(people))]):
                measured = measure(database, load, options)
            print_logins(database, measured)
            print_sizes(database, {people: database.sizes(str(people)) for people in options.people})
            if options.plans:
                print_plans(database, load, options)
        finally:
            if not options.keep:
                for people in options.people:
                    database.remove(str(people))
            database.end()
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--binary", type=Path, default=ROOT / ".build" / "release" / "denwa", help="the server to start")
    add("--databases", default=",".join(DATABASES), help="which engines, with commas between")
    add("--people", default="1000,1000000,10000000", help="how many people, with commas between")
    add("--runs", type=int, default=5, help="rounds; the tables have their medians")
    add("--seconds", type=float, default=5, help="measured time of a run")
    add("--warmup", type=float, default=2, help="time before it")
    add("--connections", type=int, default=32, help="callers at a time")
    add("--plans", action="store_true", help="fail when a statement of a login reads a whole table")
    add("--keep", action="store_true", help="keep the databases, for the next time")
    add("--quick", action="store_true", help="a trial: few people, one short run")
    add("--lock", type=Path, help="measure only while holding this lock, so that whoever else takes it is quiet")
    options = parser.parse_args()
    options.databases = options.databases.split(",")
    if unknown := set(options.databases) - set(DATABASES):
        parser.error(f"no such database: {', '.join(unknown)}")
    if options.quick:
        options.people, options.runs, options.seconds, options.warmup = "1000,20000", 1, 2, 0.5
    options.people = [int(people) for people in options.people.split(",")]
    if min(options.people) < 1000:
        parser.error("a thousand people at least: 32 of them log in at once")
    if not options.binary.is_file():
        parser.error(f"{options.binary} is not there: build it with `swift build -c release --product denwa`")
    options.binary = options.binary.resolve()
    return options


def prepare(database: Database, people: int, options: argparse.Namespace) -> None:
    filled = database.folder(str(people)) / "filled"
    if not filled.exists():
        database.remove(str(people))
        database.fill(str(people), people, options.binary)
        filled.touch()


# MARK: logins


def measure(database: Database, load: Path, options: argparse.Namespace) -> list[Measured]:
    measured = [Measured(people) for people in options.people]
    with running(database, options) as servers:
        for _ in range(options.runs):
            with held(options.lock):
                for each in measured:
                    measure_once(database, load, servers[each.people], each, options)
    return measured


@contextmanager
def running(database: Database, options: argparse.Namespace) -> Iterator[dict[int, Server]]:
    """A server for each number of people. One that has nothing to do costs next to nothing."""
    servers: dict[int, Server] = {}
    try:
        for people in options.people:
            name = str(people)
            servers[people] = Server(options.binary, database.folder(name), database.environment(name))
            servers[people].start()
        yield servers
    finally:
        for server in servers.values():
            server.end()


def measure_once(
    database: Database, load: Path, server: Server, measured: Measured, options: argparse.Namespace
) -> None:
    pid = server.process.pid
    since = database.mark(pid)
    run = drive(load, server, measured.people, options, database=database.process)
    measured.written.append(database.written(pid, since))
    measured.runs.append(run)
    tell(f"{database.title}, {measured.people:,} people: {run['rate']:.0f} logins/s")
    if run["errors"]:
        tell(f"{run['errors']} errors, the first: {run['first_error']}")


def drive(
    load: Path, server: Server, people: int, options: argparse.Namespace, *, database: int | None = None,
    work: str = "login", seconds: float | None = None,
) -> dict[str, Any]:
    """Runs the load generator. Whoever comes as a newcomer never came before, in earlier measurements neither."""
    counter = server.directory / "newcomers"
    first = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(first + NEWCOMERS_A_RUN))
    command = [load, "--json", "--url", server.url, "--work", work, *server.client.arguments(),
               "--connections", options.connections, "--seconds", seconds or options.seconds, "--warmup",
               0 if seconds else options.warmup, "--users", people, "--seed", first, "--outbox", server.outbox,
               "--pid", server.process.pid]
    if work == "login":
        command += ["--scope", "offline"]
    if database:
        command += ["--database-pid", database]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"{work} with {people:,} people: {done.stderr.strip()}")
    return json.loads(done.stdout)


def held(lock: Path | None) -> ContextManager[Any]:
    return nullcontext() if lock is None else _held(lock)


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def print_logins(database: Database, measured: list[Measured]) -> None:
    def shown(value: float | None, pattern: str, unit: float = 1) -> str:
        return "–" if value is None else format(value / unit, pattern)

    print(f"\n{database.title}:\n\n| people | logins/s | p50 ms | p95 ms | p99 ms | server CPU ms | database CPU ms | "
          "written KB | log KB | of it pages KB |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for each in measured:
        figures = [shown(each.median(name), pattern) for name, pattern in (
            ("rate", ",.0f"), ("p50_ms", ".2f"), ("p95_ms", ".2f"), ("p99_ms", ".2f"), ("server_cpu_ms", ".3f"),
            ("database_cpu_ms", ".3f"))]
        figures += [shown(each.bytes_a_login(name), ".1f", 1000) for name in ("files", "log", "pages")]
        print(f"| {each.people:,} | {' | '.join(figures)} |")
    first, *others = measured
    for other in others:
        ratios = {name: statistics.median(b[name] / a[name] for a, b in zip(first.runs, other.runs, strict=True))
                  for name in ("rate", "p95_ms", "server_cpu_ms")}
        print(f"\n{other.people:,} against {first.people:,} people, in the same round: rate × {ratios['rate']:.2f}, p95 × "
              f"{ratios['p95_ms']:.2f}, server CPU × {ratios['server_cpu_ms']:.2f}.")
    print("\nSingle runs, logins/s: " + "; ".join(
        f"{each.people:,}: " + ", ".join(f"{run['rate']:,.0f}" for run in each.runs) for each in measured) + ".")
    errors = sum(run["errors"] for each in measured for run in each.runs)
    print(f"\nErrors: {errors}.", flush=True)


# MARK: sizes


def print_sizes(database: Database, sizes: dict[int, list[TableSize]]) -> None:
    people = max(sizes)
    tables = sorted((size for size in sizes[people] if size.rows), key=lambda size: -size.table - size.indexes)
    print(f"\n| {database.title}, {people:,} people | rows | table MB | indexes MB | bytes a row |")
    print("|---|---:|---:|---:|---:|")
    for size in tables:
        if (size.table + size.indexes) * 1000 > sum(each.table + each.indexes for each in tables):
            print(f"| {size.name} | {size.rows:,} | {size.table / 1e6:,.1f} | {size.indexes / 1e6:,.1f} | "
                  f"{(size.table + size.indexes) / size.rows:,.0f} |")
    table, indexes = sum(size.table for size in tables), sum(size.indexes for size in tables)
    print(f"| all | {sum(size.rows for size in tables):,} | {table / 1e6:,.1f} | {indexes / 1e6:,.1f} | |")
    print("\nBytes for each person, all told: " + ", ".join(
        f"{sum(size.table + size.indexes for size in each) / count:,.0f} with {count:,}"
        for count, each in sizes.items()) + ".", flush=True)


# MARK: plans


def print_plans(database: Database, load: Path, options: argparse.Namespace) -> None:
    """Runs each work with somebody listening to its statements, and looks at how the database does them."""
    people = max(options.people)
    with database.listening(str(people)) as listener:
        environment = database.environment(str(people)) | listener.environment
        server = Server(options.binary, database.folder(str(people)), environment)
        server.start()
        try:
            for work in ("login", "challenge", "refresh", "introspect", "client_credentials"):
                drive(load, server, people, options, work=work, seconds=1)
        finally:
            server.end()
        found = listener.heard()
    print(f"\n{database.title}, {people:,} people: of {len(found.statements)} statements of logins, refreshes and "
          f"introspections, and of the work in the background, {len(found.whole_tables)} read a whole table.", flush=True)
    if found.whole_tables:
        sys.exit("\n".join(f"{each.reason}: {each.statement}" for each in found.whole_tables))


if __name__ == "__main__":
    sys.exit(main())
