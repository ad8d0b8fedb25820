#!/usr/bin/env python3
"""Measures what people who sign in by password cost those who sign in by phone. Prints a Markdown table.

    Benchmarks/passwords.py                          # .build/release/denwa, 7 rounds of 5 s each way
    Benchmarks/passwords.py --rate 60 --callers 32

Whole phone logins (request, confirm, token) start at a fixed rate on test numbers and are timed, in rounds without and
rounds with callers that try passwords as fast as they are answered; the rounds take turns, so that whatever else the
machine does falls on both. Needs Python 3.11 and nothing else.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = 500
OFF = ("SEND_PER_IP", "SEND_PER_NUMBER", "RESEND_COOLDOWN_SECONDS", "SEND_PER_CLIENT", "CONFIRM_PER_IP",
       "TOKEN_PER_CLIENT", "PASSWORD_PER_IP", "PASSWORD_PER_IDENTIFIER", "REGISTER_PER_IP")


class Server:
    def __init__(self, binary: Path, folder: Path):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        numbers = [{"phone_number": f"+8190{12_340_000 + index}", "code": "123456", "expires_at": 4_000_000_000}
                   for index in range(NUMBERS)]
        (folder / "clients.json").write_text(json.dumps({"clients": [
            {"client_id": "bench", "redirect_uris": ["https://bench.example/cb"], "test_numbers": numbers},
            {"client_id": "app", "grant_types": [], "kii": {"app_key": "benchmark-key"}}]}))
        environment = {"PATH": os.environ["PATH"], "DENWA_HTTP_PORT": str(self.port), "DENWA_LOG_LEVEL": "critical",
                       "DENWA_GUARD_MODE": "off", "DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR": "0"}
        environment |= {f"DENWA_LIMITS_{name}": "0" for name in OFF}
        self.process = subprocess.Popen([binary.resolve(), "serve"], cwd=folder, env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("the server does not listen")

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def post(connection: http.client.HTTPConnection, path: str, body: str, **headers: str) -> tuple[int, dict]:
    connection.request("POST", path, body, {"Content-Type": "application/json"} | headers)
    reply = connection.getresponse()
    text = reply.read()
    return reply.status, json.loads(text) if text else {}


def log_in(connection: http.client.HTTPConnection, index: int) -> None:
    number = f"+8190{12_340_000 + index % NUMBERS}"
    status, started = post(
        connection, "/oauth2/login/phone/request?response_type=code&client_id=bench&state=benchmark",
        json.dumps({"phone_number": number}))
    if status == 200:
        status, done = post(connection, "/oauth2/login/phone/confirm?client_id=bench", json.dumps(
            {"phone_number": number, "operation_id": started["operation_id"], "code": "123456"}))
    if status == 200:
        code = parse_qs(urlsplit(done["login_url"]).query)["code"][0]
        status, _ = post(
            connection, "/oauth2/token", f"grant_type=authorization_code&client_id=bench&code={code}",
            **{"Content-Type": "application/x-www-form-urlencoded"})
    if status != 200:
        raise RuntimeError(f"a login was answered {status}")


def measure(server: Server, rate: int, seconds: float, callers: int = 8) -> list[float]:
    """Milliseconds of each whole login."""
    times: list[float] = []
    begin = time.perf_counter() + 0.05

    def call(which: int) -> None:
        connection = server.connection()
        for index in range(which, int(rate * seconds), callers):
            time.sleep(max(0, begin + index / rate - time.perf_counter()))
            started = time.perf_counter()
            log_in(connection, index)
            times.append((time.perf_counter() - started) * 1000)

    threads = [threading.Thread(target=call, args=(which,)) for which in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) != int(rate * seconds):
        raise RuntimeError("not every login was answered 200")
    return times


class Passwords:
    """Callers that try passwords until they are told to stop."""

    credentials = "Basic " + base64.b64encode(b"app:benchmark-key").decode()

    def __init__(self, server: Server, callers: int):
        self.server, self.stopped, self.checked, self.refused = server, threading.Event(), 0, 0
        self.threads = [threading.Thread(target=self.call) for _ in range(callers)]
        for thread in self.threads:
            thread.start()

    @classmethod
    def register(cls, server: Server) -> None:
        status, _ = post(server.connection(), "/api/apps/app/users",
                         json.dumps({"loginName": "alice", "password": "a long benchmark"}),
                         Authorization=cls.credentials)
        if status != 201:
            raise RuntimeError(f"a registration was answered {status}")

    def call(self) -> None:
        connection = self.server.connection()
        body = json.dumps({"username": "alice", "password": "a long benchmark"})
        while not self.stopped.is_set():
            status, _ = post(connection, "/api/apps/app/oauth2/token", body, Authorization=self.credentials)
            if status == 200:
                self.checked += 1
            elif status == 429:
                self.refused += 1
                time.sleep(0.1)
            else:
                raise RuntimeError(f"a password was answered {status}")

    def stop(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def percentile(times: list[float], percent: int) -> float:
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / ".build" / "release" / "denwa")
    parser.add_argument("--rate", type=int, default=60, help="phone logins a second")
    parser.add_argument("--callers", type=int, default=16, help="that try passwords")
    parser.add_argument("--seconds", type=float, default=5, help="of a round")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(options.binary, Path(folder))
        try:
            Passwords.register(server)
            measure(server, options.rate, 2)
            rounds = []
            for _ in range(options.rounds):
                alone = measure(server, options.rate, options.seconds)
                passwords = Passwords(server, options.callers)
                time.sleep(0.5)
                started, before = time.perf_counter(), passwords.checked
                beside = measure(server, options.rate, options.seconds)
                rate = (passwords.checked - before) / (time.perf_counter() - started)
                passwords.stop()
                rounds.append((alone, beside, rate))
            print(f"{options.rate} phone logins/s, {options.callers} callers that try passwords, "
                  f"medians of {options.rounds} pairs of rounds of {options.seconds:g} s\n")
            print("| | alone ms | beside passwords ms | ratio |")
            print("|---|---|---|---|")
            for name, figure in (("mean", statistics.mean), ("p50", lambda t: percentile(t, 50)),
                                 ("p95", lambda t: percentile(t, 95))):
                pairs = [(figure(alone), figure(beside)) for alone, beside, _ in rounds]
                print(f"| {name} | {statistics.median(a for a, _ in pairs):.2f} |"
                      f" {statistics.median(b for _, b in pairs):.2f} |"
                      f" {statistics.median(b / a for a, b in pairs):.2f} |")
            print(f"\npasswords checked: {statistics.median(rate for *_, rate in rounds):.1f}/s")
        finally:
            server.end()


if __name__ == "__main__":
    main()
