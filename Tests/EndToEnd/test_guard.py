"""What texting money costs an attacker, when no limit on addresses and numbers stands in the way.

The guard counts codes that nobody types back, by range of numbers, block of ranges, country and client, and
what texts cost. The numbers at the start of each section are the lines of the list of attacks that the server
must withstand. Limits by address and number are off unless a test says otherwise, so that only the guard can
stop it.
"""

from __future__ import annotations

import itertools
import json
import re
import signal
import time
from collections import Counter
from typing import Any, Iterator
from urllib.parse import urlencode

import httpx
import phonenumbers
import pytest

from harness import (
    PhoneLogin, Server, assert_refused, at_once, eventually, fresh_number, phone_client, standard_clients,
)
from person import Person, authorize_url, people
from providers.scripted import Scene, ScriptedProvider, segments_of


TOO_MANY, BLOCKED, NO_TEXTS = "002-057", "002-043", "004-001"

DAY = 86_400

#: The settings of the four rules of conversion.
RULES = {
    "range": "DENWA_GUARD_UNCONFIRMED_PER_RANGE",
    "block": "DENWA_GUARD_UNCONFIRMED_PER_BLOCK",
    "country": "DENWA_GUARD_UNCONFIRMED_PER_COUNTRY",
    "client": "DENWA_GUARD_UNCONFIRMED_PER_CLIENT",
}

PATIENCE = 20


def only(**limits: str) -> dict[str, str]:
    """These rules of conversion and no other."""
    return dict.fromkeys(RULES.values(), "0") | {RULES[rule]: limit for rule, limit in limits.items()}


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(lambda: tmp_path_factory.mktemp("server"))
    yield made
    made.close()


# MARK: numbers


_ranges = itertools.count()


def fresh_range() -> str:
    """The beginning of a thousand Japanese numbers that no other test uses, in a block of their own."""
    return f"+8180{20_000 + next(_ranges) * 1_010}"


def sequence(beginning: str, count: int) -> list[str]:
    return [f"{beginning}{last:03d}" for last in range(count)]


def mobile_numbers(countries: int) -> dict[str, str]:
    """A mobile number in each of so many countries."""
    found: dict[str, str] = {}
    codes: set[int] = set()
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is None or phonenumbers.region_code_for_number(number) != region:
            continue
        if number.country_code in codes or region == "JP":
            continue
        codes.add(number.country_code)
        found[region] = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if len(found) == countries:
            return found
    raise AssertionError(f"only {len(found)} countries")


# MARK: asking


def ask(
    server: Server, number: str, client: str = "40017", by: httpx.Client | None = None, **body: Any
) -> httpx.Response:
    query = {"response_type": "code", "client_id": client, "state": "state-4f1d2c"}
    return (by or server.http).post(
        "/oauth2/login/phone/request", params=query, json={"phone_number": number} | body)


def sweep(server: Server, numbers: list[str], client: str = "40017", **more: Any) -> list[httpx.Response]:
    """All of it within a moment."""
    return at_once(len(numbers), lambda index: ask(server, numbers[index], client, **more))


def in_turn(server: Server, numbers: list[str], client: str = "40017", **body: Any) -> list[int]:
    return [ask(server, number, client, **body).status_code for number in numbers]


def statuses(replies: list[httpx.Response]) -> Counter[int]:
    return Counter(reply.status_code for reply in replies)


def assert_throttled(reply: httpx.Response, most_seconds: int) -> None:
    error = assert_refused(reply, 429, TOO_MANY)
    seconds = int(reply.headers["retry-after"])
    assert 1 <= seconds <= most_seconds + 1, "rounded up"
    assert reply.headers["ratelimit"].strip() and reply.headers["ratelimit-policy"].strip()
    assert error["details"].get("retry_after") == seconds


def assert_out_of_budget(reply: httpx.Response) -> None:
    assert_refused(reply, 503, NO_TEXTS)
    assert 1 <= int(reply.headers["retry-after"]) <= 32 * DAY


def logs_in(server: Server, number: str, client: str = "40017", **more: Any) -> bool:
    login = server.login(client, number, **more)
    return login.request().status_code == 200 and login.confirm().status_code == 200


# MARK: the developer log


def events(server: Server, rule: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
    done = server.command("log", "--json", "--limit", "5000")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    return [one for one in told if rule in (None, one.get("rule")) and event in (None, one["event"])]


def assert_told(
    server: Server, rule: str, numbers: list[str], *, client: str = "40017", event: str = "send.refused",
    counted: int = 1, lifts: bool = True,
) -> list[dict[str, Any]]:
    """The log names this rule and no other, what it counted and when it lifts; and no number."""
    told = eventually(
        f"{event} by {rule}", lambda: events(server, rule, event), timeout=PATIENCE, every=0.3)
    assert {one.get("rule") for one in events(server, event=event)} == {rule}
    for one in told:
        assert one["client_id"] == client
        assert one["reason"]
        # A range names all but the last three digits, and a masked number shows the last four.
        if rule in ("conversionPerRange", "conversionPerBlock"):
            assert "phone" not in one
        else:
            assert "*" in one["phone"]
        figures = [int(figure) for figure in re.findall(r"\d+", json.dumps(one["figures"]))]
        assert max(figures, default=0) >= counted, one
        if lifts:
            assert one["retry_after"] >= 1
    everything = json.dumps(told)
    assert not [number for number in numbers if number[1:] in everything]
    return told


def assert_told_of_some(server: Server, rule: str, clients: set[str]) -> None:
    """No more is refused than by this rule; whose calls they were is a matter of chance."""
    told = events(server, event="send.refused")
    assert {one["rule"] for one in told} == {rule}
    assert {one["client_id"] for one in told} <= clients
    assert all(one["figures"] and one["retry_after"] >= 1 for one in told)


# MARK: 16. A sequential range


def test_a_hundred_texts_to_a_sequential_range_are_stopped_and_others_go_on(start_server):
    """By the rules that a guard has when nobody sets any: forty unconfirmed a day, fewer from 32 on."""
    server = start_server()
    attacked = fresh_range()
    numbers = sequence(attacked, 100)
    began = time.monotonic()
    replies = sweep(server, numbers)
    assert time.monotonic() - began < 30
    counted = statuses(replies)
    assert set(counted) == {200, 429}
    assert 32 <= counted[200] <= 33
    for reply in replies:
        if reply.status_code == 429:
            assert_throttled(reply, DAY // 40)
    assert_told(server, "conversionPerRange", numbers, counted=32)

    assert logs_in(server, sequence(fresh_range(), 1)[0]), "another range"
    assert logs_in(server, fresh_number("+49151")), "another country"
    assert logs_in(server, fresh_number(), "other-game"), "another client"
    # The attacked range stays shut, whichever client asks.
    assert_throttled(ask(server, sequence(attacked, 101)[-1], "other-game"), DAY // 40)
    sent = Counter(text["to"] for text in server.outbox.messages())
    assert sum(sent[number] for number in numbers) == counted[200]
    assert max(sent.values()) == 1


def test_ranges_side_by_side_are_a_block(start_server):
    server = start_server(**only(range=f"1000/{DAY}", block=f"30/{DAY}"))
    attacked = fresh_range()[:-2]
    numbers = [f"{attacked}{neighbour:02d}{last:03d}" for neighbour in range(20) for last in range(5)]
    counted = statuses(sweep(server, numbers))
    assert set(counted) == {200, 429} and 24 <= counted[200] <= 25
    assert_told(server, "conversionPerBlock", numbers, counted=24)
    assert logs_in(server, sequence(fresh_range(), 1)[0])


def test_a_range_is_slowed_down_before_it_is_blocked(start_server):
    """Ten in twenty seconds: eight at once, one each two seconds, and then none for the time of a block."""
    server = start_server(**only(range="10/20"), DENWA_GUARD_BLOCK_SECONDS="600")

    def attack(beginning: str) -> list[int]:
        """The answers, up to the block or for six seconds."""
        numbers = iter(sequence(beginning, 500))
        answered = in_turn(server, [next(numbers) for _ in range(8)])
        passed = [time.monotonic()]
        while answered[-1] != 422 and time.monotonic() < passed[0] + 6:
            time.sleep(0.1)
            reply = ask(server, next(numbers))
            answered.append(reply.status_code)
            if reply.status_code == 429:
                assert_throttled(reply, 2)
            elif reply.status_code == 200:
                passed.append(time.monotonic())
        pauses = [later - earlier for earlier, later in zip(passed[1:], passed[2:])]
        assert not pauses or min(pauses) >= 1.5, "one in two seconds"
        return answered

    # Where the window begins to slide, the first ones count less with every second, and a block takes longer.
    for attacked in (fresh_range() for _ in range(3)):
        answered = attack(attacked)
        assert answered[:8] == [200] * 8 and 429 in answered[8:10], "slowed down first"
        assert set(answered) <= {200, 429, 422} and 1 <= answered[8:].count(200) <= 4
        if answered[-1] == 422:
            break
    assert answered[-1] == 422, "never blocked"
    told = assert_told(server, "conversionPerRange", sequence(attacked, 1))
    assert max(one["retry_after"] for one in told) > 20, "the block, not the window"
    assert_refused(ask(server, sequence(attacked, 900)[-1]), 422, BLOCKED)
    assert logs_in(server, sequence(fresh_range(), 1)[0])


# MARK: 16. Countries and clients


def test_a_hundred_texts_to_one_country_are_stopped_and_others_go_on(start_server):
    server = start_server(**only(country=f"20/{DAY}"))
    numbers = [fresh_number("+49151") for _ in range(100)]
    replies = sweep(server, numbers)
    counted = statuses(replies)
    assert set(counted) == {200, 429} and 16 <= counted[200] <= 17
    for reply in replies:
        if reply.status_code == 429:
            assert_throttled(reply, DAY // 20)
    assert_told(server, "conversionPerCountry", numbers, counted=16)
    assert logs_in(server, fresh_number()) and logs_in(server, "+33612345678"), "another country"
    assert logs_in(server, fresh_number("+49151"), "other-game"), "another client in this one"


def test_a_country_is_refused_until_the_window_slides_and_never_blocked(start_server):
    server = start_server(**only(country="5/3"))
    answered = in_turn(server, [fresh_number() for _ in range(4)])
    began = time.monotonic()
    while time.monotonic() - began < 4:
        answered.append(ask(server, fresh_number()).status_code)
        time.sleep(0.1)
    assert answered[:4] == [200] * 4 and set(answered) == {200, 429}
    assert answered.count(200) <= 15, "five in three seconds"
    eventually("texts pass again", lambda: ask(server, fresh_number()).status_code == 200, timeout=15)


def test_texts_to_fifty_countries_are_stopped_by_the_client_that_asks(start_server):
    server = start_server(**only(client=f"20/{DAY}"))
    numbers = list(mobile_numbers(50).values())
    replies = sweep(server, numbers * 2)
    counted = statuses(replies)
    assert set(counted) == {200, 429}
    texted = {number for number, reply in zip(numbers * 2, replies) if reply.status_code == 200}
    assert 16 <= len(texted) <= 17, "each number counts once, however often it is asked for"
    assert_told(server, "conversionPerClient", numbers, counted=16)
    assert logs_in(server, fresh_number(), "other-game"), "another client"
    assert logs_in(server, numbers[0], "other-game"), "also in one of these countries"


def test_texts_to_fifty_countries_stop_where_the_server_has_no_users(start_server):
    server = start_server(DENWA_PHONE_ALLOWED_COUNTRIES="JP")
    numbers = list(mobile_numbers(50).values())
    for reply in sweep(server, numbers):
        assert_refused(reply, 422, BLOCKED)
    assert_told(
        server, "allowedCountries", numbers, event="number.refused", counted=0, lifts=False)
    assert logs_in(server, fresh_number())
    assert {text["to"][:3] for text in server.outbox.messages()} == {"+81"}


def test_a_hundred_texts_from_one_address_are_stopped_and_other_addresses_go_on(start_server):
    server = start_server(DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1", DENWA_LIMITS_SEND_PER_IP="20/3600")
    attacker = server.connect(**{"X-Forwarded-For": "198.51.100.66"})
    numbers = [fresh_number() for _ in range(100)]
    replies = sweep(server, numbers, by=attacker)
    assert statuses(replies) == {200: 20, 429: 80}
    told = assert_told(server, "sendPerIP", numbers, counted=20)
    assert {one["address"] for one in told} == {"198.51.100.66"}
    assert logs_in(server, fresh_number(), headers={"X-Forwarded-For": "203.0.113.77"})


def test_a_hundred_texts_to_one_number_are_one(scene: Scene):
    """With the limits that a server has when nobody sets any."""
    provider = scene.provider("only")
    server = scene.server(
        provider, DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1", DENWA_LIMITS_SEND_PER_NUMBER="5/3600",
        DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30", DENWA_LIMITS_SEND_PER_IP="20/3600",
        DENWA_LIMITS_SEND_PER_CLIENT="1000/60")
    number = fresh_number()
    clients = ["40017", "other-game", "rs256", "eddsa"]
    addresses = [server.connect(**{"X-Forwarded-For": f"198.51.100.{index}"}) for index in range(25)]
    replies = at_once(100, lambda index: ask(server, number, clients[index % 4], by=addresses[index % 25]))
    assert statuses(replies) == {200: 1, 429: 99}
    assert_told_of_some(server, "resendCooldown", set(clients))
    assert logs_in(server, fresh_number())
    assert [text["to"] for text in provider.offered()].count(number) == 1


@pytest.mark.parametrize("per", ["range", "country"])
def test_sends_are_limited_also_when_they_are_confirmed_if_one_wants(start_server, per: str):
    setting = {"range": "DENWA_LIMITS_SEND_PER_RANGE", "country": "DENWA_LIMITS_SEND_PER_COUNTRY"}[per]
    server = start_server(**{setting: "5/3600"})
    numbers = sequence(fresh_range(), 6) if per == "range" else [fresh_number() for _ in range(6)]
    assert [logs_in(server, number) for number in numbers[:5]] == [True] * 5
    assert_throttled(ask(server, numbers[5]), 3600)
    assert_told(server, {"range": "sendPerRange", "country": "sendPerCountry"}[per], numbers, counted=5)
    elsewhere = sequence(fresh_range(), 1)[0] if per == "range" else fresh_number("+49151")
    assert logs_in(server, elsewhere)


# MARK: what counts


def test_people_who_confirm_are_never_refused(start_server):
    """Two hundred logins in one range, eight at a time."""
    server = start_server()
    numbers = sequence(fresh_range(), 200)

    def queue(lane: int) -> list[bool]:
        return [logs_in(server, number) for number in numbers[lane::8]]

    assert [done for lane in at_once(8, queue) for done in lane] == [True] * 200
    assert events(server, event="send.refused") == []


def test_who_confirms_gives_others_credit(start_server):
    """At fifty percent a confirmed code makes up for itself and one more."""
    server = start_server(**only(range=f"10/{DAY}"), DENWA_GUARD_MINIMUM_CONVERSION_PERCENT="50")
    numbers = sequence(fresh_range(), 40)
    logins = [server.login(number=number) for number in numbers[:6]]
    for login in logins:
        assert login.request().status_code == 200
    for login in logins[:2]:
        assert login.confirm().status_code == 200
    # Six were sent and two confirmed, which makes 6 − 2 × 2; the range is slowed down at eight.
    answered = in_turn(server, numbers[6:20])
    assert answered[:6] == [200] * 6
    assert 429 in answered[6:8]
    assert logins[2].confirm().status_code == 200
    assert ask(server, numbers[30]).status_code == 200, "two more"


def test_a_resend_does_not_count_again(start_server):
    server = start_server(**only(range=f"10/{DAY}"))
    numbers = sequence(fresh_range(), 20)
    assert in_turn(server, [numbers[0]] * 30) == [200] * 30
    server.outbox.wait(numbers[0], 30)
    assert len({text["body"] for text in server.outbox.messages(numbers[0])}) == 1
    answered = in_turn(server, numbers[1:12])
    assert answered[:7] == [200] * 7
    assert 429 in answered[7:9]


def test_a_known_device_counts_nowhere(start_server):
    """At a hundred percent a login leaves no credit behind, so what known devices do would show."""
    server = start_server(**only(range=f"10/{DAY}"), DENWA_GUARD_MINIMUM_CONVERSION_PERCENT="100")
    numbers = sequence(fresh_range(), 40)
    devices = {}
    for number in numbers[:12]:
        login = server.login(number=number)
        assert login.request().status_code == 200
        devices[number] = login.confirm().json()["device_id"]
    for number, device in devices.items():
        assert ask(server, number, device_id=device).status_code == 200
    answered = in_turn(server, numbers[20:32])
    assert answered[:8] == [200] * 8
    assert 429 in answered[8:10]


def test_neither_a_known_device_nor_a_test_number_earns_credit(start_server):
    """What costs nothing must not buy texts: one device or one test number could log in all day."""
    tested = {"phone_number": fresh_number(), "code": "246810", "expires_at": int(time.time()) + DAY}
    clients = [phone_client("devices"), phone_client("tested", test_numbers=[tested])]
    server = start_server(clients=clients, **only(client=f"10/{DAY}"))
    login = server.login("devices")
    assert login.request().status_code == 200
    device = login.confirm().json()["device_id"]
    for _ in range(10):
        again = server.login("devices", login.number, device_id=device)
        assert again.request().status_code == 200 and again.confirm().status_code == 200
        again = server.login("tested", tested["phone_number"])
        assert again.request().status_code == 200 and again.confirm(tested["code"]).status_code == 200
    # Ten logins more would have made up for forty codes. The first login at all made up for three.
    for client, most in (("devices", 8 + 3 + 1), ("tested", 8 + 1)):
        assert 8 <= in_turn(server, [fresh_number() for _ in range(20)], client).count(200) <= most


def test_a_rule_is_switched_off_with_0(start_server):
    server = start_server(**only())
    assert statuses(sweep(server, sequence(fresh_range(), 120))) == {200: 120}


# MARK: modes


def test_a_dry_run_refuses_nothing_and_tells_what_it_would_have(scene: Scene):
    provider = scene.provider("only")
    server = scene.server(
        provider, DENWA_GUARD_MODE="dryRun", DENWA_GUARD_PRICES='{"JP":1}', **only(range=f"10/{DAY}"),
        **dict.fromkeys(BUDGETS, "0") | {"DENWA_GUARD_DAILY_BUDGET": "20"})
    numbers = sequence(fresh_range(), 30)
    assert in_turn(server, numbers) == [200] * 30
    assert logs_in(server, sequence(numbers[0][:-3], 100)[-1], "other-game")
    told = eventually(
        "both rules", lambda: (
            found := events(server, event="guard.dry_run")) and {one["rule"] for one in found} >= {
                "conversionPerRange", "dailyBudget"} and found,
        timeout=PATIENCE, every=0.3)
    assert all(one["figures"] for one in told)
    assert events(server, event="send.refused") == []
    eventually("all texts", lambda: len(provider.offered()) == 31, timeout=PATIENCE)


def test_a_guard_that_is_off_does_nothing(scene: Scene):
    provider = scene.provider("only")
    server = scene.server(
        provider, DENWA_GUARD_MODE="off", DENWA_GUARD_DAILY_BUDGET="20", DENWA_GUARD_PRICES='{"JP":1}',
        **only(range=f"10/{DAY}"))
    numbers = sequence(fresh_range(), 100)
    assert statuses(sweep(server, numbers)) == {200: 100}
    eventually("all texts", lambda: len(provider.offered()) >= 100, timeout=PATIENCE)
    assert [one for one in events(server) if one.get("rule")] == []


# MARK: numbers that are not texted


def test_countries_are_allowed_by_server_and_by_client(start_server):
    germany, japan, france = fresh_number("+49151"), fresh_number(), "+33612345678"
    clients = [
        phone_client("40017"),
        phone_client("german-only", allowed_countries=["DE"]),
        phone_client("german-or-french", allowed_countries=["DE", "FR"]),
    ]
    server = start_server(clients=clients, DENWA_PHONE_ALLOWED_COUNTRIES="JP,DE")
    for client, number, status in [
        ("40017", japan, 200), ("40017", germany, 200), ("40017", france, 422),
        ("german-only", germany, 200), ("german-only", japan, 422), ("german-only", france, 422),
        ("german-or-french", germany, 200), ("german-or-french", japan, 422),
    ]:
        reply = ask(server, number, client)
        assert reply.status_code == status, f"{client} {number[:3]}: {reply.text}"
        if status == 422:
            assert_refused(reply, 422, BLOCKED)
    told = events(server, "allowedCountries", "number.refused")
    assert Counter(one["client_id"] for one in told) == {"40017": 1, "german-only": 2, "german-or-french": 1}


FIXED_LINE, VOIP = "+81312345678", "+815012345678"


@pytest.mark.parametrize(
    ("number", "setting", "value", "status"),
    [
        pytest.param(FIXED_LINE, None, None, 422, id="a fixed line"),
        pytest.param(FIXED_LINE, "DENWA_GUARD_REFUSE_FIXED_LINE", "false", 200, id="a fixed line, wanted"),
        pytest.param(VOIP, None, None, 200, id="VoIP"),
        pytest.param(VOIP, "DENWA_GUARD_REFUSE_VO_IP", "true", 422, id="VoIP, not wanted"),
        pytest.param("+12015550123", "DENWA_GUARD_REFUSE_FIXED_LINE", "true", 200, id="it may be either"),
        pytest.param("+81120123456", "DENWA_GUARD_REFUSE_FIXED_LINE", "false", 422, id="toll-free, always"),
    ],
)
def test_lines_that_take_no_text_are_refused(start_server, number, setting, value, status):
    server = start_server(**{setting: value} if setting else {})
    reply = ask(server, number)
    assert reply.status_code == status, reply.text
    if status == 422:
        assert_refused(reply, 422, BLOCKED)
        assert_told(server, "lineType", [number], event="number.refused", counted=0, lifts=False)
        assert server.outbox.messages() == []
    else:
        assert server.login(number=number).token().status_code == 200


# MARK: budgets


BUDGETS = ["DENWA_GUARD_DAILY_BUDGET", "DENWA_GUARD_MONTHLY_BUDGET", "DENWA_GUARD_UNPROVEN_BUDGET"]


def priced(
    scene: Scene, prices: dict[str, float], clients: list[dict[str, Any]] | None = None, **environment: str
) -> tuple[Server, ScriptedProvider]:
    """A server whose provider's texts cost this much, with no rule but the budgets that are given."""
    provider = scene.provider("only")
    settings = dict.fromkeys(BUDGETS, "0")
    settings |= only() | {"DENWA_GUARD_PRICES": json.dumps(prices)} | environment
    return scene.server(provider, clients=clients, **settings), provider


def text_until_refused(
    server: Server, client: str = "40017", at_most: int = 30
) -> tuple[int, httpx.Response]:
    """How many texts left, one after the other, until a request was refused."""
    for count in range(at_most):
        login = server.login(client)
        reply = login.request()
        if reply.status_code != 200:
            return count, reply
        login.text()
    raise AssertionError(f"{at_most} texts, and no end")


@pytest.mark.parametrize("which", ["daily", "monthly"])
def test_a_budget_that_is_used_up_stops_texts_and_warns_once(scene: Scene, which: str):
    rule = f"{which}Budget"
    server, provider = priced(scene, {"JP": 10}, **{f"DENWA_GUARD_{which.upper()}_BUDGET": "50"})
    for _ in range(3):
        assert logs_in(server, fresh_number())
    assert events(server, event="budget.alert") == []
    login = server.login()
    assert login.request().status_code == 200
    login.text()
    eventually("80 percent", lambda: events(server, rule, "budget.alert"), timeout=PATIENCE, every=0.2)
    count, refused = text_until_refused(server)
    assert count == 1, "five times ten is fifty"
    assert_out_of_budget(refused)
    for reply in sweep(server, [fresh_number() for _ in range(20)]):
        assert_out_of_budget(reply)
    assert len(provider.offered()) == 5
    told = assert_told(server, rule, [], counted=5)
    assert len(told) == 21
    assert len(events(server, event="budget.alert")) == 1
    assert login.confirm().status_code == 200, "whoever has a code gets in"


def test_the_alert_comes_where_it_is_wanted(scene: Scene):
    server, _ = priced(
        scene, {"JP": 10}, DENWA_GUARD_DAILY_BUDGET="50", DENWA_GUARD_BUDGET_ALERT_PERCENT="40")
    assert logs_in(server, fresh_number())
    assert events(server, event="budget.alert") == []
    assert logs_in(server, fresh_number())
    eventually("40 percent", lambda: events(server, event="budget.alert"), timeout=PATIENCE, every=0.2)


def test_texts_racing_for_the_last_of_a_budget_do_not_overdraw_it(scene: Scene):
    server, provider = priced(scene, {"JP": 10}, DENWA_GUARD_DAILY_BUDGET="50")
    counted = statuses(sweep(server, [fresh_number() for _ in range(60)]))
    assert counted == {200: 5, 503: 55}
    eventually("five texts", lambda: len(provider.offered()) >= 5, timeout=PATIENCE)
    assert len(provider.offered()) == 5


@pytest.mark.parametrize("which", ["daily", "monthly"])
def test_the_budget_of_a_client_stops_only_that_client(scene: Scene, which: str):
    clients = [phone_client("poor", **{f"texting_budget_{which}": 2.5}), phone_client("rich")]
    server, provider = priced(scene, {"JP": 0.5}, clients)
    count, refused = text_until_refused(server, "poor")
    assert count == 5
    assert_out_of_budget(refused)
    assert_told(server, f"client{which.capitalize()}Budget", [], client="poor", counted=2)
    assert [logs_in(server, fresh_number(), "rich") for _ in range(8)] == [True] * 8
    assert Counter(text["client_id"] for text in provider.offered()) == {"poor": 5, "rich": 8}


def test_a_text_costs_its_countrys_price(scene: Scene):
    server, _ = priced(scene, {"JP": 1, "DE": 20, "FR": 5}, DENWA_GUARD_DAILY_BUDGET="30")
    assert logs_in(server, fresh_number("+49151"))                                  # 20
    assert logs_in(server, "+33612345678")                                          # 25
    assert [logs_in(server, fresh_number()) for _ in range(5)] == [True] * 5        # 30
    assert_out_of_budget(ask(server, fresh_number()))


def test_a_text_costs_each_of_its_segments(scene: Scene):
    clients = [phone_client("wordy", client_name="電話" * 25)]
    server, provider = priced(scene, {"JP": 10}, clients, DENWA_GUARD_DAILY_BUDGET="40")
    count, refused = text_until_refused(server, "wordy")
    assert_out_of_budget(refused)
    assert {segments_of(text["body"]) for text in provider.offered()} == {2}
    assert count == 2


def test_texts_to_the_console_and_to_a_file_cost_nothing(start_server, scene: Scene):
    costly = {"DENWA_GUARD_DAILY_BUDGET": "1", "DENWA_GUARD_PRICES": '{"JP":100}'}
    server = start_server(**costly)
    assert [logs_in(server, fresh_number()) for _ in range(3)] == [True] * 3
    server = scene.server({"type": "console"}, **costly)
    assert in_turn(server, [fresh_number() for _ in range(3)]) == [200] * 3
    assert events(server) == []


# MARK: texts that have proved nothing


def test_texts_to_fifty_countries_are_paid_from_a_small_budget(scene: Scene):
    """Twenty a day for each client, when nobody sets it. Where people confirm, texts go on."""
    numbers = mobile_numbers(50)
    provider = scene.provider("only")
    server = scene.server(provider, DENWA_GUARD_PRICES=json.dumps(dict.fromkeys([*numbers, "JP"], 1)))
    assert [logs_in(server, fresh_number()) for _ in range(3)] == [True] * 3
    replies = sweep(server, list(numbers.values()))
    counted = statuses(replies)
    # The first of the three was paid from it too: nobody had confirmed yet.
    assert set(counted) == {200, 503} and 19 <= counted[200] <= 20
    for reply in replies:
        if reply.status_code == 503:
            assert_out_of_budget(reply)
    assert_told(server, "unprovenBudget", list(numbers.values()), counted=19)
    assert [logs_in(server, fresh_number()) for _ in range(8)] == [True] * 8, "where people confirm"
    assert logs_in(server, next(iter(numbers.values())), "other-game"), "another client"
    eventually("the texts", lambda: len(provider.offered()) >= counted[200] + 12, timeout=PATIENCE)
    assert len(provider.offered()) == counted[200] + 12


def test_texts_to_a_suspicious_block_are_paid_from_it_even_where_people_confirm(scene: Scene):
    rules = only(block=f"60/{DAY}", country=f"500/{DAY}")
    server, _ = priced(scene, {"JP": 1}, **rules, DENWA_GUARD_UNPROVEN_BUDGET="5")
    assert [logs_in(server, fresh_number()) for _ in range(10)] == [True] * 10
    answered = in_turn(server, sequence(fresh_range(), 30))
    # Six are a tenth of sixty; the very first login was paid from the five.
    assert set(answered) == {200, 503} and 9 <= answered.count(200) <= 12
    assert_told(server, "unprovenBudget", [], counted=4)
    assert [logs_in(server, fresh_number()) for _ in range(10)] == [True] * 10


def test_an_unproven_budget_of_0_is_none(scene: Scene):
    numbers = mobile_numbers(30)
    server, _ = priced(scene, dict.fromkeys(numbers, 10), **only(country=f"500/{DAY}"))
    assert statuses(sweep(server, list(numbers.values()))) == {200: 30}


def test_an_attack_on_one_block_is_not_counted_against_its_client_and_country(start_server):
    server = start_server(**only(block=f"60/{DAY}", country=f"20/{DAY}", client=f"20/{DAY}"))
    assert in_turn(server, sequence(fresh_range(), 40)) == [200] * 40
    # A tenth of sixty was counted before the block answered for itself; country and client slow down from 16.
    assert in_turn(server, [fresh_number() for _ in range(8)]) == [200] * 8
    assert 429 in in_turn(server, [fresh_number() for _ in range(12)])


# MARK: a restart, and the operator


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_what_the_guard_knows_survives_a_restart(scene: Scene, how: signal.Signals):
    provider = scene.provider("only")
    clients = [*standard_clients(), phone_client("poor", texting_budget_daily=30)]
    server = scene.server(
        provider, clients=clients, DENWA_GUARD_PRICES='{"JP":10}', **dict.fromkeys(BUDGETS, "0"),
        **only(range=f"10/{DAY}"))
    attacked = fresh_range()
    assert 8 <= in_turn(server, sequence(attacked, 20)).count(200) <= 9
    assert text_until_refused(server, "poor")[0] == 3

    server.end(how)
    server.start()

    assert_throttled(ask(server, sequence(attacked, 31)[-1]), DAY // 10)
    assert_out_of_budget(ask(server, fresh_number(), "poor"))
    assert logs_in(server, fresh_number())


def guard_status(server: Server) -> dict[str, Any]:
    done = server.command("messages", "guard", "status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def standing_of(server: Server, name: str) -> str | None:
    """What the status says of a range, a country or a client."""
    standings = [place["standing"] for place in guard_status(server)["places"] if place["name"] == name]
    assert len(standings) <= 1
    return standings[0] if standings else None


@pytest.fixture(scope="module")
def blocking(start_module_server) -> Server:
    """So few that a range is not slowed down before it is blocked."""
    return start_module_server(**only(range=f"4/{DAY}"))


def test_a_block_is_shown_outlives_a_kill_and_is_lifted_by_hand(blocking: Server):
    attacked, also = fresh_range(), fresh_range()
    for beginning in (attacked, also):
        assert in_turn(blocking, sequence(beginning, 5)) == [200, 200, 200, 200, 422]
    assert standing_of(blocking, attacked) == standing_of(blocking, also) == "blocked"
    people = blocking.command("messages", "guard", "status")
    assert people.returncode == 0 and attacked in people.stdout

    blocking.end(signal.SIGKILL)
    blocking.start()
    assert_refused(ask(blocking, sequence(attacked, 990)[-1]), 422, BLOCKED)

    done = blocking.command("messages", "guard", "unblock", "--range", attacked)
    assert done.returncode == 0, done.stderr
    assert standing_of(blocking, attacked) != "blocked" == standing_of(blocking, also)
    eventually(
        "the range is open", lambda: ask(blocking, sequence(attacked, 991)[-1]).status_code == 200,
        timeout=5, every=0.2)
    assert_refused(ask(blocking, sequence(also, 990)[-1]), 422, BLOCKED)

    assert blocking.command("messages", "guard", "unblock", "--all").returncode == 0
    eventually(
        "the other is open", lambda: ask(blocking, sequence(also, 991)[-1]).status_code == 200,
        timeout=5, every=0.2)


@pytest.mark.parametrize("subject", ["country", "client"])
def test_a_country_or_a_client_is_released_by_hand(start_server, subject: str):
    server = start_server(**only(**{subject: f"10/{DAY}"}))
    numbers = [fresh_number() for _ in range(20)]
    assert ask(server, numbers[0]).status_code == 200
    option = ("--country", "JP") if subject == "country" else ("--client", "40017")
    name = "JP:40017" if subject == "country" else "40017"
    assert standing_of(server, name) == "free"
    assert 7 <= in_turn(server, numbers[1:]).count(200) <= 8
    assert standing_of(server, name) not in (None, "free")
    done = server.command("messages", "guard", "unblock", *option)
    assert done.returncode == 0, done.stderr
    eventually("texts pass", lambda: ask(server, numbers[0]).status_code == 200, timeout=5, every=0.2)
    assert logs_in(server, fresh_number())


def test_unblock_wants_to_know_what(blocking: Server):
    assert blocking.command("messages", "guard", "unblock").returncode != 0


def test_the_status_hides_numbers(blocking: Server):
    number = fresh_number()
    assert ask(blocking, number).status_code == 200
    said = json.dumps(guard_status(blocking)) + blocking.command("messages", "guard", "status").stdout
    assert number[1:] not in said and f"0{number[3:]}" not in said


# MARK: the pages


@pytest.fixture
def visitor(blocking: Server) -> Iterator[Person]:
    with people() as make:
        yield make(blocking)


def test_the_pages_count_and_are_refused_like_apps(blocking: Server, visitor: Person):
    attacked = fresh_range()
    numbers = sequence(attacked, 6)
    assert in_turn(blocking, numbers[:2]) == [200] * 2
    for number in numbers[2:4]:
        visitor.type_number(visitor.visit(authorize_url(blocking, "web-basic")), number)
    assert_refused(ask(blocking, numbers[4]), 422, BLOCKED)
    page = visitor.visit(authorize_url(blocking, "web-basic"))
    page = visitor.submit(page.form("phone_number"), phone_number=numbers[5])
    assert page.has_form("phone_number") and not page.has_form("code")
    assert page.alert
    assert blocking.outbox.messages(numbers[5]) == []


def test_who_signs_in_at_the_pages_is_never_refused(blocking: Server):
    for number in sequence(fresh_range(), 12):
        with people() as make:
            page = make(blocking).sign_in(authorize_url(blocking, "web-basic"), number)
            assert "code" in page.parameters, page.alert


# MARK: 17. The cooldown


def test_sends_racing_the_cooldown_are_one_text_at_the_provider(scene: Scene):
    provider = scene.provider("only")
    server = scene.server(provider, DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    number = fresh_number()
    clients = ["40017", "other-game", "rs256"]
    replies = at_once(60, lambda index: ask(server, number, clients[index % 3]))
    assert statuses(replies) == {200: 1, 429: 59}
    assert logs_in(server, fresh_number())
    assert len(provider.offered(number)) == 1


# MARK: 18. Nothing but a call of an app sends


def test_a_get_or_a_form_of_another_site_never_sends(scene: Scene):
    provider = scene.provider("only")
    server = scene.server(provider)
    number = fresh_number()
    login = PhoneLogin(server, "40017", number)
    url = login.request_url()
    members = {"phone_number": number}
    body = json.dumps(members)
    everywhere = url + "&" + urlencode(members | {"_method": "POST"})
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    calls = {method: (method, everywhere, {}, body) for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH")}
    calls |= {
        "a GET that says it is a POST": ("GET", everywhere, {"X-HTTP-Method-Override": "POST"}, body),
        "an image": ("GET", everywhere, foreign | {"Sec-Fetch-Dest": "image"}, None),
        "a form": ("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(members)),
        "a form that looks like JSON": ("POST", url, {"Content-Type": "text/plain"}, body + "="),
        "JSON as text": ("POST", url, {"Content-Type": "text/plain;charset=UTF-8"}, body),
        "JSON as a form": ("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, body),
        "a form with files": (
            "POST", url, {"Content-Type": "multipart/form-data; boundary=x"},
            f'--x\r\nContent-Disposition: form-data; name="phone_number"\r\n\r\n{number}\r\n--x--\r\n'),
        "nothing but an address": ("POST", everywhere, {}, None),
        "no type": ("POST", everywhere, {"Content-Type": ""}, body),
    }
    for name, (method, target, headers, content) in calls.items():
        reply = server.http.request(method, target, headers=foreign | headers, content=content)
        assert 400 <= reply.status_code < 500, f"{name}: {reply.status_code}"
        assert "operation_id" not in reply.text, name
    assert logs_in(server, fresh_number())
    assert provider.offered(number) == []


# MARK: 21. Known and unknown numbers


def test_known_and_unknown_numbers_are_refused_at_the_same_point_in_the_same_words(start_server):
    """At a hundred percent a login leaves no credit behind, so both ranges start from nothing."""
    server = start_server(**only(range=f"10/{DAY}"), DENWA_GUARD_MINIMUM_CONVERSION_PERCENT="100")
    known, unknown = sequence(fresh_range(), 20), sequence(fresh_range(), 20)
    assert [logs_in(server, number) for number in known] == [True] * 20

    def course(numbers: list[str]) -> list[tuple[int, list[str], list[str]]]:
        told = []
        for number in numbers:
            reply = ask(server, number)
            body = re.sub(r'("(?:retry_after|expires_in)":)\d+', r"\1n", reply.text)
            body = re.sub(r'("operation_id":)"[^"]{22}"', r"\1id", body)
            told.append((reply.status_code, [body], sorted(reply.headers.keys())))
        return told

    of_known, of_unknown = course(known), course(unknown)
    assert {status for status, *_ in of_known} == {200, 429}
    assert of_known == of_unknown
