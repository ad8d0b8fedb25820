"""A forgotten password at a Monaca backend: a token by e-mail, used once, which signs in and signs others out."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from harness import StartServer, at_once, eventually
from monaca import (
    OPERATION, OTHER_PASSWORD, PARAMS, PASSWORD, QUIET, Backend, Device, Reply, fresh_name, monaca_clients,
)

OPTIONS = {"emailPropertyName": "_username", "templateName": "send_password_token"}
WRONG_TOKEN = "A" * 43


@pytest.fixture(scope="module")
def backend(start_module_server: StartServer) -> Backend:
    return Backend(start_module_server(clients=monaca_clients(), **QUIET))


def fresh_address() -> str:
    return f"{fresh_name()}@example.com"


def send(backend: Backend, username: Any, **options: Any) -> Reply:
    return backend.device().rpc("User.sendPasswordResetToken", username=username, options=OPTIONS | options)


def mails(backend: Backend, address: str) -> list[dict[str, Any]]:
    return [
        message for message in backend.server.outbox.messages()
        if message["to"].casefold() == address.casefold()
    ]


def token_in(mail: dict[str, Any]) -> str:
    found = set(re.findall(r"(?<![\w-])[\w-]{43}(?![\w-])", mail["body"], re.ASCII))
    assert len(found) == 1, f"not exactly one token in {mail['body']!r}"
    return found.pop()


def mailed_token(backend: Backend, address: str, username: str | None = None, **options: Any) -> str:
    before = len(mails(backend, address))
    assert send(backend, username or address, **options).result == {}
    eventually(f"a mail to {address}", lambda: len(mails(backend, address)) > before)
    return token_in(mails(backend, address)[-1])


def reset(device: Device, username: Any, token: Any, password: Any = OTHER_PASSWORD) -> Reply:
    return device.rpc("User.resetPasswordAndLogin", username=username, newPassword=password, token=token)


def nothing_sent(backend: Backend, before: int) -> None:
    """A mail asked for later has come, and nothing else has."""
    witness = fresh_address()
    backend.registered(witness)
    mailed_token(backend, witness)
    assert len(backend.server.outbox.messages()) == before + 1


# MARK: the mail


def test_the_token_goes_to_the_username_when_that_is_an_address(backend: Backend):
    address = fresh_address()
    backend.registered(address)
    reply = send(backend, address)
    assert reply.result == {} and reply.session is None
    mail = eventually("the mail", lambda: mails(backend, address))[0]
    assert mail["channel"] == "email"
    assert mail["subject"].strip() and "\n" not in mail["subject"]
    token = token_in(mail)
    assert token not in mail["subject"] and token not in reply.http.text
    assert "%PASSWORD_RESET_TOKEN%" not in mail["body"] and "{{" not in mail["body"]


@pytest.mark.parametrize("left_out", ["emailPropertyName", "templateName", "both", "options"])
def test_options_have_defaults(backend: Backend, left_out: str):
    address = fresh_address()
    backend.registered(address)
    options = {name: value for name, value in OPTIONS.items() if name != left_out and left_out != "both"}
    params = {} if left_out == "options" else {"options": options}
    assert backend.device().do("User.sendPasswordResetToken", username=address, **params) == {}
    eventually("the mail", lambda: mails(backend, address))


def test_the_token_goes_to_the_property_that_was_named(backend: Backend):
    name, address, other = fresh_name(), fresh_address(), fresh_address()
    backend.registered(name, mail=address, other=other)
    token = mailed_token(backend, address, name, emailPropertyName="mail")
    assert not mails(backend, other)
    assert reset(backend.device(), name, token).is_result


def test_the_name_may_be_written_as_at_login(backend: Backend):
    address = fresh_address()
    backend.registered(address)
    token = mailed_token(backend, address, address.upper())
    assert reset(backend.device(), address.replace("e", "ｅ"), token).is_result


@pytest.mark.parametrize("value", [
    None, "", "nobody", "@example.com", "a@", "a@b@example.com", 7, True, ["a@example.com"], {"a": "b"},
    "a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "A <a@example.com>", "a b@example.com",
    "a@exa mple.com", "a" * 400 + "@example.com", "a\u0000@example.com",
], ids=ascii)
def test_what_is_no_address_gets_no_mail_and_the_same_answer(backend: Backend, value: Any):
    name = fresh_name()
    backend.registered(name, mail=value)
    before = len(backend.server.outbox.messages())
    assert send(backend, name, emailPropertyName="mail").result == {}
    nothing_sent(backend, before)


def test_a_missing_user_and_a_missing_address_look_like_any_other(backend: Backend):
    address, name = fresh_address(), fresh_name()
    backend.registered(address)
    backend.registered(name)
    first = send(backend, address)
    eventually("the mail", lambda: mails(backend, address))
    before = len(backend.server.outbox.messages())
    replies = [
        first, send(backend, fresh_address()), send(backend, name), send(backend, name, emailPropertyName="nothing"),
        send(backend, "with space"), send(backend, "ab"),
    ]
    assert len({(reply.http.content, tuple(sorted(reply.http.headers))) for reply in replies}) == 1
    nothing_sent(backend, before)


@pytest.mark.parametrize("property", ["_id", "_createdAt", "_phone", "a b", ""])
def test_a_property_nobody_can_have_tells_nothing(backend: Backend, property: str):
    address = fresh_address()
    backend.registered(address)
    before = len(backend.server.outbox.messages())
    replies = [send(backend, username, emailPropertyName=property) for username in (address, fresh_address())]
    assert replies[0].http.content == replies[1].http.content
    nothing_sent(backend, before)


def test_a_disabled_user_gets_no_token_and_the_same_answer(backend: Backend):
    address = fresh_address()
    device = backend.registered(address)
    token = mailed_token(backend, address)
    assert backend.server.command("users", "disable", device.user["_id"]).returncode == 0
    before = len(backend.server.outbox.messages())
    assert send(backend, address).result == {}
    nothing_sent(backend, before)
    reset(backend.device(), address, token).refused(PARAMS)


@pytest.mark.parametrize("params", [
    {}, {"username": None}, {"username": 7}, {"username": ["a"]}, {"username": "somebody", "options": "x"},
    {"username": "somebody", "options": {"emailPropertyName": 7}},
    {"username": "somebody", "options": {"emailPropertyName": ["mail"]}},
], ids=repr)
def test_what_is_no_question_is_refused(backend: Backend, params: dict[str, Any]):
    backend.device().rpc("User.sendPasswordResetToken", **params).refused(PARAMS)


# MARK: the reset


def test_the_token_sets_the_password_and_signs_in(backend: Backend):
    address = fresh_address()
    elsewhere = backend.registered(address, color="blue")
    remembered = backend.logged_in(address)
    device = backend.device()
    reply = reset(device, address, mailed_token(backend, address))
    assert reply.session is not None
    assert reply.result["user"]["_id"] == elsewhere.user["_id"]
    assert reply.result["user"]["color"] == "blue"
    assert device.is_logged_in()
    assert backend.opens(address, OTHER_PASSWORD)
    assert not backend.opens(address)
    assert not elsewhere.is_logged_in() and not remembered.is_logged_in(), "whoever knew the old one is out"
    remembered.auto_login().refused(PARAMS, loginToken="invalid")


def test_a_token_works_once(backend: Backend):
    address = fresh_address()
    backend.registered(address)
    token = mailed_token(backend, address)
    assert reset(backend.device(), address, token).is_result
    again = reset(backend.device(), address, token, "red-window-58-Tj")
    again.refused(PARAMS)
    assert backend.opens(address, OTHER_PASSWORD)


def test_an_earlier_mail_is_as_good_as_a_later_one_until_one_was_used(backend: Backend):
    """People open the older mail; and nobody who asks for more of them keeps them out."""
    address = fresh_address()
    backend.registered(address)
    first, second, third = (mailed_token(backend, address) for _ in range(3))
    assert len({first, second, third}) == 3
    assert reset(backend.device(), address, first).is_result
    for late in (second, third):
        reset(backend.device(), address, late, "red-window-58-Tj").refused(PARAMS)
    assert backend.opens(address, OTHER_PASSWORD)


def test_a_changed_password_ends_what_was_mailed_before(backend: Backend):
    address = fresh_address()
    device = backend.registered(address)
    token = mailed_token(backend, address)
    device.do("User.updatePassword", oldPassword=PASSWORD, newPassword=OTHER_PASSWORD)
    reset(backend.device(), address, token, "red-window-58-Tj").refused(PARAMS)
    assert backend.opens(address, OTHER_PASSWORD)


def test_one_of_many_uses_of_a_token_at_once_wins(backend: Backend):
    address = fresh_address()
    backend.registered(address)
    token = mailed_token(backend, address)
    devices = [backend.device() for _ in range(12)]
    replies = at_once(12, lambda index: reset(devices[index], address, token, f"{OTHER_PASSWORD}{index}"))
    winners = [index for index, reply in enumerate(replies) if reply.is_result]
    assert len(winners) == 1
    assert [index for index in range(12) if backend.opens(address, f"{OTHER_PASSWORD}{index}")] == winners
    assert [device.session is not None for device in devices] == [index in winners for index in range(12)]


def test_a_refusal_is_the_same_for_a_missing_user_and_for_a_wrong_token(backend: Backend):
    address, other = fresh_address(), fresh_address()
    backend.registered(address)
    backend.registered(other)
    token = mailed_token(backend, address)
    spent = mailed_token(backend, other)
    assert reset(backend.device(), other, spent).is_result
    tries = [
        (address, WRONG_TOKEN), (address, token[:-1]), (address, token + "A"), (address, token.swapcase()),
        (address, "%PASSWORD_RESET_TOKEN%"), (fresh_address(), WRONG_TOKEN), (fresh_address(), token), (other, token),
        (other, spent), (address, spent), (address, "電話" * 50), (address, "a\u0000"),
    ]
    replies = [reset(backend.device(), username, guess) for username, guess in tries]
    assert len({reply.http.content for reply in replies}) == 1
    for reply in replies:
        reply.refused(PARAMS)
    assert backend.opens(address)


@pytest.mark.parametrize(("password", "reason"), [
    ("seven-7", "too_short"), ("Lk7-" * 20 + "x", "too_long"), ("white space-41", "invalid"), ("12345678", "common"),
], ids=repr)
def test_a_password_that_will_not_do_spends_nothing(backend: Backend, password: str, reason: str):
    address = fresh_address()
    backend.registered(address)
    token = mailed_token(backend, address)
    reset(backend.device(), address, token, password).refused(PARAMS, newPassword=reason)
    assert reset(backend.device(), address, token).is_result


@pytest.mark.parametrize("params", [
    {"username": None}, {"newPassword": None}, {"token": None}, {"token": 7}, {"token": ["x"]}, {"username": 7},
], ids=repr)
def test_one_deviation_is_refused_and_spends_nothing(backend: Backend, params: dict[str, Any]):
    address = fresh_address()
    backend.registered(address)
    token = mailed_token(backend, address)
    good = {"username": address, "newPassword": OTHER_PASSWORD, "token": token}
    error = backend.device().rpc("User.resetPasswordAndLogin", **(good | params)).refused(PARAMS)
    assert set(error["data"]) == set(params)
    assert reset(backend.device(), address, token).is_result


def test_a_token_of_one_user_is_none_of_another(backend: Backend):
    mine, theirs = fresh_address(), fresh_address()
    backend.registered(mine)
    backend.registered(theirs)
    token = mailed_token(backend, mine)
    reset(backend.device(), theirs, token).refused(PARAMS)
    assert backend.opens(theirs)
    assert not backend.opens(theirs, OTHER_PASSWORD)


def test_the_token_of_who_left_opens_no_new_account_of_that_name(backend: Backend):
    address = fresh_address()
    device = backend.registered(address)
    token = mailed_token(backend, address)
    device.do("User.unregister", password=PASSWORD)
    backend.registered(address, "red-window-58-Tj")
    reset(backend.device(), address, token).refused(PARAMS)
    assert backend.opens(address, "red-window-58-Tj")


# MARK: while logged in


def test_who_is_logged_in_resets_nothing(backend: Backend):
    address = fresh_address()
    device = backend.registered(address)
    token = mailed_token(backend, address)
    before = len(backend.server.outbox.messages())
    device.rpc("User.sendPasswordResetToken", username=address, options=OPTIONS).refused(OPERATION)
    nothing_sent(backend, before)
    reset(device, address, token).refused(OPERATION)
    assert backend.opens(address)
    device.do("User.logout")                            # the device still sends what was its session
    assert reset(device, address, token).is_result, "and the token is as good as before"
    device.do("User.logout")
    assert device.rpc("User.sendPasswordResetToken", username=address, options=OPTIONS).is_result


def test_a_session_that_is_over_stands_in_nobody_s_way(backend: Backend):
    address = fresh_address()
    backend.registered(address)
    token = mailed_token(backend, address)
    device = backend.device()
    device.session = "f" * 32
    assert reset(device, address, token).is_result


# MARK: limits and secrets


@pytest.mark.parametrize("setting", ["SEND_PER_NUMBER", "SEND_PER_IP"])
def test_nobody_s_mailbox_is_flooded(start_server: StartServer, setting: str):
    """What limits texts limits mails, and the answers do not tell whether there is anybody to mail."""
    backend = Backend(start_server(clients=monaca_clients(), **(QUIET | {f"DENWA_LIMITS_{setting}": "2/3600"})))
    address = fresh_address()
    backend.registered(address)
    statuses = {}
    for username in (fresh_address(), address) if setting == "SEND_PER_NUMBER" else (address,):
        call = backend.call("User.sendPasswordResetToken", {"username": username, "options": OPTIONS})
        statuses[username] = [backend.send(call).status_code for _ in range(4)]
    time.sleep(0.5)
    assert len(mails(backend, address)) == 2
    assert len({tuple(seen) for seen in statuses.values()}) == 1


def test_the_pause_between_mails_is_the_same_for_a_missing_user(start_server: StartServer):
    backend = Backend(start_server(clients=monaca_clients(), DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30", **QUIET))
    address = fresh_address()
    backend.registered(address)
    refusals = []
    for username, other_spelling in ((address, address.upper()), (fresh_address(), None)):
        assert send(backend, username).result == {}
        call = backend.call("User.sendPasswordResetToken", {"username": other_spelling or username})
        refusals.append(backend.send(call))
        assert refusals[-1].status_code == 429
        assert 1 <= int(refusals[-1].headers["retry-after"]) <= 30
    assert refusals[0].content == refusals[1].content
    time.sleep(0.5)
    assert len(mails(backend, address)) == 1


def test_no_log_and_no_database_holds_a_token(start_server: StartServer):
    server = start_server(clients=monaca_clients(), DENWA_LOG_LEVEL="trace", **QUIET)
    backend = Backend(server)
    used, waiting = fresh_address(), fresh_address()
    backend.registered(used)
    backend.registered(waiting)
    secrets = {mailed_token(backend, used), mailed_token(backend, waiting), WRONG_TOKEN, "some-Secret-8845"}
    reset(backend.device(), used, WRONG_TOKEN, "some-Secret-8845").refused(PARAMS)
    assert reset(backend.device(), used, mailed_token(backend, used), "some-Secret-8845").is_result
    time.sleep(0.2)
    written = server.database.content()
    written["log"] = server.log().encode()
    written["developer log"] = "\n".join(server.developer_log()).encode()
    assert used.encode() in b"".join(written.values()), "there is something to search"
    found = [
        f"{secret} in {where}"
        for where, content in written.items() for secret in secrets if secret.encode() in content
    ]
    assert found == []
