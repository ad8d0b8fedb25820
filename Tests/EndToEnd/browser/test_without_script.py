"""JavaScript switched off: forms and links do all that has to be done."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.app import SignInRequest
from browser.conftest import Asks, OpenBrowser, Person
from browser.pages import SignIn, text
from harness import six_digits_other_than


@pytest.fixture
def somebody(person: Person) -> SignIn:
    return person(java_script_enabled=False)


def sign_in(somebody: SignIn, request: SignInRequest) -> None:
    somebody.reach_code_page(request)
    somebody.code_field.fill(somebody.texted_code())
    somebody.button("code", "submit").click()


def test_a_whole_login(somebody: SignIn, asks: Asks):
    request = asks("game")
    sign_in(somebody, request)
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number


def test_enter_is_enough(somebody: SignIn, asks: Asks):
    """The main button of each page is the one that Enter presses."""
    request = asks("game")
    somebody.open(request)
    somebody.number_field.fill(somebody.number)
    somebody.number_field.press("Enter")
    somebody.expect_code_page()
    somebody.code_field.fill(somebody.texted_code())
    somebody.code_field.press("Enter")
    somebody.expect_app(request)


def test_consent_and_its_refusal(somebody: SignIn, asks: Asks):
    request = asks("shop")
    sign_in(somebody, request)
    somebody.expect_consent_page(request)
    somebody.button("consent", "deny").click()
    somebody.expect_app(request)
    assert request.error() == "access_denied"
    again = request.again()
    somebody.open(again)
    somebody.button("consent", "allow").click()
    somebody.expect_app(again)
    assert again.phone_number() == somebody.number


def test_problems_and_the_way_out_of_them(somebody: SignIn, asks: Asks):
    request = asks("game")
    somebody.open(request)
    somebody.send_number("12")
    expect(somebody.problem).to_have_text(text("en", "phone", "not_a_number"))
    somebody.send_number()
    somebody.expect_code_page()
    code = somebody.texted_code()
    somebody.code_field.fill(six_digits_other_than(code))
    somebody.button("code", "submit").click()
    expect(somebody.problem).to_have_text(text("en", "code", "wrong"))
    somebody.resend_button.click()
    expect(somebody.page.get_by_text(text("en", "code", "resent"))).to_be_visible()
    somebody.code_field.fill(somebody.texted_code(2))
    somebody.button("code", "submit").click()
    somebody.expect_app(request)


def test_a_resend_that_comes_too_early_says_when(start_site, person: Person, asks: Asks):
    """Nothing counts down here, so the button is there at once and the server says how long it takes."""
    site = start_site(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="90")
    somebody = person(server=site, java_script_enabled=False)
    somebody.reach_code_page(asks("game", server=site))
    expect(somebody.resend_button).to_be_enabled()
    somebody.resend_button.click()
    expect(somebody.problem).to_have_text(re.compile(r"^Too many tries\. Try again in 1:(30|2\d)\.$"))
    somebody.expect_code_page()
    assert len(site.outbox.messages(somebody.number)) == 1


def test_the_link_with_the_button_for_who_opened_it(somebody: SignIn, open_browser: OpenBrowser, asks: Asks):
    request = asks("linked")
    somebody.reach_code_page(request)
    expect(somebody.page.get_by_text(text("en", "code", "link_auto"))).to_have_count(0)
    done = somebody.button("code", "link_done")
    done.click()
    expect(somebody.problem).to_have_text(text("en", "code", "link_waiting"))

    phone = SignIn(open_browser(java_script_enabled=False).new_page(), somebody.server, somebody.number)
    phone.page.goto(somebody.texted_link())
    expect(phone.page.get_by_text(re.compile(r"\d\d:\d\d UTC"))).to_be_visible()
    phone.button("link", "approve").click()
    expect(phone.heading()).to_have_text(text("en", "link-result", "heading_approved"))

    done.click()
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number


def test_a_declined_link_does_not_let_the_button_in(somebody: SignIn, open_browser: OpenBrowser, asks: Asks):
    request = asks("linked")
    somebody.reach_code_page(request)
    phone = SignIn(open_browser(java_script_enabled=False).new_page(), somebody.server, somebody.number)
    phone.page.goto(somebody.texted_link())
    phone.button("link", "deny").click()
    expect(phone.heading()).to_have_text(text("en", "link-result", "heading_denied"))
    somebody.button("code", "link_done").click()
    expect(somebody.problem).to_be_visible()
    assert request.app.arrivals(request.state) == []


def test_the_link_in_the_same_browser(somebody: SignIn, asks: Asks):
    request = asks("linked")
    somebody.reach_code_page(request)
    tab = SignIn(somebody.page.context.new_page(), somebody.server, somebody.number)
    tab.page.goto(somebody.texted_link())
    tab.button("link", "approve").click()
    tab.expect_app(request)
    assert request.phone_number() == somebody.number


def test_form_post_with_its_button(somebody: SignIn, asks: Asks):
    request = asks("game", response_mode="form_post")
    sign_in(somebody, request)
    expect(somebody.heading()).to_have_text(text("en", "form-post", "heading", app="Star Game"))
    assert request.app.arrivals(request.state) == []
    somebody.button("form-post", "submit", app="Star Game").click()
    somebody.expect_app(request)
    assert request.app.arrival(request.state).method == "POST"
    assert request.phone_number() == somebody.number


def test_signing_out(somebody: SignIn, asks: Asks):
    request = asks("game")
    sign_in(somebody, request)
    somebody.expect_app(request)
    somebody.page.goto(f"{somebody.server.url}/oauth2/end_session")
    somebody.button("sign-out", "submit").click()
    expect(somebody.heading()).to_have_text(text("en", "signed-out", "heading"))
    somebody.open(asks("game"))
    somebody.expect_number_page()


def test_choosing_the_account(somebody: SignIn, asks: Asks):
    request = asks("game")
    sign_in(somebody, request)
    somebody.expect_app(request)
    choice = asks("game", prompt="select_account")
    somebody.open(choice)
    somebody.page.locator("a.go").click()
    somebody.expect_app(choice)
