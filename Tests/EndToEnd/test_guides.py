"""docs/guides: each program runs as it is shown, against the clients that the repository registers, but for the
addresses of this run and the person, who reads the texts and presses the buttons."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from browser.pages import SignIn
from harness import (
    REPOSITORY, Server, StartServer, code_in, eventually, free_port, fresh_number, six_digits_other_than,
)
from person import Person, people

GUIDES = REPOSITORY / "docs" / "guides"

#: Each guide's blocks of code that run, by language. What is registered and what is printed is not run.
RUNNING = ("python", "sh", "js", "html")
BLOCKS = {
    "console.md": ["python"],
    "game.md": ["python", "sh"],
    "mobile.md": ["python"],
    "resource-server.md": ["sh", "python"],
    "server.md": ["python", "python", "sh"],
    "single-page-app.md": ["html", "js", "sh"],
}


def blocks(guide: str) -> list[tuple[str, str]]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", (GUIDES / guide).read_text(), re.M | re.S)
    return [(language, code) for language, code in found if language in RUNNING]


def test_no_example_is_left_out() -> None:
    """What is listed here is run by a test below."""
    shown = {page.name: [language for language, _ in blocks(page.name)] for page in GUIDES.glob("*.md")}
    assert shown == BLOCKS


def test_what_is_shown_as_registered_is_registered() -> None:
    file = json.loads((REPOSITORY / "clients.json").read_text())
    registered = {client["client_id"]: client for client in file["clients"]}
    for page in GUIDES.glob("*.md"):
        shown = re.findall(r"^```json\n(\{\n  \"client_id\".*?)^```$", page.read_text(), re.M | re.S)
        assert shown, f"{page.name} shows no client"
        for client in map(json.loads, shown):
            assert registered[client["client_id"]] == client, page.name


class Site:
    """A server with the repository's clients, and the addresses of the programs of this run."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self.directory = directory
        self.server = start(started_=False, DENWA_DEVICE_INTERVAL_SECONDS="1")
        self.addresses = {"http://localhost:8080": self.server.url} | {
            f"http://localhost:{port}": f"http://127.0.0.1:{free_port()}" for port in (5050, 8000, 8090)}
        self.server.write_clients(json.loads(self.here((REPOSITORY / "clients.json").read_text()))["clients"])
        self.server.start()

    def here(self, text: str) -> str:
        """With the addresses of this run; a port alone is one of them, too."""
        for shown, real in self.addresses.items():
            text = text.replace(shown, real).replace(f"port={shown[-4:]}", f"port={real.rpartition(':')[2]}")
            text = text.replace(f'("127.0.0.1", {shown[-4:]})', f'("127.0.0.1", {real.rpartition(":")[2]})')
        return text

    def address(self, port: int) -> str:
        return self.addresses[f"http://localhost:{port}"]

    def block(self, guide: str, number: int) -> str:
        return self.here(blocks(guide)[number][1])

    def python(self, guide: str, number: int) -> Program:
        path = self.directory / f"{guide.removesuffix('.md')}_{number}.py"
        path.write_text(self.block(guide, number))
        return Program([sys.executable, "-W", "error", str(path)], self.directory)

    def sh(self, guide: str, number: int, **variables: str) -> str:
        done = subprocess.run(
            ["sh", "-eu", "-c", self.block(guide, number)], env={"PATH": "/usr/bin:/bin"} | variables,
            capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout


class Program:
    """A program of a guide, which somebody sits in front of."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.process = subprocess.Popen(
            command, cwd=directory, text=True, bufsize=1,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "BROWSER": "true", "NO_PROXY": "127.0.0.1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while character := self.process.stdout.read(1):
            self.said += character

    def says(self, pattern: str) -> str:
        """The first group of what it says, as soon as it is there."""
        def said() -> re.Match | None:
            if has_ended := self.process.poll() is not None:
                self._reader.join(timeout=5)
            found = re.search(pattern, self.said)
            assert found or not has_ended, f"it ended: {self.said}"
            return found

        return eventually(f"{pattern} in the program's words", said, timeout=20).group(1)

    def types(self, text: str) -> None:
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """All it said, once it has ended by itself and well."""
        status = self.process.wait(timeout=20)
        self._reader.join(timeout=5)
        assert status == 0, self.said
        return self.said

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(timeout=5)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def site(start_module_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(start_module_server, tmp_path_factory.mktemp("programs"))


@pytest.fixture
def run(site: Site) -> Iterator[Callable[[str, int], Program]]:
    """`run("game.md", 0)`: starts the guide's block of that number. Ended with the test."""
    started: list[Program] = []

    def start(guide: str, number: int) -> Program:
        started.append(site.python(guide, number))
        return started[-1]

    try:
        yield start
    finally:
        for program in started:
            program.stop()


@pytest.fixture
def person(site: Site) -> Iterator[Person]:
    with people() as make:
        yield make(site.server)


@pytest.fixture
def serve(site: Site, run: Callable[[str, int], Program]) -> Callable[[str, int, int], str]:
    """Starts a program that listens on what is that port in the guide. Answers its address, once it listens."""

    def start(guide: str, number: int, port: int) -> str:
        program = run(guide, number)

        def is_listening() -> bool:
            assert program.process.poll() is None, program.said
            try:
                return httpx.get(site.address(port), trust_env=False).status_code > 0
            except httpx.TransportError:
                return False

        eventually(f"{guide} listens", is_listening, timeout=20)
        return site.address(port)

    return start


def text_to(site: Site, number: str, count: int = 1) -> str:
    return code_in(site.server.outbox.wait(number, count))


# MARK: apps that people hold


def test_a_game_signs_in_on_its_own_screens(site: Site, run: Callable[[str, int], Program]) -> None:
    number, game = fresh_number(), run("game.md", 0)
    game.types(number)
    game.types(six_digits_other_than(text_to(site, number)))
    game.types("again")
    game.types(text_to(site, number, 2))
    said = game.end()
    assert said.count("The code we texted you") == 3
    assert "signed in with a DPoP token" in said and number in said
    assert "refreshed, good for 3600 seconds" in said and said.endswith("signed out\n")


def test_a_game_finds_the_nonce_that_the_server_wants(
    start_server: StartServer, tmp_path: Path, site: Site
) -> None:
    server = start_server(clients=site.server.clients, DENWA_DPOP_REQUIRE_NONCE="true")
    path, number = tmp_path / "game.py", fresh_number()
    path.write_text(blocks("game.md")[0][1].replace("http://localhost:8080", server.url))
    game = Program([sys.executable, str(path)], tmp_path)
    try:
        game.types(number)
        game.types(code_in(server.outbox.wait(number)))
        said = game.end()
    finally:
        game.stop()
    assert "signed in with a DPoP token" in said and "signed out" in said


@pytest.mark.single_node("the inbox of development shows what one process sent")
def test_the_phone_login_of_the_game_runs_as_typed(site: Site) -> None:
    replies = [json.loads(line) for line in site.sh("game.md", 1).splitlines() if line.startswith("{")]
    started, confirmed, tokens, refreshed, revoked = replies
    assert started["code_length"] == 6 and "device_id" in confirmed
    assert tokens["refresh_token"] != refreshed["refresh_token"]
    assert revoked == {}


def test_a_native_app_comes_back_from_the_browser(
    site: Site, run: Callable[[str, int], Program], person: Person
) -> None:
    number, app = fresh_number(), run("mobile.md", 0)
    page = person.sign_in(app.says(r"(http\S+/oauth2/authorize\?\S+)\n"), number)
    assert "You can close this page." in person.consent(page).text
    said = app.end()
    assert number in said and "refreshed" in said and said.endswith("signed out\n")


def test_a_native_app_hears_a_no(site: Site, run: Callable[[str, int], Program], person: Person) -> None:
    app = run("mobile.md", 0)
    page = person.sign_in(app.says(r"(http\S+/oauth2/authorize\?\S+)\n"), fresh_number())
    person.consent(page, allow=False)
    assert app.process.wait(timeout=20) == 1
    assert "access_denied" in app.says(r"(access_denied)")


def test_a_console_is_signed_in_by_a_phone(site: Site, run: Callable[[str, int], Program], person: Person) -> None:
    number, console = fresh_number(), run("console.md", 0)
    code = console.says(r"and type (\S{4}-\S{4}),")
    picture = httpx.get(console.says(r"the picture at (\S+)\n"), trust_env=False)
    assert picture.headers["content-type"].startswith("image/svg+xml") and "<svg" in picture.text
    approve(site, person, console.says(r"Open (\S+) on"), code, number, "allow")
    said = console.end()
    assert number in said and "refreshed" in said and said.endswith("signed out\n")


def test_a_console_hears_a_no(site: Site, run: Callable[[str, int], Program], person: Person) -> None:
    console = run("console.md", 0)
    code = console.says(r"and type (\S{4}-\S{4}),")
    approve(site, person, console.says(r"Open (\S+) on"), code, fresh_number(), "deny")
    assert console.process.wait(timeout=20) == 1
    assert console.says(r"(you said no)")


def approve(site: Site, person: Person, address: str, code: str, number: str, decision: str) -> None:
    page = person.visit(address)
    page = person.submit(page.form("user_code"), user_code=code.lower())
    if page.has_form("phone_number"):
        page = person.type_code(person.type_number(page, number), text_to(site, number))
    person.submit(page.form("decision"), decision=decision)


# MARK: the browser


@contextmanager
def static_files(directory: Path, address: str) -> Iterator[None]:
    """What `python3 -m http.server` does, in a thread."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    port = int(address.rpartition(":")[2])
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_page_signs_in_refreshes_reloads_and_signs_out(site: Site, tmp_path: Path) -> None:
    page_of_app, script, command = (site.block("single-page-app.md", number) for number in range(3))
    assert command == "python3 -m http.server 8000\n"
    (tmp_path / "index.html").write_text(page_of_app)
    (tmp_path / "app.js").write_text(script)
    with static_files(tmp_path, site.address(8000)), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(locale="en")
        proven: list[tuple[str, str]] = []
        page.on("request", lambda request: "dpop" in request.headers and proven.append(
            (request.method, request.headers.get("authorization", "").split(" ")[0])))
        page.goto(site.address(8000))
        page.get_by_role("button", name="Sign in with your phone").click()
        somebody = SignIn(page, site.server, fresh_number())
        somebody.send_number()
        somebody.type_code(somebody.texted_code())
        somebody.button("consent", "allow").click()
        expect(page.get_by_role("status")).to_contain_text(f"You are {somebody.number}.")
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_role("status")).to_contain_text(f"You are {somebody.number}.")
        assert proven[:2] == [("POST", ""), ("GET", "DPoP")]
        page.reload()
        expect(page.get_by_role("status")).to_contain_text(f"You are {somebody.number}.")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in with your phone")).to_be_visible()
        assert len(proven) >= 6
        browser.close()


# MARK: servers


def test_a_shop_signs_people_in_with_a_pushed_request(
    site: Site, serve: Callable[[str, int, int], str], person: Person
) -> None:
    number, shop = fresh_number(), serve("server.md", 0, 5050)
    page = person.sign_in(f"{shop}/login", number)
    assert f"You are {number}." in person.consent(page).words
    page = person.submit(person.page.form())
    assert page.url == f"{shop}/" and "Sign in with your phone" in page.words
    page = person.consent(person.sign_in(f"{shop}/login", fresh_number()), allow=False)
    assert page.status == 403 and page.alert


def access_token(site: Site, scope: str = "offline", **login: object) -> dict:
    return site.server.login("demo-game", scope=scope, **login).tokens()


def test_a_service_calls_an_api_in_its_own_name(
    site: Site, serve: Callable[[str, int, int], str], run: Callable[[str, int], Program]
) -> None:
    serve("resource-server.md", 1, 8090)
    assert run("server.md", 1).end() == '200 {"reports": [], "for": "demo-server"}\n'


def test_an_api_trades_the_token_it_was_called_with(site: Site) -> None:
    traded = json.loads(site.sh("server.md", 2, access=access_token(site)["access_token"]))
    assert traded["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    seen = site.server.introspect(traded["access_token"], by="demo-api").json()
    assert (seen["aud"], seen["client_id"], seen["act"]) == ("demo-reports", "demo-api", {"sub": "demo-api"})


def test_introspection_runs_as_typed(site: Site) -> None:
    plain, signed, keys = site.sh("resource-server.md", 0).splitlines()
    assert json.loads(plain)["active"] is True and json.loads(keys)["keys"]
    assert signed.count(".") == 2


def call(
    api: str, path: str, token: str, scheme: str = "Bearer", method: str = "GET", **headers: str
) -> httpx.Response:
    return httpx.request(
        method, api + path, headers={"Authorization": f"{scheme} {token}"} | headers, trust_env=False)


def test_a_resource_server_lets_in_whom_it_should(site: Site, serve: Callable[[str, int, int], str]) -> None:
    api = serve("resource-server.md", 1, 8090)
    tokens = access_token(site, "offline reports:read")
    token = tokens["access_token"]
    assert call(api, "/profile", token).json()["client"] == "demo-game"
    assert call(api, "/reports", token).status_code == 200
    assert call(api, "/payout", token, method="POST").status_code == 200
    # Scope, signature, kind and audience.
    refused = call(api, "/reports", access_token(site)["access_token"])
    assert refused.status_code == 403 and 'scope="reports:read"' in refused.headers["www-authenticate"]
    head, claims, signature = token.split(".")
    forged = f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    for_others = site.server.client("demo-game") | {"client_id": "elsewhere", "audience": "another-api"}
    site.server.write_clients([*site.server.clients, for_others])
    site.server.reload()
    foreign = eventually("the client is known", lambda: token_of_new_client(site, "elsewhere"))
    for other in (forged, tokens["refresh_token"], access_token(site, "openid")["id_token"], foreign):
        reply = call(api, "/profile", other)
        assert reply.status_code == 401 and 'error="invalid_token"' in reply.headers["www-authenticate"], other
    assert httpx.get(f"{api}/profile", trust_env=False).status_code == 401
    # A service is nobody's profile.
    own = site.server.client_credentials("demo-api").json()["access_token"]
    assert call(api, "/profile", own).status_code == 403


def token_of_new_client(site: Site, client_id: str) -> str | None:
    login = site.server.login(client_id)
    return login.tokens()["access_token"] if login.request().status_code == 200 else None


def test_a_resource_server_asks_about_a_token_once_and_hears_of_its_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program's functions, in this process, where its questions can be counted."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    asked: list[dict] = []
    api = functions(site, "resource-server.md", 1)
    api["httpx"] = SimpleNamespace(
        get=httpx.get, stream=httpx.stream, HTTPError=httpx.HTTPError,
        post=lambda *where, **what: asked.append(what) or httpx.post(*where, **what))
    try:
        eventually("it listens", lambda: api["revocations"].heard > 0)
        tokens, other = access_token(site), access_token(site)["access_token"]
        for _ in range(3):
            assert api["verify"](tokens["access_token"])["client_id"] == "demo-game"
            assert api["verify"](other)
        assert len(asked) == 2
        site.server.revoke(tokens["refresh_token"], by="demo-game")

        def is_refused() -> bool:
            try:
                return not api["verify"](tokens["access_token"])
            except api["Refused"] as refused:
                return 'error="invalid_token"' in refused.challenge

        eventually("the token is refused", is_refused, timeout=5)
        assert api["verify"](other) and len(asked) == 2
    finally:
        # Its thread connects no more when the server has ended.
        api["time"] = SimpleNamespace(
            time=time.time, monotonic=time.monotonic, sleep=lambda _: threading.Event().wait())


def functions(site: Site, guide: str, number: int) -> dict:
    """What a program defines, without running it."""
    defined: dict = {"__name__": "guide"}
    exec(compile(site.block(guide, number), guide, "exec"), defined)
    return defined


def test_a_resource_server_wants_the_key_of_a_bound_token(
    site: Site, serve: Callable[[str, int, int], str]
) -> None:
    """The game's own proof, made by the function in its guide."""
    api = serve("resource-server.md", 1, 8090)
    game = functions(site, "game.md", 0)
    login = site.server.login("demo-game", scope="offline")
    form = {"grant_type": "authorization_code", "code": login.authorization_code()}
    url = f"{site.server.url}/oauth2/token"
    token = site.server.token(
        "demo-game", form, headers={"DPoP": game["proof"]("POST", url)}).json()["access_token"]

    def proof(method: str = "GET", path: str = "/profile", of: str = token) -> str:
        return game["proof"](method, api + path, of)

    good = proof()
    assert call(api, "/profile", token, "DPoP", DPoP=good).status_code == 200
    for refused in (good, proof("POST"), proof(path="/reports"), proof(of="another"), "", "no.proof.atall"):
        reply = call(api, "/profile", token, "DPoP", DPoP=refused)
        assert reply.status_code == 401 and "invalid_dpop_proof" in reply.headers["www-authenticate"], refused
    assert call(api, "/profile", token, "DPoP").status_code == 401
    assert call(api, "/profile", token, "Bearer", DPoP=proof()).status_code == 401
    game["key"] = type(game["key"]).generate_key("P-256")
    assert call(api, "/profile", token, "DPoP", DPoP=proof()).status_code == 401


def test_a_resource_server_asks_for_a_fresh_sign_in(
    site: Site, serve: Callable[[str, int, int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of this very second, where the guide allows five minutes."""
    impatient = site.block("resource-server.md", 1).replace("> 300:", "> 0:")
    monkeypatch.setattr(site, "block", lambda guide, number: impatient)
    api = serve("resource-server.md", 1, 8090)
    token = access_token(site)["access_token"]
    eventually("a second has passed", lambda: call(api, "/payout", token, method="POST").status_code == 401, 5)
    challenge = call(api, "/payout", token, method="POST").headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge and 'max_age="300"' in challenge
