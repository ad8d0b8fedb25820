"""A person with a plain browser and a phone: pages, links, forms, cookies and redirects. No script runs here.

Knows the names of the fields of Denwa's own pages and nothing else of the server. Apps are pages like any other:
an app that listens on loopback is visited, any other is where the journey ends (`Page.url`, `Page.parameters`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Callable, Iterator
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

from harness import Outbox, Server, code_in

#: What the page about a link calls "Chrome · Windows".
CHROME = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
          "Chrome/131.0.0.0 Safari/537.36")


@dataclass
class FormPolicy:
    """The `form-action` of a page's Content-Security-Policy. Chrome holds the form to it, and every redirect that
    answers the form: a sign-in that ends at an app it does not name ends nowhere."""

    origin: str
    sources: list[str] | None

    @classmethod
    def of(cls, url: str, headers: httpx.Headers) -> FormPolicy:
        directives = [part.split() for part in headers.get("content-security-policy", "").split(";")]
        return cls(_origin(url), next((words[1:] for words in directives if words[:1] == ["form-action"]), None))

    def check(self, url: str) -> None:
        if self.sources is not None:
            allowed = {self.origin if source == "'self'" else source for source in self.sources}
            assert {_origin(url), f"{urlsplit(url).scheme}:"} & allowed, (
                f"form-action {self.sources} of {self.origin} keeps a browser from {url}"
            )


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


@dataclass
class Form:
    action: str
    policy: FormPolicy
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    #: Name and value of every submit button, in order; names are empty for buttons that send nothing.
    buttons: list[tuple[str, str]] = field(default_factory=list)
    #: Submitted by the page's script as soon as it is there.
    submits_itself: bool = False


@dataclass
class Page:
    url: str
    status: int
    headers: httpx.Headers
    text: str
    title: str = ""
    heading: str = ""
    alert: str = ""
    #: What there is to read, without the markup.
    words: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    @property
    def parameters(self) -> dict[str, str]:
        """The query of its address, each name once."""
        pairs = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        assert len(dict(pairs)) == len(pairs), f"a parameter twice in {self.url}"
        return dict(pairs)

    def has_form(self, *names: str) -> bool:
        return any(self._has(form, names) for form in self.forms)

    def form(self, *names: str) -> Form:
        """The first form that has all these fields or buttons."""
        found = next((form for form in self.forms if self._has(form, names)), None)
        assert found, f"no form with {names} on {self.status} {self.url}: {self.words[:500]}"
        return found

    @staticmethod
    def _has(form: Form, names: tuple[str, ...]) -> bool:
        return set(names) <= set(form.fields) | {name for name, _ in form.buttons}


class _Reader(HTMLParser):
    """Reads a page the way a browser without scripts shows it."""

    VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.form: Form | None = None
        self.select: str | None = None
        self.open: list[tuple[str, bool]] = []          # tag, and whether it is an alert

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attributes}
        if tag not in self.VOID and tag != "option":
            self.open.append((tag, of.get("role") == "alert"))
        if tag == "a" and "href" in of:
            self.page.links.append(urljoin(self.page.url, of["href"]))
        if tag == "form":
            action = urljoin(self.page.url, of["action"]) if of.get("action") else self.page.url
            policy = FormPolicy.of(self.page.url, self.page.headers)
            self.form = Form(action, policy, of.get("method", "get").lower(), submits_itself="data-submit" in of)
            self.page.forms.append(self.form)
        if self.form is not None:
            self._read_control(tag, of)

    def _read_control(self, tag: str, of: dict[str, str]) -> None:
        kind = of.get("type", "submit" if tag == "button" else "text").lower()
        if tag == "button" or tag == "input" and kind in ("submit", "image"):
            if kind == "submit":
                self.form.buttons.append((of.get("name", ""), of.get("value", "")))
        elif tag == "input" and of.get("name"):
            if kind not in ("checkbox", "radio") or "checked" in of:
                self.form.fields[of["name"]] = of.get("value", "")
        elif tag in ("select", "textarea"):
            self.select = of.get("name")
            if self.select:
                self.form.fields.setdefault(self.select, "")
        elif tag == "option" and self.select:
            if "selected" in of or not self.form.fields[self.select]:
                self.form.fields[self.select] = of.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if any(tag == opened for opened, _ in self.open):
            while self.open.pop()[0] != tag:
                pass
        if tag == "form":
            self.form = None
        if tag == "select":
            self.select = None

    def handle_data(self, data: str) -> None:
        text, tags = " ".join(data.split()), [tag for tag, _ in self.open]
        if not text or {"script", "style", "select"} & set(tags):
            return
        if "title" in tags:
            self.page.title = f"{self.page.title} {text}".strip()
            return
        self.page.words = f"{self.page.words} {text}".strip()
        if "h1" in tags:
            self.page.heading = f"{self.page.heading} {text}".strip()
        if any(is_alert for _, is_alert in self.open):
            self.page.alert = f"{self.page.alert} {text}".strip()


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


class Person:
    """`outbox` is the phone: where a text to the person's number can be read."""

    def __init__(self, outbox: Outbox, *, user_agent: str = CHROME, language: str = "en") -> None:
        self.outbox = outbox
        self.page: Page | None = None
        #: The last text that came after a number was typed.
        self.text: dict[str, Any] | None = None
        self.browser = httpx.Client(
            headers={"User-Agent": user_agent, "Accept-Language": language, "Accept": "text/html,*/*;q=0.8"},
            timeout=30, trust_env=False, follow_redirects=False,
        )

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: Any) -> None:
        self.browser.close()

    # MARK: a browser

    def visit(self, url: str) -> Page:
        """Types an address. Follows redirects, and forms that submit themselves."""
        return self._go("GET", url)

    def follow(self, link: str) -> Page:
        assert link in self.page.links, f"{link} is not on {self.page.url}"
        return self._go("GET", link)

    def submit(self, form: Form, **fields: str) -> Page:
        """Fills the form in and sends it. A button with a value is pressed by its name: `decision="allow"`."""
        for name, value in fields.items():
            assert name in form.fields or (name, value) in form.buttons, f"the form has no {name}={value}"
        return self._send(form, form.fields | fields)

    def _send(self, form: Form, fields: dict[str, str]) -> Page:
        form.policy.check(form.action)
        if form.method == "post":
            return self._go("POST", form.action, form.policy, data=fields, headers={"Origin": form.policy.origin})
        return self._go("GET", f"{form.action.split('?')[0]}?{urlencode(fields)}", form.policy)

    def _go(self, method: str, url: str, policy: FormPolicy | None = None, **more: Any) -> Page:
        for _ in range(20):
            reply = self.browser.request(method, url, **more)
            if not reply.is_redirect:
                return self._arrive(self._read(reply))
            url = urljoin(str(reply.url), reply.headers["location"])
            if policy:
                policy.check(url)
            if not _is_here(url):
                self.page = Page(url, reply.status_code, reply.headers, "")
                return self.page
            if reply.status_code not in (307, 308):
                method, more = "GET", {}
        raise AssertionError(f"still redirected after 20 times: {url}")

    def _arrive(self, page: Page) -> Page:
        self.page = page
        form = next((form for form in page.forms if form.submits_itself), None)
        return self._send(form, form.fields) if form and _is_here(form.action) else page

    @staticmethod
    def _read(reply: httpx.Response) -> Page:
        page = Page(str(reply.url), reply.status_code, reply.headers, reply.text)
        if reply.headers.get("content-type", "").startswith("text/html"):
            reader = _Reader(page)
            reader.feed(page.text)
            reader.close()
        return page

    # MARK: at Denwa

    def sign_in(self, url: str, number: str) -> Page:
        """Goes to `url`, which asks for a sign-in, and does it: number, text, code. Answers what comes then: the
        app, or the page that asks for consent."""
        page = self.type_number(self.visit(url), number)
        return self.type_code(page, code_in(self.text))

    def type_number(self, page: Page, number: str) -> Page:
        texts = len(self.outbox.messages(number))
        page = self.submit(page.form("phone_number"), phone_number=number)
        assert page.has_form("code"), f"{page.status} {page.url}: {page.alert or page.words}"
        self.text = self.outbox.wait(number, texts + 1)
        return page

    def type_code(self, page: Page, code: str) -> Page:
        return self.submit(page.form("code"), code=code)

    def allow_device(self, verification_uri: str, number: str) -> Page:
        """Opens the address that a device shows, signs in, and says yes."""
        page = self.visit(verification_uri)
        page = self.type_number(self.submit(page.form("user_code")), number)
        return self.consent(self.type_code(page, code_in(self.text)))

    def consent(self, page: Page, allow: bool = True) -> Page:
        return self.submit(page.form("decision", "session"), decision="allow" if allow else "deny")


@contextmanager
def people() -> Iterator[Callable[..., Person]]:
    """`make(server)`: somebody with a new browser, who is signed in nowhere. The browsers are closed in the end."""
    made: list[Person] = []

    def make(server: Server, **more: str) -> Person:
        made.append(Person(server.outbox, **more))
        return made[-1]

    try:
        yield make
    finally:
        for person in made:
            person.browser.close()


def authorize_url(server: Server, client_id: str, **parameters: Any) -> str:
    """An app's request to sign somebody in. A parameter of `None` is left out."""
    redirect_uris = server.client(client_id)["redirect_uris"]
    query = {
        "client_id": client_id, "response_type": "code", "redirect_uri": redirect_uris[0], "state": "state-4f1d2c",
    } | parameters
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{server.url}/oauth2/authorize?{urlencode(kept)}"


def assert_shown(page: Page, status: int = 400) -> None:
    """The request ended on a page for the person, which sends nobody anywhere."""
    assert page.status == status and _is_here(page.url), f"{page.status} {page.url}: {page.alert or page.words}"
    assert page.headers["content-type"].startswith("text/html")
    assert "refresh" not in page.headers and not page.forms
    assert "no-store" in page.headers["cache-control"]
