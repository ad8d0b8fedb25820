"""What strangers try on the redirect login: its links, its redirects, its pages and their forms.

The numbers at the start of each section are the lines of the list of attacks that the server must withstand.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest

from harness import (
    PhoneLogin, Server, assert_oauth_error, assert_refused, code_in, confidential_client, fresh_number, phone_client,
    pkce, six_digits_other_than,
)

#: In whatever a stranger chooses: must not come back in any page, text or address of ours.
CANARY = "zq7canary"

CALLBACK = "https://app.example/callback"
IDN_CALLBACK = "https://xn--bcher-kva.example/callback"
NATIVE_CALLBACK = "com.example.game:/login"

STATE = "state-4f1d2c"


def clients(server: Server) -> list[dict[str, Any]]:
    return [
        confidential_client("web", redirect_uris=[CALLBACK], post_logout_redirect_uris=["https://app.example/bye"]),
        confidential_client("third", redirect_uris=["https://third.example/callback"], first_party=False),
        confidential_client("other", redirect_uris=["https://other.example/callback"]),
        confidential_client("linked", redirect_uris=["https://linked.example/callback"],
                            link_uris=[f"{server.url}/login/link"]),
        confidential_client("with-query", redirect_uris=["https://query.example/callback?lang=ja"]),
        phone_client("public", redirect_uris=["https://public.example/callback"]),
        phone_client("odd", redirect_uris=[
            IDN_CALLBACK, "https://port.example:8443/callback", "https://slash.example/callback/", NATIVE_CALLBACK,
            "http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"]),
    ]


@pytest.fixture(scope="module")
def site(start_module_server) -> Server:
    server = start_module_server(started_=False)
    server.write_clients(clients(server))
    return server.start()


# MARK: a browser without a screen


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page, with their hidden fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append(Form(given["action"]))
        elif tag == "input" and given.get("type") == "hidden":
            self.forms[-1].fields[given["name"]] = given["value"]

    def to(self, path: str) -> Form:
        (form,) = [form for form in self.forms if urlsplit(form.action).path == path]
        return form


class Browser:
    """Cookies, and nothing that helps: redirects are looked at before they are followed."""

    def __init__(self, server: Server, **headers: str):
        self.server = server
        self.cookies: dict[str, str] = {}
        self.http = server.connect(**headers)

    def send(self, method: str, url: str, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        reply = self.http.request(method, url, headers=headers, **more)
        for line in reply.headers.get_list("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return reply

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self.send("GET", url, **more)

    def post(self, url: str, form: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | more.pop("headers", {})
        return self.send("POST", url, content=urlencode(form or {}), headers=headers, **more)

    def submit(self, form: Form, **typed: str) -> httpx.Response:
        return self.post(form.action, form.fields | typed)

    @property
    def session(self) -> str | None:
        return next((value for name, value in self.cookies.items() if name.endswith("denwa-session")), None)


def query(client_id: str = "web", **change: str | None) -> dict[str, str]:
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "state": STATE,
        "scope": "openid phone",
    }
    return {name: value for name, value in (asked | change).items() if value is not None}


def address(parameters: dict[str, str] | list[tuple[str, str]], path: str = "/oauth2/authorize") -> str:
    return f"{path}?{urlencode(parameters, quote_via=quote)}"


def authorize(
    server: Server, client_id: str = "web", by: Browser | None = None, **change: str | None
) -> httpx.Response:
    return (by or Browser(server)).get(address(query(client_id, **change)))


@dataclass
class SignIn:
    """Somebody who signs in at a client with a browser; each step gives the reply."""

    browser: Browser
    client_id: str = "web"
    number: str = field(default_factory=fresh_number)
    change: dict[str, str | None] = field(default_factory=dict)
    page: str = ""
    code_url: str = ""

    @property
    def server(self) -> Server:
        return self.browser.server

    def open(self) -> Form:
        reply = authorize(self.server, self.client_id, self.browser, **self.change)
        assert reply.status_code == 200, reply.text
        self.page = reply.text
        return Forms(reply.text).to("/login")

    def send_number(self) -> Form:
        reply = self.browser.submit(self.open(), phone_number=self.number, country="JP")
        assert reply.status_code == 303, reply.text
        self.code_url = reply.headers["location"]
        return self.code_form()

    def code_form(self, path: str = "/login/code") -> Form:
        reply = self.browser.get(self.code_url)
        assert reply.status_code == 200
        self.page = reply.text
        return Forms(reply.text).to(path)

    def text(self, count: int = 1) -> dict[str, Any]:
        return self.server.outbox.wait(self.number, count)

    def code(self, count: int = 1) -> str:
        return code_in(self.text(count))

    def finish(self) -> httpx.Response:
        """From the start to the authorization endpoint's answer after the right code."""
        done = self.browser.submit(self.send_number(), code=self.code())
        assert done.status_code == 303, done.text
        return self.browser.get(done.headers["location"])


def signed_in(server: Server, client_id: str = "web") -> SignIn:
    somebody = SignIn(Browser(server), client_id)
    somebody.finish()
    assert is_signed_in(somebody.browser)
    return somebody


def is_signed_in(browser: Browser) -> bool:
    return "code" in answer(authorize(browser.server, "web", browser, prompt="none"))


def answer(reply: httpx.Response) -> dict[str, str]:
    """What the app is told, by a redirect or a form."""
    if reply.status_code == 303:
        pairs = parse_qsl(urlsplit(reply.headers["location"]).query, keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs), "a parameter comes twice"
        return dict(pairs)
    assert reply.status_code == 200, reply.text
    (form,) = Forms(reply.text).forms
    return form.fields


def every_text_has_left(server: Server) -> None:
    """Texts leave in order: when a later one is there, so is each earlier one."""
    witness = server.login("public")
    assert witness.request().status_code == 200
    witness.text()


def assert_shown(reply: httpx.Response, status: int = 400, *given: str) -> None:
    """A page for the person, which goes nowhere and repeats nothing."""
    assert reply.status_code == status, f"{reply.status_code}: {reply.headers.get('location')}"
    assert "location" not in reply.headers and "refresh" not in reply.headers
    assert reply.headers["content-type"].split(";")[0] == "text/html"
    assert "set-cookie" not in reply.headers
    assert CANARY not in reply.text
    for value in given:
        assert value not in reply.text and html.escape(value) not in reply.text


# MARK: 24. Links are built from the issuer

FOREIGN_HOSTS = [
    {"Host": f"{CANARY}.example"},
    {"Host": f"{CANARY}.example:443"},
    {"X-Forwarded-Host": f"{CANARY}.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"},
    {"Forwarded": f"host={CANARY}.example;proto=https"},
    {"X-Original-Host": f"{CANARY}.example", "X-Host": f"{CANARY}.example", "X-Original-URL": f"/{CANARY}"},
]


@pytest.mark.parametrize("headers", FOREIGN_HOSTS, ids=lambda headers: "+".join(headers))
def test_no_link_or_redirect_takes_its_host_from_a_header(site: Server, headers: dict[str, str]):
    somebody = SignIn(Browser(site, **headers), "linked")
    somebody.send_number()
    assert CANARY not in somebody.page
    text = somebody.text()["body"]
    assert CANARY not in text
    assert f"{site.url}/login/link?operation_id=" in text
    done = somebody.browser.submit(somebody.code_form(), code=somebody.code())
    assert done.status_code == 303 and CANARY not in done.headers["location"]
    back = somebody.browser.get(done.headers["location"])
    assert answer(back)["iss"] == site.url
    assert CANARY not in back.headers["location"]


@pytest.mark.parametrize("headers", FOREIGN_HOSTS, ids=lambda headers: "+".join(headers))
def test_metadata_names_the_issuer_whatever_the_host(site: Server, headers: dict[str, str]):
    reply = Browser(site, **headers).get("/.well-known/openid-configuration")
    assert CANARY not in reply.text
    assert reply.json()["issuer"] == site.url


# MARK: 22 and 23. The link's page over plain HTTP


def link_of(somebody: SignIn) -> str:
    (found,) = re.findall(r"\S+/login/link\?\S+", somebody.text()["body"])
    return found


def test_only_the_buttons_post_answers_a_link(site: Server):
    somebody = SignIn(Browser(site), "linked")
    finish = somebody.send_number()
    link = link_of(somebody)
    for browser in (somebody.browser, Browser(site)):
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
            browser.send(method, link)
            browser.send(method, link + "&decision=approve")
            browser.send(method, link + "&decision=approve&csrf=" + finish.fields["csrf"])
        assert not is_signed_in(browser)
    waiting = somebody.browser.submit(somebody.code_form("/login/finish"))
    assert waiting.status_code == 409, "the link is still unanswered"
    phone = Browser(site)
    done = phone.submit(Forms(phone.get(link).text).to("/login/link"), decision="approve")
    assert done.status_code == 200
    assert somebody.browser.submit(somebody.code_form("/login/finish")).status_code == 303
    assert is_signed_in(somebody.browser) and not is_signed_in(phone)


@pytest.mark.parametrize("decision", ["", "yes", "APPROVE", "approve ", "approve,deny", "1", "true"])
def test_a_yes_is_spelled_one_way(site: Server, decision: str):
    somebody = SignIn(Browser(site), "linked")
    somebody.send_number()
    phone = Browser(site)
    form = Forms(phone.get(link_of(somebody)).text).to("/login/link")
    phone.submit(form, decision=decision)
    assert somebody.browser.submit(somebody.code_form("/login/finish")).status_code == 409


def test_after_a_no_a_new_text_does_not_revive_the_old_code(site: Server):
    """Who says no to a stranger's request, and is then talked out of the code of that text, loses nothing."""
    stranger = SignIn(Browser(site), "linked")
    stranger.send_number()
    denied = stranger.code()
    phone = Browser(site)
    form = Forms(phone.get(link_of(stranger)).text).to("/login/link")
    assert phone.submit(form, decision="deny").status_code == 200
    again = stranger.browser.submit(stranger.code_form("/login/resend"))
    if again.status_code == 303:
        stranger.code_url = again.headers["location"]
        stranger.browser.submit(stranger.code_form(), code=denied)
    assert not is_signed_in(stranger.browser)


# MARK: 26. Redirect matching

NEARLY = [
    f"{CALLBACK}/",
    f"{CALLBACK}/../{CANARY}",
    f"{CALLBACK}/..",
    f"https://app.example/{CANARY}/../callback",
    "https://app.example/./callback",
    "https://app.example//callback",
    "https://app.example/callback//",
    f"https://app.example\\@{CANARY}.example/callback",
    f"https://{CANARY}.example\\app.example/callback",
    "https:\\\\app.example\\callback",
    "https://user@app.example/callback",
    f"https://user:{CANARY}@app.example/callback",
    f"https://app.example@{CANARY}.example/callback",
    f"https://app.example:443@{CANARY}.example/callback",
    f"{CALLBACK}#",
    f"{CALLBACK}#{CANARY}",
    f"https://{CANARY}.example#app.example/callback",
    "HTTPS://app.example/callback",
    "https://APP.example/callback",
    "https://app.example/Callback",
    "https://app.example/%63allback",
    f"https://app.example/callback/%2e%2e/{CANARY}",
    "https://app.example/%2E%2E/callback",
    "https://app%2eexample/callback",
    "https://app.example%2fcallback",
    "https://app.example%00/callback",
    f"https://app.example%ff@{CANARY}.example/callback",
    f"{CALLBACK}%00",
    f"{CALLBACK}%0d%0aSet-Cookie:%20{CANARY}",
    f"{CALLBACK}\r\nSet-Cookie: {CANARY}=1",
    f"{CALLBACK}\0",
    f" {CALLBACK}",
    f"{CALLBACK} ",
    f"{CALLBACK}\t",
    f"{CALLBACK},https://{CANARY}.example",
    f"{CALLBACK} https://{CANARY}.example",
    "https://app.example:443/callback",
    "https://app.example:8443/callback",
    "https://app.example:/callback",
    "https://app.example./callback",
    f"https://app.example.{CANARY}.example/callback",
    f"https://{CANARY}.example/callback",
    f"https://{CANARY}.app.example/callback",
    f"https://{CANARY}.example?{CALLBACK}",
    f"https://{CANARY}.example/{CALLBACK}",
    "http://app.example/callback",
    "//app.example/callback",
    f"//{CANARY}.example",
    f"/{CANARY}",
    "callback",
    "https:app.example/callback",
    "https:/app.example/callback",
    "https:///app.example/callback",
    f"{CALLBACK}?",
    f"{CALLBACK}?{CANARY}=1",
    f"{CALLBACK};{CANARY}",
    "https://\u0430pp.example/callback",                # Cyrillic
    "https://app\u3002example/callback",                # the ideographic full stop, a dot to some parsers
    "https://ap\u00adp.example/callback",
    "https://app.example/c\u0430llback",
    "https://app.example/\u202ecallback",
    f"javascript:alert('{CANARY}')//https://app.example/callback",
    f"data:text/html,<script>{CANARY}</script>",
    "*",
    "https://*.example/callback",
]


@pytest.mark.parametrize("uri", NEARLY)
def test_a_redirect_uri_is_matched_by_exact_string(site: Server, uri: str):
    browser = Browser(site)
    assert_shown(authorize(site, redirect_uri=uri), 400, uri)
    assert_shown(browser.post("/oauth2/authorize", query(redirect_uri=uri)), 400, uri)


@pytest.mark.parametrize(
    ("client_id", "uri"),
    [
        ("odd", "https://xn--bcher-kva.example/callback/"),
        ("odd", "https://b\u00fccher.example/callback"),
        ("odd", "https://XN--BCHER-KVA.example/callback"),
        ("odd", "https://bu\u0308cher.example/callback"),
        ("odd", "https://port.example/callback"),
        ("odd", "https://port.example:8444/callback"),
        ("odd", "https://port.example:08443/callback"),
        ("odd", "https://slash.example/callback"),
        ("odd", "com.example.game:/login/"),
        ("odd", "com.example.game://login"),
        ("odd", "COM.example.game:/login"),
        ("odd", f"com.example.game:/login?{CANARY}"),
        ("with-query", "https://query.example/callback"),
        ("with-query", "https://query.example/callback?lang=de"),
        ("with-query", f"https://query.example/callback?lang=ja&{CANARY}=1"),
        ("with-query", "https://query.example/callback?lang=%6Aa"),
        ("web", "https://other.example/callback"),
    ],
)
def test_other_clients_uris_are_matched_as_exactly(site: Server, client_id: str, uri: str):
    _, challenge = pkce()
    assert_shown(authorize(site, client_id, redirect_uri=uri, **challenge), 400, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:5555/callback",
        "http://127.0.0.1:65535/callback", "http://[::1]:4444/callback", "http://localhost/callback",
        IDN_CALLBACK, NATIVE_CALLBACK,
    ],
)
def test_a_loopback_address_may_have_any_port(site: Server, uri: str):
    """RFC 8252 §7.3. `localhost` and everything else stays as registered."""
    _, challenge = pkce()
    reply = authorize(site, "odd", redirect_uri=uri, prompt="none", **challenge)
    assert reply.status_code == 303
    assert reply.headers["location"].startswith(f"{uri}?error=login_required&")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5555/callback/", "http://127.0.0.1:5555/other", "http://127.0.0.1:5555/callback?x=1",
        "http://127.0.0.1:5555/callback#x", "http://127.0.0.1:5555", "http://127.0.0.1:5555/./callback",
        "http://127.0.0.2:5555/callback", "http://127.1:5555/callback", "http://2130706433:5555/callback",
        "http://0x7f.0.0.1:5555/callback", "http://0177.0.0.1:5555/callback", "http://0.0.0.0:5555/callback",
        "http://localhost:5555/callback", "http://LOCALHOST/callback", "https://127.0.0.1:5555/callback",
        "http://127.0.0.1:0/callback", "http://127.0.0.1:65536/callback", "http://127.0.0.1:/callback",
        "http://127.0.0.1:-1/callback", "http://127.0.0.1:+80/callback", "http://127.0.0.1:8 0/callback",
        "http://127.0.0.1:\u0665\u0665/callback", "http://127.0.0.1:99999999999999999999/callback",
        f"http://127.0.0.1:5555@{CANARY}.example/callback", f"http://127.0.0.1.{CANARY}.example/callback",
        f"http://127.0.0.1:80.{CANARY}.example/callback", f"http://127.0.0.1\\@{CANARY}.example/callback",
        "http://user@127.0.0.1:5555/callback", "http://[::1]:5555/other", "http://[0:0:0:0:0:0:0:1]:5555/callback",
        "http://[::ffff:127.0.0.1]:5555/callback", f"http://[::1].{CANARY}.example/callback",
    ],
)
def test_any_port_is_all_that_a_loopback_address_may_change(site: Server, uri: str):
    _, challenge = pkce()
    assert_shown(authorize(site, "odd", redirect_uri=uri, **challenge), 400, uri)


def test_a_client_with_several_uris_names_one(site: Server):
    _, challenge = pkce()
    assert_shown(authorize(site, "odd", **challenge))


# MARK: 27. No redirect before client and URI are checked; nothing reflected


@pytest.mark.parametrize("client_id", [f"{CANARY}", "WEB", "web ", "web\0", "", "<script>", "we\u200bb"])
def test_a_client_that_does_not_exist_gets_a_page(site: Server, client_id: str):
    reply = authorize(site, client_id, redirect_uri=CALLBACK, prompt="none", response_type=CANARY)
    assert_shown(reply)
    assert "app.example" not in reply.text


@pytest.mark.parametrize(
    "change",
    [
        {"response_type": CANARY}, {"prompt": "none"}, {"prompt": "none login"}, {"response_mode": "form_post"},
        {"response_mode": CANARY}, {"scope": '"'}, {"state": "x"}, {"request": CANARY}, {"max_age": "-1"},
    ],
    ids=lambda change: "-".join(change),
)
def test_whatever_else_is_wrong_an_unchecked_uri_is_not_gone_to(site: Server, change: dict[str, str]):
    uri = f"https://{CANARY}.example/callback"
    assert_shown(authorize(site, redirect_uri=uri, **change), 400, uri)


REFLECTED = [
    f"<script>{CANARY}</script>", f'"><img src=x onerror={CANARY}>', f"';{CANARY};'", f"javascript:{CANARY}",
    f"{{{{{CANARY}}}}}", f'"\u0301 onfocus={CANARY} x="', f"\u202e{CANARY}", f"%0d%0a{CANARY}", f"]]>{CANARY}",
]


@pytest.mark.parametrize("value", REFLECTED)
@pytest.mark.parametrize(
    "name",
    ["state", "scope", "nonce", "redirect_uri", "client_id", "response_mode", "ui_locales", "acr_values", CANARY],
)
def test_an_error_page_repeats_nothing(site: Server, name: str, value: str):
    parameters = query(redirect_uri=f"https://{CANARY}.example/") | {name: value}
    assert_shown(Browser(site).get(address(parameters)), 400, value)


@pytest.mark.parametrize("value", REFLECTED)
@pytest.mark.parametrize("name", ["login_hint", "state", "nonce", "ui_locales", "scope"])
def test_a_good_page_carries_values_as_data_only(site: Server, name: str, value: str):
    """They are in the forms' addresses and fields, where a browser sees nothing but characters."""
    reply = Browser(site).get(address(query() | {name: value}))
    assert_inert(reply)
    if reply.status_code == 200 and name != "login_hint":
        assert value not in reply.text


def assert_inert(reply: httpx.Response) -> None:
    """No markup on the page but its own."""
    class Strict(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            names = {name for name, _ in attributes}
            assert CANARY not in tag and not any(CANARY in name for name in names)
            assert not any(name.startswith("on") or name == "style" for name in names), attributes
            assert tag not in ("style", "iframe", "object", "embed", "base")
            assert tag != "script" or "src" in names
            for name, value in attributes:
                if name in ("href", "src", "action"):
                    assert re.match(r"(/(?!/)|https?://)", value or ""), value
            if tag == "meta":
                assert "http-equiv" not in names

    if reply.headers.get("content-type", "").startswith("text/html"):
        Strict().feed(reply.text)


def test_a_number_that_is_refused_is_shown_as_text(site: Server):
    somebody = SignIn(Browser(site))
    typed = f'"\u0301><script>{CANARY}</script>'
    reply = somebody.browser.submit(somebody.open(), phone_number=typed, country='"><script>')
    assert reply.status_code == 422
    assert_inert(reply)
    assert "<script>" not in reply.text


# MARK: 28. PKCE


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="none"),
        pytest.param({"code_challenge_method": "S256"}, id="a method alone"),
        pytest.param({"code_challenge": "c" * 43}, id="no method, which would mean plain"),
        pytest.param({"code_challenge": "c" * 43, "code_challenge_method": "plain"}, id="plain"),
        pytest.param({"code_challenge": "c" * 43, "code_challenge_method": "s256"}, id="s256"),
        pytest.param({"code_challenge": "c" * 43, "code_challenge_method": ""}, id="an empty method"),
        pytest.param({"code_challenge": "", "code_challenge_method": "S256"}, id="an empty challenge"),
        pytest.param({"code_challenge": "c" * 42, "code_challenge_method": "S256"}, id="short"),
        pytest.param({"code_challenge": "c" * 44, "code_challenge_method": "S256"}, id="long"),
        pytest.param({"code_challenge": "c" * 42 + "=", "code_challenge_method": "S256"}, id="padded"),
        pytest.param({"code_challenge": "c" * 42 + "+", "code_challenge_method": "S256"}, id="the other base64"),
    ],
)
def test_a_public_client_needs_a_challenge_that_hides_its_verifier(site: Server, change: dict[str, str]):
    told = answer(authorize(site, "public", **change))
    assert told["error"] == "invalid_request"
    assert told["state"] == STATE and told["iss"] == site.url


def redeem(server: Server, code: str, **more: str) -> httpx.Response:
    return server.token("public", {"grant_type": "authorization_code", "code": code} | more)


def long_pkce() -> tuple[str, dict[str, str]]:
    """With a verifier that is still well formed when its end is missing."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return verifier, {"code_challenge": challenge, "code_challenge_method": "S256"}


def code_with_challenge(server: Server) -> tuple[str, str]:
    verifier, challenge = long_pkce()
    somebody = SignIn(Browser(server), "public", change=dict(challenge))
    return answer(somebody.finish())["code"], verifier


def test_the_challenge_survives_the_pages_of_the_sign_in(site: Server):
    code, verifier = code_with_challenge(site)
    assert redeem(site, code, code_verifier=verifier).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda verifier: {}, id="dropped"),
        pytest.param(lambda verifier: {"code_verifier": ""}, id="empty"),
        pytest.param(lambda verifier: {"code_verifier": verifier[:-1]}, id="shortened"),
        pytest.param(lambda verifier: {"code_verifier": verifier + "a"}, id="lengthened"),
        pytest.param(lambda verifier: {"code_verifier": pkce()[0]}, id="of another request"),
    ],
)
def test_a_verifier_that_fails_spends_the_code(site: Server, wrong):
    code, verifier = code_with_challenge(site)
    assert_oauth_error(redeem(site, code, **wrong(verifier)), 400, "invalid_grant", "invalid_request")
    assert_oauth_error(redeem(site, code, code_verifier=verifier), 400, "invalid_grant")


def test_the_challenge_cannot_be_taken_off_on_the_way(site: Server):
    """Each page carries the request in its address; without the challenge it is another request, and refused."""
    _, challenge = pkce()
    somebody = SignIn(Browser(site), "public", change=dict(challenge))
    form = somebody.send_number()
    form.action = re.sub(r"&code_challenge(_method)?=[^&]*", "", form.action)
    done = somebody.browser.submit(form, code=somebody.code())
    assert answer(done)["error"] == "invalid_request"


# MARK: 29. Parameters twice, and in two places

CARRIED = [
    "response_type", "state", "scope", "nonce", "code_challenge", "code_challenge_method", "response_mode", "prompt",
    "max_age", "login_hint", "ui_locales", "acr_values",
]


@pytest.mark.parametrize("name", CARRIED)
@pytest.mark.parametrize("same", [True, False], ids=["the same twice", "two values"])
def test_a_repeated_parameter_is_refused(site: Server, name: str, same: bool):
    first = query(redirect_uri=CALLBACK, prompt="none", max_age="3600").get(name, "x" * 43)
    pairs = list(query(redirect_uri=CALLBACK, prompt="none").items())
    pairs = [pair for pair in pairs if pair[0] != name] + [(name, first), (name, first if same else f"{first}x")]
    told = answer(Browser(site).get(address(pairs)))
    assert told["error"] == "invalid_request"
    assert "code" not in told


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("second", ["same", CANARY])
def test_a_repeated_client_or_redirect_uri_goes_nowhere(site: Server, name: str, second: str):
    asked = query(redirect_uri=CALLBACK)
    repeated = asked[name] if second == "same" else f"https://{CANARY}.example/"
    for pairs in ([*asked.items(), (name, repeated)], [(name, repeated), *asked.items()]):
        assert_shown(Browser(site).get(address(pairs)))


def test_parameters_in_query_and_body_are_refused(site: Server):
    asked = query(redirect_uri=CALLBACK)
    for in_query in ({"state": "another-state"}, {"client_id": "web"}, asked, {"x": "1"}):
        reply = Browser(site).post(address(in_query), asked)
        assert_shown(reply)


def test_a_form_alone_is_as_good_as_a_query(site: Server):
    """OpenID Connect Core §3.1.2.1."""
    reply = Browser(site).post("/oauth2/authorize", query(redirect_uri=CALLBACK))
    assert reply.status_code in (200, 303)
    if reply.status_code == 303:
        assert reply.headers["location"].startswith("/oauth2/authorize?")
        reply = Browser(site).get(reply.headers["location"])
    Forms(reply.text).to("/login")


@pytest.mark.parametrize("value", ["x", "https://client.example/request.jwt", "{}"])
def test_what_is_not_supported_is_refused_by_name(site: Server, value: str):
    """OpenID Connect Core §3.1.2.6. Ignoring it would drop what the client believes to be said."""
    told = answer(authorize(site, redirect_uri=CALLBACK, registration=value))
    assert told["error"] == "registration_not_supported"
    assert told["state"] == STATE and told["iss"] == site.url


@pytest.mark.parametrize("name", ["request", "request_uri"])
@pytest.mark.parametrize("value", ["x", f"https://{CANARY}.example/request.jwt", "{}"])
def test_a_request_that_is_elsewhere_is_not_looked_for_beside_it(site: Server, name: str, value: str):
    """RFC 9101 §5: with either of them nothing else in the address counts, so nobody is sent to what else it says."""
    assert_shown(authorize(site, redirect_uri=CALLBACK, **{name: value}))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "CODE"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"scope": 'open"id'}, "invalid_scope"),
        ({"scope": "openid\u00e9"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"state": "short"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"state": "line\r\nbreak: yes"}, "invalid_request"),
        ({"state": "a tab\tis a control"}, "invalid_request"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
    ],
    ids=str,
)
def test_a_request_that_is_wrong_is_told_to_the_app(site: Server, change: dict[str, str | None], error: str):
    reply = authorize(site, redirect_uri=CALLBACK, **change)
    assert re.fullmatch(re.escape(CALLBACK) + r"\?error=[\x21-\x7e]+", reply.headers["location"])
    told = answer(reply)
    assert told["error"] == error
    assert told["iss"] == site.url
    assert told["error_description"].isascii()
    if change.get("state", STATE) == STATE:
        assert told["state"] == STATE


@pytest.mark.parametrize("value", ["%00", "%ff", "%c0%af", "%ed%a0%80", "%zz", "%"])
def test_what_cannot_be_decoded_goes_nowhere_it_should_not(site: Server, value: str):
    """Bytes that are no text: shown to the person or told to the app, but never a code and never a server error."""
    url = address(query(redirect_uri=CALLBACK, state=None)) + f"&state=12345678{value}"
    reply = Browser(site).get(url)
    if reply.status_code == 303:
        assert reply.headers["location"].startswith(f"{CALLBACK}?error=invalid_request&")
    elif reply.status_code == 200:
        assert value == "%zz" or value == "%", "a lone percent sign may pass as it is"
    else:
        assert_shown(reply)


# MARK: 30. iss and state

STATES = [
    pytest.param("12345678", id="the shortest there is"),
    pytest.param("s" * 1024, id="the longest there is"),
    pytest.param("a%20b%2Bc%", id="percent signs"),
    pytest.param("a&code=stolen&iss=evil", id="ampersands and a code of its own"),
    pytest.param("spaces and + plus", id="spaces and plus"),
    pytest.param("#fragment?query=/\\", id="fragment, query and slashes"),
    pytest.param("電話でログイン🎮é", id="unicode, composed"),
    pytest.param("cafe\u0301 cafe\u0301", id="unicode, decomposed"),
    pytest.param("\u212aelvin and k", id="letters that equal others"),
    pytest.param("<script>\"'\u0301`", id="markup"),
    pytest.param("  spaces around  ", id="spaces around"),
    pytest.param("\u202eright to left\u202c", id="direction marks"),
    pytest.param('{"json":["a\\u0000"]}', id="json"),
]


@pytest.fixture(scope="module")
def member(site: Server) -> Browser:
    """A browser that is signed in."""
    return signed_in(site).browser


@pytest.mark.parametrize("state", STATES)
def test_state_comes_back_byte_for_byte_in_the_query(site: Server, member: Browser, state: str):
    reply = authorize(site, "with-query", member, state=state)
    location = reply.headers["location"]
    assert re.fullmatch(r"[\x21-\x7e]+", location), "a URL is printable ASCII"
    assert location.startswith("https://query.example/callback?lang=ja&code=")
    told = answer(reply)
    assert set(told) == {"lang", "code", "state", "iss"}
    assert told["state"].encode() == state.encode()
    assert told["iss"] == site.url


@pytest.mark.parametrize("state", STATES)
def test_state_comes_back_byte_for_byte_in_a_form(site: Server, member: Browser, state: str):
    reply = authorize(site, "web", member, state=state, response_mode="form_post")
    assert reply.status_code == 200
    (form,) = Forms(reply.text).forms
    assert form.action == CALLBACK
    assert set(form.fields) == {"code", "state", "iss"}
    assert form.fields["state"].encode() == state.encode()
    assert form.fields["iss"] == site.url
    assert_inert(reply)


@pytest.mark.parametrize("state", STATES)
def test_state_survives_the_pages_of_a_whole_sign_in(site: Server, state: str):
    told = answer(SignIn(Browser(site), change={"state": state}).finish())
    assert told["state"].encode() == state.encode()
    assert told["iss"] == site.url


def test_state_and_iss_are_in_errors_too(site: Server):
    told = answer(authorize(site, prompt="none", state="a%20b&c=d é+", redirect_uri=CALLBACK))
    assert told.keys() == {"error", "error_description", "state", "iss"}
    assert told["state"] == "a%20b&c=d é+"
    assert told["iss"] == site.url


# MARK: 30 and 25. Headers of every page


@pytest.fixture(scope="module")
def every_page(site: Server) -> dict[str, httpx.Response]:
    somebody = SignIn(Browser(site), "linked")
    browser = somebody.browser
    pages = {"phone": authorize(site)}
    pages["login"] = browser.get(address(query("linked"), "/login"))
    pages["phone refused"] = browser.submit(somebody.open(), phone_number="12")
    pages["phone without csrf"] = browser.post(address(query("linked"), "/login"), {"phone_number": somebody.number})
    form = somebody.send_number()
    pages["code"] = browser.get(somebody.code_url)
    pages["code refused"] = browser.submit(form, code=six_digits_other_than(somebody.code()))
    pages["finish refused"] = browser.submit(somebody.code_form("/login/finish"))
    phone = Browser(site)
    pages["link"] = phone.get(link_of(somebody))
    pages["link in the same browser"] = browser.get(link_of(somebody))
    pages["link denied"] = phone.submit(Forms(pages["link"].text).to("/login/link"), decision="deny")
    pages["link gone"] = phone.get("/login/link?operation_id=x&link_token=y")
    member = signed_in(site).browser
    pages["choose"] = authorize(site, "web", member, prompt="select_account")
    pages["consent"] = authorize(site, "third", member)
    pages["form-post"] = authorize(site, "web", member, response_mode="form_post")
    pages["sign-out"] = member.get("/oauth2/end_session")
    pages["signed-out"] = Browser(site).get("/oauth2/end_session")
    pages["error"] = authorize(site, CANARY)
    pages["device"] = Browser(site).get("/device")
    pages["demo"] = Browser(site).get("/demo")
    return pages


PAGES = [
    "phone", "login", "phone refused", "phone without csrf", "code", "code refused", "finish refused", "link",
    "link in the same browser", "link denied", "link gone", "choose", "consent", "form-post", "sign-out", "signed-out",
    "error", "device", "demo",
]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_its_security_headers(every_page: dict[str, httpx.Response], name: str):
    reply = every_page[name]
    assert reply.headers["content-type"].split(";")[0] == "text/html", reply.text
    policy = dict(part.strip().partition(" ")[::2] for part in reply.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["form-action"].split()[0] == "'self'"
    assert "unsafe" not in str(policy) and "*" not in str(policy) and "data:" not in str(policy)
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in reply.headers
    assert "server" not in reply.headers and "x-powered-by" not in reply.headers
    assert_inert(reply)
    assert "javascript:" not in reply.text


@pytest.mark.parametrize("name", PAGES)
def test_no_page_may_send_its_forms_just_anywhere(every_page: dict[str, httpx.Response], name: str):
    policy = every_page[name].headers["content-security-policy"]
    (targets,) = re.findall(r"form-action ([^;]*)", policy)
    if name in ("link", "link denied", "link gone", "signed-out", "error", "device", "demo"):
        assert targets == "'self'", "nothing here leads to an app"


def test_redirects_tell_nobody_where_they_come_from(site: Server, member: Browser):
    reply = authorize(site, "web", member)
    assert reply.status_code == 303
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"


def test_no_page_tells_the_number(every_page: dict[str, httpx.Response]):
    for name, reply in every_page.items():
        if name != "phone refused":
            assert not re.search(r"\+?8190\d{8}", reply.text), name


# MARK: 30 and 18. Forms from elsewhere


def broken(form: Form, how: str, site: Server) -> Form:
    fields = dict(form.fields)
    if how == "missing":
        del fields["csrf"]
    elif how == "empty":
        fields["csrf"] = ""
    elif how == "wrong":
        fields["csrf"] = fields["csrf"][:-1] + ("A" if fields["csrf"][-1] != "A" else "E")
    elif how == "another browser's":
        fields["csrf"] = SignIn(Browser(site)).open().fields["csrf"]
    return Form(form.action, fields)


HOW = ["missing", "empty", "wrong", "another browser's"]


@pytest.mark.parametrize("how", HOW)
def test_a_forged_form_sends_no_text(site: Server, how: str):
    somebody = SignIn(Browser(site))
    reply = somebody.browser.submit(broken(somebody.open(), how, site), phone_number=somebody.number, country="JP")
    assert reply.status_code == 403
    every_text_has_left(site)
    assert site.outbox.messages(somebody.number) == []


@pytest.mark.parametrize("how", HOW)
def test_a_forged_resend_sends_no_text(site: Server, how: str):
    somebody = SignIn(Browser(site))
    somebody.send_number()
    somebody.text()
    assert somebody.browser.submit(broken(somebody.code_form("/login/resend"), how, site)).status_code == 403
    every_text_has_left(site)
    assert len(site.outbox.messages(somebody.number)) == 1


@pytest.mark.parametrize("how", HOW)
def test_a_forged_form_with_the_right_code_signs_nobody_in(site: Server, how: str):
    """Signing a victim in to the attacker's account is an attack too."""
    somebody = SignIn(Browser(site))
    form = somebody.send_number()
    assert somebody.browser.submit(broken(form, how, site), code=somebody.code()).status_code == 403
    assert somebody.browser.session is None
    assert somebody.browser.submit(form, code=somebody.code()).status_code == 303, "and spends no guess"


@pytest.mark.parametrize("how", HOW)
def test_a_forged_yes_to_a_link_is_none(site: Server, how: str):
    somebody = SignIn(Browser(site), "linked")
    somebody.send_number()
    link = link_of(somebody)
    for phone in (Browser(site), somebody.browser):
        form = Forms(phone.get(link).text).to("/login/link")
        assert phone.submit(broken(form, how, site), decision="approve").status_code == 403
        assert phone.session is None
    assert somebody.browser.submit(somebody.code_form("/login/finish")).status_code == 409


@pytest.mark.parametrize("how", HOW)
def test_a_forged_finish_after_a_yes_signs_nobody_in(site: Server, how: str):
    somebody = SignIn(Browser(site), "linked")
    somebody.send_number()
    finish = somebody.code_form("/login/finish")
    phone = Browser(site)
    phone.submit(Forms(phone.get(link_of(somebody)).text).to("/login/link"), decision="approve")
    assert somebody.browser.submit(broken(finish, how, site)).status_code == 403
    assert somebody.browser.session is None
    assert somebody.browser.submit(finish).status_code == 303


@pytest.mark.parametrize("how", HOW)
def test_a_forged_consent_is_none(site: Server, how: str):
    browser = signed_in(site).browser
    form = Forms(authorize(site, "third", browser).text).to("/login/consent")
    assert browser.submit(broken(form, how, site), decision="allow").status_code == 403
    assert answer(authorize(site, "third", browser, prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("how", HOW)
def test_a_forged_sign_out_ends_nothing(site: Server, how: str):
    """Without a form token it is an app's request, and the person is asked."""
    browser = signed_in(site).browser
    form = Forms(browser.get("/oauth2/end_session").text).to("/oauth2/end_session")
    reply = browser.submit(broken(form, how, site))
    assert reply.status_code in (303, 403)
    if reply.status_code == 303:
        assert browser.get(reply.headers["location"]).status_code == 200
    assert is_signed_in(browser)


def test_a_form_from_elsewhere_does_not_change_the_browsers_cookies(site: Server):
    """It comes without them (SameSite); a new one in the answer would end the sign-in that is under way."""
    form = SignIn(Browser(site)).open()
    for path in ("/login", "/login/code", "/login/resend", "/login/finish", "/login/consent", "/oauth2/end_session"):
        reply = Browser(site).post(address(query("web"), path), form.fields | {"phone_number": fresh_number()})
        assert "set-cookie" not in reply.headers, path
        assert reply.status_code in (303, 403), path


def test_a_form_token_twice_is_no_form_token(site: Server):
    somebody = SignIn(Browser(site))
    form = somebody.open()
    token = form.fields["csrf"]
    reply = somebody.browser.send(
        "POST", form.action, content=urlencode([("csrf", token), ("csrf", token), ("phone_number", somebody.number)]),
        headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status_code in (400, 403)
    every_text_has_left(site)
    assert site.outbox.messages(somebody.number) == []


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/json", ""])
def test_only_a_form_is_a_form(site: Server, content_type: str):
    """What other sites can send without being asked about it first (CORS) includes text/plain."""
    somebody = SignIn(Browser(site))
    form = somebody.open()
    headers = {"Content-Type": content_type} if content_type else {}
    body = urlencode(form.fields | {"phone_number": somebody.number})
    reply = somebody.browser.send("POST", form.action, content=body, headers=headers)
    assert reply.status_code in (400, 403, 415)
    every_text_has_left(site)
    assert site.outbox.messages(somebody.number) == []


def test_no_get_sends_or_ends_or_agrees_to_anything(site: Server):
    somebody = signed_in(site)
    browser = somebody.browser
    form = Forms(authorize(site, "web", browser, prompt="login").text).to("/login")
    csrf = form.fields["csrf"]
    number = fresh_number()
    for path in ("/login", "/login/resend", "/login/code", "/login/finish", "/login/consent", "/oauth2/end_session"):
        for method in ("GET", "HEAD"):
            browser.send(method, address(query("web") | {
                "csrf": csrf, "phone_number": number, "country": "JP", "decision": "allow", "session": "x"}, path))
    every_text_has_left(site)
    assert site.outbox.messages(number) == []
    assert is_signed_in(browser)
    assert answer(authorize(site, "third", browser, prompt="none"))["error"] == "consent_required"


# MARK: 30. The session


def test_the_session_changes_at_sign_in(site: Server):
    """Whoever plants a cookie before has nothing after."""
    somebody = SignIn(Browser(site))
    form = somebody.send_number()
    planted = "A" * 43
    somebody.browser.cookies["denwa-session"] = planted
    somebody.browser.submit(form, code=somebody.code())
    assert somebody.browser.session not in (None, planted)
    fixed = Browser(site)
    fixed.cookies["denwa-session"] = planted
    assert not is_signed_in(fixed)


def test_a_second_sign_in_ends_the_first_session(site: Server):
    browser = signed_in(site).browser
    before = Browser(site)
    before.cookies = dict(browser.cookies)
    again = SignIn(browser, change={"prompt": "login"})
    again.finish()
    assert is_signed_in(browser)
    assert browser.session != before.session
    assert not is_signed_in(before)


def test_the_link_in_the_same_browser_changes_the_session_too(site: Server):
    somebody = SignIn(Browser(site), "linked")
    somebody.send_number()
    somebody.browser.cookies["denwa-session"] = "B" * 43
    form = Forms(somebody.browser.get(link_of(somebody)).text).to("/login/link")
    assert somebody.browser.submit(form, decision="approve").status_code == 303
    assert somebody.browser.session not in (None, "B" * 43)


def test_a_session_that_was_ended_is_dead_in_every_copy(site: Server):
    browser = signed_in(site).browser
    copy = Browser(site)
    copy.cookies = dict(browser.cookies)
    form = Forms(browser.get("/oauth2/end_session").text).to("/oauth2/end_session")
    assert browser.submit(form).status_code == 200
    assert browser.session is None
    assert not is_signed_in(copy)


def access_token(site: Server, browser: Browser, **change: str) -> str:
    code = answer(authorize(site, "web", browser, **change))["code"]
    reply = site.token("web", {"grant_type": "authorization_code", "code": code})
    assert reply.status_code == 200, reply.text
    return reply.json()["access_token"]


def opens_userinfo(site: Server, token: str) -> bool:
    return site.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def sign_in_again(somebody: SignIn) -> None:
    texts = len(somebody.server.outbox.messages(somebody.number))
    again = SignIn(somebody.browser, number=somebody.number, change={"prompt": "login"})
    done = somebody.browser.submit(again.send_number(), code=again.code(texts + 1))
    assert done.status_code == 303


def test_signing_in_again_harms_nothing_that_the_same_person_had(site: Server):
    somebody = signed_in(site)
    token = access_token(site, somebody.browser)
    sign_in_again(somebody)
    assert opens_userinfo(site, token)


def test_signing_out_ends_what_was_granted_before_a_fresh_login_too(site: Server):
    """One person, one browser, one sign-out: also when an app asked for a fresh login in between."""
    somebody = signed_in(site)
    before = access_token(site, somebody.browser)
    sign_in_again(somebody)
    after = access_token(site, somebody.browser)
    form = Forms(somebody.browser.get("/oauth2/end_session").text).to("/oauth2/end_session")
    assert somebody.browser.submit(form).status_code == 200
    assert not opens_userinfo(site, after)
    assert not opens_userinfo(site, before)


def test_somebody_elses_sign_in_signs_the_person_before_out(site: Server):
    somebody = signed_in(site)
    token = access_token(site, somebody.browser)
    SignIn(somebody.browser, change={"prompt": "login"}).finish()
    assert not opens_userinfo(site, token)


def cookie_lines(site: Server) -> dict[str, str]:
    """Every cookie that a sign-in sets, with its attributes."""
    somebody = SignIn(Browser(site))
    first = authorize(site, "web", somebody.browser)
    last = somebody.browser.submit(somebody.send_number(), code=somebody.code())
    lines = first.headers.get_list("set-cookie") + last.headers.get_list("set-cookie")
    return {line.partition("=")[0]: line.partition(";")[2] for line in lines}


def test_cookies_keep_to_this_server_and_away_from_scripts(site: Server):
    lines = cookie_lines(site)
    assert {"denwa-session", "denwa-browser"} <= set(lines)
    for attributes in lines.values():
        parts = {part.strip().lower() for part in attributes.split(";")}
        assert {"httponly", "samesite=lax", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)


@pytest.fixture(scope="module")
def https_site(start_module_server) -> Server:
    """As behind a proxy that speaks TLS."""
    server = start_module_server(
        started_=False, DENWA_ISSUER="https://login.example", DENWA_PRODUCTION="false")
    server.write_clients(clients(server))
    return server.start()


def test_with_https_cookies_are_bound_to_this_very_host(https_site: Server):
    lines = cookie_lines(https_site)
    assert {"__Host-denwa-session", "__Host-denwa-browser"} <= set(lines)
    for name, attributes in lines.items():
        parts = {part.strip().lower() for part in attributes.split(";")}
        assert name.startswith("__Host-")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param("denwa-session={}", id="without the prefix"),
        pytest.param("__host-denwa-session={}", id="in lower case"),
        pytest.param("\u00a0__Host-denwa-session={}", id="after a space that is none in ASCII"),
        pytest.param("\u2000__Host-denwa-session={}", id="after another"),
        pytest.param("x=y\u037e __Host-denwa-session={}", id="after a Greek question mark, equal to a semicolon"),
        pytest.param("__Host-denwa-sess\u0131on={}", id="with a letter that looks like one"),
    ],
)
def test_a_cookie_that_another_host_could_plant_is_not_ours(https_site: Server, forged: str):
    """Browsers keep `__Host-` from other hosts, by its very bytes."""
    browser = signed_in(https_site).browser
    assert browser.session
    stranger = https_site.connect(Cookie=forged.format(browser.session).encode())
    reply = stranger.get(address(query(prompt="none")))
    assert answer(reply)["error"] == "login_required"


# MARK: 10. A sign-in belongs to its browser, its client and its purpose


def test_the_address_of_a_code_page_is_worth_nothing_elsewhere(site: Server):
    somebody = SignIn(Browser(site), "linked")
    form = somebody.send_number()
    thief = Browser(site)
    own = SignIn(thief, "linked").open().fields["csrf"]
    assert thief.get(somebody.code_url).headers["location"].startswith("/login?")
    stolen = {"csrf": own, "login_flow": form.fields["login_flow"]}
    for path in ("/login/code", "/login/finish", "/login/resend"):
        reply = thief.post(address(query("linked"), path), stolen | {"code": somebody.code()})
        assert reply.status_code == 303 and reply.headers["location"].startswith("/login?")
        assert thief.session is None
    waiting = thief.get(address({"login_flow": form.fields["login_flow"]}, "/login/wait"))
    assert waiting.json() == {"state": "gone"}
    every_text_has_left(site)
    assert len(site.outbox.messages(somebody.number)) == 1
    assert somebody.browser.submit(form, code=somebody.code()).status_code == 303, "the owner is not disturbed"


def test_a_sign_in_for_one_client_is_none_for_another(site: Server):
    somebody = SignIn(Browser(site), "web")
    form = somebody.send_number()
    there = Form(address(query("other"), "/login/code"), form.fields)
    reply = somebody.browser.submit(there, code=somebody.code())
    assert reply.status_code == 303 and reply.headers["location"].startswith("/login?")
    assert somebody.browser.session is None


@pytest.mark.parametrize("change", ["x", "flipped", "empty", "long"])
def test_a_tampered_flow_token_begins_again(site: Server, change: str):
    somebody = SignIn(Browser(site))
    form = somebody.send_number()
    token = form.fields["login_flow"]
    middle = len(token) // 2
    flipped = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1:]
    form.fields["login_flow"] = {"x": "x", "flipped": flipped, "empty": "", "long": "A" * 4000}[change]
    reply = somebody.browser.submit(form, code=somebody.code())
    assert reply.status_code == 303 and reply.headers["location"].startswith("/login?")
    assert somebody.browser.session is None


def operation_of(somebody: SignIn) -> str:
    (operation,) = parse_qs(urlsplit(link_of(somebody)).query)["operation_id"]
    return operation


def confirm(server: Server, client_id: str, operation: str, number: str, code: str) -> httpx.Response:
    return server.http.post(
        f"/oauth2/login/phone/confirm?client_id={client_id}",
        json={"operation_id": operation, "phone_number": number, "code": code})


def test_the_code_of_a_page_is_useless_at_the_api(site: Server):
    somebody = SignIn(Browser(site), "linked")
    form = somebody.send_number()
    operation = operation_of(somebody)
    assert_refused(confirm(site, "linked", operation, somebody.number, somebody.code()), 404, "003-061")
    polled = site.http.get(
        "/otc/code", params={"projectId": "linked", "login": somebody.number, "operation_id": operation})
    assert_refused(polled, 404)
    assert somebody.browser.submit(form, code=somebody.code()).status_code == 303


def test_the_answer_to_a_page_s_link_is_useless_at_the_api(site: Server):
    somebody = SignIn(Browser(site), "linked")
    somebody.send_number()
    operation = operation_of(somebody)
    phone = Browser(site)
    phone.submit(Forms(phone.get(link_of(somebody)).text).to("/login/link"), decision="approve")
    polled = site.http.get(
        "/otc/code", params={"projectId": "linked", "login": somebody.number, "operation_id": operation})
    assert_refused(polled, 404)
    assert somebody.browser.submit(somebody.code_form("/login/finish")).status_code == 303


def test_a_code_is_for_the_page_or_for_the_api(site: Server):
    """Two sign-ins of one person at one client, one by each way: neither takes the other's code."""
    somebody = SignIn(Browser(site))
    form = somebody.send_number()
    by_page = somebody.code()
    by_api: PhoneLogin = site.login("web", number=somebody.number)
    assert by_api.request().status_code == 200
    api_code = by_api.texted_code()
    assert api_code != by_page, "one code for two purposes"
    assert somebody.browser.submit(form, code=api_code).status_code == 401
    assert_refused(by_api.confirm(by_page), 401, "003-039")
    assert by_api.confirm(api_code).status_code == 200
    assert somebody.browser.submit(form, code=by_page).status_code == 303


def test_the_link_of_an_api_login_signs_no_browser_in(site: Server):
    login = site.login("linked")
    assert login.request(send_link=True, link_url=f"{site.url}/login/link").status_code == 200
    (link,) = re.findall(r"\S+/login/link\?\S+", login.text()["body"])
    browser = Browser(site)
    done = browser.submit(Forms(browser.get(link).text).to("/login/link"), decision="approve")
    assert done.status_code == 200
    assert browser.session is None and not is_signed_in(browser)


def test_a_session_is_no_bearer_token(site: Server):
    browser = signed_in(site).browser
    for token in browser.cookies.values():
        reply = site.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == 401


def test_the_code_of_a_sign_in_page_is_bound_to_its_redirect_uri(site: Server):
    code = answer(SignIn(Browser(site), change={"redirect_uri": CALLBACK}).finish())["code"]
    form = {"grant_type": "authorization_code", "code": code}
    assert_oauth_error(
        site.token("web", form | {"redirect_uri": "https://app.example/other"}), 400, "invalid_grant")


def test_the_consent_of_one_is_not_the_consent_of_another(site: Server):
    """A form that was made for one session, sent from another of the same browser."""
    browser = signed_in(site).browser
    form = Forms(authorize(site, "third", browser).text).to("/login/consent")
    SignIn(browser, change={"prompt": "login"}).finish()
    reply = browser.submit(form, decision="allow")
    assert reply.status_code == 200, "asked again"
    assert answer(authorize(site, "third", browser, prompt="none"))["error"] == "consent_required"
