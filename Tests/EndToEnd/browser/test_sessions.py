"""What a browser that signed in once is asked again, and what it is not; and how that ends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from browser.app import SignInRequest
from browser.conftest import Asks, OpenBrowser, Person
from browser.pages import SignIn, path_of, text
from harness import fresh_number

pytestmark = pytest.mark.nodes


def end_session(request: SignInRequest, **query: str) -> str:
    return f"{request.server.url}/oauth2/end_session?{urlencode(query)}"


@pytest.fixture
def member(person: Person, asks: Asks) -> SignIn:
    """Somebody who is signed in, at the app where it happened."""
    somebody = person()
    somebody.sign_in_to(asks("game"))
    return somebody


def test_a_second_app_opens_without_typing(member: SignIn, asks: Asks):
    request = asks("arcade")
    member.page.goto(request.url)
    member.expect_app(request)
    assert request.phone_number() == member.number
    assert len(member.server.outbox.messages(member.number)) == 1


def test_a_second_app_of_somebody_else_asks_for_consent_only(member: SignIn, asks: Asks):
    request = asks("shop")
    member.open(request)
    member.expect_consent_page(request)
    member.button("consent", "allow").click()
    member.expect_app(request)
    assert request.phone_number() == member.number


def test_another_browser_is_not_signed_in(member: SignIn, person: Person, asks: Asks):
    other = person(number=member.number)
    other.open(asks("game"))
    other.expect_number_page()


# MARK: prompt=none


def test_prompt_none_says_login_required_when_nobody_is_signed_in(person: Person, asks: Asks):
    somebody, request = person(), asks("game", prompt="none")
    somebody.page.goto(request.url)
    somebody.expect_app(request)
    assert request.error() == "login_required"


def test_prompt_none_says_consent_required_when_nobody_agreed(member: SignIn, asks: Asks):
    request = asks("shop", prompt="none")
    member.page.goto(request.url)
    member.expect_app(request)
    assert request.error() == "consent_required"


def test_prompt_none_succeeds_when_there_is_nothing_to_ask(member: SignIn, asks: Asks):
    request = asks("arcade", prompt="none")
    member.page.goto(request.url)
    member.expect_app(request)
    assert request.phone_number() == member.number


def test_prompt_none_succeeds_after_consent(member: SignIn, asks: Asks):
    request = asks("shop")
    member.open(request)
    member.button("consent", "allow").click()
    member.expect_app(request)
    silent = request.again(prompt="none")
    member.page.goto(silent.url)
    member.expect_app(silent)
    assert silent.phone_number() == member.number


# MARK: asking all the same


@pytest.mark.parametrize("more", [{"prompt": "login"}, {"max_age": "0"}], ids=["prompt=login", "max_age=0"])
def test_a_fresh_login_can_be_demanded(member: SignIn, asks: Asks, more: dict[str, str]):
    request = asks("game", **more)
    member.open(request)
    member.expect_number_page()
    member.send_number()
    member.expect_code_page()
    member.type_code(member.texted_code(2))
    member.expect_app(request)
    assert request.phone_number() == member.number


def test_a_session_that_is_young_enough_is_good_enough(member: SignIn, asks: Asks):
    request = asks("game", max_age="3600")
    member.page.goto(request.url)
    member.expect_app(request)
    assert request.phone_number() == member.number


def test_a_fresh_login_may_be_somebody_elses(member: SignIn, asks: Asks):
    """Then the browser is theirs."""
    request = asks("game", prompt="login")
    other = SignIn(member.page, member.server, fresh_number())
    other.sign_in(request)
    other.expect_app(request)
    assert request.phone_number() == other.number
    after = asks("arcade", prompt="none")
    other.page.goto(after.url)
    other.expect_app(after)
    assert after.phone_number() == other.number


def test_select_account_goes_on_with_the_account_there_is(member: SignIn, asks: Asks):
    request = asks("game", prompt="select_account")
    member.open(request)
    expect(member.heading()).to_have_text(text("en", "choose", "heading"))
    assert member.number not in member.page.content(), "the number is masked"
    member.page.locator("a.go").click()
    member.expect_app(request)
    assert request.phone_number() == member.number
    assert len(member.server.outbox.messages(member.number)) == 1


def test_select_account_goes_on_with_another(member: SignIn, asks: Asks):
    request = asks("game", prompt="select_account")
    member.open(request)
    member.link("choose", "other").click()
    other = SignIn(member.page, member.server, fresh_number())
    other.expect_number_page()
    other.send_number()
    other.expect_code_page()
    other.type_code(other.texted_code())
    other.expect_app(request)
    assert request.phone_number() == other.number


# MARK: the end


def is_signed_out(somebody: SignIn, asks: Asks) -> bool:
    request = asks("game", prompt="none")
    somebody.page.goto(request.url)
    somebody.expect_app(request)
    return request.answer().get("error") == "login_required"


def tokens_of(member: SignIn, asks: Asks) -> dict[str, Any]:
    request = asks("game", prompt="none")
    member.page.goto(request.url)
    member.expect_app(request)
    return request.tokens()


def test_an_app_that_knows_who_it_is_signs_out_at_once(member: SignIn, asks: Asks):
    request = asks("game")
    hint = tokens_of(member, asks)["id_token"]
    back = request.app.signed_out("game")
    member.page.goto(
        end_session(request, id_token_hint=hint, post_logout_redirect_uri=back, state="good bye & æ"))
    member.page.wait_for_url(lambda url: url.startswith(back))
    assert request.app.arrival("good bye & æ").parameters == {"state": "good bye & æ"}
    assert is_signed_out(member, asks)


def test_an_app_that_names_no_place_to_go_ends_on_the_signed_out_page(member: SignIn, asks: Asks):
    hint = tokens_of(member, asks)["id_token"]
    member.page.goto(end_session(asks("game"), id_token_hint=hint))
    expect(member.heading()).to_have_text(text("en", "signed-out", "heading"))
    assert is_signed_out(member, asks)


def test_without_a_hint_the_person_is_asked(member: SignIn, asks: Asks):
    member.page.goto(end_session(asks("game")))
    expect(member.heading()).to_have_text(text("en", "sign-out", "heading"))
    assert member.number not in member.page.content(), "the number is masked"
    assert not is_signed_out(member, asks), "the page alone ends nothing"
    member.page.goto(end_session(asks("game")))
    member.button("sign-out", "submit").click()
    expect(member.heading()).to_have_text(text("en", "signed-out", "heading"))
    assert is_signed_out(member, asks)


def test_after_the_persons_yes_the_browser_goes_back_to_the_app(member: SignIn, asks: Asks):
    request = asks("game")
    back = request.app.signed_out("game")
    member.page.goto(
        end_session(request, client_id="game", post_logout_redirect_uri=back, state="asked-12345"))
    member.button("sign-out", "submit").click()
    member.page.wait_for_url(lambda url: url.startswith(back))
    assert request.app.arrival("asked-12345").parameters == {"state": "asked-12345"}
    assert is_signed_out(member, asks)


def test_the_hint_of_somebody_else_ends_nothing_unasked(member: SignIn, person: Person, asks: Asks):
    stranger = person()
    request = asks("game")
    stranger.sign_in_to(request)
    hint = request.tokens()["id_token"]
    member.page.goto(end_session(request, id_token_hint=hint))
    expect(member.heading()).to_have_text(text("en", "sign-out", "heading"))
    assert not is_signed_out(member, asks)


def test_a_place_that_is_not_registered_is_no_place_to_go(member: SignIn, asks: Asks):
    response = member.page.goto(
        end_session(asks("game"), client_id="game", post_logout_redirect_uri="https://evil.example/out"))
    assert response is not None and response.status == 400
    assert path_of(member.page) == "/oauth2/end_session"
    assert "evil" not in member.page.content()
    assert not is_signed_out(member, asks)


def test_who_is_not_signed_in_is_signed_out(page, asks: Asks):
    page.goto(end_session(asks("game")))
    expect(page.get_by_role("heading", level=1)).to_have_text(text("en", "signed-out", "heading"))


def test_signing_out_in_one_browser_leaves_the_other(
    member: SignIn, person: Person, open_browser: OpenBrowser, asks: Asks
):
    elsewhere = person(number=member.number)
    request = asks("game")
    elsewhere.sign_in_to(request)
    member.page.goto(end_session(request))
    member.button("sign-out", "submit").click()
    expect(member.heading()).to_have_text(text("en", "signed-out", "heading"))
    assert not is_signed_out(elsewhere, asks)
