"""docs/sdk.md: each example runs as it is shown, but for the addresses and the texted codes."""

from __future__ import annotations

import json
import re
from typing import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.conftest import OpenBrowser
from browser.pages import SignIn, link_in, text
from browser.sdk_app import SDKApp, run, wait_for
from harness import REPOSITORY, Server, StartServer, code_in, fresh_number

DOCUMENT = (REPOSITORY / "docs" / "sdk.md").read_text()

Site = tuple[SDKApp, Server]


def examples() -> dict[tuple[str, str], list[str]]:
    """The code of the page, by the heading it is under and its language."""
    found: dict[tuple[str, str], list[str]] = {}
    for section in re.split(r"^## ", DOCUMENT, flags=re.M)[1:]:
        for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.M | re.S):
            found.setdefault((section.splitlines()[0], language), []).append(code)
    return found


EXAMPLES = examples()


def example(site: Site, heading: str, language: str = "js", number: int = 0) -> str:
    """With the addresses of this run."""
    app, server = site
    code = EXAMPLES[heading, language][number]
    return code.replace("http://localhost:8080", server.url).replace("http://localhost:8000", app.url)


def page_with(head: str) -> str:
    return f"<!doctype html><html lang='en'><head><link rel='icon' href='data:,'>{head}</head><body></body></html>"


@pytest.fixture(scope="module")
def site(start_module_server: StartServer) -> Iterator[Site]:
    app, server = SDKApp(), start_module_server(started_=False)
    with app.serving(server):
        site = app, server
        client = json.loads(example(site, "Install", "json"))
        (members,) = re.findall(r"`(\"monaca\": .*?)`, and", DOCUMENT)
        client |= json.loads(f"{{{members}}}") | {"link_uris": [f"{server.url}/login/link"]}
        server.write_clients([client])
        app.pages = {
            "/": example(site, "A whole page", "html"),
            "/app.js": example(site, "A whole page"),
            "/tag": page_with(example(site, "Install", "html")),
            "/import": page_with('<script type="module" src="/import.js"></script>'),
            "/import.js": example(site, "Install"),
            "/monaca": page_with(example(site, "Monaca Backend", "html")),
        }
        server.start()
        yield site


@pytest.fixture
def context(open_browser: OpenBrowser) -> BrowserContext:
    return open_browser()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def open_page(page: Page, site: Site, path: str) -> None:
    page.goto(f"{site[0].url}{path}")
    wait_for(page, "window.denwa")


def log_in(page: Page, site: Site) -> str:
    """By the examples of "Sign in by text". Answers the number."""
    request, confirm = example(site, "Sign in by text"), example(site, "Sign in by text", number=1)
    number = fresh_number()
    assert "+81 90-1234-5678" in request and "955680" in confirm
    run(page, request.replace("+81 90-1234-5678", f"{number[:3]} {number[3:5]}-{number[5:9]}-{number[9:]}"))
    code = code_in(site[1].outbox.wait(number))
    printed = said(page, confirm.replace("955680", code))
    assert json.loads(printed[0])["sub"]
    return number


def said(page: Page, work: str) -> list[str]:
    """The first that it prints, however late; objects as JSON."""
    return run(page, f"""const printed = [];
      const console = {{ log: (...what) =>
        printed.push(what.map((one) => typeof one === "string" ? one : JSON.stringify(one)).join(" ")) }};
      {work}
      while (!printed.length) await new Promise((resolve) => setTimeout(resolve, 10));
      return printed""")


def test_no_example_is_left_out():
    """Here are all there are; each is run by a test below."""
    assert {key: len(codes) for key, codes in EXAMPLES.items()} == {
        ("Install", "html"): 1, ("Install", "js"): 1, ("Install", "json"): 1,
        ("A whole page", "html"): 1, ("A whole page", "js"): 1,
        ("Sign in by redirect", "js"): 2, ("Sign in by text", "js"): 3, ("Tokens", "js"): 1, ("Tabs", "js"): 1,
        ("Signing out", "js"): 2, ("Monaca Backend", "html"): 1, ("Monaca Backend", "js"): 3, ("Errors", "js"): 1,
    }


def test_the_whole_page(page: Page, site: Site):
    open_page(page, site, "/")
    who = page.get_by_role("status")
    expect(who).to_have_text("Nobody is signed in.")
    page.get_by_role("button", name="Sign in with your phone").click()
    somebody = SignIn(page, site[1], fresh_number())
    somebody.send_number()
    somebody.type_code(somebody.texted_code())
    expect(who).to_have_text(f"You are {somebody.number}.")
    assert page.url == f"{site[0].url}/"
    page.reload()
    expect(who).to_have_text(f"You are {somebody.number}.")
    page.get_by_role("button", name="Sign out").click()
    expect(who).to_have_text("Nobody is signed in.")
    expect(page.get_by_role("button", name="Sign in with your phone")).to_be_visible()


@pytest.mark.parametrize("path", ["/tag", "/import"])
def test_install(page: Page, site: Site, path: str):
    open_page(page, site, path)
    log_in(page, site)
    assert run(page, "return denwa.signedIn()") is True


def test_by_redirect(page: Page, site: Site):
    open_page(page, site, "/")
    page.evaluate(f"(async () => {{ {example(site, 'Sign in by redirect')} }})(); undefined")
    somebody = SignIn(page, site[1], fresh_number())
    somebody.send_number()
    somebody.type_code(somebody.texted_code())
    page.wait_for_url(f"{site[0].url}/**")
    assert said(page, example(site, "Sign in by redirect", number=1)) == ["17"]


def test_a_link_in_the_text(page: Page, site: Site, open_browser: OpenBrowser):
    open_page(page, site, "/tag")
    number = fresh_number()
    work = example(site, "Sign in by text", number=2).replace("+819012345678", number)
    page.evaluate(f"window.waiting = (async () => {{ {work} }})(); undefined")
    phone = SignIn(open_browser().new_page(), site[1], number)
    phone.page.goto(link_in(site[1].outbox.wait(number)))
    phone.button("link", "approve").click()
    page.evaluate("window.waiting")
    assert run(page, "return denwa.user()")["sub"]


def test_an_api_that_refuses_a_token(page: Page, site: Site):
    open_page(page, site, "/tag")
    log_in(page, site)
    site[1].revoke(run(page, "return denwa.token()"), "demo-spa")
    work = f"{example(site, 'Tokens')} return (await api('{site[1].url}/oauth2/userinfo')).status"
    assert run(page, work) == 200


def test_tabs_and_signing_out(context: BrowserContext, page: Page, site: Site):
    open_page(page, site, "/tag")
    other = context.new_page()
    open_page(other, site, "/tag")
    other.evaluate(f"window.heard = []; console.log = (what) => heard.push(what); {example(site, 'Tabs')} undefined")
    log_in(page, site)
    wait_for(other, "heard.length === 1")
    run(page, example(site, "Signing out"))
    wait_for(other, "heard.length === 2")
    assert other.evaluate("heard") == ["in", "out"]
    assert run(page, "return denwa.signedIn()") is False


def test_signing_out_at_the_server(page: Page, site: Site):
    open_page(page, site, "/")
    page.get_by_role("button", name="Sign in with your phone").click()
    somebody = SignIn(page, site[1], fresh_number())
    somebody.send_number()
    somebody.type_code(somebody.texted_code())
    expect(page.get_by_role("status")).to_have_text(f"You are {somebody.number}.")
    page.evaluate(f"(async () => {{ {example(site, 'Signing out', number=1)} }})(); undefined")
    page.get_by_role("button", name=text("en", "sign-out", "submit")).click()
    expect(page.get_by_role("status")).to_have_text("Nobody is signed in.")


def test_monaca(page: Page, site: Site):
    open_page(page, site, "/monaca")
    login, register, start = [example(site, "Monaca Backend", number=number) for number in range(3)]
    assert said(page, start) == ["Please log in"]
    assert said(page, login) == ["Error -32602: Invalid params"]
    assert said(page, register) == ['21 {"age":21,"nickname":"Jo"}']
    assert said(page, login) == ["Hello again, me@example.com"]
    page.reload()
    assert said(page, start) == ["Hello again, me@example.com"]


def test_errors(page: Page, site: Site):
    open_page(page, site, "/tag")
    assert said(page, example(site, "Errors")) == ["This is not a phone number"]


# MARK: what there is


def test_the_types_name_what_there_is(page: Page, site: Site):
    types = (REPOSITORY / "sdk" / "denwa.d.ts").read_text()

    def members(name: str) -> list[str]:
        (body,) = re.findall(rf"^export interface {name} {{\n(.*?)^}}", types, re.M | re.S)
        return sorted(re.findall(r"^  (?:readonly )?(\w+)[(<:?]", body, re.M))

    open_page(page, site, "/monaca")
    assert page.evaluate("Object.keys(denwa).sort()") == members("Denwa")
    assert page.evaluate("Object.keys(denwa.User).sort()") == members("MonacaUser")
    assert page.evaluate("Object.keys(denwa.phone).sort()") == members("Phone")


def test_the_page_names_every_member(page: Page, site: Site):
    open_page(page, site, "/monaca")
    (table,) = re.findall(r"^\| member \|.*?\n\n", DOCUMENT, re.M | re.S)
    assert sorted(re.findall(r"^\| `(\w+)", table, re.M)) == page.evaluate("Object.keys(denwa.User).sort()")
    for name in page.evaluate("Object.keys(denwa)"):
        assert re.search(rf"\b{name}\b", DOCUMENT), name


def test_the_size_is_as_it_says():
    assert "12 KB" in DOCUMENT
    assert (REPOSITORY / "sdk" / "denwa.js").stat().st_size <= 12 * 1024
