"""The page where people look after their own account, as they meet it: by its words."""

from __future__ import annotations

import re
import httpx
import jwt
from playwright.sync_api import APIResponse, BrowserContext, Locator, Page, expect

import person as somebody
from browser.app import App, SignInRequest
from browser.pages import SignIn, path_of, text
from harness import Server, code_in

#: Everything that a form of the page can be sent to.
FORMS = {
    "/account/sessions/end": {"session": "x"},
    "/account/sessions/end-others": {},
    "/account/apps/revoke": {"client_id": "shop"},
    "/account/email/remove": {},
    "/account/sign-out": {},
    "/account/number": {"country": "JP", "phone_number": "+819012345678"},
    "/account/number/code": {"code": "123456", "flow": "x"},
    "/account/number/resend": {"flow": "x"},
    "/account/email": {"email": "thief@example.com"},
    "/account/email/code": {"code": "123456"},
    "/account/email/resend": {},
    "/account/password": {"new_password": "a thief's own pass phrase"},
    "/account/delete": {"confirm": "1"},
    "/account/reclaim": {"identifier": "somebody", "password": "a thief's own pass phrase"},
}


class Owner(SignIn):
    """Somebody in front of their account."""

    has_script = True

    @classmethod
    def of(cls, somebody: SignIn) -> Owner:
        return cls(somebody.page, somebody.server, somebody.number, somebody.locale)

    # MARK: what is on the page

    def words(self, page: str, key: str, **values: str) -> str:
        return text(self.locale, page, key, **values)

    def line(self, key: str) -> Locator:
        """The line of the phone number, of the e-mail address, …"""
        label = self.page.get_by_text(self.words("account", key), exact=True)
        return self.page.get_by_role("listitem").filter(has=label)

    def act(self, verb: str, on: str) -> Locator:
        """The link or the button of a line, by the name that a screen reader says: "Change Phone number"."""
        name = f"{self.words('account', verb)} {self.words('account', on)}"
        return self.page.get_by_role("link", name=name, exact=True).or_(
            self.page.get_by_role("button", name=name, exact=True))

    def section(self, key: str) -> Locator:
        return self.page.get_by_role("list", name=self.words("account", key), exact=True).get_by_role("listitem")

    def expect_account(self) -> None:
        expect(self.heading()).to_have_text(self.words("account", "heading"))
        assert path_of(self.page) == "/account"

    def expect_notice(self, key: str) -> None:
        self.expect_account()
        expect(self.page.locator("p.note[role=status]")).to_have_text(self.words("account", key))

    def expect_heading(self, page: str, key: str = "heading") -> None:
        expect(self.heading()).to_have_text(self.words(page, key))

    def shown_number(self) -> str:
        """As E.164, however it is grouped."""
        return "+" + re.sub(r"\D", "", self.line("number").locator("b").inner_text())

    # MARK: what the person does

    def visit(self, path: str = "/account") -> None:
        self.page.goto(self.server.url + path)

    def open_account(self) -> Owner:
        """Goes to the account. A sign-in that it takes is done behind the screen, in a tenth of the time: what it looks
        like is for other tests."""
        if self.page.context.cookies(self.server.url):
            self.visit()
        if path_of(self.page) != "/account":
            self.sign_in_behind_the_screen()
            self.visit()
        self.expect_account()
        return self

    def sign_in_behind_the_screen(self) -> None:
        user_agent = self.page.evaluate("navigator.userAgent")
        with somebody.Person(self.server.outbox, user_agent=user_agent, language=self.locale) as person:
            for cookie in self.page.context.cookies(self.server.url):
                person.browser.cookies.set(cookie["name"], cookie["value"])
            person.sign_in(f"{self.server.url}/account", self.number)
            self.page.context.add_cookies([
                {"name": cookie.name, "value": cookie.value, "url": self.server.url} for cookie in person.browser.cookies.jar])

    def finish(self, code: str) -> None:
        """Types the code. With the last digit the page goes on by itself; without a script its button does."""
        self.type_code(code)
        if not self.has_script:
            self.button("code", "submit").click()

    def send_new_number(self, number: str) -> None:
        self.act("change", "number").click()
        self.expect_heading("account-number")
        self.number_field.fill(number)
        self.button("account-number", "submit").click()

    def change_number(self, number: str, *, end_others: bool = False) -> None:
        """All of it, up to the notice. Who did it has the new number at hand afterwards."""
        texts = len(self.server.outbox.messages(number))
        self.send_new_number(number)
        self.expect_heading("account-number-code")
        if end_others:
            self.page.get_by_label(self.words("account-number-code", "end_others"), exact=True).check()
        self.finish(code_in(self.server.outbox.wait(number, texts + 1)))
        self.expect_notice("number_changed")
        self.number = number

    def undo_link(self, number: str, count: int = 1) -> str:
        """The link in the text that tells an old number of the change."""
        links: list[str] = []
        messages = self.server.outbox.messages(number)
        for message in messages:
            links += re.findall(r"https?://\S+/account/undo\?token=\S+", message["body"])
        assert len(links) == count, f"{len(links)} links in {messages}"
        return links[-1]

    def send_new_email(self, address: str) -> None:
        self.visit("/account/email")
        self.email_field.fill(address)
        self.button("account-email", "submit").click()

    @property
    def email_field(self) -> Locator:
        return self.page.get_by_label(self.words("account-email", "email"), exact=True)

    def set_email(self, address: str) -> None:
        """Adds or changes the address, and proves it."""
        mails = len(self.server.outbox.messages(address))
        self.send_new_email(address)
        self.expect_heading("account-email-code")
        self.finish(code_in(self.server.outbox.wait(address, mails + 1)))
        self.expect_notice("email_changed")

    def send_new_password(self, new: str, old: str | None = None) -> None:
        self.visit("/account/password")
        if old is not None:
            self.page.get_by_label(self.words("account-password", "old_password"), exact=True).fill(old)
        self.page.get_by_label(self.words("account-password", "new_password"), exact=True).fill(new)
        self.button("account-password", "submit").click()

    def delete(self) -> None:
        self.visit("/account/delete")
        self.page.get_by_label(self.words("account-delete", "confirm"), exact=True).check()
        self.button("account-delete", "submit").click()

    # MARK: without the page

    def csrf(self) -> str:
        return self.page.locator("input[name=csrf]").first.input_value()

    def post(self, path: str, **form: str) -> APIResponse:
        """A form with this browser's cookies. Redirects are not followed: the first answer is what counts."""
        return post(self.page.context, self.server, path, **form)

    def is_signed_in(self) -> bool:
        """Whether this browser still is. Leaves the page as it is."""
        page = self.page.context.new_page()
        page.goto(f"{self.server.url}/account")
        found = path_of(page) == "/account"
        page.close()
        return found


def post(context: BrowserContext, server: Server, path: str, **form: str) -> APIResponse:
    return context.request.post(server.url + path, form=form, headers={"Origin": server.url}, max_redirects=0)


def subject_of(tokens: dict[str, Any]) -> str:
    return jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]


def subject(somebody: SignIn, app: App) -> str:
    """Whom an app takes them for. Signs them in where they are not."""
    request = SignInRequest(somebody.server, app, "game")
    texts = len(somebody.server.outbox.messages(somebody.number))
    somebody.open(request)
    if not somebody.page.url.startswith(request.redirect_uri):
        somebody.expect_number_page()
        somebody.send_number()
        somebody.expect_code_page()
        somebody.type_code(somebody.texted_code(texts + 1))
    somebody.expect_app(request)
    return subject_of(request.tokens())


def userinfo(server: Server, token: str) -> httpx.Response:
    return httpx.get(
        f"{server.url}/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30)


def send_from_elsewhere(page: Page, action: str, form: dict[str, str]) -> None:
    """A page of somebody else sends a form of its own to us, with the browser's cookies."""
    page.evaluate(
        """([action, fields]) => {
             const form = Object.assign(document.createElement("form"), { method: "post", action });
             for (const [name, value] of Object.entries(fields))
               form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
             document.body.append(form);
             form.submit();
           }""", [action, form])
