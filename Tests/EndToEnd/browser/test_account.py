"""The account page: who gets to see it, what it shows and ends, and who cannot touch it."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from browser.account import FORMS, Owner, post, send_from_elsewhere, userinfo
from browser.app import App
from browser.conftest import Asks, Person
from browser.pages import path_of, text
from harness import fresh_number

WINDOWS_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36")
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1")


@pytest.fixture
def owner(person: Person) -> Owner:
    """Somebody new, at their account."""
    return Owner.of(person(user_agent=WINDOWS_CHROME)).open_account()


def elsewhere(owner: Owner, person: Person) -> Owner:
    """The same person at their phone."""
    return Owner.of(person(owner.number, user_agent=IPHONE)).open_account()


# MARK: getting there


def test_who_is_not_signed_in_signs_in_and_comes_back(person: Person):
    somebody = Owner.of(person())
    somebody.visit()
    somebody.expect_number_page()
    somebody.send_number()
    somebody.expect_code_page()
    somebody.type_code(somebody.texted_code())
    somebody.expect_account()
    assert somebody.shown_number() == somebody.number


@pytest.mark.parametrize("path", ["/number", "/email", "/password", "/delete", "/reclaim", "/export"])
def test_nothing_of_it_is_shown_to_who_is_not_signed_in(person: Person, path: str):
    somebody = Owner.of(person())
    somebody.visit(f"/account{path}")
    somebody.expect_number_page()
    assert not path_of(somebody.page).startswith("/account")


def test_who_signed_in_for_an_app_is_signed_in_here(person: Person, asks: Asks):
    somebody = Owner.of(person())
    somebody.sign_in_to(asks("game"))
    somebody.visit()
    somebody.expect_account()
    assert somebody.shown_number() == somebody.number
    assert len(somebody.server.outbox.messages(somebody.number)) == 1


def test_who_signed_in_here_is_signed_in_for_apps(owner: Owner, asks: Asks):
    request = asks("game", prompt="none")
    owner.open(request)
    owner.expect_app(request)
    assert request.phone_number() == owner.number


def test_the_account_is_no_app_that_could_lose_its_access(owner: Owner):
    expect(owner.section("apps")).to_have_text(text("en", "account", "no_apps"))


def test_a_new_account_has_a_number_and_nothing_else(owner: Owner):
    assert owner.shown_number() == owner.number
    for key in ("email", "password"):
        expect(owner.line(key)).to_contain_text(text("en", "account", "none"))
        expect(owner.act("add", key)).to_be_visible()
    expect(owner.act("remove", "email")).to_have_count(0)
    expect(owner.page.get_by_text(text("en", "account", "parked"))).to_have_count(0)


def test_a_notice_is_one_of_the_pages_own(owner: Owner):
    """What its address says does not get onto the page."""
    owner.visit("/account?done=Call+%2B81312345678+at+once")
    owner.expect_account()
    expect(owner.page.locator("p.note")).to_have_count(0)
    assert "at once" not in owner.page.content()


def test_what_a_sign_in_brings_along_stays_in_no_history(owner: Owner):
    owner.visit("/account?code=abc&state=x&iss=y")
    owner.expect_account()
    assert owner.page.url == f"{owner.server.url}/account"


def test_nobody_is_sent_elsewhere_in_the_name_of_the_page(owner: Owner):
    """Its sign-in is the built-in client's, which has one redirect URI."""
    owner.page.context.clear_cookies()
    owner.visit()
    (query,) = re.findall(r"client_id=[^&]+", owner.page.url)
    response = owner.page.goto(
        f"{owner.server.url}/oauth2/authorize?{query}&response_type=code&redirect_uri=https%3A%2F%2Fevil.example%2F"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256")
    assert response is not None and response.status == 400
    expect(owner.heading()).to_have_text(text("en", "error", "heading_request"))


@pytest.mark.parametrize("path", ["", "/number", "/email", "/password", "/delete"])
def test_its_pages_are_kept_by_nobody_and_framed_by_nobody(owner: Owner, path: str):
    response = owner.page.goto(f"{owner.server.url}/account{path}")
    assert response is not None and response.status == 200
    assert "no-store" in response.headers["cache-control"]
    assert response.headers["referrer-policy"] == "no-referrer"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert re.search(r"form-action 'self'(;|$)", policy), "none of its forms leads anywhere else"


@pytest.mark.parametrize("path", ["/number", "/email", "/password", "/delete"])
def test_there_is_a_way_back_from_every_page(owner: Owner, path: str):
    owner.visit(f"/account{path}")
    owner.link("common", "back").click()
    owner.expect_account()


# MARK: sessions


def test_both_browsers_are_listed(owner: Owner, person: Person):
    other = elsewhere(owner, person)
    for somebody, here, there in ((owner, "Chrome · Windows", "Safari · iPhone"),
                                  (other, "Safari · iPhone", "Chrome · Windows")):
        somebody.visit()
        lines = somebody.section("sessions")
        expect(lines).to_have_count(2)
        expect(lines.filter(has_text=text("en", "account", "current"))).to_contain_text(here)
        expect(lines.filter(has=somebody.page.get_by_role("button"))).to_contain_text(there)


def test_ending_the_other_session(owner: Owner, person: Person):
    other = elsewhere(owner, person)
    owner.visit()
    owner.page.get_by_role("button", name=f"{text('en', 'account', 'end')} Safari · iPhone", exact=True).click()
    owner.expect_notice("session_ended")
    expect(owner.section("sessions")).to_have_count(1)
    assert not other.is_signed_in()
    assert owner.is_signed_in()


def test_ending_all_others(owner: Owner, person: Person):
    others = [elsewhere(owner, person) for _ in range(2)]
    owner.visit()
    expect(owner.section("sessions")).to_have_count(3)
    owner.button("account", "end_others").click()
    owner.expect_notice("sessions_ended")
    expect(owner.section("sessions")).to_have_count(1)
    expect(owner.button("account", "end_others")).to_have_count(0)
    assert not any(other.is_signed_in() for other in others)
    assert owner.is_signed_in()


def test_an_ended_session_takes_its_apps_tokens_along(owner: Owner, person: Person, asks: Asks):
    other = elsewhere(owner, person)
    request = asks("game")
    other.open(request)
    other.expect_app(request)
    token = request.tokens()["access_token"]
    owner.visit()
    owner.button("account", "end_others").click()
    owner.expect_notice("sessions_ended")
    assert owner.server.introspect(token, by="game").json() == {"active": False}


def test_nobody_ends_a_session_of_somebody_else(owner: Owner, person: Person):
    elsewhere(owner, person)
    owner.visit()
    session = owner.page.locator("input[name=session]").input_value()
    stranger = Owner.of(person()).open_account()
    reply = stranger.post("/account/sessions/end", csrf=stranger.csrf(), session=session)
    assert reply.status < 500
    owner.visit()
    expect(owner.section("sessions")).to_have_count(2)


def test_the_page_names_no_session_by_its_cookie(owner: Owner, person: Person):
    elsewhere(owner, person)
    owner.visit()
    for cookie in owner.page.context.cookies():
        assert cookie["value"] not in owner.page.content(), cookie["name"]


def test_signing_out(owner: Owner):
    owner.button("account", "sign_out").click()
    expect(owner.heading()).to_have_text(text("en", "signed-out", "heading"))
    assert not owner.is_signed_in()


# MARK: apps


@pytest.fixture
def shopper(person: Person, asks: Asks) -> tuple[Owner, dict[str, Any]]:
    """Somebody who let an app of somebody else in, and what the app got."""
    somebody = Owner.of(person())
    request = asks("shop", "openid phone offline_access")
    somebody.sign_in(request)
    somebody.button("consent", "allow").click()
    somebody.expect_app(request)
    return somebody.open_account(), request.tokens()


def test_an_app_is_listed_by_its_name(shopper: tuple[Owner, dict[str, Any]]):
    owner, _ = shopper
    expect(owner.section("apps")).to_have_count(1)
    expect(owner.section("apps")).to_contain_text("Paper Shop")


def test_an_app_that_loses_its_access_loses_its_tokens(shopper: tuple[Owner, dict[str, Any]], asks: Asks):
    owner, tokens = shopper
    assert owner.server.introspect(tokens["access_token"], by="shop").json()["active"] is True
    owner.page.get_by_role("button", name=f"{text('en', 'account', 'revoke')} Paper Shop", exact=True).click()
    owner.expect_notice("app_revoked")
    expect(owner.section("apps")).to_have_text(text("en", "account", "no_apps"))
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert owner.server.introspect(token, by="shop").json() == {"active": False}
    assert userinfo(owner.server, tokens["access_token"]).status_code == 401
    assert owner.server.refresh("shop", tokens["refresh_token"]).json()["error"] == "invalid_grant"
    again = asks("shop", "openid phone offline_access")
    owner.open(again)
    owner.expect_consent_page(again)


def test_one_app_loses_its_access_and_the_other_does_not(shopper: tuple[Owner, dict[str, Any]], asks: Asks):
    owner, _ = shopper
    request = asks("library")
    owner.open(request)
    owner.button("consent", "allow").click()
    owner.expect_app(request)
    token = request.tokens()["access_token"]
    owner.visit()
    expect(owner.section("apps")).to_have_count(2)
    owner.page.get_by_role("button", name=f"{text('en', 'account', 'revoke')} Paper Shop", exact=True).click()
    owner.expect_notice("app_revoked")
    expect(owner.section("apps")).to_contain_text("Town Library")
    assert owner.server.introspect(token, by="library").json()["active"] is True


def test_nobody_takes_an_app_from_somebody_else(shopper: tuple[Owner, dict[str, Any]], person: Person):
    owner, tokens = shopper
    stranger = Owner.of(person()).open_account()
    stranger.post("/account/apps/revoke", csrf=stranger.csrf(), client_id="shop")
    assert owner.server.introspect(tokens["access_token"], by="shop").json()["active"] is True


# MARK: the data


def test_the_download_holds_what_is_there_and_no_secret(shopper: tuple[Owner, dict[str, Any]]):
    owner, tokens = shopper
    address = f"export-{owner.number[1:]}@example.com"
    password = "a plain long pass phrase"
    owner.set_email(address)
    owner.send_new_password(password)
    owner.expect_notice("password_changed")
    with owner.page.expect_download() as waiting:
        owner.link("account", "export").click()
    assert waiting.value.suggested_filename.endswith(".json")
    written = waiting.value.path().read_text()
    assert isinstance(json.loads(written), dict)
    for there in (owner.number, address, "shop"):
        assert there in written, there
    cookies = [cookie["value"] for cookie in owner.page.context.cookies()]
    for secret in (*cookies, tokens["access_token"], tokens["refresh_token"], password, owner.csrf()):
        assert secret not in written
    assert not re.search(r"\$argon2|\$scrypt|\$2[aby]\$", written, re.I), "no hash of a password"


def test_the_download_is_kept_by_nobody(owner: Owner):
    reply = owner.page.context.request.get(f"{owner.server.url}/account/export")
    assert reply.status == 200
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert reply.headers["content-disposition"].startswith("attachment")
    assert "no-store" in reply.headers["cache-control"]
    assert reply.headers["x-content-type-options"] == "nosniff"


# MARK: forms that are not the page's own


def as_it_was(owner: Owner) -> None:
    owner.visit()
    owner.expect_account()
    assert owner.shown_number() == owner.number
    for key in ("email", "password"):
        expect(owner.line(key)).to_contain_text(text("en", "account", "none"))


def test_a_form_without_its_token_is_refused(owner: Owner, person: Person):
    other = elsewhere(owner, person)
    stranger = Owner.of(person()).open_account()
    texts = len(owner.server.outbox.messages())
    for path, form in FORMS.items():
        for token in ({}, {"csrf": ""}, {"csrf": stranger.csrf()}):
            reply = post(owner.page.context, owner.server, path, **form, **token)
            assert 400 <= reply.status < 500, f"{reply.status} from {path} with {token}"
    assert len(owner.server.outbox.messages()) == texts, "nothing was sent"
    as_it_was(owner)
    assert other.is_signed_in()


def test_a_form_of_another_site_changes_nothing(owner: Owner, person: Person, app: App):
    """Its page even knows a token, of a browser of its own. Ports are no sites, so the cookies come along."""
    thief = Owner.of(person()).open_account()
    page = owner.page.context.new_page()
    for path, form in FORMS.items():
        page.goto(app.callback("game"))
        with page.expect_navigation() as waiting:
            send_from_elsewhere(page, owner.server.url + path, form | {"csrf": thief.csrf()})
        assert waiting.value is not None and 400 <= waiting.value.status < 500, path
    page.close()
    as_it_was(owner)


def test_opening_the_address_of_a_form_changes_nothing(owner: Owner, person: Person):
    other = elsewhere(owner, person)
    token = owner.csrf()
    for path, form in FORMS.items():
        response = owner.page.goto(f"{owner.server.url}{path}?{urlencode(form | {'csrf': token})}")
        assert response is not None and response.status < 500, path
    as_it_was(owner)
    assert other.is_signed_in()


def test_a_form_of_who_is_not_signed_in_changes_nothing(person: Person):
    """They have a browser and a token, and no session."""
    somebody = Owner.of(person())
    somebody.visit()
    somebody.expect_number_page()
    texts = len(somebody.server.outbox.messages())
    for path, form in FORMS.items():
        reply = somebody.post(path, csrf=somebody.csrf(), **form)
        assert reply.status in (302, 303) or 400 <= reply.status < 500, f"{reply.status} from {path}"
    assert len(somebody.server.outbox.messages()) == texts


# MARK: people with other means


def test_without_a_script(person: Person):
    owner = Owner.of(person(java_script_enabled=False))
    owner.has_script = False
    owner.open_account()
    owner.change_number(fresh_number())
    assert owner.shown_number() == owner.number
    owner.set_email(f"plain-{owner.number[1:]}@example.com")
    owner.act("remove", "email").click()
    owner.expect_notice("email_removed")
    owner.button("account", "sign_out").click()
    expect(owner.heading()).to_have_text(text("en", "signed-out", "heading"))


def test_by_keyboard(owner: Owner):
    """Every link and button is reached, in the order in which they are read, and is seen when it is."""
    reached = []
    controls = owner.page.locator("main a, main button")
    for control in controls.all():
        owner.page.keyboard.press("Tab")
        expect(control).to_be_focused()
        outline = control.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline != "none", "the focus is not seen"
        reached.append(control.inner_text())
    assert text("en", "account", "export") in reached
    for _ in range(len(reached) - 1):
        owner.page.keyboard.press("Shift+Tab")
    owner.page.keyboard.press("Enter")
    owner.expect_heading("account-number")
    expect(owner.number_field).to_be_focused()


@pytest.mark.parametrize("locale", ["ja", "ar", "zh-Hans"])
def test_in_the_language_of_the_browser(person: Person, locale: str):
    browser = {"zh-Hans": "zh-CN", "ja": "ja-JP"}.get(locale, locale)
    owner = Owner.of(person(locale=browser))
    owner.locale = locale
    owner.open_account()
    html = owner.page.locator("html")
    expect(html).to_have_attribute("lang", locale)
    expect(html).to_have_attribute("dir", "rtl" if locale == "ar" else "ltr")
    for path in ("", "/number", "/email", "/password", "/delete"):
        owner.visit(f"/account{path}")
        assert "{" not in owner.page.locator("main").inner_text(), "no placeholder is left"


def test_a_number_stands_in_its_own_direction(person: Person):
    owner = Owner.of(person(words="ar")).open_account()
    number = owner.line("number").locator("bdi").first
    expect(number).to_have_css("direction", "ltr")
    assert re.match(r"\+81", number.inner_text())


def test_two_people_at_the_same_browser_see_their_own(owner: Owner):
    owner.button("account", "sign_out").click()
    other = Owner(owner.page, owner.server, fresh_number())
    other.open_account()
    assert other.shown_number() == other.number
    assert owner.number not in other.page.content()


def test_a_page_that_stayed_open_does_not_act_for_the_next_person(owner: Owner):
    """A tab with a form of the first is sent after somebody else signed in beside it."""
    tab = owner.page.context.new_page()
    tab.goto(f"{owner.server.url}/account/delete")
    owner.button("account", "sign_out").click()
    other = Owner(owner.page, owner.server, fresh_number())
    other.open_account()
    tab.get_by_label(text("en", "account-delete", "confirm"), exact=True).check()
    tab.get_by_role("button", name=text("en", "account-delete", "submit"), exact=True).click()
    tab.wait_for_load_state()
    assert other.is_signed_in(), "their account is still there"
