"""PlayFab beside a login: its ticket is in the token when it answers, and no login fails when it does not."""

from __future__ import annotations

import json
import time
from typing import Any, Iterator

import jwt
import pytest

from harness import Server, at_once, eventually, fresh_number, machine_client, standard_clients
from providers.scripted import (
    Behaviour, Exchange, HTTPFake, answer, close_at_once, close_mid_reply, flood, hang, nonsense,
    promise_more_than_there_is, redirect,
)

SECRET = "PLAYFAB7SECRET7KEY7Q4Z9WMX3T8"
TICKET = "8A6F3E--1-T1TL3-TICKET-of-"


def gives_a_ticket() -> Behaviour:
    """As PlayFab answers Server/LoginWithServerCustomId."""

    def act(exchange: Exchange) -> None:
        subject = json.loads(exchange.received.body)["ServerCustomId"]
        data = {"SessionTicket": TICKET + subject, "PlayFabId": "8A6F3E", "NewlyCreated": True}
        exchange.reply(200, json.dumps({"code": 200, "status": "OK", "data": data}).encode())

    return Behaviour("gives a ticket", act)


def says(status: int, document: Any) -> Behaviour:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Behaviour(f"says {status}", lambda exchange: exchange.reply(status, body))


class PlayFab(HTTPFake):
    def __init__(self) -> None:
        super().__init__(gives_a_ticket())


@pytest.fixture(scope="module")
def playfab() -> Iterator[PlayFab]:
    fake = PlayFab()
    yield fake
    fake.stop()


@pytest.fixture(scope="module")
def gaming(start_module_server, playfab: PlayFab) -> Server:
    return start_module_server(
        clients=[*standard_clients(), machine_client("any-scope")],
        DENWA_PLAYFAB_TITLE_ID="T1TL3",
        DENWA_PLAYFAB_SECRET_KEY=SECRET,
        DENWA_PLAYFAB_BASE_URL=playfab.url,
        DENWA_LOG_LEVEL="trace",
    )


@pytest.fixture(autouse=True)
def in_good_health(playfab: PlayFab) -> Iterator[None]:
    yield
    playfab.behave(gives_a_ticket())


def claims_of(tokens: dict[str, Any]) -> dict[str, Any]:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})


# MARK: it answers


@pytest.mark.parametrize("client", ["40017", "xsolla", "web-basic"])
def test_the_ticket_is_a_claim_of_the_token(gaming: Server, playfab: PlayFab, client: str):
    before = playfab.count()
    tokens = gaming.login(client, scope="playfab offline").tokens()
    claims = claims_of(tokens)
    assert claims["session_ticket"] == TICKET + claims["sub"]
    assert "playfab" in tokens["scope"].split()
    assert "session_ticket" not in tokens
    (request,) = playfab.received[before:]
    assert (request.method, request.path) == ("POST", "/Server/LoginWithServerCustomId")
    assert request.headers["x-secretkey"] == SECRET
    assert request.headers["content-type"].split(";")[0] == "application/json"
    assert json.loads(request.body) == {"ServerCustomId": claims["sub"], "CreateAccount": True}


def test_the_same_person_is_the_same_player(gaming: Server, playfab: PlayFab):
    number = fresh_number()
    before = playfab.count()
    for client in ("40017", "other-game"):
        gaming.login(client, number, scope="playfab").tokens()
    players = {json.loads(request.body)["ServerCustomId"] for request in playfab.received[before:]}
    assert len(players) == 1


def test_a_refreshed_token_has_a_ticket_too(gaming: Server):
    tokens = gaming.login(scope="playfab offline").tokens()
    renewed = gaming.refresh("40017", tokens["refresh_token"])
    assert renewed.status_code == 200
    claims = claims_of(renewed.json())
    assert claims["session_ticket"] == TICKET + claims["sub"]


def test_without_the_scope_it_is_never_called(gaming: Server, playfab: PlayFab):
    before = playfab.count(), playfab.connections
    for scope in (None, "offline", "playfabric play fab PLAYFAB", "playfab:read"):
        assert "session_ticket" not in claims_of(gaming.login(scope=scope).tokens())
    machine = gaming.client_credentials("any-scope", scope="playfab")
    assert machine.status_code in (200, 400), "a client without a person is no player"
    assert (playfab.count(), playfab.connections) == before


def test_a_code_that_is_not_redeemed_makes_no_player(gaming: Server, playfab: PlayFab):
    before = playfab.count()
    login = gaming.login(scope="playfab")
    code = login.authorization_code()
    form = {"grant_type": "authorization_code", "code": code}
    assert gaming.token("other-game", form).status_code == 400
    assert gaming.token("40017", form | {"code": "x" + code}).status_code == 400
    assert playfab.count() == before


# MARK: it does not


ERROR = {"code": 401, "status": "Unauthorized", "error": "NotAuthenticated", "errorCode": 1074}

BAD = {
    "500": answer(500),
    "401": says(401, ERROR),
    "429": says(429, {"code": 429, "error": "APIClientRequestRateLimitExceeded"}),
    "503 in HTML": says(503, b"<html><h1>Service Unavailable</h1></html>"),
    "an error with status 200": says(200, ERROR),
    "no ticket": says(200, {"code": 200, "status": "OK", "data": {}}),
    "no data": says(200, {"code": 200, "status": "OK"}),
    "data of another type": says(200, {"code": 200, "data": [1, 2]}),
    "a ticket of another type": says(200, {"code": 200, "data": {"SessionTicket": {"a": 1}}}),
    "an empty ticket": says(200, {"code": 200, "data": {"SessionTicket": ""}}),
    "null": says(200, None),
    "JSON that is cut off": says(200, b'{"code":200,"data":{"SessionTicket":"abc'),
    "JSON too deep": says(200, b'{"data":' * 20_000),
    "nothing": says(200, b""),
    "no UTF-8": says(200, b'{"data":{"SessionTicket":"\xff\xfe"}}'),
    "nonsense": nonsense(),
    "closes at once": close_at_once(),
    "closes in the middle of the reply": close_mid_reply(),
    "promises more than it sends": promise_more_than_there_is(),
    "sends 100 MB": flood(),
}


def assert_logs_in_without(server: Server, **more: Any) -> None:
    said = server.log().lower().count("playfab")
    tokens = server.login(scope="playfab offline", **more).tokens()
    assert "session_ticket" not in claims_of(tokens)
    assert server.is_active(tokens["access_token"])
    eventually("the log says why", lambda: server.log().lower().count("playfab") > said, timeout=5)


@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
def test_whatever_it_answers_the_login_succeeds(gaming: Server, playfab: PlayFab, behaviour: Behaviour):
    playfab.behave(behaviour)
    before = playfab.count()
    assert_logs_in_without(gaming)
    assert playfab.count() > before
    assert playfab.floods_taken == 0


def test_a_redirect_is_not_followed_with_the_key(gaming: Server, playfab: PlayFab):
    elsewhere = HTTPFake(gives_a_ticket())
    try:
        for status in (301, 302, 307, 308):
            playfab.behave(redirect(f"{elsewhere.url}/Server/LoginWithServerCustomId", status))
            assert_logs_in_without(gaming)
        assert elsewhere.connections == 0
    finally:
        elsewhere.stop()


def test_when_it_is_down_the_login_succeeds(gaming: Server, playfab: PlayFab):
    playfab.stop()
    try:
        assert_logs_in_without(gaming)
    finally:
        playfab.start()
    assert "session_ticket" in claims_of(gaming.login(scope="playfab").tokens()), "back again"


def test_when_it_is_slow_nobody_waits_long_and_others_not_at_all(gaming: Server, playfab: PlayFab):
    playfab.behave(hang(60))
    others = [gaming.login() for _ in range(4)]

    def run(index: int) -> tuple[float, bool]:
        player = index < 12
        login = gaming.login(scope="playfab") if player else others[index - 12]
        code = login.authorization_code()
        began = time.monotonic()
        reply = login.token(code)
        assert reply.status_code == 200, reply.text
        return time.monotonic() - began, "session_ticket" in claims_of(reply.json())

    timed = at_once(16, run)
    assert not any(ticket for _, ticket in timed)
    assert max(seconds for seconds, _ in timed[:12]) < 10, "given up after three seconds"
    slowest = max(seconds for seconds, _ in timed[12:])
    assert slowest < min(seconds for seconds, _ in timed[:12]), "who does not play does not wait"


def test_a_server_without_playfab_gives_no_ticket(server: Server):
    tokens = server.login(scope="playfab").tokens()
    assert "session_ticket" not in claims_of(tokens)


# MARK: the key


def test_the_secret_key_is_in_no_log_and_in_no_file(gaming: Server):
    """The last test here, after all that went wrong above, with all of it logged."""
    said = gaming.log() + "\n".join(gaming.developer_log())
    assert "playfab" in said.lower()
    assert SECRET not in said
    assert TICKET not in said, "a ticket signs a player in"
    holding = [
        path.name for path in gaming.directory.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert holding == []
    shown = gaming.command("config", "check")
    assert SECRET not in shown.stdout + shown.stderr
    shown = gaming.command("doctor")
    assert SECRET not in shown.stdout + shown.stderr
