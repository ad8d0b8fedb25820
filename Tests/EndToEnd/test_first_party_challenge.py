"""Apps with screens of their own (draft-ietf-oauth-first-party-apps): the walk, and one deviation at a time.

What it costs to guess and to text is in `test_first_party_challenge_limits.py`, keys that sessions are bound to in
`test_first_party_challenge_dpop.py`, the way to the browser in `test_first_party_challenge_web.py`.
"""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator
from urllib.parse import urlencode

import jwt
import pytest

from first_party import (
    ENDPOINT, Challenge, assert_challenged, assert_over, assert_wrong, code_of, post,
)
from harness import (
    Server, StartServer, assert_oauth_error, assert_refused, at_once, code_in, confidential_client, eventually,
    fresh_number, machine_client, phone_client, pkce, six_digits_other_than, wrong_codes,
)
from person import authorize_url, people

API, BILLING = "https://api.example/v1", "https://billing.example/"

CALLBACK = "https://app.example/callback"

#: Before the number's own digits: a fixed line in Tokyo.
FIXED_LINE = "+81312345678"


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app"),
        phone_client("other-app"),
        phone_client("scoped", scope="openid offline reports:read"),
        phone_client("resources", resources=[API, BILLING]),
        phone_client("no-redirect", redirect_uris=[]),
        phone_client("impatient", default_max_age=1),
        confidential_client("web"),
        confidential_client("web-post", "client_secret_post"),
        confidential_client("strict", require_pkce=True),
        phone_client("third-party", first_party=False),
        confidential_client("third-party-web", first_party=False),
        phone_client("no-phone", phone_login=False),
        machine_client("machine"),
        machine_client("machine-first-party", first_party=True),
        machine_client("resource-server", may_introspect=True),
    ]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=clients())


@pytest.fixture
def challenge(server: Server) -> Challenge:
    return Challenge(server)


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def verified(server: Server, token: str, audience: str) -> dict[str, Any]:
    """Its claims, after the checks of a resource server."""
    key = jwt.PyJWKClient(f"{server.url}/.well-known/jwks.json", timeout=10).get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=server.url)


def assert_no_text(server: Server, number: str) -> None:
    """None has left, and none is on its way: one that was asked for afterwards is there."""
    later = Challenge(server).started()
    later.text()
    assert server.outbox.messages(number) == []


# MARK: the walk


def test_an_app_signs_somebody_in_without_a_browser(server: Server, challenge: Challenge):
    began = int(time.time())
    begun = challenge.begin(scope="openid offline phone", nonce="nonce-8Fz1", response_type="code")
    body = assert_challenged(begun)
    assert (body["expires_in"], body["code_length"], body["resend_after"]) == (180, 6, 0)
    assert "set-cookie" not in begun.headers

    done = challenge.guess()
    assert "set-cookie" not in done.headers
    tokens = challenge.tokens(code=code_of(done))
    assert tokens["token_type"].lower() == "bearer" and tokens["refresh_token"]
    assert set(tokens["scope"].split()) == {"openid", "offline", "phone"}
    access = verified(server, tokens["access_token"], "app")
    assert (access["client_id"], access["acr"]) == ("app", "aal1")
    assert began <= access["auth_time"] <= time.time() + 1
    identity = verified(server, tokens["id_token"], "app")
    assert (identity["nonce"], identity["sub"]) == ("nonce-8Fz1", access["sub"])
    assert {"otp", "sms"} <= set(identity["amr"])

    told = server.http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert told.json()["phone_number"] == challenge.number
    assert server.refresh("app", tokens["refresh_token"]).status_code == 200
    assert len(server.outbox.messages(challenge.number)) == 1


def test_the_text_and_the_account_are_those_of_the_phone_login(server: Server):
    challenge = Challenge(server)
    by_challenge = claims(challenge.tokens()["access_token"])
    login = server.login("app", challenge.number, query=pkce()[1])
    login.request()
    texts = [challenge.text()["body"], login.text()["body"]]
    codes = [code_in(challenge.text()), login.texted_code()]
    assert texts[0].replace(codes[0], "") == texts[1].replace(codes[1], "")
    other = server.login("other-app", challenge.number)
    assert claims(other.tokens()["access_token"])["sub"] == by_challenge["sub"]


def test_a_number_with_a_trunk_prefix_is_the_number_without(server: Server):
    """As the phone login takes it: one account, and one counter."""
    number = fresh_number()
    written = Challenge(server, number=number, form={"login_hint": f"+810{number[3:]}"})
    by_prefix = claims(written.tokens()["access_token"])
    assert claims(Challenge(server, number=number).tokens()["access_token"])["sub"] == by_prefix["sub"]


def test_a_test_number_gets_no_text(start_server: StartServer):
    number = fresh_number()
    tested = {"phone_number": number, "code": "246810", "expires_at": int(time.time()) + 3600}
    server = start_server(clients=[phone_client("app", test_numbers=[tested]), phone_client("other-app")])
    challenge = Challenge(server, number=number).started()
    assert_wrong(challenge.guess("123456"), challenge.session)
    tokens = challenge.tokens(code=code_of(challenge.guess("246810")))
    elsewhere = Challenge(server, "other-app", number)
    real = elsewhere.tokens()
    assert claims(real["access_token"])["sub"] != claims(tokens["access_token"])["sub"]
    assert len(server.outbox.messages(number)) == 1, "the real one's"


@pytest.mark.parametrize("client_id", ["web", "web-post", "strict"])
def test_a_confidential_client_shows_its_secret_at_both_steps(server: Server, client_id: str):
    challenge = Challenge(server, client_id)
    assert server.is_active(challenge.tokens()["access_token"])

    challenge = Challenge(server, client_id).started()
    secret = server.client(client_id)["client_secret"]
    server.client(client_id)["client_secret"] = "not-the-secret-0b1fKqR7"
    try:
        assert_oauth_error(challenge.guess(), 401, "invalid_client")
        assert_oauth_error(challenge.resend(), 401, "invalid_client")
        assert_oauth_error(Challenge(server, client_id).begin(), 401, "invalid_client")
    finally:
        server.client(client_id)["client_secret"] = secret
    assert code_of(challenge.guess())


def test_a_confidential_client_may_leave_the_proof_key_out(server: Server):
    challenge = Challenge(server, "web", uses_pkce=False)
    assert server.is_active(challenge.tokens()["access_token"])


def test_a_client_without_redirect_uris_may_sign_in(server: Server):
    assert server.is_active(Challenge(server, "no-redirect").tokens()["access_token"])


def test_the_language_of_the_text_is_asked_for(challenge: Challenge):
    challenge.started(ui_locales="tlh de")
    assert "gültig" in challenge.text()["body"]


def test_a_known_device_comes_back(server: Server, challenge: Challenge):
    challenge.started()
    device = challenge.guess().json()["device_id"]
    again = Challenge(server, number=challenge.number, form={"device_id": device})
    assert server.is_active(again.tokens()["access_token"])


def test_the_endpoint_is_in_the_metadata(server: Server):
    document = server.http.get("/.well-known/oauth-authorization-server").json()
    assert document["authorization_challenge_endpoint"] == f"{server.url}{ENDPOINT}"


# MARK: who may


@pytest.mark.parametrize("client_id", ["third-party", "third-party-web", "no-phone", "machine", "machine-first-party"])
def test_other_clients_are_refused_and_nobody_is_texted(server: Server, client_id: str):
    challenge = Challenge(server, client_id)
    assert_oauth_error(challenge.begin(), 400, "unauthorized_client")
    assert_no_text(server, challenge.number)


@pytest.mark.parametrize("client_id", ["third-party", "no-phone"])
def test_another_clients_session_helps_them_no_further(server: Server, client_id: str):
    mine = Challenge(server).started()
    reply = mine.guess(client_id=client_id)
    assert_oauth_error(reply, 400, "unauthorized_client", "invalid_session")
    assert code_of(mine.guess())


@contextmanager
def published(document: dict[str, Any]) -> Iterator[str]:
    """A client's metadata document on loopback, at the address that is its client_id."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(document | {"client_id": url}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        url = f"http://127.0.0.1:{site.server_port}/app.json"
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield url
        site.shutdown()


def test_nobody_becomes_first_party_by_saying_so(start_server: StartServer):
    """Clients that register themselves, or publish what they are, say what they like."""
    server = start_server(
        clients=clients(), DENWA_REGISTRATION_MODE="open", DENWA_CLIENT_METADATA_ENABLED="true",
        DENWA_CLIENT_METADATA_ALLOWED_NETWORKS="127.0.0.0/8")
    claimed = {"client_name": "Mine", "redirect_uris": ["https://mine.example/callback"], "first_party": True,
               "phone_login": True, "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"]}
    registered = server.http.post("/oauth2/register", json=claimed)
    assert registered.status_code == 201, registered.text
    with published(claimed) as url:
        for client_id in (registered.json()["client_id"], url):
            asked = {"client_id": client_id, "response_type": "code", "redirect_uri": claimed["redirect_uris"][0]}
            shown = server.http.get("/oauth2/authorize", params=asked | pkce()[1])
            assert shown.status_code == 200 and "phone_number" in shown.text, "it may send people to the pages"
            challenge = Challenge(server)
            reply = server.http.post(ENDPOINT, data=challenge.request() | {"client_id": client_id})
            assert_oauth_error(reply, 400, "unauthorized_client")
            assert_no_text(server, challenge.number)


@pytest.mark.parametrize("form", [{}, {"client_id": "nobody"}, {"client_id": "web"},
                                  {"client_id": "app", "client_secret": "secret"}])
def test_a_client_that_cannot_show_who_it_is_gets_401(server: Server, form: dict[str, str]):
    reply = server.http.post(ENDPOINT, data=Challenge(server).request() | form)
    assert_oauth_error(reply, 401, "invalid_client")
    assert reply.headers["www-authenticate"].startswith("Basic ")


def test_two_ways_to_show_who_it_is_are_one_too_many(server: Server):
    secret = server.client("web")["client_secret"]
    form = Challenge(server, "web").request() | {"client_id": "web", "client_secret": secret}
    assert_oauth_error(server.http.post(ENDPOINT, data=form, auth=("web", secret)), 400, "invalid_request")


# MARK: one deviation from a good first call


def wide(number: str) -> str:
    return number.translate(str.maketrans("0123456789", "０１２３４５６７８９"))


#: What is wrong, the client, what changes in the form (`None`: left out), and the answer.
DEVIATIONS: list[tuple[str, str, dict[str, str | None], tuple[str, ...]]] = [
    ("no number", "app", {"login_hint": None}, ("invalid_request",)),
    ("an empty number", "app", {"login_hint": ""}, ("invalid_request",)),
    ("not a number", "app", {"login_hint": "mika@example.com"}, ("invalid_request",)),
    ("a number that cannot be", "app", {"login_hint": "+810000"}, ("invalid_request",)),
    ("spaces in it", "app", {"login_hint": "+81 90 1234 5678"}, ("invalid_request",)),
    ("no country", "app", {"login_hint": "09012345678"}, ("invalid_request",)),
    ("full-width digits", "app", {"login_hint": wide("+819012345678")}, ("invalid_request",)),
    ("an extension", "app", {"login_hint": "+819012345678;ext=7"}, ("invalid_request",)),
    ("a null byte", "app", {"login_hint": "+819012345678\0"}, ("invalid_request",)),
    ("a line that gets no texts", "app", {"login_hint": FIXED_LINE}, ("invalid_request",)),
    ("another response type", "app", {"response_type": "token"}, ("invalid_request", "unsupported_response_type")),
    ("several response types", "app", {"response_type": "code id_token"},
     ("invalid_request", "unsupported_response_type")),
    ("no proof key", "app", {"code_challenge": None, "code_challenge_method": None}, ("invalid_request",)),
    ("no proof key, though the client needs it", "strict", {"code_challenge": None, "code_challenge_method": None},
     ("invalid_request",)),
    ("a method alone", "web", {"code_challenge": None}, ("invalid_request",)),
    ("no method", "app", {"code_challenge_method": None}, ("invalid_request",)),
    ("plain", "app", {"code_challenge_method": "plain"}, ("invalid_request",)),
    ("a short challenge", "app", {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c"},
     ("invalid_request",)),
    ("a challenge with padding", "app", {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="},
     ("invalid_request",)),
    ("an unregistered redirect URI", "app", {"redirect_uri": "https://evil.example/callback"}, ("invalid_request",)),
    ("a longer redirect URI", "app", {"redirect_uri": f"{CALLBACK}/"}, ("invalid_request",)),
    ("a malformed scope", "app", {"scope": 'open"id'}, ("invalid_scope",)),
    ("more scope than the client has", "scoped", {"scope": "openid reports:write"}, ("invalid_scope",)),
    ("a resource the client does not have", "resources", {"resource": "https://evil.example/"}, ("invalid_target",)),
    ("a resource of a client without any", "app", {"resource": API}, ("invalid_target",)),
    ("a resource with a fragment", "resources", {"resource": f"{API}#x"}, ("invalid_target",)),
    ("a relative resource", "resources", {"resource": "/v1"}, ("invalid_target",)),
    ("a class that nobody has", "app", {"acr_values": "aal9"}, ("unmet_authentication_requirements",)),
    ("a malformed max_age", "app", {"max_age": "soon"}, ("invalid_request",)),
    ("a negative max_age", "app", {"max_age": "-1"}, ("invalid_request",)),
    ("a nonce without end", "app", {"nonce": "n" * 1025}, ("invalid_request",)),
    ("a malformed thumbprint", "app", {"dpop_jkt": "abc"}, ("invalid_request", "invalid_dpop_proof")),
]


@pytest.mark.parametrize("name, client_id, change, errors", DEVIATIONS, ids=[row[0] for row in DEVIATIONS])
def test_one_deviation_is_refused_and_nobody_is_texted(
    server: Server, name: str, client_id: str, change: dict[str, str | None], errors: tuple[str, ...]
):
    challenge = Challenge(server, client_id)
    form = {key: value for key, value in (challenge.request() | change).items() if value is not None}
    body = assert_oauth_error(challenge.call(form), 400, *errors)
    assert set(body) <= {"error", "error_description"}, "nothing to go on with"
    assert body["error_description"].isascii()
    assert "evil.example" not in body["error_description"], "nothing of the request comes back"
    assert_no_text(server, challenge.number)


@pytest.mark.parametrize("name", ["login_hint", "scope", "code_challenge", "client_id", "redirect_uri", "nonce"])
def test_a_repeated_parameter_is_refused(server: Server, name: str):
    challenge = Challenge(server)
    form = challenge.request() | {"client_id": "app", "scope": "openid", "redirect_uri": CALLBACK, "nonce": "n"}
    pairs = list(form.items()) + [(name, form[name])]
    reply = server.http.post(
        ENDPOINT, content=urlencode(pairs), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert_oauth_error(reply, 400, "invalid_request")
    assert_no_text(server, challenge.number)


def test_a_resource_may_be_repeated(server: Server):
    challenge = Challenge(server, "resources")
    pairs = list(challenge.request().items()) + [("resource", API), ("resource", BILLING)]
    challenge.session = assert_challenged(challenge.call(pairs))["auth_session"]
    code = code_of(challenge.guess())
    assert claims(challenge.tokens(code=code, resource=BILLING)["access_token"])["aud"] == BILLING


def test_the_query_is_not_read(server: Server):
    form = Challenge(server).request() | {"client_id": "app"}
    assert_oauth_error(server.http.post(f"{ENDPOINT}?{urlencode(form)}", data={"x": "y"}), 401, "invalid_client")
    hint = {"login_hint": form.pop("login_hint")}
    assert_oauth_error(server.http.post(f"{ENDPOINT}?{urlencode(hint)}", data=form), 400, "invalid_request")


def test_a_body_that_is_no_form_is_refused(server: Server):
    form = Challenge(server).request() | {"client_id": "app"}
    assert_oauth_error(server.http.post(ENDPOINT, json=form), 400, "invalid_request")
    large = form | {"scope": "s" * 17_000}
    assert_oauth_error(server.http.post(ENDPOINT, data=large), 413, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_nothing_but_post_is_allowed(server: Server, method: str):
    reply = server.http.request(method, f"{ENDPOINT}?{urlencode(Challenge(server).request() | {'client_id': 'app'})}")
    assert reply.status_code == 405
    assert reply.json()["error"] == "method_not_allowed"
    assert reply.headers["allow"] == "POST"


# MARK: one deviation from a good second call


def test_a_wrong_code_may_be_tried_again_and_says_nothing_else(challenge: Challenge):
    challenge.started()
    answers = [assert_wrong(reply, challenge.session) for reply in challenge.guess_wrongly(4)]
    assert len({answer["error_description"] for answer in answers}) == 1
    assert code_of(challenge.guess())


def test_the_fifth_wrong_code_ends_it(challenge: Challenge):
    challenge.started()
    replies = challenge.guess_wrongly(6)
    for reply in replies[:4]:
        assert_wrong(reply, challenge.session)
    for reply in replies[4:]:
        assert_over(reply)
    assert_over(challenge.guess())


@pytest.mark.parametrize("form", [{}, {"otp": ""}, {"resend": "false"}, {"resend": ""}],
                         ids=["none", "empty", "resend=false", "resend empty"])
def test_no_code_at_all_is_asked_for_again_and_not_counted(challenge: Challenge, form: dict[str, str]):
    challenge.started()
    for _ in range(8):
        assert_wrong(challenge.call({"auth_session": challenge.session} | form), challenge.session)
    challenge.text()
    assert len(challenge.server.outbox.messages(challenge.number)) == 1
    assert code_of(challenge.guess())


@pytest.mark.parametrize("otp", ["1", "12345", "1234567", "abcdef", "１２３４５６", "%00", "000000\0"])
def test_a_code_of_another_form_is_never_right(challenge: Challenge, otp: str):
    challenge.started()
    assert_oauth_error(challenge.guess(otp), 400, "insufficient_authorization", "invalid_request")
    assert code_of(challenge.guess())


def test_full_width_digits_of_the_right_code_count_as_one_guess_at_most(challenge: Challenge):
    challenge.started()
    reply = challenge.guess(wide(challenge.texted_code()))
    assert reply.status_code in (200, 400)
    if reply.status_code == 400:
        assert code_of(challenge.guess())


def test_a_repeated_code_is_refused_and_not_counted(challenge: Challenge):
    challenge.started()
    wrong = six_digits_other_than(challenge.texted_code())
    pairs = [("auth_session", challenge.session), ("otp", wrong), ("otp", challenge.texted_code())]
    for _ in range(6):
        assert_oauth_error(challenge.call(pairs), 400, "invalid_request")
    assert code_of(challenge.guess())


def test_a_repeated_session_is_refused(challenge: Challenge):
    challenge.started()
    pairs = [("auth_session", challenge.session)] * 2 + [("otp", challenge.texted_code())]
    assert_oauth_error(challenge.call(pairs), 400, "invalid_request")


@pytest.mark.parametrize("session", ["A" * 43, "", "x", "A" * 22, "A" * 2000, "../../etc", "' OR 1=1 --", "\0" * 43])
def test_a_session_that_never_was_is_over(challenge: Challenge, session: str):
    challenge.started()
    reply = challenge.call({"auth_session": session, "otp": challenge.texted_code()})
    if session.strip("\0"):
        assert_over(reply)
    else:       # an empty parameter counts as absent, and then there is no number either; a null byte is no text
        assert_oauth_error(reply, 400, "invalid_request")


def test_a_session_of_another_spelling_is_over(challenge: Challenge):
    challenge.started()
    session = challenge.session
    for other in (session.swapcase(), session + "=", session[:-1], f" {session}", session + "\n", session * 2):
        assert_over(challenge.call({"auth_session": other, "otp": challenge.texted_code()}))
    assert code_of(challenge.guess())


def test_a_finished_session_is_over(challenge: Challenge):
    challenge.started()
    right = challenge.texted_code()
    assert code_of(challenge.guess(right))
    assert_over(challenge.guess(right))
    assert_over(challenge.guess(six_digits_other_than(right)))
    assert_over(challenge.resend())
    assert_over(challenge.call({"auth_session": challenge.session}))


@pytest.mark.parametrize("form", [{}, {"otp": ""}], ids=["none", "empty"])
def test_no_code_at_all_is_not_asked_for_where_nothing_goes_on(server: Server, form: dict[str, str]):
    exhausted, foreign = Challenge(server).started(), Challenge(server, "other-app").started()
    exhausted.guess_wrongly(5)
    for session in ("A" * 43, exhausted.session, foreign.session):
        assert_over(post(server, "app", {"auth_session": session} | form))
    assert code_of(foreign.guess())


def test_an_expired_session_is_over(start_server: StartServer):
    server = start_server(clients=clients(), DENWA_PHONE_CODE_LIFETIME_SECONDS="1")
    challenge = Challenge(server)
    assert assert_challenged(challenge.begin())["expires_in"] == 1
    right = challenge.texted_code()
    time.sleep(1)
    assert_over(challenge.guess(right))
    assert_over(challenge.resend())
    assert len(server.outbox.messages(challenge.number)) == 1


def test_another_clients_session_is_over_for_it_and_goes_on_for_its_own(server: Server, challenge: Challenge):
    challenge.started()
    right = challenge.texted_code()
    for _ in range(6):
        assert_over(challenge.guess(right, client_id="other-app"))
        assert_over(challenge.guess(six_digits_other_than(right), client_id="other-app"))
    assert_over(challenge.resend(client_id="other-app"))
    assert len(server.outbox.messages(challenge.number)) == 1
    assert code_of(challenge.guess(right)), "strangers have used up nothing"


def test_a_code_opens_no_other_session(server: Server):
    mine, yours = Challenge(server).started(), Challenge(server).started()
    assert mine.texted_code() != yours.texted_code() or yours.guess_wrongly(1) and yours.resend()
    assert_wrong(mine.guess(yours.texted_code()), mine.session)
    assert code_of(mine.guess()) and code_of(yours.guess())


def test_what_a_second_call_says_besides_changes_nothing(server: Server):
    """The session is of its number, its scope, its proof key and its nonce."""
    victim = fresh_number()
    challenge = Challenge(server, "scoped", form={"scope": "openid", "nonce": "first"}).started()
    claimed = {
        "login_hint": victim, "scope": "openid offline reports:read", "nonce": "second", "acr_values": "aal9",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
        "verified": "true", "test": "1",
    }
    reply = challenge.call({"auth_session": challenge.session, "otp": challenge.texted_code()} | claimed)
    tokens = challenge.tokens(code=code_of(reply))
    assert tokens["scope"] == "openid" and "refresh_token" not in tokens
    assert claims(tokens["id_token"])["nonce"] == "first"
    owner = server.login("other-app", challenge.number).tokens()
    assert claims(tokens["access_token"])["sub"] == claims(owner["access_token"])["sub"]
    assert_no_text(server, victim)


def test_a_code_in_the_first_call_is_no_guess(server: Server):
    first = Challenge(server).started()
    again = Challenge(server, number=first.number)
    reply = again.begin(otp=first.texted_code())
    assert reply.status_code == 400, "a code counts for a session alone"
    assert "authorization_code" not in reply.json()


# MARK: another text


def test_a_resend_keeps_the_session_and_the_code(server: Server, challenge: Challenge):
    challenge.started()
    first = challenge.texted_code()
    body = assert_challenged(challenge.resend())
    assert body["auth_session"] == challenge.session
    assert challenge.texted_code() == first, "people type the older message"
    assert len(server.outbox.messages(challenge.number)) == 2
    assert code_of(challenge.guess())


def test_after_a_wrong_guess_a_resend_brings_a_fresh_code(challenge: Challenge):
    challenge.started()
    first = challenge.texted_code()
    challenge.guess_wrongly(1)
    assert_challenged(challenge.resend())
    if challenge.texted_code() != first:        # one time in a million it is the same by chance
        assert_wrong(challenge.guess(first), challenge.session)
    assert code_of(challenge.guess())


def test_a_resend_resets_no_guesses_and_no_clock(start_server: StartServer):
    server = start_server(clients=clients(), DENWA_PHONE_MAX_GUESSES="2")
    challenge = Challenge(server).started()
    challenge.guess_wrongly(1)
    time.sleep(1)
    assert assert_challenged(challenge.resend())["expires_in"] < 180
    assert_over(challenge.guess(six_digits_other_than(challenge.texted_code())))
    assert_over(challenge.guess())
    resent = challenge.resend()
    assert_oauth_error(resent, resent.status_code, "invalid_session", "temporarily_unavailable")
    assert len(server.outbox.messages(challenge.number)) == 2


@pytest.mark.parametrize("value", ["TRUE", "1", "yes"])
def test_only_true_asks_for_another_text(challenge: Challenge, value: str):
    challenge.started()
    reply = challenge.call({"auth_session": challenge.session, "resend": value})
    assert_oauth_error(reply, 400, "insufficient_authorization", "invalid_request")
    assert "resend_after" not in reply.json()
    challenge.text()
    assert len(challenge.server.outbox.messages(challenge.number)) == 1


def test_a_resend_of_a_session_that_never_was_texts_nobody(server: Server):
    number = fresh_number()
    reply = post(server, "app", {"auth_session": "A" * 43, "resend": "true", "login_hint": number})
    assert_over(reply)
    assert_no_text(server, number)


# MARK: the authorization code


#: What is wrong with the token request, what changes in it, and the answer.
REDEMPTIONS: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = [
    ("no verifier", {"code_verifier": None}, ("invalid_grant", "invalid_request")),
    ("another verifier", {"code_verifier": "a" * 43}, ("invalid_grant",)),
    ("a short verifier", {"code_verifier": "a" * 42}, ("invalid_grant", "invalid_request")),
    ("another redirect URI", {"redirect_uri": "https://evil.example/callback"}, ("invalid_grant",)),
]


@pytest.mark.parametrize("name, change, errors", REDEMPTIONS, ids=[row[0] for row in REDEMPTIONS])
def test_a_code_is_redeemed_as_it_was_asked_for(
    challenge: Challenge, name: str, change: dict[str, str | None], errors: tuple[str, ...]
):
    code = challenge.authorization_code()
    assert_oauth_error(challenge.redeem(code, **change), 400, *errors)


def test_a_redirect_uri_that_was_named_is_named_again(server: Server):
    named = {"redirect_uri": CALLBACK}
    assert Challenge(server, form=named).tokens()
    assert_oauth_error(
        Challenge(server, form=named).redeem(redirect_uri=None), 400, "invalid_grant", "invalid_request")
    assert_oauth_error(
        Challenge(server, form=named).redeem(redirect_uri=f"{CALLBACK}/"), 400, "invalid_grant")


def test_a_wrong_verifier_spends_the_code(challenge: Challenge):
    code = challenge.authorization_code()
    assert_oauth_error(challenge.redeem(code, code_verifier="a" * 43), 400, "invalid_grant")
    assert_oauth_error(challenge.redeem(code), 400, "invalid_grant")


def test_a_code_of_another_client_is_refused(server: Server, challenge: Challenge):
    code = challenge.authorization_code()
    assert_oauth_error(challenge.redeem(code, client_id="other-app"), 400, "invalid_grant")
    assert challenge.redeem(code).status_code == 200


def test_a_code_lives_as_long_as_others(start_server: StartServer):
    server = start_server(clients=clients(), DENWA_TOKENS_CODE_LIFETIME_SECONDS="1")
    challenge = Challenge(server)
    code = challenge.authorization_code()
    time.sleep(1)
    assert_oauth_error(challenge.redeem(code), 400, "invalid_grant")


def test_a_code_seen_twice_ends_what_it_made(server: Server):
    challenge = Challenge(server, form={"scope": "offline"})
    code = challenge.authorization_code()
    tokens = challenge.tokens(code=code)
    assert server.is_active(tokens["access_token"])
    assert_oauth_error(challenge.redeem(code), 400, "invalid_grant")
    assert not server.is_active(tokens["access_token"])
    assert_oauth_error(server.refresh("app", tokens["refresh_token"]), 400, "invalid_grant")


def test_a_resource_of_the_first_call_is_the_audience(server: Server):
    challenge = Challenge(server, "resources", form={"resource": API})
    assert verified(server, challenge.tokens()["access_token"], API)["aud"] == API
    other = Challenge(server, "resources", form={"resource": API})
    assert_oauth_error(other.redeem(resource=BILLING), 400, "invalid_target")


# MARK: races


def test_fifty_right_codes_at_once_are_one_sign_in(server: Server):
    challenge = Challenge(server).started()
    right = challenge.texted_code()
    replies = at_once(50, lambda _: challenge.guess(right))
    won = [reply for reply in replies if reply.status_code == 200]
    assert len(won) == 1
    for reply in replies:
        if reply is not won[0]:
            assert_over(reply)
    assert challenge.redeem(code_of(won[0])).status_code == 200


def test_fifty_redemptions_at_once_are_one(server: Server):
    challenge = Challenge(server)
    code = challenge.authorization_code()
    replies = at_once(50, lambda _: challenge.redeem(code))
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 49
    won = next(reply for reply in replies if reply.status_code == 200)
    assert not server.is_active(won.json()["access_token"]), "a code that is seen twice was copied"


def test_a_hundred_wrong_codes_at_once_are_five_guesses(server: Server):
    challenge = Challenge(server).started()
    challenge.texted_code()
    codes = wrong_codes(100, right=challenge.texted_code())
    replies = at_once(100, lambda index: challenge.guess(codes[index]))
    errors = [reply.json()["error"] for reply in replies]
    assert errors.count("insufficient_authorization") == 4
    assert errors.count("invalid_session") == 96
    assert_over(challenge.guess())


# MARK: confusion with other things


def test_the_doors_do_not_take_each_others_names(server: Server):
    challenge = Challenge(server).started()
    login = server.login("app", query=pkce()[1])
    login.request()
    assert_over(challenge.call({"auth_session": login.operation_id, "otp": login.texted_code()}))
    reply = login.confirm(challenge.texted_code(), operation_id=challenge.session, phone_number=challenge.number)
    assert_refused(reply, 404, "003-061")
    assert login.confirm().status_code == 200
    assert code_of(challenge.guess())


def test_a_code_for_another_purpose_opens_nothing_here(server: Server):
    """Texted to the same number for the same app: by the pages in a browser, and to change somebody's number."""
    number = fresh_number()
    with people() as make:
        person = make(server)
        person.type_number(person.visit(authorize_url(server, "app", **pkce()[1])), number)
        of_pages = code_in(person.text)
    changing = server.http.post("/users/me/phone", json={"phone_number": number}, headers={
        "Authorization": f"Bearer {Challenge(server).tokens()['access_token']}"})
    assert changing.status_code == 200
    of_change = code_in(server.outbox.wait(number, 2))

    challenge = Challenge(server, number=number).started()
    for other in {of_pages, of_change} - {challenge.texted_code()}:
        assert_wrong(challenge.guess(other), challenge.session)
    assert code_of(challenge.guess())


def test_a_session_is_no_authorization_code_and_no_request_uri(server: Server):
    challenge = Challenge(server).started()
    assert_oauth_error(challenge.redeem(challenge.session), 400, "invalid_grant")
    uri = f"urn:ietf:params:oauth:request_uri:{challenge.session}"
    shown = server.http.get("/oauth2/authorize", params={"client_id": "app", "request_uri": uri})
    assert shown.status_code == 400 and "location" not in shown.headers
    assert not server.is_active(challenge.session)
    assert code_of(challenge.guess())


def test_an_authorization_code_is_no_session(server: Server):
    challenge = Challenge(server)
    code = challenge.authorization_code()
    assert_over(challenge.call({"auth_session": code, "resend": "true"}))
    assert challenge.redeem(code).status_code == 200


# MARK: while a session is under way


def test_a_killed_server_goes_on_where_it_was(start_server: StartServer):
    server = start_server(clients=clients())
    open_one, finished = Challenge(server).started(), Challenge(server).started()
    right = finished.texted_code()
    code = code_of(finished.guess(right))
    open_one.guess_wrongly(3)
    server.end(signal.SIGKILL)
    server.start()
    assert_over(finished.guess(right))
    assert finished.redeem(code).status_code == 200
    assert_wrong(open_one.guess_wrongly(1)[0], open_one.session)
    assert_over(open_one.guess(six_digits_other_than(open_one.texted_code())))
    assert_over(open_one.guess())


def test_a_client_that_is_first_party_no_more_gets_no_code(start_server: StartServer):
    server = start_server(clients=clients())
    challenge = Challenge(server).started()
    right = challenge.texted_code()
    server.write_clients([phone_client("app", first_party=False), phone_client("witness")])
    server.reload()
    eventually("the new clients are there", lambda: Challenge(server, "witness").begin().status_code == 400)
    assert_oauth_error(challenge.guess(right), 400, "unauthorized_client")


def test_a_refresh_after_too_long_asks_for_another_challenge(server: Server):
    """§6.2 of the draft: the sign-in is older than the client wants."""
    tokens = Challenge(server, "impatient", form={"scope": "offline"}).tokens()
    assert server.refresh("impatient", tokens["refresh_token"]).status_code == 200
    tokens = Challenge(server, "impatient", form={"scope": "offline"}).tokens()
    signed_in = claims(tokens["access_token"])["auth_time"]
    eventually("it is too long ago", lambda: time.time() > signed_in + 2.1)
    assert_oauth_error(
        server.refresh("impatient", tokens["refresh_token"]), 400, "insufficient_authorization")
    assert server.refresh("impatient", Challenge(server, "impatient", form={"scope": "offline"}).tokens()[
        "refresh_token"]).status_code == 200


# MARK: secrets


def test_no_secret_of_a_sign_in_is_written_down(start_server: StartServer):
    server = start_server(clients=clients(), DENWA_LOG_LEVEL="debug")
    challenge = Challenge(server).started()
    challenge.guess_wrongly(1)
    right, code = challenge.texted_code(), challenge.authorization_code()
    open_session = Challenge(server).started().session
    challenge.redeem(code)
    secrets = [challenge.session, open_session, code]
    log = server.log() + "\n".join(server.developer_log())
    for secret in secrets + [challenge.number]:
        assert secret not in log
    assert not re.search(rf"(?<!\d){right}(?!\d)", log)
    server.end()
    for name, content in server.database.content().items():
        for secret in secrets:
            assert secret.encode() not in content, name
