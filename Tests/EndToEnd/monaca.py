"""A Monaca backend as its client library speaks to it: JSON-RPC in one POST, the session in a header.

Owns the envelope, what a device remembers, and the names of the errors. Knows nothing of how the server is built.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from harness import Server, phone_client

PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602
API_KEY, SESSION_FORMAT, LOGIN_REQUIRED, DEVICE, OPERATION = 4, 10, 11, 12, 13
TOO_MANY = -32000

#: All that `data` of an error may say about a parameter.
REASONS = {"required", "invalid", "too_short", "too_long", "taken", "too_large", "common", "wrong"}

SESSION_HEADER = "X-Set-Monaca-Cloud-Session"

#: What the client library says it sends. It sends JSON.
FORM = "application/x-www-form-urlencoded"

ORIGINS = ["https://app.example", "http://localhost:8123"]

PASSWORD = "blue-kettle-41-Nf"
OTHER_PASSWORD = "green-ladder-93-Wq"

#: No limit on passwords: only the tests about limits want any.
QUIET = {
    "DENWA_LIMITS_PASSWORD_PER_IDENTIFIER": "0",
    "DENWA_LIMITS_PASSWORD_PER_IP": "0",
    "DENWA_LIMITS_REGISTER_PER_IP": "0",
}


def key_of(client_id: str) -> str:
    return f"key-of-{client_id}-7yWm2Rk0"


def monaca_client(client_id: str, *, cors_origins: list[str] = ORIGINS, **settings: Any) -> dict[str, Any]:
    """A client that is a backend and nothing else; `settings` go into its `monaca` section."""
    return {
        "client_id": client_id,
        "client_name": f"Backend {client_id}",
        "token_endpoint_auth_method": "none",
        "grant_types": [],
        "cors_origins": cors_origins,
        "monaca": {"api_key": key_of(client_id)} | settings,
    }


def monaca_clients() -> list[dict[str, Any]]:
    return [
        monaca_client("backend"),
        monaca_client("other-backend", cors_origins=["https://other.example"]),
        monaca_client("no-auto-login", auto_login=False),
        monaca_client("strict", minimum_username_length=6, minimum_password_length=12),
        phone_client("40017", cors_origins=["https://spa.example"]),
        {
            "client_id": KII[0], "client_name": "Kii app", "token_endpoint_auth_method": "none", "grant_types": [],
            "kii": {"app_key": KII[1]},
        },
    ]


#: An app of the other interface to the same users: its id and its key.
KII = ("kii-app", "kii-key-5tQz81")

_names = itertools.count()


def fresh_name(prefix: str = "user") -> str:
    """A username no other test uses: ASCII, lower case."""
    return f"{prefix}{next(_names)}x{secrets.token_hex(4)}"


@dataclass
class Reply:
    """What came back for one call."""

    http: httpx.Response
    body: dict[str, Any]

    @property
    def session(self) -> str | None:
        return self.http.headers.get(SESSION_HEADER)

    @property
    def is_result(self) -> bool:
        return "result" in self.body

    @property
    def result(self) -> dict[str, Any]:
        assert "result" in self.body, self.body
        return self.body["result"]

    @property
    def error(self) -> dict[str, Any]:
        assert "error" in self.body, f"no error: {self.body}"
        return self.body["error"]

    def refused(self, code: int, **data: str) -> dict[str, Any]:
        """An error with this code; `data` are the parameters it has to name, and the only ones."""
        error = self.error
        assert error["code"] == code, f"{error}, not {code}"
        if data:
            assert error["data"] == data
        if code == PARAMS:
            assert error["data"] and set(error["data"].values()) <= REASONS, error
        assert self.session is None, "a refusal signs nobody in"
        return error


def read(text: str) -> Any:
    """JSON with every number as exact as it was written."""
    return json.loads(text, parse_float=Decimal)


def check_envelope(body: Any) -> dict[str, Any]:
    """One reply object of JSON-RPC 2.0."""
    assert isinstance(body, dict), body
    assert set(body) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"}), body
    assert body["jsonrpc"] == "2.0"
    if "error" in body:
        assert set(body["error"]) - {"data"} == {"code", "message"}, body
        assert isinstance(body["error"]["code"], int)
        assert isinstance(body["error"]["message"], str) and body["error"]["message"]
    return body


def check_http(http: httpx.Response) -> None:
    assert http.status_code == 200, f"{http.status_code}: {http.text[:400]}"
    assert http.headers["content-type"].split(";")[0] == "application/json"
    assert "no-store" in http.headers["cache-control"]


@dataclass
class Backend:
    """One backend of a server."""

    server: Server
    client_id: str = "backend"

    @property
    def path(self) -> str:
        return f"/monaca/{self.client_id}"

    def post(self, content: str | bytes, content_type: str | None = FORM, **headers: str) -> httpx.Response:
        types = {} if content_type is None else {"Content-Type": content_type}
        return self.server.http.post(self.path, content=content, headers=types | headers)

    def send(self, body: Any, **headers: str) -> httpx.Response:
        return self.post(json.dumps(body), **headers)

    def ask(self, body: Any, **headers: str) -> Reply:
        """Sends one call and insists on one reply object."""
        http = self.send(body, **headers)
        check_http(http)
        return Reply(http, check_envelope(read(http.text)))

    def call(self, method: str, params: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """The call as the library would write it: key and device first, then `params`, which may replace them."""
        own = {"__api_key": key_of(self.client_id), "__device": "device-of-nobody"}
        return {"jsonrpc": "2.0", "method": method, "params": own | (params or {}), "id": "1"} | members

    def device(self) -> Device:
        return Device(self)

    def registered(self, username: str | None = None, password: str = PASSWORD, **properties: Any) -> Device:
        """A device on which a new user has just registered."""
        made = self.device()
        made.do("User.register", username=username or fresh_name(), password=password, properties=properties)
        return made

    def logged_in(self, username: str, password: str = PASSWORD) -> Device:
        made = self.device()
        made.do("User.login", username=username, password=password)
        return made

    def opens(self, username: str, password: str = PASSWORD) -> bool:
        """Whether this password is the user's."""
        reply = self.device().rpc("User.login", username=username, password=password)
        if not reply.is_result:
            reply.refused(PARAMS)
        return reply.is_result


@dataclass
class Device:
    """One installation of an app: it remembers the session and the login token that it was given last."""

    backend: Backend
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    session: str | None = None
    login_token: str | None = None
    user: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, params: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        own = {"__device": self.name} | ({"__session": self.session} if self.session else {})
        return self.backend.call(method, own | (params or {}), **members)

    def rpc(self, method: str, **params: Any) -> Reply:
        reply = self.backend.ask(self.call(method, params))
        if reply.session is not None:
            assert re.fullmatch(r"[0-9a-zA-Z]{32,}", reply.session), "128 bits in hexadecimal digits"
            self.session = reply.session
        if reply.is_result:
            self.login_token = reply.result.get("loginToken", self.login_token)
            self.user = reply.result.get("user", self.user)
        return reply

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls and insists that it works."""
        return self.rpc(method, **params).result

    def is_logged_in(self) -> bool:
        reply = self.rpc("User.getProperties", names=[])
        if not reply.is_result:
            reply.refused(LOGIN_REQUIRED)
        return reply.is_result

    def property(self, name: str) -> Any:
        return self.do("User.getProperties", names=[name])["properties"].get(name)

    def another(self) -> Device:
        """The same installation with what it remembers now: for calls that race."""
        return Device(self.backend, self.name, self.session, self.login_token, dict(self.user))

    def auto_login(self) -> Reply:
        """As an app does when it starts again: without the old session."""
        self.session = None
        return self.rpc("User.autoLogin", loginToken=self.login_token)


#: Method and parameters of every call that is for users only.
CALLS_THAT_NEED_LOGIN: list[tuple[str, dict[str, Any]]] = [
    ("User.logout", {}),
    ("User.unregister", {"password": PASSWORD}),
    ("User.updatePassword", {"oldPassword": PASSWORD, "newPassword": OTHER_PASSWORD}),
    ("User.getProperties", {"names": ["color"]}),
    ("User.saveProperties", {"properties": {"color": "blue"}}),
]
