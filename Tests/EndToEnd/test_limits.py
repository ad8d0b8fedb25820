"""What guessing and texting cost an attacker, and that they cost nobody else anything.

The numbers at the start of each section are the lines of the list of attacks that the server must withstand.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter

import httpx
import pytest

from harness import (
    PhoneLogin, Server, assert_refused, at_once, confidential_client, eventually, fresh_number,
    six_digits_other_than, wrong_codes,
)

pytestmark = pytest.mark.nodes

TOO_MANY, WRONG, DEAD, UNKNOWN = "002-057", "003-039", "003-049", "003-061"

#: So long that nothing refills while a test runs.
HOUR = "3600"

CLIENTS = ["40017", "other-game", "rs256", "eddsa", "custom-scheme", "with-query"]


def assert_limited(reply: httpx.Response, most_seconds: int = 3600) -> int:
    """A 429 of the phone routes tells when to come back, in the headers and in the body."""
    error = assert_refused(reply, 429, TOO_MANY)
    seconds = int(reply.headers["retry-after"])
    assert 1 <= seconds <= most_seconds
    assert reply.headers["ratelimit"].strip()
    assert reply.headers["ratelimit-policy"].strip()
    told = [value for value in error["details"].values() if not isinstance(value, (dict, list))]
    assert str(seconds) in map(str, told), f"no seconds in {error['details']}"
    return seconds


def statuses(replies: list[httpx.Response]) -> Counter[int]:
    return Counter(reply.status_code for reply in replies)


def settled(server: Server, by: httpx.Client | None = None) -> None:
    """Every text taken before now has left: one asked for after them is there."""
    def sent() -> set[str]:
        return {message["to"] for message in server.outbox.messages()}

    number = fresh_number("+8170")
    reply = request(server, number, client=CLIENTS[-1], by=by)
    if reply.status_code == 200:
        eventually("the witness' text", lambda: number in sent())
    else:       # the limits of this test stop the witness too
        time.sleep(0.3)


def request(
    server: Server, number: str, client: str = "40017", by: httpx.Client | None = None, **body: object
) -> httpx.Response:
    query = {"response_type": "code", "client_id": client, "state": "state-4f1d2c"}
    return (by or server.http).post(
        "/oauth2/login/phone/request", params=query, json={"phone_number": number} | body
    )


def from_address(server: Server, address: str) -> httpx.Client:
    """Calls that a proxy says it forwards for `address`."""
    return server.connect(**{"X-Forwarded-For": address})


# MARK: 1 and 5. One operation


def test_two_hundred_guesses_at_once_are_five_guesses(start_server):
    server = start_server()
    login = server.login()
    login.request()
    codes = wrong_codes(200, right=login.texted_code())
    replies = at_once(200, lambda index: login.confirm(codes[index]))
    assert statuses(replies) == {401: 4, 422: 196}
    for reply in replies:
        assert_refused(reply, reply.status_code, WRONG if reply.status_code == 401 else DEAD)
    assert_refused(login.confirm(), 422, DEAD)


def test_the_right_code_among_a_hundred_wrong_ones_wins_only_as_one_of_five_guesses(server: Server):
    """The right one may be among the first five, but the guesses before it count all the same."""
    login = server.login()
    login.request()
    right = login.texted_code()
    codes = wrong_codes(100, right=right)
    codes.insert(50, right)
    replies = at_once(len(codes), lambda index: login.confirm(codes[index]))
    counted = statuses(replies)
    assert counted[401] <= 4 and counted[200] <= 1
    assert counted[401] + counted[200] <= 5
    assert_refused(login.confirm(), 404 if counted[200] else 422, UNKNOWN if counted[200] else DEAD)


def test_the_number_of_guesses_is_a_setting(start_server):
    server = start_server(DENWA_PHONE_MAX_GUESSES="2")
    login = server.login()
    login.request()
    assert [reply.status_code for reply in login.confirm_wrongly(3)] == [401, 422, 422]


def test_a_resend_resets_no_guesses(server: Server):
    login = server.login()
    login.request()
    first = login.operation_id
    assert [reply.status_code for reply in login.confirm_wrongly(3)] == [401, 401, 401]
    assert login.request().status_code == 200
    assert login.operation_id != first
    assert [reply.status_code for reply in login.confirm_wrongly(2)] == [401, 422]
    assert_refused(login.confirm(), 422, DEAD)
    resent = login.request()
    assert_refused(resent, 429, TOO_MANY)
    assert int(resent.headers["retry-after"]) <= 180, "no longer than the code would have lived"


def test_guesses_at_the_older_and_the_newer_operation_are_one_budget(server: Server):
    login = server.login()
    login.request()
    older = login.operation_id
    login.request()
    newer = login.operation_id
    codes = wrong_codes(40, right=login.texted_code())
    replies = at_once(40, lambda index: login.confirm(codes[index], operation_id=(older, newer)[index % 2]))
    assert statuses(replies)[401] <= 4
    assert login.confirm(operation_id=older).status_code != 200
    assert login.confirm(operation_id=newer).status_code != 200


# MARK: 2. One number


def test_the_budget_of_a_number_holds_over_clients(start_server):
    server = start_server(DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR="6")
    first = server.login("40017")
    first.request()
    assert statuses(first.confirm_wrongly(4)) == {401: 4}
    second = server.login("other-game", number=first.number)
    assert second.request().status_code == 200
    assert second.confirm_wrongly(2)[0].status_code == 401
    beyond = second.confirm()
    assert beyond.status_code in (422, 429), "the right code, but no guess is left for it"
    assert_refused(beyond, beyond.status_code, DEAD, TOO_MANY)
    assert first.confirm().status_code in (422, 429)

    bystander = server.login("40017")
    assert bystander.token().status_code == 200, "other people's logins go on"


def test_the_budget_of_a_number_holds_over_clients_at_once(start_server):
    server = start_server()      # ten an hour, unless told otherwise
    number = fresh_number()
    logins = [server.login(client, number=number) for client in CLIENTS]
    for login in logins:
        assert login.request().status_code == 200
        login.texted_code()
    codes = wrong_codes(20, right="")
    codes = [code for code in codes if code not in {login.texted_code() for login in logins}][:14]
    replies = at_once(
        len(logins) * len(codes),
        lambda index: logins[index % len(logins)].confirm(codes[index // len(logins)]),
    )
    assert 1 <= statuses(replies)[401] <= 10
    assert all(login.confirm().status_code in (422, 429) for login in logins), "the budget is spent"


# MARK: 3. Addresses


def test_forged_forwarding_headers_are_ignored_without_a_trusted_proxy(start_server):
    server = start_server(DENWA_LIMITS_SEND_PER_IP=f"3/{HOUR}")
    forgeries = [
        {"X-Forwarded-For": "198.51.100.1"},
        {"X-Forwarded-For": "198.51.100.2, 198.51.100.3"},
        {"Forwarded": "for=198.51.100.4"},
        {"X-Real-IP": "198.51.100.5"},
        {"X-Forwarded-For": "2001:db8::1"},
        {"True-Client-IP": "198.51.100.6", "CF-Connecting-IP": "198.51.100.7"},
    ]
    replies = [request(server, fresh_number(), by=server.connect(**headers)) for headers in forgeries]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429, 429]


def test_behind_a_trusted_proxy_the_rightmost_untrusted_hop_counts(start_server):
    server = start_server(DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1", DENWA_LIMITS_SEND_PER_IP=f"2/{HOUR}")

    def send(forwarded: str) -> int:
        return request(server, fresh_number(), by=from_address(server, forwarded)).status_code

    assert send("203.0.113.9") == 200
    assert send("198.51.100.1, 203.0.113.9") == 200
    assert send("198.51.100.2, 203.0.113.9") == 429, "what the client itself wrote is not believed"
    assert send("198.51.100.3, 203.0.113.9, 127.0.0.1") == 429, "trusted hops at the right are passed over"
    assert send("203.0.113.9, 198.51.100.4") == 200, "another address is another budget"


def test_an_ipv6_network_of_64_bits_is_one_address(start_server):
    server = start_server(DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1", DENWA_LIMITS_SEND_PER_IP=f"2/{HOUR}")

    def send(address: str) -> int:
        return request(server, fresh_number(), by=from_address(server, address)).status_code

    assert send("2001:db8:1:1::1") == 200
    assert send("2001:db8:1:1:ffff::2") == 200
    assert send("2001:db8:1:1:abcd:ef01:2345:6789") == 429
    assert send("2001:DB8:1:1:0:0:0:3") == 429
    assert send("2001:db8:1:2::1") == 200


def test_a_mapped_address_is_its_ipv4_address(start_server):
    server = start_server(DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1", DENWA_LIMITS_SEND_PER_IP=f"1/{HOUR}")
    assert request(server, fresh_number(), by=from_address(server, "203.0.113.5")).status_code == 200
    assert request(server, fresh_number(), by=from_address(server, "::ffff:203.0.113.5")).status_code == 429
    assert request(server, fresh_number(), by=from_address(server, "::ffff:203.0.113.6")).status_code == 200


def test_confirmations_are_limited_by_address(start_server):
    server = start_server(DENWA_LIMITS_CONFIRM_PER_IP=f"5/{HOUR}")
    logins = [server.login() for _ in range(6)]
    for login in logins:
        assert login.request().status_code == 200
    for login in logins[:5]:
        wrong = six_digits_other_than(login.texted_code())
        assert_refused(login.confirm(wrong), 401, WRONG)
    assert_limited(logins[5].confirm())


# MARK: 4. Spellings


def spellings(number: str) -> dict[str, str]:
    country, rest = number[:3], number[3:]
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    return {
        "spaces": f"{country} {rest[:2]} {rest[2:6]} {rest[6:]}",
        "hyphens": f"{country}-{rest[:2]}-{rest[2:6]}-{rest[6:]}",
        "00": f"00{number[1:]}",
        "no plus": number[1:],
        "national": f"0{rest}",
        "the national zero after the country": f"{country}0{rest}",
        "full-width digits": "+" + number[1:].translate(wide),
        "Arabic digits": "+" + number[1:].translate(arabic),
        "full-width plus": "＋" + number[1:],
        "an extension": f"{number};ext=7",
        "a tel URI": f"tel:{number}",
        "a null byte": f"{number}\u0000",
        "%00": f"{number}%00",
        "a line break": f"{number}\n",
        "a space before": f" {number}",
        "a zero-width space": f"{country}\u200b{rest}",
        "a right-to-left mark": f"\u200f{number}",
    }


def test_other_spellings_of_a_number_are_the_same_number_or_none(start_server):
    server = start_server(DENWA_LIMITS_SEND_PER_NUMBER=f"1/{HOUR}")
    number = fresh_number()
    assert request(server, number).status_code == 200
    for name, spelling in spellings(number).items():
        reply = request(server, spelling, client="other-game")
        assert reply.status_code in (400, 422, 429), f"{name}: {reply.status_code} {reply.text}"
        assert_refused(reply, reply.status_code, "002-027", "002-056", TOO_MANY)
    settled(server)
    assert [message["to"] for message in server.outbox.messages() if message["to"][-8:] == number[-8:]] == [number]


def test_other_spellings_share_the_budget_of_guesses(server: Server):
    login = server.login()
    login.request()
    codes = wrong_codes(20, right=login.texted_code())
    compared = 0
    for code, spelling in zip(codes, spellings(login.number).values()):
        reply = login.confirm(code, phone_number=spelling)
        assert reply.status_code in (400, 401, 404, 422)
        compared += reply.status_code == 401
    assert compared <= 4


# MARK: 8. A restart


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_restart_resets_no_counter(start_server, how: signal.Signals):
    server = start_server(
        DENWA_LIMITS_SEND_PER_NUMBER=f"2/{HOUR}",
        DENWA_LIMITS_SEND_PER_IP=f"5/{HOUR}",
        DENWA_LIMITS_CONFIRM_PER_IP=f"7/{HOUR}",
        DENWA_LIMITS_TOKEN_PER_CLIENT=f"2/{HOUR}",
    )
    guessed = server.login()
    guessed.request()
    guesses = wrong_codes(5, right=guessed.texted_code())
    assert [guessed.confirm(code).status_code for code in guesses[:4]] == [401] * 4
    number = fresh_number()
    assert [request(server, number, client).status_code for client in CLIENTS[:2]] == [200, 200]
    assert [server.client_credentials().status_code for _ in range(2)] == [200, 200]

    server.end(how)
    server.start()

    assert_refused(guessed.confirm(guesses[4]), 422, DEAD)
    assert_limited(request(server, number, CLIENTS[2]))
    more = [request(server, fresh_number()) for _ in range(3)]
    assert statuses(more)[200] <= 2, "three of this address' five were spent before"
    assert_limited(more[-1])
    assert [guessed.confirm(guesses[4]).status_code for _ in range(3)] == [422, 422, 429]
    assert server.client_credentials().status_code == 429


# MARK: 9. The victim


def burn(server: Server, number: str) -> list[PhoneLogin]:
    """A stranger guesses at `number` until nothing is left."""
    burnt = []
    for client in CLIENTS:
        login = server.login(client, number=number)
        if login.request().status_code != 200:
            break
        login.confirm_wrongly(5)
        burnt.append(login)
    assert burnt, "there was something to burn"
    assert all(login.confirm().status_code in (422, 429) for login in burnt), "for strangers the number is locked"
    return burnt


def test_a_device_that_signed_in_before_is_not_locked_out_by_strangers(start_server):
    server = start_server()
    victim = server.login()
    device = remembered_device(victim)
    burn(server, victim.number)

    back = server.login(number=victim.number, device_id=device)
    begun = back.request()
    assert begun.status_code == 200, begun.text
    assert_refused(back.confirm(six_digits_other_than(back.texted_code())), 401, WRONG)
    assert back.confirm().status_code == 200


def remembered_device(login: PhoneLogin) -> str:
    assert login.request().status_code == 200
    confirmed = login.confirm()
    assert confirmed.status_code == 200, confirmed.text
    device = confirmed.json()["device_id"]
    assert isinstance(device, str) and len(device) >= 22
    return device


def test_the_budget_of_a_known_device_is_small(start_server):
    """Whoever steals the phone's storage must not get to guess for ever."""
    server = start_server()
    victim = server.login()
    device = remembered_device(victim)
    burn(server, victim.number)

    compared = 0
    for client in CLIENTS:
        back = server.login(client, number=victim.number, device_id=device)
        if back.request().status_code != 200:
            continue
        compared += statuses(back.confirm_wrongly(6))[401]
    assert 1 <= compared <= 10
    assert back.request().status_code == 429 or back.confirm().status_code in (422, 429)


def test_a_device_id_helps_only_its_own_number(start_server):
    server = start_server()
    stranger = server.login()
    device = remembered_device(stranger)
    victim = fresh_number()
    burnt = burn(server, victim)
    for claimed in (device, device[:-1] + ("A" if device[-1] != "A" else "B"), "A" * len(device), "", "x"):
        login = server.login(CLIENTS[0], number=victim, device_id=claimed)
        reply = login.request()
        assert reply.status_code in (400, 429), "the number is as locked as without it"
        reply = burnt[0].confirm(device_id=claimed)
        assert reply.status_code in (400, 422, 429)


def test_a_known_device_is_texted_when_strangers_have_spent_the_sends(start_server):
    server = start_server(DENWA_LIMITS_SEND_PER_NUMBER=f"3/{HOUR}")
    victim = server.login()
    device = remembered_device(victim)
    strangers = [request(server, victim.number, client) for client in CLIENTS[:4]]
    assert [reply.status_code for reply in strangers] == [200, 200, 429, 429]
    server.outbox.wait(victim.number, 3)             # theirs, so that the next text is the victim's
    back = server.login(number=victim.number, device_id=device)
    assert back.request().status_code == 200
    assert back.confirm().status_code == 200
    assert_limited(request(server, victim.number))

    codes = Counter(request(server, victim.number, device_id=device).status_code for _ in range(20))
    assert codes[429] >= 10, "a device's sends are few"


# MARK: 16. Texting money


def test_a_hundred_texts_to_one_number_are_five(start_server):
    server = start_server(DENWA_LIMITS_SEND_PER_NUMBER=f"5/{HOUR}")
    number = fresh_number()
    replies = at_once(100, lambda index: request(server, number, CLIENTS[index % len(CLIENTS)]))
    assert statuses(replies) == {200: 5, 429: 95}
    for reply in replies:
        if reply.status_code == 429:
            assert_limited(reply)
    settled(server)
    assert len(server.outbox.messages(number)) == 5
    assert_rule_in_log(server, number)


def test_a_hundred_texts_from_one_address_are_ten_and_others_go_on(start_server):
    server = start_server(DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1", DENWA_LIMITS_SEND_PER_IP=f"10/{HOUR}")
    attacker = from_address(server, "198.51.100.66")
    numbers = [fresh_number() for _ in range(100)]
    replies = at_once(100, lambda index: request(server, numbers[index], by=attacker))
    assert statuses(replies) == {200: 10, 429: 90}
    for reply in replies:
        if reply.status_code == 429:
            assert_limited(reply)

    bystander = server.login()
    bystander.headers = {"X-Forwarded-For": "203.0.113.77"}
    assert bystander.token().status_code == 200
    settled(server, by=from_address(server, "203.0.113.78"))
    assert sum(len(server.outbox.messages(number)) for number in numbers) == 10
    assert_rule_in_log(server, *numbers)


def test_a_hundred_texts_of_one_client_are_ten_and_other_clients_go_on(start_server):
    server = start_server(DENWA_LIMITS_SEND_PER_CLIENT=f"10/{HOUR}")
    numbers = [fresh_number() for _ in range(100)]
    replies = at_once(100, lambda index: request(server, numbers[index], "40017"))
    assert statuses(replies) == {200: 10, 429: 90}
    assert server.login("other-game").token().status_code == 200
    settled(server)
    assert sum(len(server.outbox.messages(number)) for number in numbers) == 10
    assert_rule_in_log(server, *numbers)


def assert_rule_in_log(server: Server, *numbers: str) -> None:
    """The developer log says which rule stopped them, of which client, and hides the numbers."""
    def told() -> list[str]:
        return [line for line in server.developer_log() if re.search(r'"rule"\s*:\s*"[^"]+"', line)]

    lines = eventually("a rule in the developer log", told, timeout=3, every=0.2)
    assert any('"40017"' in line for line in lines)
    assert not any(number[1:] in line for line in lines for number in numbers)


def test_a_refused_send_tells_its_policy_and_when_it_ends(start_server):
    server = start_server(DENWA_LIMITS_SEND_PER_IP="2/600")
    for _ in range(2):
        assert request(server, fresh_number()).status_code == 200
    reply = request(server, fresh_number())
    seconds = assert_limited(reply, most_seconds=600)
    policy, state = reply.headers["ratelimit-policy"], reply.headers["ratelimit"]
    assert {"2", "600"} <= set(re.findall(r"\d+", policy)), policy
    assert {"0", str(seconds)} <= set(re.findall(r"\d+", state)), state


def test_token_calls_are_limited_by_client(start_server):
    clients = [confidential_client("one", grant_types=["client_credentials"]),
               confidential_client("two", grant_types=["client_credentials"])]
    server = start_server(clients=clients, DENWA_LIMITS_TOKEN_PER_CLIENT=f"3/{HOUR}")
    replies = [server.client_credentials("one") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    refused = replies[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["ratelimit"] and refused.headers["ratelimit-policy"]
    assert refused.headers["cache-control"] == "no-store"
    assert isinstance(refused.json()["error"], str)
    assert server.client_credentials("two").status_code == 200


def test_a_client_with_a_wrong_secret_cannot_spend_the_budget_of_the_real_one(start_server):
    clients = [confidential_client("one", grant_types=["client_credentials"])]
    server = start_server(clients=clients, DENWA_LIMITS_TOKEN_PER_CLIENT=f"3/{HOUR}")
    for _ in range(10):
        form = {"grant_type": "client_credentials"}
        assert server.token("one", form, secret="not-the-secret").status_code in (401, 429)
    assert server.client_credentials("one").status_code == 200


# MARK: 17. The cooldown


def test_sends_racing_the_cooldown_are_one_text(start_server):
    server = start_server(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    number = fresh_number()
    replies = at_once(60, lambda _: request(server, number))
    assert statuses(replies) == {200: 1, 429: 59}
    for reply in replies:
        if reply.status_code == 429:
            assert assert_limited(reply, most_seconds=30) >= 25
    settled(server)
    assert len(server.outbox.messages(number)) == 1


def test_the_cooldown_is_told_and_over_when_it_says(start_server):
    server = start_server(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="1")
    login = server.login()
    begun = login.request()
    assert begun.json()["resend_after"] == 1
    early = login.request()
    if early.status_code != 200:        # a machine can be that slow
        assert assert_limited(early, most_seconds=1) == 1
    time.sleep(1.05)
    assert login.request().status_code == 200
    assert login.confirm().status_code == 200


def test_one_persons_cooldown_is_nobody_elses(start_server):
    server = start_server(DENWA_LIMITS_RESEND_COOLDOWN_SECONDS="30")
    login = server.login()
    assert login.request().json()["resend_after"] == 30
    assert_limited(login.request(), most_seconds=30)
    assert server.login().token().status_code == 200
    assert login.confirm().status_code == 200, "the refused resend has taken nothing away"
