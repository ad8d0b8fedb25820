"""The link in the text: opened where the sign-in began, opened elsewhere, and fetched by everything but a person."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.app import SignInRequest
from browser.conftest import Asks, OpenBrowser, Person
from browser.pages import SignIn, text
from harness import fresh_number, six_digits_other_than

pytestmark = pytest.mark.nodes

WINDOWS_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36")
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1")


class Waiting(SignIn):
    """Somebody whose code page waits for the link to be opened."""

    request: SignInRequest

    def on_phone(self, context: BrowserContext) -> SignIn:
        """The same person with the link opened in another browser."""
        other = SignIn(context.new_page(), self.server, self.number, self.locale)
        other.page.goto(self.texted_link())
        return other

    def expect_waiting(self) -> None:
        self.expect_code_page()
        expect(self.page.get_by_text(text(self.locale, "code", "link_auto"))).to_be_visible()


@pytest.fixture
def waiting(person: Person, asks: Asks) -> Waiting:
    somebody = person(user_agent=WINDOWS_CHROME)
    waiting = Waiting(somebody.page, somebody.server, somebody.number)
    waiting.request = asks("linked")
    waiting.reach_code_page(waiting.request)
    waiting.expect_waiting()
    return waiting


def result(page: Page, key: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text("en", "link-result", key))


def is_signed_in(context: BrowserContext, request: SignInRequest) -> bool:
    page = context.new_page()
    page.goto(request.url)
    page.wait_for_url(lambda url: url.startswith(request.redirect_uri))
    answer = request.answer()
    page.close()
    return "code" in answer


def test_a_text_without_a_registered_link_page_has_no_link(person: Person, asks: Asks):
    somebody = person()
    somebody.reach_code_page(asks("game"))
    assert "://" not in somebody.server.outbox.wait(somebody.number)["body"]
    expect(somebody.page.get_by_text(text("en", "code", "link_hint"))).to_have_count(0)


def test_in_the_same_browser_the_link_goes_on_to_the_app(waiting: Waiting):
    tab = waiting.on_phone(waiting.page.context)
    expect(tab.page.get_by_text(text("en", "link", "same"))).to_be_visible()
    expect(tab.page.get_by_text("Chrome · Windows")).to_have_count(0)
    tab.button("link", "approve").click()
    tab.expect_app(waiting.request)
    assert waiting.request.phone_number() == waiting.number
    expect(waiting.heading()).to_have_text(text("en", "code", "link_finished"))
    expect(waiting.code_field).to_be_hidden()


def test_in_the_same_browser_the_link_asks_for_consent_too(person: Person, asks: Asks):
    somebody, request = person(), asks("linked-shop")
    somebody.reach_code_page(request)
    tab = SignIn(somebody.page.context.new_page(), somebody.server, somebody.number)
    tab.page.goto(somebody.texted_link())
    tab.button("link", "approve").click()
    tab.expect_consent_page(request)
    tab.button("consent", "allow").click()
    tab.expect_app(request)
    assert request.phone_number() == somebody.number


def test_elsewhere_the_page_names_the_app_and_the_device_and_the_first_page_goes_on(
    waiting: Waiting, open_browser: OpenBrowser
):
    phone = waiting.on_phone(open_browser(user_agent=IPHONE))
    expect(phone.heading()).to_have_text("Sign in to Linked Game?")
    expect(phone.page.get_by_text("Chrome · Windows")).to_be_visible()
    expect(phone.page.locator("time")).to_have_text(re.compile(r"\d{1,2}:\d{2}"))
    expect(phone.page.get_by_text(text("en", "link", "warning", app="Linked Game"))).to_be_visible()
    assert waiting.number not in phone.page.content()
    phone.button("link", "approve").click()
    result(phone.page, "heading_approved")

    waiting.expect_app(waiting.request)
    assert waiting.request.phone_number() == waiting.number


def test_who_approves_elsewhere_is_not_signed_in_there(waiting: Waiting, open_browser: OpenBrowser, asks: Asks):
    """The page is for one sign-in: the one that was asked about."""
    elsewhere = open_browser()
    phone = waiting.on_phone(elsewhere)
    phone.button("link", "approve").click()
    result(phone.page, "heading_approved")
    waiting.expect_app(waiting.request)
    assert not is_signed_in(elsewhere, asks("game", prompt="none"))


def test_a_no_elsewhere_ends_the_waiting(waiting: Waiting, open_browser: OpenBrowser, asks: Asks):
    phone = waiting.on_phone(open_browser())
    phone.button("link", "deny").click()
    result(phone.page, "heading_denied")
    expect(waiting.heading()).to_have_text(text("en", "code", "link_denied"))
    expect(waiting.code_field).to_be_hidden()
    assert not is_signed_in(waiting.page.context, asks("game", prompt="none"))


def test_a_no_in_the_same_browser_signs_nobody_in(waiting: Waiting, asks: Asks):
    tab = waiting.on_phone(waiting.page.context)
    tab.button("link", "deny").click()
    result(tab.page, "heading_denied")
    assert not is_signed_in(waiting.page.context, asks("game", prompt="none"))


def test_after_a_no_the_code_is_dead_too(waiting: Waiting, open_browser: OpenBrowser, person: Person):
    """Whoever says no means this sign-in, by whichever way it would be finished."""
    late = SignIn(waiting.page.context.new_page(), waiting.server, waiting.number)
    late.page.add_init_script("delete window.fetch")      # a page that does not hear of the no
    late.page.goto(waiting.page.url)
    code = waiting.texted_code()
    phone = waiting.on_phone(open_browser())
    phone.button("link", "deny").click()
    result(phone.page, "heading_denied")
    late.type_code(code)
    expect(late.problem).to_be_visible()
    assert waiting.request.app.arrivals(waiting.request.state) == []


def test_the_code_still_works_beside_the_link(waiting: Waiting, open_browser: OpenBrowser):
    phone = waiting.on_phone(open_browser())
    waiting.type_code(waiting.texted_code())
    waiting.expect_app(waiting.request)
    phone.button("link", "approve").click()
    result(phone.page, "heading_gone")


def test_a_link_works_once(waiting: Waiting, open_browser: OpenBrowser):
    elsewhere = open_browser()
    first, second = waiting.on_phone(elsewhere), waiting.on_phone(elsewhere)
    first.button("link", "approve").click()
    result(first.page, "heading_approved")
    waiting.expect_app(waiting.request)
    second.button("link", "approve").click()
    result(second.page, "heading_gone")
    third = waiting.on_phone(elsewhere)
    result(third.page, "heading_gone")


def test_a_link_that_was_tampered_with_is_gone(waiting: Waiting, open_browser: OpenBrowser):
    page = open_browser().new_page()
    response = page.goto(waiting.texted_link() + "A")
    assert response is not None and response.status == 404
    result(page, "heading_gone")


def test_two_clicks_on_yes_are_one(waiting: Waiting, open_browser: OpenBrowser):
    phone = waiting.on_phone(open_browser())
    phone.button("link", "approve").dblclick()
    result(phone.page, "heading_approved")
    waiting.expect_app(waiting.request)


def test_looking_at_a_link_signs_nobody_in(waiting: Waiting, open_browser: OpenBrowser, asks: Asks):
    """Previews, mail scanners, prefetching: they look with and without the cookies of the browser that began."""
    link = waiting.texted_link()
    browser = waiting.page.context
    cookies = {cookie["name"]: cookie["value"] for cookie in browser.cookies()}
    for jar in ({}, cookies):
        with httpx.Client(trust_env=False, timeout=30, cookies=jar) as crawler:
            for _ in range(5):
                assert crawler.get(link).status_code == 200
                crawler.head(link)
                crawler.options(link)
                crawler.get(link, headers={"Purpose": "prefetch", "Sec-Purpose": "prefetch", "X-Moz": "prefetch"})
                crawler.get(link, headers={"User-Agent": "facebookexternalhit/1.1"})
    elsewhere = open_browser()
    for context in (browser, elsewhere):
        page = context.new_page()
        for _ in range(3):
            page.goto(link)
            page.reload()
        page.evaluate(
            """async link => { for (const method of ["GET", "HEAD", "GET"])
                 await fetch(link, { method, credentials: "include", headers: { purpose: "prefetch" } }) }""", link)
        page.close()

    waiting.expect_waiting()
    for context in (browser, elsewhere):
        assert not is_signed_in(context, asks("game", prompt="none"))
    phone = waiting.on_phone(elsewhere)
    phone.button("link", "approve").click()
    result(phone.page, "heading_approved")
    waiting.expect_app(waiting.request)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(lambda route: route.abort(), id="the network is gone"),
        pytest.param(lambda route: route.fulfill(status=429, headers={"Retry-After": "1"}), id="it asks too often"),
    ],
)
def test_a_page_in_trouble_asks_again(person: Person, open_browser: OpenBrowser, asks: Asks, trouble):
    somebody, request = person(), asks("linked")
    somebody.page.route("**/login/wait*", trouble)
    with somebody.page.expect_request("**/login/wait*"):
        somebody.reach_code_page(request)
    phone = SignIn(open_browser().new_page(), somebody.server, somebody.number)
    phone.page.goto(somebody.texted_link())
    phone.button("link", "approve").click()
    result(phone.page, "heading_approved")
    expect(somebody.code_field).to_be_visible()
    somebody.page.unroute("**/login/wait*")
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number


def test_a_resend_leaves_the_older_link_good(waiting: Waiting, open_browser: OpenBrowser):
    older = waiting.texted_link()
    waiting.resend_button.click()
    waiting.expect_waiting()
    newer = waiting.texted_link(2)
    assert newer != older
    page = open_browser().new_page()
    page.goto(older)
    page.get_by_role("button", name=text("en", "link", "approve")).click()
    result(page, "heading_approved")
    waiting.expect_app(waiting.request)
    assert waiting.request.phone_number() == waiting.number


def test_a_wrong_code_meanwhile_does_not_stop_the_link(waiting: Waiting, open_browser: OpenBrowser):
    waiting.type_code(six_digits_other_than(waiting.texted_code()))
    expect(waiting.problem).to_have_text(text("en", "code", "wrong"))
    phone = waiting.on_phone(open_browser())
    phone.button("link", "approve").click()
    result(phone.page, "heading_approved")
    waiting.expect_app(waiting.request)


def test_only_the_browser_that_began_can_finish(waiting: Waiting, open_browser: OpenBrowser):
    """The address of the waiting page is worth nothing in another browser."""
    thief = open_browser().new_page()
    thief.goto(waiting.page.url)
    expect(thief.get_by_role("heading", level=1)).to_have_text(text("en", "phone", "heading", app="Linked Game"))
    phone = waiting.on_phone(open_browser())
    phone.button("link", "approve").click()
    waiting.expect_app(waiting.request)


def test_a_link_for_one_person_does_not_answer_for_another(waiting: Waiting, person: Person, asks: Asks):
    other = person()
    other.number = fresh_number()
    request = asks("linked")
    other.reach_code_page(request)
    phone = waiting.on_phone(other.page.context)
    expect(phone.page.get_by_text("Chrome · Windows")).to_be_visible()
    phone.button("link", "approve").click()
    result(phone.page, "heading_approved")
    waiting.expect_app(waiting.request)
    expect(other.code_field).to_be_visible()
    assert request.app.arrivals(request.state) == []
