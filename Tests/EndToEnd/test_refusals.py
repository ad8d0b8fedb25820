"""Every refusal of the phone routes: a request that would succeed, with one thing changed.

The contract's table of statuses and codes is followed row by row. Rows about limits are in test_limits.py.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import phonenumbers
import pytest

from harness import (
    PhoneLogin, Server, assert_refused, at_once, code_of, fresh_number, phone_client, six_digits_other_than,
    standard_clients, wrong_codes,
)

MISSING, MALFORMED = "002-028", "002-027"
NOT_A_NUMBER, NOT_TEXTABLE = "002-056", "002-043"
UNKNOWN, WRONG, DEAD = "003-061", "003-039", "003-049"
BAD_STATE, BAD_URI, URI_NEEDED, NOT_ALLOWED = "010-022", "010-012", "010-011", "003-020"

#: In a changed value: must not come back in any reply.
CANARY = "zq7canary"

REQUEST, CONFIRM = "/oauth2/login/phone/request", "/oauth2/login/phone/confirm"


class Deviation:
    """One change to a valid call: to its query or to its JSON body. `None` removes a query parameter."""

    ABSENT = object()

    def __init__(self, *, query: dict[str, str | None] | None = None, body: dict[str, Any] | None = None):
        self.query, self.body = query or {}, body or {}

    def apply(self, query: dict[str, str], body: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        query = {name: value for name, value in (query | self.query).items() if value is not None}
        body = {name: value for name, value in (body | self.body).items() if value is not self.ABSENT}
        return query, body


def row(name: str, status: int | tuple[int, ...], codes: str | tuple[str, ...], *, client: str = "40017", **change: Any):
    codes = (codes,) if isinstance(codes, str) else codes
    return pytest.param(client, Deviation(**change), status, codes, id=name)


def send_request(server: Server, client: str, number: str, deviation: Deviation | None = None) -> httpx.Response:
    query = {"response_type": "code", "client_id": client, "state": "state-4f1d2c"}
    if client == "several":
        query["redirect_uri"] = "https://several.example/a"
    body: dict[str, Any] = {"phone_number": number}
    if client == "linked":
        body |= {"send_link": True, "link_url": "https://linked.example/open"}
    if client == "pkce-only":
        query |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    if deviation:
        query, body = deviation.apply(query, body)
    return server.http.post(f"{REQUEST}?{urlencode(query)}", json=body)


# MARK: request


@pytest.mark.parametrize("client", ["40017", "several", "linked", "pkce-only"])
def test_the_request_that_the_refusals_start_from_is_accepted(server: Server, client: str):
    reply = send_request(server, client, fresh_number())
    assert reply.status_code == 200, reply.text


ABSENT = Deviation.ABSENT


@pytest.mark.parametrize(
    ("client", "deviation", "status", "codes"),
    [
        # missing
        row("without response_type", 400, MISSING, query={"response_type": None}),
        row("without client_id", 400, MISSING, query={"client_id": None}),
        row("without phone_number", 400, MISSING, body={"phone_number": ABSENT}),
        row("without PKCE where the client must", 400, MISSING, client="pkce-only",
            query={"code_challenge": None, "code_challenge_method": None}),
        # malformed
        row("response_type=token", 400, MALFORMED, query={"response_type": "token"}),
        row("response_type=code token", 400, MALFORMED, query={"response_type": "code token"}),
        row("phone_number null", 400, (MISSING, MALFORMED), body={"phone_number": None}),
        row("phone_number a number", 400, MALFORMED, body={"phone_number": 819012345678}),
        row("phone_number an array", 400, MALFORMED, body={"phone_number": ["+819012345678"]}),
        row("phone_number an object", 400, MALFORMED, body={"phone_number": {"e164": "+819012345678"}}),
        row("send_link a string", 400, MALFORMED, client="linked", body={"send_link": "true"}),
        row("send_link a number", 400, MALFORMED, client="linked", body={"send_link": 1}),
        row("link_url an array", 400, (MALFORMED, BAD_URI), client="linked",
            body={"link_url": ["https://linked.example/open"]}),
        row("code_challenge_method=plain", 400, MALFORMED, client="pkce-only",
            query={"code_challenge_method": "plain"}),
        row("an unknown code_challenge_method", 400, MALFORMED, client="pkce-only",
            query={"code_challenge_method": "S512"}),
        row("code_challenge too short", 400, MALFORMED, client="pkce-only", query={"code_challenge": "E9Melhoa2O"}),
        row("code_challenge not base64url", 400, MALFORMED, client="pkce-only",
            query={"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSst+/cM"}),
        # state
        row("without state", 400, BAD_STATE, query={"state": None}),
        row("empty state", 400, BAD_STATE, query={"state": ""}),
        row("state of seven", 400, BAD_STATE, query={"state": "1234567"}),
        row("state of 1,025", 400, (BAD_STATE, MALFORMED), query={"state": "s" * 1025}),
        # redirect_uri
        row("redirect_uri of somebody else", 400, BAD_URI, query={"redirect_uri": f"https://{CANARY}.example/cb"}),
        row("redirect_uri with a longer path", 400, BAD_URI,
            query={"redirect_uri": "https://40017.example/callback/more"}),
        row("redirect_uri with a slash at its end", 400, BAD_URI,
            query={"redirect_uri": "https://40017.example/callback/"}),
        row("redirect_uri with a query", 400, BAD_URI, query={"redirect_uri": "https://40017.example/callback?x=1"}),
        row("redirect_uri with a fragment", 400, BAD_URI, query={"redirect_uri": "https://40017.example/callback#x"}),
        row("redirect_uri in capitals", 400, BAD_URI, query={"redirect_uri": "https://40017.EXAMPLE/callback"}),
        row("redirect_uri through a parent", 400, BAD_URI,
            query={"redirect_uri": "https://40017.example/x/../callback"}),
        row("redirect_uri with an encoded dot", 400, BAD_URI,
            query={"redirect_uri": "https://40017%2Eexample/callback"}),
        row("redirect_uri with userinfo", 400, BAD_URI,
            query={"redirect_uri": "https://40017.example@evil.example/callback"}),
        row("redirect_uri with a backslash", 400, BAD_URI,
            query={"redirect_uri": "https://40017.example\\@evil.example/callback"}),
        row("redirect_uri with two slashes", 400, BAD_URI, query={"redirect_uri": "https://40017.example//callback"}),
        row("redirect_uri over http", 400, BAD_URI, query={"redirect_uri": "http://40017.example/callback"}),
        row("redirect_uri with a port", 400, BAD_URI, query={"redirect_uri": "https://40017.example:443/callback"}),
        row("redirect_uri of another client", 400, BAD_URI,
            query={"redirect_uri": "https://other-game.example/callback"}),
        row("none of several redirect_uris", 400, URI_NEEDED, client="several", query={"redirect_uri": None}),
        # link_url
        row("send_link without link_url", 400, BAD_URI, client="linked", body={"link_url": ABSENT}),
        row("link_url not registered", 400, BAD_URI, client="linked",
            body={"link_url": f"https://{CANARY}.example/open"}),
        row("link_url with a longer path", 400, BAD_URI, client="linked",
            body={"link_url": "https://linked.example/open/../evil"}),
        row("link_url at a client that registered none", 400, BAD_URI,
            body={"send_link": True, "link_url": "https://linked.example/open"}),
        # client
        row("an unknown client", 404, UNKNOWN, query={"client_id": CANARY}),
        row("an empty client_id", (400, 404), (MISSING, MALFORMED, UNKNOWN), query={"client_id": ""}),
        row("a client without people", 400, NOT_ALLOWED, query={"client_id": "no-people"}),
        # number
        row("a number too short for the pattern", (400, 422), (MALFORMED, NOT_A_NUMBER),
            body={"phone_number": "+819"}),
        row("a number too long for the pattern", (400, 422), (MALFORMED, NOT_A_NUMBER),
            body={"phone_number": "+81901234567890123456789012345"}),
        row("words", (400, 422), (MALFORMED, NOT_A_NUMBER), body={"phone_number": CANARY}),
        row("an empty number", (400, 422), (MISSING, MALFORMED, NOT_A_NUMBER), body={"phone_number": ""}),
        row("a number without a plus", (400, 422), (MALFORMED, NOT_A_NUMBER), body={"phone_number": "819012345678"}),
        row("a national number", (400, 422), (MALFORMED, NOT_A_NUMBER), body={"phone_number": "09012345678"}),
        row("a number no plan has", 422, NOT_A_NUMBER, body={"phone_number": "+81901234567"}),
        row("a country code no country has", 422, NOT_A_NUMBER, body={"phone_number": "+999012345678"}),
        row("a fixed line", 422, NOT_TEXTABLE, body={"phone_number": "+81312345678"}),
        row("a premium number", 422, NOT_TEXTABLE, body={"phone_number": "+81990123456"}),
        row("a toll-free number", 422, NOT_TEXTABLE, body={"phone_number": "+81120123456"}),
        row("a British fixed line", 422, NOT_TEXTABLE, body={"phone_number": "+441212345678"}),
    ],
)
def test_a_request_with_one_deviation_is_refused_and_sends_nothing(
    server: Server, client: str, deviation: Deviation, status: int | tuple[int, ...], codes: tuple[str, ...]
):
    number = fresh_number()
    reply = send_request(server, client, number, deviation)
    statuses = status if isinstance(status, tuple) else (status,)
    assert reply.status_code in statuses, f"{reply.status_code}: {reply.text}"
    assert_refused(reply, reply.status_code, *codes)
    assert CANARY not in reply.text, "a description is never the input"
    assert_no_text(server, number)


def assert_no_text(server: Server, number: str) -> None:
    """Nothing went to `number`: a text asked for after it is already there."""
    witness = server.login()
    assert witness.request().status_code == 200
    witness.text()
    assert server.outbox.messages(number) == []


def test_only_the_countries_allowed_are_texted(start_server):
    server = start_server(DENWA_PHONE_ALLOWED_COUNTRIES="JP")
    british = phonenumbers.example_number_for_type("GB", phonenumbers.PhoneNumberType.MOBILE)
    british = phonenumbers.format_number(british, phonenumbers.PhoneNumberFormat.E164)
    assert send_request(server, "40017", fresh_number()).status_code == 200
    assert_refused(send_request(server, "40017", british), 422, NOT_TEXTABLE)
    assert server.outbox.messages(british) == []


# MARK: confirm


@pytest.fixture
def begun(server: Server) -> PhoneLogin:
    """An operation that waits for its code."""
    login = server.login()
    assert login.request().status_code == 200
    login.text()
    return login


def send_confirm(login: PhoneLogin, query: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    members = {"code": login.texted_code(), "operation_id": login.operation_id, "phone_number": login.number}
    members = {name: value for name, value in (members | body).items() if value is not ABSENT}
    query = {"client_id": login.client_id} if query is None else query
    return login.server.http.post(f"{CONFIRM}?{urlencode(query)}", json=members)


def test_the_confirmation_that_the_refusals_start_from_is_accepted(begun: PhoneLogin):
    assert send_confirm(begun).status_code == 200


@pytest.mark.parametrize("member", ["code", "operation_id", "phone_number"])
def test_a_confirmation_needs_all_its_members(begun: PhoneLogin, member: str):
    assert_refused(send_confirm(begun, **{member: ABSENT}), 400, MISSING)
    assert send_confirm(begun).status_code == 200, "a malformed call spends nothing"


def test_a_confirmation_needs_its_client(begun: PhoneLogin):
    assert_refused(send_confirm(begun, query={}), 400, MISSING)
    assert send_confirm(begun).status_code == 200


def test_a_confirmation_of_an_unknown_client_is_not_found(begun: PhoneLogin):
    reply = send_confirm(begun, query={"client_id": CANARY})
    assert_refused(reply, 404, UNKNOWN)
    assert CANARY not in reply.text
    assert send_confirm(begun).status_code == 200


WRONG_TYPES = {
    "empty": "",
    "null": None,
    "an array": ["123456"],
    "a number": 123456,
    "an object": {"$ne": ""},
    "a boolean": True,
    "twelve kilobytes": "1" * 12_000,
}


@pytest.mark.parametrize("value", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_a_code_of_a_wrong_form_is_malformed_and_costs_no_guess(begun: PhoneLogin, value: Any):
    for _ in range(6):
        assert_refused(send_confirm(begun, code=value), 400, MALFORMED, MISSING)
    assert send_confirm(begun).status_code == 200, "six of them, and every guess is still there"


@pytest.mark.parametrize("member", ["operation_id", "phone_number"])
@pytest.mark.parametrize("value", [None, ["x"], 7, {}], ids=["null", "an array", "a number", "an object"])
def test_the_other_members_are_strings_too(begun: PhoneLogin, member: str, value: Any):
    assert_refused(send_confirm(begun, **{member: value}), 400, MALFORMED, MISSING)
    assert send_confirm(begun).status_code == 200


@pytest.mark.parametrize("end", ["\u0000", "'", "9", "%", "\u202e"])
def test_the_right_code_with_something_behind_it_is_not_the_right_code(begun: PhoneLogin, end: str):
    reply = send_confirm(begun, code=begun.texted_code() + end)
    assert_refused(reply, reply.status_code, MALFORMED, WRONG)
    assert send_confirm(begun).status_code == 200


def test_wrong_codes_are_counted_down_and_then_the_operation_is_dead(begun: PhoneLogin):
    refusals = begun.confirm_wrongly(7)
    for refused in refusals[:4]:
        assert_refused(refused, 401, WRONG)
    for refused in refusals[4:]:
        assert_refused(refused, 422, DEAD)
    assert_refused(begun.confirm(), 422, DEAD)


def test_a_dead_operation_cannot_be_revived_by_a_resend(server: Server, begun: PhoneLogin):
    begun.confirm_wrongly(5)
    refused = begun.request()
    assert_refused(refused, 429, "002-057")
    assert int(refused.headers["retry-after"]) >= 1
    assert len(server.outbox.messages(begun.number)) == 1


def test_one_answer_for_every_operation_that_cannot_be_confirmed(server: Server):
    """Unknown, finished, another client's, another number's: nothing tells them apart."""
    def begin(client: str = "40017") -> PhoneLogin:
        login = server.login(client)
        assert login.request().status_code == 200
        login.text()
        return login

    finished = begin()
    assert finished.confirm().status_code == 200
    elsewhere = begin()
    replies = {
        "unknown": send_confirm(begin(), operation_id="A" * len(finished.operation_id)),
        "of no form": send_confirm(begin(), operation_id="no such thing"),
        "finished": finished.confirm(),
        "finished, and a wrong code": finished.confirm(six_digits_other_than(finished.texted_code())),
        "another number's": send_confirm(begin(), operation_id=elsewhere.operation_id, code=elsewhere.texted_code()),
        "another client's": send_confirm(elsewhere, query={"client_id": "other-game"}),
    }
    for reply in replies.values():
        assert_refused(reply, 404, UNKNOWN)
    bodies = {reply.text for reply in replies.values()}
    assert len(bodies) == 1, replies
    assert send_confirm(elsewhere).status_code == 200, "strangers' attempts have cost it nothing"


def test_an_operation_is_gone_when_its_life_is_over(start_server):
    server = start_server(DENWA_PHONE_CODE_LIFETIME_SECONDS="2")
    open_one, dead_one = server.login(), server.login()
    assert 1 <= open_one.request().json()["expires_in"] <= 2
    dead_one.request()
    started = time.monotonic()
    dead_one.confirm_wrongly(5)
    open_one.texted_code()
    dead_in_time = dead_one.confirm()
    if time.monotonic() - started < 1.5:
        assert_refused(dead_in_time, 422, DEAD)
    time.sleep(max(0, started + 2.1 - time.monotonic()))
    expired, dead_and_expired = open_one.confirm(), dead_one.confirm()
    assert_refused(expired, 404, UNKNOWN)
    assert_refused(dead_and_expired, 404, UNKNOWN)
    assert expired.text == dead_and_expired.text
    assert open_one.request().status_code == 200 and open_one.confirm().status_code == 200
    assert dead_one.request().status_code == 200 and dead_one.confirm().status_code == 200


def test_a_code_works_once_however_many_send_it_at_once(begun: PhoneLogin):
    code = begun.texted_code()
    replies = at_once(30, lambda _: begun.confirm(code))
    won = [reply for reply in replies if reply.status_code == 200]
    lost = [reply for reply in replies if reply.status_code != 200]
    assert len(won) == 1
    for reply in lost:      # finished, or over the budget, whichever the race came to
        assert_refused(reply, reply.status_code, UNKNOWN, DEAD, "002-057")
    assert_refused(begun.confirm(code), 404, UNKNOWN)


def test_a_disabled_user_is_told_so_only_after_the_right_code(server: Server):
    login = server.login(scope="offline")
    tokens = login.tokens()
    subject = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]
    done = server.command("users", "disable", subject)
    if done.returncode in (2, 64):
        pytest.skip("this build has no `denwa users disable`")
    assert done.returncode == 0, done.stderr

    again = server.login(number=login.number)
    assert again.request().status_code == 200
    assert_refused(again.confirm(six_digits_other_than(again.texted_code())), 401, WRONG)
    assert_refused(again.confirm(), 401, "002-040")
    assert server.refresh(login.client_id, tokens["refresh_token"]).status_code == 400


# MARK: what is not JSON, or not a call


BROKEN_BODIES = {
    "nothing": b"",
    "half of it": b'{"phone_number":',
    "two of it": b'{"phone_number":"+819012345678"}{"phone_number":"+819012345678"}',
    "an array": b'["+819012345678"]',
    "a string": b'"+819012345678"',
    "null": b"null",
    "a form": b"phone_number=%2B819012345678",
    "invalid UTF-8": b'{"phone_number":"+8190\xff\xfe345678"}',
    "half a surrogate": b'{"phone_number":"+8190\\ud83d345678"}',
    "five thousand arrays deep": b'{"phone_number":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
}


@pytest.mark.parametrize("path", [REQUEST, CONFIRM])
@pytest.mark.parametrize("content", BROKEN_BODIES.values(), ids=BROKEN_BODIES.keys())
def test_a_body_that_is_not_a_json_object_is_refused_in_the_envelope(server: Server, path: str, content: bytes):
    query = urlencode({"response_type": "code", "client_id": "40017", "state": "state-4f1d2c"})
    reply = server.http.post(f"{path}?{query}", content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422), reply.text
    if b"phone_number" not in content or reply.status_code == 400:
        assert_refused(reply, 400)
    else:
        assert_refused(reply, 422, NOT_A_NUMBER)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"],
)
def test_a_cross_site_form_cannot_send_a_text(server: Server, content_type: str):
    """JSON under any type a page may post without asking first must stop before the text."""
    number = fresh_number()
    query = urlencode({"response_type": "code", "client_id": "40017", "state": "state-4f1d2c"})
    reply = server.http.post(
        f"{REQUEST}?{query}", content=json.dumps({"phone_number": number}), headers={"Content-Type": content_type}
    )
    assert reply.status_code in (400, 415), reply.text
    assert_refused(reply, reply.status_code)
    assert_no_text(server, number)


@pytest.mark.parametrize(
    "method_and_path",
    [f"{method} {path}" for path in (REQUEST, CONFIRM) for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")],
)
def test_only_a_post_sends_or_confirms(server: Server, begun: PhoneLogin, method_and_path: str):
    method, path = method_and_path.split()
    number = fresh_number()
    query = {"response_type": "code", "client_id": "40017", "state": "state-4f1d2c", "phone_number": number}
    if path == CONFIRM:
        query |= {"code": begun.texted_code(), "operation_id": begun.operation_id, "phone_number": begun.number}
    reply = server.http.request(method, f"{path}?{urlencode(query)}")
    if method != "OPTIONS":
        assert reply.status_code in (404, 405)
    assert "login_url" not in reply.text and "operation_id" not in reply.text
    assert_no_text(server, number)
    assert send_confirm(begun).status_code == 200, "the operation is untouched"


@pytest.mark.parametrize("path", [REQUEST, CONFIRM])
def test_a_body_over_sixteen_kibibytes_is_too_large(server: Server, path: str):
    number = fresh_number()
    query = urlencode({"response_type": "code", "client_id": "40017", "state": "state-4f1d2c"})
    body = json.dumps({"phone_number": number, "code": "123456", "operation_id": "x", "padding": "x" * 16_384})
    reply = server.http.post(f"{path}?{query}", content=body, headers={"Content-Type": "application/json"})
    assert_refused(reply, 413)
    assert_no_text(server, number)


def test_a_body_just_under_sixteen_kibibytes_is_read(server: Server):
    query = urlencode({"response_type": "code", "client_id": "40017", "state": "state-4f1d2c"})
    body = json.dumps({"phone_number": fresh_number(), "padding": ""})
    body = body.replace('"padding": ""', '"padding": "%s"' % ("x" * (16_384 - len(body))))
    assert len(body) == 16_384
    reply = server.http.post(f"{REQUEST}?{query}", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_ten_megabytes_of_code_are_not_read(server: Server, begun: PhoneLogin, chunked: bool):
    head = f'{{"operation_id":"{begun.operation_id}","phone_number":"{begun.number}","code":"'.encode()
    status = post_until_answered(server, f"{CONFIRM}?client_id={begun.client_id}", head, 10_000_000, chunked)
    assert status in (400, 413)
    assert send_confirm(begun).status_code == 200, "the operation is untouched"


def post_until_answered(server: Server, target: str, head: bytes, length: int, chunked: bool) -> int:
    """Posts `length` bytes, listening while it talks; the status the server answers, at whatever point it does.

    A server is free to answer and hang up while the rest is still on its way, which HTTP libraries take for a
    broken connection.
    """
    piece = b"1" * 8_192
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % length
    start = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n".encode()
        + framing + b"\r\n\r\n"
    )

    def framed(data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data) if chunked else data

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(start + framed(head))
        sent, answer = len(head), b""
        connection.settimeout(0.001)
        while sent < length and b"\r\n" not in answer:
            try:
                answer += connection.recv(4_096)
            except TimeoutError:
                pass
            except ConnectionResetError:
                break
            data = piece[: length - sent]
            try:
                connection.settimeout(10)
                connection.sendall(framed(data))
            except (BrokenPipeError, ConnectionResetError):
                break
            finally:
                connection.settimeout(0.001)
            sent += len(data)
        connection.settimeout(10)
        while b"\r\n" not in answer:
            try:
                more = connection.recv(4_096)
            except ConnectionResetError:
                break
            if not more:
                break
            answer += more
    assert answer.startswith(b"HTTP/1.1 "), f"no answer to the body, only {answer!r}"
    return int(answer.split()[1])


@pytest.mark.parametrize("name", ["response_type", "client_id", "state", "scope", "redirect_uri"])
def test_a_repeated_query_parameter_is_refused(server: Server, name: str):
    number = fresh_number()
    query = {"response_type": "code", "client_id": "40017", "state": "state-4f1d2c", "scope": "offline",
             "redirect_uri": "https://40017.example/callback"}
    reply = server.http.post(
        f"{REQUEST}?{urlencode(query)}&{urlencode({name: query[name]})}", json={"phone_number": number}
    )
    assert_refused(reply, 400, MALFORMED)
    assert_no_text(server, number)


def test_a_repeated_client_is_refused_at_the_confirmation_too(begun: PhoneLogin):
    reply = begun.server.http.post(
        f"{CONFIRM}?client_id=other-game&client_id={begun.client_id}",
        json={"code": begun.texted_code(), "operation_id": begun.operation_id, "phone_number": begun.number},
    )
    assert_refused(reply, 400, MALFORMED)
    assert send_confirm(begun).status_code == 200


def test_the_number_is_read_from_the_body_only(server: Server):
    number = fresh_number()
    query = {"response_type": "code", "client_id": "40017", "state": "state-4f1d2c", "phone_number": number}
    assert_refused(server.http.post(f"{REQUEST}?{urlencode(query)}", json={}), 400, MISSING)
    assert_no_text(server, number)


EXTRAS = {"verified": True, "test": 1, "admin": True, "is_test": "true", "user_id": "1", "sub": "root", "amr": ["pin"]}


def test_extra_parameters_change_nothing(begun: PhoneLogin):
    wrong = wrong_codes(1, right=begun.texted_code())[0]
    query = {"client_id": begun.client_id, "verified": "true", "test": "1", "code": begun.texted_code()}
    assert_refused(send_confirm(begun, query=query, code=wrong, **EXTRAS), 401, WRONG)
    assert_refused(send_confirm(begun, query=query, code=ABSENT, **EXTRAS), 400, MISSING)
    assert send_confirm(begun, **EXTRAS).status_code == 200


def test_an_extra_client_or_state_in_the_body_changes_nothing(server: Server):
    login = server.login()
    begun = login.request(client_id="other-game", state="another-state", redirect_uri="https://evil.example/",
                          scope="offline", verified=True)
    assert begun.status_code == 200
    assert set(begun.json()) == {"operation_id", "expires_in", "resend_after", "code_length"}
    login_url = login.login_url()
    assert login_url.startswith("https://40017.example/callback?code=") and "state=state-4f1d2c" in login_url
    assert "refresh_token" not in login.token(code_of(login_url)).json()


# MARK: a client that is not there


def test_a_client_without_redirect_uri_cannot_start(start_server):
    server = start_server(clients=[*standard_clients(), phone_client("nowhere", redirect_uris=[])])
    reply = send_request(server, "nowhere", fresh_number())
    assert_refused(reply, 400, BAD_URI, URI_NEEDED, NOT_ALLOWED)
