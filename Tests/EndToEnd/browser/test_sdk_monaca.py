"""`denwa.User` and `monaca.cloud.User` of `sdk/denwa.js`: every member, in the pages of another origin."""

from __future__ import annotations

import itertools
import json
import re
import time
from typing import Any, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from browser.conftest import OpenBrowser
from browser.sdk_app import API_KEY, CLIENT, SDKApp, Traffic, refusal, run
from harness import Server, StartServer

PASSWORD = "blue-harbour-7"
WRONG_LOGIN = -32602

_names = itertools.count(1)


def fresh_name() -> str:
    return f"somebody{next(_names)}@example.com"


def clients(app: SDKApp) -> list[dict[str, Any]]:
    return [
        app.client(CLIENT, "/", monaca={"api_key": API_KEY}),
        app.client("forgetful", "/", monaca={"api_key": API_KEY, "auto_login": False}),
    ]


@pytest.fixture(scope="module")
def sdk(start_module_server: StartServer) -> Iterator[tuple[SDKApp, Server]]:
    app, server = SDKApp(), start_module_server(
        started_=False, DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="0", DENWA_LIMITS_PASSWORD_PER_IP="0")
    with app.serving(server):
        server.write_clients(clients(app))
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
def page(context: BrowserContext, app: SDKApp) -> Page:
    return open_page(context, app)


def open_page(context: BrowserContext, app: SDKApp, path: str = "/") -> Page:
    page = context.new_page()
    page.goto(f"{app.url}{path}")
    return page


def register(page: Page, name: str | None = None, **properties: Any) -> str:
    name = name or fresh_name()
    run(page, "await denwa.User.register(values.name, values.password, values.properties)",
        name=name, password=PASSWORD, properties=properties)
    return name


def log_in(page: Page, name: str, password: str = PASSWORD) -> dict[str, Any]:
    return run(page, "return denwa.User.login(values.name, values.password)", name=name, password=password)


def is_authenticated(page: Page) -> bool:
    return page.evaluate("denwa.User.isAuthenticated()")


def stored(page: Page) -> str:
    """All that the browser keeps for the page."""
    return page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")


# MARK: register, validate, unregister


def test_register_makes_an_account_and_logs_in(page: Page):
    name = fresh_name()
    result = run(page, "return denwa.User.register(values.name, values.password, { age: 21, tags: ['a', null] })",
                 name=name, password=PASSWORD)
    user = result["user"]
    assert user["_username"] == name and user["age"] == 21 and user["tags"] == ["a", None]
    assert abs(user["_createdAt"] - time.time()) < 60 and user["_updateAt"] >= user["_createdAt"]
    assert is_authenticated(page)
    assert page.evaluate("denwa.User._oid") == user["_id"]


def test_register_needs_no_properties(page: Page):
    result = run(page, "return denwa.User.register(values.name, values.password)", name=fresh_name(), password=PASSWORD)
    assert {key for key in result["user"] if not key.startswith("_")} == set()


def test_register_refuses_a_name_that_is_taken(page: Page):
    name = register(page)
    error = refusal(page, "await denwa.User.register(values.name, 'another-pass-9')", -32602, name=name)
    assert error["data"] == {"username": "taken"}


def test_validate_asks_without_making_anything(page: Page):
    name = fresh_name()
    assert run(page, "return denwa.User.validate(values.name, { age: 21 })", name=name) == {}
    assert run(page, "return denwa.User.validate(values.name)", name=name) == {}
    assert not is_authenticated(page)
    register(page, name)
    assert refusal(page, "await denwa.User.validate(values.name)", -32602, name=name)["data"] == {"username": "taken"}
    error = refusal(page, "await denwa.User.validate(values.name, { _id: 1 })", -32602, name=fresh_name())
    assert set(error["data"]) == {"properties"}


def test_unregister_removes_the_account(page: Page):
    name = register(page)
    error = refusal(page, "await denwa.User.unregister('not-the-password')", -32602)
    assert error["data"] == {"password": "wrong"} and is_authenticated(page)
    assert run(page, "return denwa.User.unregister(values.password)", password=PASSWORD) == {}
    assert not is_authenticated(page) and page.evaluate("denwa.User._oid") is None
    refusal(page, "await denwa.User.login(values.name, values.password)", WRONG_LOGIN, name=name, password=PASSWORD)
    refusal(page, "await denwa.User.autoLogin()", WRONG_LOGIN)


# MARK: login, isAuthenticated, autoLogin, logout


def test_login(page: Page, context: BrowserContext, app: SDKApp):
    name = register(page, age=21)
    other = open_page(context, app)
    assert not is_authenticated(other) and other.evaluate("denwa.User._oid") is None
    result = log_in(other, name)
    assert result["user"]["_username"] == name and result["user"]["age"] == 21
    assert is_authenticated(other)
    assert other.evaluate("denwa.User._oid") == page.evaluate("denwa.User._oid")


def test_a_login_that_fails_says_one_thing_only(page: Page):
    name = register(page)
    wrong = refusal(page, "await denwa.User.login(values.name, 'not-the-password')", WRONG_LOGIN, name=name)
    unknown = refusal(page, "await denwa.User.login(values.name, 'not-the-password')", WRONG_LOGIN, name=fresh_name())
    assert wrong == unknown
    assert wrong["message"] and wrong["data"]


def test_a_reload_ends_the_session_and_auto_login_brings_it_back(page: Page):
    name = register(page)
    log_in(page, name)
    oid = page.evaluate("denwa.User._oid")
    for _ in range(2):
        page.reload()
        assert not is_authenticated(page)
        refusal(page, "await denwa.User.getProperty('age')", 11)
        before = stored(page)
        result = run(page, "return denwa.User.autoLogin()")
        assert result["user"]["_username"] == name
        assert page.evaluate("denwa.User._oid") == oid and is_authenticated(page)
        assert result["loginToken"] in stored(page) and result["loginToken"] not in before, "each works once"


def test_tabs_that_start_together_are_all_logged_in(context: BrowserContext, page: Page, app: SDKApp):
    """A login token works once, and here two ask with the same."""
    log_in(page, register(page))
    tabs = [page, *(open_page(context, app) for _ in range(2))]
    for tab in tabs:
        tab.evaluate("window.started = denwa.User.autoLogin().then(({ user }) => user._id); undefined")
    assert {tab.evaluate("window.started") for tab in tabs} == {page.evaluate("denwa.User._oid")}


def test_auto_login_of_somebody_who_never_logged_in(page: Page):
    refusal(page, "await denwa.User.autoLogin()", WRONG_LOGIN)
    assert not is_authenticated(page)


def test_auto_login_is_off_where_the_backend_says_so(page: Page):
    run(page, "denwa.configure({ monacaBackend: 'forgetful', clientID: 'forgetful' })")
    name = register(page)
    assert "loginToken" not in log_in(page, name)
    page.reload()
    run(page, "denwa.configure({ monacaBackend: 'forgetful', clientID: 'forgetful' })")
    refusal(page, "await denwa.User.autoLogin()", 13)


def test_logout_ends_session_and_auto_login(page: Page, server: Server):
    login_token = log_in(page, register(page))["loginToken"]
    assert login_token in stored(page)
    assert run(page, "return denwa.User.logout()") == {}
    assert not is_authenticated(page) and page.evaluate("denwa.User._oid") is None
    assert login_token not in stored(page)
    refusal(page, "await denwa.User.getProperty('age')", 11)
    refusal(page, "await denwa.User.autoLogin()", WRONG_LOGIN)
    call = {"jsonrpc": "2.0", "method": "User.autoLogin", "id": "1",
            "params": {"loginToken": login_token, "__api_key": API_KEY, "__device": "elsewhere"}}
    assert server.http.post(f"/monaca/{CLIENT}", json=call).json()["error"]["code"] == WRONG_LOGIN


def test_logout_without_a_session_ends_auto_login_all_the_same(page: Page):
    """Else whoever presses "log out" after a reload is logged in again at the next."""
    log_in(page, register(page))
    page.reload()
    refusal(page, "await denwa.User.logout()", 11)
    refusal(page, "await denwa.User.autoLogin()", WRONG_LOGIN)


# MARK: passwords


def test_update_password(page: Page, open_browser: OpenBrowser, app: SDKApp):
    name = register(page)
    elsewhere = open_page(open_browser(), app)
    log_in(elsewhere, name)
    error = refusal(page, "await denwa.User.updatePassword('not-the-password', 'green-harbour-8')", -32602)
    assert error["data"] == {"oldPassword": "wrong"}
    assert run(page, "return denwa.User.updatePassword(values.old, 'green-harbour-8')", old=PASSWORD) == {}
    run(page, "await denwa.User.saveProperty('still', 'here')")

    refusal(elsewhere, "await denwa.User.getProperty('still')", 11)
    assert not is_authenticated(elsewhere), "it has heard that its session is over"
    refusal(elsewhere, "await denwa.User.login(values.name, values.old)", WRONG_LOGIN, name=name, old=PASSWORD)
    log_in(elsewhere, name, "green-harbour-8")


@pytest.mark.parametrize("by_property", [False, True], ids=["the username", "a property"])
def test_reset_password_and_login(page: Page, server: Server, by_property: bool):
    if by_property:
        name, address = f"user{next(_names)}", fresh_name()
        register(page, name, mail=address)
        run(page, "await denwa.User.logout()")
        work = "return denwa.User.sendPasswordResetToken(values.name, { emailPropertyName: 'mail' })"
    else:
        name = address = register(page)
        run(page, "await denwa.User.logout()")
        work = "return denwa.User.sendPasswordResetToken(values.name)"
    assert run(page, work, name=name) == {}
    (token,) = re.findall(r"(?<![\w-])[\w-]{43}(?![\w-])", server.outbox.wait(address)["body"])
    reset = "return denwa.User.resetPasswordAndLogin(values.name, 'green-harbour-8', values.token)"
    refusal(page, reset, -32602, name=name, token="A" * 43)
    assert run(page, reset, name=name, token=token)["user"]["_username"] == name
    assert is_authenticated(page)
    run(page, "await denwa.User.logout()")
    refusal(page, reset, -32602, name=name, token=token)
    log_in(page, name, "green-harbour-8")


def test_no_reset_while_somebody_is_logged_in(page: Page):
    name = register(page)
    refusal(page, "await denwa.User.sendPasswordResetToken(values.name)", 13, name=name)
    refusal(page, "await denwa.User.resetPasswordAndLogin(values.name, 'green-harbour-8', 'x')", 13, name=name)


def test_a_reset_for_nobody_looks_like_one_for_somebody(page: Page):
    assert run(page, "return denwa.User.sendPasswordResetToken(values.name)", name=fresh_name()) == {}


# MARK: properties


@pytest.mark.parametrize("value", ["text", 3.5, False, None, [1, {"deep": []}], {"a": {"b": "電話"}}], ids=str)
def test_a_property_holds_any_json(page: Page, value: Any):
    register(page)
    assert run(page, "return denwa.User.saveProperty('kept', values.value)", value=value) == {}
    assert run(page, "return denwa.User.getProperty('kept')") == value


def test_a_property_that_is_not_there_is_undefined(page: Page):
    register(page)
    assert page.evaluate("denwa.User.getProperty('absent').then((value) => value === undefined)") is True


def test_several_properties_at_once(page: Page):
    register(page, age=21, icon="cat")
    assert run(page, "return denwa.User.saveProperties({ age: 22, nickname: 'Jo' })") == {}
    assert run(page, "return denwa.User.getProperties(['age', 'icon', 'nickname'])") == {
        "age": 22, "icon": "cat", "nickname": "Jo"}


def test_a_property_with_a_bad_name_is_refused(page: Page):
    register(page)
    refusal(page, "await denwa.User.saveProperty('_id', 1)", -32602)
    refusal(page, "await denwa.User.saveProperties({ 'a-b': 1 })", -32602)


@pytest.mark.parametrize("call", [
    "getProperty('a')", "getProperties(['a'])", "saveProperty('a', 1)", "saveProperties({ a: 1 })", "logout()",
    "unregister('p')", "updatePassword('p', 'q')",
])
def test_what_needs_a_login_says_so(page: Page, call: str):
    refusal(page, f"await denwa.User.{call}", 11)


# MARK: the promises


def test_done_fail_and_always_of_a_success(page: Page):
    name = register(page)
    heard = run(page, """const heard = [];
      const answer = denwa.User.login(values.name, values.password);
      const same = answer
        .done((result) => heard.push(["first", result.user._username]))
        .fail((error) => heard.push(["fail", error]))
        .always((result) => heard.push(["always", result.user._username]))
        .done((result) => heard.push(["second", result.user._username]));
      const isSame = same === answer && answer instanceof Promise;
      const result = await answer;
      await null;
      return [isSame, heard, result.user._username]""", name=name, password=PASSWORD)
    assert heard == [True, [["first", name], ["always", name], ["second", name]], name]


def test_done_fail_and_always_of_a_failure(page: Page):
    heard = run(page, """const heard = [];
      const answer = denwa.User.login("nobody-at-all", "no-password-1");
      answer
        .done(() => heard.push("done"))
        .fail((error) => heard.push(["fail", error.code, typeof error.message, Object.keys(error.data).sort()]))
        .always((error) => heard.push(["always", error.code]));
      const caught = await answer.catch((error) => error);
      await null;
      return [heard, caught instanceof denwa.DenwaError]""")
    assert heard == [[["fail", -32602, "string", ["password", "username"]], ["always", -32602]], True]


def test_what_then_makes_has_done_and_fail_too(page: Page):
    """As the original's documentation chains them."""
    name = register(page, age=21)
    heard = run(page, """const heard = [];
      await denwa.User.login(values.name, values.password)
        .then(() => denwa.User.getProperty("age"))
        .done((age) => heard.push(age))
        .then(() => { throw new Error("mine"); })
        .fail((error) => heard.push(error.message))
        .catch(() => {});
      return heard""", name=name, password=PASSWORD)
    assert heard == [21, "mine"]


def test_only_done_is_enough(page: Page):
    """A failure that nobody asked about is no uncaught error, as it was none in the original."""
    uncaught: list[Any] = []
    page.on("pageerror", lambda error: uncaught.append(error))
    with page.expect_response("**/monaca/**"):
        page.evaluate("denwa.User.login('nobody-at-all', 'no-password-1').done(() => {}); undefined")
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
    assert uncaught == []


# MARK: monaca.cloud.User


def test_monaca_cloud_user_is_the_same(page: Page):
    assert page.evaluate("denwa.monaca() === denwa.User && monaca.cloud.User === denwa.User")
    members = page.evaluate("Object.keys(monaca.cloud.User).sort()")
    assert members == sorted([
        "register", "validate", "unregister", "login", "isAuthenticated", "autoLogin", "logout", "updatePassword",
        "sendPasswordResetToken", "resetPasswordAndLogin", "getProperty", "getProperties", "saveProperty",
        "saveProperties", "_oid"])
    name = register(page)
    assert page.evaluate("name => monaca.cloud.User.login(name, 'blue-harbour-7').then(({ user }) => user._id)", name)
    assert page.evaluate("monaca.cloud.User._oid")


def test_what_else_is_in_monaca_stays(page: Page):
    page.evaluate("window.monaca = { isIOS: false, cloud: { Collection: 1 } }; denwa.monaca(); undefined")
    assert page.evaluate("[monaca.isIOS, monaca.cloud.Collection, typeof monaca.cloud.User.login]") == [
        False, 1, "function"]


# MARK: what goes over the wire, and what stays


def test_the_wire_is_the_originals(page: Page, context: BrowserContext, server: Server):
    traffic = Traffic(context, server)
    name = register(page)
    run(page, "await denwa.User.getProperty('age')")
    page.reload()
    log_in(page, name)
    registered, asked, logged_in = [json.loads(call.post_data) for call in traffic.to(f"/monaca/{CLIENT}")]
    assert registered["jsonrpc"] == "2.0" and registered["method"] == "User.register" and registered["id"] == "1"
    assert registered["params"].items() >= {"username": name, "password": PASSWORD, "__api_key": API_KEY}.items()
    assert "__session" not in registered["params"] and re.fullmatch("[A-Za-z0-9]+", asked["params"]["__session"])
    devices = {call["params"]["__device"] for call in (registered, asked, logged_in)}
    assert len(devices) == 1 and len(devices.pop()) >= 22


def test_passwords_and_sessions_are_not_stored(page: Page, context: BrowserContext, server: Server):
    traffic = Traffic(context, server)
    log_in(page, register(page, secret="a property"))
    run(page, "await denwa.User.getProperty('secret')")
    session = json.loads(traffic.to(f"/monaca/{CLIENT}")[-1].post_data)["params"]["__session"]
    for secret in (PASSWORD, session, "a property"):
        assert secret not in stored(page)


def test_a_wrong_api_key(page: Page):
    run(page, "denwa.configure({ monacaApiKey: 'another' })")
    refusal(page, "await denwa.User.login('somebody', 'password-1')", 4)


def test_too_many_guesses_say_when_to_come_back(context: BrowserContext, start_server: StartServer):
    app, server = SDKApp(), start_server(started_=False, DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="2/3600")
    with app.serving(server):
        server.write_clients(clients(app))
        server.start()
        page = open_page(context, app)
        name = register(page)
        for _ in range(2):
            refusal(page, "await denwa.User.login(values.name, 'not-the-password')", WRONG_LOGIN, name=name)
        error = refusal(page, "await denwa.User.login(values.name, 'not-the-password')", -32000, name=name)
        assert 1 <= error["retryAfter"] <= 3600
        assert error["message"] and error["data"] == {}


def test_a_server_that_is_away(page: Page, server: Server):
    page.route(f"{server.url}/monaca/**", lambda route: route.abort())
    refusal(page, "await denwa.User.login('somebody', 'password-1')", "unreachable")
