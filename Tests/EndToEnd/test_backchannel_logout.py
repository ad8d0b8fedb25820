"""Apps hear that somebody signed out (OpenID Connect Back-Channel Logout 1.0): each once, soon, whatever becomes of
the others, of themselves, and of the server."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator
from urllib.parse import urlencode

import jwt as pyjwt
import pytest

from harness import Server, code_in, confidential_client, eventually, fresh_number, phone_client
from listening import Receiver, logout_claims
from person import Person, authorize_url, people

pytestmark = pytest.mark.nodes


def app(client_id: str, receiver: Receiver, **more: Any) -> dict[str, Any]:
    return confidential_client(client_id, backchannel_logout_uri=receiver.url(client_id), **more)


def clients(receiver: Receiver) -> list[dict[str, Any]]:
    return [
        app("app", receiver),
        app("signs-rs256", receiver, id_token_signed_response_alg="RS256"),
        app("pairwise", receiver, subject_type="pairwise", backchannel_logout_session_required=True),
        app("elsewhere", receiver),
        app("slow", receiver),
        confidential_client("tells-nothing"),
        phone_client("game"),
    ]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("logout"), clients=clients(receiver))
    try:
        yield server.start()
    finally:
        server.dispose()


@pytest.fixture
def fresh(receiver: Receiver) -> Receiver:
    """The receiver, with nothing on it."""
    receiver.posts.clear()
    receiver.answers.clear()
    return receiver


@dataclass
class Browser:
    """Somebody's browser, and the ID tokens that apps got of it."""

    server: Server
    person: Person
    number: str = field(default_factory=fresh_number)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    def sign_in(self, client_id: str, **parameters: str) -> dict[str, Any]:
        """The claims of the app's ID token."""
        url = authorize_url(self.server, client_id, **{"scope": "openid"} | parameters)
        page = self.person.visit(url)
        if page.has_form("phone_number"):
            page = self.person.type_number(page, self.number)
            page = self.person.type_code(page, code_in(self.person.text))
        redirect_uri = self.server.client(client_id)["redirect_uris"][0]
        reply = self.server.token(client_id, {
            "grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": redirect_uri})
        assert reply.status_code == 200, reply.text
        self.tokens[client_id] = reply.json()
        return pyjwt.decode(reply.json()["id_token"], options={"verify_signature": False})

    def end_session(self, client_id: str) -> None:
        query = urlencode({"id_token_hint": self.tokens[client_id]["id_token"]})
        assert self.person.visit(f"{self.server.url}/oauth2/end_session?{query}").status == 200


@pytest.fixture
def browser(server: Server) -> Iterator[Callable[..., Browser]]:
    with people() as make:
        yield lambda **more: Browser(server, make(server), **more)


def test_every_app_of_the_session_is_told_by_the_names_it_knows(server: Server, browser, fresh: Receiver) -> None:
    mine, others = browser(), browser()
    known = {client_id: mine.sign_in(client_id) for client_id in ("app", "signs-rs256", "pairwise", "tells-nothing")}
    mine.sign_in("app", scope="openid offline_access")
    others.sign_in("elsewhere")
    assert known["pairwise"]["sid"] != known["app"]["sid"]

    mine.end_session("app")
    for client_id in ("app", "signs-rs256", "pairwise"):
        claims = logout_claims(server, fresh.wait(client_id, timeout=3), client_id)
        assert (claims["sub"], claims["sid"]) == (known[client_id]["sub"], known[client_id]["sid"])
    time.sleep(1)
    assert sorted(to for to, *_ in fresh.posts) == ["app", "pairwise", "signs-rs256"], "each once, and nobody else"


def test_a_logout_token_is_good_for_nothing_else(server: Server, browser, fresh: Receiver) -> None:
    mine = browser()
    mine.sign_in("app")
    mine.end_session("app")
    token = fresh.wait("app")
    page = mine.person.visit(f"{server.url}/oauth2/end_session?{urlencode({'id_token_hint': token})}")
    assert page.status == 400
    reply = server.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 401


# MARK: every way out


def press(action: str) -> Callable[[Browser], None]:
    def act(browser: Browser) -> None:
        page = browser.person.visit(f"{browser.server.url}/account")
        form = next(form for form in page.forms if form.action.endswith(action))
        assert browser.person.submit(form).status == 200

    return act


def delete_account(browser: Browser) -> None:
    page = browser.person.visit(f"{browser.server.url}/account/delete")
    form = next(form for form in page.forms if form.action.endswith("/account/delete"))
    form.fields.setdefault("confirm", "")
    assert browser.person.submit(form, confirm="1").status == 200


def command(*arguments: str) -> Callable[[Browser], None]:
    def act(browser: Browser) -> None:
        subject = browser.tokens["app"]["id_token"]
        account = pyjwt.decode(subject, options={"verify_signature": False})["sub"]
        done = browser.server.command("users", arguments[0], account, *arguments[1:])
        assert done.returncode == 0, done.stderr

    return act


def somebody_else(browser: Browser) -> None:
    browser.number = fresh_number()
    browser.sign_in("tells-nothing", prompt="login")


def xsolla(sessions: str) -> Callable[[Browser], None]:
    def act(browser: Browser) -> None:
        token = browser.tokens["app"]["access_token"]
        reply = browser.server.http.post(
            f"/oauth2/logout?sessions={sessions}", headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == 204, reply.text

    return act


WAYS: dict[str, Callable[[Browser], None]] = {
    "end_session": lambda browser: browser.end_session("app"),
    "sign-out at /account": press("/account/sign-out"),
    "one session at /account": press("/account/sessions/end"),
    "somebody else signs in": somebody_else,
    "all browsers, by an app": xsolla("sso"),
    "everywhere, by an app": xsolla("all"),
    "deletion at /account": delete_account,
    "users sign-out": command("sign-out"),
    "users disable": command("disable"),
    "users delete": command("delete", "--yes"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_apps_are_told_however_the_session_ends(server: Server, browser, fresh: Receiver, way) -> None:
    mine = browser()
    if way is WAYS["one session at /account"]:
        # The page ends the sessions of other browsers.
        other = browser(number=mine.number)
        other.sign_in("tells-nothing")
        known = mine.sign_in("app", scope="openid offline_access")
        press("/account/sessions/end")(other)
    else:
        known = mine.sign_in("app", scope="openid offline_access")
        way(mine)
    claims = logout_claims(server, fresh.wait("app", timeout=3), "app")
    assert (claims["sub"], claims["sid"]) == (known["sub"], known["sid"])
    eventually("nothing waits any more", lambda: _waiting(server) == 0)
    assert len(fresh.of("app")) == 1


def test_ending_the_others_tells_the_apps_of_the_others(server: Server, browser, fresh: Receiver) -> None:
    here, there = browser(), browser()
    there.number = here.number
    here.sign_in("elsewhere")
    known = there.sign_in("app")
    press("/account/sessions/end-others")(here)
    assert logout_claims(server, fresh.wait("app"), "app")["sid"] == known["sid"]
    assert fresh.of("elsewhere") == []


def _waiting(server: Server) -> int:
    return len(server.database.rows("SELECT * FROM logout_notice"))


# MARK: apps that are slow, down, or do not want to


def test_a_slow_app_delays_neither_the_sign_out_nor_other_apps(server: Server, browser, fresh: Receiver) -> None:
    fresh.answers["slow"] = [fresh.hang]
    slow = [browser() for _ in range(12)]
    for mine in slow:
        mine.sign_in("slow")
    quick = browser()
    quick.sign_in("elsewhere")
    for mine in slow:
        began = time.monotonic()
        mine.end_session("slow")
        assert time.monotonic() - began < 1
    fresh.wait("slow", 8)
    quick.end_session("elsewhere")
    fresh.wait("elsewhere", timeout=2)

    fresh.answers["slow"] = [204]
    fresh.stopping.set()
    eventually("the slow one is told too", lambda: _waiting(server) == 0)
    fresh.stopping.clear()


def test_an_app_that_fails_is_told_again_until_it_takes_it(server: Server, browser, fresh: Receiver) -> None:
    fresh.answers["app"] = [500, 302, 200]
    mine = browser()
    known = mine.sign_in("app")
    mine.end_session("app")
    tokens = [logout_claims(server, fresh.wait("app", count, timeout=8), "app") for count in (1, 2, 3)]
    assert {claims["sid"] for claims in tokens} == {known["sid"]}
    assert len({claims["jti"] for claims in tokens}) == 3, "each is a token of its own"
    eventually("it is over", lambda: _waiting(server) == 0)


def test_an_app_that_refuses_is_not_asked_again_and_the_operator_hears(
    server: Server, browser, fresh: Receiver
) -> None:
    fresh.answers["elsewhere"] = [400]
    mine = browser()
    mine.sign_in("elsewhere")
    mine.end_session("elsewhere")
    fresh.wait("elsewhere")
    eventually("it is over", lambda: _waiting(server) == 0)
    (line,) = [line for line in map(json.loads, server.developer_log()) if line["event"] == "logout.failed"]
    assert line["client_id"] == "elsewhere"
    assert line["figures"] == "status 400"
    assert len(fresh.of("elsewhere")) == 1


def test_a_killed_server_tells_the_apps_when_it_is_back(tmp_path_factory, fresh: Receiver) -> None:
    """One app had no chance before the kill, the other one was being told."""
    server = Server(tmp_path_factory.mktemp("killed"), clients=clients(fresh)).start()
    fresh.answers |= {"app": [503, 200], "elsewhere": [fresh.hang, 200]}
    try:
        with people() as make:
            mine = Browser(server, make(server))
            mine.sign_in("app")
            mine.sign_in("elsewhere")
            mine.end_session("app")
            fresh.wait("app")
            fresh.wait("elsewhere")
            server.end(signal.SIGKILL)
            server.start()
            for client_id in ("app", "elsewhere"):
                logout_claims(server, fresh.wait(client_id, 2, timeout=12), client_id)
            eventually("nothing waits any more", lambda: _waiting(server) == 0)
    finally:
        server.dispose()


def test_the_metadata_says_so(server: Server) -> None:
    metadata = server.http.get("/.well-known/openid-configuration").json()
    assert metadata["backchannel_logout_supported"] is True
    assert metadata["backchannel_logout_session_supported"] is True
