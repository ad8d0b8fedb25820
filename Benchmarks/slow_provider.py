#!/usr/bin/env python3
"""Measures what a bad provider does to the requests of everybody else. Prints a Markdown table.

    Benchmarks/slow_provider.py                       # .build/release/denwa, 5 rounds of 5 s for each behaviour
    Benchmarks/slow_provider.py --rate 300 --rounds 3

Two connectors: the first behaves as the row says, the second takes every text. Requests for a code come at a fixed
rate, each on a number of its own, and are timed; the rounds of all behaviours take turns, so that whatever else the
machine does falls on all of them. Needs Python 3.11 and nothing else.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import signal
import socket
import socketserver
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEHAVIOURS = ("takes", "hangs 30 s", "500", "closes mid-reply", "100 MB", "redirects", "nonsense")


class Provider(socketserver.StreamRequestHandler):
    """Speaks as little HTTP as a `webhook` connector needs."""

    timeout = 60

    def handle(self) -> None:
        try:
            while self.answer():
                pass
        except (OSError, ValueError):
            pass

    def answer(self) -> bool:
        if not self.rfile.readline():
            return False
        length = 0
        while (line := self.rfile.readline().strip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.rfile.read(length)
        self.server.texts += 1
        return self.reply(self.server.behaviour)

    def reply(self, behaviour: str) -> bool:
        if behaviour == "takes":
            self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            return True
        if behaviour == "hangs 30 s":
            time.sleep(30)
        elif behaviour == "500":
            self.wfile.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
            return True
        elif behaviour == "closes mid-reply":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of ")
        elif behaviour == "100 MB":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
            for _ in range(1600):
                self.wfile.write(b"x" * 65536)
        elif behaviour == "redirects":
            self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
            return True
        elif behaviour == "nonsense":
            self.wfile.write(bytes(range(256)) * 8)
        return False


class ProviderServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, behaviour: str):
        super().__init__(("127.0.0.1", 0), Provider)
        self.behaviour, self.texts = behaviour, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/texts"


class Server:
    def __init__(self, binary: Path, behaviour: str, folder: Path):
        self.first, self.second = ProviderServer(behaviour), ProviderServer("takes")
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        folder.mkdir()
        (folder / "clients.json").write_text(json.dumps({"clients": [{
            "client_id": "bench", "client_name": "Benchmark", "redirect_uris": ["https://bench.example/cb"]}]}))
        off = ("SEND_PER_IP", "SEND_PER_NUMBER", "RESEND_COOLDOWN_SECONDS", "SEND_PER_CLIENT")
        connectors = [
            {"type": "webhook", "name": name, "url": server.url, "secret": "benchmark-secret"}
            for name, server in (("first", self.first), ("second", self.second))]
        environment = {"PATH": os.environ["PATH"], "DENWA_HTTP_PORT": str(self.port), "DENWA_GUARD_MODE": "off",
                       "DENWA_LOG_LEVEL": "critical", "DENWA_MESSAGING_CONNECTORS": json.dumps(connectors)}
        environment |= {f"DENWA_LIMITS_{name}": "0" for name in off}
        self.process = subprocess.Popen([binary.resolve(), "serve"], cwd=folder, env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("the server does not listen")

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def measure(server: Server, rate: int, seconds: float, numbers: itertools.count, callers: int = 8) -> list[float]:
    """Milliseconds of each request."""
    times: list[float] = []
    begin = time.perf_counter() + 0.05

    def call(which: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for index in range(which, int(rate * seconds), callers):
            time.sleep(max(0, begin + index / rate - time.perf_counter()))
            body = json.dumps({"phone_number": f"+8190{10_000_000 + next(numbers) * 7919 % 80_000_000}"})
            started = time.perf_counter()
            connection.request(
                "POST", "/oauth2/login/phone/request?response_type=code&client_id=bench&state=benchmark",
                body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            reply.read()
            if reply.status != 200:
                raise RuntimeError(f"answered {reply.status}")
            times.append((time.perf_counter() - started) * 1000)

    threads = [threading.Thread(target=call, args=(which,)) for which in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) != int(rate * seconds):
        raise RuntimeError("not every request was answered 200")
    return times


def percentile(times: list[float], percent: int) -> float:
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / ".build" / "release" / "denwa")
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        servers = {name: Server(options.binary, name, Path(folder) / str(index))
                   for index, name in enumerate(BEHAVIOURS)}
        try:
            rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in BEHAVIOURS}
            for turn in range(options.rounds + 1):
                for name, server in servers.items():
                    times = measure(server, options.rate, options.seconds, numbers)
                    # The first round opens the circuits and warms everything.
                    if turn:
                        rounds[name].append((percentile(times, 50), percentile(times, 95)))
            time.sleep(12)
            print(f"{options.rate} requests/s, medians of {options.rounds} rounds of {options.seconds:g} s\n")
            print("| the first provider | request p50 ms | request p95 ms | p95 against one that takes |"
                  " texts it saw | texts the second took |")
            print("|---|---|---|---|---|---|")
            base = [p95 for _, p95 in rounds["takes"]]
            for name, figures in rounds.items():
                ratio = statistics.median(p95 / takes for (_, p95), takes in zip(figures, base))
                p50 = statistics.median(p50 for p50, _ in figures)
                p95 = statistics.median(p95 for _, p95 in figures)
                print(f"| {name} | {p50:.2f} | {p95:.2f} | {ratio:.2f} | {servers[name].first.texts} |"
                      f" {servers[name].second.texts} |")
        finally:
            for server in servers.values():
                server.end()


if __name__ == "__main__":
    main()
