"""The sns connector before moto's SNS, which verifies AWS's signatures and permissions."""

from __future__ import annotations

from typing import Any, Iterator

import pytest
from botocore.exceptions import ClientError

from harness import StartServer, code_in, phone_client, standard_clients
from providers.oracles.aws import REGION, Credentials, Gate, Moto, attributes, call
from providers.oracles.fake import Received, Reply
from providers.oracles.table import (
    COMMON_ROWS, MISCONFIGURED, REFUSED, THROTTLED, UNREACHABLE, Row, Stage, Table, begin, closed_address,
    messaging, mobile_in, says, try_out, wait_for,
)

#: Everything that a canonical request could get wrong, were it the request's own encoding.
APP = "Tōkyō *+~&=%;'()! 電話🎮"

ROWS = [
    Row("Throttled", THROTTLED, says(Gate.failure("Throttled", 429))),
    Row("ThrottlingException", THROTTLED, says(Gate.failure("ThrottlingException", 400))),
    Row("InvalidParameter for the number", REFUSED, says(Gate.failure(
        "InvalidParameter", 400, "Invalid parameter: PhoneNumber Reason: is not valid to publish to"))),
    Row("AuthorizationError", MISCONFIGURED, says(Gate.failure("AuthorizationError", 403))),
    Row("InvalidClientTokenId", MISCONFIGURED, says(Gate.failure("InvalidClientTokenId", 403))),
    Row("SignatureDoesNotMatch", MISCONFIGURED, says(Gate.failure("SignatureDoesNotMatch", 403))),
    Row("ExpiredToken", MISCONFIGURED, says(Gate.failure("ExpiredToken", 403))),
    Row("InternalError", UNREACHABLE, says(Gate.failure("InternalError", 500))),
    Row("ServiceUnavailable", UNREACHABLE, says(Gate.failure("ServiceUnavailable", 503))),
    *COMMON_ROWS,
]


def connector(provider: Gate, credentials: Credentials, **more: Any) -> dict[str, Any]:
    return {"type": "sns", "region": REGION, "baseURL": provider.url} | credentials.members() | more


def texted(received: Received) -> str:
    return code_in({"body": call(received)["Message"]})


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    started = Moto(tmp_path_factory.mktemp("moto"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def stage(start_module_server: StartServer, moto: Moto) -> Iterator[Stage]:
    wrong = Credentials(moto.publisher.key, "another" + moto.publisher.secret[7:])
    nobody = Credentials("AKIAUNKNOWNUNKNOWN00", "x" * 40)
    stale = Credentials(moto.temporary.key, moto.temporary.secret, "another-token")
    with Gate(moto) as provider:
        server = start_module_server(
            clients=[*standard_clients(), phone_client("named", client_name=APP)],
            **messaging(
                connector(provider, wrong, name="wrong-secret", countries=["DE"]),
                connector(provider, moto.powerless, name="powerless", countries=["FR"]),
                connector(provider, nobody, name="unknown", countries=["ES"]),
                connector(provider, stale, name="wrong-token", countries=["SE"]),
                connector(provider, moto.temporary, name="temporary", countries=["TW"], senderID="Denwa"),
                connector(provider, moto.publisher, countries=["CN", "JP"]),
            ),
        )
        yield Stage(server, provider)


@pytest.fixture(scope="module")
def table(start_module_server: StartServer, moto: Moto) -> Iterator[Table]:
    taken = Reply(200, (
        b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
        b"<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult></PublishResponse>"
    ), {"Content-Type": "text/xml"})
    with Gate(moto) as provider, Gate(moto) as elsewhere:
        yield Table.start(start_module_server, provider, elsewhere, taken, ROWS,
                          connector(provider, moto.publisher), baseURL=closed_address())


# MARK: what is sent


@pytest.mark.parametrize("number", ["+819012345678", "+8613812345678"])
def test_sns_takes_a_signed_text_to_the_number_in_e164(stage: Stage, number: str):
    login = begin(stage.server.login(number=number))
    received = stage.provider.wait(number)
    [message] = stage.provider.moto.messages(number)
    assert message["message_id"] == received.message_id
    assert attributes(received) == {"AWS.SNS.SMS.SMSType": "Transactional"}
    wait_for(login, "sent")
    assert login.confirm(code_in({"body": message["message"]})).status_code == 200
    assert stage.server.outbox.messages(number) == [], "no other connector had it"


def test_the_call_is_the_one_of_the_contract(stage: Stage):
    number = mobile_in("JP")
    begin(stage.server.login(number=number))
    received = stage.provider.wait(number)
    assert (received.method, received.path) == ("POST", "/")
    assert call(received)["Action"] == "Publish"
    assert received.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert f"/{REGION}/sns/aws4_request" in received.headers["Authorization"]


def test_temporary_credentials_bring_their_token_and_a_sender_is_named(stage: Stage):
    number = mobile_in("TW")
    login = begin(stage.server.login(number=number))
    received = stage.provider.wait(number)
    assert received.headers["X-Amz-Security-Token"] == stage.provider.moto.temporary.token
    assert attributes(received) == {
        "AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": "Denwa",
    }
    [message] = stage.provider.moto.messages(number)
    assert login.confirm(code_in({"body": message["message"]})).status_code == 200


def test_the_words_arrive_as_they_are(stage: Stage):
    login = begin(stage.server.login("named", number=mobile_in("JP"), query={"ui_locales": "ja"}))
    stage.provider.wait(login.number)
    [message] = stage.provider.moto.messages(login.number)
    assert APP in message["message"]
    assert any("\u3040" <= letter <= "\u30ff" for letter in message["message"])


@pytest.mark.parametrize(
    ("country", "complaint"),
    [
        pytest.param("DE", "SignatureDoesNotMatch", id="a wrong secret"),
        pytest.param("FR", "AccessDenied", id="a user who may not publish"),
        pytest.param("ES", "InvalidClientTokenId", id="an unknown key"),
        pytest.param("SE", "InvalidClientTokenId", id="a wrong session token"),
    ],
)
def test_after_wrong_credentials_the_next_connector_has_the_text(stage: Stage, country: str, complaint: str):
    login = begin(stage.server.login(number=mobile_in(country)))
    code = code_in(login.text())
    [attempt] = stage.provider.texts(login.number)
    assert f"<Code>{complaint}</Code>" in attempt.problem
    assert stage.provider.moto.messages(login.number) == []
    assert login.confirm(code).status_code == 200


# MARK: what may go wrong


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_sns_says_decides_where_the_text_goes(table: Table, row: Row):
    table.check(row, texted)


# MARK: the command


def test_the_command_names_the_outcome_of_every_answer(table: Table):
    table.check_by_command()


def test_the_command_sends_one_text_and_shows_the_answer_of_sns(stage: Stage):
    number = mobile_in("JP")
    status, printed = try_out(stage.server, "sns", number)
    assert status == 0, printed
    assert stage.provider.wait(number).message_id in printed
    assert len(stage.provider.moto.messages(number)) == 1

    number = mobile_in("DE")
    status, printed = try_out(stage.server, "wrong-secret", number)
    assert status == 1, printed
    assert "SignatureDoesNotMatch" in printed
    assert stage.provider.moto.messages(number) == []


# MARK: the oracle itself


def test_amazons_own_client_passes_here_and_with_another_secret_it_does_not(moto: Moto):
    with Gate(moto) as gate:
        number = mobile_in("SE")
        sent = moto.client("sns", moto.publisher, gate.url).publish(PhoneNumber=number, Message=APP)
        assert [message["message_id"] for message in moto.messages(number)] == [sent["MessageId"]]
        forger = moto.client("sns", Credentials(moto.publisher.key, "x" * 40), gate.url)
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            forger.publish(PhoneNumber=number, Message=APP)
        assert len(moto.messages(number)) == 1
