"""One `denwa` process, and what waits for it. Knows nothing of what it serves."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]


def binary() -> Path:
    """`DENWA_BINARY`, else the newest build under the repository."""
    if named := os.environ.get("DENWA_BINARY"):
        return Path(named).resolve()
    built = [REPOSITORY / ".build" / kind / "denwa" for kind in ("release", "debug")]
    built = [path for path in built if path.is_file()]
    if not built:
        raise FileNotFoundError("no denwa binary: build it, or name one in DENWA_BINARY")
    return max(built, key=lambda path: path.stat().st_mtime)


def free_port() -> int:
    """Below those that the kernel hands out, so that no connection of a client takes it before somebody listens."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def eventually(what: str, check: Callable[[], Any], timeout: float = 10, every: float = 0.01) -> Any:
    """The first true value of `check`; a failure that says what was waited for, when none comes in time."""
    deadline = time.monotonic() + timeout
    while True:
        if value := check():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(every)


def leashed(*command: str) -> list[str]:
    """The command that is killed when the thread that started it is gone, so that none is left of a run that was."""
    return ["setpriv", "--pdeathsig=SIGKILL", "--", *command]


@dataclass
class Node:
    """A process that serves, at a port of its own. Nodes of one server write to the same two files, line by line."""

    port: int
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, directory: Path, variables: dict[str, str], stdout: Path, stderr: Path) -> None:
        assert self.process is None
        with stdout.open("ab") as out, stderr.open("ab") as err:
            self.process = subprocess.Popen(
                leashed(str(binary()), "serve"), cwd=directory, env=variables, stdin=subprocess.DEVNULL,
                stdout=out, stderr=err)

    @property
    def status(self) -> int | None:
        """What it ended with by itself; None while it runs."""
        assert self.process is not None
        return self.process.poll()

    def signal(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)

    def wait(self, timeout: float) -> int:
        """Waits until it is gone, at most so long; then it is killed, and that is a failure."""
        assert self.process is not None
        process, self.process = self.process, None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"a node did not end within {timeout} s") from None

    def dispose(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None


def answers(url: str) -> bool:
    """Whether `/health/ready` does, and says yes."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
