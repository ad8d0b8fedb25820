"""The authorization challenge of an app that holds a key (draft-ietf-oauth-first-party-apps, RFC 9449 §10)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from first_party import ENDPOINT, Challenge, assert_challenged, assert_over, assert_wrong, code_of
from harness import (
    Server, StartServer, assert_oauth_error, at_once, confidential_client, machine_client, phone_client,
    six_digits_other_than,
)
from proofs import SigningKey, claims_of, dpop, proof

CLIENTS = [
    phone_client("app"), phone_client("other-app"), phone_client("bound", dpop_bound_access_tokens=True),
    confidential_client("web"), machine_client("resource-server", may_introspect=True),
]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    return start_module_server(clients=CLIENTS)


@pytest.fixture(scope="module", params=["ES256", "RS256", "EdDSA"])
def any_key(request: pytest.FixtureRequest) -> SigningKey:
    return SigningKey.generate(request.param)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def thiefs_key() -> SigningKey:
    return SigningKey.generate()


def at(server: Server, key: SigningKey, path: str = ENDPOINT, **more: Any) -> dict[str, str]:
    """The headers of a POST with a proof of `key`."""
    return dpop(key, "POST", f"{server.url}{path}", **more)


def redeem(challenge: Challenge, code: str, key: SigningKey | None) -> httpx.Response:
    headers = at(challenge.server, key, "/oauth2/token") if key else {}
    return challenge.redeem(code, headers=headers)


# MARK: the walk


def test_session_code_and_tokens_are_bound_to_the_key(server: Server, any_key: SigningKey):
    challenge = Challenge(server, form={"scope": "offline"})
    assert_challenged(challenge.begin(headers=at(server, any_key)))
    code = code_of(challenge.guess(headers=at(server, any_key)))
    reply = redeem(challenge, code, any_key)
    assert reply.status_code == 200, reply.text
    tokens = reply.json()
    assert tokens["token_type"] == "DPoP"
    assert claims_of(tokens["access_token"])["cnf"] == {"jkt": any_key.thumbprint}
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = server.token("app", form, headers=at(server, any_key, "/oauth2/token"))
    assert refreshed.json()["token_type"] == "DPoP"
    assert_oauth_error(
        server.refresh("app", refreshed.json()["refresh_token"]), 400, "invalid_dpop_proof", "invalid_grant")


def test_a_confidential_app_may_hold_a_key_too(server: Server, key: SigningKey):
    challenge = Challenge(server, "web")
    challenge.begin(headers=at(server, key))
    code = code_of(challenge.guess(headers=at(server, key)))
    assert redeem(challenge, code, key).json()["token_type"] == "DPoP"


def test_a_thumbprint_alone_binds_the_code(server: Server, key: SigningKey, thiefs_key: SigningKey):
    def code(challenge: Challenge) -> str:
        challenge.begin(dpop_jkt=key.thumbprint)
        return code_of(challenge.guess(headers=at(server, key)))

    good, stolen, bare = Challenge(server), Challenge(server), Challenge(server)
    assert redeem(good, code(good), key).json()["token_type"] == "DPoP"
    assert_oauth_error(redeem(stolen, code(stolen), thiefs_key), 400, "invalid_grant")
    assert_oauth_error(redeem(bare, code(bare), None), 400, "invalid_grant", "invalid_dpop_proof")


def test_a_thumbprint_beside_its_own_proof_is_fine(server: Server, key: SigningKey):
    challenge = Challenge(server)
    assert_challenged(challenge.begin(headers=at(server, key), dpop_jkt=key.thumbprint))
    assert redeem(challenge, code_of(challenge.guess(headers=at(server, key))), key).status_code == 200


def test_a_key_that_comes_with_the_code_binds_what_follows_or_is_refused(
    server: Server, key: SigningKey, thiefs_key: SigningKey
):
    """The session was bound to none. A proof may not be dropped in silence."""
    challenge = Challenge(server).started()
    reply = challenge.guess(headers=at(server, key))
    if reply.status_code == 200:
        assert_oauth_error(redeem(challenge, code_of(reply), thiefs_key), 400, "invalid_grant")
    else:
        assert_over(reply)


# MARK: another key, or none


def test_a_session_goes_on_with_its_key_alone(server: Server, key: SigningKey, thiefs_key: SigningKey):
    challenge = Challenge(server)
    challenge.begin(headers=at(server, key))
    right = challenge.texted_code()
    wrong = six_digits_other_than(right)
    for otp in (right, wrong):
        for _ in range(3):
            assert_over(challenge.guess(otp, headers=at(server, thiefs_key)))
            assert_oauth_error(challenge.guess(otp), 400, "invalid_session", "invalid_dpop_proof")
    assert_over(challenge.guess("", headers=at(server, thiefs_key)))
    assert_over(challenge.resend(headers=at(server, thiefs_key)))
    assert_oauth_error(challenge.resend(), 400, "invalid_session", "invalid_dpop_proof")
    assert len(server.outbox.messages(challenge.number)) == 1, "nobody else is texted for it"

    assert_wrong(challenge.guess(wrong, headers=at(server, key)), challenge.session)
    assert_challenged(challenge.resend(headers=at(server, key)))
    assert code_of(challenge.guess(headers=at(server, key))), "strangers have used up no guess"


def test_a_stolen_code_is_of_no_use_without_the_key(server: Server, key: SigningKey, thiefs_key: SigningKey):
    for other, errors in ((thiefs_key, ("invalid_grant",)), (None, ("invalid_grant", "invalid_dpop_proof"))):
        challenge = Challenge(server)
        challenge.begin(headers=at(server, key))
        code = code_of(challenge.guess(headers=at(server, key)))
        assert_oauth_error(redeem(challenge, code, other), 400, *errors)


def test_the_wrong_key_at_the_token_endpoint_spends_the_code(
    server: Server, key: SigningKey, thiefs_key: SigningKey
):
    challenge = Challenge(server)
    challenge.begin(headers=at(server, key))
    code = code_of(challenge.guess(headers=at(server, key)))
    assert_oauth_error(redeem(challenge, code, thiefs_key), 400, "invalid_grant")
    assert_oauth_error(redeem(challenge, code, key), 400, "invalid_grant")


def test_a_client_that_is_registered_for_keys_gets_no_bearer_token(server: Server, key: SigningKey):
    challenge = Challenge(server, "bound")
    reply = challenge.begin()
    if reply.json()["error"] == "insufficient_authorization":
        assert_oauth_error(redeem(challenge, code_of(challenge.guess()), None), 400, "invalid_dpop_proof")
    else:
        assert_oauth_error(reply, 400, "invalid_dpop_proof")
    good = Challenge(server, "bound")
    good.begin(headers=at(server, key))
    assert redeem(good, code_of(good.guess(headers=at(server, key))), key).json()["token_type"] == "DPoP"


# MARK: proofs that prove nothing


def bad_proofs(server: Server, key: SigningKey) -> dict[str, list[tuple[str, str]]]:
    """Each deviates in one place from a good one for the first call."""
    url = f"{server.url}{ENDPOINT}"

    def one(**more: Any) -> list[tuple[str, str]]:
        return [("DPoP", proof(key, more.pop("method", "POST"), more.pop("url", url), **more))]

    return {
        "of the token endpoint": one(url=f"{server.url}/oauth2/token"),
        "of another server": one(url=f"https://evil.example{ENDPOINT}"),
        "of a GET": one(method="GET"),
        "old": one(iat=1_700_000_000),
        "of tomorrow": one(iat=4_000_000_000),
        "without a jti": one(jti=None),
        "of another type": one(header={"typ": "JWT"}),
        "unsigned": one(header={"alg": "none"}),
        "with the private key": one(header={"jwk": key.private}),
        "with another key": one(header={"jwk": SigningKey.generate().public}),
        "twice": one() + one(),
        "empty": [("DPoP", "")],
        "no JWT": [("DPoP", "proof")],
    }


@pytest.mark.parametrize("name", ["of the token endpoint", "of another server", "of a GET", "old", "of tomorrow",
                                  "without a jti", "of another type", "unsigned", "with the private key",
                                  "with another key", "twice", "empty", "no JWT"])
def test_a_bad_proof_is_refused_before_anything_happens(server: Server, key: SigningKey, name: str):
    bad = bad_proofs(server, key)[name]
    first, later = Challenge(server), Challenge(server)
    form = "application/x-www-form-urlencoded"
    reply = server.http.post(
        ENDPOINT, content="&".join(f"{name}={value}" for name, value in first.request().items()).replace("+", "%2B")
        + "&client_id=app", headers=bad + [("Content-Type", form)])
    assert_oauth_error(reply, 400, "invalid_dpop_proof")

    later.begin(headers=at(server, key))
    right = later.texted_code()
    for _ in range(6):
        reply = server.http.post(
            ENDPOINT, content=f"client_id=app&auth_session={later.session}&otp={right}",
            headers=bad_proofs(server, key)[name] + [("Content-Type", form)])
        assert_oauth_error(reply, 400, "invalid_dpop_proof")
    assert code_of(later.guess(right, headers=at(server, key))), "no guess was counted"
    assert server.outbox.messages(first.number) == []


def test_a_thumbprint_of_another_key_is_refused(server: Server, key: SigningKey, thiefs_key: SigningKey):
    challenge = Challenge(server)
    reply = challenge.begin(headers=at(server, key), dpop_jkt=thiefs_key.thumbprint)
    assert_oauth_error(reply, 400, "invalid_dpop_proof")
    Challenge(server).started().text()
    assert server.outbox.messages(challenge.number) == []


def test_a_proof_is_good_once(server: Server, key: SigningKey):
    headers = at(server, key)
    challenge = Challenge(server)
    assert_challenged(challenge.begin(headers=headers))
    assert_oauth_error(Challenge(server).begin(headers=headers), 400, "invalid_dpop_proof")
    assert_oauth_error(challenge.guess(headers=headers), 400, "invalid_dpop_proof")
    once = at(server, key)
    assert code_of(challenge.guess(headers=once))


def test_one_proof_at_once_fifty_times_is_one_text(server: Server, key: SigningKey):
    headers = at(server, key)
    challenges = [Challenge(server) for _ in range(50)]
    replies = at_once(50, lambda index: challenges[index].begin(headers=headers))
    errors = [reply.json()["error"] for reply in replies]
    assert errors.count("insufficient_authorization") == 1
    assert errors.count("invalid_dpop_proof") == 49


# MARK: nonces


def test_a_nonce_is_asked_for_and_taken(start_server: StartServer, key: SigningKey):
    server = start_server(clients=CLIENTS, DENWA_DPOP_REQUIRE_NONCE="true")
    challenge = Challenge(server)
    refused = challenge.begin(headers=at(server, key))
    assert_oauth_error(refused, 400, "use_dpop_nonce")
    nonce = refused.headers["dpop-nonce"]
    begun = challenge.begin(headers=at(server, key, nonce=nonce))
    assert_challenged(begun)
    assert begun.headers["dpop-nonce"], "an app never has to guess the next one"
    assert_oauth_error(challenge.guess(headers=at(server, key, nonce="made-up")), 400, "use_dpop_nonce")
    assert code_of(challenge.guess(headers=at(server, key, nonce=begun.headers["dpop-nonce"])))
