"""The real `denwa` binary, spoken to from outside: over a socket, through its outbox file, by signals.

Owns starting and ending a server, reading the texts it sent, and running the phone flow. Knows nothing of
how the server is built; everything here could be pointed at another implementation of the same contract.

A server is one process, or with `DENWA_TEST_NODES=2` that many behind a proxy: tests cannot tell, but by what only
a process has (`Server.nodes`).
"""

from __future__ import annotations

import atexit
import base64
import functools
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx

from databases import NODES, Database, make_database
from processes import REPOSITORY, Node, answers, binary, eventually, free_port
from proxy import ADDRESS as PROXY_ADDRESS, Proxy

#: Every limit off: only the tests about limits want any.
NO_LIMITS = {
    "DENWA_LIMITS_SEND_PER_IP": "0",
    "DENWA_LIMITS_SEND_PER_NUMBER": "0",
    "DENWA_LIMITS_RESEND_COOLDOWN_SECONDS": "0",
    "DENWA_LIMITS_SEND_PER_CLIENT": "0",
    "DENWA_LIMITS_CONFIRM_PER_IP": "0",
    "DENWA_LIMITS_TOKEN_PER_CLIENT": "0",
}


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Runs `act(0…count-1)` on as many threads, all let go at the same moment."""
    gate = threading.Barrier(count)

    def run(index: int) -> Any:
        gate.wait(timeout=30)
        return act(index)

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(run, range(count)))


# MARK: numbers

_numbers = itertools.count(os.getpid() % 1000)


def fresh_number(prefix: str = "+8190") -> str:
    """A Japanese mobile number no other test uses. Spread out, so that no guard against ranges sees one."""
    return f"{prefix}{10_000_000 + next(_numbers) * 7_368_787 % 80_000_000}"


def six_digits_other_than(*codes: str) -> str:
    """A code that is well formed and certainly wrong."""
    return next(text for text in map("{:06d}".format, range(111_111, 999_999)) if text not in codes)


def wrong_codes(count: int, right: str) -> list[str]:
    """`count` different wrong codes."""
    return [text for text in map("{:06d}".format, range(222_222, 222_223 + count)) if text != right][:count]


# MARK: clients

PROJECT = "6f5ee1a4-2f0e-4d55-9f25-3d6ad9e01b11"


def phone_client(client_id: str, **more: Any) -> dict[str, Any]:
    """A public client of the phone flow with one redirect URI; `more` adds and replaces."""
    return {
        "client_id": client_id,
        "client_name": f"Client {client_id}",
        "redirect_uris": [f"https://{client_id}.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        "first_party": True,
    } | more


def confidential_client(client_id: str, method: str = "client_secret_basic", **more: Any) -> dict[str, Any]:
    return phone_client(
        client_id,
        client_secret=secret_of(client_id),
        token_endpoint_auth_method=method,
    ) | more


def machine_client(client_id: str, **more: Any) -> dict[str, Any]:
    """A confidential client that has no people, only client_credentials."""
    return {
        "client_id": client_id,
        "client_name": f"Machine {client_id}",
        "client_secret": secret_of(client_id),
        "redirect_uris": [],
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic",
    } | more


def secret_of(client_id: str) -> str:
    return f"secret-of-{client_id}-0b1fKqR7ZxT2"


def standard_clients() -> list[dict[str, Any]]:
    return [
        phone_client("40017"),
        phone_client("other-game"),
        phone_client("several", redirect_uris=["https://several.example/a", "https://several.example/b"]),
        phone_client("with-query", redirect_uris=["https://with-query.example/cb?lang=ja&x=1"]),
        phone_client("custom-scheme", redirect_uris=["mygame://login"]),
        phone_client("linked", link_uris=["https://linked.example/open", "mygame://open"]),
        phone_client("webotp", webotp_domain="login.webotp.example"),
        phone_client("android", android_app_hash="FA+9qCX9VSu"),
        phone_client("xsolla", token_profile="xsolla", project_id=PROJECT,
                     access_token_signed_response_alg="RS256"),
        phone_client("rs256", access_token_signed_response_alg="RS256"),
        phone_client("eddsa", access_token_signed_response_alg="EdDSA"),
        phone_client("pkce-only", require_pkce=True),
        confidential_client("hs256", access_token_signed_response_alg="HS256"),
        confidential_client("web-basic"),
        confidential_client("web-post", "client_secret_post"),
        confidential_client("short", access_token_lifetime=120),
        machine_client("no-people", redirect_uris=["https://no-people.example/callback"]),
        machine_client("machine", scope="reports:read reports:write"),
        machine_client("resource-server", may_introspect=True),
        machine_client("stranger"),
    ]


# MARK: the outbox

# Texts that nobody types anything of.
NOTICES = {"number_changed", "verification_completed", "password_reset_done"}


@dataclass
class Outbox:
    """The texts that left, as the file connector wrote them: one JSON object a line."""

    path: Path

    def messages(self, number: str | None = None) -> list[dict[str, Any]]:
        try:
            written = self.path.read_bytes()
        except FileNotFoundError:
            return []
        whole = written[: written.rfind(b"\n") + 1]      # a line being written right now is not one yet
        if number is not None:
            # Cheap first: tests ask often, and the file grows.
            whole = b"\n".join(line for line in whole.split(b"\n") if number[1:].encode() in line)
        messages = [json.loads(line) for line in whole.split(b"\n") if line.strip()]
        return [message for message in messages if number in (None, message["to"])]

    def wait(self, number: str, count: int = 1, timeout: float = 10) -> dict[str, Any]:
        """The `count`-th text to `number`, as soon as it is there."""
        return eventually(
            f"text {count} to {number}",
            lambda: (found := self.messages(number)) and len(found) >= count and found[count - 1],
            timeout=timeout,
        )

    def codes(self, number: str) -> list[dict[str, Any]]:
        """The texts to a number but for notices, which may be overtaken by a code that was asked for after them."""
        return [message for message in self.messages(number) if message["template"] not in NOTICES]

    def wait_for_code(self, number: str, count: int) -> dict[str, Any]:
        """The `count`-th of `codes`, as soon as it is there."""
        return eventually(
            f"code {count} to {number}",
            lambda: (found := self.codes(number)) and len(found) >= count and found[count - 1],
        )


def code_in(message: dict[str, Any]) -> str:
    """The six digits of a text. Every group of six digits outside its links must be the same one."""
    text = re.sub(r"\S+://\S+", " ", message["body"])
    found = set(re.findall(r"(?<!\d)\d{6}(?!\d)", text))
    assert len(found) == 1, f"not exactly one code in {message['body']!r}"
    return found.pop()


# MARK: the server


@dataclass
class Server:
    """One server and everything that belongs to it, in a directory of its own: a process, or nodes behind a proxy."""

    directory: Path
    clients: list[dict[str, Any]] = field(default_factory=standard_clients)
    environment: dict[str, str] = field(default_factory=dict)
    #: Where clients come to.
    port: int = field(default_factory=free_port)
    node_count: int = NODES
    #: Another server's, which outlives this one.
    shared_database: Database | None = None

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.outbox = Outbox(self.directory / "outbox.jsonl")
        self.database = self.shared_database or make_database(self.directory)
        self.keys = self.directory / "keys"
        self.clients_file = self.directory / "clients.json"
        self.stdout = self.directory / "stdout.log"
        self.stderr = self.directory / "stderr.log"
        self.proxy: Proxy | None = None
        self.nodes = [Node(self.port)]
        if self.node_count > 1:
            self.nodes = [Node(free_port()) for _ in range(self.node_count)]
            # Not in the server's folder: what is in there is the server's.
            self.proxy = Proxy(self.directory.with_name(f"{self.directory.name}-proxy-{self.port}"), self.port, self.nodes)
        self.write_clients(self.clients)
        self._connections: list[httpx.Client] = []
        self.http = self.connect()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def direct(self) -> httpx.Client:
        """To a node itself, for what no proxy hands on."""
        return self.connect(to=self.nodes[0].url)

    def connect(self, *, to: str | None = None, **headers: str) -> httpx.Client:
        """A client with its own connections. Keeps no cookies: one client stands for many people here."""
        connection = httpx.Client(
            base_url=to or self.url,
            headers=headers,
            timeout=30,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=256, max_keepalive_connections=256),
        )
        self._connections.append(connection)
        return connection

    def disconnect(self) -> None:
        while self._connections:
            self._connections.pop().close()

    def write_clients(self, clients: Iterable[dict[str, Any]]) -> None:
        self.clients = list(clients)
        self.clients_file.write_text(json.dumps({"clients": self.clients}, indent=2))

    def client(self, client_id: str) -> dict[str, Any]:
        return next(client for client in self.clients if client["client_id"] == client_id)

    # MARK: processes

    def variables(self, node: Node | None = None) -> dict[str, str]:
        """The environment of a node, or that of a command beside them."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("DENWA_")}
        return (
            inherited
            | {
                "DENWA_HTTP_HOST": "127.0.0.1",
                "DENWA_HTTP_PORT": str((node or self.nodes[0]).port),
                "DENWA_ISSUER": self.url,
                "DENWA_DATABASE_URL": self.database.url,
                "DENWA_KEYS_DIRECTORY": str(self.keys),
                "DENWA_CLIENTS_FILE": str(self.clients_file),
                "DENWA_MESSAGING_OUTBOX_FILE": str(self.outbox.path),
                "DENWA_LOG_FORMAT": "json",
            }
            | NO_LIMITS
            | self.environment
            | (self._behind_proxy(node) if self.proxy else {})
        )

    def _behind_proxy(self, node: Node | None) -> dict[str, str]:
        """The proxy is trusted besides whomever the test trusts, and two nodes cannot have one port for metrics."""
        trusted = [*filter(None, [self.environment.get("DENWA_HTTP_TRUSTED_PROXIES")]), PROXY_ADDRESS]
        changed = {"DENWA_HTTP_TRUSTED_PROXIES": ",".join(trusted)}
        if "DENWA_METRICS_PORT" in self.environment and node in self.nodes[1:]:
            changed["DENWA_METRICS_PORT"] = str(free_port())
        return changed

    @contextmanager
    def another(self) -> Iterator[Server]:
        """A server beside this one: the same settings, database, keys and issuer at another address."""
        other = Server(self.directory, self.clients, {"DENWA_ISSUER": self.url} | self.environment,
                       shared_database=self.database)
        try:
            yield other.start()
        finally:
            other.dispose()

    def command(self, *arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Another `denwa` command in the same surroundings."""
        return subprocess.run(
            [str(binary()), *arguments],
            cwd=self.directory,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def start(self, *, from_nothing: bool = False) -> Server:
        """Starts every node at once, on copies of the run's keys and tables when it starts for the first time: to make
        them takes longer than the rest. `from_nothing` makes them."""
        if from_nothing:
            self.database.forget_tables()
        elif not self.keys.exists():
            shutil.copytree(keys_of_the_run(), self.keys)
        if self.proxy:
            self.proxy.start()
        for node in self.nodes:
            node.start(self.directory, self.variables(node), self.stdout, self.stderr)
        eventually("the server is ready", self.is_ready, timeout=30)
        if self.proxy:
            self.proxy.wait()
        return self

    def is_ready(self) -> bool:
        for node in self.nodes:
            if (status := node.status) is not None:
                raise AssertionError(f"the server ended with {status}:\n{self.log()[-4000:]}")
        return all(self.answers(node) for node in self.nodes)

    def answers(self, node: Node) -> bool:
        return answers(node.url)

    @property
    def is_running(self) -> bool:
        """Whether none of its processes ended, by itself or because it was told to."""
        return all(node.process is not None and node.status is None for node in self.nodes)

    def log(self) -> str:
        """All it has printed, on both streams, over all its starts and nodes."""
        return "".join(
            path.read_text(errors="replace") for path in (self.stdout, self.stderr) if path.exists()
        )

    def developer_log(self) -> list[str]:
        """`denwa log --json`, one event a line."""
        done = self.command("log", "--json")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line.strip()]

    def reload(self) -> None:
        """SIGHUP to every node, which has read its files, or refused them, when this returns."""
        told = self._reloads()
        for node in self.nodes:
            node.signal(signal.SIGHUP)
        eventually("every node has read its files", lambda: self._reloads() >= told + len(self.nodes))

    def spread(self) -> None:
        """Waits until every node knows what one was told: a second, as documented, and no time where there is one."""
        if self.proxy:
            time.sleep(1)

    def _reloads(self) -> int:
        last = "templates" if "DENWA_MESSAGING_TEMPLATES_FILE" in self.environment else "clients"
        return len(re.findall(rf"{last} (?:not )?read again", self.log()))

    def kill(self) -> None:
        """`kill -9`, for every node, now. `end` waits until they are gone."""
        for node in self.nodes:
            node.signal(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends the nodes and waits until they are gone; their files stay. The first status that is not 0, or 0."""
        for node in self.nodes:
            node.signal(how)
        try:
            statuses = [node.wait(timeout=20) for node in self.nodes]
        finally:
            self.disconnect()
            self.http = self.connect()
        return next(filter(None, statuses), 0)

    def dispose(self) -> None:
        """Ends it whatever it does. Its files stay, its database goes."""
        for node in self.nodes:
            node.dispose()
        if self.proxy:
            self.proxy.dispose()
        self.disconnect()
        if self.shared_database is None:
            self.database.drop()

    # MARK: calls

    def login(self, client_id: str = "40017", number: str | None = None, **more: Any) -> PhoneLogin:
        return PhoneLogin(self, client_id, number or fresh_number(), **more)

    def token(self, client_id: str, form: Any, *, secret: str | None = None, **more: Any) -> httpx.Response:
        """`POST /oauth2/token` the way the client is registered to authenticate. `form` is a dict or pairs."""
        return self._form("/oauth2/token", client_id, form, secret, **more)

    def refresh(self, client_id: str, refresh_token: str, **more: str) -> httpx.Response:
        return self.token(client_id, {"grant_type": "refresh_token", "refresh_token": refresh_token} | more)

    def introspect(self, token: str, by: str = "resource-server", **more: str) -> httpx.Response:
        return self._form("/oauth2/introspect", by, {"token": token} | more, None)

    def is_active(self, token: str) -> bool:
        reply = self.introspect(token)
        assert reply.status_code == 200, reply.text
        return reply.json()["active"]

    def revoke(self, token: str, by: str, **more: str) -> httpx.Response:
        return self._form("/oauth2/revoke", by, {"token": token} | more, None)

    def client_credentials(self, client_id: str = "machine", **more: str) -> httpx.Response:
        return self.token(client_id, {"grant_type": "client_credentials"} | more)

    def _form(
        self, path: str, client_id: str, form: Any, secret: str | None, **more: Any
    ) -> httpx.Response:
        client = self.client(client_id)
        secret = secret or client.get("client_secret")
        pairs = list(form.items()) if isinstance(form, dict) else list(form)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | more.pop("headers", {})
        auth = None
        if client["token_endpoint_auth_method"] == "client_secret_basic":
            auth = (client_id, secret)
        else:
            pairs.append(("client_id", client_id))
            if client["token_endpoint_auth_method"] == "client_secret_post":
                pairs.append(("client_secret", secret))
        return self.http.post(
            path, content=urlencode(pairs), headers=headers, auth=auth or httpx.USE_CLIENT_DEFAULT, **more
        )


@functools.cache
def keys_of_the_run() -> Path:
    """A folder of keys as the first start makes it."""
    folder = Path(tempfile.mkdtemp(prefix="denwa-keys-"))
    atexit.register(shutil.rmtree, folder)
    maker = Server(folder / "maker", [], node_count=1)
    try:
        maker.start(from_nothing=True).end()
        return maker.keys.rename(folder / "keys")
    finally:
        maker.dispose()


# MARK: the phone flow


@dataclass
class PhoneLogin:
    """One person at one client, from the number to the tokens.

    `request`, `confirm` and `token` give the raw reply, so that a test can look at a refusal; `authorization_code`
    and `tokens` run everything up to there and insist that it works.
    """

    server: Server
    client_id: str
    number: str
    state: str = "state-4f1d2c"
    scope: str | None = None
    redirect_uri: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    device_id: str | None = None

    operation_id: str | None = None
    texts_before: int = 0

    def request_url(self) -> str:
        query = {"response_type": "code", "client_id": self.client_id, "state": self.state}
        if self.scope is not None:
            query["scope"] = self.scope
        if self.redirect_uri is not None:
            query["redirect_uri"] = self.redirect_uri
        return "/oauth2/login/phone/request?" + urlencode(query | self.query, quote_via=quote)

    def _body(self, members: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        known = {"device_id": self.device_id} if self.device_id is not None else {}
        return members | known | more

    def request(self, **more: Any) -> httpx.Response:
        texts = len(self.server.outbox.codes(self.number))
        reply = self.server.http.post(
            self.request_url(), json=self._body({"phone_number": self.number}, more), headers=self.headers
        )
        if reply.status_code == 200:
            self.operation_id = reply.json()["operation_id"]
            self.texts_before = texts
        return reply

    def text(self) -> dict[str, Any]:
        """The text of the last successful request."""
        return self.server.outbox.wait_for_code(self.number, self.texts_before + 1)

    def texted_code(self) -> str:
        return code_in(self.text())

    def confirm(self, code: Any = None, **more: Any) -> httpx.Response:
        """`code` defaults to the texted one."""
        members = {
            "code": self.texted_code() if code is None else code,
            "operation_id": self.operation_id,
            "phone_number": self.number,
        }
        reply = self.server.http.post(
            f"/oauth2/login/phone/confirm?client_id={quote(self.client_id)}",
            json=self._body(members, more),
            headers=self.headers,
        )
        return reply

    def confirm_wrongly(self, times: int = 1) -> list[httpx.Response]:
        return [self.confirm(code) for code in wrong_codes(times, right=self.texted_code())]

    def login_url(self) -> str:
        if self.operation_id is None:
            begun = self.request()
            assert begun.status_code == 200, begun.text
        done = self.confirm()
        assert done.status_code == 200, done.text
        return done.json()["login_url"]

    def authorization_code(self) -> str:
        return code_of(self.login_url())

    def token(self, code: str | None = None, **more: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code or self.authorization_code()}
        if self.redirect_uri is not None:
            form["redirect_uri"] = self.redirect_uri
        return self.server.token(self.client_id, form | more)

    def tokens(self, **more: str) -> dict[str, Any]:
        reply = self.token(**more)
        assert reply.status_code == 200, reply.text
        return reply.json()


def pkce() -> tuple[str, dict[str, str]]:
    """A new code_verifier, and the query parameters that announce it."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return verifier, {"code_challenge": challenge, "code_challenge_method": "S256"}


def code_of(login_url: str) -> str:
    """The authorization code of a login_url."""
    codes = parse_qs(urlsplit(login_url).query).get("code", [])
    assert len(codes) == 1, login_url
    return codes[0]


# MARK: refusals

#: Values of these change from reply to reply and mean nothing.
CHANGING_HEADERS = {"date", "content-length", "x-request-id", "request-id"}


def assert_refused(reply: httpx.Response, status: int, *codes: str) -> dict[str, Any]:
    """A refusal in the envelope of the phone routes, with one of `codes` (any, when none is given)."""
    assert reply.status_code == status, f"{reply.status_code}, not {status}: {reply.text}"
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert "no-store" in reply.headers["cache-control"]
    body = reply.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"code", "description", "details"}
    assert isinstance(error["code"], str) and re.fullmatch(r"\d{3}-\d{3}", error["code"])
    assert isinstance(error["description"], str) and error["description"]
    assert error["description"].isascii(), "descriptions are English, and never the input"
    assert isinstance(error["details"], dict)
    if codes:
        assert error["code"] in codes, f"{error['code']}, not {' or '.join(codes)}: {error['description']}"
    return error


def assert_oauth_error(reply: httpx.Response, status: int, *errors: str) -> dict[str, Any]:
    """A refusal as RFC 6749 §5.2 shapes it."""
    assert reply.status_code == status, f"{reply.status_code}, not {status}: {reply.text}"
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert "no-store" in reply.headers["cache-control"]
    body = reply.json()
    assert body["error"] in errors, f"{body}, not {' or '.join(errors)}"
    assert isinstance(body.get("error_description", ""), str)
    return body


#: A fixture that starts servers of the test's own: `start_server(DENWA_LIMITS_SEND_PER_IP="3/3600")`.
StartServer = Callable[..., Server]
