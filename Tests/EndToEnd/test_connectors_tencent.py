"""The tencent connector before a Tencent Cloud that recomputes TC3 with Tencent's own SDK."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models
from tencentcloud.sms.v20210111.sms_client import SmsClient

from harness import StartServer, code_in, phone_client, standard_clients
from providers.oracles.fake import Received, Reply
from providers.oracles.table import (
    COMMON_ROWS, MISCONFIGURED, REFUSED, THROTTLED, UNREACHABLE, UNREADABLE_ROWS, Case, Row, Stage, Table,
    begin, closed_address, messaging, mobile_in, says, try_out, wait_for,
)
from providers.oracles.tencent import Tencent

ID, KEY = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
APPLICATION, SIGN_NAME = "1400006666", "电话签名"
APP = "Tōkyō \"quoted\" &=+ 電話🎮"


def status(code: str) -> Callable[[Case], Reply]:
    """The call succeeds, the text does not."""
    return lambda case: Tencent.failure(case.number, code)


def error(code: str) -> Callable[[Case], Reply]:
    """The call fails."""
    return says(Tencent.error(code))


ROWS = [
    Row("LimitExceeded.PhoneNumberDailyLimit", THROTTLED, status("LimitExceeded.PhoneNumberDailyLimit")),
    Row("LimitExceeded.PhoneNumberThirtySecondLimit", THROTTLED,
        status("LimitExceeded.PhoneNumberThirtySecondLimit")),
    Row("RequestLimitExceeded", THROTTLED, error("RequestLimitExceeded")),
    Row("InvalidParameterValue.IncorrectPhoneNumber", REFUSED,
        status("InvalidParameterValue.IncorrectPhoneNumber")),
    Row("FailedOperation.PhoneNumberInBlacklist", REFUSED, status("FailedOperation.PhoneNumberInBlacklist")),
    Row("FailedOperation.TemplateIncorrectOrUnapproved", MISCONFIGURED,
        status("FailedOperation.TemplateIncorrectOrUnapproved")),
    Row("FailedOperation.SignatureIncorrectOrUnapproved", MISCONFIGURED,
        status("FailedOperation.SignatureIncorrectOrUnapproved")),
    Row("FailedOperation.InsufficientBalanceInSmsPackage", MISCONFIGURED,
        status("FailedOperation.InsufficientBalanceInSmsPackage")),
    Row("UnauthorizedOperation.SmsSdkAppIdVerifyFail", MISCONFIGURED,
        error("UnauthorizedOperation.SmsSdkAppIdVerifyFail")),
    Row("AuthFailure.SignatureFailure", MISCONFIGURED, error("AuthFailure.SignatureFailure")),
    Row("AuthFailure.SecretIdNotFound", MISCONFIGURED, error("AuthFailure.SecretIdNotFound")),
    Row("InternalError", UNREACHABLE, error("InternalError")),
    Row("InternalError.Timeout", UNREACHABLE, status("InternalError.Timeout")),
    *UNREADABLE_ROWS,
    *COMMON_ROWS,
]


def connector(provider: Tencent, **more: Any) -> dict[str, Any]:
    return {
        "type": "tencent", "secretId": ID, "secretKey": KEY, "sdkAppId": APPLICATION, "signName": SIGN_NAME,
        "templateId": "1110", "baseURL": provider.url,
    } | more


def texted(received: Received) -> str:
    [code] = received.json["TemplateParamSet"]
    return code


@pytest.fixture(scope="module")
def stage(start_module_server: StartServer) -> Iterator[Stage]:
    named = phone_client("named", client_name=APP, link_uris=["https://named.example/open"])
    with Tencent(ID, KEY) as provider:
        server = start_module_server(
            clients=[*standard_clients(), named],
            **messaging(
                connector(provider, name="every-parameter", countries=["FR"], region="ap-singapore",
                          templateParameters=["minutes", "link", "code", "app"]),
                connector(provider, name="wrong-key", countries=["DE"], secretKey="another"),
                connector(provider, name="wrong-id", countries=["ES"], secretId="AKIDanother"),
                connector(provider, templateId={"china": "1111", "overseas": "2222"},
                          countries=["CN", "HK", "JP", "US"]),
            ),
        )
        yield Stage(server, provider)


@pytest.fixture(scope="module")
def table(start_module_server: StartServer) -> Iterator[Table]:
    with Tencent(ID, KEY) as provider, Tencent(ID, KEY) as elsewhere:
        yield Table.start(start_module_server, provider, elsewhere, Tencent.failure("", "Ok"), ROWS,
                          connector(provider), baseURL=closed_address())


# MARK: what is sent


@pytest.mark.parametrize(
    ("number", "template"),
    [
        ("+8613812345678", "1111"), ("+819012345678", "2222"), ("+85251234567", "2222"),
        ("+13105550123", "2222"),
    ],
)
def test_a_text_goes_to_the_number_in_e164_by_the_template_of_its_country(
    stage: Stage, number: str, template: str
):
    login = begin(stage.server.login(number=number))
    received = stage.provider.wait(number)
    body = received.json
    assert body["PhoneNumberSet"] == [number]
    assert body["SmsSdkAppId"] == APPLICATION
    assert body["SignName"] == SIGN_NAME
    assert body["TemplateId"] == template
    assert received.headers["X-TC-Region"] == "ap-guangzhou"
    [code] = body["TemplateParamSet"]
    assert body["SessionContext"] and code not in body["SessionContext"]
    wait_for(login, "sent")
    assert login.confirm(code).status_code == 200
    assert stage.server.outbox.messages(number) == [], "no other connector had it"


def test_the_parameters_stand_in_the_order_of_the_configuration(stage: Stage):
    login = stage.server.login("named", number=mobile_in("FR"))
    begin(login, send_link=True, link_url="https://named.example/open")
    received = stage.provider.wait(login.number)
    minutes, link, code, app = received.json["TemplateParamSet"]
    assert minutes == "3"
    assert link.startswith("https://named.example/open?")
    assert app == APP
    assert received.json["TemplateId"] == "1110"
    assert received.headers["X-TC-Region"] == "ap-singapore"
    assert login.confirm(code).status_code == 200


@pytest.mark.parametrize(
    ("country", "complaint"), [("DE", "AuthFailure.SignatureFailure"), ("ES", "AuthFailure.SecretIdNotFound")]
)
def test_after_wrong_credentials_the_next_connector_has_the_text(stage: Stage, country: str, complaint: str):
    login = begin(stage.server.login(number=mobile_in(country)))
    code = code_in(login.text())
    [attempt] = stage.provider.texts(login.number)
    assert attempt.problem == complaint
    assert login.confirm(code).status_code == 200


# MARK: what may go wrong


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_tencent_says_decides_where_the_text_goes(table: Table, row: Row):
    table.check(row, texted)


# MARK: the command


def test_the_command_names_the_outcome_of_every_answer(table: Table):
    table.check_by_command()


def test_the_command_sends_one_text_and_shows_tencents_answer(stage: Stage):
    number = mobile_in("JP")
    done, printed = try_out(stage.server, "tencent", number)
    assert done == 0, printed
    assert stage.provider.wait(number).message_id in printed

    refusal = Tencent.error("FailedOperation.TemplateIncorrectOrUnapproved", "Marker-77c1")
    stage.provider.answer(number, refusal)
    done, printed = try_out(stage.server, "tencent", number)
    assert done == 1, printed
    assert "FailedOperation.TemplateIncorrectOrUnapproved" in printed and "Marker-77c1" in printed


# MARK: the oracle itself


def test_tencents_own_client_passes_here_and_with_another_key_it_does_not():
    def send(key: str) -> str:
        profile = HttpProfile(protocol="http", endpoint=provider.url.removeprefix("http://"))
        client = SmsClient(Credential(ID, key), "ap-guangzhou", ClientProfile(httpProfile=profile))
        request = models.SendSmsRequest()
        request.PhoneNumberSet, request.TemplateParamSet = ["+8613812345678"], ["123456"]
        request.SmsSdkAppId, request.SignName, request.TemplateId = APPLICATION, SIGN_NAME, "1110"
        return client.SendSms(request).SendStatusSet[0].Code

    with Tencent(ID, KEY) as provider:
        assert send(KEY) == "Ok"
        assert provider.received[-1].problem is None
        with pytest.raises(TencentCloudSDKException, match="SignatureFailure"):
            send("another")
        assert provider.received[-1].problem == "AuthFailure.SignatureFailure"
