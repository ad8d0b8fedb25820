"""Apps that were built on Kii Cloud, and their users: the calls that their SDKs make, by HTTP.

Knows the contract of the interface and nothing of the server behind it. What a test wants to look at is a raw reply.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from harness import Server, StartServer, code_in, eventually, fresh_number, machine_client, phone_client, wrong_codes

PASSWORD = "seven blue Lanterns 4u"
ORIGIN = "https://app.example"
REGISTRATION = "application/vnd.kii.RegistrationRequest+json"
AUTHORIZATION = "application/vnd.kii.RegistrationAndAuthorizationRequest+json"
VERIFICATION = "application/vnd.kii.AddressVerificationRequest+json"

#: No limit but the guesses at one code.
QUIET = {
    "DENWA_LIMITS_PASSWORD_PER_IDENTIFIER": "0", "DENWA_LIMITS_PASSWORD_PER_IP": "0",
    "DENWA_LIMITS_REGISTER_PER_IP": "0", "DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR": "0",
    "DENWA_GUARD_MODE": "off",
}

LOGIN_FAILED = (b'{"errorCode":"invalid_grant","error":"invalid_grant",'
                b'"error_description":"The user was not found or a wrong password was provided"}')

_people = itertools.count(1)


def fresh_name() -> str:
    return f"Player-{os.getpid()}.{next(_people)}"


def fresh_email() -> str:
    return f"player.{os.getpid()}.{next(_people)}@mail.example"


def key_of(app_id: str) -> str:
    return f"app-key-of-{app_id}-Jm3xV8sQ"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def kii_client(app_id: str, *, admin: bool = True, **kii: Any) -> dict[str, Any]:
    """An app. With `admin` its client has a secret and may get itself an administrator's token."""
    base = machine_client(app_id) if admin else {"client_id": app_id, "grant_types": []}
    section = {"app_key": key_of(app_id)} | kii
    return base | {"client_name": f"App {app_id}", "cors_origins": [ORIGIN], "kii": section}


def kii_clients() -> list[dict[str, Any]]:
    """`open` verifies nothing, `proven` verifies all, `thorough` also says when it is done."""
    hashed = {"app_key_sha256": hashlib.sha256(key_of("hashed").encode()).hexdigest()}
    return [
        kii_client("open"),
        kii_client("proven", verify_phone=True, verify_email=True),
        kii_client("thorough", verify_phone=True, verify_email=True, completion_messages=True),
        kii_client("bare", admin=False),
        kii_client("hashed", admin=False) | {"kii": hashed},
        phone_client("40017"),
        machine_client("machine"),
        {"client_id": "backend", "grant_types": [], "monaca": {"api_key": "monaca-key-5fT2wQ9z"}},
    ]


def start_kii(start: StartServer, **environment: str) -> Server:
    """A server with these apps. `environment` turns single limits on again."""
    return start(clients=kii_clients(), **(QUIET | environment))


# MARK: apps


@dataclass
class App:
    """One app. `http` is the way that its calls take."""

    server: Server
    id: str
    http: httpx.Client | None = None

    def at(self, address: str) -> App:
        """The same app on a device with this address, as a trusted proxy says it."""
        return App(self.server, self.id, self.server.connect(**{"X-Forwarded-For": address}))

    @property
    def basic(self) -> dict[str, str]:
        return basic(self.id, key_of(self.id))

    def call(
        self, method: str, path: str, body: Any = None, *, by: str | dict[str, str] | None = None,
        kind: str = "application/json", **more: str,
    ) -> httpx.Response:
        """`by`: somebody's token, headers of its own, or else the app itself. `bytes` are sent as they are."""
        headers = self.basic if by is None else {"Authorization": f"Bearer {by}"} if isinstance(by, str) else by
        if body is not None:
            headers = headers | {"Content-Type": kind}
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return (self.http or self.server.http).request(
            method, f"/api/apps/{self.id}{path}", content=body, headers=headers | more)

    def address(self, method: str, address: str, path: str = "", body: Any = None, **more: Any) -> httpx.Response:
        """About the user with this id or address: `PHONE:+81…`."""
        return self.call(method, f"/users/{quote(address, safe=':')}{path}", body, **more)

    def register(self, kind: str = REGISTRATION, **fields: Any) -> httpx.Response:
        return self.call("POST", "/users", {"password": PASSWORD} | fields, kind=kind)

    def sign_up(self, **fields: Any) -> User:
        """Somebody new, who is signed in. Without any identifier in `fields` there is a login name."""
        if not {"loginName", "emailAddress", "phoneNumber"} & set(fields):
            fields["loginName"] = fresh_name()
        reply = self.register(AUTHORIZATION, **fields)
        assert reply.status_code == 201, reply.text
        return User(self, reply.json()["userID"], reply.json()["_accessToken"], {"password": PASSWORD} | fields)

    def proven_user(self, **fields: Any) -> User:
        """Somebody with a number that was proven."""
        fields = {"phoneNumber": fresh_number()} | fields
        texts = len(self.server.outbox.messages(fields["phoneNumber"]))
        user = self.sign_up(**fields)
        assert user.verify(user.code(count=texts + 1)).status_code == 200
        return user

    def log_in(self, username: Any, password: Any = PASSWORD, *, form: bool = False, **more: Any) -> httpx.Response:
        return self.token({"username": username, "password": password} | more, form=form)

    def token(self, members: dict[str, Any], *, form: bool = False) -> httpx.Response:
        body = urlencode(members).encode() if form else members
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        return self.call("POST", "/oauth2/token", body, kind=kind)

    def accepts(self, token: str) -> bool:
        """Whether the token is good. It is, or the refusal is the one of every dead token."""
        reply = self.call("GET", "/users/me", by=token)
        if reply.status_code != 200:
            assert_error(reply, 401, "UNAUTHORIZED")
        return reply.status_code == 200

    def refresh(self, refresh_token: str) -> httpx.Response:
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def admin(self) -> str:
        """A token that the app's own client got for itself."""
        return self.server.client_credentials(self.id).json()["access_token"]

    def disable(self, user_id: str, disabled: bool = True) -> None:
        reply = self.call("PUT", f"/users/{user_id}/status", {"disabled": disabled}, by=self.admin())
        assert reply.status_code == 204, reply.text

    def request_reset(self, address: str, method: str = "SMS") -> httpx.Response:
        body = {"notificationMethod": method, "smsResetMethod": "PIN"}
        return self.address("POST", address, "/password/request-reset", body)

    def complete_reset(self, address: str, pin: Any, password: Any = PASSWORD + "2") -> httpx.Response:
        return self.address("POST", address, "/password/complete-reset", {"pinCode": pin, "newPassword": password})

    def verify(self, address: str, code: Any, of: str = "phone-number", **more: Any) -> httpx.Response:
        return self.address("POST", address, f"/{of}/verify", {"verificationCode": code}, kind=VERIFICATION, **more)

    def resend(self, address: str, of: str = "phone-number", **more: Any) -> httpx.Response:
        return self.address("POST", address, f"/{of}/resend-verification", **more)


@dataclass
class User:
    """Somebody at one app, with the token of one login."""

    app: App
    id: str
    token: str
    given: dict[str, Any]

    def call(self, method: str, path: str = "", body: Any = None, **more: Any) -> httpx.Response:
        return self.app.call(method, f"/users/me{path}", body, by=self.token, **more)

    def shown(self) -> dict[str, Any]:
        reply = self.call("GET")
        assert reply.status_code == 200, reply.text
        return reply.json()

    def is_in(self) -> bool:
        return self.app.accepts(self.token)

    def again(self) -> User:
        """The same person, signed in once more by login name."""
        answered = self.app.log_in(self.given["loginName"], self.given["password"]).json()
        return User(self.app, self.id, answered["access_token"], self.given)

    def code(self, address: str | None = None, count: int = 1) -> str:
        """The one in the `count`-th message to the number, or to `address`."""
        return code_in(self.app.server.outbox.wait(address or self.given["phoneNumber"], count))

    def verify(self, code: Any, of: str = "phone-number") -> httpx.Response:
        return self.app.verify("me", code, of, by=self.token)

    def verify_wrongly(self, times: int, right: str) -> list[httpx.Response]:
        return [self.verify(code) for code in wrong_codes(times, right)]

    def resend(self, of: str = "phone-number") -> httpx.Response:
        return self.app.resend("me", of, by=self.token)

    def change_number(self, number: Any) -> httpx.Response:
        return self.call("PUT", "/phone-number", {"phoneNumber": number})


# MARK: what came


def assert_error(reply: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    assert reply.status_code == status, f"{reply.status_code}, not {status} {code}: {reply.text[:500]}"
    assert re.fullmatch(r"application/([\w.]+\+)?json(;.*)?", reply.headers["content-type"])
    error = reply.json()
    assert error["errorCode"] == code, f"{error}, not {code}"
    assert isinstance(error["message"], str) and error["message"].isascii() and error["message"]
    assert field is None or error.get("field") == field, f"{error}, not about {field}"
    return error


def assert_rate_limited(reply: httpx.Response, most_seconds: int = 3600) -> None:
    assert_error(reply, 429, "RATE_LIMITED")
    assert 1 <= int(reply.headers["retry-after"]) <= most_seconds
    assert reply.headers["ratelimit"] and reply.headers["ratelimit-policy"]


def assert_login_failed(reply: httpx.Response) -> None:
    assert (reply.status_code, reply.content) == (400, LOGIN_FAILED)


def assert_no_message(server: Server, address: str, but: int = 0) -> None:
    """No more than `but` messages left for `address`: one that was asked for later has left already."""
    witness = fresh_number("+8170")
    assert App(server, "proven").register(phoneNumber=witness).status_code == 201
    eventually("the witness' text", lambda: server.outbox.messages(witness))
    assert len(server.outbox.messages(address)) == but
