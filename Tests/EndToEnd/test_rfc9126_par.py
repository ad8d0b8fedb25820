"""RFC 9126: an authorization request that the client pushes, and the browser only points at."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pytest

from harness import (
    Server, StartServer, assert_oauth_error, at_once, confidential_client, fresh_number, machine_client, phone_client,
    pkce, secret_of,
)
from person import Page, Person, assert_shown, authorize_url, people

pytestmark = pytest.mark.nodes

STATE = "state-4f1d2c &+%/\"é電話"
REQUEST_URI = re.compile(r"urn:ietf:params:oauth:request_uri:[A-Za-z0-9_-]{43}")


def callback(client: str) -> str:
    return f"https://{client}.example/callback"


def clients() -> list[dict[str, Any]]:
    return [
        confidential_client("web"),
        confidential_client("web-post", "client_secret_post"),
        confidential_client("other"),
        confidential_client("asks", first_party=False),
        confidential_client("pushes", require_pushed_authorization_requests=True),
        confidential_client("narrow", scope="openid"),
        phone_client("public"),
        machine_client("machine", redirect_uris=[callback("machine")]),
    ]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=clients(), DENWA_LIMITS_AUTHORIZE_PER_SESSION="0")


@pytest.fixture
def make_person(server: Server) -> Iterator[Callable[[], Person]]:
    with people() as make:
        yield lambda: make(server)


@pytest.fixture(scope="module")
def member(server: Server) -> Iterator[Person]:
    """Somebody who is signed in to a browser."""
    with people() as make:
        member = make(server)
        member.sign_in(authorize_url(server, "web"), fresh_number())
        yield member


def good(client: str = "web", **change: Any) -> dict[str, Any]:
    """The parameters of a request that is good; `None` takes one away."""
    asked = {"response_type": "code", "redirect_uri": callback(client), "state": STATE, "scope": "openid"} | change
    return {name: value for name, value in asked.items() if value is not None}


def push(server: Server, client: str = "web", form: Any = None) -> httpx.Response:
    """As RFC 9126 §2.1 shows it: the `client_id` stands in the form, however the client authenticates."""
    pairs = list(good(client).items() if form is None else form.items() if isinstance(form, dict) else form)
    if server.client(client)["token_endpoint_auth_method"] == "client_secret_basic" and "client_id" not in dict(pairs):
        pairs.append(("client_id", client))
    return server._form("/oauth2/par", client, pairs, None)


def request_uri(server: Server, client: str = "web", **change: Any) -> str:
    reply = push(server, client, good(client, **change))
    assert reply.status_code == 201, reply.text
    return reply.json()["request_uri"]


def pointing(server: Server, uri: str, client: str | None = "web", **more: str) -> str:
    query = ({"client_id": client} if client else {}) | {"request_uri": uri} | more
    return f"{server.url}/oauth2/authorize?{urlencode(query)}"


def sealed(server: Server, person: Person, uri: str, client: str = "web") -> str:
    """The address that the first visit is sent on to: it carries the request and can be reloaded."""
    reply = person.browser.get(pointing(server, uri, client))
    assert reply.status_code == 303, f"{reply.status_code}: {reply.text[:300]}"
    address = urljoin(server.url, reply.headers["location"])
    assert address.startswith(server.url), "it stays here"
    return address


# MARK: pushed and used


@pytest.mark.parametrize("client", ["web", "web-post", "public", "pushes"])
def test_a_pushed_request_signs_somebody_in(server: Server, make_person, client: str):
    verifier, challenge = pkce()
    reply = push(server, client, good(client, **challenge))
    assert reply.status_code == 201, reply.text
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert "no-store" in reply.headers["cache-control"]
    told = reply.json()
    assert set(told) == {"request_uri", "expires_in"}
    assert REQUEST_URI.fullmatch(told["request_uri"])
    assert told["expires_in"] == 60

    page = make_person().sign_in(pointing(server, told["request_uri"], client), fresh_number())
    assert page.url.startswith(f"{callback(client)}?")
    assert page.parameters["state"] == STATE
    assert page.parameters["iss"] == server.url
    tokens = server.token(client, {
        "grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": callback(client),
        "code_verifier": verifier,
    })
    assert tokens.status_code == 200, tokens.text
    assert tokens.json()["scope"] == "openid"


def test_no_two_requests_have_one_name(server: Server):
    assert len({request_uri(server) for _ in range(20)}) == 20


def test_a_pushed_no_is_told_to_the_app(server: Server, make_person):
    person = make_person()
    asked = person.sign_in(pointing(server, request_uri(server, "asks"), "asks"), fresh_number())
    assert "Client asks" in asked.heading
    answer = person.consent(asked, allow=False)
    assert answer.parameters["error"] == "access_denied"
    assert answer.parameters["state"] == STATE


def test_prompt_none_is_answered_from_a_pushed_request(server: Server, make_person):
    page = make_person().visit(pointing(server, request_uri(server, prompt="none")))
    assert page.url.startswith(callback("web"))
    assert page.parameters["error"] == "login_required"
    assert page.parameters["state"] == STATE and page.parameters["iss"] == server.url


def test_a_fresh_sign_in_that_was_pushed_cannot_be_taken_out(server: Server, make_person):
    """Unlike one in the address, which the person can edit."""
    person, number = make_person(), fresh_number()
    person.sign_in(authorize_url(server, "web"), number)
    assert "code" in person.visit(authorize_url(server, "web")).parameters
    address = sealed(server, person, request_uri(server, prompt="login"))
    for more in ("", "&prompt=none", "&prompt=", "&max_age=100000"):
        assert person.visit(address + more).has_form("phone_number"), more
    assert "code" in person.sign_in(address, number).parameters, "and once is enough"


def test_nothing_beside_the_request_uri_counts(server: Server, member: Person):
    """RFC 9126 §4, RFC 9101 §5: what a browser carries is anybody's to change."""
    page = member.visit(pointing(
        server, request_uri(server), redirect_uri="https://evil.example/callback", state="another-state",
        scope="openid phone offline", prompt="none", response_mode="form_post", response_type="token", nonce="forged",
        code_challenge="x" * 43, code_challenge_method="S256", max_age="nonsense",
    ))
    assert page.url.startswith(f"{callback('web')}?")
    assert page.parameters["state"] == STATE
    tokens = server.token("web", {
        "grant_type": "authorization_code", "code": page.parameters["code"], "redirect_uri": callback("web"),
    })
    assert tokens.status_code == 200, "the challenge that was added on the way is not part of it"
    assert tokens.json()["scope"] == "openid"


def test_the_query_of_a_push_is_not_read(server: Server, member: Person):
    form = good(scope=None) | {"client_id": "web"}
    reply = server._form("/oauth2/par?scope=openid+phone&state=another-state", "web", form, None)
    assert reply.status_code == 201, reply.text
    assert member.visit(pointing(server, reply.json()["request_uri"])).parameters["state"] == STATE
    assert_oauth_error(server._form(f"/oauth2/par?{urlencode(good())}", "web", {}, None), 400, "invalid_request")


def test_a_client_that_authenticated_need_not_be_named_again(server: Server, member: Person):
    pushed = server.http.post("/oauth2/par", data=good(), auth=("web", secret_of("web")))
    assert pushed.status_code == 201, pushed.text
    assert "code" in member.visit(pointing(server, pushed.json()["request_uri"])).parameters


@pytest.mark.parametrize("document", ["openid-configuration", "oauth-authorization-server"])
def test_the_metadata_say_where_to_push(server: Server, document: str):
    told = server.http.get(f"/.well-known/{document}").json()
    assert told["pushed_authorization_request_endpoint"] == f"{server.url}/oauth2/par"
    assert told["require_pushed_authorization_requests"] is False


# MARK: used once


def test_a_second_visit_of_the_same_request_uri_is_refused(server: Server, make_person, member: Person):
    uri = request_uri(server)
    assert make_person().visit(pointing(server, uri)).has_form("phone_number")
    for person in (make_person(), member):
        assert_shown(person.visit(pointing(server, uri)))


def test_a_reload_of_the_page_goes_on(server: Server, make_person):
    person = make_person()
    address = sealed(server, person, request_uri(server))
    for _ in range(3):
        assert person.visit(address).has_form("phone_number")
    assert "code" in person.sign_in(address, fresh_number()).parameters


def test_the_address_of_the_page_tells_nothing_of_the_request(server: Server, make_person):
    """RFC 9126 §1: no part of the request travels through the browser where it could be read."""
    address = sealed(server, make_person(), request_uri(server, login_hint="+819012345678", nonce="nonce-in-private"))
    for secret in ("819012345678", "nonce-in-private", "4f1d2c", "callback"):
        assert secret not in address


def test_one_pushed_request_brings_one_code(server: Server, make_person):
    person = make_person()
    address = sealed(server, person, request_uri(server))
    first = person.sign_in(address, fresh_number())
    assert "code" in first.parameters
    again = person.visit(address)
    assert "code" not in parse_qs(urlsplit(again.url).query), "a copied address would be worth a code"


def test_a_yes_that_is_said_twice_brings_one_code(server: Server, make_person):
    person = make_person()
    asked = person.sign_in(pointing(server, request_uri(server, "asks"), "asks"), fresh_number())
    form = asked.form("decision", "session")
    assert "code" in person.submit(form, decision="allow").parameters
    again = person.submit(form, decision="allow")
    assert "code" not in parse_qs(urlsplit(again.url).query)


def test_of_twenty_first_visits_one_goes_on(server: Server, make_person):
    uri = request_uri(server)
    browsers = [make_person().browser for _ in range(20)]
    replies = at_once(20, lambda index: browsers[index].get(pointing(server, uri)))
    assert sorted(reply.status_code for reply in replies) == [303] + [400] * 19


def test_of_twenty_visits_by_one_who_is_signed_in_one_brings_a_code(server: Server, member: Person):
    address = sealed(server, member, request_uri(server))
    cookies = {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in member.browser.cookies.jar)}
    replies = at_once(20, lambda _: server.http.get(address, headers=cookies))
    found = [reply for reply in replies if "code=" in reply.headers.get("location", "")]
    assert len(found) == 1, [reply.status_code for reply in replies]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT"])
def test_only_an_opened_page_uses_a_request_up(server: Server, make_person, method: str):
    uri = request_uri(server)
    server.http.request(method, pointing(server, uri))
    assert make_person().visit(pointing(server, uri)).has_form("phone_number")


# MARK: the wrong request_uri


@pytest.mark.parametrize("uri", [
    pytest.param("urn:ietf:params:oauth:request_uri:" + "A" * 43, id="unknown"),
    pytest.param("urn:ietf:params:oauth:request_uri:", id="without its end"),
    pytest.param("urn:ietf:params:oauth:request_uri:short", id="too short"),
    pytest.param("urn:ietf:params:oauth:request_uri:" + "A" * 5_000, id="too long"),
    pytest.param("urn:ietf:params:oauth:request_uri:<script>alert(1)</script>", id="markup"),
])
def test_a_request_uri_that_was_never_given_leads_to_a_page(server: Server, member: Person, uri: str):
    page = member.visit(pointing(server, uri, redirect_uri=callback("web"), state=STATE))
    assert_shown(page)
    assert "<script>alert" not in page.text and "A" * 43 not in page.text


def test_a_request_uri_is_for_its_client(server: Server, member: Person):
    uri = request_uri(server)
    assert_shown(member.visit(pointing(server, uri, "other", redirect_uri=callback("other"))))
    assert_shown(member.visit(pointing(server, uri, "no-such-client")))
    assert_shown(member.visit(pointing(server, uri, None)))
    assert "code" in member.visit(pointing(server, uri)).parameters, "and a stranger does not use it up"


def test_a_spelling_that_differs_is_another_request_uri(server: Server, member: Person):
    uri = request_uri(server)
    capitals = uri.replace("request_uri:", "REQUEST_URI:")
    for other in (uri[:-1], uri + "A", uri + " ", uri[:4].upper() + uri[4:], capitals):
        page = member.visit(pointing(server, other))
        assert "code" not in parse_qs(urlsplit(page.url).query), other
    assert "code" in member.visit(pointing(server, uri)).parameters


@pytest.mark.parametrize(
    "uri", ["https://web.example/request.jwt", "http://127.0.0.1:1/request.jwt", "file:///etc/passwd"])
def test_requests_are_fetched_from_nowhere(server: Server, member: Person, uri: str):
    """RFC 9101 §10.4: each of these would be a request that a stranger makes this server send."""
    page = member.visit(pointing(server, uri, redirect_uri=callback("web"), state="state-4f1d2c", response_type="code"))
    if page.url.startswith(callback("web")):
        assert page.parameters["error"] == "request_uri_not_supported"
    else:
        assert_shown(page)


def test_a_request_uri_twice_is_none(server: Server, member: Person):
    uri = request_uri(server)
    assert_shown(member.visit(pointing(server, uri) + "&" + urlencode({"request_uri": uri})))
    assert_shown(member.visit(pointing(server, uri) + "&client_id=web"))


# MARK: what cannot be pushed. Each row differs from a good push in one thing

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no response_type": ({"response_type": None}, "invalid_request"),
    "the implicit grant": ({"response_type": "token"}, "unsupported_response_type"),
    "a hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "a redirect_uri that is not registered": ({"redirect_uri": "https://evil.example/callback"}, "invalid_request"),
    "a redirect_uri with something behind it": ({"redirect_uri": callback("web") + "/../x"}, "invalid_request"),
    "another client's redirect_uri": ({"redirect_uri": callback("other")}, "invalid_request"),
    "a pushed request in it": (
        {"request_uri": "urn:ietf:params:oauth:request_uri:" + "A" * 43}, "invalid_request"),
    "another request_uri in it": ({"request_uri": "https://web.example/request.jwt"}, "invalid_request"),
    "a challenge without its method": ({"code_challenge": "x" * 43}, "invalid_request"),
    "a challenge that hides nothing": (
        {"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
    "a challenge that is too short": ({"code_challenge": "x", "code_challenge_method": "S256"}, "invalid_request"),
    "no state": ({"state": None}, "invalid_request"),
    "a fragment as response_mode": ({"response_mode": "fragment"}, "invalid_request"),
    "a malformed scope": ({"scope": 'open"id'}, "invalid_scope"),
    "a negative max_age": ({"max_age": "-1"}, "invalid_request"),
    "prompts that exclude each other": ({"prompt": "none login"}, "invalid_request"),
    "classes that nobody knows": ({"acr_values": "urn:example:gold"}, "unmet_authentication_requirements"),
    "a resource that is not the client's": ({"resource": "https://api.example/"}, "invalid_target"),
    "a client_id of another client": ({"client_id": "other"}, "invalid_request"),
    "a client_id that does not exist": ({"client_id": "no-such-client"}, "invalid_request"),
}


@pytest.mark.parametrize(("change", "error"), WRONG.values(), ids=WRONG.keys())
def test_a_push_is_refused_at_once_that_has(server: Server, change: dict[str, Any], error: str):
    """RFC 9126 §2.3: the client learns it, and no browser is bothered."""
    reply = push(server, "web", good("web", **change))
    if "client_id" in change:
        assert_oauth_error(reply, reply.status_code, error, "invalid_client")
        assert reply.status_code in (400, 401)
    else:
        assert_oauth_error(reply, 400, error)


def test_a_scope_beyond_the_registered_is_refused(server: Server):
    assert_oauth_error(push(server, "narrow", good("narrow", scope="openid phone")), 400, "invalid_scope")


def test_a_public_client_needs_a_challenge_when_it_pushes(server: Server):
    assert_oauth_error(push(server, "public"), 400, "invalid_request")


@pytest.mark.parametrize("name", ["response_type", "redirect_uri", "state", "scope", "client_id"])
def test_a_parameter_twice_is_refused(server: Server, name: str):
    pairs = [*good().items(), ("client_id", "web")]
    pairs.append((name, dict(pairs)[name]))
    assert_oauth_error(push(server, "web", pairs), 400, "invalid_request")


def test_a_client_without_this_grant_pushes_nothing(server: Server):
    assert_oauth_error(push(server, "machine", good("machine")), 400, "unauthorized_client")


def test_only_the_client_itself_pushes(server: Server):
    for name, (client, how) in {
        "nobody": ("web", {}),
        "a wrong secret": ("web", {"auth": ("web", "wrong-secret-0b1fKqR7ZxT2")}),
        "another client's secret": ("web", {"auth": ("web", secret_of("other"))}),
        "an unknown client": ("no-such-client", {"auth": ("no-such-client", secret_of("web"))}),
    }.items():
        reply = server.http.post("/oauth2/par", data=good() | {"client_id": client}, **how)
        assert reply.status_code == 401, f"{name}: {reply.status_code} {reply.text}"
        assert_oauth_error(reply, 401, "invalid_client")
        assert reply.headers["www-authenticate"].startswith("Basic")
        assert "request_uri" not in reply.json()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_pushing_is_a_post(server: Server, method: str):
    reply = server.http.request(method, "/oauth2/par")
    assert reply.status_code == 405
    assert "POST" in reply.headers["allow"]
    assert reply.json()["error"] == "method_not_allowed"


def test_a_push_is_a_form_of_at_most_sixteen_kibibytes(server: Server):
    auth = ("web", secret_of("web"))
    assert_oauth_error(server.http.post("/oauth2/par", json=good(), auth=auth), 400, "invalid_request")
    large = push(server, "web", good("web", nonce="n" * 17_000))
    assert large.status_code == 413
    assert large.json()["error"] == "invalid_request"


# MARK: clients that must push


@pytest.mark.parametrize("with_request_uri", [False, True], ids=["plainly", "with a request_uri that is none"])
def test_a_client_that_must_push_cannot_ask_by_the_browser(server: Server, member: Person, with_request_uri: bool):
    more = {"request_uri": "urn:ietf:params:oauth:request_uri:" + "A" * 43} if with_request_uri else {}
    page = member.visit(authorize_url(server, "pushes", **more))
    assert "code" not in parse_qs(urlsplit(page.url).query)
    if page.url.startswith(callback("pushes")):
        assert page.parameters["error"] == "invalid_request"
    else:
        assert_shown(page)


def test_a_sealed_address_is_good_for_its_own_request_only(server: Server, make_person, member: Person):
    """What the first visit is sent on to is no way around: neither changed nor for another client."""
    address = sealed(server, make_person(), request_uri(server, "pushes"), "pushes")
    path, _, query = address.partition("?")
    for name, values in parse_qs(query).items():
        others = {name: values[0][:-6] + "AAAAAA"} if name != "client_id" else {name: "other"}
        page = member.visit(f"{path}?{urlencode({key: value[0] for key, value in parse_qs(query).items()} | others)}")
        assert "code" not in parse_qs(urlsplit(page.url).query), f"{name} was changed"
    assert "code" in member.visit(address).parameters


# MARK: limits, and another life


def test_pushes_are_counted_for_each_client(start_server: StartServer):
    server = start_server(clients=clients(), DENWA_LIMITS_PUSH_PER_CLIENT="3/60")
    for _ in range(5):
        assert server.http.post("/oauth2/par", data=good() | {"client_id": "web"}).status_code == 401
    replies = [push(server) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [201, 201, 201, 429]
    limited = replies[-1]
    assert_oauth_error(limited, 429, "temporarily_unavailable")
    assert 0 < int(limited.headers["retry-after"]) <= 60
    assert {"ratelimit", "ratelimit-policy"} <= set(limited.headers)
    assert push(server, "other").status_code == 201, "another client is not held up"


@pytest.mark.parametrize("change", [
    pytest.param({"redirect_uris": ["https://web.example/other"]}, id="of its address"),
    pytest.param({"grant_types": ["client_credentials"]}, id="of its grants"),
    pytest.param(None, id="of its being there at all"),
])
def test_a_change_of_the_registration_counts_between_push_and_visit(
    start_server: StartServer, change: dict[str, Any] | None
):
    server = start_server(clients=clients())
    before, after = request_uri(server), request_uri(server)
    with people() as make:
        person = make(server)
        address = sealed(server, person, before)
        server.write_clients([
            client | change if client["client_id"] == "web" else client
            for client in server.clients if change or client["client_id"] != "web"
        ])
        server.end()
        server.start()
        for url in (address, pointing(server, after)):
            page = person.visit(url)
            assert not page.has_form("phone_number")
            assert not page.url.startswith(f"{callback('web')}?code=")


def test_a_pushed_request_outlives_the_process_and_its_use_too(start_server: StartServer):
    server = start_server(clients=clients())
    used, unused = request_uri(server), request_uri(server)
    with people() as make:
        person = make(server)
        address = sealed(server, person, used)
        server.end()
        server.start()
        assert_shown(make(server).visit(pointing(server, used)))
        page: Page = person.sign_in(address, fresh_number())
        assert "code" in page.parameters
        assert "code" in person.visit(pointing(server, unused)).parameters
