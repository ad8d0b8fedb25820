"""Twilio's Messages resource: Basic authentication, a form, and receipts signed by Twilio's own validator."""

from __future__ import annotations

import base64
import secrets
from email.utils import formatdate

from twilio.request_validator import RequestValidator

from providers.oracles.fake import Received, Reply, Service


class Twilio(Service):
    def __init__(self, account: str, token: str) -> None:
        self.account, self.token = account, token
        super().__init__()

    def number_of(self, received: Received) -> str:
        return received.form["To"]

    def problem_with(self, received: Received) -> str | None:
        resource = f"/2010-04-01/Accounts/{self.account}/Messages.json"
        if received.method != "POST" or not received.target.endswith(resource):
            return f"{received.method} {received.target}"
        expected = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if received.headers.get("Authorization") != f"Basic {expected}":
            return "Authenticate"
        return None

    def refusal(self, problem: str) -> Reply:
        return self.failure(20003, problem, status=401)

    def acceptance(self, received: Received) -> Reply:
        received.message_id = "SM" + secrets.token_hex(16)
        form = received.form
        return Reply.of({
            "account_sid": self.account, "api_version": "2010-04-01", "body": form["Body"],
            "date_created": formatdate(), "date_sent": None, "date_updated": formatdate(),
            "direction": "outbound-api", "error_code": None, "error_message": None, "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"), "num_media": "0", "num_segments": "1",
            "price": None, "price_unit": "USD", "sid": received.message_id, "status": "queued",
            "subresource_uris": {}, "to": form["To"],
            "uri": f"/2010-04-01/Accounts/{self.account}/Messages/{received.message_id}.json",
        }, 201)

    @staticmethod
    def failure(code: int, message: str = "the provider's own words", status: int = 400) -> Reply:
        return Reply.of({
            "code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }, status)

    # MARK: receipts

    def receipt(self, received: Received, status: str, **more: str) -> dict[str, str]:
        """The form that Twilio posts about the text of `received`."""
        assert received.message_id is not None
        return {
            "AccountSid": self.account, "ApiVersion": "2010-04-01", "From": received.form.get("From", ""),
            "MessageSid": received.message_id, "MessageStatus": status, "SmsSid": received.message_id,
            "SmsStatus": status, "To": received.form["To"],
        } | more

    def signature(self, url: str, form: dict[str, str], token: str | None = None) -> str:
        return RequestValidator(token or self.token).compute_signature(url, form)
