"""Users of a Monaca backend: register, validate, log in by password or token, log out, change the password, leave."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import pytest

from harness import StartServer, at_once
from monaca import (
    KII, LOGIN_REQUIRED, OPERATION, OTHER_PASSWORD, PARAMS, PASSWORD, QUIET, Backend, Device, Reply, fresh_name,
    key_of, monaca_clients,
)

LOGIN_FAILED = {"username": "invalid", "password": "invalid"}


@pytest.fixture(scope="module")
def backend(start_module_server: StartServer) -> Backend:
    return Backend(start_module_server(clients=monaca_clients(), **QUIET))


@pytest.fixture
def device(backend: Backend) -> Device:
    return backend.device()


def register(device: Device, username: Any, password: Any = PASSWORD, **more: Any) -> Reply:
    return device.rpc("User.register", **({"username": username, "password": password, "properties": {}} | more))


# MARK: register


def test_who_registers_is_a_user_and_logged_in(device: Device):
    before = time.time()
    name = fresh_name()
    reply = register(device, name, properties={"color": "blue", "level": 3})
    user = reply.result["user"]
    assert set(user) == {"_id", "_username", "_createdAt", "_updateAt", "color", "level"}
    assert isinstance(user["_id"], str) and user["_id"]
    assert user["_username"] == name
    assert (user["color"], user["level"]) == ("blue", 3)
    for moment in (user["_createdAt"], user["_updateAt"]):
        assert isinstance(moment, int), "seconds since 1970"
        assert abs(moment - before) < 30
    assert reply.session is not None
    assert device.is_logged_in()


def test_properties_may_be_left_out(device: Device):
    reply = device.rpc("User.register", username=fresh_name(), password=PASSWORD)
    assert all(name.startswith("_") for name in reply.result["user"])


def test_a_name_keeps_its_letters(backend: Backend, device: Device):
    name = fresh_name().replace("user", "UsEr")
    assert register(device, name).result["user"]["_username"] == name
    assert backend.logged_in(name.lower()).user["_username"] == name


@pytest.mark.parametrize(("params", "data"), [
    ({"username": None}, {"username": ["required", "invalid"]}),
    ({"username": 123456}, {"username": ["invalid"]}),
    ({"username": ["abcdef"]}, {"username": ["invalid"]}),
    ({"username": ""}, {"username": ["required", "too_short"]}),
    ({"username": "ab"}, {"username": ["too_short"]}),
    ({"username": "a" * 256}, {"username": ["too_long"]}),
    ({"password": None}, {"password": ["required", "invalid"]}),
    ({"password": 12345678901}, {"password": ["invalid"]}),
    ({"password": ""}, {"password": ["required", "too_short"]}),
    ({"password": "seven-7"}, {"password": ["too_short"]}),
    ({"password": "Lk7-" * 20 + "x"}, {"password": ["too_long"]}),
    ({"password": "with space 41"}, {"password": ["invalid"]}),
    ({"password": "with\ttab-4141"}, {"password": ["invalid"]}),
    ({"password": "wide\u3000space-41"}, {"password": ["invalid"]}),
    ({"password": "12345678"}, {"password": ["common"]}),
    ({"password": "password1"}, {"password": ["common"]}),
    ({"properties": "x"}, {"properties": ["invalid"]}),
    ({"properties": []}, {"properties": ["invalid"]}),
    ({"properties": {"_id": "mine"}}, {"properties": ["invalid"]}),
    ({"username": "ab", "password": "short"}, {"username": ["too_short"], "password": ["too_short"]}),
    ({"username": "a b c d", "properties": {"1": 1}}, {"username": ["invalid"], "properties": ["invalid"]}),
], ids=repr)
def test_one_deviation_one_reason(device: Device, params: dict[str, Any], data: dict[str, list[str]]):
    good = {"username": fresh_name(), "password": PASSWORD, "properties": {}}
    error = device.rpc("User.register", **(good | params)).refused(PARAMS)
    assert set(error["data"]) == set(data)
    for name, reasons in data.items():
        assert error["data"][name] in reasons
    assert device.rpc("User.validate", username=good["username"], properties={}).result == {}, "nobody registered"


@pytest.mark.parametrize("member", ["username", "password"])
def test_a_missing_member_is_required(device: Device, member: str):
    params = {"username": fresh_name(), "password": PASSWORD}
    del params[member]
    device.rpc("User.register", **params).refused(PARAMS, **{member: "required"})


@pytest.mark.parametrize(
    "space", [" ", "\t", "\n", "\r", "\u00a0", "\u2003", "\u2028", "\u3000", "\u0085"], ids=ascii)
def test_a_name_has_no_white_space(device: Device, space: str):
    for name in (space + fresh_name(), fresh_name() + space, f"{fresh_name()}{space}{fresh_name()}"):
        register(device, name).refused(PARAMS, username="invalid")
        device.rpc("User.validate", username=name, properties={}).refused(PARAMS, username="invalid")


@pytest.mark.parametrize("name", ["nul\u0000nul{}", "rtl\u202e{}", "zwj\u200d{}", "{}\ufdfa" * 40], ids=ascii)
def test_an_odd_name_is_taken_or_refused_and_breaks_nothing(device: Device, name: str):
    reply = register(device, name.replace("{}", fresh_name(), 1))
    if not reply.is_result:
        assert set(reply.refused(PARAMS)["data"]) == {"username"}


@pytest.mark.parametrize(("username", "password"), [
    ("fresh", "Kx-41-zq"), ("fresh", "Kx4-" * 20), ("fresh", "パスワード-電話-四十一"), ("fresh", "話" * 79 + "x"),
    ("padded", PASSWORD), ("padded wide", PASSWORD),
], ids=repr)
def test_at_the_limits_it_works(backend: Backend, device: Device, username: str, password: str):
    unique = fresh_name("a")
    name = {"padded": unique.ljust(255, "y"), "padded wide": unique.ljust(255, "電")}.get(username, unique)
    assert register(device, name, password).result["user"]["_username"] == name
    assert backend.opens(name, password)
    assert not backend.opens(name, password[:-1])


def test_a_name_of_three_letters_is_long_enough(backend: Backend, device: Device):
    for name in ("Q7z", "電話機"):
        assert register(backend.device(), name).is_result


def test_the_lengths_are_settings_of_the_backend(backend: Backend):
    strict = Backend(backend.server, "strict").device()
    register(strict, "abcde").refused(PARAMS, username="too_short")
    register(strict, fresh_name(), "Kx-41-zq-11").refused(PARAMS, password="too_short")
    strict.rpc("User.validate", username="abcde", properties={}).refused(PARAMS, username="too_short")
    assert register(strict, "k7w" + fresh_name()[-3:], "Kx-41-zq-112").is_result
    strict.rpc("User.updatePassword", oldPassword="Kx-41-zq-112", newPassword="Kx-41-zq-11").refused(
        PARAMS, newPassword="too_short")


# MARK: one name, however it is written


SPELLINGS = [
    ("alice{}", "ALICE{}"),
    ("alice{}", "ａｌｉｃｅ{}"),
    ("alice{}", "ＡＬＩＣＥ{}"),
    ("finn{}", "ﬁnn{}"),
    ("viii{}", "ⅷ{}"),
    ("caf\u00e9{}", "cafe\u0301{}"),
    ("straße{}", "STRASSE{}"),
    ("οδυσσευς{}", "ΟΔΥΣΣΕΥΣ{}"),
    ("kelvin{}", "\u212aelvin{}"),
    ("mas{}", "ma\u017f{}"),
    ("ガラ{}", "ｶﾞﾗ{}"),
    ("istanbul{}", "ISTANBUL{}"),
    ("i\u0307stanbul{}", "\u0130stanbul{}"),
]


@pytest.mark.parametrize(("first", "second"), SPELLINGS, ids=ascii)
def test_two_spellings_are_one_name(backend: Backend, device: Device, first: str, second: str):
    unique = fresh_name("")
    first, second = first.format(unique), second.format(unique)
    user = register(device, first).result["user"]
    register(backend.device(), second).refused(PARAMS, username="taken")
    backend.device().rpc("User.validate", username=second, properties={}).refused(PARAMS, username="taken")
    assert backend.logged_in(second).user["_id"] == user["_id"]


@pytest.mark.parametrize(("first", "second"), [
    ("\u0131stanbul{}", "istanbul{}"), ("\u0130stanbul{}", "istanbul{}"), ("\u0430lice{}", "alice{}"),
    ("cafe{}", "caf\u00e9{}"),
], ids=ascii)
def test_two_names_are_two_users(backend: Backend, first: str, second: str):
    unique = fresh_name("")
    ids = {backend.registered(name.format(unique)).user["_id"] for name in (first, second)}
    assert len(ids) == 2


def test_a_name_is_one_over_all_backends(backend: Backend):
    name = fresh_name()
    user = backend.registered(name).user
    other = Backend(backend.server, "other-backend")
    register(other.device(), name).refused(PARAMS, username="taken")
    assert other.logged_in(name).user["_id"] == user["_id"]


def test_one_of_many_who_register_one_name_at_once_wins(backend: Backend):
    name = fresh_name("race")
    spellings = [name, name.upper(), name.replace("r", "ｒ"), name.title()] * 4
    devices = [backend.device() for _ in spellings]
    replies = at_once(len(devices), lambda index: register(devices[index], spellings[index], f"{PASSWORD}{index}"))
    winners = [index for index, reply in enumerate(replies) if reply.is_result]
    assert len(winners) == 1
    for index, reply in enumerate(replies):
        if index not in winners:
            reply.refused(PARAMS, username="taken")
    assert backend.opens(name, f"{PASSWORD}{winners[0]}")


# MARK: validate


def test_validate_says_whether_a_name_could_be_registered_and_registers_nobody(backend: Backend, device: Device):
    name = fresh_name()
    for _ in range(2):
        reply = device.rpc("User.validate", username=name, properties={"color": "blue"})
        assert reply.result == {}
        assert reply.session is None
    backend.registered(name)
    device.rpc("User.validate", username=name, properties={}).refused(PARAMS, username="taken")


def test_validate_looks_at_the_properties(device: Device):
    device.rpc("User.validate", username=fresh_name(), properties={"a_b": 1}).refused(PARAMS, properties="invalid")
    large = {"big": "x" * 520_000}
    device.rpc("User.validate", username=fresh_name(), properties=large).refused(PARAMS, properties="too_large")


# MARK: login


def test_login_is_a_new_session_beside_the_old_one(backend: Backend):
    name = fresh_name()
    first = backend.registered(name, color="blue")
    second = backend.device()
    reply = second.rpc("User.login", username=name, password=PASSWORD)
    assert reply.result["user"] == first.user
    assert reply.session is not None and second.session != first.session
    assert len(reply.result["loginToken"]) >= 32
    assert first.is_logged_in() and second.is_logged_in()


def test_a_login_over_a_login_is_another_session(backend: Backend):
    device, name = backend.registered(), fresh_name()
    backend.registered(name)
    before = device.session
    device.do("User.login", username=name, password=PASSWORD)
    assert device.session != before, "the session changes when somebody signs in"
    assert device.user["_username"] == name


def test_an_old_session_does_not_stand_in_the_way_of_a_login(backend: Backend):
    name = fresh_name()
    device = backend.registered(name)
    device.session = "0" * 64
    assert device.rpc("User.login", username=name, password=PASSWORD).is_result


def test_a_failed_login_is_one_constant(backend: Backend):
    name, disabled = fresh_name(), backend.registered()
    backend.registered(name)
    done = backend.server.command("users", "disable", disabled.user["_id"])
    assert done.returncode == 0, done.stderr
    tries = [
        (name, OTHER_PASSWORD), (name, PASSWORD.upper()), (name, PASSWORD + " "), (name, "x" * 3000),
        (fresh_name("missing"), PASSWORD), ("with space", PASSWORD), ("ab", PASSWORD), ("a" * 300, PASSWORD),
        (disabled.user["_username"], PASSWORD), (disabled.user["_username"], OTHER_PASSWORD),
        ("nul\u0000", PASSWORD), (name, "nul\u0000"),
    ]
    seen = set()
    for username, password in tries:
        reply = backend.device().rpc("User.login", username=username, password=password)
        reply.refused(PARAMS, **LOGIN_FAILED)
        headers = tuple(sorted(name for name in reply.http.headers))
        seen.add((reply.http.content, headers))
    assert len(seen) == 1


@pytest.mark.parametrize("params", [
    {}, {"username": "somebody"}, {"password": PASSWORD}, {"username": 1, "password": 2},
    {"username": None, "password": None}, {"username": "", "password": PASSWORD}, {"username": "x", "password": ""},
], ids=repr)
def test_a_login_that_is_no_question_is_refused(device: Device, params: dict[str, Any]):
    device.rpc("User.login", **params).refused(PARAMS)


def test_a_missing_user_takes_as_long_as_a_wrong_password(start_server: StartServer):
    backend = Backend(start_server(clients=monaca_clients(), **QUIET))
    name = fresh_name()
    backend.registered(name)

    def seconds(username: str) -> float:
        begun = time.perf_counter()
        assert not backend.opens(username, OTHER_PASSWORD)
        return time.perf_counter() - begun

    seconds(name)
    pairs = [(seconds(name), seconds(fresh_name("missing"))) for _ in range(9)]
    there, missing = (statistics.median(column) for column in zip(*pairs))
    assert 0.6 < missing / there < 1.6, f"{missing * 1000:.1f} ms for a missing user, {there * 1000:.1f} ms for one"


def test_a_disabled_user_is_out_at_once(backend: Backend):
    name = fresh_name()
    device = backend.registered(name)
    device.do("User.login", username=name, password=PASSWORD)
    assert backend.server.command("users", "disable", device.user["_id"]).returncode == 0
    assert not device.is_logged_in()
    device.auto_login().refused(PARAMS, loginToken="invalid")
    assert backend.server.command("users", "enable", device.user["_id"]).returncode == 0
    device.auto_login().refused(PARAMS, loginToken="invalid")
    assert backend.opens(name)


# MARK: autoLogin


def test_auto_login_is_a_login_with_a_token_that_changes(backend: Backend):
    name = fresh_name()
    backend.registered(name, color="blue")
    device = backend.logged_in(name)
    tokens, sessions = {device.login_token}, {device.session}
    for _ in range(3):
        reply = device.auto_login()
        assert set(reply.result) == {"user", "loginToken"}
        assert reply.result["user"]["color"] == "blue"
        assert device.is_logged_in()
        tokens.add(device.login_token)
        sessions.add(device.session)
    assert len(tokens) == len(sessions) == 4


def test_a_login_token_works_once(backend: Backend):
    name = fresh_name()
    backend.registered(name)
    device = backend.logged_in(name)
    thief = device.another()
    device.auto_login()
    thief.auto_login().refused(PARAMS, loginToken="invalid")


def test_a_failed_auto_login_is_one_constant(backend: Backend):
    name = fresh_name()
    backend.registered(name)
    spent = backend.logged_in(name)
    old = spent.login_token
    spent.auto_login()
    seen = set()
    for token in (old, "0" * len(old), old[:-1], old + "0", old.swapcase(), "電話", "x" * 5000):
        reply = backend.device().rpc("User.autoLogin", loginToken=token)
        reply.refused(PARAMS, loginToken="invalid")
        seen.add(reply.http.content)
    assert len(seen) == 1
    for params in ({}, {"loginToken": None}, {"loginToken": 5}, {"loginToken": ""}):
        backend.device().rpc("User.autoLogin", **params).refused(PARAMS)


def test_one_of_many_uses_of_a_login_token_at_once_wins(backend: Backend):
    name = fresh_name()
    backend.registered(name)
    devices = [backend.logged_in(name)]
    devices += [devices[0].another() for _ in range(15)]
    replies = at_once(len(devices), lambda index: devices[index].auto_login())
    assert sum(reply.is_result for reply in replies) == 1
    for reply in replies:
        if not reply.is_result:
            reply.refused(PARAMS, loginToken="invalid")


def test_a_backend_without_auto_login_gives_and_takes_no_token(backend: Backend):
    without = Backend(backend.server, "no-auto-login")
    name = fresh_name()
    backend.registered(name)
    device = without.device()
    assert set(device.do("User.login", username=name, password=PASSWORD)) == {"user"}
    given = backend.logged_in(name).login_token
    for token in (given, "0" * 43):
        without.device().rpc("User.autoLogin", loginToken=token).refused(OPERATION)


# MARK: logout


def test_logout_ends_the_session_and_auto_login(backend: Backend):
    name = fresh_name()
    backend.registered(name)
    device, elsewhere = backend.logged_in(name), backend.logged_in(name)
    assert device.do("User.logout") == {}
    assert not device.is_logged_in()
    device.rpc("User.logout").refused(LOGIN_REQUIRED)
    device.auto_login().refused(PARAMS, loginToken="invalid")
    assert elsewhere.is_logged_in(), "only here"
    assert backend.opens(name)


# MARK: updatePassword


def test_a_new_password_ends_every_other_session(backend: Backend):
    name = fresh_name()
    device, elsewhere, third = backend.registered(name), backend.logged_in(name), backend.logged_in(name)
    assert device.do("User.updatePassword", oldPassword=PASSWORD, newPassword=OTHER_PASSWORD) == {}
    assert device.is_logged_in()
    for other in (elsewhere, third):
        assert not other.is_logged_in()
        other.auto_login().refused(PARAMS, loginToken="invalid")
    assert not backend.opens(name)
    assert backend.opens(name, OTHER_PASSWORD)


@pytest.mark.parametrize(("params", "data"), [
    ({"oldPassword": OTHER_PASSWORD}, {"oldPassword": "wrong"}),
    ({"oldPassword": ""}, None),
    ({"oldPassword": None}, None),
    ({"oldPassword": 7}, {"oldPassword": "invalid"}),
    ({"newPassword": "seven-7"}, {"newPassword": "too_short"}),
    ({"newPassword": "Lk7-" * 20 + "x"}, {"newPassword": "too_long"}),
    ({"newPassword": "white space-41"}, {"newPassword": "invalid"}),
    ({"newPassword": "12345678"}, {"newPassword": "common"}),
    ({"newPassword": None}, None),
], ids=repr)
def test_a_password_that_cannot_be_changed_stays(backend: Backend, params: dict[str, Any], data: dict[str, str] | None):
    name = fresh_name()
    device, elsewhere = backend.registered(name), backend.logged_in(name)
    good = {"oldPassword": PASSWORD, "newPassword": OTHER_PASSWORD}
    device.rpc("User.updatePassword", **(good | params)).refused(PARAMS, **(data or {}))
    assert elsewhere.is_logged_in()
    assert backend.opens(name)


def test_one_of_many_changes_of_a_password_at_once_wins(backend: Backend):
    name = fresh_name()
    devices = [backend.registered(name)] + [backend.logged_in(name) for _ in range(7)]
    replies = at_once(len(devices), lambda index: devices[index].rpc(
        "User.updatePassword", oldPassword=PASSWORD, newPassword=f"{OTHER_PASSWORD}{index}"))
    winners = [index for index, reply in enumerate(replies) if reply.is_result]
    assert len(winners) == 1, "the old password of the others was no longer the password"
    assert backend.opens(name, f"{OTHER_PASSWORD}{winners[0]}")
    assert [device.is_logged_in() for device in devices] == [index in winners for index in range(len(devices))]


# MARK: unregister


def test_who_leaves_is_gone_and_the_name_is_free(backend: Backend):
    name = fresh_name()
    device = backend.registered(name, color="blue")
    elsewhere = backend.logged_in(name)
    assert device.do("User.unregister", password=PASSWORD) == {}
    assert not device.is_logged_in() and not elsewhere.is_logged_in()
    assert not backend.opens(name)
    elsewhere.auto_login().refused(PARAMS, loginToken="invalid")
    again = backend.registered(name)
    assert again.user["_id"] != device.user["_id"]
    assert "color" not in again.user


@pytest.mark.parametrize("params", [{"password": OTHER_PASSWORD}, {"password": PASSWORD + "x"}], ids=repr)
def test_nobody_leaves_by_a_wrong_password(backend: Backend, params: dict[str, Any]):
    device = backend.registered()
    device.rpc("User.unregister", **params).refused(PARAMS, password="wrong")
    assert device.is_logged_in()


@pytest.mark.parametrize("params", [{}, {"password": None}, {"password": 7}, {"password": ""}], ids=repr)
def test_nobody_leaves_without_a_password(backend: Backend, params: dict[str, Any]):
    device = backend.registered()
    device.rpc("User.unregister", **params).refused(PARAMS)
    assert device.is_logged_in()


# MARK: the same users elsewhere


def kii(backend: Backend, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = backend.server.http.post(f"/api/apps/{KII[0]}{path}", json=body, auth=KII)
    assert reply.is_success, reply.text
    return reply.json()


def knows(backend: Backend, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    reply = backend.server.http.get(f"/api/apps/{KII[0]}/users/me", headers=headers)
    assert reply.status_code in (200, 401)
    return reply.status_code == 200


def test_a_user_of_a_kii_app_is_one_here_and_the_other_way_round(backend: Backend):
    name = fresh_name()
    id = kii(backend, "/users", {"loginName": name, "password": PASSWORD})["userID"]
    register(backend.device(), name.upper()).refused(PARAMS, username="taken")
    assert backend.logged_in(name).user["_id"] == id
    device = backend.registered()
    there = kii(backend, "/oauth2/token", {"username": device.user["_username"], "password": PASSWORD})
    assert there["id"] == device.user["_id"]


@pytest.mark.parametrize("stranger_first", [False, True])
def test_who_takes_somebody_s_address_as_a_name_keeps_nobody_out(backend: Backend, stranger_first: bool):
    """A username proves no address: the address still signs its owner in, and not the stranger."""
    address = f"{fresh_name()}@example.com"
    acts = [
        lambda: kii(backend, "/users", {"emailAddress": address, "password": PASSWORD}),
        lambda: backend.registered(address, OTHER_PASSWORD),
    ]
    for act in reversed(acts) if stranger_first else acts:
        act()
    stranger = backend.logged_in(address, OTHER_PASSWORD).user["_id"]
    for username in (address, f"EMAIL:{address}"):
        owner = kii(backend, "/oauth2/token", {"username": username, "password": PASSWORD})
        assert owner["id"] != stranger
    assert not backend.opens(address, PASSWORD), "at the backend it is a name and nothing else"


@pytest.mark.parametrize("act", ["User.updatePassword", "User.unregister"])
def test_a_changed_password_and_a_user_who_left_end_tokens_there_too(backend: Backend, act: str):
    device = backend.registered()
    token = kii(backend, "/oauth2/token", {"username": device.user["_username"], "password": PASSWORD})
    assert knows(backend, token["access_token"])
    device.do(act, password=PASSWORD, oldPassword=PASSWORD, newPassword=OTHER_PASSWORD)
    assert not knows(backend, token["access_token"])


def test_a_password_changed_there_ends_sessions_here(backend: Backend):
    name = fresh_name()
    backend.registered(name)
    device = backend.logged_in(name)
    token = kii(backend, "/oauth2/token", {"username": name, "password": PASSWORD})["access_token"]
    changed = backend.server.http.put(
        f"/api/apps/{KII[0]}/users/me/password", headers={"Authorization": f"Bearer {token}"},
        json={"oldPassword": PASSWORD, "newPassword": OTHER_PASSWORD})
    assert changed.status_code == 204, changed.text
    assert not device.is_logged_in()
    device.auto_login().refused(PARAMS, loginToken="invalid")
    assert backend.opens(name, OTHER_PASSWORD)


# MARK: nothing of it is written down


def test_no_log_and_no_database_holds_a_secret(start_server: StartServer):
    server = start_server(clients=monaca_clients(), DENWA_LOG_LEVEL="trace", **QUIET)
    backend = Backend(server)
    name = fresh_name()
    device = backend.registered(name, "first-Secret-8841")
    secrets = {"first-Secret-8841", "second-Secret-8842", "wrong-Secret-8843", key_of("backend"), "wrong-Key-8844"}
    secrets.add(device.session)
    device.do("User.login", username=name, password="first-Secret-8841")
    secrets |= {device.session, device.login_token}
    device.auto_login()
    secrets |= {device.session, device.login_token}
    backend.device().rpc("User.login", username=name, password="wrong-Secret-8843").refused(PARAMS)
    backend.ask(backend.call("User.login", {"username": name, "__api_key": "wrong-Key-8844"}))
    backend.post('{"password":"wrong-Secret-8843"')
    device.do("User.updatePassword", oldPassword="first-Secret-8841", newPassword="second-Secret-8842")
    device.rpc("User.unregister", password="wrong-Secret-8843").refused(PARAMS)
    device.do("User.logout")
    time.sleep(0.2)

    written = server.database.content()
    written["log"] = server.log().encode()
    written["developer log"] = "\n".join(server.developer_log()).encode()
    assert written["log"] and name.encode() in b"".join(written.values()), "there is something to search"
    found = [
        f"{secret} in {where}"
        for where, content in written.items() for secret in secrets if secret.encode() in content
    ]
    assert found == []


def test_a_wrong_password_is_told_to_the_developer(backend: Backend):
    """The caller learns one constant; the one who runs the server learns the cause."""
    name = fresh_name()
    backend.registered(name)
    before = len(backend.server.developer_log())
    assert not backend.opens(name, OTHER_PASSWORD)
    events = [json.loads(line) for line in backend.server.developer_log()]
    assert len(events) > before or before >= 100
    assert any(event.get("client_id") == "backend" for event in events[-3:])
