"""Vonage's SMS API: Basic authentication, a form, and receipts signed by Vonage's own HTTP client."""

from __future__ import annotations

import itertools
import secrets
import time

from vonage_http_client.auth import Auth

from providers.oracles.fake import Received, Reply, Service

METHODS = ["md5", "sha1", "sha256", "sha512"]


class Vonage(Service):
    def __init__(self, key: str, secret: str) -> None:
        self.key, self.secret = key, secret
        self._ids = itertools.count(0x0A00_0000_0ABC_D000)
        super().__init__()

    def number_of(self, received: Received) -> str:
        digits = received.form["to"]
        assert digits.isascii() and digits.isdigit(), digits
        return "+" + digits

    def problem_with(self, received: Received) -> str | None:
        if received.method != "POST" or not received.target.endswith("/sms/json"):
            return f"{received.method} {received.target}"
        expected = Auth(api_key=self.key, api_secret=self.secret).create_basic_auth_string()
        if received.headers.get("Authorization") != expected:
            return "Bad Credentials"
        return None

    def refusal(self, problem: str) -> Reply:
        return self.failure("4", problem)

    def acceptance(self, received: Received) -> Reply:
        form = received.form
        received.message_id = f"{next(self._ids):016X}"
        return Reply.of({"message-count": "1", "messages": [{
            "to": form["to"], "message-id": received.message_id, "status": "0", "remaining-balance": "3.14",
            "message-price": "0.03330000", "network": "12345", "client-ref": form.get("client-ref", ""),
        }]})

    @staticmethod
    def failure(status: str, words: str = "the provider's own words") -> Reply:
        return Reply.of({"message-count": "1", "messages": [{"status": status, "error-text": words}]})


def signed(parameters: dict[str, str], secret: str, method: str = "sha256") -> dict[str, str]:
    """`parameters` with the `sig` that Vonage's own client computes for them."""
    auth = Auth(api_key="any", signature_secret=secret, signature_method=method)
    signature = auth.sign_params(dict(parameters))
    assert auth.check_signature(parameters | {"sig": signature})
    return parameters | {"sig": signature}


def receipt(received: Received, status: str, **changed: str) -> dict[str, str]:
    """What Vonage says about the text of `received`, unsigned yet."""
    assert received.message_id is not None
    return {
        "msisdn": received.form["to"], "to": received.form["from"], "network-code": "12345",
        "messageId": received.message_id, "price": "0.03330000", "status": status, "scts": "2601021122",
        "err-code": "0" if status in ("delivered", "accepted", "buffered") else "1", "api-key": "abcd1234",
        "client-ref": received.form["client-ref"], "message-timestamp": "2026-01-02 11:22:40 +0000",
        "timestamp": str(int(time.time())), "nonce": secrets.token_hex(16),
    } | changed
