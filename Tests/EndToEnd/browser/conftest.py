"""Fixtures: one Chromium for all tests, a context of its own for each person, and apps that people come back to."""

from __future__ import annotations

import re
import shutil
from typing import Any, Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from browser.app import App, SignInRequest
from browser.pages import SignIn
from harness import Server, StartServer, fresh_number

OpenBrowser = Callable[..., BrowserContext]
Person = Callable[..., SignIn]
Asks = Callable[..., SignInRequest]

PHONE = {"width": 390, "height": 844}

#: Also tells of violations that the console words in another way.
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error("Content Security Policy:", event.effectiveDirective, event.blockedURI))"""


class Watch:
    """What no page may do, in any test: break its own policy, throw, fail in the server, or ask elsewhere."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        context.on("request", self._asked)
        context.on("response", lambda response: response.status >= 500
                   and self.complaints.append(f"{response.status} from {response.url}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if re.search(r"content.security.policy", message.text, re.I):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith("http://127.0.0.1:") and not request.url.startswith("data:,"):
            self.complaints.append(f"a request to {request.url}")

    def check(self) -> None:
        heard, self.complaints = self.complaints, []
        assert heard == []


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's own: what `apt-get install chromium` puts there."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing. On Debian: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def app() -> Iterator[App]:
    with App().serving() as app:
        yield app


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, app: App) -> Iterator[Server]:
    """The server of most tests. No limits; each test has its own numbers and its own browsers."""
    running = Server(tmp_path_factory.mktemp("site"))
    running.write_clients(app.clients(running))
    try:
        yield running.start()
        assert running.is_ready(), "the server did not live to see the end"
    finally:
        running.dispose()


@pytest.fixture
def start_site(start_server: StartServer, app: App) -> StartServer:
    """A server of the test's own: `start_site(DENWA_PHONE_CODE_LIFETIME_SECONDS="2")`."""
    def start(clients: Callable[[Server], list[dict[str, Any]]] = app.clients, **environment: str) -> Server:
        server = start_server(started_=False, **environment)
        server.write_clients(clients(server))
        return server.start()

    return start


@pytest.fixture
def open_browser(chromium: Browser) -> Iterator[OpenBrowser]:
    """Opens somebody's browser: cookies of its own, the size of a phone, English. Watched to the end."""
    watch = Watch()
    contexts: list[BrowserContext] = []

    def open(**options: Any) -> BrowserContext:
        contexts.append(new_context(chromium, watch, **options))
        return contexts[-1]

    try:
        yield open
    finally:
        for context in contexts:
            context.close()
    watch.check()


def new_context(chromium: Browser, watch: Watch, **options: Any) -> BrowserContext:
    context = chromium.new_context(**{"locale": "en-US", "viewport": PHONE} | options)
    context.set_default_timeout(10_000)
    watch.over(context)
    return context


@pytest.fixture
def person(open_browser: OpenBrowser, site: Server) -> Person:
    """Somebody new, in a browser of their own: `person(java_script_enabled=False)`."""
    def appear(number: str | None = None, server: Server = site, words: str = "en", **options: Any) -> SignIn:
        page = open_browser(**{"locale": words} | options if words != "en" else options).new_page()
        return SignIn(page, server, number or fresh_number(), words)

    return appear


@pytest.fixture
def page(open_browser: OpenBrowser) -> Page:
    return open_browser().new_page()


@pytest.fixture
def asks(site: Server, app: App) -> Asks:
    """An app's request: `asks("shop", prompt="login")`."""
    def make(client_id: str, scope: str = "openid phone", server: Server = site, **more: str) -> SignInRequest:
        return SignInRequest(server, app, client_id, scope, more)

    return make
