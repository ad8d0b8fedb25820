"""The phone flow as a game or an app runs it: number, text, code, tokens."""

from __future__ import annotations

import re
import time
import uuid
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from harness import (
    PROJECT, PhoneLogin, Server, assert_refused, at_once, code_in, code_of, fresh_number, six_digits_other_than,
)

pytestmark = pytest.mark.nodes


def claims_of(access_token: str) -> dict:
    return jwt.decode(access_token, options={"verify_signature": False})


def test_a_number_and_its_texted_code_become_tokens(server: Server, login: PhoneLogin):
    begun = login.request()
    assert begun.status_code == 200, begun.text
    assert begun.headers["cache-control"] == "no-store"
    operation = begun.json()
    assert len(operation["operation_id"]) >= 22, "128 bits in anything denser than base64 cannot be shorter"
    assert operation["code_length"] == 6
    assert 170 <= operation["expires_in"] <= 180
    assert operation["resend_after"] == 0

    text = login.text()
    assert text["to"] == login.number
    assert re.fullmatch(r"\d{6}", code_in(text))
    assert operation["operation_id"] not in text["body"], "a plain code message carries no link"

    confirmed = login.confirm()
    assert confirmed.status_code == 200, confirmed.text
    assert confirmed.headers["cache-control"] == "no-store"
    login_url = confirmed.json()["login_url"]
    assert login_url.startswith("https://40017.example/callback?code=")
    assert parse_qs(urlsplit(login_url).query)["state"] == [login.state]
    assert isinstance(confirmed.json()["device_id"], str)

    answered = login.token(code_of(login_url))
    assert answered.status_code == 200, answered.text
    assert answered.headers["cache-control"] == "no-store"
    tokens = answered.json()
    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 3600
    assert "refresh_token" not in tokens, "nobody asked for offline"
    assert "id_token" not in tokens, "nobody asked for openid"
    assert server.is_active(tokens["access_token"])


def test_the_token_says_who_when_how_and_for_whom(server: Server, login: PhoneLogin):
    before = int(time.time())
    tokens = login.tokens()
    claims = claims_of(tokens["access_token"])
    after = int(time.time()) + 1

    assert claims["iss"] == server.url
    assert str(uuid.UUID(claims["sub"])) == claims["sub"].lower()
    assert claims["aud"]
    assert claims["client_id"] == login.client_id
    assert before - 1 <= claims["iat"] <= after
    assert claims["exp"] - claims["iat"] == tokens["expires_in"]
    assert before - 1 <= claims["auth_time"] <= after
    assert claims["amr"] and all(isinstance(method, str) for method in claims["amr"])
    assert claims["jti"]
    assert jwt.get_unverified_header(tokens["access_token"])["typ"].lower() in ("at+jwt", "application/at+jwt")
    assert not {"type", "scp", "groups", "xsolla_login_project_id"} & set(claims), "not the xsolla profile"
    assert login.number not in str(claims), "RFC 9068 tokens carry no phone number"


def test_a_client_of_the_xsolla_profile_gets_its_claims(server: Server):
    login = server.login("xsolla", scope="offline leaderboard")
    claims = claims_of(login.tokens()["access_token"])
    assert claims["type"] == "phone"
    assert isinstance(claims["scp"], list) and "leaderboard" in claims["scp"]
    assert claims["groups"] == []
    assert claims["xsolla_login_project_id"] == PROJECT
    assert "publisher_id" not in claims, "none is configured"
    assert "session_ticket" not in claims, "PlayFab is not configured"
    uuid.UUID(claims["sub"])


@pytest.mark.parametrize(
    "state",
    [
        pytest.param("12345678", id="the shortest there is"),
        pytest.param("s" * 1024, id="the longest there is"),
        pytest.param("a%20b%2Bc%", id="percent signs"),
        pytest.param("a&code=stolen&b=1", id="ampersands and a code of its own"),
        pytest.param("spaces and + plus", id="spaces and plus"),
        pytest.param("#fragment?query=/\\", id="fragment, query and slashes"),
        pytest.param("電話でログイン🎮é", id="unicode, composed"),
        pytest.param("cafe\u0301 cafe\u0301", id="unicode, decomposed"),
        pytest.param("<script>\"'", id="markup"),
        pytest.param("line\r\nbreak: yes", id="line breaks"),
    ],
)
def test_state_comes_back_byte_for_byte(server: Server, state: str):
    login = server.login(state=state)
    login_url = login.login_url()
    query = parse_qs(urlsplit(login_url).query, keep_blank_values=True, strict_parsing=True)
    assert {name: len(values) for name, values in query.items()}.items() >= {"code": 1, "state": 1}.items()
    assert query["state"][0].encode() == state.encode()
    assert urlsplit(login_url).fragment == ""
    assert re.fullmatch(r"[\x21-\x7e]+", login_url), "a URL is printable ASCII"


def test_a_redirect_uri_keeps_its_own_query(server: Server):
    login_url = server.login("with-query").login_url()
    assert login_url.startswith("https://with-query.example/cb?lang=ja&x=1&code=")
    assert login_url.count("?") == 1


def test_a_custom_scheme_is_a_redirect_uri_like_any_other(server: Server):
    login = server.login("custom-scheme")
    login_url = login.login_url()
    assert login_url.startswith("mygame://login?code=")
    assert login.token(code_of(login_url)).status_code == 200


@pytest.mark.parametrize("path", ["a", "b"])
def test_a_client_with_several_redirect_uris_names_one(server: Server, path: str):
    login = server.login("several", redirect_uri=f"https://several.example/{path}")
    login_url = login.login_url()
    assert login_url.startswith(f"https://several.example/{path}?code=")
    assert login.token(code_of(login_url)).status_code == 200


def test_the_only_redirect_uri_may_be_named_too(server: Server):
    login = server.login(redirect_uri="https://40017.example/callback")
    assert login.token().status_code == 200


def test_a_resend_is_a_new_operation_with_the_same_code_and_expiry(server: Server, login: PhoneLogin):
    first = login.request().json()
    first_code = login.texted_code()
    second = login.request().json()
    second_code = login.texted_code()

    assert second["operation_id"] != first["operation_id"]
    assert second_code == first_code, "people type the older message"
    assert second["expires_in"] <= first["expires_in"]
    assert len(server.outbox.messages(login.number)) == 2
    assert login.confirm().status_code == 200


def test_after_a_wrong_guess_a_resend_carries_a_fresh_code(server: Server, login: PhoneLogin):
    login.request()
    old = login.texted_code()
    assert_refused(login.confirm(six_digits_other_than(old)), 401, "003-039")
    login.request()
    new = login.texted_code()
    assert new != old
    assert_refused(login.confirm(old), 401, "003-039")
    assert login.confirm(new).status_code == 200


def test_a_wrong_guess_does_not_spoil_the_right_code(login: PhoneLogin):
    login.request()
    for refused in login.confirm_wrongly(4):
        assert_refused(refused, 401, "003-039")
    assert login.confirm().status_code == 200


def test_the_same_number_at_two_clients_has_two_codes_at_a_time(server: Server):
    here = server.login("40017")
    there = server.login("other-game", number=here.number)
    here.request()
    here_code = here.texted_code()
    there.request()
    there_code = there.texted_code()
    assert there.confirm(there_code).status_code == 200
    assert here.confirm(here_code).status_code == 200, "a login elsewhere ends nothing here"


def test_custom_scopes_pass_through_to_the_token(login: PhoneLogin):
    login.scope = "offline leaderboard friends:read"
    tokens = login.tokens()
    assert {"leaderboard", "friends:read"} <= set(tokens["scope"].split())
    assert {"leaderboard", "friends:read"} <= set(claims_of(tokens["access_token"])["scope"].split())


@pytest.mark.parametrize("scope", ["offline", "offline_access", "first offline last"])
def test_offline_brings_a_refresh_token_that_works(server: Server, login: PhoneLogin, scope: str):
    login.scope = scope
    tokens = login.tokens()
    assert len(tokens["refresh_token"]) >= 43, "256 bits"
    again = server.refresh(login.client_id, tokens["refresh_token"])
    assert again.status_code == 200, again.text
    assert again.json()["refresh_token"] != tokens["refresh_token"]
    assert claims_of(again.json()["access_token"])["sub"] == claims_of(tokens["access_token"])["sub"]


def test_the_first_login_makes_the_account_and_the_next_ones_find_it(server: Server):
    number = fresh_number()
    subjects = [claims_of(server.login(number=number).tokens()["access_token"])["sub"] for _ in range(3)]
    assert len(set(subjects)) == 1
    other = claims_of(server.login().tokens()["access_token"])["sub"]
    assert other != subjects[0]


def test_first_logins_of_one_number_at_once_make_one_account(server: Server):
    number = fresh_number()
    logins = [server.login(client, number=number) for client in ("40017", "other-game", "rs256", "eddsa")]
    for login in logins:
        assert login.request().status_code == 200
        login.texted_code()
    replies = at_once(len(logins), lambda index: logins[index].confirm())
    assert [reply.status_code for reply in replies] == [200] * len(logins)
    subjects = {
        claims_of(login.token(code_of(reply.json()["login_url"])).json()["access_token"])["sub"]
        for login, reply in zip(logins, replies)
    }
    assert len(subjects) == 1


def test_many_people_log_in_at_once(server: Server):
    def run(index: int) -> str:
        return claims_of(server.login(number=numbers[index]).tokens()["access_token"])["sub"]

    numbers = [fresh_number() for _ in range(40)]
    assert len(set(at_once(len(numbers), run))) == len(numbers)


def test_a_number_that_may_be_a_mobile_is_texted(server: Server):
    login = server.login(number="+12015550123")       # the North American plan cannot tell
    assert login.request().status_code == 200
    assert login.confirm().status_code == 200


def test_what_game_sdks_append_is_ignored(server: Server, login: PhoneLogin):
    login.query = {"engine": "unity", "engine_v": "2022.3", "sdk": "login", "sdk_v": "1.3", "build_platform": "ios",
                   "ref": ""}
    login.headers = {"X-ENGINE": "UNITY", "X-SDK": "LOGIN"}
    assert login.token().status_code == 200


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_the_content_type_may_carry_a_charset(login: PhoneLogin, content_type: str):
    login.headers = {"Content-Type": content_type}
    assert login.request().status_code == 200
    assert login.confirm().status_code == 200


@pytest.mark.parametrize(
    ("query", "headers", "language"),
    [
        pytest.param({"ui_locales": "ja"}, {}, "ja", id="ui_locales"),
        pytest.param({}, {"Accept-Language": "ja,en;q=0.5"}, "ja", id="Accept-Language"),
        pytest.param({"ui_locales": "en"}, {"Accept-Language": "ja"}, "en", id="ui_locales before Accept-Language"),
        pytest.param({"ui_locales": "tlh ja"}, {}, "ja", id="the first ui_locale there is"),
    ],
)
def test_the_text_speaks_the_language_asked_for(login: PhoneLogin, query: dict, headers: dict, language: str):
    login.query, login.headers = query, headers
    assert login.request().status_code == 200
    text = login.text()
    assert text["locale"].split("-")[0].split("_")[0] == language
    has_kana = re.search(r"[\u3040-\u30ff]", text["body"]) is not None
    assert has_kana == (language == "ja")


def test_a_webotp_text_ends_with_the_origin_bound_line(server: Server):
    login = server.login("webotp")
    login.request()
    assert login.text()["body"].splitlines()[-1] == f"@login.webotp.example #{login.texted_code()}"


def test_an_android_text_carries_the_hash_of_its_app(server: Server):
    login = server.login("android")
    login.request()
    assert login.text()["body"].rstrip().endswith("FA+9qCX9VSu")


def test_nothing_in_a_language_header_reaches_the_text(login: PhoneLogin):
    login.headers = {"Accept-Language": "https://evil.example/x"}
    login.query = {"ui_locales": "../../evil\u202e\r\nvisit evil.example"}
    assert login.request().status_code == 200
    assert "evil" not in login.text()["body"]
