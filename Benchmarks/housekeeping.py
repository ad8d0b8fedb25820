#!/usr/bin/env python3
"""Measures whether the removal of expired rows disturbs logins, on both engines. Prints a Markdown table.

    .venv/bin/python Benchmarks/housekeeping.py                     # 200,000 rows of each of 23 kinds
    .venv/bin/python Benchmarks/housekeeping.py --quick --databases sqlite

Two databases have the same people and the same rows beside them; in one these rows have ended, in the other they end in
a hundred days. Logins run against a server on the one, then on the other, and so on in turn; a server begins to clean up
as soon as it runs. The callers are few, so that there is room on the machine and a wait shows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import population
from engines import tell
from growth import DATABASES, Database, drive, held
from run import BENCH, ROOT, Server, compile_load, fsync_ms, machine

ENDED, KEPT = "ended", "kept"


def main() -> int:
    options = parse()
    BENCH.mkdir(parents=True, exist_ok=True)
    load = compile_load()
    kinds = len(population.ENDING) + 1
    print(f"- machine: {machine()}\n- disk: {fsync_ms():.2f} ms a write with fdatasync\n"
          f"- {options.people:,} people; {options.rows:,} rows of each of {kinds} kinds; {options.connections} callers, "
          f"{options.rounds} rounds of {options.seconds:g} s each way, medians\n")
    print("| database | rows removed/s | | logins/s | p50 ms | p95 ms | p99 ms | server CPU ms |")
    print("|---|---:|---|---:|---:|---:|---:|---:|", flush=True)
    for kind in options.databases:
        database = DATABASES[kind](BENCH / "growth")
        database.begin()
        try:
            prepare(database, options)
            compare(database, load, options)
        finally:
            for name in (ENDED, KEPT):
                database.remove(name)
            database.end()
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--binary", type=Path, default=ROOT / ".build" / "release" / "denwa", help="the server to start")
    add("--databases", default=",".join(DATABASES), help="which engines, with commas between")
    add("--people", type=int, default=100_000, help="how many people there are")
    add("--rows", type=int, default=200_000, help="expired rows of each kind")
    add("--rounds", type=int, default=5, help="each way")
    add("--seconds", type=float, default=8, help="measured time of a round")
    add("--warmup", type=float, default=1, help="time before it")
    add("--connections", type=int, default=4, help="callers at a time")
    add("--quick", action="store_true", help="a trial")
    add("--lock", type=Path, help="measure only while holding this lock, so that whoever else takes it is quiet")
    options = parser.parse_args()
    options.binary, options.databases = options.binary.resolve(), options.databases.split(",")
    if options.quick:
        options.people, options.rows, options.rounds, options.seconds = 10_000, 20_000, 2, 2
    return options


def prepare(database: Database, options: argparse.Namespace) -> None:
    now, hundred_days = int(time.time() * 1000), 100 * population.DAY
    for name, end in ((ENDED, now - hundred_days), (KEPT, now + hundred_days)):
        database.remove(name)
        database.fill(name, options.people, options.binary)
        database.add_ending(name, options.rows, end)


def compare(database: Database, load: Path, options: argparse.Namespace) -> None:
    runs: dict[str, list[dict[str, Any]]] = {ENDED: [], KEPT: []}
    removed = []
    for round in range(options.rounds):
        with held(options.lock):
            # Whoever is first has the other's leavings in the machine's caches.
            for name in (ENDED, KEPT) if round % 2 else (KEPT, ENDED):
                before, began = rows(database, name), time.monotonic()
                runs[name].append(run(database, name, load, options))
                if name == ENDED:
                    removed.append((before - rows(database, name)) / (time.monotonic() - began))
                tell(f"{database.title}, {name}: p99 {runs[name][-1]['p99_ms']:.2f} ms")
    for name, words in ((ENDED, "while cleaning up"), (KEPT, "with nothing to clean up")):
        figures = [statistics.median(run[figure] for run in runs[name])
                   for figure in ("rate", "p50_ms", "p95_ms", "p99_ms", "server_cpu_ms")]
        gone = f"{statistics.median(removed):,.0f}" if name == ENDED else "–"
        print("| {} | {} | {} | {:,.0f} | {:.2f} | {:.2f} | {:.2f} | {:.3f} |".format(
            database.title, gone, words, *figures))
    ratios = [statistics.median(a[figure] / b[figure] for a, b in zip(runs[ENDED], runs[KEPT], strict=True))
              for figure in ("rate", "p50_ms", "p95_ms", "p99_ms", "server_cpu_ms")]
    print("| {} | | ratio in the same round | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |".format(
        database.title, *ratios), flush=True)


def run(database: Database, name: str, load: Path, options: argparse.Namespace) -> dict[str, Any]:
    # Of many nodes one cleans up at a time, and the one that ended a round ago keeps its turn for a while.
    database.script(name, "DELETE FROM lease")
    server = Server(options.binary, database.folder(name), database.environment(name))
    server.start()
    try:
        done = drive(load, server, options.people, options, database=database.process)
        if done["errors"] or not done["units"]:
            tell(f"{done['units']} logins, {done['errors']} errors, the first: {done['first_error']}")
        return done
    finally:
        server.end()


def rows(database: Database, name: str) -> int:
    """Of kinds that logins do not add to."""
    tables = sorted({table for table, _, _ in population.ENDING} - {
        "phone_operation", "phone_challenge", "authorization_code", "token_grant", "refresh_token", "message", "traffic",
        "spending", "security_event"})
    return sum(database.rows(name, table) for table in tables)


if __name__ == "__main__":
    sys.exit(main())
