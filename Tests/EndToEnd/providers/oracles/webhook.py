"""Somebody's own service behind the webhook connector, with the signature as the contract has it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Any

from providers.oracles.fake import Received, Reply, Service

FORGED = "the signature is another body's or secret's"
SIGNATURE = re.compile(r"t=(\d+),v1=([0-9a-f]{64})")


def signature(secret: str, body: bytes, at: float | None = None) -> str:
    """`Denwa-Signature` of a body."""
    t = int(time.time() if at is None else at)
    return f"t={t},v1={hmac.new(secret.encode(), b'%d.' % t + body, hashlib.sha256).hexdigest()}"


class Webhook(Service):
    def __init__(self, secret: str, target: str = "/hooks/texts") -> None:
        self.secret, self.target = secret, target
        super().__init__()

    def number_of(self, received: Received) -> str:
        return received.json["to"]

    def problem_with(self, received: Received) -> str | None:
        if (received.method, received.target) != ("POST", self.target):
            return f"{received.method} {received.target}"
        given = SIGNATURE.fullmatch(received.headers.get("Denwa-Signature") or "")
        if given is None:
            return f"Denwa-Signature is {received.headers.get('Denwa-Signature')!r}"
        if abs(int(given[1]) - time.time()) > 60:
            return "t is not now"
        if signature(self.secret, received.body, int(given[1])) != given[0]:
            return FORGED
        return None

    def refusal(self, problem: str) -> Reply:
        return Reply.of({"error": problem}, 401)

    def acceptance(self, received: Received) -> Reply:
        received.message_id = received.json["id"]
        return Reply(204)

    @property
    def endpoint(self) -> str:
        return self.url + self.target

    def connector(self, **more: Any) -> dict[str, Any]:
        return {"type": "webhook", "url": self.endpoint, "secret": self.secret} | more


def receipt(message_id: str, state: str) -> bytes:
    return json.dumps({"id": message_id, "state": state}).encode()
