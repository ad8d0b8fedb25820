"""The vonage connector before a Vonage whose password check is Vonage's own."""

from __future__ import annotations

from typing import Any, Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter
from vonage_http_client.auth import Auth
from vonage_http_client.http_client import HttpClient

from harness import StartServer, code_in, phone_client, standard_clients
from providers.oracles.fake import Received, Reply
from providers.oracles.table import (
    COMMON_ROWS, MISCONFIGURED, REFUSED, THROTTLED, UNREACHABLE, UNREADABLE_ROWS, Row, Stage, Table, begin,
    closed_address, messaging, mobile_in, says, try_out, wait_for,
)
from providers.oracles.vonage import Vonage

KEY, SECRET, SENDER = "abcd1234", "s3cret:with&odd=signs+", "Denwa"

#: GSM 03.38: the alphabet and its extension.
GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà" "\f^{}\\[~]|€"
)

ROWS = [
    Row("1, throttled,", THROTTLED, says(Vonage.failure("1"))),
    Row("3, invalid parameter,", REFUSED, says(Vonage.failure("3"))),
    Row("6, invalid message,", REFUSED, says(Vonage.failure("6"))),
    Row("7, number barred,", REFUSED, says(Vonage.failure("7"))),
    Row("4, invalid credentials,", MISCONFIGURED, says(Vonage.failure("4"))),
    Row("8, account barred,", MISCONFIGURED, says(Vonage.failure("8"))),
    Row("9, quota used up,", MISCONFIGURED, says(Vonage.failure("9"))),
    Row("5, internal error,", UNREACHABLE, says(Vonage.failure("5"))),
    Row("no message at all", UNREACHABLE, says(Reply.of({"message-count": "0", "messages": []}))),
    *UNREADABLE_ROWS,
    *COMMON_ROWS,
]


def connector(provider: Vonage, **more: Any) -> dict[str, Any]:
    return {
        "type": "vonage", "apiKey": KEY, "apiSecret": SECRET, "from": SENDER, "baseURL": provider.url,
    } | more


def texted(received: Received) -> str:
    return code_in({"body": received.form["text"]})


@pytest.fixture(scope="module")
def stage(start_module_server: StartServer) -> Iterator[Stage]:
    clients = [
        *standard_clients(),
        phone_client("extended", client_name="Café [€]{~}|Ω"),
        phone_client("beyond", client_name="Crêpe"),
    ]
    with Vonage(KEY, SECRET) as provider:
        server = start_module_server(
            clients=clients, VONAGE_SECRET=SECRET,
            **messaging(
                connector(provider, name="wrong-secret", countries=["DE"], apiSecret="another"),
                connector(provider, name="behind-a-path", countries=["FR"], baseURL=provider.url + "/proxy"),
                connector(provider, countries=["CN", "JP", "US"], apiSecret={"env": "VONAGE_SECRET"}),
            ),
        )
        yield Stage(server, provider)


@pytest.fixture(scope="module")
def table(start_module_server: StartServer) -> Iterator[Table]:
    taken = Vonage.failure("0")
    with Vonage(KEY, SECRET) as provider, Vonage(KEY, SECRET) as elsewhere:
        yield Table.start(start_module_server, provider, elsewhere, taken, ROWS, connector(provider),
                          baseURL=closed_address())


# MARK: what is sent


@pytest.mark.parametrize("number", ["+8613812345678", "+819012345678", "+12015550123"])
def test_a_text_goes_to_the_bare_digits_and_lives_as_long_as_its_code(stage: Stage, number: str):
    login = begin(stage.server.login(number=number))
    received = stage.provider.wait(number)
    form = received.form
    assert set(form) - {"type"} == {"to", "from", "text", "client-ref", "ttl"}, "no callback without receipts"
    assert received.target == "/sms/json"
    assert form["to"] == number.removeprefix("+")
    assert form["from"] == SENDER
    assert 170_000 <= int(form["ttl"]) <= 180_000
    code = texted(received)
    assert form["client-ref"] and code not in form["client-ref"]
    wait_for(login, "sent")
    assert login.confirm(code).status_code == 200
    assert stage.server.outbox.messages(number) == [], "no other connector had it"


@pytest.mark.parametrize("locale", ["en", "ja", "zh"])
@pytest.mark.parametrize("client", ["40017", "extended", "beyond"])
def test_a_text_outside_gsm_7_is_announced_as_unicode(stage: Stage, client: str, locale: str):
    login = begin(stage.server.login(client, number=mobile_in("JP"), query={"ui_locales": locale}))
    form = stage.provider.wait(login.number).form
    plain = set(form["text"]) <= GSM_7
    assert form.get("type", "text") == ("text" if plain else "unicode"), form["text"]
    if client == "beyond" or locale == "ja":
        assert not plain
    assert stage.server.client(client)["client_name"] in form["text"]


def test_a_base_url_may_have_a_path(stage: Stage):
    number = mobile_in("FR")
    begin(stage.server.login(number=number))
    assert stage.provider.wait(number).target == "/proxy/sms/json"


def test_after_a_wrong_secret_the_next_connector_has_the_text(stage: Stage):
    login = begin(stage.server.login(number=mobile_in("DE")))
    code = code_in(login.text())
    [attempt] = stage.provider.texts(login.number)
    assert attempt.problem == "Bad Credentials"
    assert login.confirm(code).status_code == 200


# MARK: what may go wrong


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_vonage_says_decides_where_the_text_goes(table: Table, row: Row):
    table.check(row, texted)


# MARK: the command


def test_the_command_names_the_outcome_of_every_answer(table: Table):
    table.check_by_command()


def test_the_command_sends_one_text_and_shows_vonages_answer(stage: Stage):
    number = mobile_in("JP")
    status, printed = try_out(stage.server, "vonage", number)
    assert status == 0, printed
    assert stage.provider.wait(number).message_id in printed

    stage.provider.answer(number, Vonage.failure("9", "Marker-3f9b: quota exceeded"))
    status, printed = try_out(stage.server, "vonage", number)
    assert status == 1, printed
    assert "Marker-3f9b" in printed


# MARK: the oracle itself


class WithoutTLS(HTTPAdapter):
    """Vonage's client speaks https only."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **more)


def test_vonages_own_client_passes_here_and_with_another_secret_it_does_not():
    def send(secret: str) -> str:
        client = HttpClient(Auth(api_key=KEY, api_secret=secret),
                            {"rest_host": provider.url.removeprefix("http://")})
        client._session.mount("https://", WithoutTLS())
        client._session.trust_env = False
        text = {"to": "819012345678", "from": SENDER, "text": "123456"}
        return client.post(client.rest_host, "/sms/json", text, "basic", "form")["messages"][0]["status"]

    with Vonage(KEY, SECRET) as provider:
        assert send(SECRET) == "0"
        assert send("another") == "4"
