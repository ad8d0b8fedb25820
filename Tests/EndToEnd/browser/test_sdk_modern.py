"""`sdk/denwa.js` in the pages of another origin: sign-in by redirect and by text, tokens, tabs, sign-out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any, Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from browser.conftest import OpenBrowser
from browser.pages import SignIn, link_in, text
from browser.sdk_app import CLIENT, SDKApp, Traffic, refusal, run, wait_for
from harness import REPOSITORY, Server, StartServer, code_in, confidential_client, fresh_number, six_digits_other_than

SCRIPT = REPOSITORY / "sdk" / "denwa.js"

NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })"
WITH_AND_WITHOUT_LOCKS = pytest.mark.parametrize("locks", [True, False], ids=["Web Locks", "a lease"])

def clients(app: SDKApp, server: Server) -> list[dict[str, Any]]:
    link = f"{server.url}/login/link"
    return [
        app.client(CLIENT, "/", "/?lang=ja", "/module", link_uris=[link]),
        app.client("guest", "/bare", first_party=False),
        app.client("brief", "/bare", access_token_lifetime=2),
        confidential_client("resource-server", may_introspect=True),
    ]


@pytest.fixture(scope="module")
def sdk(start_module_server: StartServer) -> Iterator[tuple[SDKApp, Server]]:
    app, server = SDKApp(), start_module_server(started_=False)
    with app.serving(server):
        server.write_clients(clients(app, server))
        server.start()
        yield app, server


@pytest.fixture
def app(sdk: tuple[SDKApp, Server]) -> SDKApp:
    return sdk[0]


@pytest.fixture
def server(sdk: tuple[SDKApp, Server]) -> Server:
    return sdk[1]


@pytest.fixture
def context(open_browser: OpenBrowser) -> BrowserContext:
    return open_browser()


@pytest.fixture
def traffic(context: BrowserContext, server: Server) -> Traffic:
    return Traffic(context, server)


@pytest.fixture
def page(context: BrowserContext, app: SDKApp, traffic: Traffic) -> Page:
    return open_page(context, app)


def open_page(context: BrowserContext, app: SDKApp, path: str = "/") -> Page:
    page = context.new_page()
    page.goto(f"{app.url}{path}")
    return page


def log_in(page: Page, server: Server, number: str | None = None, **options: str) -> str:
    """By text, in the page. Answers the number."""
    number = number or fresh_number()
    texts = len(server.outbox.messages(number))
    run(page, "await denwa.phone.request(values.number, values.options)", number=number, options=options)
    code = code_in(server.outbox.wait(number, texts + 1))
    run(page, "await denwa.phone.confirm(values.code)", code=code)
    return number


def sign_in(page: Page, server: Server, options: str = "{}") -> SignIn:
    """By redirect, through the server's pages up to the code; what comes then is the test's."""
    somebody = SignIn(page, server, fresh_number())
    page.evaluate(f"denwa.signIn({options}); undefined")
    somebody.send_number()
    somebody.type_code(somebody.texted_code())
    return somebody


def back(page: Page, app: SDKApp) -> Any:
    """Waits until the app has its answer, and answers what the app gets."""
    page.wait_for_url(lambda url: url.startswith(app.url))
    return run(page, "return denwa.handleRedirect()")


def stored(page: Page, kind: str = "localStorage") -> dict[str, str]:
    return page.evaluate(f"Object.fromEntries(Object.entries({kind}))")


def later(page: Page, seconds: int) -> None:
    """Lets the clock of all tabs of this browser show a later time."""
    page.context.clock.set_fixed_time(page.evaluate("Date.now() / 1000") + seconds)


# MARK: by redirect


def test_sign_in_by_redirect(page: Page, app: SDKApp, server: Server, traffic: Traffic):
    somebody = sign_in(page, server, "{ state: { from: 'the cart' }, ui_locales: 'en' }")
    assert back(page, app) == {"state": {"from": "the cart"}}
    assert page.url == f"{app.url}/", "nothing of the answer stays in the address"
    assert run(page, "return denwa.signedIn()") is True
    assert run(page, "return denwa.user()")["phone_number"] == somebody.number

    (asked,) = traffic.to("/oauth2/authorize")[:1]
    query = dict(parse_qsl(urlsplit(asked.url).query))
    assert query["response_type"] == "code" and query["client_id"] == CLIENT
    assert query["redirect_uri"] == f"{app.url}/" and query["scope"] == "openid phone offline"
    assert query["code_challenge_method"] == "S256" and query["ui_locales"] == "en"
    assert len(query["state"]) >= 43 and len(query["nonce"]) >= 43
    (exchanged,) = traffic.to("/oauth2/token")
    verifier = parse_qs(exchanged.post_data)["code_verifier"][0]
    digest = hashlib.sha256(verifier.encode()).digest()
    assert query["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert stored(page, "sessionStorage") == {}


def test_whoever_comes_back_without_an_answer_is_not_signed_in(page: Page, server: Server):
    page.evaluate("denwa.signIn({ state: 1 }); undefined")
    SignIn(page, server, fresh_number()).expect_number_page()
    page.go_back()
    assert run(page, "return denwa.handleRedirect()") is None
    assert run(page, "return denwa.signedIn()") is False


def test_a_query_of_the_redirect_uri_stays(page: Page, app: SDKApp, server: Server):
    sign_in(page, server, "{ redirectURI: location.origin + '/?lang=ja' }")
    assert back(page, app) == {"state": None}
    assert page.url == f"{app.url}/?lang=ja"


def test_a_no_on_the_consent_page_is_an_error(context: BrowserContext, app: SDKApp, server: Server):
    page = open_page(context, app, "/bare")
    run(page, "denwa.configure({ clientID: 'guest' })")
    somebody = sign_in(page, server)
    expect(somebody.heading()).to_have_text(text("en", "consent", "heading", app="The guest"))
    somebody.button("consent", "deny").click()
    page.wait_for_url(lambda url: url.startswith(app.url))
    assert "access_denied" in page.url, "nothing is configured yet, so nothing is touched"
    run(page, "denwa.configure({ clientID: 'guest' })")
    error = refusal(page, "await denwa.handleRedirect()", "access_denied")
    assert error["description"] == "the person did not agree"
    assert page.url == f"{app.url}/bare"
    assert run(page, "return denwa.signedIn()") is False


def test_an_answer_that_this_tab_did_not_ask_for_is_left_alone(page: Page, app: SDKApp, traffic: Traffic):
    address = f"{app.url}/?code=somebody-elses&state=somebody-elses-state&iss=x"
    page.goto(address)
    assert run(page, "return denwa.handleRedirect()") is None
    assert page.url == address
    assert traffic.to("/oauth2/token") == []


@pytest.mark.parametrize("issuer", ["https://evil.example", None], ids=["another", "none"])
def test_an_answer_of_another_server_is_refused(page: Page, app: SDKApp, server: Server, traffic: Traffic, issuer):
    """RFC 9207: its code is not ours to show to our server, nor to anybody."""
    page.evaluate("denwa.signIn(); undefined")
    SignIn(page, server, fresh_number()).expect_number_page()
    state = dict(parse_qsl(urlsplit(traffic.to("/oauth2/authorize")[0].url).query))["state"]
    page.goto(f"{app.url}/?code=c&state={state}" + (f"&iss={issuer}" if issuer else ""))
    refusal(page, "await denwa.handleRedirect()", "wrong_issuer")
    assert page.url == f"{app.url}/"
    assert traffic.to("/oauth2/token") == []


def test_an_id_token_with_another_nonce_is_refused(page: Page, app: SDKApp, server: Server):
    """An attacker who got a code of their own into this tab."""
    page.add_init_script("""if (location.search.includes("code=")) {
      for (const key of Object.keys(sessionStorage)) {
        sessionStorage[key] = JSON.stringify({ ...JSON.parse(sessionStorage[key]), nonce: "another" });
      }
    }""")
    sign_in(page, server)
    page.wait_for_url(lambda url: url.startswith(app.url))
    refusal(page, "await denwa.handleRedirect()", "bad_id_token")
    assert run(page, "return denwa.signedIn()") is False


def test_without_openid_there_is_no_nonce(page: Page, app: SDKApp, server: Server, traffic: Traffic):
    sign_in(page, server, "{ scope: 'phone offline' }")
    assert back(page, app) == {"state": None}
    assert "nonce" not in dict(parse_qsl(urlsplit(traffic.to("/oauth2/authorize")[0].url).query))
    assert run(page, "return denwa.token()")
    refusal(page, "await denwa.user()", "insufficient_scope")


def test_a_reload_after_the_sign_in_keeps_it(page: Page, app: SDKApp, server: Server, traffic: Traffic):
    sign_in(page, server)
    back(page, app)
    before = run(page, "return denwa.token()")
    page.reload()
    assert run(page, "return denwa.token()") == before
    assert len(traffic.to("/oauth2/token")) == 1


def test_an_import_works_like_a_script_tag(context: BrowserContext, app: SDKApp, server: Server):
    page = open_page(context, app, "/module")
    wait_for(page, "window.denwa")
    somebody = sign_in(page, server, "{ scope: 'openid phone' }")
    page.wait_for_url(lambda url: url.startswith(app.url))
    wait_for(page, "window.denwa?.signedIn()")
    assert run(page, "return denwa.user()")["phone_number"] == somebody.number


def test_a_copy_on_the_apps_own_site_is_told_where_the_server_is(
    context: BrowserContext, app: SDKApp, server: Server
):
    app.pages["/denwa.js"] = SCRIPT.read_text()
    attributes = f'data-issuer="{server.url}" data-client-id="brief"'
    app.pages["/own"] = f'<!doctype html><script src="/denwa.js" {attributes}></script>'
    page = open_page(context, app, "/own")
    number = log_in(page, server, scope="openid phone")
    assert run(page, "return denwa.user()")["phone_number"] == number


# MARK: by text


def test_log_in_by_text(page: Page, server: Server, traffic: Traffic):
    number = fresh_number()
    spelled = f"{number[:3]} {number[3:5]}-{number[5:9]} ({number[9:]})"
    reply = run(page, "return denwa.phone.request(values.number)", number=spelled)
    assert reply["code_length"] == 6 and reply["expires_in"] == 180 and "resend_after" in reply
    run(page, "await denwa.phone.confirm(values.code)", code=f" {code_in(server.outbox.wait(number))} ")
    assert run(page, "return denwa.user()")["phone_number"] == number
    assert "code_challenge" in traffic.to("/oauth2/login/phone/request")[0].url
    assert "code_verifier" in traffic.to("/oauth2/token")[0].post_data
    assert stored(page, "sessionStorage") == {}, "the number and the verifier are gone"


def test_after_a_wrong_code_the_right_one_works(page: Page, server: Server):
    number = fresh_number()
    run(page, "await denwa.phone.request(values.number)", number=number)
    code = code_in(server.outbox.wait(number))
    error = refusal(page, "await denwa.phone.confirm(values.code)", "003-039", code=six_digits_other_than(code))
    assert error["description"] == "The code is wrong."
    run(page, "await denwa.phone.confirm(values.code)", code=code)
    assert run(page, "return denwa.signedIn()") is True


def test_a_login_by_text_outlives_a_reload(page: Page, server: Server):
    """Phones drop the tab while the person looks at the text."""
    number = fresh_number()
    run(page, "await denwa.phone.request(values.number)", number=number)
    page.reload()
    run(page, "await denwa.phone.confirm(values.code)", code=code_in(server.outbox.wait(number)))
    assert run(page, "return denwa.user()")["phone_number"] == number


def test_a_code_without_a_request(page: Page, traffic: Traffic):
    refusal(page, "await denwa.phone.confirm('123456')", "no_request")
    assert traffic.requests[1:] == []


def test_a_number_that_is_none(page: Page):
    refusal(page, "await denwa.phone.request('+12')", "002-056")


def test_the_device_is_known_the_next_time(page: Page, server: Server, traffic: Traffic):
    number = log_in(page, server)
    assert "device_id" not in json.loads(traffic.to("/oauth2/login/phone/request")[0].post_data)
    run(page, "await denwa.logout()")
    log_in(page, server, number)
    known = json.loads(traffic.to("/oauth2/login/phone/request")[1].post_data)["device_id"]
    assert len(known) > 20
    assert number not in "".join(stored(page).values()), "no number is kept"


def test_a_refusal_says_when_to_come_back(context: BrowserContext, start_server: StartServer):
    app, server = SDKApp(), start_server(started_=False, DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    with app.serving(server):
        server.write_clients(clients(app, server))
        server.start()
        page = open_page(context, app)
        number = fresh_number()
        run(page, "await denwa.phone.request(values.number)", number=number)
        error = refusal(page, "await denwa.phone.request(values.number)", "002-057", number=number)
        assert 1 <= error["retryAfter"] <= 30


@pytest.mark.parametrize("link", ["true", "'{issuer}/login/link'"], ids=["the server's page", "by its address"])
def test_a_text_may_carry_a_link(page: Page, server: Server, link: str):
    number = fresh_number()
    link = link.replace("{issuer}", server.url)
    run(page, f"await denwa.phone.request(values.number, {{ sendLink: {link} }})", number=number)
    message = server.outbox.wait(number)
    assert link_in(message).startswith(f"{server.url}/login/link?")
    run(page, "await denwa.phone.confirm(values.code)", code=code_in(message))


# MARK: tokens


def test_a_token_is_asked_for_once(page: Page, server: Server, traffic: Traffic):
    log_in(page, server)
    first = run(page, "return denwa.token()")
    assert run(page, "return Promise.all([denwa.token(), denwa.token()])") == [first, first]
    assert traffic.refreshes == []
    assert server.is_active(first)


def test_nobody_signed_in_has_a_token(page: Page):
    refusal(page, "await denwa.token()", "login_required")
    refusal(page, "await denwa.user()", "login_required")
    assert run(page, "return denwa.signedIn()") is False


def test_a_token_near_its_end_is_renewed(page: Page, server: Server, traffic: Traffic):
    log_in(page, server)
    first = run(page, "return denwa.token()")
    later(page, 3600 - 62)
    assert run(page, "return denwa.token()") == first
    later(page, 5)
    second = run(page, "return denwa.token()")
    assert second != first and server.is_active(second)
    assert run(page, "return denwa.token()") == second
    assert len(traffic.refreshes) == 1


@WITH_AND_WITHOUT_LOCKS
def test_two_tabs_that_renew_at_once_make_one_request(
    context: BrowserContext, app: SDKApp, server: Server, traffic: Traffic, locks: bool
):
    if not locks:
        context.add_init_script(NO_LOCKS)
    tabs = [open_page(context, app) for _ in range(2)]
    assert tabs[0].evaluate("Boolean(navigator.locks)") is locks
    log_in(tabs[0], server)
    first = run(tabs[1], "return denwa.token()")
    later(tabs[0], 3590)
    for tab in tabs:
        tab.evaluate("window.renewed = Promise.all([denwa.token(), denwa.token(), denwa.token()]); undefined")
    renewed = [token for tab in tabs for token in tab.evaluate("window.renewed")]
    assert len(set(renewed)) == 1 and renewed[0] != first
    assert server.is_active(renewed[0])
    assert len(traffic.refreshes) == 1


def test_a_lease_of_a_tab_that_is_gone_runs_out(context: BrowserContext, app: SDKApp, server: Server):
    context.add_init_script(NO_LOCKS)
    tab = open_page(context, app)
    log_in(tab, server)
    first = run(tab, "return denwa.token()")
    run(tab, """const tokens = Object.keys(localStorage).find((key) => key.endsWith("tokens"));
      const lease = { name: "gone", until: Date.now() + 1500 };
      localStorage.setItem(tokens.replace("tokens", "renewal"), JSON.stringify(lease));""")
    second = run(tab, "return denwa.token({ refused: values.first })", first=first)
    assert second != first


def test_a_token_that_an_api_refused_is_replaced(page: Page, server: Server, traffic: Traffic):
    log_in(page, server)
    first = run(page, "return denwa.token()")
    assert server.revoke(first, CLIENT).status_code == 200
    second = run(page, "return denwa.token({ refused: values.first })", first=first)
    assert second != first and server.is_active(second)
    assert run(page, "return denwa.token({ refused: values.first })", first=first) == second
    assert len(traffic.refreshes) == 1


def test_who_signed_in_is_told_with_a_new_token_when_the_old_one_was_revoked(
    page: Page, server: Server, traffic: Traffic
):
    number = log_in(page, server)
    server.revoke(run(page, "return denwa.token()"), CLIENT)
    assert run(page, "return denwa.user()")["phone_number"] == number
    assert len(traffic.refreshes) == 1


def test_a_login_that_ended_at_the_server_ends_here(context: BrowserContext, page: Page, app: SDKApp, server: Server):
    log_in(page, server)
    other = open_page(context, app)
    for tab in (page, other):
        tab.evaluate("window.heard = []; denwa.onChange((signedIn) => heard.push(signedIn)); undefined")
    access = run(page, "return denwa.token()")
    ended = server.http.post("/oauth2/logout?sessions=all", headers={"Authorization": f"Bearer {access}"})
    assert ended.status_code == 204
    refusal(page, "await denwa.user()", "login_required")
    for tab in (page, other):
        wait_for(tab, "heard.length > 0")
        assert tab.evaluate("heard") == [False]
        assert run(tab, "return denwa.signedIn()") is False


def test_a_token_that_is_still_good_is_good_enough_while_the_server_is_away(page: Page, server: Server):
    log_in(page, server)
    first = run(page, "return denwa.token()")
    page.route("**/oauth2/token", lambda route: route.abort())
    later(page, 3590)
    assert run(page, "return denwa.token()") == first
    later(page, 20)
    refusal(page, "await denwa.token()", "unreachable")
    page.unroute("**/oauth2/token")
    assert run(page, "return denwa.token()") != first, "nobody was signed out"


def test_without_offline_access_a_login_ends_with_its_token(page: Page, server: Server, traffic: Traffic):
    number = fresh_number()
    run(page, "await denwa.phone.request(values.number, { scope: 'openid' })", number=number)
    run(page, "await denwa.phone.confirm(values.code)", code=code_in(server.outbox.wait(number)))
    assert run(page, "return denwa.user()")["sub"]
    later(page, 3590)
    assert run(page, "return denwa.token()"), "there is no other one"
    later(page, 20)
    assert run(page, "return denwa.signedIn()") is False
    refusal(page, "await denwa.token()", "login_required")
    assert traffic.refreshes == []


def test_short_lived_tokens_are_renewed_in_their_last_quarter(
    context: BrowserContext, app: SDKApp, server: Server, traffic: Traffic
):
    page = open_page(context, app, "/bare")
    run(page, "denwa.configure({ clientID: 'brief' })")
    log_in(page, server)
    later(page, 0)
    first = run(page, "return denwa.token()")
    later(page, 2)
    assert run(page, "return denwa.token()") != first
    assert len(traffic.refreshes) == 1


# MARK: tabs


def test_other_tabs_hear_of_sign_in_and_sign_out(context: BrowserContext, page: Page, app: SDKApp, server: Server):
    other = open_page(context, app)
    for tab in (page, other):
        tab.evaluate("""window.heard = [];
          window.stop = denwa.onChange((signedIn) => heard.push(signedIn)); undefined""")
    number = log_in(page, server)
    wait_for(other, "heard.length === 1")
    assert run(other, "return denwa.user()")["phone_number"] == number
    run(other, "await denwa.logout()")
    for tab in (page, other):
        wait_for(tab, "heard.length === 2")
        assert tab.evaluate("heard") == [True, False]
    page.evaluate("stop()")
    log_in(other, server)
    wait_for(other, "heard.length === 3")
    assert page.evaluate("heard.length") == 2


# MARK: signing out


def test_signing_out_ends_the_tokens(page: Page, server: Server):
    log_in(page, server)
    tokens = json.loads(next(value for key, value in stored(page).items() if key.endswith("tokens")))
    run(page, "await denwa.logout()")
    assert not server.is_active(tokens["access_token"]) and not server.is_active(tokens["refresh_token"])
    assert run(page, "return denwa.signedIn()") is False
    assert "token" not in "".join(stored(page))
    refusal(page, "await denwa.token()", "login_required")
    run(page, "await denwa.logout()")


def test_signing_out_at_the_server_too(page: Page, app: SDKApp, server: Server):
    sign_in(page, server)
    back(page, app)
    access = run(page, "return denwa.token()")
    page.evaluate("denwa.logout({ redirectURI: location.origin + '/signed-out' }); undefined")
    page.get_by_role("button", name=text("en", "sign-out", "submit")).click()
    page.wait_for_url(f"{app.url}/signed-out")
    assert not server.is_active(access)
    assert run(page, "return denwa.signedIn()") is False
    with page.expect_request(lambda request: "error=login_required" in request.url):
        page.evaluate("denwa.signIn({ prompt: 'none' }); undefined")
    page.wait_for_url(f"{app.url}/")
    refusal(page, "await denwa.handleRedirect()", "login_required")


def test_a_renewal_that_comes_after_the_sign_out_changes_nothing(page: Page, server: Server):
    log_in(page, server)
    held: list[Route] = []
    page.route("**/oauth2/token", lambda route: held.append(route))
    page.evaluate("""(async () => { const first = await denwa.token(); window.late = denwa.token({ refused: first })
      .catch((error) => error.code); })()""")
    while not held:
        page.wait_for_timeout(10)
    reply = held[0].fetch()
    run(page, "await denwa.logout()")
    held[0].fulfill(response=reply)
    assert page.evaluate("window.late") == "login_required"
    assert run(page, "return denwa.signedIn()") is False
    assert not server.is_active(reply.json()["access_token"])


# MARK: what it does not do


def test_no_token_is_ever_in_an_address(context: BrowserContext, page: Page, app: SDKApp, server: Server, traffic):
    addresses: list[str] = []
    context.on("request", lambda request: addresses.append(request.url))
    sign_in(page, server)
    back(page, app)
    seen = json.loads(next(value for key, value in stored(page).items() if key.endswith("tokens")))
    run(page, "await denwa.user()")
    first = seen["access_token"]
    run(page, "await denwa.token({ refused: values.first })", first=first)
    seen |= {f"new {name}": value for name, value in json.loads(
        next(value for key, value in stored(page).items() if key.endswith("tokens"))).items()}
    page.evaluate("denwa.logout({ redirectURI: location.origin + '/signed-out' }); undefined")
    page.get_by_role("button", name=text("en", "sign-out", "submit")).click()
    page.wait_for_url(f"{app.url}/signed-out")
    secrets = [value for name, value in seen.items() if re.search("_token$", name)]
    assert len(secrets) == 6
    for address in addresses:
        assert not any(secret in address for secret in secrets), address


def test_an_origin_that_no_client_has_gets_no_answer(context: BrowserContext, server: Server):
    stranger = SDKApp()
    with stranger.serving(server):
        page = open_page(context, stranger)
        error = refusal(page, "await denwa.phone.request('+819012345678')", "unreachable")
        assert "cors_origins" in error["description"]


def test_an_insecure_page_gets_nothing(chromium: Browser, app: SDKApp, server: Server):
    """Any page by http but those of this machine: there is no cryptography, and everybody may listen."""
    context = chromium.new_context()
    script = SCRIPT.read_text()
    context.route("http://insecure.example/*", lambda route: route.fulfill(
        body=app.pages["/bare"] if route.request.url.endswith("/") else script, content_type="text/html"))
    context.route(f"{server.url}/**", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page = context.new_page()
    page.goto("http://insecure.example/")
    assert page.evaluate("isSecureContext") is False
    page.evaluate("denwa.configure({ clientID: 'x' })")
    for work in ("signIn()", "phone.request('+819012345678')", "token()", "User.login('a', 'b')"):
        refusal(page, f"await denwa.{work}", "insecure_context")
    context.close()


def test_what_is_missing_in_the_configuration_is_named(context: BrowserContext, app: SDKApp):
    page = open_page(context, app, "/bare")
    error = refusal(page, "await denwa.phone.request('+819012345678')", "not_configured")
    assert "clientID" in error["description"]
    error = refusal(page, "await denwa.User.login('somebody', 'password')", "not_configured")
    assert re.search("clientID|monaca", error["description"])


# MARK: the file


def test_the_script_is_small_and_anybody_may_load_it(server: Server):
    reply = server.http.get("/sdk/denwa.js", headers={"Origin": "https://anywhere.example"})
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == "text/javascript"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.content == SCRIPT.read_bytes()
    assert len(reply.content) <= 12 * 1024
    again = server.http.get("/sdk/denwa.js", headers={"If-None-Match": reply.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
