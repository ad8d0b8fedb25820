"""Resource servers hear of revocations (`GET /oauth2/revocations`): within a second, whoever revokes, and none is
missed by one that was away."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator

import httpx
import jwt
import pytest

from harness import (
    Server, assert_oauth_error, at_once, confidential_client, eventually, machine_client, phone_client,
    secret_of,
)
from listening import Stream, streams
from test_documentation import blocks

pytestmark = pytest.mark.nodes

#: The server looks four times a second.
SOON = 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("revocations"), clients=[
        phone_client("game"),
        confidential_client("web"),
        machine_client("machine"),
        machine_client("resource-server", may_introspect=True),
        machine_client("api", protected_resources=["https://api.example/"]),
    ])
    try:
        yield server.start()
    finally:
        server.dispose()


@pytest.fixture(scope="module", autouse=True)
def quiet(server: Server) -> Iterator[Stream]:
    """Open from the first test to the last, which waits for what comes every 15 seconds."""
    with streams(server) as listen:
        yield listen()


@pytest.fixture
def listen(server: Server) -> Iterator[Callable[..., Stream]]:
    with streams(server) as listen:
        yield listen


def tokens(server: Server, client_id: str = "game") -> tuple[dict[str, Any], dict[str, str]]:
    """A new person's tokens, and what the stream will call them."""
    reply = server.login(client_id, scope="offline").tokens()
    claims = jwt.decode(reply["access_token"], options={"verify_signature": False})
    return reply, {"gid": claims["gid"], "jti": claims["jti"], "sub": claims["sub"]}


# MARK: what is told


def test_a_stream_begins_with_ready_and_is_open_at_once(server: Server, listen) -> None:
    stream = listen()
    assert stream.response.status_code == 200
    assert stream.response.headers["content-type"] == "text/event-stream"
    assert stream.response.headers["cache-control"] == "no-store"
    (ready,) = stream.wait(1, timeout=SOON)
    assert (ready.name, ready.data) == ("ready", {})
    assert ready.id.isdigit()


def test_every_kind_of_revocation_is_told_within_a_second(server: Server, listen) -> None:
    stream = listen()
    stream.wait(1)

    reply, names = tokens(server)
    server.revoke(reply["refresh_token"], "game")
    told = stream.wait_for({"gid": names["gid"]}, SOON)
    assert told.name == "revocation"

    reply, names = tokens(server)
    server.revoke(reply["access_token"], "game")
    stream.wait_for({"jti": names["jti"]}, SOON)

    token = server.client_credentials().json()["access_token"]
    server.revoke(token, "machine")
    stream.wait_for({"jti": jwt.decode(token, options={"verify_signature": False})["jti"]}, SOON)

    login = server.login("game", scope="offline")
    code = login.authorization_code()
    first = login.token(code).json()["access_token"]
    assert_oauth_error(login.token(code), 400, "invalid_grant")
    stream.wait_for({"gid": jwt.decode(first, options={"verify_signature": False})["gid"]}, SOON)

    reply, names = tokens(server)
    server.http.post("/oauth2/logout?sessions=all", headers={"Authorization": f"Bearer {reply['access_token']}"})
    stream.wait_for({"gid": names["gid"]}, SOON)

    ids = [int(event.id) for event in stream.events]
    assert ids == sorted(ids), "positions grow"


@pytest.mark.parametrize("command", [["disable"], ["sign-out"], ["delete", "--yes"]], ids=lambda words: words[0])
def test_what_another_process_revokes_is_told_within_a_second(server: Server, listen, command: list[str]) -> None:
    stream = listen()
    stream.wait(1)
    reply, names = tokens(server)
    others, _ = tokens(server)
    done = server.command("users", command[0], names["sub"], *command[1:])
    assert done.returncode == 0, done.stderr
    stream.wait_for({"gid": names["gid"]}, SOON)
    assert not server.is_active(reply["access_token"])
    assert server.is_active(others["access_token"])
    assert [event.data for event in stream.events[1:]] == [{"gid": names["gid"]}], "and nobody else's"


def test_a_login_and_a_refresh_are_no_news(server: Server, listen) -> None:
    stream = listen()
    stream.wait(1)
    reply, _ = tokens(server)
    server.refresh("game", reply["refresh_token"])
    time.sleep(0.6)
    assert len(stream.events) == 1


# MARK: coming back


def test_who_was_away_gets_what_it_missed_and_nothing_twice(server: Server, listen) -> None:
    stream = listen()
    stream.wait(1)
    seen, names = tokens(server)
    server.revoke(seen["refresh_token"], "game")
    position = stream.wait_for({"gid": names["gid"]}).id
    stream.close()

    missed = []
    for _ in range(3):
        reply, names = tokens(server)
        server.revoke(reply["refresh_token"], "game")
        missed.append({"gid": names["gid"]})
    for how in [{"headers": {"Last-Event-ID": position}}, {"params": {"last_event_id": position}}]:
        again = listen(**how)
        events = again.wait(1 + len(missed))
        assert (events[0].name, events[0].id) == ("ready", position), "it begins where the listener stopped"
        assert [event.data for event in events[1:]] == missed
        reply, names = tokens(server)
        server.revoke(reply["refresh_token"], "game")
        again.wait_for({"gid": names["gid"]})
        missed.append({"gid": names["gid"]})
        assert [event.data for event in again.events[1:]] == missed


def test_a_restart_loses_no_revocation(start_server) -> None:
    server = start_server()
    reply, names = tokens(server, "40017")
    with streams(server) as listen:
        position = listen().wait(1)[0].id
        server.end()
        assert server.command("users", "disable", names["sub"]).returncode == 0
        server.start()
        again = listen(headers={"Last-Event-ID": position})
        again.wait_for({"gid": names["gid"]})


@pytest.mark.parametrize("position", ["1000000", "-1", "not a position", "9" * 40])
def test_a_position_that_is_not_kept_means_to_forget_everything(server: Server, listen, position: str) -> None:
    reset = listen(headers={"Last-Event-ID": position}).wait(2)[1]
    assert (reset.name, reset.data) == ("reset", {})
    # From there it goes on.
    assert [event.name for event in listen(headers={"Last-Event-ID": reset.id}).wait(1)] == ["ready"]


def test_positions_older_than_what_is_kept_mean_to_forget_everything(start_server) -> None:
    server = start_server()
    for _ in range(3):
        server.revoke(tokens(server, "40017")[0]["refresh_token"], "40017")
    assert server.database.change("DELETE FROM revocation WHERE position <= 2")
    with streams(server) as listen:
        assert [event.name for event in listen(headers={"Last-Event-ID": "1"}).wait(2)] == ["ready", "reset"]
        assert [event.name for event in listen(headers={"Last-Event-ID": "2"}).wait(2)] == ["ready", "revocation"]


# MARK: who may listen, and how many


def test_strangers_hear_nothing(server: Server, listen) -> None:
    nobody = listen(by=None)
    assert_oauth_error(nobody.response, 401, "invalid_client")
    assert nobody.response.headers["www-authenticate"].startswith("Basic")
    assert_oauth_error(listen(credentials=("resource-server", "wrong")).response, 401, "invalid_client")
    assert_oauth_error(listen(credentials=("game", "")).response, 401, "invalid_client")
    for stranger in ("web", "machine"):
        assert_oauth_error(listen(stranger).response, 403, "unauthorized_client")
    in_query = listen(by=None, params={"client_id": "resource-server", "client_secret": secret_of("resource-server")})
    assert_oauth_error(in_query.response, 401, "invalid_client")
    assert listen("api").wait(1), "who serves a resource may"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_only_get_listens(server: Server, method: str) -> None:
    reply = server.http.request(method, "/oauth2/revocations", auth=("resource-server", secret_of("resource-server")))
    assert reply.status_code in (404, 405)


@pytest.mark.single_node("how many may listen is a matter of each node")
def test_many_listen_and_no_more_than_may(start_server) -> None:
    server = start_server(DENWA_REVOCATIONS_MAX_STREAMS="20")
    with streams(server) as listen:
        opened = at_once(20, lambda _: listen())
        for stream in opened:
            stream.wait(1)
        refused = listen().response
        assert_oauth_error(refused, 503, "temporarily_unavailable")
        assert int(refused.headers["retry-after"]) > 0

        reply, names = tokens(server, "40017")
        server.revoke(reply["refresh_token"], "40017")
        for stream in opened:
            stream.wait_for({"gid": names["gid"]}, SOON)

        opened[0].close()
        eventually("its place is free", lambda: listen().response.status_code == 200, timeout=3, every=0.1)


def test_streams_end_when_the_server_is_told_to_stop(start_server) -> None:
    server = start_server()
    with streams(server) as listen:
        stream = listen()
        stream.wait(1)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 3
        eventually("the stream is over", lambda: stream.is_over)


def test_the_metadata_names_it(server: Server) -> None:
    metadata = server.http.get("/.well-known/openid-configuration").json()
    assert metadata["revocation_stream_endpoint"] == f"{server.url}/oauth2/revocations"


def test_the_resource_server_of_the_documentation_works(server: Server) -> None:
    (program,) = blocks("docs/logout.md", "python")
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102
    api = names["Tokens"](server.url, "resource-server", secret_of("resource-server"), "game")
    eventually("it listens", api.is_listening)

    good, _ = tokens(server)
    bad, _ = tokens(server)
    for reply in (good, bad):
        assert api.claims(reply["access_token"])["client_id"] == "game"
    server.revoke(bad["refresh_token"], "game")
    eventually("it knows", lambda: api.claims(bad["access_token"]) is None, timeout=SOON)
    assert api.claims(good["access_token"])
    assert api.claims(good["access_token"][:-8] + "AAAAAAAA") is None

    # It did not ask for that: it does not now.
    api.metadata = api.metadata | {"introspection_endpoint": f"{server.url}/nowhere"}
    assert api.claims(good["access_token"])
    api.take("reset", {})
    with pytest.raises(httpx.HTTPStatusError):
        api.claims(good["access_token"])


def test_a_stream_has_a_comment_every_15_seconds(quiet: Stream) -> None:
    eventually("a comment", lambda: quiet.comments > 0, timeout=17)
