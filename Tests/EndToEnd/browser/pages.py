"""The hosted pages as a person meets them: by their words, in any language."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Response, expect

from browser.app import SignInRequest
from harness import REPOSITORY, Server, code_in

LOCALES = ["en", "ja", "zh-Hans", "ko", "es", "fr", "de", "pt", "ar"]


@cache
def catalogue(locale: str) -> dict[str, dict[str, str]]:
    path = REPOSITORY / "Sources" / "Web" / "Resources" / "Locales" / f"{locale}.json"
    return json.loads(path.read_text())


def text(locale: str, page: str, key: str, **values: str) -> str:
    """A text of the catalogue, filled in."""
    found = catalogue(locale)[page][key]
    for name, value in values.items():
        found = found.replace("{" + name + "}", value)
    return found


def pattern(locale: str, page: str, key: str) -> re.Pattern[str]:
    """A text of the catalogue with anything at all in its placeholders."""
    return re.compile("^" + re.sub(r"\\\{\w+\\\}", ".+", re.escape(catalogue(locale)[page][key])) + "$")


def link_in(message: dict) -> str:
    """The link of a text."""
    links = re.findall(r"https?://\S+/login/link\?\S+", message["body"])
    assert len(links) == 1, message["body"]
    return links[0]


@dataclass
class SignIn:
    """A person in front of the sign-in pages, with a number at hand."""

    page: Page
    server: Server
    number: str
    locale: str = "en"

    # MARK: what is on a page

    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    def button(self, page: str, key: str, **values: str) -> Locator:
        return self.page.get_by_role("button", name=text(self.locale, page, key, **values), exact=True)

    def link(self, page: str, key: str, **values: str) -> Locator:
        return self.page.get_by_role("link", name=text(self.locale, page, key, **values), exact=True)

    @property
    def number_field(self) -> Locator:
        return self.page.get_by_label(text(self.locale, "phone", "number"), exact=True)

    @property
    def country_field(self) -> Locator:
        return self.page.get_by_label(text(self.locale, "phone", "country"), exact=True)

    @property
    def code_field(self) -> Locator:
        return self.page.get_by_label(text(self.locale, "code", "label"), exact=True)

    @property
    def problem(self) -> Locator:
        return self.page.get_by_role("alert")

    @property
    def resend_button(self) -> Locator:
        """By its place: its words change while it counts."""
        return self.page.locator("form[action^='/login/resend'] button")

    # MARK: where the browser is

    def expect_number_page(self) -> None:
        expect(self.number_field).to_be_visible()
        expect(self.heading()).to_have_text(pattern(self.locale, "phone", "heading"))

    def expect_code_page(self) -> None:
        expect(self.code_field).to_be_visible()
        expect(self.heading()).to_have_text(text(self.locale, "code", "heading"))

    def expect_consent_page(self, request: SignInRequest) -> None:
        expect(self.heading()).to_have_text(text(self.locale, "consent", "heading", app=request.name))

    def expect_app(self, request: SignInRequest) -> None:
        self.page.wait_for_url(lambda url: url.startswith(request.redirect_uri))

    # MARK: what the person does

    def open(self, request: SignInRequest) -> Response:
        response = self.page.goto(request.url)
        assert response is not None
        return response

    def send_number(self, typed: str | None = None) -> None:
        """Types a number and asks for a text; with `typed`, in a spelling of its own."""
        self.number_field.fill(self.number if typed is None else typed)
        self.button("phone", "submit").click()

    def texted_code(self, count: int = 1) -> str:
        return code_in(self.server.outbox.wait(self.number, count))

    def texted_link(self, count: int = 1) -> str:
        return link_in(self.server.outbox.wait(self.number, count))

    def type_code(self, code: str) -> None:
        """Key by key, as people do. With the last digit the page goes on by itself."""
        self.code_field.press_sequentially(code)

    def reach_code_page(self, request: SignInRequest) -> None:
        self.open(request)
        self.send_number()
        self.expect_code_page()

    def sign_in(self, request: SignInRequest) -> None:
        """From the app up to the right code; what comes then is the test's."""
        texts = len(self.server.outbox.messages(self.number))
        self.reach_code_page(request)
        self.type_code(self.texted_code(texts + 1))

    def sign_in_to(self, request: SignInRequest) -> None:
        """All the way into an app that asks for no consent."""
        self.sign_in(request)
        self.expect_app(request)


def path_of(page: Page) -> str:
    return urlsplit(page.url).path


def sideways_scroll(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
