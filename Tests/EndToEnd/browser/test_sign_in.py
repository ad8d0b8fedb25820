"""Number, text, code, app: the sign-in of somebody in front of a browser."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from browser.app import SignInRequest
from browser.conftest import Asks, Person
from browser.pages import SignIn, path_of, text
from harness import eventually, fresh_number, six_digits_other_than


def paste(page: Page, what: str) -> None:
    """Through the clipboard, as a person does it."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("what => navigator.clipboard.writeText(what)", what)
    page.keyboard.press("ControlOrMeta+v")


def every_text_has_left(somebody: SignIn) -> None:
    """Texts leave in order: when a later one is there, so is each earlier one."""
    witness = somebody.server.login("game")
    assert witness.request().status_code == 200
    witness.text()


def test_a_first_login_takes_a_number_and_a_code(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.open(request)
    expect(somebody.heading()).to_have_text("Sign in to Star Game")
    expect(somebody.page).to_have_title("Sign in to Star Game")
    somebody.send_number()

    somebody.expect_code_page()
    expect(somebody.page.locator("#sent")).to_contain_text("6 digits")
    assert somebody.number not in somebody.page.content(), "the number is masked"
    somebody.type_code(somebody.texted_code())

    somebody.expect_app(request)
    assert request.phone_number() == somebody.number
    assert len(somebody.server.outbox.messages(somebody.number)) == 1


@pytest.mark.parametrize(
    ("country", "typed"),
    [
        pytest.param("JP", "{national}", id="national, without its zero"),
        pytest.param("JP", "0{national}", id="national"),
        pytest.param("US", "+81{national}", id="international: the country does not matter"),
        pytest.param("FR", "0081 {national}", id="international with 00, as the French dial it"),
        pytest.param("JP", "(0{a}) {b}-{c}", id="with punctuation"),
        pytest.param("JP", "０{wide}", id="full-width"),
    ],
)
def test_a_number_is_read_as_people_write_it(person: Person, asks: Asks, country: str, typed: str):
    somebody = person()
    national = somebody.number.removeprefix("+81")
    spelling = typed.format(
        national=national, a=national[:2], b=national[2:6], c=national[6:],
        wide="".join(chr(ord(digit) + 0xFEE0) for digit in national))
    somebody.open(asks("game"))
    somebody.country_field.select_option(country)
    somebody.send_number(spelling)
    somebody.expect_code_page()
    assert somebody.texted_code(), "a text to this very number"


def test_a_number_with_its_own_country_code_dims_the_country(person: Person, asks: Asks):
    somebody = person()
    somebody.open(asks("game"))
    somebody.number_field.fill("090")
    expect(somebody.country_field).not_to_have_class(re.compile("dim"))
    somebody.number_field.fill("+8190")
    expect(somebody.country_field).to_have_class(re.compile("dim"))


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        pytest.param("12", "not_a_number", id="not a number"),
        pytest.param("+81312345678", "cannot_receive", id="a fixed line"),
    ],
)
def test_a_number_that_cannot_be_texted_is_asked_again(person: Person, asks: Asks, number: str, problem: str):
    somebody, request = person(), asks("game")
    somebody.open(request)
    with somebody.page.expect_response(lambda reply: reply.request.method == "POST") as refused:
        somebody.send_number(number)
    assert refused.value.status == 422
    expect(somebody.problem).to_have_text(text("en", "phone", problem))
    expect(somebody.number_field).to_have_value(number)
    expect(somebody.number_field).to_have_attribute("aria-invalid", "true")
    expect(somebody.number_field).to_be_focused()
    somebody.send_number()
    somebody.expect_code_page()


def test_the_chosen_country_is_kept_after_a_refusal(person: Person, asks: Asks):
    somebody = person()
    somebody.open(asks("game"))
    somebody.country_field.select_option("FR")
    somebody.send_number("12")
    expect(somebody.problem).to_be_visible()
    expect(somebody.country_field).to_have_value("FR")


def test_after_a_wrong_code_the_right_one_works(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    code = somebody.texted_code()
    with somebody.page.expect_response(lambda reply: reply.request.method == "POST") as refused:
        somebody.type_code(six_digits_other_than(code))
    assert refused.value.status == 401
    expect(somebody.problem).to_have_text(text("en", "code", "wrong"))
    expect(somebody.code_field).to_be_focused()
    expect(somebody.code_field).to_have_value("")
    expect(somebody.code_field).to_have_attribute("aria-invalid", "true")
    described = somebody.code_field.get_attribute("aria-describedby")
    assert somebody.problem.get_attribute("id") in (described or "").split()
    somebody.type_code(code)
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number


def test_when_no_guess_is_left_the_right_code_is_too_late(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    code = somebody.texted_code()
    for _ in range(4):
        with somebody.page.expect_navigation():
            somebody.type_code(six_digits_other_than(code))
        expect(somebody.problem).to_have_text(text("en", "code", "wrong"))
    for guess in (six_digits_other_than(code), code):
        with somebody.page.expect_navigation():
            somebody.type_code(guess)
        expect(somebody.problem).to_contain_text("Too many wrong codes")
    assert request.app.arrivals(request.state) == []


def test_an_expired_code_asks_for_a_new_text_which_works(start_site, person: Person, asks: Asks):
    site = start_site(DENWA_PHONE_CODE_LIFETIME_SECONDS="2")
    somebody, request = person(server=site), asks("game", server=site)
    somebody.reach_code_page(request)
    code = somebody.texted_code()
    end = time.monotonic() + 2
    eventually("the end of the code", lambda: time.monotonic() > end)
    somebody.type_code(code)
    expect(somebody.problem).to_have_text(text("en", "code", "expired"))
    somebody.resend_button.click()
    expect(somebody.page.get_by_text(text("en", "code", "resent"))).to_be_visible()
    somebody.type_code(somebody.texted_code(2))
    somebody.expect_app(request)


def test_another_number_can_be_typed_instead(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    code_of_the_slip = somebody.texted_code()
    somebody.link("code", "change").click()
    somebody.expect_number_page()
    somebody.number = fresh_number()
    somebody.send_number()
    somebody.expect_code_page()
    code = somebody.texted_code()
    if code != code_of_the_slip:
        somebody.type_code(code_of_the_slip)
        expect(somebody.problem).to_have_text(text("en", "code", "wrong"))
    somebody.type_code(code)
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number


# MARK: another text


def test_the_button_for_another_text_counts_the_servers_seconds_down(start_site, person: Person, asks: Asks):
    site = start_site(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="25")
    somebody = person(server=site)
    somebody.page.clock.install()
    somebody.reach_code_page(asks("game", server=site))
    button = somebody.resend_button
    expect(button).to_have_text(re.compile(r"^New text in 0:2[45]$"))
    expect(button).to_be_disabled()
    somebody.page.clock.pause_at(somebody.page.evaluate("Date.now() / 1000") + 1)
    seen = []
    for _ in range(5):
        seen.append(int((button.text_content() or "").rpartition(":")[2]))
        somebody.page.clock.run_for(1000)
    assert seen == list(range(seen[0], seen[0] - 5, -1))
    expect(button).to_be_disabled()
    somebody.page.clock.run_for(25_000)
    expect(button).to_have_text(text("en", "code", "resend"))
    expect(button).to_be_enabled()


def test_another_text_can_be_asked_for_when_the_countdown_ends(start_site, person: Person, asks: Asks):
    site = start_site(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="2")
    somebody, request = person(server=site), asks("game", server=site)
    somebody.reach_code_page(request)
    code = somebody.texted_code()
    expect(somebody.resend_button).to_be_disabled()
    assert len(site.outbox.messages(somebody.number)) == 1
    expect(somebody.button("code", "resend")).to_be_enabled(timeout=5000)
    somebody.resend_button.click()
    expect(somebody.page.get_by_text(text("en", "code", "resent"))).to_be_visible()
    expect(somebody.resend_button).to_be_disabled()
    assert somebody.texted_code(2) == code, "people type the older message"
    somebody.type_code(code)
    somebody.expect_app(request)


def test_a_text_asked_for_too_early_says_how_long_to_wait(start_site, person: Person, asks: Asks):
    """The number page knows no countdown: the server refuses, and the page counts from there."""
    site = start_site(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="3")
    somebody, request = person(server=site), asks("game", server=site)
    somebody.reach_code_page(request)
    somebody.link("code", "change").click()
    with somebody.page.expect_response(lambda reply: reply.request.method == "POST") as refused:
        somebody.send_number()
    assert refused.value.status == 429
    assert 1 <= int(refused.value.headers["retry-after"]) <= 3
    expect(somebody.problem).to_have_text(re.compile(r"^Too many tries\. Try again in 0:0[123]\.$"))
    expect(somebody.button("phone", "submit")).to_be_disabled()
    expect(somebody.page.locator("#problem")).to_have_text(text("en", "phone", "limited_now"))
    somebody.button("phone", "submit").click()
    somebody.expect_code_page()


# MARK: typing


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda code: f"{code[:3]} {code[3:]}", id="a space"),
        pytest.param(lambda code: "".join(chr(ord(digit) + 0xFEE0) for digit in code), id="full-width"),
        pytest.param(lambda code: "".join(chr(ord(digit) + 0x630) for digit in code), id="Arabic digits"),
        pytest.param(lambda code: f"Code: {code}", id="a word"),
    ],
)
def test_a_pasted_code_needs_no_tidying(person: Person, asks: Asks, spell):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    code = somebody.texted_code()
    expect(somebody.code_field).to_be_focused()
    paste(somebody.page, spell(code))
    somebody.expect_app(request)


def test_a_wrong_code_is_sent_once_and_not_again_by_itself(person: Person, asks: Asks):
    somebody = person()
    somebody.reach_code_page(asks("game"))
    code = somebody.texted_code()
    sent: list[str] = []
    somebody.page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    somebody.type_code(six_digits_other_than(code))
    expect(somebody.problem).to_have_text(text("en", "code", "wrong"))
    somebody.page.wait_for_load_state("networkidle")
    assert len(sent) == 1


def test_two_clicks_send_one_text(person: Person, asks: Asks):
    somebody = person()
    somebody.open(asks("game"))
    somebody.number_field.fill(somebody.number)
    somebody.button("phone", "submit").dblclick()
    somebody.expect_code_page()
    somebody.texted_code()
    every_text_has_left(somebody)
    assert len(somebody.server.outbox.messages(somebody.number)) == 1


def test_two_clicks_for_another_text_send_one(person: Person, asks: Asks):
    somebody = person()
    somebody.reach_code_page(asks("game"))
    somebody.texted_code()
    somebody.resend_button.dblclick()
    expect(somebody.page.get_by_text(text("en", "code", "resent"))).to_be_visible()
    somebody.texted_code(2)
    every_text_has_left(somebody)
    assert len(somebody.server.outbox.messages(somebody.number)) == 2


# MARK: going back, and reloading


def test_going_back_after_the_text_leaves_a_form_that_works(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    somebody.texted_code()
    somebody.page.go_back()
    somebody.expect_number_page()
    expect(somebody.page.locator("[aria-busy]")).to_have_count(0)
    somebody.send_number()
    somebody.expect_code_page()
    somebody.type_code(somebody.texted_code(2))
    somebody.expect_app(request)
    assert request.phone_number() == somebody.number


def test_going_forward_again_after_going_back_finds_the_code_page(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    somebody.page.go_back()
    somebody.expect_number_page()
    somebody.page.go_forward()
    somebody.expect_code_page()
    somebody.type_code(somebody.texted_code())
    somebody.expect_app(request)
    assert len(somebody.server.outbox.messages(somebody.number)) == 1


def test_a_reload_of_the_code_page_sends_nothing(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.reach_code_page(request)
    code = somebody.texted_code()
    somebody.page.reload()
    somebody.expect_code_page()
    every_text_has_left(somebody)
    assert len(somebody.server.outbox.messages(somebody.number)) == 1
    somebody.type_code(code)
    somebody.expect_app(request)


def test_going_back_from_the_app_finds_a_spent_code_and_a_way_on(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.sign_in_to(request)
    code = somebody.texted_code()
    somebody.page.go_back()
    somebody.expect_code_page()
    somebody.type_code(code)
    expect(somebody.problem).to_have_text(text("en", "code", "expired"))
    somebody.page.goto(request.again().url)
    assert path_of(somebody.page) == "/game/callback", "the session is not harmed"


def test_without_cookies_the_page_says_what_is_wrong(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.open(request)
    somebody.page.context.clear_cookies()
    with somebody.page.expect_response(lambda reply: reply.status == 403):
        somebody.send_number()
    expect(somebody.problem).to_have_text(text("en", "common", "session_lost"))
    somebody.send_number()
    somebody.expect_code_page()


# MARK: the answer


def test_form_post_brings_the_answer_in_a_form(person: Person, asks: Asks):
    somebody, request = person(), asks("game", response_mode="form_post")
    somebody.sign_in(request)
    somebody.expect_app(request)
    arrival = request.app.arrival(request.state)
    assert arrival.method == "POST"
    assert set(arrival.parameters) == {"code", "state", "iss"}
    assert "?" not in somebody.page.url
    assert request.phone_number() == somebody.number


def test_the_answer_comes_in_the_query_by_default(person: Person, asks: Asks):
    somebody, request = person(), asks("game")
    somebody.sign_in_to(request)
    arrival = request.app.arrival(request.state)
    assert arrival.method == "GET"
    assert set(arrival.parameters) == {"code", "state", "iss"}


def test_a_login_hint_fills_the_number_in(person: Person, asks: Asks):
    somebody = person()
    request = asks("game", login_hint=somebody.number)
    somebody.open(request)
    expect(somebody.number_field).to_have_value(somebody.number)
    somebody.button("phone", "submit").click()
    somebody.type_code(somebody.texted_code())
    somebody.expect_app(request)


def test_two_tabs_sign_in_to_two_apps_at_once(person: Person, asks: Asks):
    """Each tab carries its own request: neither ends up at the other's app."""
    somebody, here, there = person(), asks("game"), asks("arcade")
    other = SignIn(somebody.page.context.new_page(), somebody.server, fresh_number())
    somebody.reach_code_page(here)
    other.reach_code_page(there)
    somebody.type_code(somebody.texted_code())
    somebody.expect_app(here)
    assert here.phone_number() == somebody.number
    other.type_code(other.texted_code())
    other.expect_app(there)
    assert there.phone_number() == other.number


def test_a_request_that_is_wrong_but_whose_app_is_known_goes_back_to_the_app(person: Person, asks: Asks):
    somebody, request = person(), asks("game", prompt="none login")
    somebody.page.goto(request.url)
    assert request.error() == "invalid_request"


def test_a_bad_redirect_uri_ends_on_a_page_that_repeats_nothing(person: Person, asks: Asks):
    somebody = person()
    mark = "zq7w"
    request: SignInRequest = asks(
        "game", redirect_uri=f"https://{mark}.example/{mark}", state=f"{mark}-state", login_hint=f"<b>{mark}</b>")
    response = somebody.open(request)
    assert response.status == 400
    assert path_of(somebody.page) == "/oauth2/authorize", "no redirect"
    expect(somebody.heading()).to_have_text(text("en", "error", "heading_request"))
    assert mark not in somebody.page.content()
    assert "set-cookie" not in response.headers
