"""The Monaca wire: one POST, JSON-RPC 2.0 under any content type, the order of the checks, CORS and limits."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from harness import StartServer, at_once
from monaca import (
    API_KEY, CALLS_THAT_NEED_LOGIN, DEVICE, FORM, LOGIN_REQUIRED, METHOD, ORIGINS, PARAMS, PARSE, PASSWORD, QUIET,
    REQUEST, SESSION_FORMAT, SESSION_HEADER, TOO_MANY, Backend, Reply, check_envelope, check_http, fresh_name, key_of,
    monaca_client, monaca_clients, read,
)

pytestmark = pytest.mark.nodes

METHODS = [
    "User.register", "User.validate", "User.unregister", "User.login", "User.autoLogin", "User.logout",
    "User.updatePassword", "User.sendPasswordResetToken", "User.resetPasswordAndLogin", "User.getProperties",
    "User.saveProperties",
]


@pytest.fixture(scope="module")
def backend(start_module_server: StartServer) -> Backend:
    return Backend(start_module_server(clients=monaca_clients(), **QUIET))


def validate(backend: Backend, **members: Any) -> dict[str, Any]:
    """The cheapest call that works for everybody."""
    return backend.call("User.validate", {"username": fresh_name(), "properties": {}}, **members)


# MARK: envelope


@pytest.mark.parametrize("id", ["1", "", "a\u0000b", "電話🎮", 0, 7, -3, 2**53, None], ids=repr)
def test_the_id_comes_back_as_it_went(backend: Backend, id: Any):
    reply = backend.ask(validate(backend, id=id))
    assert reply.result == {}
    assert (reply.body["id"], type(reply.body["id"])) == (id, type(id))


@pytest.mark.parametrize("content_type", [
    FORM, f"{FORM}; charset=UTF-8", "application/json", "application/json; charset=utf-8", "application/json-rpc",
    "text/plain", "application/octet-stream", "nonsense", None,
], ids=repr)
def test_json_is_json_under_any_content_type(backend: Backend, content_type: str | None):
    http = backend.post(json.dumps(validate(backend)), content_type)
    check_http(http)
    assert check_envelope(http.json())["result"] == {}


def test_white_space_around_the_json_is_none_of_it(backend: Backend):
    http = backend.post(" \r\n\t" + json.dumps(validate(backend), indent=4) + "\n\n")
    assert check_envelope(http.json())["result"] == {}


def test_members_nobody_asked_for_change_nothing(backend: Backend):
    call = validate(backend, verified=True, auth="x", context={"admin": True})
    call["params"] |= {"_id": "1", "admin": True, "__admin": True}
    assert backend.ask(call).result == {}


@pytest.mark.parametrize("content", [
    pytest.param(b"", id="nothing"),
    pytest.param(b"   ", id="white space"),
    pytest.param(b"username=a&password=b", id="a form"),
    pytest.param(b'{"jsonrpc":"2.0","method":"User.validate"', id="cut off"),
    pytest.param(b'{"jsonrpc":"2.0"} trailing', id="something after it"),
    pytest.param(b"{'jsonrpc':'2.0'}", id="wrong quotes"),
    pytest.param(b'{"jsonrpc":"2.0","id":"\xff\xfe"}', id="not UTF-8"),
    pytest.param(b"[NaN]", id="not a number of JSON"),
    pytest.param(b'[{"jsonrpc":"2.0"', id="a batch cut off"),
])
def test_what_is_not_json_is_a_parse_error(backend: Backend, content: bytes):
    http = backend.post(content)
    check_http(http)
    reply = Reply(http, check_envelope(http.json()))
    reply.refused(PARSE)
    assert reply.body["id"] is None


@pytest.mark.parametrize("body", [None, True, 1, "User.validate", {}, {"foo": "boo"}], ids=repr)
def test_json_that_is_no_call_is_an_invalid_request(backend: Backend, body: Any):
    reply = backend.ask(body)
    reply.refused(REQUEST)
    assert reply.body["id"] is None


@pytest.mark.parametrize("members", [
    {"jsonrpc": None}, {"jsonrpc": "1.0"}, {"jsonrpc": 2.0}, {"jsonrpc": ""},
    {"method": None}, {"method": 1}, {"method": ["User.validate"]},
    {"id": {}}, {"id": ["1"]}, {"id": True},
    {"params": "x"}, {"params": 7}, {"params": True},
], ids=repr)
def test_one_member_out_of_shape_is_an_invalid_request(backend: Backend, members: dict[str, Any]):
    reply = backend.ask(validate(backend) | members)
    reply.refused(REQUEST)
    assert reply.body["id"] in (None, "1")


@pytest.mark.parametrize("member", ["jsonrpc", "method"])
def test_one_member_missing_is_an_invalid_request(backend: Backend, member: str):
    call = validate(backend)
    del call[member]
    backend.ask(call).refused(REQUEST)


def test_params_by_position_are_not_taken(backend: Backend):
    reply = backend.ask(validate(backend) | {"params": [fresh_name(), {}]})
    assert reply.error["code"] in (REQUEST, PARAMS, API_KEY)


def test_without_params_there_is_no_key(backend: Backend):
    call = validate(backend)
    del call["params"]
    backend.ask(call).refused(API_KEY)


@pytest.mark.parametrize("method", [
    "User.nothing", "user.validate", "User.Validate", "validate", "User.validate ", "User.isAuthenticated", "User._oid",
    "User.getProperty", "User.saveProperty", "rpc.discover", "User.", "", "User.constructor", "ＵＳＥＲ.validate",
])
def test_a_method_that_is_none(backend: Backend, method: str):
    reply = backend.ask(validate(backend) | {"method": method})
    reply.refused(METHOD)
    assert reply.body["id"] == "1"


# MARK: the order of the checks


def test_the_first_thing_wrong_is_the_one_told(backend: Backend):
    """From the last check to the first: each step spoils one thing more, and that one is told from then on."""
    call = backend.call("User.saveProperties", {"properties": {"color": "blue"}, "__session": "0" * 64})
    backend.ask(call).refused(LOGIN_REQUIRED)
    call["params"]["properties"] = {"_id": "mine"}
    backend.ask(call).refused(PARAMS)
    call["params"]["__session"] = "not-a-session"
    backend.ask(call).refused(SESSION_FORMAT)
    del call["params"]["__device"]
    backend.ask(call).refused(DEVICE)
    call["params"]["__api_key"] = "wrong"
    backend.ask(call).refused(API_KEY)
    call["method"] = "User.nothing"
    backend.ask(call).refused(METHOD)
    call["jsonrpc"] = "1.0"
    backend.ask(call).refused(REQUEST)
    http = backend.post(json.dumps(call)[:-1])
    Reply(http, check_envelope(http.json())).refused(PARSE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("key", [
    "", "wrong", key_of("other-backend"), key_of("backend").upper(), key_of("backend") + " ", None, 4, [], True,
], ids=repr)
def test_every_method_wants_the_key_of_this_backend(backend: Backend, method: str, key: Any):
    backend.ask(backend.call(method, {"__api_key": key})).refused(API_KEY)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_wants_a_device_and_a_session_in_shape(backend: Backend, method: str):
    call = backend.call(method)
    del call["params"]["__device"]
    backend.ask(call).refused(DEVICE)
    for device in ("", None):
        backend.ask(backend.call(method, {"__device": device})).refused(DEVICE)
    backend.ask(backend.call(method, {"__session": "dash-ed"})).refused(SESSION_FORMAT)


@pytest.mark.parametrize("session", [
    "a b", "ab\n", " ab", "a_b", "a.b", "a/b", "a'b", "é12", "１２３４", "ab\u0000", "a" * 32 + "=", "電話",
], ids=repr)
def test_a_session_has_letters_and_digits_only(backend: Backend, session: str):
    backend.ask(backend.call("User.logout", {"__session": session})).refused(SESSION_FORMAT)


@pytest.mark.parametrize("session", ["0", "a" * 32, "f" * 64, "Z9" * 64], ids=len)
@pytest.mark.parametrize(("method", "params"), CALLS_THAT_NEED_LOGIN, ids=str)
def test_a_session_nobody_has_is_no_login(backend: Backend, method: str, params: dict[str, Any], session: str):
    backend.ask(backend.call(method, params | {"__session": session})).refused(LOGIN_REQUIRED)


@pytest.mark.parametrize(("method", "params"), CALLS_THAT_NEED_LOGIN, ids=str)
def test_without_a_session_there_is_no_login(backend: Backend, method: str, params: dict[str, Any]):
    backend.ask(backend.call(method, params)).refused(LOGIN_REQUIRED)


def test_a_key_may_be_registered_by_its_digest(start_server: StartServer):
    digest = hashlib.sha256(key_of("hashed").encode()).hexdigest()
    client = monaca_client("hashed")
    client["monaca"] = {"api_key_sha256": digest}
    hashed = Backend(start_server(clients=[client], **QUIET), "hashed")
    assert hashed.ask(validate(hashed)).result == {}
    hashed.ask(hashed.call("User.validate", {"__api_key": digest})).refused(API_KEY)


# MARK: notifications and batches


def test_a_notification_is_done_and_not_answered(backend: Backend):
    device = backend.registered()
    call = device.call("User.saveProperties", {"properties": {"color": "blue"}})
    del call["id"]
    http = backend.send(call)
    assert http.content == b"" and http.status_code in (200, 204)
    assert device.property("color") == "blue"


def test_a_notification_that_fails_is_not_answered_either(backend: Backend):
    call = backend.call("User.nothing")
    del call["id"]
    http = backend.send(call)
    assert http.content == b"" and http.status_code in (200, 204)


def batch(backend: Backend, calls: list[Any]) -> list[Reply]:
    http = backend.send(calls)
    check_http(http)
    bodies = read(http.text)
    assert isinstance(bodies, list), bodies
    return [Reply(http, check_envelope(body)) for body in bodies]


def test_a_batch_answers_every_call_that_has_an_id(backend: Backend):
    device = backend.registered(color="red")
    notification = device.call("User.saveProperties", {"properties": {"shape": "round"}})
    del notification["id"]
    calls = [
        validate(backend, id="a"),
        notification,
        device.call("User.nothing", id="b"),
        backend.call("User.validate", {"__api_key": "wrong"}, id="c"),
        17,
        device.call("User.getProperties", {"names": ["color"]}, id=5),
    ]
    replies = batch(backend, calls)
    assert len(replies) == 5
    by_id = {reply.body["id"]: reply for reply in replies}
    assert by_id["a"].result == {}
    by_id["b"].refused(METHOD)
    by_id["c"].refused(API_KEY)
    by_id[None].refused(REQUEST)
    assert by_id[5].result == {"properties": {"color": "red"}}
    assert device.property("shape") == "round"


def test_a_batch_of_one_is_answered_by_an_array_of_one(backend: Backend):
    (reply,) = batch(backend, [validate(backend)])
    assert reply.result == {}


def test_a_batch_in_a_batch_is_no_call(backend: Backend):
    for reply in batch(backend, [[validate(backend)], [], validate(backend, id="whole")]):
        if reply.body["id"] == "whole":
            assert reply.result == {}
        else:
            reply.refused(REQUEST)


def test_a_batch_of_notifications_is_answered_by_nothing(backend: Backend):
    device = backend.registered()
    calls = [device.call("User.saveProperties", {"properties": {name: 1}}) for name in "abc"]
    for call in calls:
        del call["id"]
    http = backend.send(calls)
    assert (http.status_code, http.content) == (204, b"")
    assert device.do("User.getProperties", names=["a", "b", "c"])["properties"] == {"a": 1, "b": 1, "c": 1}


def test_an_empty_batch_is_an_invalid_request(backend: Backend):
    reply = backend.ask([])
    reply.refused(REQUEST)
    assert reply.body["id"] is None


def test_a_batch_has_twenty_calls_at_most(backend: Backend):
    assert len(batch(backend, [validate(backend, id=id) for id in range(20)])) == 20
    device = backend.registered()
    calls = [device.call("User.saveProperties", {"properties": {"color": "blue"}}, id=id) for id in range(21)]
    backend.ask(calls).refused(REQUEST)
    assert device.property("color") is None, "none of them was done"


def test_who_registers_in_a_batch_is_logged_in(backend: Backend):
    call = backend.call("User.register", {"username": fresh_name(), "password": PASSWORD, "properties": {}}, id=1)
    replies = batch(backend, [call, validate(backend, id=2)])
    device = backend.device()
    device.session = replies[0].session
    assert device.session and device.is_logged_in()


# MARK: HTTP


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_only_post_does_anything(backend: Backend, method: str):
    http = backend.server.http.request(method, backend.path, content=json.dumps(validate(backend)))
    assert http.status_code == 405
    assert http.headers["allow"] == "POST"


@pytest.mark.parametrize("id", ["40017", "nobody", "BACKEND", "%00", "backend%20"])
def test_a_backend_that_is_none_is_no_success(backend: Backend, id: str):
    body = json.dumps(validate(backend))
    http = backend.server.http.post(f"/monaca/{id}", content=body, headers={"Content-Type": FORM})
    if http.status_code == 200:
        Reply(http, check_envelope(http.json())).refused(API_KEY)
    else:
        assert http.status_code in (400, 404)
    assert "nobody" not in http.text


def test_a_client_that_is_no_backend_looks_like_none(backend: Backend):
    replies = [
        backend.server.http.post(f"/monaca/{id}", content=json.dumps(validate(backend)))
        for id in ("40017", "nobody")
    ]
    assert replies[0].status_code == replies[1].status_code
    assert replies[0].content == replies[1].content


def test_a_body_that_is_far_too_large_is_refused_and_hurts_nobody(backend: Backend):
    call = validate(backend)
    call["params"]["properties"] = {"big": "x" * 5_000_000}
    try:
        # A connection of its own: after a body that nobody read, a proxy may close the one that it came on.
        http = httpx.post(f"{backend.server.url}{backend.path}", content=json.dumps(call), headers={"Content-Type": FORM})
    except httpx.TransportError:                       # closed before it was all sent: refused as well
        http = None
    assert http is None or http.status_code == 413 or "error" in http.json()
    assert backend.ask(validate(backend)).result == {}


@pytest.mark.parametrize("content", [
    pytest.param(b"[" * 200_000, id="open arrays"),
    pytest.param(b"[" * 200_000 + b"]" * 200_000, id="arrays"),
    pytest.param(b'{"a":' * 90_000 + b"1" + b"}" * 90_000, id="objects"),
    pytest.param(b'{"jsonrpc":"2.0","id":' + b"[" * 200_000 + b"]" * 200_000 + b"}", id="an id of arrays"),
])
def test_deep_json_hurts_nobody(backend: Backend, content: bytes):
    http = backend.post(content)
    assert http.status_code == 413 or check_envelope(http.json())["error"]["code"] in (PARSE, REQUEST)
    assert backend.ask(validate(backend)).result == {}


# MARK: CORS


def allows(reply: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_the_backend_reads_answers_and_the_session(backend: Backend, origin: str):
    call = backend.call("User.register", {"username": fresh_name(), "password": PASSWORD, "properties": {}})
    for body in (call, backend.call("User.logout")):
        reply = backend.ask(body, Origin=origin)
        allowed = allows(reply.http)
        assert allowed["access-control-allow-origin"] == origin
        exposed = [name.strip().lower() for name in allowed["access-control-expose-headers"].split(",")]
        assert SESSION_HEADER.lower() in exposed
        assert "retry-after" in exposed
        assert "access-control-allow-credentials" not in allowed
        assert "origin" in reply.http.headers["vary"].lower()


def preflight(backend: Backend, origin: str) -> httpx.Response:
    return backend.server.http.options(backend.path, headers={
        "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
    })


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_the_backend_may_ask_beforehand(backend: Backend, origin: str):
    asked = preflight(backend, origin)
    assert asked.is_success
    allowed = allows(asked)
    assert allowed["access-control-allow-origin"] == origin
    assert "POST" in allowed["access-control-allow-methods"]
    assert "content-type" in allowed["access-control-allow-headers"].lower()


@pytest.mark.parametrize("origin", [
    "https://evil.example", "null", "*", "http://app.example", "https://app.example.evil.example",
    "https://app.example:8443", "https://other.example", "https://spa.example",
])
def test_no_other_origin_reads_anything(backend: Backend, origin: str):
    """The last two belong to other clients of the same server."""
    assert not allows(preflight(backend, origin))
    assert not allows(backend.send(validate(backend), Origin=origin))


def test_an_origin_of_the_backend_is_none_of_its_neighbour(backend: Backend):
    other = Backend(backend.server, "other-backend")
    assert allows(other.send(validate(other), Origin="https://other.example"))
    assert not allows(other.send(validate(other), Origin=ORIGINS[0]))
    assert not allows(preflight(other, ORIGINS[0]))


# MARK: limits


def limited(backend: Backend, call: dict[str, Any], most_seconds: int = 3600, **headers: str) -> httpx.Response:
    """Too many: HTTP says so, and when to come back."""
    http = backend.send(call, **headers)
    assert http.status_code == 429, f"{http.status_code}: {http.text}"
    assert 1 <= int(http.headers["retry-after"]) <= most_seconds
    assert SESSION_HEADER not in http.headers
    assert check_envelope(http.json())["error"]["code"] == TOO_MANY
    return http


def login_call(backend: Backend, username: str, password: str) -> dict[str, Any]:
    return backend.call("User.login", {"username": username, "password": password})


def wrong(number: int) -> str:
    return f"wrong-guess-{number:05d}"


@pytest.fixture
def limits(start_server: StartServer):
    def start(**settings: str) -> Backend:
        return Backend(start_server(clients=monaca_clients(), **(QUIET | settings)))
    return start


def test_guessing_a_password_ends_at_the_limit_for_missing_users_too(limits):
    backend = limits(DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="3/3600")
    name, bystander = fresh_name(), fresh_name()
    backend.registered(name)
    backend.registered(bystander)
    seen = {}
    for username in (name, fresh_name("missing")):
        for number in range(3):
            backend.ask(login_call(backend, username, wrong(number))).refused(PARAMS)
        seen[username] = limited(backend, login_call(backend, username, wrong(9)))
    bodies = {reply.content for reply in seen.values()}
    assert len(bodies) == 1, "a missing user looks like one that is there"
    limited(backend, login_call(backend, name, PASSWORD))
    assert backend.opens(bystander)


def test_another_spelling_of_the_name_is_no_other_budget(limits):
    backend = limits(DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="3/3600")
    name = fresh_name("mary")
    backend.registered(name)
    for number, spelling in enumerate([name.upper(), name.replace("m", "ｍ"), name.title()]):
        backend.ask(login_call(backend, spelling, wrong(number))).refused(PARAMS)
    limited(backend, login_call(backend, name.replace("a", "Ａ"), wrong(9)))


def test_right_passwords_use_nothing_up(limits):
    backend = limits(DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="3/3600")
    name = fresh_name()
    backend.registered(name)
    assert all(backend.opens(name) for _ in range(6))


def test_guesses_in_one_batch_and_at_once_are_counted_each(limits):
    backend = limits(DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="3/3600")
    name = fresh_name()
    backend.registered(name)
    guesses = [login_call(backend, name, wrong(number)) | {"id": number} for number in range(19)]
    guesses.append(login_call(backend, name, PASSWORD) | {"id": 19})
    http = backend.send(guesses)
    assert SESSION_HEADER not in http.headers and '"result"' not in http.text, "the twentieth was the right one"
    limited(backend, login_call(backend, name, PASSWORD))

    other = fresh_name()
    backend.registered(other)
    replies = at_once(30, lambda number: backend.send(login_call(backend, other, wrong(number))))
    assert sorted({reply.status_code for reply in replies}) == [200, 429]
    assert sum(reply.status_code == 200 for reply in replies) <= 3


@pytest.mark.parametrize("guess", ["User.updatePassword", "User.unregister"])
def test_a_stolen_session_guesses_no_more_than_anybody(limits, guess: str):
    backend = limits(DENWA_LIMITS_PASSWORD_PER_IDENTIFIER="3/3600")
    device = backend.registered()

    def call(password: str) -> dict[str, Any]:
        by = {"password": password, "oldPassword": password, "newPassword": "red-window-58-Tj"}
        return device.call(guess, by)

    for number in range(3):
        backend.ask(call(wrong(number))).refused(PARAMS)
    limited(backend, call(PASSWORD))
    assert device.is_logged_in()


def test_one_address_tries_so_many_passwords(limits):
    backend = limits(DENWA_LIMITS_PASSWORD_PER_IP="4/3600", DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1")
    for number in range(4):
        backend.ask(login_call(backend, fresh_name(), wrong(number)), **{"X-Forwarded-For": "203.0.113.7"})
    limited(backend, login_call(backend, fresh_name(), PASSWORD), **{"X-Forwarded-For": "203.0.113.7"})
    backend.ask(login_call(backend, fresh_name(), PASSWORD), **{"X-Forwarded-For": "203.0.113.8"}).refused(PARAMS)


def test_one_address_registers_so_many_users(limits):
    backend = limits(DENWA_LIMITS_REGISTER_PER_IP="3/3600")
    for _ in range(3):
        backend.registered()
    params = {"username": fresh_name(), "password": PASSWORD, "properties": {}}
    limited(backend, backend.call("User.register", params), Origin=ORIGINS[0])
    assert allows(limited(backend, backend.call("User.register", params), Origin=ORIGINS[0]))
