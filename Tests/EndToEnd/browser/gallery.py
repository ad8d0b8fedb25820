"""Every page in every state that looks different, and how a person gets there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from playwright.sync_api import Page, expect

from browser.account import Owner
from browser.app import App, SignInRequest
from browser.pages import SignIn, link_in, text
from harness import Server, fresh_number, six_digits_other_than

WINDOWS_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36")


@dataclass
class Visitor:
    """People who speak one language, one after the other at the same screen, and where they can go."""

    site: Server
    #: Like `site`, with a pause between two texts.
    patient_site: Server
    app: App
    page: Page
    locale: str
    #: Cookies of somebody who is signed in, to be so again without a text.
    member_cookies: list[Any] = field(default_factory=list)

    def appear(self, site: Server | None = None) -> SignIn:
        """Somebody new sits down."""
        self.page.context.clear_cookies()
        return SignIn(self.page, site or self.site, fresh_number(), self.locale)

    def asks(
        self, client_id: str, scope: str = "openid phone", site: Server | None = None, **more: str
    ) -> SignInRequest:
        return SignInRequest(site or self.site, self.app, client_id, scope, more)

    def words(self, page: str, key: str, **values: str) -> str:
        return text(self.locale, page, key, **values)

    def member(self) -> SignIn:
        """Somebody who is signed in."""
        somebody = self.appear()
        if self.member_cookies:
            self.page.context.add_cookies(self.member_cookies)
        else:
            somebody.sign_in_to(self.asks("game"))
            self.member_cookies += self.page.context.cookies()
        return somebody

    def owner(self, path: str) -> Owner:
        """Somebody who is signed in, at a page of their account."""
        owner = Owner.of(self.member())
        owner.visit(path)
        return owner

    def texted_link(self) -> str:
        """The link in a text that an app asked for, on a computer."""
        login = self.site.login("linked", headers={"User-Agent": WINDOWS_CHROME})
        begun = login.request(send_link=True, link_url=f"{self.site.url}/login/link")
        assert begun.status_code == 200, begun.text
        return link_in(login.text())

    def at_link(self) -> SignIn:
        """Somebody who opened it, elsewhere."""
        phone = self.appear()
        phone.page.goto(self.texted_link())
        expect(phone.heading()).to_have_text(self.words("link", "heading", app="Linked Game"))
        return phone


def phone(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    somebody.open(visitor.asks("game"))
    somebody.expect_number_page()
    return somebody


def phone_problem(visitor: Visitor) -> SignIn:
    somebody = phone(visitor)
    somebody.send_number("12")
    expect(somebody.problem).to_have_text(visitor.words("phone", "not_a_number"))
    return somebody


def phone_limited(visitor: Visitor) -> SignIn:
    somebody = code_waiting(visitor)
    somebody.link("code", "change").click()
    somebody.send_number()
    expect(somebody.problem).to_be_visible()
    return somebody


def code(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    somebody.reach_code_page(visitor.asks("game"))
    return somebody


def code_problem(visitor: Visitor) -> SignIn:
    somebody = code(visitor)
    somebody.type_code(six_digits_other_than(somebody.texted_code()))
    expect(somebody.problem).to_have_text(visitor.words("code", "wrong"))
    return somebody


def code_waiting(visitor: Visitor) -> SignIn:
    somebody = visitor.appear(visitor.patient_site)
    somebody.reach_code_page(visitor.asks("game", site=visitor.patient_site))
    expect(somebody.resend_button).to_be_disabled()
    return somebody


def code_resent(visitor: Visitor) -> SignIn:
    somebody = code(visitor)
    somebody.resend_button.click()
    expect(somebody.page.get_by_text(visitor.words("code", "resent"))).to_be_visible()
    somebody.code_field.fill("123")
    return somebody


def code_link(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    somebody.reach_code_page(visitor.asks("linked"))
    expect(somebody.page.get_by_text(visitor.words("code", "link_auto"))).to_be_visible()
    return somebody


def code_finished(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    request = visitor.asks("linked")
    somebody.reach_code_page(request)
    tab = SignIn(somebody.page.context.new_page(), somebody.server, somebody.number, somebody.locale)
    tab.page.goto(somebody.texted_link())
    tab.button("link", "approve").click()
    tab.expect_app(request)
    tab.page.close()
    expect(somebody.heading()).to_have_text(visitor.words("code", "link_finished"))
    return somebody


def consent(visitor: Visitor) -> SignIn:
    somebody, request = visitor.member(), visitor.asks("shop", "openid phone profile offline_access reports:read")
    somebody.open(request)
    somebody.expect_consent_page(request)
    return somebody


def choose(visitor: Visitor) -> SignIn:
    somebody = visitor.member()
    somebody.open(visitor.asks("game", prompt="select_account"))
    expect(somebody.heading()).to_have_text(visitor.words("choose", "heading"))
    return somebody


def link(visitor: Visitor) -> SignIn:
    return visitor.at_link()


def link_same(visitor: Visitor) -> SignIn:
    somebody = code_link(visitor)
    somebody.page.goto(somebody.texted_link())
    expect(somebody.page.get_by_text(visitor.words("link", "same"))).to_be_visible()
    return somebody


def link_answered(visitor: Visitor, button: str, heading: str) -> SignIn:
    phone = visitor.at_link()
    phone.button("link", button).click()
    expect(phone.heading()).to_have_text(visitor.words("link-result", heading))
    return phone


def link_approved(visitor: Visitor) -> SignIn:
    return link_answered(visitor, "approve", "heading_approved")


def link_denied(visitor: Visitor) -> SignIn:
    return link_answered(visitor, "deny", "heading_denied")


def link_gone(visitor: Visitor) -> SignIn:
    phone = visitor.appear()
    phone.page.goto(f"{visitor.site.url}/login/link?operation_id=gone&link_token=gone")
    expect(phone.heading()).to_have_text(visitor.words("link-result", "heading_gone"))
    return phone


def sign_out(visitor: Visitor) -> SignIn:
    somebody = visitor.member()
    somebody.page.goto(f"{visitor.site.url}/oauth2/end_session")
    expect(somebody.heading()).to_have_text(visitor.words("sign-out", "heading"))
    return somebody


def signed_out(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    somebody.page.goto(f"{visitor.site.url}/oauth2/end_session")
    expect(somebody.heading()).to_have_text(visitor.words("signed-out", "heading"))
    return somebody


def error(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    somebody.open(visitor.asks("game", redirect_uri="https://elsewhere.example/"))
    expect(somebody.heading()).to_have_text(visitor.words("error", "heading_request"))
    return somebody


def form_post(visitor: Visitor) -> SignIn:
    """As it stands when its script does not come."""
    somebody = visitor.member()
    somebody.page.route("**/assets/*.js", lambda route: route.abort())
    somebody.open(visitor.asks("game", response_mode="form_post"))
    somebody.page.unroute("**/assets/*.js")
    expect(somebody.heading()).to_have_text(visitor.words("form-post", "heading", app="Star Game"))
    return somebody


def device(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    somebody.page.goto(f"{visitor.site.url}/device")
    expect(somebody.heading()).to_have_text(visitor.words("device", "heading"))
    return somebody


def device_problem(visitor: Visitor) -> SignIn:
    somebody = device(visitor)
    somebody.page.get_by_label(visitor.words("device", "label"), exact=True).fill("bbbb bbbb")
    somebody.button("common", "continue").click()
    expect(somebody.problem).to_have_text(visitor.words("device", "wrong"))
    return somebody


def device_linked(visitor: Visitor) -> SignIn:
    """With the code of a television filled in."""
    somebody = visitor.member()
    codes = visitor.site.http.post(
        "/oauth2/device_authorization", data={"client_id": "tv", "scope": "openid phone offline_access"},
        headers={"User-Agent": "Mozilla/5.0 (PlayStation 5 8.40)"}).json()
    somebody.page.goto(codes["verification_uri_complete"])
    expect(somebody.page.get_by_label(visitor.words("device", "label"), exact=True)).to_have_value(codes["user_code"])
    return somebody


def device_confirm(visitor: Visitor) -> SignIn:
    somebody = device_linked(visitor)
    somebody.button("common", "continue").click()
    expect(somebody.heading()).to_have_text(visitor.words("device-confirm", "heading", app="Star TV"))
    return somebody


def device_allowed(visitor: Visitor) -> SignIn:
    somebody = device_confirm(visitor)
    somebody.button("device-confirm", "allow").click()
    expect(somebody.heading()).to_have_text(visitor.words("device-result", "heading_allowed"))
    return somebody


def device_denied(visitor: Visitor) -> SignIn:
    somebody = device_confirm(visitor)
    somebody.button("device-confirm", "deny").click()
    expect(somebody.heading()).to_have_text(visitor.words("device-result", "heading_denied"))
    return somebody


def account(visitor: Visitor) -> SignIn:
    """As it is at first."""
    owner = visitor.owner("/account")
    owner.expect_account()
    return owner


def account_full(visitor: Visitor) -> SignIn:
    """With all that a line can say, and a notice."""
    owner = Owner.of(visitor.appear())
    request = visitor.asks("shop", "openid phone profile offline_access")
    owner.sign_in(request)
    owner.button("consent", "allow").click()
    owner.expect_app(request)
    owner.send_new_password("orange bicycle 1954")
    owner.expect_notice("password_changed")
    browser = visitor.page.context.browser
    assert browser is not None
    other = browser.new_context(locale=visitor.locale, user_agent=WINDOWS_CHROME)
    Owner(other.new_page(), owner.server, owner.number, owner.locale).open_account()
    other.close()
    owner.set_email(f"a.rather.long.address.{owner.number[1:]}@post.example.com")
    return owner


def account_number(visitor: Visitor) -> SignIn:
    owner = visitor.owner("/account/number")
    owner.expect_heading("account-number")
    return owner


def account_number_code(visitor: Visitor) -> SignIn:
    owner = visitor.owner("/account")
    owner.send_new_number(fresh_number())
    owner.expect_heading("account-number-code")
    return owner


def account_email_problem(visitor: Visitor) -> SignIn:
    owner = visitor.owner("/account/email")
    owner.page.locator("form[action='/account/email']").evaluate("form => { form.noValidate = true }")
    owner.email_field.fill("hanako@")
    owner.button("account-email", "submit").click()
    expect(owner.problem).to_have_text(visitor.words("account-email", "not_an_email"))
    return owner


def account_email_code(visitor: Visitor) -> SignIn:
    owner = visitor.owner("/account")
    owner.send_new_email(f"hanako-{fresh_number()[1:]}@example.com")
    owner.expect_heading("account-email-code")
    return owner


def account_password(visitor: Visitor) -> SignIn:
    owner = visitor.owner("/account/password")
    owner.expect_heading("account-password")
    return owner


def account_password_problem(visitor: Visitor) -> SignIn:
    """Of somebody who has one."""
    owner = Owner.of(visitor.appear()).open_account()
    owner.send_new_password("orange bicycle 1954")
    owner.expect_notice("password_changed")
    owner.send_new_password("violet tricycle 1955", old="not the pass phrase")
    expect(owner.problem).to_have_text(visitor.words("account-password", "wrong_password"))
    return owner


def account_delete(visitor: Visitor) -> SignIn:
    owner = visitor.owner("/account/delete")
    owner.expect_heading("account-delete")
    return owner


def account_deleted(visitor: Visitor) -> SignIn:
    owner = Owner.of(visitor.appear()).open_account()
    owner.delete()
    owner.expect_heading("account-delete", "heading_done")
    return owner


def account_undo(visitor: Visitor) -> SignIn:
    owner = Owner.of(visitor.appear()).open_account()
    old = owner.number
    owner.change_number(fresh_number())
    owner.server.outbox.wait(old, 2)
    owner.page.goto(owner.undo_link(old))
    owner.expect_heading("account-undo")
    return owner


def account_undone(visitor: Visitor) -> SignIn:
    owner = account_undo(visitor)
    owner.button("account-undo", "submit").click()
    expect(owner.heading()).to_have_text(visitor.words("account-undo-result", "heading_done"))
    return owner


def demo(visitor: Visitor) -> SignIn:
    somebody = visitor.appear()
    somebody.page.goto(f"{visitor.site.url}/demo")
    expect(somebody.page.get_by_role("button", name="Sign in with your phone")).to_be_visible()
    return somebody


def demo_signed_in(visitor: Visitor) -> SignIn:
    somebody = demo(visitor)
    somebody.page.get_by_role("button", name="Sign in with your phone").click()
    somebody.expect_number_page()
    somebody.send_number()
    somebody.expect_code_page()
    somebody.type_code(somebody.texted_code())
    somebody.button("consent", "allow").click()
    expect(somebody.page.get_by_text("Signed in", exact=True)).to_be_visible()
    return somebody


#: Name of the picture, and the way there.
STATES: dict[str, Callable[[Visitor], SignIn]] = {
    "phone": phone,
    "phone-problem": phone_problem,
    "phone-limited": phone_limited,
    "code": code,
    "code-problem": code_problem,
    "code-waiting": code_waiting,
    "code-resent": code_resent,
    "code-link": code_link,
    "code-finished": code_finished,
    "consent": consent,
    "choose": choose,
    "link": link,
    "link-same-browser": link_same,
    "link-approved": link_approved,
    "link-denied": link_denied,
    "link-gone": link_gone,
    "sign-out": sign_out,
    "signed-out": signed_out,
    "error": error,
    "form-post": form_post,
    "device": device,
    "device-problem": device_problem,
    "device-linked": device_linked,
    "device-confirm": device_confirm,
    "device-allowed": device_allowed,
    "device-denied": device_denied,
    "account": account,
    "account-full": account_full,
    "account-number": account_number,
    "account-number-code": account_number_code,
    "account-email-problem": account_email_problem,
    "account-email-code": account_email_code,
    "account-password": account_password,
    "account-password-problem": account_password_problem,
    "account-delete": account_delete,
    "account-deleted": account_deleted,
    "account-undo": account_undo,
    "account-undone": account_undone,
    "demo": demo,
    "demo-signed-in": demo_signed_in,
}

#: The demo is for developers, in English.
ENGLISH_ONLY = {"demo", "demo-signed-in"}
