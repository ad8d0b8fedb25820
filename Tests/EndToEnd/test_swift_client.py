"""The Swift client in `sdk/swift`: its own tests, and those that sign in at a real server."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from harness import REPOSITORY, Server, fresh_number, phone_client

PACKAGE = REPOSITORY / "sdk" / "swift"
CLIENT = "swift-app"


def swift(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        ["swift", *arguments, "--package-path", str(PACKAGE)], env=os.environ | environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    swift("build", "--build-tests")


def passed(output: str) -> int:
    """How many tests ran and passed."""
    summary = re.search(r"Test run with (\d+) tests .*passed", output)
    assert summary, output[-4000:]
    return int(summary[1]) - len(skipped(output))


def skipped(output: str) -> set[str]:
    return set(re.findall(r'^. Test "(.*)" skipped', output, re.M))


def run_against(server: Server, **environment: str) -> str:
    return swift(
        "test", "--skip-build", "--filter", "IntegrationTests",
        DENWA_ISSUER=server.url, DENWA_OUTBOX=str(server.outbox.path), **environment)


def disabled_number(server: Server) -> str:
    number = fresh_number()
    server.login(CLIENT, number).tokens()
    done = server.command("users", "disable", number)
    assert done.returncode == 0, done.stderr
    return number


def clients() -> list[dict]:
    return [phone_client(CLIENT)]


def test_the_swift_client_passes_its_own_tests() -> None:
    assert passed(swift("test", "--skip-build", "--skip", "IntegrationTests")) > 60


def test_the_swift_client_signs_in_at_a_real_server(start_server) -> None:
    server = start_server(clients=clients())
    output = run_against(server, DENWA_DISABLED_NUMBER=disabled_number(server))
    assert skipped(output) == {"another text too soon is refused, with the time to wait"}
    assert passed(output) >= 14


def test_the_swift_client_gives_a_strict_server_its_nonces_and_its_time(start_server) -> None:
    server = start_server(
        clients=clients(), DENWA_DPOP_REQUIRE_NONCE="true", DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    output = run_against(server, DENWA_COOLDOWN="30")
    # These need two texts at one number.
    assert skipped(output) == {
        "another text signs in as well",
        "a disabled account's owner is sent to the browser",
        "signing out everywhere ends other devices' logins",
    }
    assert passed(output) >= 12
