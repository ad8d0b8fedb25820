#!/usr/bin/env python3
"""Measures a Denwa server: how it starts, what it holds, what a login costs its store, and six works under load. Prints
a Markdown table.

    Benchmarks/run.py                                          # .build/release/denwa, 3 runs of 8 s each
    Benchmarks/run.py --runs 5 --seconds 20 --connections 64
    Benchmarks/run.py --works login,challenge --keep
    .venv/bin/python Benchmarks/run.py --database postgres
    Benchmarks/run.py --base-url http://127.0.0.1:8080 --pid 4711 \\
        --client-id app --client-secret s3cret --redirect-uri https://app.example/cb --outbox var/outbox.jsonl

The server runs with a durable store on the disk of the repository (var/bench), no limits, and the file connector for
texts; the load generator (Load/load.c, compiled on the way) runs beside it on the same machine, and so does PostgreSQL,
a server of its own with the settings of engines.py. Needs Python 3.11, a C compiler and, for PostgreSQL, what the
tests need.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable
from urllib.parse import parse_qs, urlencode, urlsplit

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "var" / "bench"
WORKS = ("login", "challenge", "introspect", "refresh", "client_credentials", "page")
NUMBERS_A_RUN = 2_000_000       # every run has telephone numbers of its own


@dataclass
class Client:
    client_id: str
    client_secret: str | None
    redirect_uri: str | None

    def arguments(self) -> list[str]:
        named = {"--client-id": self.client_id, "--client-secret": self.client_secret,
                 "--redirect-uri": self.redirect_uri}
        return [word for name, value in named.items() if value for word in (name, value)]


def main() -> int:
    options = parse()
    BENCH.mkdir(parents=True, exist_ok=True)
    load = compile_load()
    print(header(options), flush=True)
    if options.base_url:
        client = Client(options.client_id, options.client_secret, options.redirect_uri)
        rows = measure(options, load, options.base_url, options.pid, client, options.outbox, options.database_pid)
        print_table(rows)
        return 0
    with ExitStack() as stack:
        settings, database = {}, None
        if options.database == "postgres":
            from engines import throwaway_postgresql
            settings, database = stack.enter_context(throwaway_postgresql())
        directory = Path(tempfile.mkdtemp(dir=BENCH, prefix="run-"))
        stack.callback(leave, directory, options.keep)
        server = Server(options.binary, directory, settings | dict(setting.split("=", 1) for setting in options.set))
        stack.callback(server.end)
        print_starts(server, options.starts)
        if database is None:
            print_commits(server, options.commits)
        rows = measure(
            options, load, server.url, str(server.process.pid), server.client, str(server.outbox), database)
        print_table(rows)
    return 0


def leave(directory: Path, keep: bool) -> None:
    if keep:
        print(f"\nkept: {shown_path(directory)}")
    else:
        shutil.rmtree(directory, ignore_errors=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--binary", type=Path, default=ROOT / ".build" / "release" / "denwa", help="the server to start")
    add("--database", choices=("sqlite", "postgres"), default="sqlite", help="what it keeps everything in")
    add("--works", default=",".join(WORKS), help="which works, with commas between")
    add("--runs", type=int, default=3, help="runs of each work; the table has their medians")
    add("--seconds", type=float, default=8, help="measured time of a run")
    add("--warmup", type=float, default=2, help="time before it")
    add("--connections", type=int, default=32, help="callers at a time")
    add("--page-connections", type=int, default=4, help="the same for pages, whose measure is the time of one")
    add("--threads", type=int, default=1, help="threads of the load generator")
    add("--tokens", type=int, default=500, help="tokens that introspection goes round")
    add("--starts", type=int, default=9, help="starts to take the median of")
    add("--commits", type=int, default=20, help="logins by each door whose commits are counted")
    add("--keep", action="store_true", help="keep the server's directory")
    add("--set", action="append", default=[], metavar="DENWA_NAME=VALUE", help="a setting of the server")
    running = parser.add_argument_group("a server that runs already")
    add = running.add_argument
    add("--base-url", help="measure this one instead of starting one")
    add("--pid", help="its process, or several with commas between")
    add("--database-pid", help="its database server's first process, whose children work")
    add("--client-id", default="bench")
    add("--client-secret")
    add("--redirect-uri")
    add("--outbox", help="its file of texts; without it there are no logins and no refreshes")
    options = parser.parse_args()
    options.works = options.works.split(",")
    if unknown := set(options.works) - set(WORKS):
        parser.error(f"no such work: {', '.join(unknown)}")
    if not options.base_url and not options.binary.is_file():
        parser.error(f"{options.binary} is not there: build it with `swift build -c release`")
    if options.base_url and not options.outbox:
        options.works = [work for work in options.works if work not in ("login", "challenge", "refresh")]
    return options


def compile_load() -> Path:
    source, built = Path(__file__).parent / "Load" / "load.c", BENCH / "load"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-std=c11", "-O2", "-pthread", "-o", built, source], check=True)
    return built


# MARK: the server


class Server:
    """The release binary with everything it needs in one directory."""

    def __init__(self, binary: Path, directory: Path, settings: dict[str, str]):
        self.binary, self.directory, self.settings = binary.resolve(), directory, settings
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.outbox = directory / "outbox.jsonl"
        self.client = Client("bench", secrets.token_urlsafe(24), "https://bench.example/callback")
        self.process: subprocess.Popen | None = None
        (directory / "clients.json").write_text(json.dumps({"clients": [{
            "client_id": self.client.client_id,
            "client_name": "Benchmark",
            "client_secret": self.client.client_secret,
            "redirect_uris": [self.client.redirect_uri],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_method": "client_secret_basic",
            "first_party": True,
            "may_introspect": True,
        }]}, indent=2))

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DENWA_")}
        limits = ("SEND_PER_IP", "SEND_PER_NUMBER", "RESEND_COOLDOWN_SECONDS", "SEND_PER_CLIENT", "CONFIRM_PER_IP",
                  "TOKEN_PER_CLIENT")
        return inherited | {f"DENWA_LIMITS_{name}": "0" for name in limits} | {
            "DENWA_HTTP_HOST": "127.0.0.1",
            "DENWA_HTTP_PORT": str(self.port),
            "DENWA_DATABASE_URL": f"sqlite:{self.directory}/denwa.sqlite",
            "DENWA_KEYS_DIRECTORY": str(self.directory / "keys"),
            "DENWA_CLIENTS_FILE": str(self.directory / "clients.json"),
            "DENWA_MESSAGING_OUTBOX_FILE": str(self.outbox),
            "DENWA_LOG_FORMAT": "json",
        } | self.settings

    def start(self) -> float:
        """Starts it; the seconds until its first answer."""
        log = (self.directory / "server.log").open("ab")
        with log:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                [self.binary, "serve"], cwd=self.directory, env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not self.answers():
            if self.process.poll() is not None:
                tail = (self.directory / "server.log").read_text(errors="replace")[-2000:]
                sys.exit(f"the server ended with {self.process.returncode}:\n{tail}")
            if time.perf_counter() - began > 60:
                sys.exit("the server does not answer within a minute")
            time.sleep(0.0005)
        return time.perf_counter() - began

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def end(self) -> None:
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def print_starts(server: Server, count: int) -> None:
    first = server.start()
    server.end()
    starts = []
    for _ in range(count):
        starts.append(server.start())
        server.end()
    server.start()
    time.sleep(2)
    idle = resident_kib(str(server.process.pid))
    print(f"- start to first answer: {statistics.median(starts) * 1000:.0f} ms "
          f"(median of {count}; {first * 1000:.0f} ms the first time, with the keys to make)")
    print(f"- idle: {idle / 1024:.1f} MB resident", flush=True)


def resident_kib(pids: str) -> int:
    total = 0
    for pid in pids.split(","):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total


# MARK: what a login costs the store


def print_commits(server: Server, logins: int) -> None:
    """Durable commits of a login that is alone on the server, so that it shares none with another."""
    counted = {name: statistics.median(commits_of(server, door, first, logins))
               for name, door, first in (("phone login", log_in, 0), ("challenge", log_in_by_challenge, logins))}
    print("- commits of one login alone: " + ", ".join(f"{name} {count:g}" for name, count in counted.items())
          + f" (medians of {logins})", flush=True)


def commits_of(server: Server, door: Callable[[Server, str], None], first: int, logins: int) -> list[int]:
    counted = []
    for serial in range(first, first + logins):
        salts, before = write_ahead_log(server)
        door(server, f"+81709000{serial:04d}")
        time.sleep(0.05)                # the word that the text left is written after the reply
        still, after = write_ahead_log(server)
        if still == salts:              # else it began anew in between
            counted.append(after - before)
    return counted or [0]


def write_ahead_log(server: Server) -> tuple[bytes, int]:
    """SQLite's log: its salts, which are others when it begins anew, and how many transactions it holds. The frame
    that ends one says how many pages the database has then; the others say 0."""
    log = (server.directory / "denwa.sqlite-wal").read_bytes()
    page, salts, commits = int.from_bytes(log[8:12], "big"), log[16:24], 0
    for at in range(32, len(log) - 23, 24 + page):
        if log[at + 8:at + 16] != salts:
            break
        commits += log[at + 4:at + 8] != bytes(4)
    return salts, commits


def log_in(server: Server, number: str) -> None:
    query = urlencode({"response_type": "code", "client_id": server.client.client_id, "state": "benchmark-state"})
    begun = post(server, f"/oauth2/login/phone/request?{query}", json.dumps({"phone_number": number}))
    guess = {"operation_id": begun["operation_id"], "phone_number": number, "code": texted(server, number)}
    done = post(server, f"/oauth2/login/phone/confirm?{query}", json.dumps(guess))
    redeem(server, parse_qs(urlsplit(done["login_url"]).query)["code"][0])


def log_in_by_challenge(server: Server, number: str) -> None:
    begun = post(server, "/oauth2/challenge", {"response_type": "code", "login_hint": number})
    otp = texted(server, number)
    redeem(server, post(server, "/oauth2/challenge", {
        "auth_session": begun["auth_session"], "otp": otp})["authorization_code"])


def redeem(server: Server, code: str) -> None:
    post(server, "/oauth2/token", {"grant_type": "authorization_code", "code": code})["access_token"]


def texted(server: Server, number: str) -> str:
    for _ in range(10_000):
        if server.outbox.exists():
            for line in server.outbox.read_text().splitlines(keepends=True):
                if number[1:] in line and line.endswith("\n"):
                    return re.search(r"(?<!\d)\d{6}(?!\d)", json.loads(line)["body"])[0]
        time.sleep(0.001)
    sys.exit("no text came in ten seconds")


def post(server: Server, path: str, body: str | dict[str, str]) -> dict[str, Any]:
    """A form, as the client, or JSON, as anybody. The challenge asks for its code with a 400."""
    headers = {"Content-Type": "application/json"}
    if isinstance(body, dict):
        credentials = base64.b64encode(f"{server.client.client_id}:{server.client.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        body = urlencode(body)
    request = urllib.request.Request(f"{server.url}{path}", body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as refused:
        told = json.load(refused)
        if told.get("error") != "insufficient_authorization":
            sys.exit(f"{path.partition('?')[0]}: {refused.code} {told}")
        return told


# MARK: measuring


def measure(options: argparse.Namespace, load: Path, url: str, pids: str | None, client: Client,
            outbox: str | None, database: int | str | None = None) -> list[dict[str, Any]]:
    rows, used = [], 0
    offset = int(time.time()) % 20 * NUMBERS_A_RUN * 6 if options.base_url else 0
    for work in options.works:
        runs = []
        for _ in range(options.runs):
            command = [load, "--json", "--url", url, "--work", work, *client.arguments(),
                       "--connections", options.page_connections if work == "page" else options.connections, "--threads", options.threads,
                       "--seconds", options.seconds, "--warmup", options.warmup,
                       "--seed", offset + used * NUMBERS_A_RUN]
            if work == "introspect":
                command += ["--count", options.tokens]
            if outbox:
                command += ["--outbox", outbox]
            if pids:
                command += ["--pid", pids]
            if database:
                command += ["--database-pid", database]
            used += 1
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            if not done.stdout:
                sys.exit(f"{work}: {done.stderr.strip()}")
            runs.append(json.loads(done.stdout))
            print(f"  {work}: {runs[-1]['rate']:.0f}/s", file=sys.stderr, flush=True)
        rows.append(summary(work, runs))
    return rows


def summary(work: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    def median(name: str) -> float | None:
        values = [run[name] for run in runs if name in run]
        return statistics.median(values) if values else None

    names = ("rate", "p50_ms", "p95_ms", "p99_ms", "server_cpu_ms", "database_cpu_ms", "server_cpu_percent", "own_cpu_percent")
    return {"work": work} | {name: median(name) for name in names} | {
        "rates": [run["rate"] for run in runs],
        "rss_kib": max((run["rss_kib"] for run in runs if "rss_kib" in run), default=None),
        "errors": sum(run["errors"] for run in runs),
        "first_error": next((run["first_error"] for run in runs if run["first_error"]), ""),
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    def shown(value: float | None, pattern: str) -> str:
        return "–" if value is None else format(value, pattern)

    print("\n| work | rate/s | p50 ms | p95 ms | p99 ms | server CPU ms/unit | database CPU ms/unit | RSS MB | errors |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        rss = None if row["rss_kib"] is None else row["rss_kib"] / 1024
        print(f"| {row['work']} | {row['rate']:,.0f} | {row['p50_ms']:.2f} | {row['p95_ms']:.2f} | {row['p99_ms']:.2f} "
              f"| {shown(row['server_cpu_ms'], '.3f')} | {shown(row['database_cpu_ms'], '.3f')} "
              f"| {shown(rss, '.1f')} | {row['errors']} |")
    print("\nRates of the single runs: " + "; ".join(
        f"{row['work']} " + ", ".join(f"{rate:,.0f}" for rate in row["rates"]) for row in rows) + ".")
    print("CPU in per cent of a core, server and load generator: " + "; ".join(
        f"{row['work']} {shown(row['server_cpu_percent'], '.0f')} and {row['own_cpu_percent']:.0f}" for row in rows) + ".")
    for row in rows:
        if row["errors"]:
            print(f"\n**{row['work']}: {row['errors']} errors**, the first: `{row['first_error']}`")


# MARK: the machine


def machine() -> str:
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")), platform.machine())
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 ** 2
    return (f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GB, {platform.system()} "
            f"{platform.release()}, load before {os.getloadavg()[0]:.2f}")


def header(options: argparse.Namespace) -> str:
    engine = {"sqlite": "SQLite", "postgres": "PostgreSQL on the same machine, over loopback"}[options.database]
    served = options.base_url or f"`{shown_path(options.binary)} serve`, {engine}, durable, limits off"
    return "\n".join([
        f"- machine: {machine()}",
        f"- disk: {fsync_ms():.2f} ms a write with fdatasync (median of 100, 4 KiB)",
        f"- server: {served}",
        f"- load: {options.connections} connections, {options.threads} generator thread(s) on the same machine, "
        f"{options.runs} × {options.seconds:g} s after {options.warmup:g} s of warm-up, medians",
    ])


def shown_path(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def fsync_ms() -> float:
    took = []
    with tempfile.TemporaryFile(dir=BENCH) as file:
        for _ in range(100):
            began = time.perf_counter()
            os.write(file.fileno(), bytes(4096))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


if __name__ == "__main__":
    sys.exit(main())
