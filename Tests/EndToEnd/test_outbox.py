"""A text that was promised leaves: whatever its provider does, and through a kill.

The providers here are scripted: each accepts, refuses, hangs or talks nonsense as a test tells it. People
type the code from whatever text reached them. Most tests have a server of their own, because a connector that
failed is remembered.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Iterator

import httpx
import pytest

from harness import (
    CHANGING_HEADERS, PhoneLogin, Server, assert_refused, at_once, code_in, eventually, fresh_number,
    phone_client,
)
from providers.scripted import (
    MEGABYTE, Behaviour, Scene, ScriptedProvider, accept, answer, close_at_once, close_mid_reply, flood, hang,
    nonsense, promise_more_than_there_is, redirect, throttle,
)

pytestmark = pytest.mark.nodes

#: The guard has its own file; here many texts go unconfirmed.
QUIET = {"DENWA_GUARD_MODE": "off"}

#: How long a connector is passed over at first.
PAUSE = 15

#: Waiting times are generous: what is tested is that it happens, not how fast the machine is.
PATIENCE = 30


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(lambda: tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(lambda: tmp_path_factory.mktemp("server"))
    yield made
    made.close()


def begun(server: Server, number: str | None = None, client: str = "40017", **more: Any) -> PhoneLogin:
    login = server.login(client, number, **more)
    reply = login.request()
    assert reply.status_code == 200, reply.text
    return login


def operation(
    login: PhoneLogin, client: str | None = None, operation_id: str | None = None
) -> httpx.Response:
    path = f"/oauth2/login/phone/operation/{operation_id or login.operation_id}"
    return login.server.http.get(path, params={"client_id": client or login.client_id})


def state_of(login: PhoneLogin) -> str:
    reply = operation(login)
    assert reply.status_code == 200, reply.text
    assert "no-store" in reply.headers["cache-control"]
    assert set(reply.json()) == {"state", "expires_in"}
    return reply.json()["state"]


def becomes(login: PhoneLogin, *states: str, timeout: float = PATIENCE) -> str:
    """The state, once it is one of `states`."""
    seen: list[str] = []

    def reached() -> str | None:
        seen.append(state_of(login))
        return seen[-1] if seen[-1] in states else None

    try:
        return eventually(f"the operation is {' or '.join(states)}", reached, timeout=timeout, every=0.05)
    except AssertionError as late:
        raise AssertionError(f"{late}; it was {seen[-1]}") from None


def events(server: Server, event: str | None = None) -> list[dict[str, Any]]:
    done = server.command("log", "--json", "--limit", "5000")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    return [one for one in told if event in (None, one["event"])]


def seconds_of_refusal(reply: httpx.Response) -> int:
    """No text can leave: 503 with the envelope, and when to come back."""
    assert_refused(reply, 503, "004-001")
    seconds = int(reply.headers["retry-after"])
    assert 1 <= seconds <= 300
    return seconds


# MARK: a text leaves


@pytest.fixture(scope="module")
def plain(module_scene: Scene) -> tuple[Server, ScriptedProvider]:
    """One good provider, for tests that only look."""
    provider = module_scene.provider("plain")
    return module_scene.server(provider, **QUIET), provider


def test_a_text_goes_out_at_once_as_agreed_with_the_provider(plain):
    server, provider = plain
    login = server.login()
    before = time.time()
    assert login.request().status_code == 200
    message = login.text()
    assert set(message) == {
        "id", "to", "body", "template", "locale", "code_length", "expires_at", "client_id"}
    assert message["to"] == login.number
    assert message["template"] == "sign_in_code"
    assert message["locale"] == "en"
    assert message["code_length"] == 6
    assert message["client_id"] == login.client_id
    assert message["id"] and message["id"] != login.operation_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", message["expires_at"])
    expires = datetime.fromisoformat(message["expires_at"].replace("Z", "+00:00")).astimezone(timezone.utc)
    assert 170 <= expires.timestamp() - before <= 190

    (request,) = [one for one in provider.received if one.message["to"] == login.number]
    assert request.method == "POST" and request.path == "/texts"
    assert request.headers["content-type"].split(";")[0] == "application/json"
    assert provider.is_signed(request)
    assert re.fullmatch(r"t=\d{10},v1=[0-9a-f]{64}", request.headers["denwa-signature"])
    assert login.confirm().status_code == 200


def test_each_text_has_an_id_of_its_own_and_leaves_once(plain):
    server, provider = plain
    numbers = [fresh_number() for _ in range(20)]
    logins = at_once(20, lambda index: begun(server, numbers[index]))
    for login in logins:
        assert login.confirm().status_code == 200
    offered = [text for text in provider.offered() if text["to"] in numbers]
    assert Counter(text["to"] for text in offered) == Counter(numbers)
    assert len({text["id"] for text in offered}) == 20


def test_a_test_number_never_reaches_a_provider(module_scene: Scene):
    provider = module_scene.provider("of-test-numbers")
    number, real = fresh_number(), fresh_number()
    ends = int(time.time()) + 86_400
    tested = {"phone_number": number, "code": "246810", "expires_at": ends}
    clients = [phone_client("tested", test_numbers=[tested]), phone_client("other-game")]
    server = module_scene.server(provider, clients=clients, **QUIET)
    logins = [begun(server, number, "tested") for _ in range(3)]
    assert {state_of(login) for login in logins} == {"sent"}
    assert logins[-1].confirm("246810").status_code == 200
    # Texts asked for later have left, at another client also to this very number.
    for login in (begun(server, real, "tested"), begun(server, number, "other-game")):
        assert login.confirm().status_code == 200
    assert sorted((text["client_id"], text["to"]) for text in provider.offered()) == [
        ("other-game", number), ("tested", real)]


# MARK: kill -9. What was under way is tried again some seconds after the restart: see the end of this file


@dataclass
class Interrupted:
    """A server that was killed while its provider had a text and had not answered."""

    server: Server
    provider: ScriptedProvider
    login: PhoneLogin


@pytest.fixture(scope="module")
def interrupted(module_scene: Scene) -> Interrupted:
    provider = module_scene.provider("interrupted", hang())
    server = module_scene.server(provider, **QUIET)
    login = begun(server)
    eventually("the provider has it", lambda: provider.offered(login.number), timeout=PATIENCE)
    server.end(signal.SIGKILL)
    server.start()
    provider.behave(accept())
    return Interrupted(server, provider, login)


@dataclass
class Promised:
    """What the server answered before it was killed, by number."""

    server: Server
    provider: ScriptedProvider
    lock: threading.Lock = field(default_factory=threading.Lock)
    operations: dict[str, str] = field(default_factory=dict)

    def login(self, number: str) -> PhoneLogin:
        login = self.server.login(number=number)
        login.operation_id = self.operations[number]
        return login


def promise_until_killed(promised: Promised, seed: int) -> None:
    """Fifty logins begin at once, and the server dies after some of them were answered."""
    server = promised.server
    target = len(promised.operations) + random.Random(seed).randint(5, 45)
    numbers = [fresh_number() for _ in range(50)]

    def begin(index: int) -> None:
        login = server.login(number=numbers[index])
        try:
            reply = login.request()
        except httpx.TransportError:
            return
        assert reply.status_code == 200, reply.text
        with promised.lock:
            promised.operations[login.number] = reply.json()["operation_id"]

    def kill() -> None:
        eventually(
            "some are answered", lambda: len(promised.operations) >= target, timeout=PATIENCE, every=0.001)
        server.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    at_once(50, begin)
    killer.join(timeout=PATIENCE)
    server.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def promised(module_scene: Scene) -> Promised:
    provider = module_scene.provider("promised", accept(after=0.001, at_most=0.3))
    server = module_scene.server(provider, DENWA_PHONE_CODE_LIFETIME_SECONDS="600", **QUIET)
    promised = Promised(server, provider)
    for seed in range(5):
        promise_until_killed(promised, seed)
        server.start()
    return promised


def test_a_text_under_way_at_a_kill_is_still_promised(interrupted: Interrupted):
    assert state_of(interrupted.login) in ("queued", "sent")


def test_what_was_answered_before_a_kill_is_known_after_it(promised: Promised):
    assert len(promised.operations) >= 25
    states = Counter(state_of(promised.login(number)) for number in promised.operations)
    assert set(states) <= {"queued", "sent"}


def test_a_text_that_was_sent_is_not_sent_again_after_a_restart(scene: Scene):
    provider = scene.provider("only")
    server = scene.server(provider, **QUIET)
    logins = [begun(server) for _ in range(3)]
    for login in logins:
        becomes(login, "sent")
    server.end(signal.SIGKILL)
    server.start()
    assert begun(server).confirm().status_code == 200
    time.sleep(1)
    assert [len(provider.offered(login.number)) for login in logins] == [1, 1, 1]
    assert logins[0].confirm().status_code == 200


# MARK: the circuit breaker


known_per_node = pytest.mark.single_node("each node finds out for itself which connectors fail")


@dataclass
class Broken:
    """A server one of whose connectors has just failed five times."""

    server: Server
    primary: ScriptedProvider
    backup: ScriptedProvider
    since: float


@pytest.fixture(scope="module")
def passed_over(module_scene: Scene) -> Broken:
    primary, backup = module_scene.provider("failing", answer(500)), module_scene.provider("standing-in")
    server = module_scene.server(primary, backup, **QUIET)
    for count in range(1, 6):
        assert begun(server).confirm().status_code == 200
        assert len(primary.offered()) == count, "not given up before the fifth failure"
    return Broken(server, primary, backup, time.monotonic())


@pytest.fixture(scope="module")
def all_out(module_scene: Scene) -> Broken:
    """Texts to Japan have one connector, which has failed five times; those to Germany another."""
    primary, backup = module_scene.provider("japan", answer(500)), module_scene.provider("germany")
    server = module_scene.server(
        primary.connector(countries=["JP"]), backup.connector(countries=["DE"]), **QUIET)
    at_once(5, lambda _: begun(server))
    eventually("five failures", lambda: len(primary.offered()) >= 5, timeout=PATIENCE)
    primary.behave(accept())      # which nobody knows until it is tried again
    return Broken(server, primary, backup, time.monotonic())


@known_per_node
def test_after_five_failures_a_connector_is_passed_over(passed_over: Broken):
    primary = passed_over.primary
    connections, requests = primary.connections, primary.count()
    for _ in range(5):
        assert begun(passed_over.server).confirm().status_code == 200
    assert time.monotonic() - passed_over.since < PAUSE, "this machine is too slow to tell"
    assert (primary.connections, primary.count()) == (connections, requests)


@known_per_node
def test_when_every_connector_is_passed_over_a_request_says_so(all_out: Broken):
    server = all_out.server

    def refused() -> httpx.Response | None:
        reply = server.login().request()
        return reply if reply.status_code != 200 else None

    reply = eventually("a refusal", refused, timeout=PATIENCE, every=0.1)
    assert seconds_of_refusal(reply) <= PAUSE
    connections = all_out.primary.connections
    number = fresh_number()
    replies = [server.login(number=number).request() for _ in range(3)]
    assert [seconds_of_refusal(reply) <= PAUSE for reply in replies] == [True] * 3
    assert all_out.primary.connections == connections
    assert all_out.primary.offered(number) == [], "what was refused is not queued"


def test_other_countries_connectors_are_not_passed_over_with_it(all_out: Broken):
    assert begun(all_out.server, fresh_number("+49151")).confirm().status_code == 200


# MARK: a provider that fails


BAD = {
    "hangs": hang(),
    "500": answer(500),
    "503": answer(503),
    "throttles": throttle(),
    "closes at once": close_at_once(),
    "closes in the middle of the reply": close_mid_reply(),
    "promises more than it sends": promise_more_than_there_is(),
    "talks nonsense": nonsense(),
    "sends 100 MB": flood(),
}


@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
def test_when_the_primary_fails_the_backup_delivers_at_once(scene: Scene, behaviour: Behaviour):
    primary, backup = scene.provider("primary", behaviour), scene.provider("backup")
    server = scene.server(primary.connector(timeoutSeconds=1), backup, **QUIET)
    login = begun(server)
    code = login.texted_code()
    (tried,), (text,) = primary.offered(), backup.offered()
    assert (tried["to"], tried["body"]) == (text["to"], text["body"]), "the same code as was tried before"
    assert login.confirm(code).status_code == 200
    assert primary.flooded <= 40 * MEGABYTE and primary.floods_taken == 0, "a reply without end is cut off"


def test_where_nobody_listens_no_time_is_lost(scene: Scene):
    """A refused connection is an answer: it is not asked again until the time is up."""
    gone = [scene.provider(f"gone-{index}") for index in range(4)]
    for provider in gone:
        provider.stop()
    backup = scene.provider("backup")
    server = scene.server(*[provider.connector(timeoutSeconds=60) for provider in gone], backup, **QUIET)
    began = time.monotonic()
    login = begun(server)
    code = code_in(server.outbox.wait(login.number, timeout=60))
    assert time.monotonic() - began < 10
    assert login.confirm(code).status_code == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(scene: Scene, status: int):
    elsewhere = scene.provider("elsewhere")
    primary = scene.provider("primary", redirect(f"{elsewhere.url}/texts", status))
    backup = scene.provider("backup")
    login = begun(scene.server(primary, backup, **QUIET))
    assert login.confirm().status_code == 200
    assert len(primary.offered()) == 1
    assert elsewhere.connections == 0


def test_three_bad_providers_do_not_hide_the_fourth(scene: Scene):
    behaviours = [answer(500), nonsense(), throttle()]
    bad = [scene.provider(f"bad-{index}", behaviour) for index, behaviour in enumerate(behaviours)]
    good = scene.provider("good")
    login = begun(scene.server(*bad, good, **QUIET))
    assert login.confirm().status_code == 200
    assert [len(provider.offered()) for provider in (*bad, good)] == [1, 1, 1, 1]


def test_what_a_provider_refuses_is_offered_to_no_other(scene: Scene):
    primary, backup = scene.provider("primary"), scene.provider("backup")
    server = scene.server(primary, backup, **QUIET)
    for status in (400, 404, 422):
        primary.behave(answer(status))
        login = begun(server)
        assert becomes(login, "failed", "sent") == "failed"
        assert len(primary.offered(login.number)) == 1
        # A later text finds its way, and the refused one has still gone nowhere.
        primary.behave(accept())
        later = begun(server)
        assert later.confirm().status_code == 200
        assert backup.connections == 0
        assert len(primary.offered(login.number)) == 1
        # The person may ask again.
        assert login.request().status_code == 200
        assert login.confirm().status_code == 200
    assert len(events(server, "message.failed")) == 3


def test_bad_replies_reach_no_caller(scene: Scene):
    """What a provider says is for the operator: a caller sees the same, whether the text left or not."""
    provider = scene.provider("only")
    server = scene.server(provider, **QUIET)
    shapes = []
    for behaviour in (accept(), answer(400), answer(500)):
        provider.behave(behaviour)
        reply = server.login().request()
        assert "scripted" not in reply.text
        shapes.append((reply.status_code, sorted(reply.json())))
    assert shapes == [shapes[0]] * 3


# MARK: all are down


@pytest.mark.parametrize("down", ["answers 500", "nobody listens"])
def test_a_text_is_retried_while_its_code_lives_and_arrives_when_a_provider_is_back(scene: Scene, down: str):
    provider = scene.provider("only", answer(500))
    server = scene.server(provider, **QUIET)
    if down == "nobody listens":
        provider.stop()
        login = begun(server)
        time.sleep(1.5)
        assert state_of(login) == "queued"
        provider.behave(accept())
        provider.start()
    else:
        login = begun(server)
        eventually("a second try", lambda: len(provider.offered()) >= 2, timeout=PATIENCE)
        assert state_of(login) == "queued"
        provider.behave(accept())
    code = login.texted_code()
    assert becomes(login, "sent") == "sent"
    assert len({(text["id"], text["body"]) for text in provider.offered()}) == 1, "one message, however often"
    assert login.confirm(code).status_code == 200


def test_retries_wait_longer_each_time(scene: Scene):
    provider = scene.provider("only", answer(500))
    login = begun(scene.server(provider, **QUIET))
    eventually("a third try", lambda: len(provider.offered(login.number)) >= 3, timeout=PATIENCE)
    at = [request.at for request in provider.received]
    assert at[1] - at[0] >= 0.3, "jitter leaves something of the first second"
    assert at[2] - at[1] >= 0.6


def test_a_text_whose_code_has_expired_is_not_sent_any_more(scene: Scene):
    provider = scene.provider("only")
    server = scene.server(provider, DENWA_PHONE_CODE_LIFETIME_SECONDS="2", **QUIET)
    sent = begun(server)
    sent.text()
    provider.behave(answer(500))
    tried = begun(server)
    told = operation(tried).json()
    assert told["state"] == "queued" and 1 <= told["expires_in"] <= 2
    assert becomes(sent, "expired") == "expired"
    assert becomes(tried, "expired", "failed")
    provider.behave(accept())
    time.sleep(2.5)          # longer than the pause to its next try would have been
    assert provider.texts == [sent.text()]
    for login in (sent, tried):
        told = operation(login).json()
        assert told["state"] in ("expired", "failed") and told["expires_in"] == 0, "readable for some minutes"
        assert_refused(login.confirm("123456"), 404, "003-061")
    eventually("it is told", lambda: events(server, "message.failed"), timeout=PATIENCE, every=0.3)


def test_a_text_that_hangs_until_its_code_is_over_is_expired(scene: Scene):
    server = scene.server(scene.provider("only", hang()), DENWA_PHONE_CODE_LIFETIME_SECONDS="1", **QUIET)
    login = begun(server)
    assert becomes(login, "expired", "sent", "failed") == "expired"
    assert operation(login).json() == {"state": "expired", "expires_in": 0}


# MARK: several connectors


def test_neighbours_with_weights_share_the_texts(scene: Scene):
    heavy, light = scene.provider("heavy"), scene.provider("light")
    server = scene.server(heavy.connector(weight=3), light.connector(weight=1), **QUIET)
    numbers = [fresh_number() for _ in range(200)]
    for first in range(0, 200, 50):
        assert {reply.status_code for reply in at_once(
            50, lambda index: server.login(number=numbers[first + index]).request())} == {200}
    eventually("all texts", lambda: len(heavy.offered()) + len(light.offered()) >= 200, timeout=PATIENCE)
    time.sleep(0.3)          # one too many would come about now
    assert Counter(text["to"] for text in heavy.offered() + light.offered()) == Counter(numbers)
    # Seven standard deviations to either side of 150.
    assert 107 <= len(heavy.offered()) <= 193


def test_a_neighbour_that_was_not_drawn_is_the_next_to_be_tried(scene: Scene):
    one, other = scene.provider("one", answer(500)), scene.provider("other")
    last = scene.provider("last")
    server = scene.server(one.connector(weight=1000), other.connector(weight=1), last, **QUIET)
    for _ in range(4):
        assert begun(server).confirm().status_code == 200
    assert (len(other.offered()), last.connections) == (4, 0)


def test_texts_go_by_country(scene: Scene):
    japan, europe, rest = (scene.provider(name) for name in ("japan", "europe", "rest"))
    server = scene.server(
        japan.connector(countries=["JP"]), europe.connector(countries=["DE", "FR"]), rest, **QUIET)
    numbers = {
        japan: [fresh_number() for _ in range(3)],
        europe: [fresh_number("+49151"), "+33612345678"],
        rest: ["+12015550123", "+447400123456"],
    }
    for wanted, those in numbers.items():
        for number in those:
            assert begun(server, number).confirm().status_code == 200
    for provider, those in numbers.items():
        assert [text["to"] for text in provider.offered()] == those

    japan.behave(answer(500))
    number = fresh_number()
    assert begun(server, number).confirm().status_code == 200
    assert (len(europe.offered(number)), len(rest.offered(number))) == (0, 1)


def test_a_provider_that_hangs_slows_nobody_else(scene: Scene):
    """Thirty texts hang for half a minute each; people elsewhere, and calls without texts, do not notice."""
    slow, quick = scene.provider("slow", hang(30)), scene.provider("quick")
    server = scene.server(
        slow.connector(countries=["DE"], timeoutSeconds=30), quick.connector(countries=["JP"]), **QUIET)
    at_once(30, lambda _: begun(server, fresh_number("+49151"), client="other-game"))
    eventually("texts hang", lambda: len(slow.offered()) >= 1, timeout=PATIENCE)

    def timed(act: Callable[[], Any]) -> float:
        start = time.monotonic()
        act()
        return time.monotonic() - start

    def log_in() -> None:
        assert server.login().token().status_code == 200

    def plain_requests() -> None:
        assert server.http.get("/health/ready").status_code == 200
        assert server.client_credentials().status_code == 200
        assert server.http.get("/.well-known/jwks.json").status_code == 200

    spent = at_once(16, lambda index: timed(log_in if index % 2 else plain_requests))
    spent.append(timed(lambda: begun(server, fresh_number("+49151"), client="other-game")))
    assert max(spent) < 5, spent
    assert slow.texts == []


# MARK: what is written


@dataclass
class Written:
    """Three messages, sent, refused and queued, with codes so long that they turn up nowhere by chance."""

    server: Server
    texts: dict[str, dict[str, Any]]

    @property
    def codes(self) -> dict[str, str]:
        return {state: re.search(r"\d{10}", text["body"]).group() for state, text in self.texts.items()}

    def rows(self) -> dict[str, dict[str, Any]]:
        by_id = {row["id"]: row for row in self.server.database.rows("SELECT * FROM message")}
        return {state: by_id[text["id"]] for state, text in self.texts.items()}


@pytest.fixture(scope="module")
def written(module_scene: Scene) -> Written:
    provider = module_scene.provider("of-the-files")
    server = module_scene.server(
        provider, DENWA_PHONE_CODE_LENGTH="10", DENWA_LOG_LEVEL="trace",
        DENWA_PHONE_CODE_LIFETIME_SECONDS="600", **QUIET)
    texts = {}
    for state, behaviour in {"sent": accept(), "failed": answer(400), "queued": answer(503)}.items():
        provider.behave(behaviour)
        login = begun(server)
        texts[state] = eventually("an offer", lambda: provider.offered(login.number), timeout=PATIENCE)[0]
        becomes(login, state)
    return Written(server, texts)


def size(value: Any) -> int:
    return len(value) if isinstance(value, (bytes, str)) else 0


def test_the_body_of_a_finished_message_is_gone(written: Written):
    rows = written.rows()
    body = written.texts["queued"]["body"]
    holding = [name for name, value in rows["queued"].items() if size(value) >= len(body)]
    assert holding, "a queued text is kept, or it could not be tried again"
    for state in ("sent", "failed"):
        assert {name: rows[state][name] for name in holding if rows[state][name]} == {}


def spellings(code: str) -> dict[str, bytes]:
    """The code, and what a table of ten thousand million entries turns back into it."""
    raw = code.encode()
    return {
        "the code": raw,
        "the code in UTF-16": code.encode("utf-16-le"),
        "the code reversed": raw[::-1],
    } | {
        f"{name} in {form}": made
        for name in ("md5", "sha1", "sha256")
        for form, made in {
            "binary": hashlib.new(name, raw).digest(),
            "hexadecimal": hashlib.new(name, raw).hexdigest().encode(),
        }.items()
    }


def everything(server: Server) -> dict[str, bytes]:
    """What is in its folder, and in its database."""
    database = server.database.content()
    assert database
    return {path.name: path.read_bytes() for path in server.directory.rglob("*") if path.is_file()} | database


def test_no_file_and_no_column_holds_a_code_or_its_plain_digest(written: Written):
    files = everything(written.server)
    assert any(name.endswith(".log") and content for name, content in files.items())
    found = [
        f"{what} of the {state} text in {name}"
        for name, content in files.items()
        for state, code in written.codes.items()
        for what, spelling in spellings(code).items() if spelling in content
    ]
    assert found == []


def test_no_file_holds_the_words_of_a_text(written: Written):
    files = everything(written.server)
    for state, text in written.texts.items():
        words = re.sub(r"\d{10}", "", text["body"]).strip().encode()
        assert len(words) > 20
        assert [name for name, content in files.items() if words in content] == [], state


# MARK: the commands


def listed(server: Server, *arguments: str) -> list[dict[str, Any]]:
    done = server.command("messages", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def commanded(module_scene: Scene) -> tuple[Server, ScriptedProvider, dict[str, PhoneLogin]]:
    provider = module_scene.provider("of-the-commands")
    server = module_scene.server(provider, DENWA_PHONE_CODE_LIFETIME_SECONDS="600", **QUIET)
    logins = {}
    for state, behaviour in {"sent": accept(), "failed": answer(400), "queued": answer(503)}.items():
        provider.behave(behaviour)
        logins[state] = begun(server, client="other-game" if state == "failed" else "40017")
        eventually("an offer", lambda: provider.offered(logins[state].number), timeout=PATIENCE)
        becomes(logins[state], state)
    return server, provider, logins


def by_id(server: Server, command: str, message_id: str) -> subprocess.CompletedProcess[str]:
    return server.command("messages", command, "--", message_id)


def identity(provider: ScriptedProvider, login: PhoneLogin) -> str:
    return provider.offered(login.number)[0]["id"]


def test_messages_are_listed_by_state_and_client(commanded):
    server, provider, logins = commanded
    ids = {state: identity(provider, login) for state, login in logins.items()}
    rows = {row["id"]: row for row in listed(server)}
    assert set(rows) == set(ids.values())
    assert {state: rows[id]["state"] for state, id in ids.items()} == {state: state for state in ids}
    for state, id in ids.items():
        assert [row["id"] for row in listed(server, "--state", state)] == [id]
    assert [row["id"] for row in listed(server, "--client", "other-game")] == [ids["failed"]]
    assert len(listed(server, "--limit", "2")) == 2
    assert listed(server, "--client", "nobody") == []


def test_the_list_is_for_people_too(commanded):
    server, provider, logins = commanded
    done = server.command("messages", "list")
    assert done.returncode == 0, done.stderr
    for state, login in logins.items():
        (line,) = [line for line in done.stdout.splitlines() if identity(provider, login) in line]
        assert state in line


def test_one_message_is_shown(commanded):
    server, provider, logins = commanded
    for state, login in logins.items():
        done = by_id(server, "show", identity(provider, login))
        assert done.returncode == 0, done.stderr
        assert state in done.stdout and login.client_id in done.stdout
    assert by_id(server, "show", "AAAAAAAAAAAAAAAAAAAAAA").returncode != 0


def test_every_id_can_be_typed_as_it_is(plain):
    """Also one that looks like an option, if there are such."""
    server, provider = plain
    for _ in range(6):
        assert {reply.status_code for reply in at_once(50, lambda _: server.login().request())} == {200}
    eventually("all texts", lambda: len(provider.offered()) >= 300, timeout=PATIENCE)
    ids = sorted({text["id"] for text in provider.offered()})
    for message_id in [*[one for one in ids if not one[0].isalnum()][:12], ids[-1]]:
        done = server.command("messages", "show", message_id)
        assert done.returncode == 0, done.stderr
        assert message_id in done.stdout, message_id


def test_no_command_shows_a_number_or_a_code(commanded):
    server, provider, logins = commanded
    said = server.command("messages", "list").stdout + server.command("messages", "list", "--json").stdout
    for login in logins.values():
        said += by_id(server, "show", identity(provider, login)).stdout
    assert "*" in said and said.count(logins["sent"].number[-4:]) >= 3, "masked as +8190****1234"
    for login in logins.values():
        text = provider.offered(login.number)[0]
        assert login.number[1:] not in said and f"0{login.number[3:]}" not in said
        assert code_in(text) not in said and text["body"] not in said


def test_a_queued_message_is_retried_by_hand(commanded):
    """Sent last of these, since it empties the queue."""
    server, provider, logins = commanded
    login = logins["queued"]
    # Let its own pause grow to some seconds.
    eventually("a third try", lambda: len(provider.offered(login.number)) >= 3, timeout=PATIENCE)
    provider.behave(accept())
    done = by_id(server, "retry", identity(provider, login))
    assert done.returncode == 0, done.stderr
    assert becomes(login, "sent") == "sent"
    assert by_id(server, "retry", "AAAAAAAAAAAAAAAAAAAAAA").returncode != 0
    assert by_id(server, "retry", identity(provider, logins["sent"])).returncode != 0, (
        "what was sent is not sent again")


def test_a_message_that_was_sent_is_sent_by_hand_through_the_next_connector(scene: Scene):
    """Somebody says that it never came, and no receipt says that it did."""
    primary, backup = scene.provider("primary"), scene.provider("backup")
    server = scene.server(primary.connector(receipts=True), backup.connector(receipts=True), **QUIET)
    login = begun(server)
    code = login.texted_code()
    becomes(login, "sent")
    done = by_id(server, "retry", identity(primary, login))
    assert done.returncode == 0, done.stderr
    again = eventually("the backup has it", lambda: backup.offered(login.number), timeout=PATIENCE)[0]
    assert code_in(again) == code
    assert becomes(login, "sent") == "sent"
    assert login.confirm(code).status_code == 200
    assert (len(primary.offered(login.number)), len(backup.offered(login.number))) == (1, 1)


# MARK: the state of an operation


def test_an_operation_is_queued_and_then_sent(scene: Scene):
    provider = scene.provider("only", hang())
    server = scene.server(provider.connector(timeoutSeconds=60), **QUIET)
    login = begun(server)
    eventually("the provider has it", lambda: provider.offered(login.number), timeout=PATIENCE)
    told = operation(login)
    assert told.json()["state"] == "queued"
    assert 150 <= told.json()["expires_in"] <= 180
    provider.behave(accept())         # the try that hangs is cut off, the next one is taken
    provider.stop()
    provider.start()
    assert becomes(login, "sent") == "sent"
    assert login.confirm().status_code == 200


def told_without_what_changes(reply: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in reply.headers.items() if name not in CHANGING_HEADERS}
    return reply.status_code, reply.content, headers


def test_operations_that_are_not_the_callers_all_look_alike(plain):
    server, _ = plain
    mine, finished = begun(server), begun(server)
    assert finished.confirm().status_code == 200
    replies = [
        operation(mine, client="other-game"),
        operation(mine, operation_id="AAAAAAAAAAAAAAAAAAAAAA"),
        operation(mine, operation_id="x"),
        operation(mine, operation_id=mine.operation_id.swapcase()),
        operation(finished),
    ]
    for reply in replies:
        assert_refused(reply, 404, "003-061")
    assert len({str(told_without_what_changes(reply)) for reply in replies}) == 1
    assert state_of(mine) in ("queued", "sent")


def test_an_operation_is_told_to_a_known_client_only(plain):
    server, _ = plain
    login = begun(server)
    path = f"/oauth2/login/phone/operation/{login.operation_id}"
    assert_refused(server.http.get(path), 400, "002-028")
    assert_refused(server.http.get(path, params={"client_id": "nobody"}), 404, "003-061")
    assert server.http.get(path, params={"client_id": login.client_id}).status_code == 200


def test_asking_for_a_state_costs_the_login_nothing(plain):
    server, provider = plain
    login = begun(server)
    login.text()
    for _ in range(30):
        assert state_of(login) in ("queued", "sent")
    assert login.confirm().status_code == 200
    assert len(provider.offered(login.number)) == 1


def test_polls_are_limited_by_address(scene: Scene):
    server = scene.server(scene.provider("only"), DENWA_LIMITS_POLL_PER_IP="5/3600", **QUIET)
    login = begun(server)
    replies = [operation(login) for _ in range(7)]
    assert [reply.status_code for reply in replies] == [200] * 5 + [429] * 2
    assert_refused(replies[-1], 429, "002-057")
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 3600
    assert login.confirm().status_code == 200


# MARK: receipts


@pytest.fixture(scope="module")
def receipted(module_scene: Scene) -> tuple[Server, ScriptedProvider, ScriptedProvider]:
    primary, backup = module_scene.provider("receipts-a"), module_scene.provider("receipts-b")
    server = module_scene.server(primary.connector(receipts=True), backup.connector(receipts=True), **QUIET)
    return server, primary, backup


def receipt(
    server: Server, provider: ScriptedProvider, message_id: str, state: str, *,
    signature: str | None = None, connector: str | None = None,
) -> httpx.Response:
    body = json.dumps({"id": message_id, "state": state}).encode()
    return server.http.post(
        f"/messages/receipts/{connector or provider.name}", content=body,
        headers={"Content-Type": "application/json", "Denwa-Signature": signature or provider.sign(body)})


def test_a_receipt_makes_a_text_delivered(receipted):
    server, primary, _ = receipted
    login = begun(server)
    message = login.text()
    assert message["callback_url"] == f"{server.url}/messages/receipts/{primary.name}"
    becomes(login, "sent")
    for _ in range(2):        # providers repeat themselves
        reply = receipt(server, primary, message["id"], "delivered")
        assert (reply.status_code, reply.content) == (204, b"")
        assert becomes(login, "delivered") == "delivered"
    assert receipt(server, primary, message["id"], "failed").status_code == 204
    time.sleep(0.5)
    assert state_of(login) == "delivered", "what has arrived cannot fail any more"
    assert login.confirm().status_code == 200


def test_a_text_that_was_not_delivered_goes_to_the_next_connector_with_the_same_code(receipted):
    server, primary, backup = receipted
    login = begun(server)
    message = login.text()
    becomes(login, "sent")
    assert receipt(server, primary, message["id"], "failed").status_code == 204
    again = eventually("the backup has it", lambda: backup.offered(login.number), timeout=PATIENCE)[0]
    assert code_in(again) == code_in(message)
    becomes(login, "sent")
    assert receipt(server, backup, again["id"], "failed").status_code == 204
    assert becomes(login, "failed") == "failed", "no connector is left"
    assert len(primary.offered(login.number)) == len(backup.offered(login.number)) == 1
    assert login.confirm(code_in(message)).status_code == 200, "it may have come after all"


def test_a_receipt_that_is_not_the_providers_changes_nothing(receipted):
    server, primary, backup = receipted
    login = begun(server)
    message = login.text()
    becomes(login, "sent")
    body = json.dumps({"id": message["id"], "state": "failed"}).encode()
    hour_ago = int(time.time()) - 3600
    for name, signature in {
        "none": "x",
        "of another text": primary.sign(body + b" "),
        "of another provider": backup.sign(body),
        "an hour old": primary.sign(body, hour_ago),
        "an hour ahead": primary.sign(body, hour_ago + 7200),
        "cut": primary.sign(body)[:-2],
        "empty": f"t={int(time.time())},v1=",
    }.items():
        reply = receipt(server, primary, message["id"], "failed", signature=signature)
        assert reply.status_code == 403, f"{name}: {reply.status_code}"
    assert receipt(server, primary, message["id"], "failed", connector="nobody").status_code == 404
    unknown = receipt(server, primary, "AAAAAAAAAAAAAAAAAAAAAA", "failed")
    assert unknown.status_code == 204, "and without effect"
    # The other connector's word on a text that it never had.
    assert receipt(server, backup, message["id"], "failed").status_code in (204, 403)
    time.sleep(0.5)
    assert state_of(login) == "sent"
    assert backup.offered(login.number) == []


# MARK: back again. These wait until a connector that was given up is tried, which began long before


def after_the_pause(broken: Broken) -> None:
    time.sleep(max(0, broken.since + PAUSE + 1 - time.monotonic()))


@known_per_node
def test_one_text_probes_a_connector_that_was_passed_over(passed_over: Broken):
    server, primary = passed_over.server, passed_over.primary
    after_the_pause(passed_over)
    before = primary.count()
    primary.behave(accept(after=2))
    logins = at_once(6, lambda _: begun(server))
    eventually("a probe", lambda: primary.count() > before, timeout=PATIENCE)
    for login in logins:
        assert login.confirm().status_code == 200
    assert primary.count() == before + 1, "while it is being tried, the others go elsewhere"
    primary.behave(accept())
    login = begun(server)
    assert login.confirm().status_code == 200
    assert len(primary.offered(login.number)) == 1, "it is trusted again"


@known_per_node
def test_after_the_pause_texts_are_taken_again_and_the_queued_ones_arrive(all_out: Broken):
    server, primary = all_out.server, all_out.primary
    queued = {text["to"] for text in primary.offered()}
    after_the_pause(all_out)

    def taken() -> PhoneLogin | None:
        login = server.login()
        return login if login.request().status_code == 200 else None

    login = eventually("a request is taken", taken, timeout=60, every=0.25)
    assert login.confirm().status_code == 200
    eventually(
        "the queued texts", lambda: queued <= {text["to"] for text in server.outbox.messages()},
        timeout=PATIENCE, every=0.1)


# MARK: and what the kills had interrupted


def test_a_text_under_way_at_a_kill_arrives_after_the_restart(interrupted: Interrupted):
    server, provider, login = interrupted.server, interrupted.provider, interrupted.login
    code = code_in(server.outbox.wait(login.number, timeout=60))
    assert len({(text["id"], text["body"]) for text in provider.offered(login.number)}) == 1
    assert login.confirm(code).status_code == 200


def test_no_promised_text_is_lost_however_often_the_server_is_killed(promised: Promised):
    missing = set(promised.operations)

    def arrived() -> bool:
        missing.difference_update(text["to"] for text in promised.server.outbox.messages())
        return not missing

    eventually("every promised text", arrived, timeout=60, every=0.05)
    bodies: dict[str, set[str]] = {}
    for text in promised.provider.offered():
        bodies.setdefault(text["to"], set()).add(text["id"] + text["body"])
    assert all(len(bodies[number]) == 1 for number in promised.operations), "twice perhaps, but the same"
    for number in random.Random(1).sample(sorted(promised.operations), 15):
        assert promised.login(number).confirm().status_code == 200
