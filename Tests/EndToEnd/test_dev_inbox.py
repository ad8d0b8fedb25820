"""The developer's inbox, and the mode in which there is none because the server will not start."""

from __future__ import annotations

import re

import pytest

from harness import Server, code_in, phone_client, standard_clients


def inbox(server: Server) -> list[dict]:
    reply = server.http.get("/dev/inbox.json")
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert "no-store" in reply.headers["cache-control"]
    return reply.json()["messages"]


@pytest.mark.single_node("the inbox of development shows what one process sent")
def test_the_inbox_shows_the_texts_newest_first(start_server):
    server = start_server()
    assert inbox(server) == []
    logins = [server.login() for _ in range(4)]
    for login in logins:
        login.request()
        login.text()
    shown = inbox(server)
    assert [message["to"] for message in shown] == [login.number for login in reversed(logins)]
    assert len({message["id"] for message in shown}) == 4
    for message, login in zip(shown, reversed(logins)):
        assert message["body"] == login.text()["body"]
        assert message["created_at"]


@pytest.mark.single_node("the inbox of development shows what one process sent")
def test_a_login_can_be_finished_with_the_inbox_alone(server: Server):
    login = server.login()
    assert login.request().status_code == 200
    login.text()
    mine = next(message for message in inbox(server) if message["to"] == login.number)
    assert login.confirm(code_in(mine)).status_code == 200


@pytest.mark.single_node("the inbox of development shows what one process sent")
def test_a_resend_is_on_top(server: Server):
    login = server.login()
    for count in (1, 2):
        login.request()
        login.text()
        assert len([message for message in inbox(server) if message["to"] == login.number]) == count
    assert inbox(server)[0]["to"] == login.number


def test_the_inbox_is_for_reading(server: Server):
    assert server.http.post("/dev/inbox.json", json={}).status_code in (404, 405)


# MARK: production


@pytest.fixture
def unready(start_server) -> Server:
    """Everything production forbids: a file for a provider, a plaintext secret, an http redirect, no key."""
    clients = [*standard_clients(), phone_client("insecure", redirect_uris=["http://insecure.example/callback"])]
    return start_server(clients=clients, started_=False)


def test_production_refuses_to_start_and_lists_all_problems_at_once(unready: Server):
    done = unready.command("serve", "--production", timeout=15)
    assert done.returncode not in (0, None)
    said = done.stdout + done.stderr
    for problem, words in {
        "the development connector": r"connector|outbox",
        "the plaintext secret": r"secret",
        "the http redirect": r"redirect|http://insecure\.example",
        "the missing key": r"\bkeys?\b",
    }.items():
        assert re.search(words, said, re.IGNORECASE), f"{problem} is not among the problems:\n{said}"
    assert "web-basic" in said, "which client has the plaintext secret"
    assert "insecure" in said, "which client has the http redirect"
    assert "secret-of-web-basic" not in said, "without repeating it"


def test_a_public_https_issuer_is_production_too(unready: Server):
    unready.environment["DENWA_ISSUER"] = "https://login.denwa.example"
    done = unready.command("serve", timeout=15)
    assert done.returncode not in (0, None)
    assert re.search(r"connector|outbox", done.stdout + done.stderr, re.IGNORECASE)


def test_a_refused_start_leaves_no_key_and_no_database(unready: Server):
    """A check that makes what it misses would pass the second time."""
    first = unready.command("serve", "--production", timeout=15)
    second = unready.command("serve", "--production", timeout=15)
    assert first.returncode == second.returncode != 0
    assert not unready.keys.exists() or not list(unready.keys.rglob("*.pem"))
