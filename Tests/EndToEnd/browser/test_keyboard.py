"""No mouse: where the focus is, where Tab goes, what Enter does."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import Asks, OpenBrowser, Person
from browser.pages import SignIn, text
from harness import six_digits_other_than


def outline(locator: Locator) -> str:
    """The focus ring, on the control itself or on the box drawn around it."""
    return locator.evaluate(
        """element => {
             for (let box = element; box && box !== document.body; box = box.parentElement) {
               const style = getComputedStyle(box);
               if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) return style.outlineStyle;
             }
             return "none";
           }""")


def tab_through(page: Page, *stations: Locator) -> None:
    for station in stations:
        page.keyboard.press("Tab")
        expect(station).to_be_focused()
        assert outline(station) != "none", "the focus is not seen"


def test_a_login_without_a_mouse(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    keyboard = somebody.page.keyboard
    somebody.open(request)
    expect(somebody.number_field).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(somebody.country_field).to_be_focused()
    keyboard.type("Japan")
    expect(somebody.country_field).to_have_value("JP")
    tab_through(somebody.page, somebody.number_field)
    keyboard.type("0" + somebody.number.removeprefix("+81"))
    tab_through(somebody.page, somebody.button("phone", "submit"))
    keyboard.press("Enter")

    somebody.expect_code_page()
    expect(somebody.code_field).to_be_focused()
    keyboard.type(somebody.texted_code())
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number


def test_enter_in_the_number_sends_it(person: Person, asks: Asks):
    somebody = person()
    somebody.open(asks("game"))
    expect(somebody.number_field).to_be_focused()
    somebody.page.keyboard.type(somebody.number)
    somebody.page.keyboard.press("Enter")
    somebody.expect_code_page()


def test_the_code_page_goes_from_the_code_down(person: Person, asks: Asks):
    somebody = person()
    somebody.reach_code_page(asks("game"))
    expect(somebody.code_field).to_be_focused()
    tab_through(
        somebody.page, somebody.button("code", "submit"), somebody.resend_button, somebody.link("code", "change"))
    somebody.page.keyboard.press("Enter")
    somebody.expect_number_page()
    expect(somebody.number_field).to_be_focused()


def test_another_text_by_keyboard(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    expect(somebody.code_field).to_be_focused()
    tab_through(somebody.page, somebody.button("code", "submit"), somebody.resend_button)
    somebody.page.keyboard.press("Enter")
    expect(somebody.page.get_by_text(text("en", "code", "resent"))).to_be_visible()
    expect(somebody.code_field).to_be_focused()
    somebody.page.keyboard.type(somebody.texted_code(2))
    somebody.expect_app(request)


def test_after_a_wrong_code_the_focus_is_in_the_field(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    code = somebody.texted_code()
    expect(somebody.code_field).to_be_focused()
    somebody.page.keyboard.type(six_digits_other_than(code))
    expect(somebody.problem).to_be_visible()
    expect(somebody.code_field).to_be_focused()
    somebody.page.keyboard.type(code)
    somebody.expect_app(request)


@pytest.mark.parametrize(("presses", "error"), [(1, None), (2, "access_denied")], ids=["allow", "don't allow"])
def test_consent_by_keyboard(person: Person, asks: Asks, presses: int, error: str | None):
    somebody, request = person(), asks("shop")
    somebody.sign_in(request)
    somebody.expect_consent_page(request)
    buttons = [somebody.button("consent", "allow"), somebody.button("consent", "deny")]
    tab_through(somebody.page, *buttons[:presses])
    somebody.page.keyboard.press("Enter")
    somebody.expect_app(request)
    assert request.answer().get("error") == error


def test_a_link_by_keyboard(person: Person, open_browser: OpenBrowser, asks: Asks):
    somebody, request = person(), asks("linked")
    somebody.reach_code_page(request)
    phone = SignIn(open_browser().new_page(), somebody.server, somebody.number)
    phone.page.goto(somebody.texted_link())
    tab_through(phone.page, phone.button("link", "approve"), phone.button("link", "deny"))
    phone.page.keyboard.press("Shift+Tab")
    phone.page.keyboard.press("Enter")
    expect(phone.heading()).to_have_text(text("en", "link-result", "heading_approved"))
    somebody.expect_app(request)


def test_choosing_and_signing_out_by_keyboard(person: Person, asks: Asks):
    somebody = person()
    somebody.sign_in_to(asks("game"))
    choice = asks("game", prompt="select_account")
    somebody.open(choice)
    tab_through(somebody.page, somebody.page.locator("a.go"))
    somebody.page.keyboard.press("Enter")
    somebody.expect_app(choice)
    somebody.page.goto(f"{somebody.server.url}/oauth2/end_session")
    tab_through(somebody.page, somebody.button("sign-out", "submit"))
    somebody.page.keyboard.press("Enter")
    expect(somebody.heading()).to_have_text(text("en", "signed-out", "heading"))
