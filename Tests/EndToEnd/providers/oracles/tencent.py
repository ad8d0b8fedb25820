"""Tencent Cloud's SendSms. TC3 is recomputed with the key derivation of Tencent's own SDK."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
import time
from datetime import datetime, timezone
from typing import Any

from tencentcloud.common.sign import Sign

from providers.oracles.fake import Received, Reply, Service

ALGORITHM = "TC3-HMAC-SHA256"
AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^/]+)/(\d{{4}}-\d\d-\d\d)/([a-z]+)/tc3_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
SKEW = 300


class Tencent(Service):
    def __init__(self, secret_id: str, secret_key: str) -> None:
        self.secret_id, self.secret_key = secret_id, secret_key
        self._serials = itertools.count(1)
        super().__init__()

    def number_of(self, received: Received) -> str:
        [number] = received.json["PhoneNumberSet"]
        return number

    def problem_with(self, received: Received) -> str | None:
        headers = received.headers
        if (received.method, received.target) != ("POST", "/"):
            return f"{received.method} {received.target}"
        if (headers["X-TC-Action"], headers["X-TC-Version"]) != ("SendSms", "2021-01-11"):
            return f"InvalidAction: {headers['X-TC-Action']} of {headers['X-TC-Version']}"
        if abs(int(headers["X-TC-Timestamp"]) - time.time()) > SKEW:
            return "AuthFailure.SignatureExpire"
        given = AUTHORIZATION.fullmatch(headers["Authorization"] or "")
        if given is None:
            return f"AuthFailure.InvalidAuthorization: {headers['Authorization']}"
        secret_id, date, service, signed, signature = given.groups()
        if secret_id != self.secret_id or service != "sms":
            return "AuthFailure.SecretIdNotFound"
        at = datetime.fromtimestamp(int(headers["X-TC-Timestamp"]), timezone.utc)
        if date != at.strftime("%Y-%m-%d"):
            return f"the date {date} is not that of the timestamp"
        names = signed.split(";")
        if not {"content-type", "host"} <= set(names) or names != sorted(names):
            return f"signed are {names}"
        values = {name: headers[name].strip() for name in names}
        if "x-tc-action" in values:
            values["x-tc-action"] = values["x-tc-action"].lower()
        canonical = "\n".join([
            received.method, "/", "", "".join(f"{name}:{value}\n" for name, value in values.items()), signed,
            hashlib.sha256(received.body).hexdigest(),
        ])
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"{ALGORITHM}\n{headers['X-TC-Timestamp']}\n{date}/sms/tc3_request\n{hashed}"
        if not hmac.compare_digest(signature, Sign.sign_tc3(self.secret_key, date, "sms", to_sign)):
            return "AuthFailure.SignatureFailure"
        return None

    def refusal(self, problem: str) -> Reply:
        return self.error("AuthFailure.SignatureFailure", problem)

    def acceptance(self, received: Received) -> Reply:
        received.message_id = f"2640:{next(self._serials):020d}"
        return self._status(received.message_id, self.number_of(received), "Ok", "send success",
                            received.json.get("SessionContext", ""))

    @staticmethod
    def _status(serial: str, number: str, code: str, message: str, context: str) -> Reply:
        status: dict[str, Any] = {
            "SerialNo": serial, "PhoneNumber": number, "Fee": 1 if code == "Ok" else 0,
            "SessionContext": context, "Code": code, "Message": message, "IsoCode": "CN",
        }
        return Reply.of({"Response": {"SendStatusSet": [status], "RequestId": "a0aabda6"}})

    @classmethod
    def failure(cls, number: str, code: str, message: str = "the provider's own words") -> Reply:
        """The call succeeded, the text did not."""
        return cls._status("", number, code, message, "")

    @staticmethod
    def error(code: str, message: str = "the provider's own words") -> Reply:
        """The call failed."""
        return Reply.of({"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "a0aabda6"}})


def receipt(received: Received, status: str, **changed: object) -> dict[str, object]:
    """One delivery report as Tencent posts it about the text of `received`."""
    return {
        "user_receive_time": "2026-01-02 11:22:40",
        "nationcode": "86",
        "mobile": received.json["PhoneNumberSet"][0],
        "report_status": status,
        "errmsg": "DELIVRD" if status == "SUCCESS" else "UNDELIV",
        "description": "用户短信送达成功" if status == "SUCCESS" else "用户短信送达失败",
        "sid": received.message_id,
        "ext": received.json["SessionContext"],
    } | changed
