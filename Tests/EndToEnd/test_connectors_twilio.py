"""The twilio connector before a Twilio that its own client and this project's must both please."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from harness import StartServer, code_in, phone_client, standard_clients
from providers.oracles.fake import Received, Reply
from providers.oracles.table import (
    COMMON_ROWS, MISCONFIGURED, REFUSED, THROTTLED, UNREACHABLE, UNREADABLE_ROWS, Row, Stage, Table, begin,
    closed_address, logged_with, messaging, mobile_in, says, state, try_out, wait_for,
)
from providers.oracles.twilio import Twilio

ACCOUNT, TOKEN = "AC0123456789abcdef0123456789abcdef", "f00dfeedf00dfeedf00dfeedf00dfeed"
FROM, SERVICE = "+15005550006", "MG9752274e9e519418a7406176694466fa"
#: Everything that a form encodes.
APP = "Tōkyō +&=%;~* 電話🎮"

ROWS = [
    Row("21211, no such number,", REFUSED, says(Twilio.failure(21211))),
    Row("21614, not a mobile number,", REFUSED, says(Twilio.failure(21614))),
    Row("21610, opted out,", REFUSED, says(Twilio.failure(21610))),
    Row("21408, no permission for the region,", MISCONFIGURED, says(Twilio.failure(21408))),
    Row("21612, not reachable from this sender,", MISCONFIGURED, says(Twilio.failure(21612))),
    Row("20003, wrong credentials,", MISCONFIGURED, says(Twilio.failure(20003, status=401))),
    Row("20429, too many requests,", THROTTLED, says(Twilio.failure(20429, status=429))),
    Row("a 500 with a code", UNREACHABLE, says(Twilio.failure(20500, status=500))),
    *UNREADABLE_ROWS,
    *COMMON_ROWS,
]


def connector(provider: Twilio, **more: Any) -> dict[str, Any]:
    return {
        "type": "twilio", "accountSID": ACCOUNT, "authToken": TOKEN, "from": FROM, "baseURL": provider.url,
    } | more


def texted(received: Received) -> str:
    return code_in({"body": received.form["Body"]})


@pytest.fixture(scope="module")
def stage(start_module_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    token: Path = tmp_path_factory.mktemp("twilio") / "token"
    token.write_text(TOKEN + "\n")
    with Twilio(ACCOUNT, TOKEN) as provider:
        by_service = connector(provider, name="by-service", countries=["FR"], messagingServiceSID=SERVICE,
                               baseURL=provider.url + "/proxy/twilio")
        del by_service["from"]
        server = start_module_server(
            clients=[*standard_clients(), phone_client("named", client_name=APP)],
            **messaging(
                by_service,
                connector(provider, name="wrong-token", countries=["DE"], authToken="0" * 32),
                connector(provider, countries=["JP", "US"], authToken={"file": str(token)}),
            ),
        )
        yield Stage(server, provider)


@pytest.fixture(scope="module")
def table(start_module_server: StartServer) -> Iterator[Table]:
    taken = Reply.of({"sid": "SM" + "0" * 32, "status": "queued", "error_code": None}, 201)
    with Twilio(ACCOUNT, TOKEN) as provider, Twilio(ACCOUNT, TOKEN) as elsewhere:
        yield Table.start(start_module_server, provider, elsewhere, taken, ROWS, connector(provider),
                          baseURL=closed_address())


# MARK: what is sent


@pytest.mark.parametrize("number", ["+819012345678", "+12015550123"])
def test_a_text_goes_to_the_number_in_e164_from_the_sender(stage: Stage, number: str):
    login = begin(stage.server.login(number=number))
    form = stage.provider.wait(number).form
    assert set(form) == {"To", "From", "Body", "ValidityPeriod"}, "no StatusCallback without receipts"
    assert form["From"] == FROM
    wait_for(login, "sent")
    assert login.confirm(code_in({"body": form["Body"]})).status_code == 200
    assert stage.server.outbox.messages(number) == [], "no other connector had it"


def test_a_messaging_service_takes_the_senders_place_and_a_base_url_may_have_a_path(stage: Stage):
    number = mobile_in("FR")
    begin(stage.server.login(number=number))
    received = stage.provider.wait(number)
    assert received.target == f"/proxy/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert set(received.form) == {"To", "MessagingServiceSid", "Body", "ValidityPeriod"}
    assert received.form["MessagingServiceSid"] == SERVICE


def test_the_words_arrive_as_they_are(stage: Stage):
    login = begin(stage.server.login("named", number=mobile_in("JP"), query={"ui_locales": "ja"}))
    body = stage.provider.wait(login.number).form["Body"]
    assert APP in body
    assert any("\u3040" <= letter <= "\u30ff" for letter in body)


def test_the_provider_drops_the_text_when_the_code_is_dead(stage: Stage):
    login = stage.server.login(number=mobile_in("JP"))
    begin(login)
    first = int(stage.provider.wait(login.number).form["ValidityPeriod"])
    assert 170 <= first <= 180
    time.sleep(1.1)
    begin(login)
    second = int(stage.provider.wait(login.number, 2).form["ValidityPeriod"])
    assert 165 <= second < first, "the code of a resend is not younger"


def test_after_a_wrong_token_the_next_connector_has_the_text(stage: Stage):
    login = begin(stage.server.login(number=mobile_in("DE")))
    code = code_in(login.text())
    [attempt] = stage.provider.texts(login.number)
    assert attempt.problem == "Authenticate"
    assert login.confirm(code).status_code == 200


# MARK: what may go wrong


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_twilio_says_decides_where_the_text_goes(table: Table, row: Row):
    table.check(row, texted)


def test_twilios_words_reach_the_log_without_the_number_and_the_code(stage: Stage):
    """Providers like to repeat what they were sent."""
    login = stage.server.login(number=mobile_in("JP"))
    stage.provider.answer(login.number, lambda received: Twilio.failure(
        21408, f"Marker-8d2c: the 'To' number {received.form['To']} may not get \"{received.form['Body']}\"",
    ))
    begin(login)
    code = code_in(login.text())
    wait_for(login, "sent")
    assert "Marker" not in state(login).text
    logged = logged_with(stage.server, "21408")
    assert login.number.removeprefix("+") not in logged
    assert code not in logged
    assert TOKEN not in logged


# MARK: the command


def test_the_command_names_the_outcome_of_every_answer(table: Table):
    table.check_by_command()


def test_the_command_sends_one_text_and_shows_twilios_answer(stage: Stage):
    number = mobile_in("JP")
    status, printed = try_out(stage.server, "twilio", number, "--locale", "ja")
    received = stage.provider.wait(number)
    assert status == 0, printed
    assert received.message_id in printed
    assert any("\u3040" <= letter <= "\u30ff" for letter in received.form["Body"])

    stage.provider.answer(number, Twilio.failure(21614, "Marker-51aa is not a mobile number"))
    status, printed = try_out(stage.server, "twilio", number)
    assert status == 1, printed
    assert "21614" in printed and "Marker-51aa" in printed


def test_the_command_masks_the_number_in_the_answer(stage: Stage):
    number = mobile_in("JP")
    _, printed = try_out(stage.server, "twilio", number)
    assert stage.provider.wait(number).message_id in printed
    assert number.removeprefix("+") not in printed


def test_the_command_names_the_connectors_when_there_is_none_of_that_name(stage: Stage):
    status, printed = try_out(stage.server, "twillio", mobile_in("JP"))
    assert status != 0
    assert "by-service" in printed


# MARK: the oracle itself


def test_twilios_own_client_passes_here_and_with_another_token_it_does_not():
    def send(token: str) -> str:
        client = Client(ACCOUNT, token)
        client.api.base_url = provider.url
        return client.messages.create(to="+12015550123", from_=FROM, body=APP, validity_period=17).status

    with Twilio(ACCOUNT, TOKEN) as provider:
        assert send(TOKEN) == "queued"
        assert provider.received[-1].problem is None
        assert provider.received[-1].form["Body"] == APP
        with pytest.raises(TwilioRestException) as refused:
            send("0" * 32)
        assert refused.value.code == 20003


def test_the_published_example_of_a_signature_comes_out():
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675310", "Digits": "1234",
            "From": "+14158675310", "To": "+18005551212"}
    with Twilio(ACCOUNT, "12345") as provider:
        made = provider.signature("https://mycompany.com/myapp.php?foo=1&bar=2", form)
    assert made == "GvWf1cFY/Q7PnoempGyD5oXAezc="
