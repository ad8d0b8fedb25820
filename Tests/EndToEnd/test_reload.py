"""SIGHUP reads clients.json again; a file that cannot be taken leaves the running set alone."""

from __future__ import annotations

import json

import pytest

from harness import (
    Server, assert_oauth_error, assert_refused, eventually, machine_client, phone_client, standard_clients,
)

pytestmark = pytest.mark.nodes


def knows(server: Server, client_id: str) -> bool:
    reply = server.login(client_id).request()
    if reply.status_code == 404:
        assert_refused(reply, 404, "003-061")
    else:
        assert reply.status_code == 200, reply.text
    return reply.status_code == 200


@pytest.fixture
def own(start_server) -> Server:
    return start_server()


def test_a_new_client_works_after_sighup_and_not_before(own: Server):
    own.write_clients([*own.clients, phone_client("newcomer")])
    assert not knows(own, "newcomer")
    own.reload()
    eventually("the new client is known", lambda: knows(own, "newcomer"))
    assert own.login("newcomer").token().status_code == 200
    assert own.login("40017").token().status_code == 200


def test_a_changed_client_changes_and_a_removed_one_is_gone(own: Server):
    code = own.login("other-game").authorization_code()
    tokens = own.login("40017", scope="offline").tokens()
    changed = [client for client in own.clients if client["client_id"] != "other-game"]
    changed = [
        client | {"redirect_uris": ["https://moved.example/callback"]} if client["client_id"] == "40017" else client
        for client in changed
    ]
    before = own.clients
    own.write_clients(changed)
    own.reload()
    eventually("the removed client is gone", lambda: not knows(own, "other-game"))
    assert own.login("40017").login_url().startswith("https://moved.example/callback?code=")
    assert own.refresh("40017", tokens["refresh_token"]).status_code == 200, "its logins stay"

    own.clients = before        # to ask as the client that is gone
    refused = own.token("other-game", {"grant_type": "authorization_code", "code": code})
    assert_oauth_error(refused, refused.status_code, "invalid_client")


def test_a_new_secret_replaces_the_old_one(own: Server):
    own.write_clients([
        client | {"client_secret": "a-new-secret-77"} if client["client_id"] == "machine" else client
        for client in own.clients
    ])
    form = {"grant_type": "client_credentials"}
    assert own.token("machine", form, secret="a-new-secret-77").status_code == 401
    own.reload()
    eventually("the new secret works", lambda: own.token("machine", form, secret="a-new-secret-77").status_code == 200)
    assert own.token("machine", form, secret="secret-of-machine-0b1fKqR7ZxT2").status_code == 401


BROKEN = {
    "no JSON": "{ this is not JSON",
    "nothing": "",
    "cut off": json.dumps({"clients": standard_clients()})[:-40],
    "another shape": json.dumps([phone_client("intruder")]),
    "a client without an id": json.dumps({"clients": [
        phone_client("intruder"), {key: value for key, value in phone_client("x").items() if key != "client_id"}]}),
    "an id twice": json.dumps({"clients": [phone_client("intruder"), phone_client("twin"), phone_client("twin")]}),
    "redirect_uris of a wrong type": json.dumps({"clients": [
        phone_client("intruder"), phone_client("x", redirect_uris=7)]}),
    "an algorithm nobody has": json.dumps({"clients": [
        phone_client("intruder"), phone_client("x", access_token_signed_response_alg="none")]}),
}


def reload_and_wait_for_the_refusal(server: Server) -> None:
    said = server.log().count("clients")
    server.reload()
    eventually("the refusal is logged", lambda: server.log().count("clients") > said, timeout=5)


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_keeps_the_running_set_and_says_why(own: Server, content: str):
    own.clients_file.write_text(content)
    reload_and_wait_for_the_refusal(own)
    assert own.is_running
    assert not knows(own, "intruder"), "nor half of the new one"
    assert knows(own, "40017") and knows(own, "other-game")
    assert own.login("40017").token().status_code == 200

    # What was refused does not stand in the way of a good one.
    own.write_clients([*standard_clients(), phone_client("newcomer")])
    own.reload()
    eventually("the repaired file is taken", lambda: knows(own, "newcomer"))


def test_a_missing_file_keeps_the_running_set(own: Server):
    own.clients_file.unlink()
    reload_and_wait_for_the_refusal(own)
    own.write_clients([*standard_clients(), phone_client("newcomer")])
    assert knows(own, "40017")
    own.reload()
    eventually("the file that came back is taken", lambda: knows(own, "newcomer"))


def test_a_reload_in_the_middle_of_a_login_is_not_noticed(own: Server):
    login = own.login("40017", scope="offline")
    for step in (login.request, login.confirm):
        assert step().status_code == 200
        own.write_clients([*own.clients, machine_client(f"added-{len(own.clients)}")])
        own.reload()
    last = own.clients[-1]["client_id"]
    eventually("the reload is done", lambda: own.client_credentials(last).status_code == 200)
    assert own.login("40017", number=login.number, scope="offline").token().status_code == 200


def test_a_server_does_not_start_on_a_broken_file(start_server):
    server = start_server(started_=False)
    server.clients_file.write_text("{ this is not JSON")
    done = server.command("serve")
    assert done.returncode != 0
    assert "clients" in (done.stdout + done.stderr)
