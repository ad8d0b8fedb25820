"""When an app's own screens are not enough: `redirect_to_web` (draft-ietf-oauth-first-party-apps), to the end.

What the first call said was pushed (RFC 9126), so the browser carries nothing but a reference to it.
"""

from __future__ import annotations

import itertools
import re
from functools import partial
from typing import Any, Callable, Iterator

import httpx
import pytest

from first_party import Challenge, assert_challenged, assert_limited, assert_over, assert_wrong
from harness import (
    Server, StartServer, assert_oauth_error, code_in, confidential_client, fresh_number, machine_client, phone_client,
)
from person import Page, Person, authorize_url, people
from proofs import SigningKey, claims_of, dpop

REQUEST_URI = re.compile(r"urn:ietf:params:oauth:request_uri:[A-Za-z0-9_-]{43}")

API, BILLING = "https://api.example/v1", "https://billing.example/"

_ranges = itertools.count()


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app", resources=[API, BILLING]),
        phone_client("other-app"),
        phone_client("several", redirect_uris=["https://several.example/a", "https://several.example/b"]),
        phone_client("no-redirect", redirect_uris=[]),
        confidential_client("web"),
        phone_client("signed", require_signed_request_object=True, jwks=SigningKey.generate().jwks),
        machine_client("resource-server", may_introspect=True),
    ]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    """One code to a thousand neighbouring numbers that nobody confirms, and the guard blocks them."""
    return start_module_server(clients=clients(), DENWA_GUARD_UNCONFIRMED_PER_RANGE="1/86400")


@pytest.fixture
def make_person(server: Server) -> Iterator[Callable[..., Person]]:
    with people() as make:
        yield partial(make, server)


@pytest.fixture
def person(make_person) -> Person:
    return make_person()


def blocked_number(server: Server) -> str:
    """A number of a range that the guard lets no text to."""
    beginning = f"+8180{40_000 + next(_ranges) * 1_010}"
    assert_challenged(Challenge(server, "other-app", f"{beginning}000").begin())
    return f"{beginning}001"


def disabled_number(server: Server) -> str:
    challenge = Challenge(server, "other-app")
    challenge.tokens()
    account(server, "disable", challenge.number)
    return challenge.number


def account(server: Server, act: str, number: str) -> None:
    done = server.command("users", act, number)
    assert done.returncode == 0, done.stderr


def sent_to_web(reply: httpx.Response) -> str:
    """The request URI of an answer that sends the person to the browser."""
    body = assert_oauth_error(reply, 400, "redirect_to_web")
    assert set(body) - {"error_description"} == {"error", "request_uri", "expires_in"}, body
    assert REQUEST_URI.fullmatch(body["request_uri"]), body
    assert body["expires_in"] == 60
    return body["request_uri"]


def authorize(server: Server, request_uri: str, client_id: str = "app") -> str:
    nothing_else = dict.fromkeys(("response_type", "redirect_uri", "state"))
    return authorize_url(server, client_id, request_uri=request_uri, **nothing_else)


def redeem(
    challenge: Challenge, page: Page, callback: str = "https://app.example/callback", **more: Any
) -> dict[str, Any]:
    """The tokens for the code that the browser came back with."""
    assert page.url.startswith(f"{callback}?"), f"{page.url}: {page.words}"
    assert page.parameters["iss"] == challenge.server.url
    assert "error" not in page.parameters, page.parameters
    return challenge.tokens(code=page.parameters["code"], redirect_uri=callback, **more)


# MARK: the guard


def test_where_the_guard_lets_no_text_go_the_browser_goes_on(server: Server, person: Person):
    """Somebody who is signed in there already needs no text."""
    person.sign_in(authorize_url(server, "web", scope="openid"), fresh_number())
    asked = {"scope": "openid offline", "nonce": "nonce-8Fz1", "resource": API}
    challenge = Challenge(server, number=blocked_number(server), form=asked)
    page = person.visit(authorize(server, sent_to_web(challenge.begin())))
    assert "state" not in page.parameters, "none was asked for"

    tokens = redeem(challenge, page)
    access = claims_of(tokens["access_token"])
    assert (access["aud"], access["client_id"]) == (API, "app")
    assert set(tokens["scope"].split()) == {"openid", "offline"} and tokens["refresh_token"]
    assert claims_of(tokens["id_token"])["nonce"] == "nonce-8Fz1"
    assert server.outbox.messages(challenge.number) == []


def test_the_pages_take_another_number(server: Server, person: Person):
    challenge = Challenge(server, number=blocked_number(server))
    url = authorize(server, sent_to_web(challenge.begin()))
    number = fresh_number()
    tokens = redeem(challenge, person.sign_in(url, number))
    assert claims_of(tokens["access_token"])["sub"] == claims_of(
        Challenge(server, "other-app", number).tokens()["access_token"])["sub"]


def test_the_number_is_filled_in_for_the_person(server: Server, person: Person):
    challenge = Challenge(server, number=blocked_number(server))
    page = person.visit(authorize(server, sent_to_web(challenge.begin())))
    shown = page.form("phone_number").fields["phone_number"]
    assert challenge.number[-8:] in re.sub(r"\D", "", shown)
    assert challenge.number[1:] not in page.url, "nothing of it is in the address"


def test_a_resend_that_the_guard_stops_is_sent_to_the_web_too(server: Server, person: Person):
    first = Challenge(server, number=f"+8180{90_000}000")
    assert_challenged(first.begin())
    first.text()
    reply = first.resend()
    if reply.json()["error"] == "redirect_to_web":
        person.sign_in(authorize_url(server, "web", scope="openid"), fresh_number())
        redeem(first, person.visit(authorize(server, sent_to_web(reply))))
    else:       # a resend of a living code is not another one
        assert_challenged(reply)
        assert first.guess().status_code == 200


def test_a_number_with_an_account_is_sent_to_the_web_like_one_without(server: Server):
    known, number = Challenge(server), blocked_number(server)
    known.tokens()
    moved = server.command("users", "set-phone", known.number, number)
    assert moved.returncode == 0, moved.stderr
    bodies = [Challenge(server, number=f"{number[:-1]}{last}").begin().json() for last in (number[-1], "7")]
    assert REQUEST_URI.fullmatch(bodies[0].pop("request_uri")) and REQUEST_URI.fullmatch(bodies[1].pop("request_uri"))
    assert bodies[0] == bodies[1] and bodies[0]["error"] == "redirect_to_web"


# MARK: a disabled account


def test_somebody_who_is_shut_out_hears_it_in_the_browser(server: Server, person: Person):
    challenge = Challenge(server, number=disabled_number(server))
    assert_challenged(challenge.begin())
    assert_wrong(challenge.guess_wrongly(1)[0], challenge.session)
    url = authorize(server, sent_to_web(challenge.guess()))
    page = person.sign_in(url, challenge.number)
    assert page.url.startswith(server.url), "no app hears of it"
    assert page.status >= 400 and page.alert


def test_somebody_who_is_let_in_again_goes_on_to_the_end(server: Server, person: Person):
    challenge = Challenge(server, number=disabled_number(server), form={"scope": "openid", "nonce": "n-1"})
    challenge.begin()
    url = authorize(server, sent_to_web(challenge.guess()))
    account(server, "enable", challenge.number)
    tokens = redeem(challenge, person.sign_in(url, challenge.number))
    assert claims_of(tokens["id_token"])["nonce"] == "n-1"


def test_the_session_is_over_when_the_browser_goes_on(server: Server):
    challenge = Challenge(server, number=disabled_number(server))
    challenge.begin()
    right = challenge.texted_code()
    sent_to_web(challenge.guess(right))
    account(server, "enable", challenge.number)
    assert_over(challenge.guess(right))
    assert_over(challenge.resend())


# MARK: what was asked for is bound


def test_the_way_through_the_browser_keeps_the_proof_key(server: Server, person: Person):
    challenge = Challenge(server, number=blocked_number(server))
    page = person.sign_in(authorize(server, sent_to_web(challenge.begin())), fresh_number())
    code = {"code": page.parameters["code"], "redirect_uri": "https://app.example/callback"}
    assert_oauth_error(challenge.redeem(**code, code_verifier="a" * 43), 400, "invalid_grant")
    assert_oauth_error(challenge.redeem(**code), 400, "invalid_grant")


def test_the_way_through_the_browser_needs_its_redirect_uri(server: Server, person: Person):
    """The code went by the browser, so it is redeemed like one (RFC 6749 §4.1.3)."""
    challenge = Challenge(server, number=blocked_number(server))
    page = person.sign_in(authorize(server, sent_to_web(challenge.begin())), fresh_number())
    reply = challenge.redeem(page.parameters["code"], redirect_uri="https://app.example/elsewhere")
    assert_oauth_error(reply, 400, "invalid_grant")


@pytest.mark.parametrize("how", ["proof", "dpop_jkt"])
def test_the_way_through_the_browser_keeps_the_key(server: Server, make_person, how: str):
    key, thiefs = SigningKey.generate(), SigningKey.generate()

    def page_of(challenge: Challenge) -> Page:
        url = f"{server.url}/oauth2/challenge"
        bound = {"headers": dpop(key, "POST", url)} if how == "proof" else {"dpop_jkt": key.thumbprint}
        return make_person().sign_in(authorize(server, sent_to_web(challenge.begin(**bound))), fresh_number())

    def proved(by: SigningKey) -> dict[str, str]:
        return dpop(by, "POST", f"{server.url}/oauth2/token")

    challenge = Challenge(server, number=blocked_number(server))
    tokens = redeem(challenge, page_of(challenge), headers=proved(key))
    assert tokens["token_type"] == "DPoP"
    for headers in (proved(thiefs), {}):
        challenge = Challenge(server, number=blocked_number(server))
        page = page_of(challenge)
        reply = challenge.redeem(
            page.parameters["code"], redirect_uri="https://app.example/callback", headers=headers)
        assert_oauth_error(reply, 400, "invalid_grant", "invalid_dpop_proof")


def test_nothing_in_the_address_adds_to_what_was_asked_for(server: Server, person: Person):
    challenge = Challenge(server, number=blocked_number(server), form={"scope": "openid"})
    url = authorize(server, sent_to_web(challenge.begin()))
    url += "&scope=openid+offline&state=forged-state&redirect_uri=https%3A%2F%2Fevil.example%2F&nonce=forged"
    tokens = redeem(challenge, person.sign_in(url, fresh_number()))
    assert tokens["scope"] == "openid" and "refresh_token" not in tokens
    assert "nonce" not in claims_of(tokens["id_token"])


# MARK: the reference


def test_the_reference_is_good_once(server: Server, make_person):
    url = authorize(server, sent_to_web(Challenge(server, number=blocked_number(server)).begin()))
    first, second = make_person(), make_person()
    page = first.visit(url)
    assert page.has_form("phone_number")
    refused = second.visit(url)
    assert refused.status == 400 and not refused.has_form("phone_number")
    number = fresh_number()
    assert first.type_code(first.type_number(page, number), code_in(first.text)).parameters["code"]


def test_the_reference_is_of_one_client(server: Server, make_person):
    request_uri = sent_to_web(Challenge(server, number=blocked_number(server)).begin())
    for client_id in ("other-app", "web"):
        page = make_person().visit(authorize(server, request_uri, client_id))
        assert page.status == 400 and page.url.startswith(server.url)
    assert make_person().visit(authorize(server, request_uri)).has_form("phone_number")


# MARK: where the browser would come back to


def test_with_several_redirect_uris_one_must_be_named(server: Server, person: Person):
    callback = "https://several.example/b"
    unnamed = Challenge(server, "several", blocked_number(server))
    assert_oauth_error(unnamed.begin(), 400, "access_denied")
    named = Challenge(server, "several", blocked_number(server), form={"redirect_uri": callback})
    url = authorize(server, sent_to_web(named.begin()), "several")
    assert redeem(named, person.sign_in(url, fresh_number()), callback)


@pytest.mark.parametrize("client_id", ["no-redirect", "several"])
def test_without_a_redirect_uri_there_is_no_way_to_the_browser(server: Server, client_id: str):
    blocked = Challenge(server, client_id, blocked_number(server))
    assert_oauth_error(blocked.begin(), 400, "access_denied")
    disabled = Challenge(server, client_id, disabled_number(server))
    assert_challenged(disabled.begin())
    assert_oauth_error(disabled.guess(), 400, "access_denied")


def test_requests_that_must_be_signed_are_not_made_here_without_a_signature(server: Server, person: Person):
    """RFC 9101 §10.5: the way through this endpoint is no way around it."""
    reply = Challenge(server, "signed", blocked_number(server)).begin()
    if reply.json()["error"] == "redirect_to_web":
        page = person.visit(authorize(server, sent_to_web(reply), "signed"))
        assert "code" not in page.parameters and not page.has_form("phone_number")
    else:
        assert_oauth_error(reply, 400, "invalid_request", "access_denied", "unauthorized_client")


def test_references_for_the_browser_are_limited_like_pushed_ones(start_server: StartServer):
    server = start_server(clients=clients(), DENWA_GUARD_UNCONFIRMED_PER_RANGE="1/86400",
                          DENWA_LIMITS_PUSH_PER_IP="2/3600")
    number = blocked_number(server)
    replies = [Challenge(server, number=number).begin() for _ in range(3)]
    for reply in replies[:2]:
        sent_to_web(reply)
    assert_limited(replies[2])


def test_a_confidential_app_without_a_proof_key_gets_an_answer_that_it_can_use(server: Server, person: Person):
    """At `/oauth2/authorize` one of `state` and PKCE is required; here the app had need of neither."""
    challenge = Challenge(server, "web", blocked_number(server), uses_pkce=False)
    reply = challenge.begin()
    if reply.json()["error"] == "redirect_to_web":
        url = authorize(server, sent_to_web(reply), "web")
        assert redeem(challenge, person.sign_in(url, fresh_number()), "https://web.example/callback")
    else:
        assert_oauth_error(reply, 400, "access_denied", "invalid_request")
