"""Properties of Monaca users: any JSON value, kept exactly; names, 500 KB together, and writes at the same time."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from harness import StartServer, at_once
from monaca import (
    LOGIN_REQUIRED, PARAMS, PASSWORD, QUIET, Backend, Device, Reply, check_envelope, check_http, fresh_name,
    monaca_clients, read,
)

BAD_NAMES = [
    "", "_id", "_username", "_x", "__proto__", "1a", "a-b", "a_b", "a.b", "a b", " a", "a ", "a\n", "\na", "é", "aé",
    "ａｂ", "電話", "a\u0000", "a$", "$where", "a[0]", "a/b", "a'b", 'a"b',
]


@pytest.fixture(scope="module")
def backend(start_module_server: StartServer) -> Backend:
    return Backend(start_module_server(clients=monaca_clients(), **QUIET))


@pytest.fixture
def device(backend: Backend) -> Device:
    return backend.registered()


def raw(device: Device, method: str, params: str) -> Reply:
    """A call whose own parameters are written exactly like this: numbers that Python would round stay whole."""
    call = json.dumps(device.call(method))
    http = device.backend.post(call.replace('"params": {', '"params": {' + params + ", ", 1))
    check_http(http)
    return Reply(http, check_envelope(read(http.text)))


def stored(device: Device, *names: str) -> dict[str, Any]:
    return raw(device, "User.getProperties", f'"names": {json.dumps(names)}').result["properties"]


# MARK: values


@pytest.mark.parametrize("text", [
    "null", "true", "false", "0", "1", "-1", "12345678901234567890123456789", "-9223372036854775809",
    "18446744073709551616", "9007199254740993", "0.1", "3.141592653589793238462643383279", "1e300", "1E+2", "-0.5e-10",
    '""', '"text"', '"電話 🎮 é e\u0301"', r'"\u96fb\u8a71 \ud83c\udfae"',
    r'"\u0000\u001f\"\\\/\b\f\n\r\t"',
    '"</script><!--"', r'"\u2028\u2029"', '"null"', '"1"', "[]", "{}", "[[],{},[null,[1,[2,[3]]]]]",
    '{"_id":"mine","a b":1,"":2,"é":3,"1":4}', '[1,"1",true,"true",null,"null",1.5]',
    '{"nested":{"deeply":{"nested":[{"in":{"it":[12345678901234567890]}}]}}}',
], ids=lambda text: text[:40].encode("unicode_escape").decode())
def test_any_value_comes_back_as_it_was(backend: Backend, device: Device, text: str):
    assert raw(device, "User.saveProperties", f'"properties": {{"value": {text}}}').result == {}
    value = read(text)
    assert _typed(stored(device, "value")["value"]) == _typed(value)
    login = raw(device, "User.login", f'"username": "{device.user["_username"]}", "password": "{PASSWORD}"')
    assert _typed(login.result["user"]["value"]) == _typed(value)


def _typed(value: Any) -> Any:
    """JSON in which 1 and true differ, and numbers are compared by their value, to the last digit."""
    if isinstance(value, dict):
        return {name: _typed(of) for name, of in value.items()}
    if isinstance(value, list):
        return [_typed(of) for of in value]
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return ("number", Decimal(value))
    return (type(value).__name__, value)


def test_values_of_a_registration_are_kept_as_well(backend: Backend):
    device = backend.device()
    name = fresh_name()
    reply = raw(device, "User.register",
                f'"username": "{name}", "password": "{PASSWORD}", "properties": {{"big": 12345678901234567890123}}')
    assert reply.result["user"]["big"] == 12345678901234567890123


@pytest.mark.parametrize("depth", [16, 32])
def test_a_nested_value_is_a_value(device: Device, depth: int):
    text = "[" * depth + "1" + "]" * depth
    assert raw(device, "User.saveProperties", f'"properties": {{"value": {text}}}').is_result
    assert stored(device, "value")["value"] == json.loads(text)


def test_half_a_character_hurts_nobody(device: Device):
    """A lone surrogate is JSON by its grammar and no text: it is refused, or comes back."""
    http = device.backend.post(json.dumps(device.call("User.saveProperties", {"properties": {"half": "\ud800"}})))
    check_http(http)
    assert device.is_logged_in()


# MARK: save and get


def test_what_is_saved_is_added_to_what_is_there(device: Device):
    assert device.do("User.saveProperties", properties={"color": "blue", "level": 1}) == {}
    assert device.do("User.saveProperties", properties={"level": 2, "score": [1]}) == {}
    assert device.do("User.saveProperties", properties={}) == {}
    names = ["color", "level", "score"]
    assert device.do("User.getProperties", names=names) == {"properties": {"color": "blue", "level": 2, "score": [1]}}
    assert device.do("User.getProperties", names=["level"]) == {"properties": {"level": 2}}
    assert device.do("User.getProperties", names=[]) == {"properties": {}}


def test_null_is_a_value_and_is_kept(backend: Backend, device: Device):
    device.do("User.saveProperties", properties={"color": "blue"})
    device.do("User.saveProperties", properties={"color": None})
    assert device.do("User.getProperties", names=["color"]) == {"properties": {"color": None}}
    user = backend.logged_in(device.user["_username"]).user
    assert "color" in user and user["color"] is None


def test_a_property_that_is_none_has_no_value(device: Device):
    properties = device.do("User.getProperties", names=["nothing"])["properties"]
    assert properties in ({}, {"nothing": None})


def test_names_tell_upper_and_lower_case_apart(device: Device):
    device.do("User.saveProperties", properties={"color": 1, "Color": 2, "COLOR": 3})
    names = ["color", "Color", "COLOR"]
    assert device.do("User.getProperties", names=names)["properties"] == {"color": 1, "Color": 2, "COLOR": 3}


def test_the_properties_are_the_user_s_own(backend: Backend, device: Device):
    device.do("User.saveProperties", properties={"color": "blue"})
    other = backend.registered(color="red")
    assert device.property("color") == "blue"
    assert other.property("color") == "red"


def test_saving_changes_the_time_of_the_last_change(backend: Backend, device: Device):
    before = backend.logged_in(device.user["_username"]).user
    time.sleep(1.1)
    device.do("User.saveProperties", properties={"color": "blue"})
    after = backend.logged_in(device.user["_username"]).user
    assert after["_createdAt"] == before["_createdAt"]
    assert after["_updateAt"] > before["_updateAt"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_is_none_saves_nothing_at_all(device: Device, name: str):
    device.do("User.saveProperties", properties={"color": "blue"})
    device.rpc("User.saveProperties", properties={"color": "red", name: 1}).refused(PARAMS, properties="invalid")
    assert device.property("color") == "blue"


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_is_none_registers_nobody(backend: Backend, name: str):
    username = fresh_name()
    params = {"username": username, "password": PASSWORD, "properties": {name: 1}}
    backend.device().rpc("User.register", **params).refused(PARAMS, properties="invalid")
    assert not backend.opens(username)


@pytest.mark.parametrize("name", ["a", "Z", "a1", "A" * 64, "constructor", "toString", "length", "id", "username"])
def test_a_name_of_letters_and_digits_is_one(device: Device, name: str):
    device.do("User.saveProperties", properties={name: "kept"})
    assert device.do("User.getProperties", names=[name])["properties"] == {name: "kept"}


@pytest.mark.parametrize("properties", [None, [], "color", 1, True], ids=repr)
def test_properties_are_an_object(device: Device, properties: Any):
    error = device.rpc("User.saveProperties", properties=properties).refused(PARAMS)
    assert error["data"]["properties"] in ("invalid", "required")


@pytest.mark.parametrize("names", [None, "color", {}, [1], [None], [["color"]], 7], ids=repr)
def test_names_are_an_array_of_strings(device: Device, names: Any):
    error = device.rpc("User.getProperties", names=names).refused(PARAMS)
    assert error["data"]["names"] in ("invalid", "required")


@pytest.mark.parametrize(("method", "param"), [
    ("User.getProperties", "names"), ("User.saveProperties", "properties"),
])
def test_the_parameter_is_required(device: Device, method: str, param: str):
    device.rpc(method).refused(PARAMS, **{param: "required"})


def test_the_server_s_own_are_not_changed_by_saving(backend: Backend, device: Device):
    before = backend.logged_in(device.user["_username"]).user
    for name in ("_id", "_username", "_createdAt", "_updateAt", "_password"):
        device.rpc("User.saveProperties", properties={name: "mine"}).refused(PARAMS, properties="invalid")
    assert backend.logged_in(device.user["_username"]).user == before


# MARK: 500 KB


def test_five_hundred_kilobytes_fit(backend: Backend):
    device = backend.registered(big="x" * 490_000)
    assert device.property("big") == "x" * 490_000
    device.do("User.saveProperties", properties={"big": "y" * 490_000})
    assert device.property("big") == "y" * 490_000


def test_more_does_not(backend: Backend, device: Device):
    device.rpc("User.saveProperties", properties={"big": "x" * 520_000}).refused(PARAMS, properties="too_large")
    assert device.property("big") is None
    name = fresh_name()
    params = {"username": name, "password": PASSWORD, "properties": {"big": "x" * 520_000}}
    backend.device().rpc("User.register", **params).refused(PARAMS, properties="too_large")
    assert not backend.opens(name)


def test_it_is_all_of_them_together(device: Device):
    device.do("User.saveProperties", properties={"first": "x" * 300_000})
    refused = device.rpc("User.saveProperties", properties={"second": "x" * 300_000, "third": 1})
    refused.refused(PARAMS, properties="too_large")
    assert device.do("User.getProperties", names=["second", "third"])["properties"].get("third") is None
    device.do("User.saveProperties", properties={"first": "small"})
    device.do("User.saveProperties", properties={"second": "x" * 300_000})
    assert device.property("first") == "small"


def test_it_is_all_of_them_together_also_at_once(backend: Backend):
    device = backend.registered()
    devices = [device.another() for _ in range(4)]
    replies = at_once(4, lambda index: devices[index].rpc(
        "User.saveProperties", properties={f"part{index}": "x" * 200_000}))
    assert sum(reply.is_result for reply in replies) == 2
    kept = device.do("User.getProperties", names=[f"part{index}" for index in range(4)])["properties"]
    assert sum(value is not None for value in kept.values()) == 2


def test_many_small_ones_are_kept(device: Device):
    many = {f"name{index}": index for index in range(5000)}
    device.do("User.saveProperties", properties=many)
    assert device.do("User.getProperties", names=list(many))["properties"] == many


# MARK: at once


def test_no_write_at_the_same_time_is_lost(backend: Backend):
    device = backend.registered()
    devices = [device.another() for _ in range(16)]
    replies = at_once(16, lambda index: devices[index].rpc("User.saveProperties", properties={f"by{index}": index}))
    assert all(reply.is_result for reply in replies)
    names = [f"by{index}" for index in range(16)]
    assert device.do("User.getProperties", names=names)["properties"] == {f"by{index}": index for index in range(16)}


def test_properties_survive_a_restart(start_server: StartServer):
    server = start_server(clients=monaca_clients(), **QUIET)
    backend = Backend(server)
    device = backend.registered(color="blue")
    server.end()
    server.start()
    assert device.property("color") == "blue", "and so does the session"


def test_without_a_login_there_are_none(backend: Backend, device: Device):
    device.do("User.logout")
    device.rpc("User.getProperties", names=["color"]).refused(LOGIN_REQUIRED)
    device.rpc("User.saveProperties", properties={"color": 1}).refused(LOGIN_REQUIRED)
