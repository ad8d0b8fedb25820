"""A first-party app that shows its own screens: the authorization challenge endpoint, from the number to the tokens.

Knows the wire of `POST /oauth2/challenge` (draft-ietf-oauth-first-party-apps) and nothing else of the server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness import Server, assert_oauth_error, code_in, fresh_number, pkce, wrong_codes

ENDPOINT = "/oauth2/challenge"

#: 256 random bits.
SESSION = re.compile(r"[A-Za-z0-9_-]{43}")


def post(
    server: Server, client_id: str, form: Any, headers: dict[str, str] | None = None, path: str = ENDPOINT
) -> httpx.Response:
    """A form, sent the way the client is registered to authenticate."""
    return server._form(path, client_id, form, None, headers=headers or {})


@dataclass
class Challenge:
    """One person at one app. `begin`, `guess`, `resend` and `redeem` give the raw reply, so that a test can look at
    a refusal; `started`, `authorization_code` and `tokens` insist that everything up to there works."""

    server: Server
    client_id: str = "app"
    number: str = field(default_factory=fresh_number)
    #: What the first call says besides the number. The proof key for the code is added.
    form: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    uses_pkce: bool = True

    session: str | None = None
    verifier: str | None = None
    texts_before: int = 0

    def request(self) -> dict[str, str]:
        """The form of a good first call; each has a code_verifier of its own."""
        announced = {}
        if self.uses_pkce:
            self.verifier, announced = pkce()
        return {"login_hint": self.number} | announced | self.form

    def call(self, form: Any, client_id: str | None = None, headers: dict[str, str] | None = None) -> httpx.Response:
        return post(self.server, client_id or self.client_id, form, self.headers | (headers or {}))

    def begin(self, headers: dict[str, str] | None = None, **more: str) -> httpx.Response:
        texts = len(self.server.outbox.messages(self.number))
        reply = self.call(self.request() | more, headers=headers)
        if reply.json().get("error") == "insufficient_authorization":
            self.session = reply.json()["auth_session"]
            self.texts_before = texts
        return reply

    def started(self, **more: Any) -> Challenge:
        assert_challenged(self.begin(**more))
        return self

    def resend(self, **more: Any) -> httpx.Response:
        texts = len(self.server.outbox.messages(self.number))
        reply = self.call({"auth_session": self.session, "resend": "true"}, **more)
        if reply.json().get("error") == "insufficient_authorization":
            self.texts_before = texts
        return reply

    def text(self) -> dict[str, Any]:
        """The text of the last call that sent one."""
        return self.server.outbox.wait(self.number, self.texts_before + 1)

    def texted_code(self) -> str:
        return code_in(self.text())

    def guess(self, otp: str | None = None, **more: Any) -> httpx.Response:
        """`otp` defaults to the texted one."""
        code = self.texted_code() if otp is None else otp
        return self.call({"auth_session": self.session, "otp": code}, **more)

    def guess_wrongly(self, times: int = 1) -> list[httpx.Response]:
        return [self.guess(otp) for otp in wrong_codes(times, right=self.texted_code())]

    def authorization_code(self, headers: dict[str, str] | None = None) -> str:
        if self.session is None:
            self.started(headers=headers)
        return code_of(self.guess(headers=headers))

    def redeem(
        self, code: str | None = None, client_id: str | None = None, headers: dict[str, str] | None = None,
        **more: str | None,
    ) -> httpx.Response:
        """A parameter of `None` is left out."""
        form = {"grant_type": "authorization_code", "code": code or self.authorization_code()}
        if self.verifier is not None:
            form["code_verifier"] = self.verifier
        if "redirect_uri" in self.form:
            form["redirect_uri"] = self.form["redirect_uri"]
        kept = {name: value for name, value in (form | more).items() if value is not None}
        return self.server.token(client_id or self.client_id, kept, headers=headers or {})

    def tokens(self, **more: Any) -> dict[str, Any]:
        reply = self.redeem(**more)
        assert reply.status_code == 200, reply.text
        return reply.json()


def code_of(reply: httpx.Response) -> str:
    """The authorization code of a finished challenge."""
    assert reply.status_code == 200, reply.text
    assert "no-store" in reply.headers["cache-control"]
    body = reply.json()
    assert set(body) == {"authorization_code", "device_id"}, body
    return body["authorization_code"]


def assert_challenged(reply: httpx.Response) -> dict[str, Any]:
    """The answer to a call that texted a code."""
    body = assert_oauth_error(reply, 400, "insufficient_authorization")
    assert set(body) - {"error_description"} == {
        "error", "auth_session", "otp_required", "expires_in", "resend_after", "code_length"}, body
    assert SESSION.fullmatch(body["auth_session"]), body
    assert body["otp_required"] is True
    return body


def assert_wrong(reply: httpx.Response, session: str) -> dict[str, Any]:
    """The answer to a code that is not the texted one, or none. It does not tell how many guesses are left."""
    body = assert_oauth_error(reply, 400, "insufficient_authorization")
    assert set(body) - {"error_description"} == {"error", "auth_session", "otp_required"}, body
    assert body["auth_session"] == session
    assert body["otp_required"] is True
    return body


def assert_over(reply: httpx.Response) -> None:
    """One answer for every session that cannot go on, whatever the reason is."""
    body = assert_oauth_error(reply, 400, "invalid_session")
    assert set(body) <= {"error", "error_description"}, body


def assert_limited(reply: httpx.Response, most_seconds: int = 3600) -> int:
    """A 429 that tells when to come back."""
    assert_oauth_error(reply, 429, "temporarily_unavailable")
    seconds = int(reply.headers["retry-after"])
    assert 1 <= seconds <= most_seconds
    assert reply.headers["ratelimit"].strip() and reply.headers["ratelimit-policy"].strip()
    return seconds
