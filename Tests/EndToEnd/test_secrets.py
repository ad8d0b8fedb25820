"""No secret in anything written: whole flows, their failures too, then a search through all logs and files."""

from __future__ import annotations

import json
import re
import signal
import time
from dataclasses import dataclass, field

import pytest

from databases import SQLiteFile
from harness import (
    Server, StartServer, code_in, code_of, confidential_client, fresh_number, machine_client, phone_client, pkce,
    secret_of, six_digits_other_than,
)
from proofs import SigningKey, asserting, assertion, proof, request_object


@dataclass
class Secrets:
    """All that must not be found, by what it is."""

    everywhere: dict[str, str] = field(default_factory=dict)    # value → what it is
    in_logs: dict[str, str] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    bodies: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)


def run_flows(server: Server) -> Secrets:
    secrets = Secrets()
    hide, hide_in_logs = secrets.everywhere.setdefault, secrets.in_logs.setdefault

    def number() -> str:
        made = fresh_number()
        secrets.numbers.add(made)
        return made

    for client in ("40017", "web-basic", "web-post", "xsolla", "hs256"):
        verifier, query = pkce()
        hide_in_logs(verifier, "a PKCE verifier")
        login = server.login(client, number=number(), scope="offline read", query=query)
        assert login.request().status_code == 200
        secrets.codes.add(login.texted_code())
        wrong = six_digits_other_than(login.texted_code())
        secrets.codes.add(wrong)
        assert login.confirm(wrong).status_code == 401
        confirmed = login.confirm()
        hide_in_logs(confirmed.json()["device_id"], "a device id")
        code = code_of(confirmed.json()["login_url"])
        hide(code, "an authorization code")
        assert server.token(client, {"grant_type": "authorization_code", "code": "x" + code}).status_code == 400
        if client.startswith("web"):
            hide("a-wrong-secret-9Xk2", "a wrong client secret")
            refused = server.token(
                client, {"grant_type": "authorization_code", "code": code}, secret="a-wrong-secret-9Xk2")
            assert refused.status_code == 401
        tokens = login.token(code, code_verifier=verifier).json()
        renewed = server.refresh(client, tokens["refresh_token"]).json()
        for answer in (tokens, renewed):
            hide(answer["refresh_token"], "a refresh token")
            hide(answer["access_token"], "an access token")
            hide(answer["access_token"].split(".")[2], "the signature of an access token")
        assert server.introspect(renewed["access_token"]).json()["active"] is True
        assert server.introspect(renewed["access_token"], by="stranger").json() == {"active": False}
        assert server.http.post("/token/validate", json={"token": renewed["access_token"]}).status_code == 204
        assert server.http.post("/token/validate", json={"token": renewed["access_token"][:-4]}).status_code != 204
        assert server.revoke(renewed["refresh_token"], by=client).status_code == 200
        assert login.token(code).status_code == 400                              # a replay
        assert server.refresh(client, renewed["refresh_token"]).status_code == 400
        secrets.bodies |= {message["body"] for message in server.outbox.messages(login.number)}

    # Failures that have something to leak in their input.
    dead = server.login(number=number())
    dead.request()
    secrets.codes.add(dead.texted_code())
    dead.confirm_wrongly(6)
    dead.request()
    waiting = server.login(number=number())
    waiting.request()                                 # its code is still good when the search begins
    secrets.codes.add(waiting.texted_code())
    secrets.bodies.add(waiting.text()["body"])
    stray = number()
    for reply in (
        server.http.post(f"/oauth2/login/phone/request?client_id={stray}", json={"phone_number": stray}),
        server.http.post(dead.request_url(), content=f'{{"phone_number": "{stray}", "oops'),
        server.http.post(dead.request_url(), content=f'{{"phone_number": "{stray}", "oops',
                         headers={"Content-Type": "application/json"}),
        server.http.post(dead.request_url(), json={"phone_number": stray + "\n"}),
        server.http.post(dead.request_url(), json={"phone_number": stray, "send_link": stray}),
        server.http.get(f"/oauth2/login/phone/request?phone_number={stray.replace('+', '%2B')}&code=837261"),
        server.http.post("/oauth2/token", data={"grant_type": stray, "client_secret": "a-wrong-secret-9Xk2"}),
        server.http.get(f"/no/such/page/{stray}?refresh_token=a-wrong-secret-9Xk2"),
    ):
        assert reply.status_code >= 400
        assert stray not in reply.text

    machine = server.client_credentials().json()["access_token"]
    hide(machine, "an access token")
    for client in server.clients:
        if secret := client.get("client_secret"):
            assert secret == secret_of(client["client_id"])
            hide(secret, "a client secret")
    return secrets


@pytest.fixture(scope="module")
def written(start_module_server) -> tuple[Server, Secrets, dict[str, bytes]]:
    """A server that logged all it could, what it should have hidden, and its database while it was running."""
    server = start_module_server(DENWA_LOG_LEVEL="trace")
    secrets = run_flows(server)
    time.sleep(0.2)                                   # whatever is written later than answered
    files = server.database.content()
    server.end(signal.SIGTERM)
    files |= {f"{name} after the end": content for name, content in server.database.content().items()}
    return server, secrets, files


def logs(server: Server) -> dict[str, str]:
    return {
        "stdout": server.stdout.read_text(errors="replace"),
        "stderr": server.stderr.read_text(errors="replace"),
        "developer log": "\n".join(server.developer_log()),
    }


def test_there_is_something_to_search(written):
    """The searches below would find nothing in an empty file either."""
    server, secrets, files = written
    if isinstance(server.database, SQLiteFile):
        assert files["denwa.sqlite"].startswith(b"SQLite format 3\0")
        assert "denwa.sqlite-wal" in files
    everything = b"".join(files.values())
    assert b"40017" in everything, "a client id is no secret, and every grant has one"
    found = logs(server)
    assert found["stdout"] + found["stderr"] and found["developer log"]
    assert "40017" in found["developer log"]
    assert len(secrets.everywhere) >= 30 and len(secrets.codes) >= 7 and len(secrets.bodies) >= 5


def test_the_database_holds_no_token_no_authorization_code_and_no_client_secret(written):
    _, secrets, files = written
    found = [
        f"{what} in {name}"
        for name, content in files.items() for value, what in secrets.everywhere.items() if value.encode() in content
    ]
    assert found == []


def test_the_database_holds_no_texted_code_and_no_text(written):
    """Six digits alone may turn up by chance; the words around them, or the code as a value of its own, may not."""
    _, secrets, files = written
    found = []
    for name, content in files.items():
        for body in secrets.bodies:
            code = code_in({"body": body})
            at = body.index(code)
            context = body[max(0, at - 8): at + len(code) + 8]
            assert len(context) > len(code)
            forms = (context, json.dumps(context)[1:-1], f'"{code}"', f"'{code}'", f"#{code}")
            found += [f"{form!r} in {name}" for form in forms if form.encode() in content]
    assert found == []


def test_no_column_is_a_texted_code(written):
    server, secrets, _ = written
    assert not server.is_running
    tables = server.database.tables()
    assert tables
    found = []
    for table in tables:
        for row in server.database.rows(f'SELECT * FROM "{table}"'):
            values = {value.decode(errors="replace") if isinstance(value, bytes) else value for value in row.values()}
            found += [f"a code in {table}" for code in secrets.codes if code in values]
    assert found == []


def test_no_log_holds_a_secret(written):
    server, secrets, _ = written
    hidden = secrets.everywhere | secrets.in_logs
    found = [
        f"{what} in the {name}"
        for name, content in logs(server).items() for value, what in hidden.items() if value in content
    ]
    assert found == []


def test_no_log_holds_a_whole_number(written):
    server, secrets, _ = written
    found = []
    for name, content in logs(server).items():
        for number in secrets.numbers:
            digits = number.lstrip("+")
            for form in (number, digits, f"0{digits[2:]}", f"%2B{digits}", f"{digits[2:4]}-{digits[4:8]}-{digits[8:]}"):
                if re.search(rf"(?<!\d){re.escape(form.lstrip('+'))}(?!\d)", content):
                    found.append(f"{form} in the {name}")
    assert found == []


def test_no_log_holds_a_texted_code(written):
    server, secrets, _ = written
    found = []
    for name, content in logs(server).items():
        for code in secrets.codes:
            named = rf"""(?i)\b(code|otp|pin|guess|body|text)\b["']?\s*[:=]\s*["']?[^"'\n]{{0,60}}(?<!\d){code}(?!\d)"""
            if re.search(named, content) or f'"{code}"' in content or f"#{code}" in content:
                found.append(f"{code} in the {name}")
        for body in secrets.bodies:
            if body in content or json.dumps(body)[1:-1] in content:
                found.append(f"a text in the {name}")
    assert found == []


def test_what_a_caller_put_into_a_url_is_not_in_the_logs(written):
    server, _, _ = written
    found = [name for name, content in logs(server).items() if re.search(r"code=837261|refresh_token=a-wrong", content)]
    assert found == []


def test_numbers_in_the_developer_log_are_masked(written):
    server, secrets, _ = written
    events = [json.loads(line) for line in server.developer_log()]
    phones = {event["phone"] for event in events if event.get("phone")}
    assert phones, "the events of phone logins name the number they were about"
    assert all("*" in phone for phone in phones)
    ends = {number[-4:] for number in secrets.numbers}
    assert {phone[-4:] for phone in phones} <= ends, "masked as +8190****1234"


def test_keys_are_readable_by_their_owner_only(written):
    server, _, _ = written
    keys = [path for path in server.keys.rglob("*") if path.is_file() and path.name != "keyset.json"]
    assert keys
    assert [path.name for path in keys if path.stat().st_mode & 0o077] == []


# MARK: what clients sign and push


def test_what_clients_sign_and_push_is_written_nowhere(start_server: StartServer):
    """Not by a server that logs all it can: proofs, assertions, and whole requests with the numbers in them."""
    key = SigningKey.generate()
    server = start_server(DENWA_LOG_LEVEL="trace", clients=[
        confidential_client("web", jwks=key.jwks), machine_client("machine"),
        phone_client("signs", jwks=key.jwks, token_endpoint_auth_method="private_key_jwt"),
    ])
    number = fresh_number()
    asked = {
        "client_id": "web", "response_type": "code", "redirect_uri": "https://web.example/callback",
        "state": "state-4Hq8vT2x", "nonce": "nonce-9Lw3kR7m", "login_hint": number,
    }
    signed = request_object(key, "web", server.url, asked)
    proven = proof(key, "POST", f"{server.url}/oauth2/token", jti="jti-6Zp1dY5c")
    asserted = assertion(key, "signs", server.url)
    basic = {"auth": ("web", secret_of("web"))}

    uris = [server.http.post("/oauth2/par", data=form, **basic).json()["request_uri"]
            for form in (asked, {"client_id": "web", "request": signed}, asked)]
    sealed = [server.http.get("/oauth2/authorize", params={"client_id": "web", **more}).headers["location"]
              for more in ({"request_uri": uris[0]}, {"request": signed})]
    machine = {"headers": {"DPoP": proven}, "auth": ("machine", secret_of("machine"))}
    for status in (200, 400):                         # and as a replay
        assert server.http.post(
            "/oauth2/token", data={"grant_type": "client_credentials"}, **machine).status_code == status
    for status in (400, 401):
        form = {"grant_type": "refresh_token", "refresh_token": "x"} | asserting(asserted)
        assert server.http.post("/oauth2/token", data=form).status_code == status
    server.end()

    hidden = {
        **{uri.rpartition(":")[2]: "a request_uri" for uri in uris},
        **{address.rpartition("request_uri=")[2][-60:]: "a sealed request" for address in sealed},
        **{token.split(".")[2]: "a signature" for token in (signed, proven, asserted)},
        **{token.split(".")[1]: "what was signed" for token in (signed, proven, asserted)},
        "4Hq8vT2x": "a state", "9Lw3kR7m": "a nonce", "6Zp1dY5c": "a jti", number[1:]: "a number",
    }
    database = server.database.content()
    assert database
    files = {path.name: path.read_bytes() for path in server.directory.rglob("*")
             if path.is_file() and path != server.clients_file}
    found = [f"{what} in {name}" for name, content in (files | database).items() for value, what in hidden.items()
             if value.encode() in content]
    assert found == []
