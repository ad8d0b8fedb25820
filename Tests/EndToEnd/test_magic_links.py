"""Links in texts, the poll that waits for them, and what a user's token can do besides: contract §3 and §5."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from harness import (
    PROJECT, PhoneLogin, Server, assert_refused, at_once, code_in, code_of, eventually, free_port, fresh_number,
    phone_client,
)
from person import CHROME, Page, Person, authorize_url, people

pytestmark = pytest.mark.nodes

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
IPHONE = ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
          "Version/18.1 Mobile/15E148 Safari/604.1")

APP = "https://linked.example/open"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    denwa_page = f"http://127.0.0.1:{port}/login/link"
    server = Server(
        tmp_path_factory.mktemp("links"),
        clients=[
            phone_client("linked", link_uris=[APP, "https://linked.example/open?lang=ja", "mygame://open"]),
            phone_client("project", link_uris=[APP], project_id=PROJECT),
            phone_client("40017", link_uris=[denwa_page], client_name="Shiritori Online"),
            phone_client("plain"),
        ],
        environment={"DENWA_LIMITS_POLL_PER_IP": "0"},
        port=port,
    )
    try:
        yield server.start()
    finally:
        server.dispose()


@pytest.fixture
def make_person(server: Server) -> Iterator[Callable[..., Person]]:
    with people() as make:
        yield partial(make, server)


@dataclass
class LinkedLogin:
    """A phone login with a link in the text, and the app that waits for the answer."""

    login: PhoneLogin
    link: str

    @property
    def operation_id(self) -> str:
        return self.login.operation_id

    @property
    def link_token(self) -> str:
        return parse_qs(urlsplit(self.link).query)["link_token"][0]

    def poll(self, connection: httpx.Client | None = None, **more: str | None) -> httpx.Response:
        query = {"projectId": self.login.client_id, "login": self.login.number, "operation_id": self.operation_id}
        query = {name: value for name, value in (query | more).items() if value is not None}
        return (connection or self.login.server.http).get(f"/otc/code?{urlencode(query)}")

    def decide(self, approve: Any = True, **more: Any) -> httpx.Response:
        body = {"operation_id": self.operation_id, "link_token": self.link_token, "approve": approve} | more
        return self.login.server.http.post(
            "/oauth2/login/phone/link", json={name: value for name, value in body.items() if value is not None}
        )


def begin(server: Server, client_id: str = "linked", link_url: str = APP, **more: Any) -> LinkedLogin:
    login = server.login(client_id, **more)
    reply = login.request(send_link=True, link_url=link_url)
    assert reply.status_code == 200, reply.text
    links = re.findall(r"\S+://\S+", login.text()["body"])
    assert len(links) == 1, login.text()["body"]
    return LinkedLogin(login, links[0])


@pytest.fixture
def linked(server: Server) -> LinkedLogin:
    return begin(server)


# MARK: the text


@pytest.mark.parametrize("link_url", [APP, "https://linked.example/open?lang=ja", "mygame://open"])
def test_the_text_carries_the_code_and_the_link(server: Server, link_url: str):
    linked = begin(server, link_url=link_url)
    assert re.fullmatch(r"\d{6}", code_in(linked.login.text()))
    assert linked.link.startswith(link_url + ("&" if "?" in link_url else "?"))
    query = parse_qs(urlsplit(linked.link).query)
    assert query["operation_id"] == [linked.operation_id]
    assert len(query["link_token"][0]) >= 22, "128 bits"
    assert code_in(linked.login.text()) not in linked.link


@pytest.mark.parametrize("link_url", [
    None, "", "https://evil.example/open", APP + "/", APP + "?x=1", "https://linked.example/OPEN",
    "https://linked.example/open?lang=ja&x=1", "https://linked.example@evil.example/open",
])
def test_a_link_that_is_not_registered_is_never_texted(server: Server, link_url: str | None):
    login = server.login("linked")
    body = {"send_link": True} | ({} if link_url is None else {"link_url": link_url})
    assert_refused(login.request(**body), 400, "010-012")
    assert server.outbox.messages(login.number) == []


def test_a_client_without_links_sends_none(server: Server):
    assert_refused(server.login("plain").request(send_link=True, link_url=APP), 400, "010-012")


def test_a_link_url_without_send_link_is_not_texted(server: Server):
    login = server.login("linked")
    assert login.request(link_url=APP).status_code == 200
    assert "://" not in login.text()["body"]


def test_the_code_of_a_text_with_a_link_works_as_ever(linked: LinkedLogin):
    assert linked.login.token().status_code == 200


# MARK: the answer


def test_an_approved_link_signs_in_whoever_waits(server: Server, linked: LinkedLogin):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(linked.poll, server.connect())
        approved = linked.decide()
        assert approved.status_code == 200, approved.text
        assert approved.headers["cache-control"] == "no-store"
        answered = waiting.result(timeout=15)
    assert answered.status_code == 200, answered.text
    assert answered.headers["cache-control"] == "no-store"
    value = answered.json()["code"]
    assert isinstance(value, str) and value != linked.login.texted_code()
    assert len(value) >= 22, "nothing to guess"

    confirmed = linked.login.confirm(value)
    assert confirmed.status_code == 200, confirmed.text
    tokens = linked.login.token(code_of(confirmed.json()["login_url"]))
    assert tokens.status_code == 200, tokens.text


def test_a_poll_after_the_approval_is_answered_at_once(linked: LinkedLogin):
    assert linked.decide().status_code == 200
    started = time.monotonic()
    assert linked.poll().status_code == 200
    assert time.monotonic() - started < 5


def test_a_lost_answer_is_asked_for_again(linked: LinkedLogin):
    assert linked.decide().status_code == 200
    values = [linked.poll().json()["code"] for _ in range(2)]
    assert linked.login.confirm(values[1]).status_code == 200


def test_the_value_works_once(linked: LinkedLogin):
    linked.decide()
    value = linked.poll().json()["code"]
    assert linked.login.confirm(value).status_code == 200
    assert_refused(linked.login.confirm(value), 404, "003-061")
    assert_refused(linked.login.confirm(), 404, "003-061")
    assert_refused(linked.poll(), 404, "003-061")


def test_one_of_many_who_confirm_the_value_at_once_gets_in(linked: LinkedLogin):
    linked.decide()
    value = linked.poll().json()["code"]
    replies = at_once(12, lambda _: linked.login.confirm(value))
    assert sorted(reply.status_code for reply in replies) == [200] + [404] * 11


def test_the_value_is_good_for_its_own_operation_only(server: Server, linked: LinkedLogin):
    linked.decide()
    value = linked.poll().json()["code"]

    other = begin(server)
    assert_refused(other.login.confirm(value), 401, "003-039")
    same_number = begin(server, "project", number=linked.login.number)
    assert_refused(same_number.login.confirm(value), 401, "003-039")
    elsewhere = PhoneLogin(server, "project", linked.login.number, operation_id=linked.operation_id)
    assert_refused(elsewhere.confirm(value), 404, "003-061")
    stranger = PhoneLogin(server, "linked", fresh_number(), operation_id=linked.operation_id)
    assert_refused(stranger.confirm(value), 404, "003-061")

    assert linked.login.confirm(value).status_code == 200


def test_an_approval_is_for_one_operation_even_of_those_that_share_the_code(server: Server, linked: LinkedLogin):
    """Somebody else may have begun the other one at the same moment, and waits for just this."""
    others = begin(server, number=linked.login.number)
    assert others.login.texted_code() == linked.login.texted_code()
    with Polls(server, others, 1) as polls:
        polls.wait_until_heard()
        assert linked.decide().status_code == 200
        value = linked.poll().json()["code"]
        assert polls.none_is_answered()
        assert_refused(others.login.confirm(value), 401, "003-039")
        assert polls.none_is_answered()
    assert linked.login.confirm(value).status_code == 200


def test_the_value_is_worth_nothing_before_the_approval(server: Server):
    """It cannot be known beforehand: what is sent by guess is a wrong code and nothing more."""
    linked = begin(server)
    assert_refused(linked.login.confirm(linked.link_token), 401, "003-039")
    assert linked.login.confirm().status_code == 200


def test_approving_twice_is_fine_and_denying_afterwards_is_not(linked: LinkedLogin):
    assert linked.decide().status_code == 200
    assert linked.decide().status_code == 200
    assert_refused(linked.decide(approve=False), 404, "003-061")
    assert linked.login.confirm(linked.poll().json()["code"]).status_code == 200


def test_a_denied_link_is_over(server: Server, linked: LinkedLogin):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(linked.poll, server.connect())
        assert linked.decide(approve=False).status_code == 200
        assert_refused(waiting.result(timeout=15), 404, "003-061")
    assert_refused(linked.poll(), 404, "003-061")
    assert linked.decide(approve=False).status_code in (200, 404), "the same answer again does no harm"
    assert_refused(linked.decide(), 404, "003-061")
    assert_refused(linked.poll(), 404, "003-061")


def test_after_a_denial_the_texted_code_is_dead_too(linked: LinkedLogin):
    """The person said no: whoever asked must not get in by the code of that text either."""
    assert linked.decide(approve=False).status_code == 200
    assert_refused(linked.login.confirm(), 404, "003-061")


def test_of_a_yes_and_a_no_at_once_one_counts(server: Server):
    linked = begin(server)
    replies = at_once(12, lambda index: linked.decide(approve=index % 2 == 0))
    answers = [{reply.status_code for reply in replies[half::2]} for half in (0, 1)]
    assert answers in ([{200}, {404}], [{404}, {200}])
    assert linked.poll().status_code == (200 if answers[0] == {200} else 404)


def test_a_finished_login_takes_its_link_along(linked: LinkedLogin):
    assert linked.login.confirm().status_code == 200
    assert_refused(linked.decide(), 404, "003-061")
    assert_refused(linked.poll(), 404, "003-061")


def test_a_poll_that_waits_ends_when_the_code_is_typed(server: Server, linked: LinkedLogin):
    with Polls(server, linked, 1) as polls:
        polls.wait_until_heard()
        assert linked.login.confirm().status_code == 200
        assert [status for status, _ in polls.answers()] == [404]


def test_a_link_lives_as_long_as_its_code(start_server):
    server = start_server(
        clients=[phone_client("linked", link_uris=[APP])], DENWA_PHONE_CODE_LIFETIME_SECONDS="3"
    )
    linked, approved = begin(server), begin(server)
    over = time.monotonic() + 3
    assert approved.decide().status_code == 200
    value = approved.poll().json()["code"]
    eventually("both codes have expired", lambda: time.monotonic() > over)
    assert_refused(linked.decide(), 404, "003-061")
    assert_refused(linked.poll(), 404, "003-061")
    assert_refused(approved.poll(), 404, "003-061")
    assert_refused(approved.login.confirm(value), 404, "003-061")


@pytest.mark.parametrize(("change", "status", "code"), [
    pytest.param({"operation_id": "A" * 22}, 404, "003-061", id="unknown operation"),
    pytest.param({"link_token": "A" * 43}, 404, "003-061", id="wrong token"),
    pytest.param({"link_token": ""}, 404, "003-061", id="empty token"),
    pytest.param({"operation_id": None}, 400, "002-028", id="no operation"),
    pytest.param({"link_token": None}, 400, "002-028", id="no token"),
    pytest.param({"approve": None}, 400, "002-028", id="no answer"),
    pytest.param({"approve": "true"}, 400, "002-027", id="answer as text"),
    pytest.param({"approve": 1}, 400, "002-027", id="answer as number"),
    pytest.param({"link_token": 7}, 400, "002-027", id="token as number"),
])
def test_an_answer_that_is_not_one_changes_nothing(
    linked: LinkedLogin, change: dict[str, Any], status: int, code: str
):
    assert_refused(linked.decide(**change), status, code)
    assert linked.decide().status_code == 200
    assert linked.poll().status_code == 200


def test_an_answer_must_be_json_of_a_bearable_size(server: Server, linked: LinkedLogin):
    path = "/oauth2/login/phone/link"
    json = {"Content-Type": "application/json"}
    assert_refused(server.http.post(path, content=b"{", headers=json), 400, "002-027")
    assert_refused(server.http.post(path, content=b"[]", headers=json), 400, "002-027")
    assert_refused(linked.decide(padding="x" * 17_000), 413)
    assert server.http.get(path).status_code == 405
    assert linked.decide().status_code == 200


def test_the_token_of_one_text_does_not_answer_another(server: Server, linked: LinkedLogin):
    other = begin(server)
    assert_refused(linked.decide(link_token=other.link_token), 404, "003-061")
    assert_refused(other.decide(link_token=linked.link_token), 404, "003-061")


# MARK: the poll


@pytest.mark.parametrize(("change", "status", "code"), [
    pytest.param({"operation_id": "A" * 22}, 404, "003-061", id="unknown operation"),
    pytest.param({"login": "+819011112222"}, 404, "003-061", id="another number"),
    pytest.param({"login": "nonsense"}, 404, "003-061", id="no number at all"),
    pytest.param({"projectId": "project"}, 404, "003-061", id="another client"),
    pytest.param({"projectId": PROJECT}, 404, "003-061", id="another project"),
    pytest.param({"projectId": "nobody"}, 404, "003-061", id="unknown project"),
    pytest.param({"projectId": None}, 400, "002-028", id="no project"),
    pytest.param({"login": None}, 400, "002-028", id="no number"),
    pytest.param({"operation_id": None}, 400, "002-028", id="no operation"),
])
def test_a_poll_of_something_else_is_refused_at_once(
    linked: LinkedLogin, change: dict[str, str | None], status: int, code: str
):
    for approved in (False, True):
        if approved:
            linked.decide()
        started = time.monotonic()
        assert_refused(linked.poll(**change), status, code)
        assert time.monotonic() - started < 5
    assert linked.poll().status_code == 200


def test_project_id_stands_for_the_client(server: Server):
    linked = begin(server, "project")
    linked.decide()
    values = [linked.poll(projectId=project).json()["code"] for project in ("project", PROJECT)]
    assert linked.login.confirm(values[1]).status_code == 200


def test_what_sdks_append_to_the_poll_is_ignored(linked: LinkedLogin):
    linked.decide()
    assert linked.poll(engine="unity", sdk="login", sdk_v="1.3").status_code == 200


def test_a_poll_gives_up_after_twenty_seconds(linked: LinkedLogin):
    started = time.monotonic()
    assert_refused(linked.poll(), 408)
    assert 19 <= time.monotonic() - started < 25
    assert linked.decide().status_code == 200, "the link lives longer than one poll"
    assert linked.poll().status_code == 200


def test_polls_are_limited(start_server):
    server = start_server(clients=[phone_client("linked", link_uris=[APP])], DENWA_LIMITS_POLL_PER_IP="2/60")
    linked = begin(server)
    linked.decide()
    assert [linked.poll().status_code for _ in range(2)] == [200, 200]
    assert_limited(linked.poll())


def test_answers_are_limited(start_server):
    """Who guesses at the token of a link gets no further than who guesses at a code."""
    server = start_server(clients=[phone_client("linked", link_uris=[APP])], DENWA_LIMITS_CONFIRM_PER_IP="2/60")
    linked = begin(server)
    for guess in ("A" * 43, "B" * 43):
        assert_refused(linked.decide(link_token=guess), 404, "003-061")
    assert_limited(linked.decide(link_token="C" * 43))


def assert_limited(reply: httpx.Response) -> None:
    assert_refused(reply, 429, "002-057")
    assert 0 < int(reply.headers["retry-after"]) <= 60
    assert {"ratelimit", "ratelimit-policy"} <= set(reply.headers)


class Polls:
    """Many polls on connections of their own, without a thread for each on this side either."""

    def __init__(self, server: Server, linked: LinkedLogin, count: int) -> None:
        self.server = server
        query = urlencode({"projectId": linked.login.client_id, "login": linked.login.number,
                           "operation_id": linked.operation_id})
        self.request = (f"GET /otc/code?{query} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                        "Connection: close\r\n\r\n").encode()
        self.sockets = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(count)]

    def __enter__(self) -> Polls:
        for connection in self.sockets:
            connection.sendall(self.request)
        return self

    def __exit__(self, *_: Any) -> None:
        for connection in self.sockets:
            connection.close()

    def wait_until_heard(self) -> None:
        """Until the server has taken every request out of its socket, and has answered one that came after."""
        ours = {connection.getsockname()[1] for connection in self.sockets}

        def is_heard() -> bool:
            unread = {}
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
                local, remote, _, queues = line.split()[1:5]
                if int(local.split(":")[1], 16) == self.server.port:
                    unread[int(remote.split(":")[1], 16)] = int(queues.split(":")[1], 16)
            return all(unread.get(port) == 0 for port in ours)

        eventually("the server has read every poll", is_heard)
        assert self.server.http.get("/health/ready").status_code == 200

    def none_is_answered(self) -> bool:
        for connection in self.sockets:
            connection.setblocking(False)
            try:
                connection.recv(1, socket.MSG_PEEK)
                return False
            except BlockingIOError:
                continue
            finally:
                connection.settimeout(10)
        return True

    def answers(self, within: float = 10) -> list[tuple[int, bytes]]:
        deadline = time.monotonic() + within
        answers = []
        for connection in self.sockets:
            received = b""
            while True:
                connection.settimeout(max(0.1, deadline - time.monotonic()))
                if not (chunk := connection.recv(65536)):
                    break
                received += chunk
            head, _, body = received.partition(b"\r\n\r\n")
            answers.append((int(head.split()[1]), body))
        return answers


def threads_of(server: Server) -> int:
    statuses = [Path(f"/proc/{node.process.pid}/status").read_text() for node in server.nodes]
    return sum(int(re.search(r"^Threads:\s+(\d+)$", status, re.MULTILINE)[1]) for status in statuses)


def test_a_hundred_polls_wait_without_a_thread_each_and_are_all_answered(server: Server):
    linked = begin(server)
    for _ in range(2):                              # whatever pool there is has its threads by now
        with Polls(server, begin(server), 5) as warm:
            warm.wait_until_heard()
    before = threads_of(server)
    with Polls(server, linked, 100) as polls:
        polls.wait_until_heard()
        assert polls.none_is_answered()
        waiting = threads_of(server)
        assert waiting - before <= 2, f"{before} threads, and {waiting} with a hundred polls"

        started = time.monotonic()
        assert server.http.get("/health/ready").status_code == 200
        assert linked.decide().status_code == 200
        answers = polls.answers()
        assert time.monotonic() - started < 5
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 1


def test_clients_that_hang_up_leave_nothing_behind(server: Server):
    linked = begin(server)
    with Polls(server, linked, 50) as polls:
        polls.wait_until_heard()
    assert linked.decide().status_code == 200
    assert linked.login.confirm(linked.poll().json()["code"]).status_code == 200


def test_a_server_that_stops_lets_its_polls_go(start_server):
    server = start_server(clients=[phone_client("linked", link_uris=[APP])])
    with Polls(server, begin(server), 10) as polls:
        polls.wait_until_heard()
        started = time.monotonic()
        server.end()
        assert time.monotonic() - started < 10
        assert {status for status, _ in polls.answers()} <= {408, 503}


# MARK: Denwa's own page


def begin_at_page(server: Server, asking_device: str = FIREFOX, **more: Any) -> LinkedLogin:
    return begin(server, "40017", f"{server.url}/login/link", headers={"User-Agent": asking_device}, **more)


def answer_link(person: Person, page: Page, decision: str) -> Page:
    return person.submit(page.form("link_token", "decision"), decision=decision)


def test_looking_at_the_page_signs_nobody_in(server: Server, make_person):
    linked = begin_at_page(server)
    for method in ("GET", "HEAD") * 3:
        looked = server.http.request(method, linked.link, headers={"User-Agent": "LinkPreview/1.0"})
        assert looked.status_code == 200
        assert looked.headers["cache-control"] == "no-store"
    previewer = make_person(user_agent="LinkPreview/1.0")
    previewer.visit(linked.link)
    with Polls(server, linked, 1) as polls:
        polls.wait_until_heard()
        assert polls.none_is_answered()
    person = make_person(user_agent=IPHONE)
    approved = answer_link(person, person.visit(linked.link), "approve")
    assert approved.status == 200
    assert linked.poll().status_code == 200


@pytest.mark.parametrize(("user_agent", "device"), [
    (FIREFOX, "Firefox · Linux"), (CHROME, "Chrome · Windows"), (IPHONE, "Safari · iPhone"),
])
def test_the_page_names_the_app_the_device_and_the_time(server: Server, make_person, user_agent: str, device: str):
    before = time.time()
    linked = begin_at_page(server, user_agent)
    page = make_person(user_agent=IPHONE).visit(linked.link)
    assert "Shiritori Online" in page.heading
    assert device in page.words
    moments = re.findall(r'<time datetime="([^"]+)"', page.text)
    assert len(moments) == 1
    assert before - 2 <= datetime.fromisoformat(moments[0]).timestamp() <= time.time() + 1
    assert linked.login.number not in page.text
    assert code_in(linked.login.text()) not in page.text


def test_the_page_shows_nothing_that_a_stranger_writes(server: Server, make_person):
    linked = begin_at_page(server, "<script>alert(1)</script> Call +1-900-555 to cancel")
    page = make_person().visit(linked.link)
    assert page.status == 200
    assert "900-555" not in page.text and "alert(1)" not in page.text


def test_the_page_is_not_for_frames_caches_or_referrers(server: Server, make_person):
    page = make_person().visit(begin_at_page(server).link)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_approving_on_the_phone_signs_in_the_device_that_waits(server: Server, make_person):
    linked, person = begin_at_page(server), make_person(user_agent=IPHONE)
    with Polls(server, linked, 1) as polls:
        polls.wait_until_heard()
        page = answer_link(person, person.visit(linked.link), "approve")
        assert page.status == 200
        assert [status for status, _ in polls.answers()] == [200]
    done = linked.login.confirm(linked.poll().json()["code"])
    assert done.status_code == 200
    assert linked.login.token(code_of(done.json()["login_url"])).status_code == 200
    asked = person.visit(authorize_url(server, "40017", code_challenge="A" * 43, code_challenge_method="S256"))
    assert asked.has_form("phone_number"), "the phone approved; it was not signed in itself"
    assert person.visit(linked.link).status == 404


def test_denying_on_the_phone_ends_it(server: Server, make_person):
    linked, person = begin_at_page(server), make_person(user_agent=IPHONE)
    page = answer_link(person, person.visit(linked.link), "deny")
    assert page.status == 200
    assert_refused(linked.poll(), 404, "003-061")
    assert person.visit(linked.link).status == 404
    assert_refused(linked.decide(), 404, "003-061")


def test_the_button_needs_the_token_of_the_page(server: Server, make_person):
    linked, person, stranger = begin_at_page(server), make_person(user_agent=IPHONE), make_person()
    form = person.visit(linked.link).form("link_token", "decision")
    theirs = stranger.visit(linked.link).form("link_token", "decision")
    for csrf in ("", "A" * 43, theirs.fields["csrf"]):
        page = person.submit(form, csrf=csrf, decision="approve")
        assert page.status == 403
        assert page.alert, "it says what happened"
        form = page.form("link_token", "decision")              # and lets the person try again

    without = server.http.post("/login/link", data=form.fields | {"decision": "approve"})
    assert without.status_code == 403, "no cookie"
    with Polls(server, linked, 1) as polls:
        polls.wait_until_heard()
        assert polls.none_is_answered()
    assert person.submit(form, decision="approve").status == 200
    assert linked.poll().status_code == 200


def test_the_button_without_an_answer_answers_nothing(server: Server, make_person):
    linked, person = begin_at_page(server), make_person(user_agent=IPHONE)
    form = person.visit(linked.link).form("link_token", "decision")
    page = person.submit(form)                                  # Enter somewhere, in a browser that presses no button
    assert page.has_form("link_token", "decision")
    assert linked.decide().status_code == 200


@pytest.mark.parametrize("change", [
    {"operation_id": "A" * 22}, {"link_token": "A" * 43}, {"link_token": None}, {"operation_id": None},
])
def test_a_link_that_is_none_is_gone(server: Server, make_person, change: dict[str, str | None]):
    linked = begin_at_page(server)
    query = {"operation_id": linked.operation_id, "link_token": linked.link_token} | change
    page = make_person().visit(
        f"{server.url}/login/link?" + urlencode({name: value for name, value in query.items() if value is not None})
    )
    assert page.status == 404
    assert not page.has_form("decision")
    assert "Shiritori" not in page.text, "nothing about anybody's sign-in"


def test_the_page_speaks_the_persons_language(server: Server, make_person):
    page = make_person(language="ja").visit(begin_at_page(server).link)
    assert re.search(r'<html[^>]* lang="?ja', page.text)
    assert re.search(r"[\u3040-\u30ff]", page.heading)


# MARK: the link in a redirect login


@pytest.fixture
def pkce_url(server: Server) -> str:
    return authorize_url(
        server, "40017", scope="openid", code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        code_challenge_method="S256",
    )


def link_of(person: Person) -> str:
    return re.search(r"\S+/login/link\S+", person.text["body"])[0]


def test_the_same_browser_goes_straight_on(server: Server, make_person, pkce_url: str):
    person = make_person(user_agent=IPHONE)
    person.type_number(person.visit(pkce_url), fresh_number())
    page = answer_link(person, person.visit(link_of(person)), "approve")
    assert page.url.startswith("https://40017.example/callback?code=")
    assert person.visit(pkce_url).url.startswith("https://40017.example/callback?code="), "signed in"


def test_another_browser_approves_and_the_first_one_goes_on(server: Server, make_person, pkce_url: str):
    desk, phone = make_person(user_agent=FIREFOX), make_person(user_agent=IPHONE)
    code_page = desk.type_number(desk.visit(pkce_url), fresh_number())
    finish = next(form for form in code_page.forms if "/login/finish" in form.action)

    early = desk.submit(finish)
    assert early.status == 409 and early.alert, "not answered yet"

    opened = phone.visit(link_of(desk))
    assert "Firefox · Linux" in opened.words
    assert answer_link(phone, opened, "approve").status == 200

    page = desk.submit(next(form for form in early.forms if "/login/finish" in form.action))
    assert page.url.startswith("https://40017.example/callback?code=")
    assert phone.visit(pkce_url).has_form("phone_number"), "the phone itself is signed in nowhere"


def test_a_no_in_another_browser_keeps_the_first_one_out(server: Server, make_person, pkce_url: str):
    desk, phone = make_person(user_agent=FIREFOX), make_person(user_agent=IPHONE)
    code_page = desk.type_number(desk.visit(pkce_url), fresh_number())
    answer_link(phone, phone.visit(link_of(desk)), "deny")
    page = desk.submit(next(form for form in code_page.forms if "/login/finish" in form.action))
    assert page.url.startswith(server.url) and page.status >= 400
    page = desk.type_code(code_page, code_in(desk.text))
    assert page.url.startswith(server.url) and page.status >= 400


def test_the_waiting_page_hears_of_the_answer(server: Server, make_person, pkce_url: str):
    desk, phone = make_person(user_agent=FIREFOX), make_person(user_agent=IPHONE)
    code_page = desk.type_number(desk.visit(pkce_url), fresh_number())
    wait = re.search(r'data-wait="([^"]+)"', code_page.text)[1].replace("&amp;", "&")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(desk.browser.get, f"{server.url}{wait}")
        answer_link(phone, phone.visit(link_of(desk)), "approve")
        assert waiting.result(timeout=15).json() == {"state": "approved"}
    assert phone.browser.get(f"{server.url}{wait}").json() == {"state": "gone"}, "nobody else's business"


# MARK: a user's token: logout, users/me, token/validate


@pytest.fixture
def person_with_tokens(server: Server, make_person, pkce_url: str) -> tuple[Person, dict[str, Any]]:
    """Somebody signed in to a browser and, with the same number, in an app."""
    person, number = make_person(), fresh_number()
    assert person.sign_in(pkce_url, number).url.startswith("https://40017.example/callback?code=")
    return person, server.login("plain", number=number, scope="offline phone").tokens()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def is_signed_in(person: Person, url: str) -> bool:
    return person.visit(url).url.startswith("https://40017.example/callback?code=")


def is_good(server: Server, access_token: str) -> bool:
    validated = server.http.post("/token/validate", json={"token": access_token}).status_code
    known = server.http.get("/users/me", headers=bearer(access_token)).status_code
    assert (validated, known) in ((204, 200), (422, 401))
    return validated == 204


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_logout_sso_ends_the_sessions_of_browsers_only(server: Server, person_with_tokens, pkce_url: str, method: str):
    person, tokens = person_with_tokens
    reply = server.http.request(method, "/oauth2/logout?sessions=sso", headers=bearer(tokens["access_token"]))
    assert (reply.status_code, reply.content) == (204, b"")
    assert not is_signed_in(person, pkce_url)
    assert is_good(server, tokens["access_token"])
    assert server.refresh("plain", tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_logout_all_ends_every_token_of_the_user_too(server: Server, person_with_tokens, pkce_url: str, method: str):
    person, tokens = person_with_tokens
    number = server.http.get("/users/me", headers=bearer(tokens["access_token"])).json()["phone"]
    elsewhere = server.login("linked", number=number, scope="offline").tokens()
    bystander = server.login("plain", scope="offline").tokens()
    reply = server.http.request(method, "/oauth2/logout?sessions=all", headers=bearer(tokens["access_token"]))
    assert (reply.status_code, reply.content) == (204, b"")
    assert not is_signed_in(person, pkce_url)
    for client, ended in (("plain", tokens), ("linked", elsewhere)):
        assert not is_good(server, ended["access_token"])
        refused = server.refresh(client, ended["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert is_good(server, bystander["access_token"])
    assert server.refresh("plain", bystander["refresh_token"]).status_code == 200

    again = server.login("plain", number=number).tokens()
    assert is_good(server, again["access_token"]), "the user comes back when they like"


def test_a_logout_leaves_other_people_signed_in(server: Server, person_with_tokens, make_person, pkce_url: str):
    _, tokens = person_with_tokens
    other = make_person()
    other.sign_in(pkce_url, fresh_number())
    assert server.http.post(
        "/oauth2/logout?sessions=all", headers=bearer(tokens["access_token"])
    ).status_code == 204
    assert is_signed_in(other, pkce_url)


@pytest.mark.parametrize("sessions", ["sessions=none", "sessions=ALL", "sessions=sso&sessions=all"])
def test_logout_of_an_unknown_kind_ends_nothing(server: Server, person_with_tokens, pkce_url: str, sessions: str):
    person, tokens = person_with_tokens
    refused = server.http.post(f"/oauth2/logout?{sessions}", headers=bearer(tokens["access_token"]))
    assert_refused(refused, 400, "002-027")
    assert is_signed_in(person, pkce_url)
    assert is_good(server, tokens["access_token"])


@pytest.fixture(scope="module")
def refused_tokens(server: Server) -> dict[str, dict[str, str]]:
    token = server.login("plain").tokens()["access_token"]
    revoked = server.login("plain").tokens()["access_token"]
    assert server.revoke(revoked, by="plain").status_code == 200
    return {
        "none": {},
        "empty": {"Authorization": "Bearer"},
        "nonsense": bearer("nonsense"),
        "forged": bearer(token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]),
        "revoked": bearer(revoked),
        "refresh token": bearer(server.login("plain", scope="offline").tokens()["refresh_token"]),
        "another scheme": {"Authorization": f"Basic {token}"},
    }


@pytest.mark.parametrize(
    "kind", ["none", "empty", "nonsense", "forged", "revoked", "refresh token", "another scheme"]
)
@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/oauth2/logout?sessions=sso"), ("POST", "/oauth2/logout?sessions=all"), ("GET", "/users/me"),
])
def test_without_a_good_token_nothing_happens(server: Server, refused_tokens, method: str, path: str, kind: str):
    assert_refused(server.http.request(method, path, headers=refused_tokens[kind]), 401, "002-016")


def test_a_token_in_the_query_is_none(server: Server):
    token = server.login("plain").tokens()["access_token"]
    assert_refused(server.http.get(f"/users/me?access_token={token}"), 401, "002-016")
    assert_refused(server.http.get(f"/oauth2/logout?sessions=all&access_token={token}"), 401, "002-016")
    assert is_good(server, token)


def test_users_me_is_the_profile(server: Server):
    login = server.login("plain", scope="phone")
    tokens = login.tokens()
    reply = server.http.get("/users/me", headers=bearer(tokens["access_token"]))
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    profile = reply.json()
    assert profile["phone"] == login.number
    assert profile["phone_auth"] == login.number
    assert profile["id"] and {"username", "email"} <= set(profile)
    again = server.login("linked", number=login.number).tokens()
    assert server.http.get("/users/me", headers=bearer(again["access_token"])).json()["id"] == profile["id"]


def test_token_validate_is_empty_for_a_good_token(server: Server):
    reply = server.http.post("/token/validate", json={"token": server.login("plain").tokens()["access_token"]})
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("body", "status"), [
    pytest.param({}, (400,), id="no token"),
    pytest.param({"token": 1}, (400,), id="a number"),
    pytest.param({"token": None}, (400,), id="null"),
    pytest.param({"token": ""}, (400, 422), id="empty"),
    pytest.param({"token": "nonsense"}, (400, 422), id="no JWT"),
    pytest.param({"token": "e30.e30.e30"}, (400, 422), id="a JWT of nothing"),
])
def test_token_validate_refuses(server: Server, body: dict[str, Any], status: tuple[int, ...]):
    reply = server.http.post("/token/validate", json=body)
    assert reply.status_code in status
    assert_refused(reply, reply.status_code)


def test_a_disabled_user_is_told_so_nowhere_but_at_the_door(server: Server, person_with_tokens, pkce_url: str):
    person, tokens = person_with_tokens
    number = server.http.get("/users/me", headers=bearer(tokens["access_token"])).json()["phone"]
    disabled = server.command("users", "disable", number)
    assert disabled.returncode == 0, disabled.stderr
    assert not is_good(server, tokens["access_token"])
    assert_refused(
        server.http.post("/oauth2/logout?sessions=all", headers=bearer(tokens["access_token"])), 401, "002-016"
    )
    assert not is_signed_in(person, pkce_url)
    linked = begin(server, number=number)
    decided = linked.decide()
    if decided.status_code == 200:                  # told now, or when the app confirms: the contract leaves it open
        assert_refused(linked.login.confirm(linked.poll().json()["code"]), 401, "002-040")
    else:
        assert_refused(decided, 401, "002-040")
