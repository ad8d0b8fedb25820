"""The webhook connector: what somebody's own service gets, how it is signed, and what its answers mean."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timezone
from email.message import Message
from typing import Iterator

import pytest

from harness import StartServer, assert_refused, at_once, code_in, phone_client, standard_clients
from providers.oracles.fake import Received, Reply
from providers.oracles.table import (
    COMMON_ROWS, MISCONFIGURED, REFUSED, THROTTLED, UNREACHABLE, Row, Stage, Table, begin, closed_address,
    logged_with, messaging, mobile_in, says, state, state_of, try_out, wait_for,
)
from providers.oracles.webhook import FORGED, Webhook, signature

SECRET = "whsec-9f+/=電話"

MEMBERS = {"id", "to", "body", "template", "locale", "code_length", "expires_at", "client_id"}

OUTCOMES = {
    REFUSED: [400, 401, 403, 404, 410, 422],
    THROTTLED: [429],
    UNREACHABLE: [501, 502, 504],
}
ROWS = [
    *(Row(f"status {status}", outcome, says(Reply.of({"error": "no"}, status)))
      for outcome, statuses in OUTCOMES.items() for status in statuses),
    Row("a 429 with Retry-After", THROTTLED, says(Reply(429, b"", {"Retry-After": "30"}))),
    Row("a 301 to elsewhere", MISCONFIGURED,
        lambda case: Reply(301, b"", {"Location": case.elsewhere})),
    *COMMON_ROWS,
]


@pytest.fixture(scope="module")
def stage(start_module_server: StartServer) -> Iterator[Stage]:
    clients = [
        *standard_clients(),
        phone_client("hostile", client_name="Free\u202eGame\r\nvisit\u2028https://evil.example/now\u0000"),
    ]
    with Webhook(SECRET) as provider:
        server = start_module_server(
            clients=clients, WEBHOOK_SECRET=SECRET,
            **messaging(
                provider.connector(name="wrong-secret", countries=["DE"], secret="another"),
                provider.connector(name="closed", countries=["ES"], url=closed_address() + "/texts"),
                provider.connector(name="slow", countries=["FR"], timeoutSeconds=2),
                provider.connector(countries=["CN", "JP"], secret={"env": "WEBHOOK_SECRET"}),
            ),
        )
        yield Stage(server, provider)


@pytest.fixture(scope="module")
def table(start_module_server: StartServer) -> Iterator[Table]:
    taken = Reply.of({"accepted": True})
    with Webhook(SECRET) as provider, Webhook(SECRET) as elsewhere:
        yield Table.start(start_module_server, provider, elsewhere, taken, ROWS, provider.connector(),
                          url=closed_address() + "/hooks/texts")


def texted(received: Received) -> str:
    return code_in(received.json)


# MARK: what is sent


@pytest.mark.parametrize("number", ["+8613812345678", "+819012345678"])
def test_a_text_is_a_signed_json_object_with_exactly_these_members(stage: Stage, number: str):
    before = time.time()
    login = begin(stage.server.login(number=number))
    received = stage.provider.wait(number)
    body = received.json
    assert set(body) == MEMBERS, "no callback_url without receipts"
    assert body["to"] == number
    assert body["template"] == "sign_in_code"
    assert body["locale"] == "en"
    assert body["code_length"] == 6
    assert body["client_id"] == login.client_id
    assert isinstance(body["id"], str) and len(body["id"]) >= 16
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", body["expires_at"])
    expires = datetime.fromisoformat(body["expires_at"]).astimezone(timezone.utc).timestamp()
    assert before + 178 <= expires <= time.time() + 181
    code = texted(received)
    assert code not in body["id"]
    wait_for(login, "sent")
    assert login.confirm(code).status_code == 200
    assert stage.server.outbox.messages(number) == [], "no other connector had it"


def test_a_text_with_a_link_says_so_and_is_in_the_language_asked_for(stage: Stage):
    login = stage.server.login("linked", number=mobile_in("JP"), query={"ui_locales": "ja"})
    begin(login, send_link=True, link_url="https://linked.example/open")
    body = stage.provider.wait(login.number).json
    assert body["template"] == "sign_in_code_and_link"
    assert body["locale"] == "ja"
    assert "https://linked.example/open?" in body["body"]
    assert re.search("[\u3040-\u30ff]", body["body"])


def test_a_resend_is_another_message_with_the_same_code(stage: Stage):
    login = stage.server.login(number=mobile_in("JP"))
    begin(login)
    begin(login)
    stage.provider.wait(login.number, 2)
    first, second = stage.provider.texts(login.number)
    assert texted(first) == texted(second)
    assert first.json["id"] != second.json["id"]
    assert first.json["expires_at"] == second.json["expires_at"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_means_that_the_text_is_taken(stage: Stage, status: int):
    login = stage.server.login(number=mobile_in("JP"))
    stage.provider.answer(login.number, Reply(status, b"" if status == 204 else b"thanks"))
    begin(login)
    stage.provider.wait(login.number)
    wait_for(login, "sent")
    assert stage.server.outbox.messages(login.number) == []


def test_a_reply_just_under_64_kib_is_read(stage: Stage):
    login = stage.server.login(number=mobile_in("JP"))
    stage.provider.answer(login.number, Reply.of({"accepted": True}).padded(65_000))
    begin(login)
    wait_for(login, "sent")
    assert len(stage.provider.texts(login.number)) == 1
    assert stage.server.outbox.messages(login.number) == []


def test_the_url_may_have_a_query_that_arrives_as_it_is(start_server: StartServer):
    with Webhook(SECRET, target="/texts?tenant=7&key=a%2Fb%3D") as provider:
        server = start_server(**messaging(provider.connector()))
        login = begin(server.login(number=mobile_in("JP")))
        assert login.confirm(texted(provider.wait(login.number))).status_code == 200


# MARK: what may go wrong


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_status_decides_where_the_text_goes(table: Table, row: Row):
    table.check(row, texted)


def test_a_wrong_secret_is_seen_by_the_service_and_its_401_is_final(stage: Stage):
    login = begin(stage.server.login(number=mobile_in("DE")))
    wait_for(login, "failed")
    [attempt] = stage.provider.texts(login.number)
    assert attempt.problem == FORGED
    assert stage.server.outbox.messages(login.number) == []


def test_a_service_that_is_back_gets_the_same_message_again(start_server: StartServer):
    with Webhook(SECRET) as provider:
        alone = json.dumps([provider.connector()])
        server = start_server(DENWA_MESSAGING_CONNECTORS=alone, DENWA_GUARD_MODE="off")
        login = server.login(number=mobile_in("JP"))
        provider.answer(login.number, Reply(503), Reply(429), Reply(200))
        begin(login)
        provider.wait(login.number)
        assert state_of(login) == "queued", "what is tried again is neither sent nor failed"
        provider.wait(login.number, 3, timeout=20)
        wait_for(login, "sent")
        first, second, third = provider.texts(login.number)
        assert first.json == second.json == third.json
        assert second.at - first.at >= 0.5, "about one second, with jitter"
        assert third.at - second.at >= 1, "about two"
        assert login.confirm(texted(third)).status_code == 200


def test_a_closed_port_is_passed_over_at_once(stage: Stage):
    login = stage.server.login(number=mobile_in("ES"))
    began = time.monotonic()
    begin(login)
    login.text()
    assert time.monotonic() - began < 2, "nobody needs to wait to learn that nobody listens"


def test_a_slow_service_slows_nobody_else(stage: Stage):
    """Thirty people wait for a service that says nothing; the others do not notice."""
    slow = [stage.server.login(number=mobile_in("FR")) for _ in range(30)]
    for login in slow:
        stage.provider.answer(login.number, Reply(after=20))

    def run(index: int) -> float:
        began = time.monotonic()
        begin(slow[index])
        return time.monotonic() - began

    assert max(at_once(len(slow), run)) < 2, "a request does not wait for its text"
    stage.provider.wait(slow[0].number)
    for _ in range(3):
        began = time.monotonic()
        other = begin(stage.server.login(number=mobile_in("JP")))
        assert other.confirm(texted(stage.provider.wait(other.number))).status_code == 200
        assert stage.server.client_credentials().status_code == 200
        assert time.monotonic() - began < 2.5
    [tried] = stage.provider.texts(slow[0].number)
    assert code_in(slow[0].text()) == texted(tried), "late, by the next connector"


# MARK: what nobody may smuggle


def test_nothing_a_caller_sends_becomes_text_or_language(stage: Stage):
    login = stage.server.login(
        number=mobile_in("JP"), state="visit https://evil.example\r\n\u202e",
        query={"ui_locales": "../../evil\u202e\r\nhttps://evil.example", "app": "evil", "name": "evil"},
        headers={"Accept-Language": "evil-evil, https://evil.example;q=0.9"},
    )
    begin(login, template="evil", body="evil", locale="evil", app="evil", callback_url="https://evil.example")
    received = stage.provider.wait(login.number)
    assert b"evil" not in received.body
    assert received.json["locale"] == "en"


def test_a_hostile_name_of_an_app_is_one_harmless_line(stage: Stage):
    login = begin(stage.server.login("hostile", number=mobile_in("JP")))
    body = stage.provider.wait(login.number).json["body"]
    assert "Game" in body, "the name is there"
    assert not set(body) & set("\u202e\u2028\r\u0000")
    assert "Game\n" not in body and "\nvisit" not in body
    assert "https://evil.example" not in body, "nothing in it opens when it is tapped"


def test_what_a_service_repeats_is_neither_logged_nor_told(stage: Stage):
    """Its words are of interest, the number and the code in them are not."""
    login = stage.server.login(number=mobile_in("JP"))
    stage.provider.answer(login.number, lambda received: Reply(503, b"Marker-c2a7: " + received.body))
    begin(login)
    code = code_in(login.text())
    wait_for(login, "sent")
    assert "Marker" not in state(login).text
    logged = logged_with(stage.server, "503")
    assert login.number.removeprefix("+") not in logged
    assert code not in logged
    assert SECRET not in logged


# MARK: the state of an operation


def test_the_state_is_told_to_its_client_only_and_never_stored(stage: Stage):
    login = begin(stage.server.login(number=mobile_in("JP")))
    stage.provider.wait(login.number)
    wait_for(login, "sent")
    reply = state(login)
    assert reply.headers["cache-control"] == "no-store"
    assert set(reply.json()) == {"state", "expires_in"}
    assert 170 <= reply.json()["expires_in"] <= 180

    assert_refused(state(login, client_id="other-game"), 404, "003-061")
    assert_refused(state(login, client_id="nobody"), 404, "003-061")
    path = f"/oauth2/login/phone/operation/{login.operation_id}"
    assert_refused(stage.server.http.get(path), 400, "002-028")
    wrong = ("A" if login.operation_id[0] != "A" else "B") + login.operation_id[1:]
    unknown = path.replace(login.operation_id, wrong)
    assert_refused(stage.server.http.get(unknown, params={"client_id": "40017"}), 404, "003-061")

    assert login.confirm(texted(stage.provider.texts(login.number)[0])).status_code == 200
    assert_refused(state(login), 404, "003-061")


# MARK: the command


def test_the_command_names_the_outcome_of_every_answer(table: Table):
    table.check_by_command()


def test_the_command_sends_one_text_and_shows_the_services_answer(stage: Stage):
    number = mobile_in("JP")
    stage.provider.answer(number, Reply.of({"queue": "Marker-19d0"}, 202))
    status, printed = try_out(stage.server, "webhook", number)
    assert status == 0, printed
    assert "202" in printed and "Marker-19d0" in printed
    stage.provider.wait(number)

    stage.provider.answer(number, Reply.of({"error": "Marker-8e21"}, 422))
    status, printed = try_out(stage.server, "webhook", number)
    assert status == 1, printed
    assert "422" in printed and "Marker-8e21" in printed


# MARK: the oracle itself


@pytest.mark.parametrize(
    ("body", "secret", "age", "problem"),
    [
        pytest.param(b'{"to":"+1"}', SECRET, 0, None, id="as it should be"),
        pytest.param(b'{"to":"+2"}', SECRET, 0, FORGED, id="another body"),
        pytest.param(b'{"to":"+1"}', "another", 0, FORGED, id="another secret"),
        pytest.param(b'{"to":"+1"}', SECRET, 600, "t is not now", id="an old one"),
    ],
)
def test_a_service_as_the_contract_has_it_sees_what_is_forged(
    body: bytes, secret: str, age: int, problem: str | None
):
    headers = Message()
    headers["Denwa-Signature"] = signature(secret, b'{"to":"+1"}', time.time() - age)
    with Webhook(SECRET) as provider:
        received = Received("POST", provider.target, headers, body)
        assert provider.problem_with(received) == problem
