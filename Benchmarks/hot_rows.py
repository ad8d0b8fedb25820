#!/usr/bin/env python3
"""Measures how many transactions a second one row of PostgreSQL bears that all of them change: the row of a client's
limit, of a country's traffic, of a month's budget. Prints a Markdown table.

    .venv/bin/python Benchmarks/hot_rows.py
    .venv/bin/python Benchmarks/hot_rows.py --callers 64 --seconds 10

A transaction that changed a row keeps it until its commit is on the disk, and the next one waits. `hold` is what passes
between the change and COMMIT besides: further statements, the way to a database elsewhere, a standby that must have it.
The last line is measured while somebody reads in a transaction that began before: vacuum can then take away none of the
dead rows that each change leaves. pgbench runs against a server of its own, with the settings of engines.py. Needs what the tests need.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import Iterator

from engines import SETTINGS, PostgreSQLServer, programs
from run import BENCH, fsync_ms, machine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=5, help="of each; the best counts, others only disturb")
    parser.add_argument("--holds", default="0,1,2,5,10", help="milliseconds, with commas between")
    parser.add_argument("--rows", default="1,16", help="how many rows share the count, with commas between")
    options = parser.parse_args()
    BENCH.mkdir(parents=True, exist_ok=True)
    rows = [int(count) for count in options.rows.split(",")]
    print(f"- machine: {machine()}\n- disk: {fsync_ms():.2f} ms a write with fdatasync\n- {options.callers} callers, the best of "
          f"{options.runs} runs of {options.seconds} s\n")
    print("| hold ms | " + " | ".join(f"{count} row{'s' if count > 1 else ''}, transactions/s" for count in rows) + " |")
    print("|---:|" + "---:|" * len(rows))
    with PostgreSQLServer(**SETTINGS) as server:
        server.query("CREATE TABLE counted (id BIGINT PRIMARY KEY, amount BIGINT NOT NULL) WITH (fillfactor = 50)")
        server.query(f"INSERT INTO counted SELECT n, 0 FROM generate_series(1, {max(rows)}) AS n")
        for hold in options.holds.split(","):
            rates = [rate(server, float(hold), count, options) for count in rows]
            print(f"| {hold} | " + " | ".join(f"{each:,.0f}" for each in rates) + " |", flush=True)
        with old_snapshot(server):
            rates = [rate(server, 0, count, options) for count in rows]
            print("| 0, beside an old snapshot | " + " | ".join(f"{each:,.0f}" for each in rates) + " |", flush=True)
    return 0


@contextmanager
def old_snapshot(server: PostgreSQLServer) -> Iterator[None]:
    reader = subprocess.Popen(
        [programs() / "psql", "--host", server.directory, "--port", str(server.port), "--username=postgres", "--quiet",
         "postgres"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        reader.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM counted;\n")
        reader.stdin.flush()
        time.sleep(1)
        yield
    finally:
        reader.kill()
        reader.wait()


def rate(server: PostgreSQLServer, hold: float, rows: int, options: argparse.Namespace) -> float:
    return max(rate_once(server, hold, rows, options) for _ in range(options.runs))


def rate_once(server: PostgreSQLServer, hold: float, rows: int, options: argparse.Namespace) -> float:
    wait = f"\\sleep {round(hold * 1000)} us\n" if hold else ""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"\\set row random(1, {rows})\nBEGIN;\nUPDATE counted SET amount = amount + 1 WHERE id = :row;\n"
                     f"{wait}COMMIT;\n")
        script.flush()
        done = subprocess.run(
            [programs() / "pgbench", "--no-vacuum", "--protocol=prepared", "--client", str(options.callers), "--jobs=2",
             "--time", str(options.seconds), "--file", script.name, "--host", server.directory,
             "--port", str(server.port), "--username=postgres", "postgres"], capture_output=True, text=True)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not found:
        sys.exit(f"pgbench: {done.stderr}")
    return float(found[1])


if __name__ == "__main__":
    sys.exit(main())
