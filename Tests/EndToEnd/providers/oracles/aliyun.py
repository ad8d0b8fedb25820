"""Aliyun's SendSms, with both of its signatures recomputed by Aliyun's own SDKs."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from datetime import datetime, timezone
from urllib.parse import urlsplit

from alibabacloud_tea_openapi.utils import Utils
from aliyunsdkcore.auth.algorithm import sha_hmac1
from aliyunsdkcore.auth.composer import rpc_signature_composer
from darabonba.request import DaraRequest

from providers.oracles.fake import Received, Reply, Service

ACS3 = "ACS3-HMAC-SHA256"
SIGNED_AT_LEAST = {
    "host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256",
}
SKEW = 900

_compose = getattr(rpc_signature_composer, "__compose_string_to_sign")


def v1_signature(method: str, parameters: dict[str, str], secret: str) -> str:
    """The RPC signature over all parameters but the signature itself."""
    others = {name: value for name, value in parameters.items() if name != "Signature"}
    return sha_hmac1.get_sign_string(_compose(method, others), secret + "&")


def acs3_authorization(received: Received, signed: set[str], key: str, secret: str) -> str:
    """The Authorization that the SDK makes for this request, its body and its headers named in `signed`."""
    request = DaraRequest()
    request.method = received.method
    request.pathname = urlsplit(received.target).path
    request.query = received.query
    request.headers = {name: value for name, value in received.headers.items() if name.lower() in signed}
    return Utils.get_authorization(request, ACS3, hashlib.sha256(received.body).hexdigest(), key, secret)


class Aliyun(Service):
    def __init__(self, key: str, secret: str) -> None:
        self.key, self.secret = key, secret
        self._nonces: set[str] = set()
        self._ids = itertools.count(900_000_000)
        super().__init__()

    def parameters(self, received: Received) -> dict[str, str]:
        """What the call says, wherever it says it."""
        found = received.query
        if received.body:
            found |= received.form
        return found

    def number_of(self, received: Received) -> str:
        """Mainland numbers come without their country, all others with it."""
        digits = self.parameters(received)["PhoneNumbers"]
        assert digits.isascii() and digits.isdigit(), digits
        return f"+86{digits}" if len(digits) == 11 and digits.startswith("1") and digits[1] in "3456789" \
            else f"+{digits}"

    def problem_with(self, received: Received) -> str | None:
        if "Authorization" in received.headers:
            return self._problem_with_acs3(received)
        return self._problem_with_v1(received)

    def _problem_with_acs3(self, received: Received) -> str | None:
        headers = received.headers
        given = headers["Authorization"]
        scheme, _, rest = given.partition(" ")
        fields = dict(item.strip().split("=", 1) for item in rest.split(","))
        signed = set(fields.get("SignedHeaders", "").split(";"))
        if scheme != ACS3:
            return f"scheme {scheme}"
        if headers["x-acs-action"] != "SendSms" or headers["x-acs-version"] != "2017-05-25":
            return f"action {headers['x-acs-action']} of {headers['x-acs-version']}"
        if missing := SIGNED_AT_LEAST - signed:
            return f"not signed: {sorted(missing)}"
        if headers["x-acs-content-sha256"] != hashlib.sha256(received.body).hexdigest():
            return "x-acs-content-sha256 is not the body's"
        if problem := self._problem_with_freshness(headers["x-acs-date"], headers["x-acs-signature-nonce"]):
            return problem
        if given != acs3_authorization(received, signed, self.key, self.secret):
            return "SignatureDoesNotMatch"
        return None

    def _problem_with_v1(self, received: Received) -> str | None:
        parameters = self.parameters(received)
        expected = {
            "Action": "SendSms", "Version": "2017-05-25", "AccessKeyId": self.key,
            "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
        }
        for name, value in expected.items():
            if parameters.get(name) != value:
                return f"{name} is {parameters.get(name)!r}"
        if problem := self._problem_with_freshness(parameters["Timestamp"], parameters["SignatureNonce"]):
            return problem
        if parameters.get("Signature") != v1_signature(received.method, parameters, self.secret):
            return "SignatureDoesNotMatch"
        return None

    def _problem_with_freshness(self, date: str, nonce: str) -> str | None:
        at = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
        if abs(at - time.time()) > SKEW:
            return f"InvalidTimeStamp.Expired: {date}"
        if not nonce or nonce in self._nonces:
            return "SignatureNonceUsed"
        self._nonces.add(nonce)
        return None

    def refusal(self, problem: str) -> Reply:
        words = f"Specified signature is not matched with our calculation. server string to sign is:{problem}"
        return self.failure("SignatureDoesNotMatch", words, status=400)

    def acceptance(self, received: Received) -> Reply:
        received.message_id = f"{next(self._ids)}^0"
        return Reply.of(
            {"RequestId": "F655A8D5", "BizId": received.message_id, "Code": "OK", "Message": "OK"}
        )

    @staticmethod
    def failure(code: str, message: str = "the provider's own words", status: int = 200) -> Reply:
        return Reply.of({"RequestId": "F655A8D5", "Code": code, "Message": message}, status)


def template_parameters(received: Received) -> dict[str, str]:
    """`TemplateParam`: JSON whose values are all strings, or Aliyun refuses it."""
    parameters = json.loads(_parameter(received, "TemplateParam"))
    assert all(isinstance(value, str) for value in parameters.values()), parameters
    return parameters


def _parameter(received: Received, name: str) -> str:
    return (received.query | (received.form if received.body else {}))[name]


def receipt(received: Received, success: bool, **changed: object) -> dict[str, object]:
    """One delivery report as Aliyun posts it about the text of `received`."""
    return {
        "phone_number": _parameter(received, "PhoneNumbers"),
        "send_time": "2026-01-02 11:22:33",
        "report_time": "2026-01-02 11:22:40",
        "success": success,
        "err_code": "DELIVERED" if success else "MK:0001",
        "err_msg": "用户接收成功" if success else "号码状态异常",
        "sms_size": "1",
        "biz_id": received.message_id,
        "out_id": _parameter(received, "OutId"),
    } | changed


__all__ = ["Aliyun", "acs3_authorization", "receipt", "template_parameters", "v1_signature"]
