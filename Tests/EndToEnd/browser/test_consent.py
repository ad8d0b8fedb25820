"""Apps of somebody else: what they may know is the person's to say."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.conftest import Asks, Person
from browser.pages import SignIn, text
from harness import fresh_number


def at_consent(somebody: SignIn, request) -> SignIn:
    somebody.sign_in(request)
    somebody.expect_consent_page(request)
    return somebody


def test_the_page_says_who_asks_for_what_and_who_is_asked(person: Person, asks: Asks):
    request = asks("shop", "openid phone offline_access custom:read")
    somebody = at_consent(person(), request)
    wishes = [
        text("en", "consent", "scope_openid"), text("en", "consent", "scope_phone"),
        text("en", "consent", "scope_offline"), "custom:read",
    ]
    items = somebody.page.get_by_role("listitem")
    expect(items).to_have_count(len(wishes))
    for index, wish in enumerate(wishes):
        expect(items.nth(index)).to_contain_text(wish)
    expect(somebody.page.get_by_text(somebody.number[-4:])).to_be_visible()
    assert somebody.number not in somebody.page.content(), "the number is masked"


def test_consent_lets_the_app_in_and_is_remembered(person: Person, asks: Asks):
    request = asks("shop")
    somebody = at_consent(person(), request)
    somebody.button("consent", "allow").click()
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number
    again = request.again()
    somebody.page.goto(again.url)
    somebody.expect_app(again)
    assert again.phone_number() == somebody.number


def test_a_refusal_reaches_the_app_with_its_state(person: Person, asks: Asks):
    request = asks("shop")
    somebody = at_consent(person(), request)
    somebody.button("consent", "deny").click()
    somebody.expect_app(request)
    answer = request.answer()
    assert answer["error"] == "access_denied"
    assert answer["state"] == request.state
    assert answer["iss"] == somebody.server.url
    assert "code" not in answer


def test_a_refusal_is_not_remembered_as_consent(person: Person, asks: Asks):
    request = asks("shop")
    somebody = at_consent(person(), request)
    somebody.button("consent", "deny").click()
    somebody.expect_app(request)
    again = request.again()
    somebody.open(again)
    somebody.expect_consent_page(again)


def test_more_than_was_allowed_is_asked_for(person: Person, asks: Asks):
    request = asks("shop", "openid phone")
    somebody = at_consent(person(), request)
    somebody.button("consent", "allow").click()
    somebody.expect_app(request)
    more = asks("shop", "openid phone email")
    somebody.open(more)
    somebody.expect_consent_page(more)


def test_prompt_consent_asks_again(person: Person, asks: Asks):
    request = asks("shop")
    somebody = at_consent(person(), request)
    somebody.button("consent", "allow").click()
    somebody.expect_app(request)
    again = request.again(prompt="consent")
    somebody.open(again)
    somebody.expect_consent_page(again)
    somebody.button("consent", "allow").click()
    somebody.expect_app(again)
    assert again.phone_number() == somebody.number


def test_somebody_else_can_answer_instead(person: Person, asks: Asks):
    request = asks("shop")
    somebody = at_consent(person(), request)
    somebody.link("consent", "switch").click()
    other = SignIn(somebody.page, somebody.server, fresh_number())
    other.expect_number_page()
    other.send_number()
    other.expect_code_page()
    other.type_code(other.texted_code())
    other.expect_consent_page(request)
    other.button("consent", "allow").click()
    other.expect_app(request)
    assert request.phone_number() == other.number


def test_an_answer_counts_only_for_whom_it_was_asked(person: Person, asks: Asks):
    """The page stays open in one tab, and somebody else signs in in another."""
    request = asks("shop")
    somebody = at_consent(person(), request)
    other = SignIn(somebody.page.context.new_page(), somebody.server, fresh_number())
    other.sign_in_to(asks("game", prompt="login"))
    somebody.button("consent", "allow").click()
    somebody.expect_consent_page(request)
    expect(somebody.page.get_by_text(other.number[-4:])).to_be_visible()
    assert request.app.arrivals(request.state) == []


def test_a_form_post_refusal_is_a_form_too(person: Person, asks: Asks):
    request = asks("shop", response_mode="form_post")
    somebody = at_consent(person(), request)
    somebody.button("consent", "deny").click()
    somebody.expect_app(request)
    assert request.app.arrival(request.state).method == "POST"
    assert request.error() == "access_denied"
