"""The aliyun connector before an Aliyun that recomputes every signature with Aliyun's own SDKs."""

from __future__ import annotations

import json
from typing import Any, Iterator

import pytest
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from harness import StartServer, code_in, eventually, phone_client, standard_clients
from providers.oracles.aliyun import Aliyun, template_parameters, v1_signature
from providers.oracles.fake import Received
from providers.oracles.table import (
    COMMON_ROWS, MISCONFIGURED, REFUSED, THROTTLED, UNREACHABLE, UNREADABLE_ROWS, Row, Stage, Table, begin,
    closed_address, logged_with, messaging, mobile_in, says, state, try_out, wait_for,
)

KEY, SECRET = "LTAI5tDenwaExample", "k3y+of/aliyun=30characters"
#: Everything that the two signatures encode differently from an ordinary query.
SIGN_NAME = "电话 *+~/&=%签名"
APP = "Tōkyō *+~&=% 電話🎮"

TEMPLATES = [
    {"usageType": "Register", "templateCode": "SMS_REGISTER"},
    {"usageType": "SignIn", "templateCode": {"china": "SMS_CHINA", "overseas": "SMS_OVERSEAS"}},
    {"usageType": "ForgotPassword", "templateCode": "SMS_FORGOT"},
    {"usageType": "Generic", "templateCode": "SMS_GENERIC"},
]

ROWS = [
    Row("isv.BUSINESS_LIMIT_CONTROL", THROTTLED, says(Aliyun.failure("isv.BUSINESS_LIMIT_CONTROL"))),
    Row("isv.DAY_LIMIT_CONTROL", THROTTLED, says(Aliyun.failure("isv.DAY_LIMIT_CONTROL"))),
    Row("isv.MOBILE_NUMBER_ILLEGAL", REFUSED, says(Aliyun.failure("isv.MOBILE_NUMBER_ILLEGAL"))),
    Row("isv.AMOUNT_NOT_ENOUGH", MISCONFIGURED, says(Aliyun.failure("isv.AMOUNT_NOT_ENOUGH"))),
    Row("isv.ACCOUNT_NOT_EXISTS", MISCONFIGURED, says(Aliyun.failure("isv.ACCOUNT_NOT_EXISTS"))),
    Row("isv.ACCOUNT_ABNORMAL", MISCONFIGURED, says(Aliyun.failure("isv.ACCOUNT_ABNORMAL"))),
    Row("isp.RAM_PERMISSION_DENY", MISCONFIGURED, says(Aliyun.failure("isp.RAM_PERMISSION_DENY"))),
    Row("SignatureDoesNotMatch", MISCONFIGURED, says(Aliyun.failure("SignatureDoesNotMatch", status=400))),
    Row("isv.SMS_TEMPLATE_ILLEGAL", MISCONFIGURED, says(Aliyun.failure("isv.SMS_TEMPLATE_ILLEGAL"))),
    Row("isv.SMS_SIGNATURE_ILLEGAL", MISCONFIGURED, says(Aliyun.failure("isv.SMS_SIGNATURE_ILLEGAL"))),
    Row("isp.SYSTEM_ERROR", UNREACHABLE, says(Aliyun.failure("isp.SYSTEM_ERROR"))),
    *UNREADABLE_ROWS,
    *COMMON_ROWS,
]


def connector(provider: Aliyun, **more: Any) -> dict[str, Any]:
    return {
        "type": "aliyun", "accessKeyId": KEY, "accessKeySecret": SECRET, "signName": SIGN_NAME,
        "templates": TEMPLATES, "strictPhoneRegionNumberCheck": True, "baseURL": provider.url,
    } | more


@pytest.fixture(scope="module", params=["acs3", "v1"])
def stage(request: pytest.FixtureRequest, start_module_server: StartServer) -> Iterator[Stage]:
    """ACS3 by default and with the stricter setting, v1 by name and with the looser one."""
    v1 = {"signatureVersion": "v1", "strictPhoneRegionNumberCheck": False}
    chosen = v1 if request.param == "v1" else {}
    named = phone_client("named", client_name=APP, link_uris=["https://named.example/open"])
    with Aliyun(KEY, SECRET) as provider:
        server = start_module_server(
            clients=[*standard_clients(), named], SECRET_OF_ALIYUN=SECRET,
            **messaging(
                connector(provider, name="every-parameter", countries=["FR"],
                          templateParameters=["code", "minutes", "app", "link"], **chosen),
                connector(provider, name="wrong-secret", countries=["DE"], accessKeySecret="another",
                          **chosen),
                connector(provider, countries=["CN", "HK", "JP", "US"],
                          accessKeySecret={"env": "SECRET_OF_ALIYUN"}, **chosen),
            ),
        )
        yield Stage(server, provider)


@pytest.fixture(scope="module")
def table(start_module_server: StartServer) -> Iterator[Table]:
    with Aliyun(KEY, SECRET) as provider, Aliyun(KEY, SECRET) as elsewhere:
        yield Table.start(start_module_server, provider, elsewhere, Aliyun.failure("OK", "OK"), ROWS,
                          connector(provider), baseURL=closed_address())


def texted(received: Received) -> str:
    return template_parameters(received)["code"]


def sent_to(provider: Aliyun, digits: str) -> Received:
    """The call whose `PhoneNumbers` is exactly `digits`."""
    def found() -> list[Received]:
        return [received for received in provider.received
                if provider.parameters(received)["PhoneNumbers"] == digits]

    received = eventually(f"a text to {digits}", found)[-1]
    assert received.problem is None, received.problem
    return received


# MARK: what is sent


@pytest.mark.parametrize(
    ("number", "digits", "template"),
    [
        pytest.param("+8613812345678", "13812345678", "SMS_CHINA", id="the mainland"),
        pytest.param("+819012345678", "819012345678", "SMS_OVERSEAS", id="Japan"),
        pytest.param("+85251234567", "85251234567", "SMS_OVERSEAS", id="Hong Kong"),
        pytest.param("+13105550123", "13105550123", "SMS_OVERSEAS",
                     id="America, with the digits of a mainland number"),
    ],
)
def test_a_number_has_the_form_and_the_template_of_its_country(
    stage: Stage, number: str, digits: str, template: str
):
    login = begin(stage.server.login(number=number))
    received = sent_to(stage.provider, digits)
    parameters = stage.provider.parameters(received)
    assert parameters["TemplateCode"] == template
    assert parameters["SignName"] == SIGN_NAME
    assert parameters["OutId"]
    sent = template_parameters(received)
    assert set(sent) == {"code"}
    assert sent["code"] not in parameters["OutId"]

    wait_for(login, "sent")
    assert login.confirm(sent["code"]).status_code == 200
    assert stage.server.outbox.messages(number) == [], "no other connector had it"


def test_acs3_has_its_parameters_in_the_query_and_v1_its_signature_among_them(stage: Stage):
    begin(stage.server.login(number=mobile_in("CN")))
    received = eventually("a call", lambda: stage.provider.received)[-1]
    assert received.method == "POST"
    assert received.path == "/"
    if "signatureVersion" in stage.server.environment["DENWA_MESSAGING_CONNECTORS"]:
        assert "Signature" in stage.provider.parameters(received)
    else:
        assert received.headers["Authorization"].startswith("ACS3-HMAC-SHA256 ")
        assert received.headers["Host"] == stage.provider.url.removeprefix("http://")
        assert received.body == b""
        assert "PhoneNumbers" in received.query


def test_the_template_gets_the_parameters_that_are_configured_and_all_are_strings(stage: Stage):
    number = mobile_in("FR")
    begin(stage.server.login("named", number=number), send_link=True, link_url="https://named.example/open")
    sent = template_parameters(stage.provider.wait(number))
    assert set(sent) == {"code", "minutes", "app", "link"}
    assert len(sent["code"]) == 6 and sent["code"].isdigit()
    assert sent["minutes"] == "3"
    assert sent["app"] == APP
    assert sent["link"].startswith("https://named.example/open?")


def test_every_text_has_an_id_and_a_nonce_of_its_own(stage: Stage):
    login = stage.server.login(number=mobile_in("HK"))
    for _ in range(2):
        begin(login)
    stage.provider.wait(login.number, 2)
    first, second = stage.provider.texts(login.number)
    assert template_parameters(first) == template_parameters(second), "a resend has the same code"
    ids = {stage.provider.parameters(received)["OutId"] for received in (first, second)}
    assert len(ids) == 2


def test_after_a_wrong_secret_the_next_connector_has_the_text(stage: Stage):
    login = begin(stage.server.login(number=mobile_in("DE")))
    code = code_in(login.text())
    [attempt] = stage.provider.texts(login.number)
    assert attempt.problem == "SignatureDoesNotMatch"
    assert template_parameters(attempt) == {"code": code}
    assert login.confirm(code).status_code == 200


# MARK: what may go wrong


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_aliyun_says_decides_where_the_text_goes(table: Table, row: Row):
    table.check(row, texted)


def test_the_log_has_aliyuns_words_and_the_person_does_not(stage: Stage):
    login = stage.server.login(number=mobile_in("JP"))
    stage.provider.answer(login.number, Aliyun.failure("isv.SMS_SIGNATURE_ILLEGAL", "words of Aliyun"))
    begin(login)
    login.text()
    assert "isv.SMS_SIGNATURE_ILLEGAL" not in state(login).text
    logged = logged_with(stage.server, "isv.SMS_SIGNATURE_ILLEGAL")
    assert SECRET not in logged
    assert login.number.removeprefix("+") not in logged


def test_missing_usage_types_are_named_and_the_server_does_not_start(start_server: StartServer):
    with Aliyun(KEY, SECRET) as provider:
        lacking = connector(provider, templates=TEMPLATES[:2])
        server = start_server(started_=False, **messaging(lacking))
        done = server.command("serve", timeout=20)
    assert done.returncode == 1
    assert "ForgotPassword" in done.stderr and "Generic" in done.stderr
    assert SECRET not in done.stderr + done.stdout


# MARK: the command


def test_the_command_names_the_outcome_of_every_answer(table: Table):
    table.check_by_command()


def test_the_command_sends_one_text_and_shows_aliyuns_answer(stage: Stage):
    number = mobile_in("JP")
    status, printed = try_out(stage.server, "aliyun", number)
    received = stage.provider.wait(number)
    assert status == 0, printed
    assert received.message_id in printed
    assert len(stage.provider.texts(number)) == 1

    stage.provider.answer(number, Aliyun.failure("isv.AMOUNT_NOT_ENOUGH"))
    status, printed = try_out(stage.server, "aliyun", number)
    assert status == 1, printed
    assert "isv.AMOUNT_NOT_ENOUGH" in printed


# MARK: the oracle itself


def test_the_published_example_of_v1_comes_out():
    published = {
        "AccessKeyId": "testId", "Timestamp": "2017-07-12T02:42:19Z", "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0", "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
        "Action": "SendSms", "Version": "2017-05-25", "RegionId": "cn-hangzhou", "Format": "XML",
        "PhoneNumbers": "15300000001", "SignName": "阿里云短信测试专用", "TemplateCode": "SMS_71390007",
        "TemplateParam": '{"customer":"test"}', "OutId": "123",
    }
    assert v1_signature("GET", published, "testSecret") == "zJDF+Lrzhj/ThnlvIToysFRq6t4="


def test_aliyuns_own_clients_pass_here_and_with_another_secret_they_do_not():
    text = {"PhoneNumbers": "819012345678", "SignName": SIGN_NAME, "TemplateCode": "SMS_1", "OutId": "x",
            "TemplateParam": json.dumps({"code": "123456"})}

    def send_acs3(secret: str) -> str:
        config = Config(access_key_id=KEY, access_key_secret=secret, protocol="http",
                        endpoint=provider.url.removeprefix("http://"))
        request = SendSmsRequest(
            phone_numbers=text["PhoneNumbers"], sign_name=text["SignName"], out_id=text["OutId"],
            template_code=text["TemplateCode"], template_param=text["TemplateParam"],
        )
        return Client(config).send_sms(request).body.code

    def send_v1(secret: str) -> str:
        request = CommonRequest(domain="127.0.0.1", version="2017-05-25", action_name="SendSms")
        request.set_protocol_type("http")
        request.set_method("POST")
        for name, value in text.items():
            request.add_query_param(name, value)
        port = int(provider.url.rpartition(":")[2])
        client = AcsClient(KEY, secret, "cn-hangzhou", port=port, auto_retry=False)
        return json.loads(client.do_action_with_exception(request))["Code"]

    with Aliyun(KEY, SECRET) as provider:
        for send in (send_acs3, send_v1):
            assert send(SECRET) == "OK"
            assert provider.received[-1].problem is None
            with pytest.raises(Exception):
                send("another")
            assert provider.received[-1].problem == "SignatureDoesNotMatch"
