"""Devices without a keyboard (RFC 8628): what they are told, the pages that let them in, how they are paced, and who
gets their tokens."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric import ec
from oauthlib.oauth2 import DeviceClient, OAuth2Error
from requests_oauth2client import DeviceAuthorizationPollingJob, OAuth2Client
from requests_oauthlib import OAuth2Session

from harness import (
    Server, StartServer, assert_oauth_error, at_once, confidential_client, fresh_number, phone_client, secret_of,
)
from person import Page, Person, people

pytestmark = pytest.mark.nodes

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid phone offline_access"
CONSOLE = "Mozilla/5.0 (PlayStation 5 8.40) AppleWebKit/605.1.15 (KHTML, like Gecko)"
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def device_client(client_id: str, **more: Any) -> dict[str, Any]:
    return phone_client(client_id, redirect_uris=[], grant_types=[DEVICE_CODE, "refresh_token"],
                        first_party=False) | more


REGISTERED = [
    device_client("tv", scope=SCOPE, resources=["https://films.example/", "https://songs.example/"]),
    device_client("other-tv"),
    device_client("once", grant_types=[DEVICE_CODE]),
    confidential_client("box", grant_types=[DEVICE_CODE, "refresh_token"]),
    confidential_client("resource-server", may_introspect=True),
    phone_client("app"),
]


@pytest.fixture(scope="module")
def denwa(start_module_server: StartServer) -> Server:
    """Devices may poll every second; strangers may guess as often as they like."""
    return start_module_server(
        clients=REGISTERED, DENWA_DEVICE_INTERVAL_SECONDS="1", DENWA_LIMITS_USER_CODE_PER_IP="0",
        DENWA_LIMITS_DEVICE_CODE_PER_IP="0")


@pytest.fixture
def person(denwa: Server) -> Iterator[Person]:
    with people() as make:
        yield make(denwa)


@pytest.fixture(scope="module")
def member(denwa: Server) -> Iterator[Person]:
    """Signed in already."""
    with people() as make:
        somebody = make(denwa)
        somebody.number = fresh_number()
        let_in(denwa, somebody, begin(denwa)["user_code"])
        yield somebody


def ask(server: Server, client_id: str = "tv", **more: Any) -> httpx.Response:
    headers = {"User-Agent": more.pop("user_agent", CONSOLE)} | more.pop("headers", {})
    return server._form("/oauth2/device_authorization", client_id, more, None, headers=headers)


def begin(server: Server, client_id: str = "tv", **more: Any) -> dict[str, Any]:
    reply = ask(server, client_id, **{"scope": SCOPE} | more)
    assert reply.status_code == 200, reply.text
    return reply.json()


def poll(server: Server, device_code: str, client_id: str = "tv", **more: Any) -> httpx.Response:
    return server.token(client_id, {"grant_type": DEVICE_CODE, "device_code": device_code}, **more)


def question(server: Server, person: Person, user_code: str) -> Page:
    """Types the code at `/device`, and signs in when that is asked for."""
    page = person.visit(f"{server.url}/device")
    page = person.submit(page.form("user_code", "csrf"), user_code=user_code)
    if page.has_form("phone_number"):
        page = person.type_number(page, getattr(person, "number", None) or fresh_number())
        page = person.type_code(page, re.search(r"\d{6}", person.text["body"]).group())
    return page


def answer(person: Person, page: Page, decision: str) -> Page:
    return person.submit(page.form("decision", "session"), decision=decision)


def let_in(server: Server, person: Person, user_code: str) -> Page:
    page = answer(person, question(server, person, user_code), "allow")
    assert page.heading == "Your device is connected"
    return page


# MARK: what a device is told


def test_a_device_gets_its_codes_and_addresses(denwa: Server):
    reply = ask(denwa, scope="openid")
    assert reply.status_code == 200
    assert "no-store" in reply.headers["cache-control"]
    body = reply.json()
    assert re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", body["user_code"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", body["device_code"])
    assert body["verification_uri"] == f"{denwa.url}/device"
    assert body["verification_uri_complete"] == f"{denwa.url}/device?user_code={body['user_code']}"
    assert body["verification_qr_uri"] == f"{denwa.url}/device/qr.svg?user_code={body['user_code']}"
    assert body["expires_in"] == 600 and body["interval"] == 1


def test_the_metadata_name_the_endpoint(denwa: Server):
    for path in ("openid-configuration", "oauth-authorization-server"):
        document = denwa.http.get(f"/.well-known/{path}").json()
        assert document["device_authorization_endpoint"] == f"{denwa.url}/oauth2/device_authorization"
        assert DEVICE_CODE in document["grant_types_supported"]


@pytest.mark.parametrize(("client_id", "more", "error"), [
    ("app", {}, "unauthorized_client"),
    ("tv", {"scope": "openid email"}, "invalid_scope"),
    ("tv", {"resource": "https://elsewhere.example/"}, "invalid_target"),
    ("tv", {"resource": "https://films.example/#part"}, "invalid_target"),
])
def test_a_device_gets_nothing_its_client_may_not_have(denwa: Server, client_id: str, more: dict, error: str):
    assert_oauth_error(ask(denwa, client_id, **more), 400, error)


def test_a_device_of_a_confidential_client_has_to_prove_it(denwa: Server):
    path = "/oauth2/device_authorization"
    form = {"scope": "openid"}
    for more, auth in [({"client_id": "box"}, None), ({}, ("box", "wrong")), ({"client_id": "nobody"}, None), ({}, None)]:
        reply = denwa.http.post(path, data=form | more, **{"auth": auth} if auth else {})
        assert_oauth_error(reply, 401, "invalid_client")
        assert reply.headers["www-authenticate"].startswith("Basic")
    assert denwa.http.post(path, data=form, auth=("box", secret_of("box"))).status_code == 200


def test_the_endpoint_takes_one_form_by_post(denwa: Server):
    path = "/oauth2/device_authorization"
    for method in ("GET", "PUT", "DELETE"):
        reply = denwa.http.request(method, f"{path}?client_id=tv")
        assert reply.status_code == 405 and reply.json()["error"] == "method_not_allowed"
    assert_oauth_error(denwa.http.post(f"{path}?client_id=tv", data={"scope": "openid"}), 401, "invalid_client")
    assert_oauth_error(denwa.http.post(path, json={"client_id": "tv"}), 400, "invalid_request")
    twice = {"client_id": "tv", "scope": ["openid", "phone"]}
    assert_oauth_error(denwa.http.post(path, data=twice), 400, "invalid_request")
    assert denwa.http.post(path, data={"client_id": "tv", "scope": "x" * 20_000}).status_code == 413


def test_as_many_devices_as_there_are_show_codes_of_their_own(denwa: Server):
    bodies = at_once(40, lambda _: begin(denwa))
    assert len({body["user_code"] for body in bodies}) == 40
    assert len({body["device_code"] for body in bodies}) == 40


# MARK: the way of a person


def test_a_person_types_the_code_signs_in_and_lets_the_device_in(denwa: Server, person: Person):
    codes = begin(denwa)
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "authorization_pending")
    person.number = fresh_number()
    page = question(denwa, person, codes["user_code"])
    # A fresh page: nothing of the sign-in is left in its address.
    assert urlsplit(page.url).path == "/device/confirm" and set(page.parameters) == {"user_code"}
    assert page.heading == "Sign in to Client tv on your device?"
    masked = f"{person.number[:5]}****{person.number[-4:]}"
    for shown in (codes["user_code"], "PlayStation", masked, "See your phone number", "Stay signed in while you’re away",
                  "Only continue if you see this code on your own device."):
        assert shown in page.words.replace("\u2066", "").replace("\u2069", ""), page.words
    assert answer(person, page, "allow").heading == "Your device is connected"

    tokens = poll(denwa, codes["device_code"])
    assert tokens.status_code == 200 and "no-store" in tokens.headers["cache-control"]
    body = tokens.json()
    assert body["token_type"] == "bearer" and body["scope"] == SCOPE
    claims = jwt.decode(body["id_token"], options={"verify_signature": False})
    assert claims["aud"] == "tv" and "nonce" not in claims
    info = denwa.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {body['access_token']}"}).json()
    assert info["sub"] == claims["sub"] and info["phone_number"] == person.number
    assert denwa.refresh("tv", body["refresh_token"]).status_code == 200
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "invalid_grant")


def test_whoever_scans_the_code_compares_it_and_is_asked_all_the_same(denwa: Server, person: Person):
    codes = begin(denwa)
    page = person.visit(codes["verification_uri_complete"])
    form = page.form("user_code", "csrf")
    assert form.fields["user_code"] == codes["user_code"]
    assert "Check that your device shows this code." in page.words
    assert not page.has_form("decision")
    page = person.submit(form)
    assert page.has_form("phone_number")
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "authorization_pending")


@pytest.mark.parametrize("spelling", [
    str.lower, lambda code: code.replace("-", ""), lambda code: " ".join(code.replace("-", "")),
    lambda code: "".join(chr(ord(letter) + 0xFEE0) for letter in code), lambda code: code.replace("-", "ー").lower(),
])
def test_a_code_is_read_however_it_is_typed(denwa: Server, member: Person, spelling: Callable[[str], str]):
    codes = begin(denwa)
    page = question(denwa, member, spelling(codes["user_code"]))
    assert page.form("decision").fields["user_code"] == codes["user_code"]


def test_a_no_is_a_no(denwa: Server, member: Person):
    codes = begin(denwa)
    page = answer(member, question(denwa, member, codes["user_code"]), "deny")
    assert page.heading == "Your device wasn’t connected"
    for _ in range(2):
        assert_oauth_error(poll(denwa, codes["device_code"]), 400, "access_denied")
    page = question(denwa, member, codes["user_code"])
    assert page.status == 404 and "isn’t right, or it has expired" in page.alert


def test_nobody_is_asked_twice_about_one_device_but_about_each_anew(denwa: Server, member: Person):
    for _ in range(2):
        codes = begin(denwa)
        page = question(denwa, member, codes["user_code"])
        let_in_page = answer(member, page, "allow")
        assert let_in_page.heading == "Your device is connected"
        again = answer(member, page, "deny")
        assert again.status == 404 and again.has_form("user_code")
        assert poll(denwa, codes["device_code"]).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/device", "/device/confirm"])
def test_no_address_lets_a_device_in(denwa: Server, member: Person, method: str, path: str):
    codes = begin(denwa)
    session = question(denwa, member, codes["user_code"]).form("decision").fields
    query = session | {"decision": "allow"}
    reply = member.browser.request(method, f"{denwa.url}{path}", params=query)
    assert reply.status_code == 200
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "authorization_pending")


@pytest.mark.parametrize("change", [
    {"csrf": "x" * 43}, {"csrf": ""}, {"session": "of-somebody-else"}, {"session": ""}, {"decision": "yes"},
    {"decision": ""}, {"user_code": "BBBB-BBBB"},
])
def test_only_the_form_that_was_shown_answers(denwa: Server, member: Person, change: dict[str, str]):
    codes = begin(denwa)
    fields = question(denwa, member, codes["user_code"]).form("decision").fields | {"decision": "allow"} | change
    reply = member.browser.post(f"{denwa.url}/device/confirm", data=fields)
    assert "is connected" not in reply.text
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "authorization_pending")


def test_a_form_from_elsewhere_changes_nothing_not_even_a_cookie(denwa: Server):
    codes = begin(denwa)
    for path, fields in [("/device", {}), ("/device/confirm", {"decision": "allow", "session": "x"})]:
        reply = denwa.http.post(path, data={"user_code": codes["user_code"], "csrf": "x"} | fields)
        assert reply.status_code == 303 and reply.headers["location"] == "/device"
        assert "set-cookie" not in reply.headers
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "authorization_pending")


def test_another_person_at_the_same_browser_is_asked_anew(denwa: Server, person: Person):
    codes = begin(denwa)
    person.number = fresh_number()
    asked = question(denwa, person, codes["user_code"])
    (other_number,) = [link for link in asked.links if "prompt=login" in link]
    second = fresh_number()
    person.type_number(person.follow(other_number), second)
    anew = person.type_code(person.page, re.search(r"\d{6}", person.text["body"]).group())
    assert second[-4:] in anew.words and person.number[-4:] not in anew.words
    stale = person.submit(asked.form("decision", "session"), decision="allow")
    assert stale.has_form("decision") and second[-4:] in stale.words
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "authorization_pending")
    assert answer(person, stale, "allow").heading == "Your device is connected"


def test_whoever_signs_out_takes_the_device_along(denwa: Server, person: Person):
    codes = begin(denwa, scope="openid phone")
    let_in(denwa, person, codes["user_code"])
    token = poll(denwa, codes["device_code"]).json()["access_token"]
    assert denwa.is_active(token)
    page = person.visit(f"{denwa.url}/account")
    person.submit(next(form for form in page.forms if form.action.endswith("/account/sign-out")))
    assert not denwa.is_active(token)


def test_a_page_is_in_the_language_of_its_reader_and_safe(denwa: Server):
    for language, heading in [("ja", "デバイスを接続"), ("ar", "توصيل جهاز"), ("de", "Gerät verbinden")]:
        with people() as make:
            page = make(denwa, language=language).visit(f"{denwa.url}/device")
            assert page.heading == heading
            assert page.headers["x-frame-options"] == "DENY"
            assert page.headers["referrer-policy"] == "no-referrer"
            assert "form-action 'self'" in page.headers["content-security-policy"]


# MARK: guesses


def test_wrong_expired_and_used_codes_look_alike(start_server: StartServer):
    server = start_server(clients=REGISTERED, DENWA_DEVICE_CODE_LIFETIME_SECONDS="3")
    with people() as make:
        person = make(server)
        person.sign_in(f"{server.url}/account", fresh_number())
        used = begin(server)
        answer(person, question(server, person, used["user_code"]), "deny")
        expired = begin(server)
        time.sleep(3.1)
        seen = set()
        for code in (used["user_code"], expired["user_code"], "BBBB-BBBB"):
            page = question(server, person, code)
            seen.add((page.status, page.alert, page.text.replace(code, "the code")))
        assert len(seen) == 1
        assert_oauth_error(poll(server, expired["device_code"]), 400, "expired_token")


def test_guesses_are_limited_by_address_and_the_right_code_is_no_guess(start_server: StartServer):
    server = start_server(clients=REGISTERED, DENWA_LIMITS_USER_CODE_PER_IP="5/300")
    with people() as make:
        person = make(server)
        codes = begin(server)
        for _ in range(8):
            assert question(server, person, codes["user_code"]).has_form("decision")
        for guess in ("BBBB-BBBB", "CCCC-CCCC", "no", "DDDD-DDDD", "FFFF-FFFF"):
            assert question(server, person, guess).status == 404
        page = question(server, person, codes["user_code"])
        assert page.status == 429 and page.alert.startswith("Too many tries.")
        assert 1 <= int(page.headers["retry-after"]) <= 60
        assert "userCodePerIP" in page.headers["ratelimit-policy"] and "ratelimit" in page.headers
        assert person.visit(f"{server.url}/device/confirm?user_code={codes['user_code']}").status == 429
        refused = [line for line in server.developer_log() if "user_code.refused" in line]
        assert len(refused) == 7
        assert not any(code in line for line in server.developer_log() for code in codes.values() if isinstance(code, str))


def test_devices_of_one_address_are_limited(start_server: StartServer):
    server = start_server(clients=REGISTERED, DENWA_LIMITS_DEVICE_CODE_PER_IP="3/60")
    for _ in range(3):
        begin(server)
    refused = ask(server)
    assert_oauth_error(refused, 429, "temporarily_unavailable")
    assert int(refused.headers["retry-after"]) <= 20 and "deviceCodePerIP" in refused.headers["ratelimit-policy"]


# MARK: polls


def test_a_device_in_a_hurry_is_slowed_down(start_server: StartServer):
    server = start_server(clients=REGISTERED)
    codes = begin(server)
    assert codes["interval"] == 5
    assert_oauth_error(poll(server, codes["device_code"]), 400, "authorization_pending")
    for _ in range(3):
        assert_oauth_error(poll(server, codes["device_code"]), 400, "slow_down")
    with people() as make:
        let_in(server, make(server), codes["user_code"])
    assert poll(server, codes["device_code"]).status_code == 200, "there is something to tell"


def test_of_many_polls_one_gets_the_tokens(denwa: Server, member: Person):
    codes = begin(denwa)
    let_in(denwa, member, codes["user_code"])
    replies = at_once(50, lambda _: poll(denwa, codes["device_code"]))
    (won,) = [reply for reply in replies if reply.status_code == 200]
    for reply in replies:
        if reply is not won:
            assert_oauth_error(reply, 400, "invalid_grant")
    assert denwa.is_active(won.json()["access_token"]), "the others do it no harm"


def test_of_many_answers_one_counts(denwa: Server, member: Person):
    codes = begin(denwa)
    page = question(denwa, member, codes["user_code"])
    fields, cookies = page.form("decision").fields, dict(member.browser.cookies)
    replies = at_once(20, lambda index: httpx.post(
        f"{denwa.url}/device/confirm", data=fields | {"decision": ["allow", "deny"][index % 2]}, cookies=cookies,
        trust_env=False, timeout=30))
    counted = [reply for reply in replies if reply.status_code == 200]
    assert len(counted) == 1
    outcome = poll(denwa, codes["device_code"])
    assert (outcome.status_code == 200) == ("is connected" in counted[0].text)


def test_a_device_code_is_its_own_clients_alone(denwa: Server, member: Person):
    codes = begin(denwa)
    let_in(denwa, member, codes["user_code"])
    assert_oauth_error(poll(denwa, codes["device_code"], "other-tv"), 400, "invalid_grant")
    assert_oauth_error(poll(denwa, codes["device_code"], "app"), 400, "unauthorized_client")
    assert_oauth_error(poll(denwa, codes["user_code"]), 400, "invalid_grant")
    assert_oauth_error(denwa.token("tv", {"grant_type": DEVICE_CODE}), 400, "invalid_request")
    form = {"grant_type": "authorization_code", "code": codes["device_code"]}
    assert_oauth_error(denwa.token("tv", form), 400, "unauthorized_client")
    assert poll(denwa, codes["device_code"]).status_code == 200


@pytest.mark.parametrize(("client_id", "scope", "has_refresh", "has_id"), [
    ("tv", "openid", False, True), ("tv", "phone offline_access", True, False), ("once", SCOPE, False, True),
    ("box", "offline", True, False),
])
def test_a_device_gets_the_tokens_it_asked_for(
    denwa: Server, member: Person, client_id: str, scope: str, has_refresh: bool, has_id: bool
):
    codes = begin(denwa, client_id, scope=scope)
    let_in(denwa, member, codes["user_code"])
    body = poll(denwa, codes["device_code"], client_id).json()
    assert body["scope"] == scope
    assert ("refresh_token" in body) == has_refresh
    assert ("id_token" in body) == has_id


def test_a_token_is_for_the_resource_that_was_named(denwa: Server, member: Person):
    codes = begin(denwa, resource="https://films.example/")
    let_in(denwa, member, codes["user_code"])
    body = poll(denwa, codes["device_code"]).json()
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["aud"] == "https://films.example/"
    elsewhere = denwa.refresh("tv", body["refresh_token"], resource="https://songs.example/")
    assert_oauth_error(elsewhere, 400, "invalid_target")


# MARK: keys


def proof(key: ec.EllipticCurvePrivateKey, url: str) -> dict[str, str]:
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    claims = {"htm": "POST", "htu": url, "iat": int(time.time()), "jti": secrets.token_hex(16)}
    header = {"typ": "dpop+jwt", "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")}}
    return {"DPoP": jwt.encode(claims, key, "ES256", header)}


def test_a_device_that_proves_a_key_is_the_only_one_to_get_the_tokens(denwa: Server, member: Person):
    own, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    codes = begin(denwa, headers=proof(own, f"{denwa.url}/oauth2/device_authorization"))
    let_in(denwa, member, codes["user_code"])
    token_url = f"{denwa.url}/oauth2/token"
    assert_oauth_error(poll(denwa, codes["device_code"]), 400, "invalid_grant")
    assert_oauth_error(poll(denwa, codes["device_code"], headers=proof(other, token_url)), 400, "invalid_grant")
    body = poll(denwa, codes["device_code"], headers=proof(own, token_url)).json()
    assert body["token_type"] == "DPoP"
    assert "jkt" in jwt.decode(body["access_token"], options={"verify_signature": False})["cnf"]
    refused = ask(denwa, headers=proof(own, token_url))
    assert_oauth_error(refused, 400, "invalid_dpop_proof")


# MARK: the picture


def modules(svg: str) -> tuple[int, bytearray]:
    """The picture as pixels, four to a module."""
    side = int(re.search(r'viewBox="0 0 (\d+) \1"', svg).group(1))
    pixels = bytearray(b"\xff" * (side * 4) ** 2)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg.split("<path d=")[1]):
        for row in range(int(y) * 4, int(y) * 4 + 4):
            start = row * side * 4 + int(x) * 4
            pixels[start:start + int(length) * 4] = bytes(int(length) * 4)
    return side * 4, pixels


def test_a_camera_reads_the_address_from_the_picture(denwa: Server):
    codes = begin(denwa)
    reply = denwa.http.get(codes["verification_qr_uri"])
    assert reply.status_code == 200 and reply.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in reply.headers["content-security-policy"]
    side, pixels = modules(reply.text)
    (read,) = zxingcpp.read_barcodes(memoryview(bytes(pixels)).cast("B", shape=[side, side]))
    assert read.text == codes["verification_uri_complete"]


@pytest.mark.parametrize("query", ["", "?user_code=", "?user_code=AEIO-UUUU", "?user_code=BCDF-GHJ", "?user_code=%22/%3E"])
def test_there_is_no_picture_of_what_is_no_code(denwa: Server, query: str):
    assert denwa.http.get(f"/device/qr.svg{query}").status_code == 404


# MARK: others' devices


def test_oauthlibs_device_client_gets_its_tokens(denwa: Server, person: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    session = OAuth2Session(client=DeviceClient("tv"), scope=SCOPE.split())
    metadata = session.get(f"{denwa.url}/.well-known/openid-configuration", withhold_token=True).json()
    codes = session.post(
        metadata["device_authorization_endpoint"], data={"client_id": "tv", "scope": SCOPE}, withhold_token=True).json()

    def fetch() -> dict[str, Any]:
        return session.fetch_token(metadata["token_endpoint"], device_code=codes["device_code"], include_client_id=True)

    with pytest.raises(OAuth2Error) as pending:
        fetch()
    assert pending.value.error == "authorization_pending"
    let_in(denwa, person, codes["user_code"])
    assert fetch()["scope"] == SCOPE.split()
    assert session.get(metadata["userinfo_endpoint"]).json()["phone_number_verified"] is True


def test_a_client_that_polls_by_itself_gets_its_tokens(denwa: Server, person: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = OAuth2Client(
        f"{denwa.url}/oauth2/token", device_authorization_endpoint=f"{denwa.url}/oauth2/device_authorization",
        auth=("box", secret_of("box")), testing=True)
    codes = client.authorize_device(scope="openid offline")
    assert codes.verification_uri == f"{denwa.url}/device" and not codes.is_expired()
    job = DeviceAuthorizationPollingJob(client, codes)
    assert job() is None, "nobody has answered yet"
    let_in(denwa, person, codes.user_code)
    token = job()
    assert token is not None and token.refresh_token
    assert client.refresh_token(token).access_token != token.access_token
