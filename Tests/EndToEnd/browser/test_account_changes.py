"""What people change about their account: number, e-mail address, password, its end, and the way back to an old one."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.account import FORMS, Owner, post, subject, subject_of
from browser.app import App
from browser.conftest import Asks, OpenBrowser, Person
from browser.pages import sideways_scroll, text
from harness import Server, code_in, fresh_number, six_digits_other_than, wrong_codes

PASSWORD = "orange bicycle 1954"
ANOTHER_PASSWORD = "violet tricycle 1955"

DAY = 86_400_000


@pytest.fixture
def owner(person: Person) -> Owner:
    return Owner.of(person()).open_account()


def address_of(owner: Owner) -> str:
    """Nobody else's in this run."""
    return f"somebody-{owner.number[1:]}@example.com"


# MARK: the number


def test_a_new_number_is_proved_by_its_code(owner: Owner, person: Person, app: App):
    before, old, new = subject(owner, app), owner.number, fresh_number()
    owner.visit()
    owner.change_number(new)
    assert owner.shown_number() == new
    assert subject(person(new), app) == before, "the account goes with it"
    assert subject(person(old), app) != before, "and the old number no longer leads there"


def test_nothing_changes_before_the_code(owner: Owner, person: Person, app: App):
    before = subject(owner, app)
    owner.visit()
    owner.send_new_number(fresh_number())
    owner.expect_heading("account-number-code")
    assert subject(person(owner.number), app) == before
    owner.visit()
    assert owner.shown_number() == owner.number


def test_the_page_of_the_code_says_what_will_happen(owner: Owner):
    new = fresh_number()
    owner.send_new_number(new)
    owner.expect_heading("account-number-code")
    expect(owner.page.get_by_text(text("en", "account-number-code", "told", hours="72"))).to_be_visible()
    expect(owner.page.locator("#sent")).to_contain_text(new[-4:])
    assert new not in owner.page.content(), "the number is masked"
    others = owner.page.get_by_label(text("en", "account-number-code", "end_others"), exact=True)
    expect(others).not_to_be_checked()
    assert owner.server.outbox.messages(owner.number)[1:] == [], "the old number is told when it happened"


@pytest.mark.parametrize(
    ("typed", "key"), [("12", "not_a_number"), ("+81312345678", "cannot_receive")], ids=["no number", "a landline"])
def test_a_number_that_will_not_do(owner: Owner, typed: str, key: str):
    owner.send_new_number(typed)
    expect(owner.problem).to_have_text(text("en", "account-number", key))
    expect(owner.number_field).to_have_value(typed)


def test_the_number_that_is_there_already(owner: Owner):
    owner.send_new_number(owner.number)
    expect(owner.problem).to_have_text(text("en", "account-number", "same_number"))
    assert len(owner.server.outbox.messages(owner.number)) == 1, "no text went out"


def test_a_wrong_code_and_then_the_right_one(owner: Owner):
    new = fresh_number()
    owner.send_new_number(new)
    owner.expect_heading("account-number-code")
    code = code_in(owner.server.outbox.wait(new))
    box = owner.page.get_by_label(text("en", "account-number-code", "end_others"), exact=True)
    box.check()
    owner.type_code(six_digits_other_than(code))
    expect(owner.problem).to_have_text(text("en", "account-number-code", "wrong"))
    expect(box).to_be_checked()
    owner.type_code(code)
    owner.expect_notice("number_changed")


def test_codes_are_not_guessed_for_ever(owner: Owner):
    new = fresh_number()
    owner.send_new_number(new)
    owner.expect_heading("account-number-code")
    code = code_in(owner.server.outbox.wait(new))
    for wrong in wrong_codes(5, code):
        owner.type_code(wrong)
        expect(owner.problem).to_be_visible()
        expect(owner.code_field).to_have_value("")
    owner.type_code(code)
    expect(owner.problem).to_be_visible()
    owner.visit()
    assert owner.shown_number() == owner.number


def test_another_text(owner: Owner):
    new = fresh_number()
    owner.send_new_number(new)
    owner.expect_heading("account-number-code")
    owner.button("account-number-code", "resend").click()
    expect(owner.page.get_by_text(text("en", "account-number-code", "resent"))).to_be_visible()
    owner.type_code(code_in(owner.server.outbox.wait(new, 2)))
    owner.expect_notice("number_changed")
    assert owner.shown_number() == new


@pytest.mark.parametrize("kind", ["number", "email"])
def test_a_wrong_code_does_not_put_another_message_off(start_site, person: Person, kind: str):
    """The wait for another one began with the message, and goes on from there."""
    site = start_site(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="5")
    owner = Owner.of(person(server=site)).open_account()
    if kind == "number":
        owner.send_new_number(new := fresh_number())
    else:
        owner.send_new_email(new := address_of(owner))
    resend = owner.page.locator(f"form[action='/account/{kind}/resend'] button")
    expect(resend).to_be_disabled()
    expect(resend).to_be_enabled(timeout=8000)
    owner.type_code(six_digits_other_than(code_in(site.outbox.wait(new))))
    expect(owner.problem).to_be_visible()
    expect(resend).to_be_enabled(timeout=500)


def test_somebody_elses_number_looks_like_any_other_and_stays_theirs(owner: Owner, person: Person):
    other = Owner.of(person()).open_account()
    free = fresh_number()
    pages = []
    for number in (other.number, free):
        owner.visit()
        texts = len(owner.server.outbox.messages(number))
        owner.send_new_number(number)
        owner.expect_heading("account-number-code")
        pages.append(owner.page.locator("main").inner_text().replace(number[-4:], ""))
        owner.server.outbox.wait(number, texts + 1)
    assert pages[0] == pages[1]

    owner.visit()
    owner.send_new_number(other.number)
    owner.expect_heading("account-number-code")
    owner.type_code(code_in(owner.server.outbox.wait(other.number, 3)))
    expect(owner.problem).to_have_text(text("en", "account-number-code", "taken"))
    for somebody in (owner, other):
        somebody.visit()
        assert somebody.shown_number() == somebody.number


def test_the_code_counts_only_where_the_change_began(owner: Owner, person: Person):
    """Whoever reads the code over a shoulder has it, and even the page's own fields, in another browser."""
    elsewhere = Owner.of(person(owner.number)).open_account()
    stranger = Owner.of(person()).open_account()
    new = fresh_number()
    owner.send_new_number(new)
    owner.expect_heading("account-number-code")
    code = code_in(owner.server.outbox.wait(new))
    flow = owner.page.locator("input[name=flow]").first.input_value()
    for other in (elsewhere, stranger):
        reply = other.post("/account/number/code", csrf=other.csrf(), flow=flow, code=code)
        assert reply.status < 500
        other.visit()
        assert other.shown_number() == other.number
    owner.type_code(code)
    owner.expect_notice("number_changed")
    assert owner.shown_number() == new


@pytest.mark.parametrize("end_others", [False, True], ids=["others stay", "others go"])
def test_other_sessions_end_when_the_owner_says_so(owner: Owner, person: Person, end_others: bool):
    other = Owner.of(person(owner.number)).open_account()
    owner.visit()
    owner.change_number(fresh_number(), end_others=end_others)
    assert other.is_signed_in() == (not end_others)
    assert owner.is_signed_in()


# MARK: undoing it


@pytest.fixture
def changed(owner: Owner) -> tuple[Owner, str, str]:
    """Somebody with a new number, the old one, and the link that it was sent."""
    old = owner.number
    owner.change_number(fresh_number())
    owner.server.outbox.wait(old, 2)
    return owner, old, owner.undo_link(old)


def expect_result(page: Page, flag: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text("en", "account-undo-result", f"heading_{flag}"))


def undo(page: Page) -> None:
    page.get_by_role("button", name=text("en", "account-undo", "submit"), exact=True).click()


def test_the_old_number_undoes_it(changed: tuple[Owner, str, str], person: Person, open_browser: OpenBrowser, app: App):
    owner, old, link = changed
    before, new = subject(owner, app), owner.number
    page = open_browser().new_page()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text(text("en", "account-undo", "heading"))
    for number in (old, new):
        expect(page.locator("main")).to_contain_text(number[-4:])
        assert number not in page.content(), "the numbers are masked"
    undo(page)
    expect_result(page, "done")
    assert not owner.is_signed_in(), "whoever changed it is signed out"
    assert subject(person(old), app) == before
    assert subject(person(new), app) != before


def test_undoing_it_ends_every_token(changed: tuple[Owner, str, str], open_browser: OpenBrowser, asks: Asks):
    owner, _, link = changed
    request = asks("game")
    owner.open(request)
    owner.expect_app(request)
    token = request.tokens()["access_token"]
    page = open_browser().new_page()
    page.goto(link)
    undo(page)
    expect_result(page, "done")
    assert owner.server.introspect(token, by="game").json() == {"active": False}


def test_looking_at_the_link_undoes_nothing(changed: tuple[Owner, str, str], open_browser: OpenBrowser):
    owner, _, link = changed
    context = open_browser()
    page = context.new_page()
    for _ in range(3):
        page.goto(link)
        page.reload()
    for _ in range(3):
        assert context.request.get(link, headers={"Sec-Purpose": "prefetch"}).status == 200
        context.request.head(link)
    owner.visit()
    assert owner.shown_number() == owner.number
    undo(page)
    expect_result(page, "done")


def test_it_is_undone_once(changed: tuple[Owner, str, str], person: Person, open_browser: OpenBrowser):
    _, old, link = changed
    first, second = (open_browser().new_page() for _ in range(2))
    for page in (first, second):
        page.goto(link)
    undo(first)
    expect_result(first, "done")
    undo(second)
    expect_result(second, "gone")
    response = second.goto(link)
    assert response is not None and response.status == 404
    expect_result(second, "gone")
    back = Owner.of(person(old)).open_account()
    assert back.shown_number() == old


def test_a_thief_who_changes_it_twice_gains_nothing(
    changed: tuple[Owner, str, str], person: Person, open_browser: OpenBrowser
):
    """The first number's link still works, and the link that the thief was sent does not bring theirs back."""
    owner, old, link = changed
    between = owner.number
    owner.visit()
    owner.change_number(fresh_number())
    owner.server.outbox.wait(between, 2)
    thiefs = owner.undo_link(between)
    page = open_browser().new_page()
    page.goto(link)
    undo(page)
    expect_result(page, "done")
    page.goto(thiefs)
    expect_result(page, "gone")
    back = Owner.of(person(old)).open_account()
    assert back.shown_number() == old


def test_a_thief_who_undoes_their_own_change_gains_nothing(
    changed: tuple[Owner, str, str], person: Person, open_browser: OpenBrowser
):
    owner, old, link = changed
    between = owner.number
    owner.visit()
    owner.change_number(fresh_number())
    owner.server.outbox.wait(between, 2)
    page = open_browser().new_page()
    for address in (owner.undo_link(between), link):
        page.goto(address)
        undo(page)
        expect_result(page, "done")
    back = Owner.of(person(old)).open_account()
    assert back.shown_number() == old


def test_what_is_deleted_cannot_be_undone(changed: tuple[Owner, str, str], person: Person, page: Page):
    owner, old, link = changed
    owner.delete()
    owner.expect_heading("account-delete", "heading_done")
    page.goto(link)
    expect_result(page, "gone")
    again = Owner.of(person(old)).open_account()
    assert again.shown_number() == old


@pytest.mark.parametrize("more", ["A", "&token=x"], ids=["tampered with", "twice"])
def test_a_link_that_was_never_sent(changed: tuple[Owner, str, str], page: Page, more: str):
    owner, _, link = changed
    response = page.goto(link + more)
    assert response is not None and 400 <= response.status < 500
    expect_result(page, "gone")
    owner.visit()
    assert owner.shown_number() == owner.number


def test_the_form_of_the_link_needs_its_own_page(changed: tuple[Owner, str, str], open_browser: OpenBrowser):
    owner, _, link = changed
    reply = post(open_browser(), owner.server, "/account/undo", token=link.partition("token=")[2])
    assert 400 <= reply.status < 500
    owner.visit()
    assert owner.shown_number() == owner.number


def test_an_account_that_began_with_the_old_number_meanwhile_gives_it_back(
    changed: tuple[Owner, str, str], person: Person, open_browser: OpenBrowser, app: App
):
    """Who is told that their number changed tries to sign in with it first, and has a fresh account then."""
    owner, old, link = changed
    before = subject(owner, app)
    fresh = Owner.of(person(old)).open_account()
    page = open_browser().new_page()
    page.goto(link)
    undo(page)
    expect_result(page, "done")
    assert not fresh.is_signed_in()
    assert subject(person(old), app) == before


def test_an_older_account_that_has_the_old_number_by_now_keeps_it(
    open_browser: OpenBrowser, person: Person
):
    successor = Owner.of(person()).open_account()
    owner = Owner.of(person()).open_account()
    old = owner.number
    owner.change_number(fresh_number())
    owner.server.outbox.wait(old, 2)
    link = owner.undo_link(old)
    successor.change_number(old)
    page = open_browser().new_page()
    page.goto(link)
    undo(page)
    expect_result(page, "taken")
    for somebody in (owner, successor):
        somebody.visit()
        assert somebody.shown_number() == somebody.number


def test_the_link_works_only_so_long(start_site, person: Person):
    site = start_site()
    owner = Owner.of(person(server=site)).open_account()
    old = owner.number
    owner.change_number(fresh_number())
    site.outbox.wait(old, 2)
    link = owner.undo_link(old)
    change_database(site, "UPDATE number_change SET expires_at = expires_at - 72 * 3600000")
    owner.page.goto(link)
    expect_result(owner.page, "gone")


# MARK: the e-mail address


def test_an_address_is_proved_by_its_code(owner: Owner):
    address = address_of(owner)
    owner.send_new_email(address)
    owner.expect_heading("account-email-code")
    mail = owner.server.outbox.wait(address)
    assert mail["channel"] == "email"
    other = owner.page.context.new_page()
    other.goto(f"{owner.server.url}/account")
    expect(other.locator("b", has_text=address)).to_have_count(0)
    other.close()
    owner.type_code(six_digits_other_than(code_in(mail)))
    expect(owner.problem).to_have_text(text("en", "account-email-code", "wrong"))
    owner.type_code(code_in(mail))
    owner.expect_notice("email_changed")
    expect(owner.line("email").locator("b")).to_have_text(address)
    expect(owner.line("email")).not_to_contain_text(text("en", "account", "not_confirmed"))


def test_an_address_is_changed_and_removed(owner: Owner):
    owner.set_email(address_of(owner))
    another = f"another.{address_of(owner)}"
    owner.set_email(another)
    expect(owner.line("email").locator("b")).to_have_text(another)
    owner.act("remove", "email").click()
    owner.expect_notice("email_removed")
    expect(owner.line("email")).to_contain_text(text("en", "account", "none"))
    expect(owner.act("remove", "email")).to_have_count(0)


def test_another_mail(owner: Owner):
    address = address_of(owner)
    owner.send_new_email(address)
    owner.button("account-email-code", "resend").click()
    expect(owner.page.get_by_text(text("en", "account-email-code", "resent"))).to_be_visible()
    owner.type_code(code_in(owner.server.outbox.wait(address, 2)))
    owner.expect_notice("email_changed")


@pytest.mark.parametrize("typed", ["nobody@", "a b@example.com", "x@y", "a@b@example.com"])
def test_what_is_no_address(owner: Owner, typed: str):
    """The browser's own check is switched off: the server has to know, too."""
    owner.visit("/account/email")
    owner.page.locator("form[action='/account/email']").evaluate("form => { form.noValidate = true }")
    owner.email_field.evaluate("(input, value) => { input.type = 'text'; input.value = value }", typed)
    owner.button("account-email", "submit").click()
    expect(owner.problem).to_have_text(text("en", "account-email", "not_an_email"))


def test_somebody_elses_address_looks_like_any_other_and_stays_theirs(owner: Owner, person: Person):
    other = Owner.of(person()).open_account()
    address = address_of(other)
    other.set_email(address)
    owner.send_new_email(address)
    owner.expect_heading("account-email-code")
    owner.type_code(code_in(owner.server.outbox.wait(address, 2)))
    expect(owner.problem).to_have_text(text("en", "account-email-code", "taken"))
    other.visit()
    expect(other.line("email").locator("b")).to_have_text(address)
    owner.visit()
    expect(owner.line("email").locator("b")).to_have_count(0)


# MARK: the password


def test_a_password_is_set_and_changed(owner: Owner):
    owner.visit("/account/password")
    old = owner.page.get_by_label(text("en", "account-password", "old_password"), exact=True)
    expect(old).to_have_count(0)
    owner.send_new_password(PASSWORD)
    owner.expect_notice("password_changed")
    expect(owner.line("password")).to_contain_text(text("en", "account", "password_set"))

    owner.send_new_password(ANOTHER_PASSWORD, old="a wrong pass phrase")
    expect(owner.problem).to_have_text(text("en", "account-password", "wrong_password"))
    expect(old).to_have_attribute("aria-invalid", "true")
    expect(old).to_have_value("")
    owner.send_new_password(ANOTHER_PASSWORD, old=PASSWORD)
    owner.expect_notice("password_changed")
    owner.send_new_password(PASSWORD, old=PASSWORD)
    expect(owner.problem).to_have_text(text("en", "account-password", "wrong_password"))


def test_a_new_password_ends_the_other_sessions(owner: Owner, person: Person):
    other = Owner.of(person(owner.number)).open_account()
    owner.send_new_password(PASSWORD)
    owner.expect_notice("password_changed")
    assert not other.is_signed_in()
    assert owner.is_signed_in()


@pytest.mark.parametrize(
    ("typed", "key"),
    [("short 7", "too_short"), ("password1", "too_common"), ("x" * 257, "too_long"), ("長" * 86, "too_long")])
def test_a_password_that_will_not_do(owner: Owner, typed: str, key: str):
    """The browser's own check is switched off: the server has to know, too."""
    owner.visit("/account/password")
    owner.page.locator("form[action='/account/password']").evaluate("form => { form.noValidate = true }")
    owner.page.get_by_label(text("en", "account-password", "new_password"), exact=True).fill(typed)
    owner.button("account-password", "submit").click()
    expect(owner.problem).to_have_text(text("en", "account-password", key, minimum="8"))
    assert typed not in owner.page.content(), "a password is never sent back"
    owner.visit()
    expect(owner.line("password")).to_contain_text(text("en", "account", "none"))


def test_the_old_password_is_not_guessed_for_ever(start_site, person: Person):
    site = start_site(DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="3/3600")
    owner = Owner.of(person(server=site)).open_account()
    owner.send_new_password(PASSWORD)
    owner.expect_notice("password_changed")
    for guess in range(3):
        owner.send_new_password(ANOTHER_PASSWORD, old=f"guess number {guess}")
        expect(owner.problem).to_have_text(text("en", "account-password", "wrong_password"))
    owner.send_new_password(ANOTHER_PASSWORD, old="guess number 4")
    expect(owner.problem).to_have_text(re.compile(r"^Too many tries\. Try again in \d+:\d\d"))


# MARK: an open screen


@pytest.mark.parametrize("kind", ["number", "email", "password", "delete"])
def test_who_signed_in_long_ago_signs_in_again_for_a_change(start_site, person: Person, kind: str):
    site = start_site()
    owner = Owner.of(person(server=site)).open_account()
    token = owner.csrf()
    change_database(site, "UPDATE session SET authenticated_at = authenticated_at - 16 * 60000")
    owner.visit()
    owner.expect_account()
    owner.visit(f"/account/{kind}")
    owner.expect_number_page()
    reply = owner.post(f"/account/{kind}", csrf=token, **FORMS[f"/account/{kind}"])
    assert reply.status == 303 and "prompt=login" in reply.headers["location"]
    assert owner.is_signed_in(), "the form did nothing"

    owner.visit(f"/account/{kind}")
    owner.send_number()
    owner.expect_code_page()
    owner.finish(owner.texted_code(2))
    owner.expect_account()
    owner.visit(f"/account/{kind}")
    owner.expect_heading(f"account-{kind}")


# MARK: the end of it


def test_deleting_wants_a_tick(owner: Owner):
    owner.visit("/account/delete")
    owner.button("account-delete", "submit").click()
    owner.expect_heading("account-delete")
    owner.page.locator("form[action='/account/delete']").evaluate("form => { form.noValidate = true }")
    owner.button("account-delete", "submit").click()
    expect(owner.problem).to_have_text(text("en", "account-delete", "not_confirmed"))
    assert owner.is_signed_in()


def test_a_deleted_account_is_gone(owner: Owner, person: Person, app: App, asks: Asks):
    owner.set_email(address_of(owner))
    other = Owner.of(person(owner.number)).open_account()
    request = asks("game")
    owner.open(request)
    owner.expect_app(request)
    tokens = request.tokens()
    before = subject_of(tokens)
    owner.delete()
    expect(owner.heading()).to_have_text(text("en", "account-delete", "heading_done"))
    assert owner.server.introspect(tokens["access_token"], by="game").json() == {"active": False}
    for somebody in (owner, other):
        assert not somebody.is_signed_in()

    again = Owner.of(person(owner.number)).open_account()
    expect(again.line("email")).to_contain_text(text("en", "account", "none"))
    assert subject(again, app) != before, "the same number begins anew"
    again.set_email(address_of(owner))


# MARK: an older account with the same number


def change_database(site: Server, statement: str, *values: int) -> None:
    """Lets time pass in what the server has written down. It is not running meanwhile."""
    site.end()
    assert site.database.change(statement, *values) == 1
    site.start()


@pytest.fixture
def recycled(start_site, person: Person, app: App) -> tuple[Owner, str, str]:
    """Somebody whose number was idle for more than a year and whose sign-in now begins anew; the subject and the
    address of their older account."""
    site = start_site()
    owner = Owner.of(person(server=site)).open_account()
    address = address_of(owner)
    owner.set_email(address)
    owner.send_new_password(PASSWORD)
    owner.expect_notice("password_changed")
    before = subject(owner, app)
    change_database(site, "UPDATE account_phone SET last_proof_at = last_proof_at - ?", 366 * DAY)
    new = Owner.of(person(owner.number, server=site)).open_account()
    assert subject(new, app) != before
    new.visit()
    return new, before, address


def begin_reclaim(owner: Owner, identifier: str, password: str = "") -> None:
    owner.visit("/account/reclaim")
    owner.page.get_by_label(text("en", "account-reclaim", "identifier"), exact=True).fill(identifier)
    if password:
        owner.page.get_by_label(text("en", "account-reclaim", "password"), exact=True).fill(password)


def reclaim(owner: Owner, identifier: str, password: str) -> None:
    begin_reclaim(owner, identifier, password)
    owner.button("account-reclaim", "submit").click()


def test_a_number_that_was_idle_for_long_begins_anew_and_says_so(recycled: tuple[Owner, str, str]):
    owner, _, address = recycled
    expect(owner.page.get_by_text(text("en", "account", "parked"))).to_be_visible()
    assert address not in owner.page.content(), "nothing of the older account is shown"
    owner.link("account", "reclaim").click()
    owner.expect_heading("account-reclaim")
    owner.page.set_viewport_size({"width": 320, "height": 640})
    assert sideways_scroll(owner.page) <= 0
    violations = Axe().run(owner.page).response["violations"]
    assert [violation["id"] for violation in violations if violation["impact"] in ("serious", "critical")] == []


def test_the_older_account_comes_back_for_its_password(recycled: tuple[Owner, str, str], person: Person, app: App):
    owner, before, address = recycled
    reclaim(owner, address, PASSWORD)
    owner.expect_notice("reclaimed")
    expect(owner.line("email").locator("b")).to_have_text(address)
    assert owner.shown_number() == owner.number
    expect(owner.page.get_by_text(text("en", "account", "parked"))).to_have_count(0)
    assert subject(owner, app) == before
    assert subject(person(owner.number, server=owner.server), app) == before


def test_the_older_account_comes_back_for_a_code_at_its_address(recycled: tuple[Owner, str, str], app: App):
    owner, before, address = recycled
    mails = len(owner.server.outbox.messages(address))
    begin_reclaim(owner, address)
    owner.button("account-reclaim", "send_code").click()
    expect(owner.page.get_by_text(text("en", "account-reclaim", "sent"))).to_be_visible()
    code = code_in(owner.server.outbox.wait(address, mails + 1))
    owner.type_code(six_digits_other_than(code))
    expect(owner.problem).to_be_visible()
    owner.type_code(code)
    owner.expect_notice("reclaimed")
    assert subject(owner, app) == before


def test_a_guess_looks_like_a_miss(recycled: tuple[Owner, str, str], app: App):
    """Who has the number now may be somebody else: they learn nothing of the account before."""
    owner, before, address = recycled
    pages = []
    for identifier, password in ((address, "not the pass phrase"), ("nobody@example.com", PASSWORD)):
        reclaim(owner, identifier, password)
        expect(owner.problem).to_have_text(text("en", "account-reclaim", "wrong"))
        pages.append(owner.page.locator("main").inner_text())
    for identifier in (address, "nobody@example.com"):
        begin_reclaim(owner, identifier)
        owner.button("account-reclaim", "send_code").click()
        expect(owner.page.get_by_text(text("en", "account-reclaim", "sent"))).to_be_visible()
        pages.append(owner.page.locator("main").inner_text())
    assert pages[0] == pages[1] and pages[2] == pages[3]
    assert subject(owner, app) != before


def test_a_code_that_was_never_sent_looks_like_a_wrong_one(recycled: tuple[Owner, str, str]):
    """Or trying addresses would tell which is the older account's."""
    owner, _, address = recycled
    pages = []
    for identifier in ("nobody@example.com", address):
        begin_reclaim(owner, identifier)
        owner.button("account-reclaim", "send_code").click()
        expect(owner.page.get_by_text(text("en", "account-reclaim", "sent"))).to_be_visible()
        with owner.page.expect_navigation() as waiting:
            owner.type_code("123456")
        assert waiting.value is not None
        pages.append((waiting.value.status, owner.page.locator("main").inner_text()))
    assert pages[0] == pages[1]


def test_only_the_account_that_had_the_number_comes_back(recycled: tuple[Owner, str, str], person: Person):
    """The password of some other account is worth nothing here."""
    owner, _, _ = recycled
    other = Owner.of(person(server=owner.server)).open_account()
    other.set_email(address_of(other))
    other.send_new_password(ANOTHER_PASSWORD)
    other.expect_notice("password_changed")
    reclaim(owner, address_of(other), ANOTHER_PASSWORD)
    expect(owner.problem).to_have_text(text("en", "account-reclaim", "wrong"))
    other.visit()
    assert other.shown_number() == other.number
