"""No statement of the server reads a whole table of people's rows, on either engine: with twenty thousand people in the
database, everything is done once, and the database is asked how it did each statement.

The people and the listening are the growth benchmark's (`make bench-growth`), which does the same with ten million.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "Benchmarks"))

import plans  # noqa: E402
import population  # noqa: E402
from first_party import Challenge  # noqa: E402
from harness import (  # noqa: E402
    Server, confidential_client, eventually, fresh_number, machine_client, phone_client,
)
from kii import App, kii_client  # noqa: E402
from person import authorize_url, people  # noqa: E402
from postgresql import PostgreSQLServer, programs  # noqa: E402

PEOPLE = 20_000
CLEANED = ["token_grant", "refresh_token", "session", "message", "rate_limit", "opaque_token", "security_event"]
USED = ["account_phone", "token_grant", "refresh_token", "session", "consent", "message", "device_authorization",
        "logout_notice", "security_event"]
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
CLIENTS = [
    phone_client("app"),
    confidential_client("theirs", first_party=False, backchannel_logout_uri="http://127.0.0.1:9/logout"),
    phone_client("tv", redirect_uris=[], grant_types=[DEVICE_CODE], first_party=False),
    machine_client("machine"),
    machine_client("resource-server", may_introspect=True),
    kii_client("kii"),
]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQLServer]:
    with PostgreSQLServer() as server:
        yield server


def test_sqlite_reads_no_whole_table(tmp_path: Path):
    file = tmp_path / "people.sqlite"
    server = Server(tmp_path / "server", clients=CLIENTS, environment={"DENWA_DATABASE_URL": f"sqlite:{file}"})
    migrate(server)
    population.fill_sqlite(str(file), PEOPLE)
    listener = plans.listen_to_sqlite(file, tmp_path)
    server.environment |= listener.environment
    use(server)
    assert_only_searches(listener.heard(), CLEANED + USED)


def test_postgresql_reads_no_whole_table(tmp_path: Path, postgresql: PostgreSQLServer):
    database = postgresql.create_database("people")
    server = Server(
        tmp_path / "server", clients=CLIENTS, environment={"DENWA_DATABASE_URL": postgresql.url(database)})
    migrate(server)
    population.fill_postgresql(lambda script: postgresql.query(script, database), PEOPLE)
    # The plan that a connection settles on for all values alike, which is the one that knows least.
    with plans.listening_to_postgresql(postgresql, database) as cleaning:
        clean_up(server, cleaning)
    assert_only_searches(cleaning.heard(), CLEANED)
    # The rest with plans that know no values, which connections settle on. Those of the clean-up are made for the time
    # that it is: how much has expired decides.
    with plans.listening_to_postgresql(postgresql, database, plan_cache_mode="force_generic_plan") as everything:
        use(server)
    assert_only_searches(everything.heard(), USED, but=cleaning.heard().statements)


def test_a_whole_table_is_noticed(tmp_path: Path, postgresql: PostgreSQLServer):
    file = tmp_path / "people.sqlite"
    migrate(Server(tmp_path / "server", environment={"DENWA_DATABASE_URL": f"sqlite:{file}"}))
    whole = plans.judge_sqlite(file, {
        "SELECT id FROM account WHERE created_at = $1", "SELECT c.scope FROM consent c WHERE c.client_id = $1",
        "SELECT id FROM account WHERE id = $1"})
    assert [found.reason.split(" USING")[0] for found in whole.whole_tables] == ["SCAN c", "SCAN account"]

    database = postgresql.create_database("noticed")
    postgresql.query("CREATE TABLE many AS SELECT n FROM generate_series(1, 5000) AS n", database)
    postgresql.query("ALTER TABLE many OWNER TO denwa", database)
    postgresql.query("ANALYZE many", database)
    with plans.listening_to_postgresql(postgresql, database) as listener:
        subprocess.run([programs() / "psql", "-c", "SELECT 1 FROM many WHERE n = 3", postgresql.url(database)], check=True)
    assert [found.reason for found in listener.heard().whole_tables] == ["Seq Scan on many"]


def migrate(server: Server) -> None:
    done = server.command("migrate")
    assert done.returncode == 0, done.stderr


def assert_only_searches(heard: plans.Heard, tables: list[str], but: set[str] = frozenset()) -> None:
    """- Parameter tables: what must have been heard of."""
    for table in tables:
        assert any(table in statement for statement in heard.statements), f"nothing was heard of {table}"
    whole = [found for found in heard.whole_tables if found.statement not in but]
    assert not whole, "\n\n".join(f"{found.reason}:\n{found.statement}" for found in whole)


def clean_up(server: Server, listener: plans.Listener) -> None:
    server.start()
    try:
        eventually("the clean-up went round", lambda: any(
            "DELETE FROM registered_client" in statement for statement in listener.heard().statements))
    finally:
        server.end()


# MARK: everything once


def use(server: Server) -> None:
    """Newcomers and people who were there before, at every door; the work in the background goes on meanwhile."""
    server.start()
    try:
        sign_in_to_apps(server)
        sign_in_by_browser(server)
        sign_in_by_password(server)
        for command in ("show", "sign-out", "disable", "enable", "delete"):
            confirmed = ["--yes"] if command == "delete" else []
            done = server.command("users", command, population.phone_number(7), *confirmed)
            assert done.returncode == 0, f"{command}: {done.stderr}"
        assert server.end() == 0
    finally:
        server.dispose()


def sign_in_to_apps(server: Server) -> None:
    for number in (population.phone_number(5), fresh_number()):
        login = server.login("app", number, scope="offline")
        login.request()
        login.confirm_wrongly()
        tokens = login.tokens()
        again = server.refresh("app", tokens["refresh_token"]).json()
        assert server.is_active(again["access_token"])
        assert server.refresh("app", again["refresh_token"]).status_code == 200
        assert server.revoke(again["access_token"], by="app").status_code == 200
        assert server.revoke(again["refresh_token"], by="app").status_code == 200
    assert Challenge(server, number=population.phone_number(6)).tokens()["access_token"]
    assert server.client_credentials().status_code == 200


def sign_in_by_browser(server: Server) -> None:
    with people() as make:
        person = make(server)
        page = person.sign_in(authorize_url(server, "theirs", scope="openid offline_access"), population.phone_number(7))
        code = person.consent(page).parameters["code"]
        redirect_uri = server.client("theirs")["redirect_uris"][0]
        tokens = server.token("theirs", {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}).json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert server.http.get("/oauth2/userinfo", headers=bearer).status_code == 200
        assert "code" in person.visit(authorize_url(server, "theirs", scope="openid")).parameters

        device = server._form("/oauth2/device_authorization", "tv", {}, None).json()
        make(server).allow_device(device["verification_uri_complete"], population.phone_number(8))
        poll = {"grant_type": DEVICE_CODE, "device_code": device["device_code"]}
        assert server.token("tv", poll).status_code == 200
        # Queues a notice for the app that wants to hear of it.
        assert server.http.post("/oauth2/logout?sessions=all", headers=bearer).status_code in (200, 204)


def sign_in_by_password(server: Server) -> None:
    app = App(server, "kii")
    user = app.sign_up()
    assert app.log_in(user.given["loginName"]).status_code == 200
