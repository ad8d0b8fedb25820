"""What the documentation shows works as typed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from harness import Server, binary

ROOT = Path(__file__).resolve().parents[2]


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / document).read_text(), re.M | re.S)


def registered() -> list[dict]:
    return json.loads((ROOT / "clients.json").read_text())["clients"]


@pytest.mark.single_node("the inbox of development shows what one process sent")
def test_the_login_of_the_readme_runs_as_typed(start_server) -> None:
    server: Server = start_server(clients=registered())
    (login,) = blocks("README.md", "sh")
    done = subprocess.run(
        ["sh", "-eu", "-c", login], env={"PATH": "/usr/bin:/bin", "DENWA": server.url}, capture_output=True, text=True,
        timeout=60)
    assert done.returncode == 0, done.stderr
    replies = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert any("operation_id" in reply for reply in replies)
    assert any("login_url" in reply for reply in replies)
    assert any(reply.get("active") is True for reply in replies)
    assert sum("refresh_token" in reply for reply in replies) >= 2
    assert not any("error" in reply for reply in replies)


def test_the_configuration_reference_is_the_programs_own() -> None:
    printed = subprocess.run([str(binary()), "config", "reference"], capture_output=True, text=True, check=True).stdout
    page = (ROOT / "docs" / "configuration.md").read_text()
    shown = page.split("<!-- reference:begin -->\n")[1].split("<!-- reference:end -->")[0]
    assert shown.strip() == printed.strip()


def test_the_example_configuration_is_fine(tmp_path: Path) -> None:
    (tmp_path / "clients.json").write_text((ROOT / "clients.json").read_text())
    done = subprocess.run(
        [str(binary()), "config", "check", "--config", str(ROOT / "denwa.example.json")], cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "TWILIO_AUTH_TOKEN": "token", "TEXTS_SECRET": "secret"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in [ROOT / "README.md", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_commands_of_the_makefile_are_the_ones_that_are_shown() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {"setup", "run", "test", "lint", "format", "bench", "clean"} <= targets
    shown = set()
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        shown |= set(re.findall(r"\bmake ([a-z-]+)", page.read_text()))
    assert shown <= targets
