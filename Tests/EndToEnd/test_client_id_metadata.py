"""Clients that are URLs: the document there says who they are, and is fetched with care
(draft-ietf-oauth-client-id-metadata-document)."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Iterator
from urllib.parse import quote

import httpx
import pytest

from harness import Server, StartServer, assert_oauth_error, assert_refused, at_once, code_of, fresh_number, pkce
from person import people

CALLBACK = "https://an-app.example/callback"


@dataclass
class Answer:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Before anything is said, in seconds.
    pause: float = 0


@dataclass
class App:
    """An app's own web server on loopback, with a document at each path that a test puts there."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    visits: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def publish(self, path: str, **changes: Any) -> str:
        """A good document, but for the changes (`...` leaves a member out). Answers the id."""
        members = {
            "client_id": self.url(path), "client_name": "An App", "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
        } | changes
        kept = {name: value for name, value in members.items() if value is not ...}
        return self.answer(path, json.dumps(kept).encode())

    def answer(self, path: str, body: bytes, status: int = 200, pause: float = 0, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = Answer(body, status, {"Content-Type": "application/json"} | named, pause)
        return self.url(path)


@contextmanager
def app_server() -> Iterator[App]:
    app = App()
    stopping = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            app.visits.append(self.path)
            answer = app.answers.get(self.path, Answer(b"{}", 404))
            stopping.wait(answer.pause)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        app.port = listening.server_port
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield app
        finally:
            stopping.set()
            listening.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with app_server() as app:
        yield app


@pytest.fixture(scope="module")
def site(start_module_server) -> Server:
    return start_module_server(
        DENWA_CLIENT_METADATA_ENABLED="true", DENWA_CLIENT_METADATA_ALLOWED_NETWORKS="127.0.0.0/8")


def authorize(server: Server, client_id: str, **more: Any) -> httpx.Response:
    query = {"client_id": client_id, "response_type": "code", "state": "state-4f1d2c", "scope": "openid"} | pkce()[1]
    return server.http.get("/oauth2/authorize", params=query | more, headers={"Accept": "text/html"})


def is_known(server: Server, client_id: str) -> bool:
    """Whether the request gets as far as a sign-in."""
    reply = authorize(server, client_id)
    assert reply.status_code in (200, 302, 303, 400), reply.text
    return reply.status_code != 400


# MARK: a client


def test_somebody_signs_in_to_a_client_that_nobody_registered(site: Server, app: App):
    client = app.publish("/good")
    verifier, challenge = pkce()
    query = {"client_id": client, "response_type": "code", "state": "state-4f1d2c", "scope": "openid offline_access",
             "redirect_uri": CALLBACK} | challenge
    with people() as person:
        somebody = person(site)
        page = somebody.sign_in(f"{site.url}/oauth2/authorize?{httpx.QueryParams(query)}", fresh_number())
        assert "An App" in page.words and "an-app.example" in page.words, "its name, and where it really is"
        page = somebody.consent(page)
    form = {"grant_type": "authorization_code", "client_id": client, "code": code_of(page.url),
            "code_verifier": verifier, "redirect_uri": CALLBACK}
    tokens = site.http.post("/oauth2/token", data=form)
    assert tokens.status_code == 200, tokens.text
    claims = site.introspect(tokens.json()["access_token"]).json()
    assert claims["active"] and claims["client_id"] == client
    refresh = {"grant_type": "refresh_token", "client_id": client, "refresh_token": tokens.json()["refresh_token"]}
    again = site.http.post("/oauth2/token", data=refresh)
    assert again.status_code == 200, again.text

    # Its server goes away; whoever is signed in stays so, and the document that was read is good for its time.
    app.answers["/good"] = Answer(b"", 500)
    assert site.is_active(again.json()["access_token"])
    userinfo = site.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {again.json()['access_token']}"})
    assert userinfo.status_code == 200 and "phone_number" not in userinfo.json()


def test_metadata_says_so(site: Server, server: Server):
    name = "client_id_metadata_document_supported"
    assert site.http.get("/.well-known/oauth-authorization-server").json()[name] is True
    assert name not in server.http.get("/.well-known/oauth-authorization-server").json()


def test_where_it_is_off_nothing_is_fetched(start_server: StartServer, app: App):
    own = start_server(DENWA_CLIENT_METADATA_ALLOWED_NETWORKS="127.0.0.0/8")
    client = app.publish("/off")
    assert not is_known(own, client)
    assert "/off" not in app.visits


# MARK: what a document may say


@pytest.mark.parametrize("changes", [
    {"client_id": ...}, {"client_id": "https://an-app.example/"}, {"client_id": 7}, {"client_secret": "secret"},
    {"client_secret_expires_at": 0}, {"token_endpoint_auth_method": "client_secret_basic"},
    {"token_endpoint_auth_method": "client_secret_post"}, {"token_endpoint_auth_method": "private_key_jwt"},
    {"redirect_uris": []}, {"redirect_uris": ["http://an-app.example/"]}, {"redirect_uris": ...},
    {"grant_types": ["client_credentials"]}, {"scope": "admin"}, {"software_statement": "a.b.c", "client_id": "x"},
], ids=str)
def test_a_document_that_breaks_a_rule_is_no_client(site: Server, app: App, changes: dict[str, Any]):
    path = f"/rule-{hashlib.sha256(str(changes).encode()).hexdigest()[:8]}"
    assert not is_known(site, app.publish(path, **changes))
    assert path in app.visits, "it was looked at"


def test_an_id_is_compared_byte_for_byte(site: Server, app: App):
    app.publish("/bytes?x=%2F", client_id=app.url("/bytes?x=%2f"))
    assert not is_known(site, app.url("/bytes?x=%2F"))
    assert is_known(site, app.publish("/bytes-same?x=%2F"))


def test_it_gets_no_rights_of_the_operators(site: Server, app: App):
    client = app.publish("/rights", first_party=True, may_introspect=True, phone_login=True, require_pkce=False)
    texted = site.http.post(f"/oauth2/login/phone/request?response_type=code&client_id={quote(client, safe='')}"
                            "&state=state-4f1d2c", json={"phone_number": fresh_number()})
    assert_refused(texted, 400)
    plain = site.http.get("/oauth2/authorize", params={
        "client_id": client, "response_type": "code", "state": "state-4f1d2c"})
    # RFC 9700 §4.11.2: told here, and not at an address that a stranger wrote.
    for reply, error in (
        (plain, "code_challenge is missing"), (authorize(site, client, scope="reports:read"), "scope exceeds"),
    ):
        assert (reply.status_code, "location" in reply.headers) == (400, False) and error in reply.text


# MARK: how it is fetched


@pytest.mark.parametrize("path,answer", [
    ("/redirect", Answer(b"", 302, {"Location": "/good-target"})),
    ("/missing", Answer(b"{}", 404)),
    ("/created", Answer(b"{}", 201, {"Content-Type": "application/json"})),
    ("/html", Answer(b"<html>", 200, {"Content-Type": "text/html"})),
    ("/untyped", Answer(b"{}", 200)),
    ("/packed", Answer(b"{}", 200, {"Content-Type": "application/json", "Content-Encoding": "gzip"})),
    ("/broken", Answer(b'{"client_id":', 200, {"Content-Type": "application/json"})),
    ("/list", Answer(b"[]", 200, {"Content-Type": "application/json"})),
], ids=lambda value: value if isinstance(value, str) else "")
def test_an_answer_that_is_no_document_is_no_client(site: Server, app: App, path: str, answer: Answer):
    app.answers[path] = answer
    app.publish("/good-target", client_id=app.url(path))
    assert not is_known(site, app.url(path))
    assert "/good-target" not in app.visits, "redirects are not followed"


@pytest.mark.parametrize("size,known", [(16 * 1024, True), (16 * 1024 + 1, False)])
def test_a_document_is_no_longer_than_16_kibibytes(site: Server, app: App, size: int, known: bool):
    client = app.publish(f"/long-{size}")
    answer = app.answers[f"/long-{size}"]
    answer.body += b" " * (size - len(answer.body))
    assert is_known(site, client) == known


def test_a_slow_server_is_left_after_five_seconds_and_holds_up_nobody(site: Server, app: App):
    client = app.publish("/slow")
    app.answers["/slow"].pause = 30
    started = time.monotonic()

    def act(index: int) -> float:
        if index == 0:
            assert not is_known(site, client)
        else:
            assert is_known(site, "40017")
        return time.monotonic() - started

    slow, *others = at_once(5, act)
    assert slow < 8
    assert max(others) < 2


@pytest.mark.parametrize("url", [
    "https://localhost/client", "https://10.0.0.1/client", "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/client", "https://[fd00::1]/client", "https://0.0.0.0/client", "https://192.168.0.1/client",
    "https://[::ffff:10.0.0.1]/client", "https://100.64.0.1/client",
])
def test_no_address_inside_is_asked(site: Server, url: str):
    started = time.monotonic()
    assert not is_known(site, url)
    assert time.monotonic() - started < 2, "refused, not tried"


@pytest.mark.parametrize("change", [
    lambda url: url.replace("http:", "ftp:"), lambda url: url.replace("127.0.0.1", "user@127.0.0.1"),
    lambda url: url + "#fragment", lambda url: url.replace("/shape", "/a/../shape"),
    lambda url: url.replace("/shape", "/./shape"), lambda url: url.replace("/shape", "/%2e%2e/shape"),
    lambda url: url.replace("/shape", ""), lambda url: url.replace("127.0.0.1", "127.1"),
    lambda url: url.replace("127.0.0.1", "0x7f000001"), lambda url: url.replace("127.0.0.1", "2130706433"),
], ids=["scheme", "user", "fragment", "dots", "dot", "encoded dots", "no path", "short", "hexadecimal", "decimal"])
def test_an_id_that_can_be_read_in_two_ways_is_not_fetched(site: Server, app: App, change: Any):
    url = change(app.publish("/shape"))
    before = len(app.visits)
    assert not is_known(site, url)
    assert len(app.visits) == before


def test_without_an_allowed_network_not_even_loopback_is_asked(start_server: StartServer, app: App):
    own = start_server(DENWA_CLIENT_METADATA_ENABLED="true")
    assert not is_known(own, app.publish("/inside"))
    assert "/inside" not in app.visits


# MARK: how often


def test_a_document_is_kept_and_a_crowd_asks_once(site: Server, app: App):
    client = app.publish("/crowd")
    app.answers["/crowd"].pause = 0.2
    assert all(at_once(12, lambda _: is_known(site, client)))
    assert is_known(site, client)
    assert app.visits.count("/crowd") == len(site.nodes), "each keeps its own"


def test_a_failure_is_kept_for_a_moment(site: Server, app: App):
    app.answers["/down"] = Answer(b"{}", 500)
    assert not any(is_known(site, app.url("/down")) for _ in range(20))
    assert app.visits.count("/down") == len(site.nodes)


# MARK: what a stranger sees


def test_nothing_of_what_was_fetched_is_shown(site: Server, app: App):
    canary = "zq7canary"
    client = app.answer("/canary", b'{"client_id":"' + canary.encode() + b'"}')
    page = authorize(site, client)
    assert page.status_code == 400 and canary not in page.text
    form = {"grant_type": "authorization_code", "client_id": client, "code": "x"}
    refused = assert_oauth_error(site.http.post("/oauth2/token", data=form), 401, "invalid_client")
    assert canary not in json.dumps(refused)
    assert canary not in site.log() and canary not in "".join(site.developer_log())


def test_the_developer_log_says_why(site: Server, app: App):
    app.answers["/why"] = Answer(b"<html>", 200, {"Content-Type": "text/html"})
    assert not is_known(site, app.url("/why"))
    events = [json.loads(line) for line in site.developer_log()]
    assert any(event["event"] == "client.metadata_refused" and "not JSON" in event["reason"] for event in events)
