"""`denwa users import` and `users export`: people move in with their numbers, names and password hashes, once.

The files are written here as other systems' exports would be, and the hashes by the libraries those systems use.
That somebody has moved in is shown by signing in: by phone, and by password over the Kii route.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import itertools
import json
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2
import bcrypt
import httpx
import jwt
import passlib.hash
import pytest

from harness import Server, StartServer, at_once, binary, fresh_number, phone_client

APP = "old-app"
APP_KEY = "app-key-of-old-app-5Rq8"
PASSWORD = "nine green Teapots 7x"

_names = itertools.count(1)


def fresh_name() -> str:
    return f"mover{os.getpid()}.{next(_names)}"


def clients() -> list[dict[str, Any]]:
    app = {"client_id": APP, "client_name": "Old app", "grant_types": [], "kii": {"app_key": APP_KEY}}
    return [app, phone_client("40017")]


QUIET = {
    "DENWA_LIMITS_PASSWORD_PER_IDENTIFIER": "0", "DENWA_LIMITS_PASSWORD_PER_IP": "0", "DENWA_GUARD_MODE": "off",
    "DENWA_ACCOUNTS_NUMBER_IDLE_DAYS": "0",
}


@pytest.fixture(scope="module")
def home(start_module_server: StartServer) -> Server:
    """A running server that people move to."""
    return start_module_server(clients=clients(), **QUIET)


@pytest.fixture
def empty(start_server: StartServer) -> Server:
    """A database of the test's own. Nobody listens: the commands need nobody."""
    return start_server(clients=clients(), started_=False, **QUIET)


# MARK: an app


def log_in(server: Server, username: str, password: str = PASSWORD) -> httpx.Response:
    """A password login the way an app built on Kii Cloud does it."""
    return server.http.post(
        f"/api/apps/{APP}/oauth2/token", json={"username": username, "password": password}, auth=(APP, APP_KEY))


def id_at_login(server: Server, username: str, password: str = PASSWORD) -> str:
    reply = log_in(server, username, password)
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


def assert_kept_out(reply: httpx.Response) -> None:
    assert (reply.status_code, reply.json().get("errorCode")) == (400, "invalid_grant"), reply.text


def profile(server: Server, username: str) -> dict[str, Any]:
    """What the app sees of somebody who is signed in."""
    token = log_in(server, username).json()["access_token"]
    reply = server.http.get(f"/api/apps/{APP}/users/me", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 200, reply.text
    return reply.json()


def subject_by_phone(server: Server, number: str) -> str:
    """The `sub` of a sign-in by texted code."""
    tokens = server.login("40017", number=number).tokens()
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["sub"]


# MARK: files


def as_csv(path: Path, rows: Iterable[dict[str, Any]], **dialect: str) -> Path:
    """A CSV file as Python writes it: CRLF, and quotes where they are needed."""
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", **dialect)
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def quick_hash(password: str = PASSWORD) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def mover(**more: Any) -> dict[str, Any]:
    """Somebody with an id, a name and a password."""
    return {"id": str(uuid.uuid4()), "login_name": fresh_name(), "password_hash": quick_hash()} | more


# MARK: the commands


@dataclass
class Import:
    """What one run of the command said."""

    status: int
    stdout: str
    stderr: str

    @property
    def summary(self) -> dict[str, Any]:
        """Of a run with `--json`: stdout is this one object and nothing else."""
        return json.loads(self.stdout)

    @property
    def counts(self) -> dict[str, int]:
        summary = self.summary
        assert set(summary) == {"dry_run", "imported", "already_there", "duplicates", "bad"}
        return {
            "imported": summary["imported"], "already_there": summary["already_there"],
            "duplicates": len(summary["duplicates"]), "bad": len(summary["bad"]),
        }

    @property
    def duplicates(self) -> list[tuple[int, str]]:
        return [(row["line"], row["field"]) for row in self.summary["duplicates"]]

    @property
    def bad(self) -> dict[int, list[str]]:
        return {row["line"]: row["problems"] for row in self.summary["bad"]}


def counts(imported: int = 0, already_there: int = 0, duplicates: int = 0, bad: int = 0) -> dict[str, int]:
    return {"imported": imported, "already_there": already_there, "duplicates": duplicates, "bad": bad}


def run_import(server: Server, file: Path | str, *options: str, timeout: float = 120) -> Import:
    done = server.command("users", "import", str(file), *options, timeout=timeout)
    return Import(done.returncode, done.stdout, done.stderr)


def import_all(server: Server, file: Path, *options: str) -> Import:
    """Insists that every row is new and good."""
    done = run_import(server, file, "--json", *options)
    assert done.status == 0, f"{done.stdout}\n{done.stderr}"
    assert (done.counts["duplicates"], done.counts["bad"], done.counts["already_there"]) == (0, 0, 0), done.stdout
    return done


def exported(server: Server, *options: str) -> list[dict[str, Any]]:
    done = server.command("users", "export", *options, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def show(server: Server, user: str) -> dict[str, Any] | None:
    done = server.command("users", "show", user, "--json")
    return json.loads(done.stdout) if done.returncode == 0 else None


# MARK: moving in


def test_people_move_in_beside_a_running_server_and_sign_in_at_once(home: Server, tmp_path: Path):
    people = [mover(phone_number=fresh_number(), email=f"{fresh_name()}@mail.example") for _ in range(3)]
    done = import_all(home, as_csv(tmp_path / "users.csv", people))
    assert done.counts == counts(imported=3)
    assert done.summary["dry_run"] is False
    for person in people:
        assert subject_by_phone(home, person["phone_number"]) == person["id"]
        for name in (person["login_name"], person["phone_number"], person["email"]):
            assert id_at_login(home, name) == person["id"]
        assert_kept_out(log_in(home, person["login_name"], PASSWORD + "!"))


def test_everything_a_row_says_is_kept(home: Server, tmp_path: Path):
    person = mover(
        phone_number=fresh_number(), email=f"{fresh_name()}@mail.example", email_verified=True,
        display_name="山田 \"Hana\" 花子", country="JP", locale="ja", created_at="2019-03-04T05:06:07.890Z",
        properties={"coins": 5, "bag": {"swords": ["long", None]}, "rank": "gold", "vip": False},
    )
    import_all(home, as_json_lines(tmp_path / "users.jsonl", [person]))
    seen = profile(home, person["login_name"])
    assert seen["userID"] == person["id"]
    assert seen["loginName"] == person["login_name"]
    assert seen["displayName"] == person["display_name"]
    assert (seen["country"], seen["locale"]) == ("JP", "ja")
    assert (seen["phoneNumber"], seen["emailAddress"]) == (person["phone_number"], person["email"])
    assert {name: seen[name] for name in person["properties"]} == person["properties"]
    kept = next(user for user in exported(home) if user["id"] == person["id"])
    assert kept["created_at"] == "2019-03-04T05:06:07.890Z"
    assert kept["email_verified"] is True and kept["phone_verified"] is True


def test_csv_and_json_lines_say_the_same(start_server: StartServer, tmp_path: Path):
    rows = [
        {"id": str(uuid.uuid4()), "login_name": f"same{index}", "phone_number": f"+81903334{index:04d}",
         "display_name": f"No. {index}, \"the {index}th\"", "created_at": "2020-01-01T00:00:00Z"}
        for index in range(5)
    ]
    seen = []
    for write, name, properties in (
        (as_csv, "users.csv", lambda index: {"properties.level": index, "properties.note": "a\nb"}),
        (as_json_lines, "users.jsonl", lambda index: {"properties": {"level": index, "note": "a\nb"}}),
    ):
        server = start_server(clients=clients(), started_=False)
        import_all(server, write(tmp_path / name, [row | properties(index) for index, row in enumerate(rows)]))
        seen.append(sorted(exported(server), key=lambda user: user["login_name"]))
    assert seen[0] == seen[1]
    assert [user["properties"]["level"] for user in seen[0]] == list(range(5))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_a_spreadsheet_saves_is_read(empty: Server, tmp_path: Path, separator: str):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([["Phone", "Name", "Country"], ["090-1234-5678", "a,b;c", "jp"], ["", "", ""]])
    (tmp_path / "sheet.csv").write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    assert import_all(empty, tmp_path / "sheet.csv").counts == counts(imported=1)
    assert show(empty, "+819012345678") is not None
    assert exported(empty)[0]["display_name"] == "a,b;c"


def test_a_national_number_needs_a_country(empty: Server, tmp_path: Path):
    file = as_csv(tmp_path / "users.csv", [{"phone": "090-2222-3333"}, {"phone": "+1 201 555 0123"}])
    refused = run_import(empty, file, "--json")
    assert refused.status == 1
    assert refused.counts == counts(imported=1, bad=1)
    assert list(refused.bad) == [2] and "phone_number" in refused.bad[2][0]
    again = run_import(empty, file, "--json", "--country", "JP")
    assert (again.status, again.counts) == (0, counts(imported=1, already_there=1))
    assert show(empty, "+819022223333") is not None


@pytest.mark.parametrize("country", ["Japan", "J", ""])
def test_a_country_is_two_letters(empty: Server, tmp_path: Path, country: str):
    done = run_import(empty, as_csv(tmp_path / "users.csv", [mover()]), "--country", country)
    assert done.status != 0
    assert exported(empty) == []


def test_a_file_may_come_through_a_pipe(empty: Server, tmp_path: Path):
    people = [mover() for _ in range(3)]
    file = as_json_lines(tmp_path / "users", people)
    done = subprocess.run(
        [str(binary()), "users", "import", "-", "--json"], cwd=empty.directory, env=empty.variables(),
        input=file.read_bytes(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["imported"] == 3
    assert {user["id"] for user in exported(empty)} == {person["id"] for person in people}


def test_somebody_who_was_disabled_stays_out(home: Server, tmp_path: Path):
    people = [mover(disabled=True), mover(disabled=False)]
    import_all(home, as_json_lines(tmp_path / "users.jsonl", people))
    assert_kept_out(log_in(home, people[0]["login_name"]))
    assert id_at_login(home, people[1]["login_name"]) == people[1]["id"]
    assert show(home, people[0]["id"])["disabled"] is True


def test_a_number_that_nobody_proved_is_taken_by_who_proves_it(home: Server, tmp_path: Path):
    person = mover(phone_number=fresh_number(), phone_verified="false")
    import_all(home, as_csv(tmp_path / "users.csv", [person]))
    assert subject_by_phone(home, person["phone_number"]) != person["id"]
    assert id_at_login(home, person["login_name"]) == person["id"]


def test_somebody_without_a_password_signs_in_by_phone_only(home: Server, tmp_path: Path):
    person = {"id": str(uuid.uuid4()), "phone_number": fresh_number()}
    import_all(home, as_csv(tmp_path / "users.csv", [person]))
    for guess in ("", " ", "null", PASSWORD):
        assert log_in(home, person["phone_number"], guess).status_code == 400
    assert subject_by_phone(home, person["phone_number"]) == person["id"]


# MARK: passwords


def unpadded(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


def bcrypt_as(prefix: str) -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5, prefix=prefix.encode())).decode()


def argon2_as(kind: argon2.Type) -> str:
    return argon2.PasswordHasher(time_cost=2, memory_cost=4096, parallelism=2, type=kind).hash(PASSWORD)


def scrypt_phc() -> str:
    salt = os.urandom(16)
    derived = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)
    return f"$scrypt$ln=14,r=8,p=1${unpadded(salt)}${unpadded(derived)}"


def pbkdf2_django() -> str:
    derived = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"NaClNaClNaCl", 20_000)
    return f"pbkdf2_sha256$20000$NaClNaClNaCl${base64.b64encode(derived).decode()}"


def pbkdf2_phc() -> str:
    salt = os.urandom(16)
    derived = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 20_000)
    return f"$pbkdf2-sha512$i=20000,l=64${unpadded(salt)}${unpadded(derived)}"


HASHES = {
    "bcrypt 2b": lambda: bcrypt_as("2b"),
    "bcrypt 2a": lambda: bcrypt_as("2a"),
    "bcrypt of PHP": lambda: bcrypt_as("2b").replace("$2b$", "$2y$"),
    "argon2id": lambda: argon2_as(argon2.Type.ID),
    "argon2i": lambda: argon2_as(argon2.Type.I),
    "argon2d": lambda: argon2_as(argon2.Type.D),
    "argon2id of passlib": lambda: passlib.hash.argon2.using(rounds=1, memory_cost=1024).hash(PASSWORD),
    "pbkdf2-sha256 of passlib": lambda: passlib.hash.pbkdf2_sha256.using(rounds=5000).hash(PASSWORD),
    "pbkdf2-sha512 of passlib": lambda: passlib.hash.pbkdf2_sha512.using(rounds=5000).hash(PASSWORD),
    "pbkdf2-sha1 of passlib": lambda: passlib.hash.pbkdf2_sha1.using(rounds=5000).hash(PASSWORD),
    "pbkdf2 of Django": pbkdf2_django,
    "pbkdf2 as PHC": pbkdf2_phc,
    "scrypt as PHC": scrypt_phc,
    "scrypt of passlib": lambda: passlib.hash.scrypt.using(rounds=12).hash(PASSWORD),
}


@pytest.mark.parametrize("scheme", HASHES)
def test_a_password_hashed_elsewhere_opens_the_account_and_is_hashed_anew(home: Server, tmp_path: Path, scheme: str):
    person = mover(password_hash=HASHES[scheme]())
    import_all(home, as_csv(tmp_path / "users.csv", [person]))
    assert_kept_out(log_in(home, person["login_name"], PASSWORD[:-1]))
    assert stored_hash(home, person["id"]) == person["password_hash"], "a wrong guess changes nothing"
    assert id_at_login(home, person["login_name"]) == person["id"]

    anew = stored_hash(home, person["id"])
    assert anew.startswith("$scrypt$ln=") and anew != person["password_hash"]
    assert id_at_login(home, person["login_name"]) == person["id"], "the second login is against the new hash"
    assert_kept_out(log_in(home, person["login_name"], PASSWORD + " "))


def stored_hash(server: Server, user: str) -> str:
    return next(row["password_hash"] for row in exported(server, "--with-password-hashes") if row["id"] == user)


def test_a_password_of_seventy_characters_and_of_other_letters_moves_too(home: Server, tmp_path: Path):
    passwords = ["long " * 14, "пароль 電話 🔑 zz", "naïve café 12"]
    people = [mover(password_hash=quick_hash(password)) for password in passwords]
    import_all(home, as_csv(tmp_path / "users.csv", people))
    for person, password in zip(people, passwords):
        for _ in range(2):
            assert id_at_login(home, person["login_name"], password) == person["id"]


def test_first_logins_at_once_all_succeed(home: Server, tmp_path: Path):
    person = mover(password_hash=argon2_as(argon2.Type.ID))
    import_all(home, as_csv(tmp_path / "users.csv", [person]))
    replies = at_once(8, lambda _: log_in(home, person["login_name"]))
    assert [reply.status_code for reply in replies] == [200] * 8
    assert id_at_login(home, person["login_name"]) == person["id"]


REFUSED_HASHES = {
    "md5": hashlib.md5(PASSWORD.encode()).hexdigest(),
    "md5 of Unix": "$1$abcdefgh$G//4keteveJp0qb8z2DxG/",
    "plain text": PASSWORD.replace(" ", ""),
    "bcrypt, cut short": "$2b$05$abcdefghijklmnopqrstuu",
    "bcrypt, too dear": "$2b$31$abcdefghijklmnopqrstuuM2wbcj4mcdX3.6zwxHwj0HvfJ4HGzKi",
    "argon2, too much memory": "$argon2id$v=19$m=8388608,t=3,p=4$c2FsdHNhbHRzYWx0$" + "A" * 43,
    "scrypt, too much memory": "$scrypt$ln=24,r=8,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
    "pbkdf2, too many rounds": "$pbkdf2-sha256$99999999$c2FsdHNhbHRzYWx0$" + "A" * 43,
}


@pytest.mark.parametrize("scheme", REFUSED_HASHES)
def test_a_hash_that_cannot_be_checked_is_a_bad_row(empty: Server, tmp_path: Path, scheme: str):
    written = REFUSED_HASHES[scheme]
    file = as_csv(tmp_path / "users.csv", [mover(password_hash=written), mover()])
    done = run_import(empty, file, "--json")
    assert done.status == 1
    assert done.counts == counts(imported=1, bad=1)
    assert list(done.bad) == [2]
    assert done.bad[2][0].startswith("password_hash: ")
    assert written not in done.stdout + done.stderr


# MARK: rows that will not do


def test_good_rows_move_in_past_bad_ones_which_are_named_without_their_values(empty: Server, tmp_path: Path):
    good = mover(phone_number="+819055550001")
    secret = "$2b$05$this-is-a-secret-hash"
    rows = [
        good,
        mover(email="not-an-address-hanako"), mover(phone_number="+81901"), mover(id="id-of-hanako"),
        mover(password_hash=secret), mover(created_at="the day before yesterday"), mover(login_name="two words"),
        {"display_name": "Hanako without a way in"},
        mover(phone_number="+819055550001"), mover(login_name=good["login_name"].upper()),
        mover(email="first@mail.example"), mover(email="FIRST@mail.example"),
    ]
    fields = {
        3: "email", 4: "phone_number", 5: "id", 6: "password_hash", 7: "created_at", 8: "login_name",
        9: "one of phone_number",
    }
    file = as_csv(tmp_path / "users.csv", rows)
    done = run_import(empty, file, "--json")
    assert done.status == 1
    assert done.counts == counts(imported=2, duplicates=3, bad=7)
    assert list(done.bad) == list(fields)
    for line, field in fields.items():
        assert len(done.bad[line]) == 1 and done.bad[line][0].startswith(field), f"line {line}: {done.bad[line]}"
    assert done.duplicates == [(10, "phone_number"), (11, "login_name"), (13, "email")]
    assert len(exported(empty)) == 2

    spoken = run_import(empty, file)
    assert spoken.status == 1, "the bad rows are still bad"
    for line in (*fields, 10, 11, 13):
        assert re.search(rf"\bline {line}\b", spoken.stdout), f"line {line} is not named:\n{spoken.stdout}"
    for text in (done.stdout, done.stderr, spoken.stdout, spoken.stderr):
        for value in ("hanako", "Hanako", secret, "+81901", "yesterday", "two words", "55550001", "first@"):
            assert value not in text, f"{value} is repeated"


def test_a_summary_for_people_has_the_counts(empty: Server, tmp_path: Path):
    file = as_csv(tmp_path / "users.csv", [mover() for _ in range(11)] + [mover(email="x")] * 7)
    done = run_import(empty, file)
    assert done.status == 1
    assert re.search(r"\b11\b.*imported|imported.*\b11\b", done.stdout), done.stdout
    assert re.search(r"\b7\b", done.stdout), done.stdout


@pytest.mark.parametrize("first, second, field", [
    ({"login_name": "hanako"}, {"login_name": "ＨＡＮＡＫＯ"}, "login_name"),
    ({"login_name": "straße"}, {"login_name": "STRASSE"}, "login_name"),
    ({"email": "a@mail.example"}, {"email": "A@MAIL.example"}, "email"),
    ({"phone": "+819012340001"}, {"phone": "+81 (0)90-1234-0001", "name": "H"}, "phone_number"),
    ({"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "login_name": "a1b"},
     {"id": "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "login_name": "c2d"}, "id"),
])
def test_two_spellings_of_one_thing_in_a_file_are_a_duplicate(
    empty: Server, tmp_path: Path, first: dict[str, str], second: dict[str, str], field: str
):
    done = run_import(empty, as_csv(tmp_path / "users.csv", [first, second]), "--json")
    assert (done.status, done.counts) == (1, counts(imported=1, duplicates=1))
    assert done.duplicates == [(3, field)]
    assert len(exported(empty)) == 1


def test_a_row_that_is_there_twice_is_one_user(empty: Server, tmp_path: Path):
    rows = [{"phone": "+819012340001"}, {"phone": "+81 (0)90-1234-0001"}]
    done = run_import(empty, as_csv(tmp_path / "users.csv", rows), "--json")
    assert (done.status, done.counts) == (0, counts(imported=1, already_there=1)), "both say the same"
    assert len(exported(empty)) == 1


def test_who_is_there_by_another_way_is_not_replaced(home: Server, tmp_path: Path):
    number = fresh_number()
    subject = subject_by_phone(home, number)
    person = mover(phone_number=number)
    done = run_import(home, as_csv(tmp_path / "users.csv", [person]), "--json")
    assert (done.status, done.duplicates) == (1, [(2, "phone_number")])
    assert subject_by_phone(home, number) == subject
    assert_kept_out(log_in(home, person["login_name"]))
    assert_kept_out(log_in(home, number))


def test_a_row_with_several_clashes_adds_nothing(home: Server, tmp_path: Path):
    here = [mover(phone_number=fresh_number()), mover(email=f"{fresh_name()}@mail.example")]
    import_all(home, as_csv(tmp_path / "here.csv", here))
    clash = mover(phone_number=here[0]["phone_number"], email=here[1]["email"])
    done = run_import(home, as_csv(tmp_path / "clash.csv", [clash]), "--json")
    assert (done.status, done.counts) == (1, counts(duplicates=1))
    assert show(home, clash["id"]) is None
    assert show(home, f"LOGIN_NAME:{clash['login_name']}") is None
    assert show(home, here[0]["phone_number"])["id"] == here[0]["id"]


UNREADABLE = {
    "an unknown column": (b"login_name,shoe_size\nhanako,42\n", "shoe_size"),
    "two columns for one thing": (b"login_name,username\nhanako,hanako\n", "username"),
    "no header": (b"hanako@mail.example,+819012345678\n", "known"),
    "nobody could sign in": (b"display_name\nHanako\n", "login_name"),
    "an empty file": (b"", "empty"),
    "UTF-16": ("login_name\nhanako\n".encode("utf-16"), "UTF-8"),
    "one JSON array": (b'[{"login_name":"hanako"}]', "array"),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_a_file_that_cannot_be_meant_changes_nothing(empty: Server, tmp_path: Path, fault: str):
    content, word = UNREADABLE[fault]
    (tmp_path / "users").write_bytes(content)
    done = run_import(empty, tmp_path / "users", "--json")
    assert done.status != 0
    assert word in done.stderr, done.stderr
    assert "hanako" not in done.stderr.lower() + done.stdout.lower() and "9012345678" not in done.stderr
    assert exported(empty) == []


def test_a_file_that_is_not_there_is_an_error(empty: Server, tmp_path: Path):
    for path in (tmp_path / "nothing.csv", tmp_path):
        done = run_import(empty, path)
        assert done.status != 0
        assert done.stderr.strip()


def test_a_row_beyond_all_measure_is_one_bad_row(empty: Server, tmp_path: Path):
    rows = [mover(), mover(properties={"note": "x" * 700_000}), mover(properties={"note": "x" * 400_000})]
    done = run_import(empty, as_json_lines(tmp_path / "users.jsonl", rows), "--json")
    assert (done.status, done.counts) == (1, counts(imported=2, bad=1))
    assert list(done.bad) == [2]


# MARK: again


def test_a_dry_run_says_what_would_happen_and_does_nothing(empty: Server, tmp_path: Path):
    person = mover()
    rows = [person, mover(email="x"), mover(login_name=person["login_name"])]
    file = as_csv(tmp_path / "users.csv", rows)
    tried = run_import(empty, file, "--json", "--dry-run")
    assert tried.summary["dry_run"] is True
    assert exported(empty) == []
    done = run_import(empty, file, "--json")
    assert (tried.status, tried.counts, tried.bad, tried.duplicates) == (
        done.status, done.counts, done.bad, done.duplicates)
    assert done.counts == counts(imported=1, duplicates=1, bad=1)
    after = run_import(empty, file, "--json", "--dry-run")
    assert after.counts == counts(already_there=1, duplicates=1, bad=1)


@pytest.mark.parametrize("has_ids", [True, False], ids=["rows with ids", "rows without ids"])
def test_a_second_run_imports_nobody_and_is_content(empty: Server, tmp_path: Path, has_ids: bool):
    rows = [mover(phone_number=f"+81906677{index:04d}", email=f"m{index}@mail.example") for index in range(20)]
    if not has_ids:
        rows = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    file = as_csv(tmp_path / "users.csv", rows)
    import_all(empty, file)
    before = exported(empty, "--with-password-hashes")
    for _ in range(2):
        again = run_import(empty, file, "--json")
        assert (again.status, again.counts) == (0, counts(already_there=20))
    assert exported(empty, "--with-password-hashes") == before


@pytest.mark.parametrize("has_ids", [True, False], ids=["rows with ids", "rows without ids"])
def test_a_mended_and_longer_file_imports_what_is_new_in_it(empty: Server, tmp_path: Path, has_ids: bool):
    rows = [mover(email=f"n{index}@mail.example") for index in range(5)]
    if not has_ids:
        rows = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    address, rows[2]["email"] = rows[2]["email"], "broken"
    file = as_csv(tmp_path / "users.csv", rows)
    assert run_import(empty, file, "--json").counts == counts(imported=4, bad=1)
    rows[2]["email"] = address
    as_csv(file, [*rows, mover(id="")])
    done = run_import(empty, file, "--json")
    assert (done.status, done.counts) == (0, counts(imported=2, already_there=4))


def test_who_changed_since_is_already_there_and_is_left_as_they_are(home: Server, tmp_path: Path):
    person = mover(phone_number=fresh_number())
    file = as_csv(tmp_path / "users.csv", [person])
    import_all(home, file)
    id_at_login(home, person["login_name"])
    changed = stored_hash(home, person["id"])
    number = fresh_number()
    assert home.command("users", "set-phone", person["id"], number).returncode == 0
    again = run_import(home, file, "--json")
    assert (again.status, again.counts) == (0, counts(already_there=1))
    assert stored_hash(home, person["id"]) == changed
    assert subject_by_phone(home, number) == person["id"]
    assert show(home, person["phone_number"]) is None


def test_who_was_deleted_does_not_come_back_by_the_same_id(home: Server, tmp_path: Path):
    """An id is never used twice: an app would take the newcomer for the old one."""
    person = mover()
    file = as_csv(tmp_path / "users.csv", [person])
    import_all(home, file)
    assert home.command("users", "delete", person["id"], "--yes").returncode == 0
    again = run_import(home, file, "--json")
    assert (again.status, again.duplicates) == (1, [(2, "id")])
    assert again.counts["imported"] == 0
    assert_kept_out(log_in(home, person["login_name"]))


def test_an_export_into_the_same_server_finds_everybody_there(home: Server, tmp_path: Path):
    people = [mover(phone_number=fresh_number(), email=f"{fresh_name()}@mail.example") for _ in range(2)]
    import_all(home, as_csv(tmp_path / "users.csv", people))
    registration = {"password": PASSWORD, "loginName": fresh_name(), "level": 3}
    registered = home.http.post(f"/api/apps/{APP}/users", json=registration, auth=(APP, APP_KEY)).json()["userID"]
    by_phone = subject_by_phone(home, fresh_number())
    mine = {registered, by_phone, *(person["id"] for person in people)}
    before = [user for user in exported(home, "--with-password-hashes") if user["id"] in mine]
    assert len(before) == 4
    done = run_import(home, as_json_lines(tmp_path / "again.jsonl", before), "--json")
    assert (done.status, done.counts) == (0, counts(already_there=4))
    assert [user for user in exported(home, "--with-password-hashes") if user["id"] in mine] == before


def test_a_row_edited_since_changes_nobody(home: Server, tmp_path: Path):
    person = mover(phone_number=fresh_number(), display_name="Before")
    file = as_csv(tmp_path / "users.csv", [person])
    import_all(home, file)
    as_csv(file, [person | {"display_name": "After", "password_hash": quick_hash("another 1 of Mine")}])
    done = run_import(home, file, "--json")
    assert (done.status, done.counts) == (0, counts(already_there=1))
    assert profile(home, person["login_name"])["displayName"] == "Before"
    assert_kept_out(log_in(home, person["login_name"], "another 1 of Mine"))


def test_an_id_that_is_somebody_else_s_is_a_duplicate(home: Server, tmp_path: Path):
    person = mover(phone_number=fresh_number())
    import_all(home, as_csv(tmp_path / "users.csv", [person]))
    stranger = mover(id=person["id"], phone_number=fresh_number())
    done = run_import(home, as_csv(tmp_path / "stranger.csv", [stranger]), "--json")
    assert (done.status, done.duplicates) == (1, [(2, "id")])
    assert subject_by_phone(home, stranger["phone_number"]) != person["id"]
    assert show(home, person["id"])["login_name"] == person["login_name"]


@pytest.mark.nodes
def test_imports_of_one_file_at_once_import_everybody_once(empty: Server, tmp_path: Path):
    rows = [mover(phone_number=f"+81907788{index:04d}") for index in range(300)]
    file = as_csv(tmp_path / "users.csv", rows)
    assert empty.command("migrate").returncode == 0
    runs = at_once(3, lambda _: run_import(empty, file, "--json"))
    assert [run.status for run in runs] == [0, 0, 0], [run.stderr for run in runs]
    assert sum(run.counts["imported"] for run in runs) == 300
    assert sorted(user["id"] for user in exported(empty)) == sorted(row["id"] for row in rows)


# MARK: many


def many_rows(count: int) -> list[dict[str, Any]]:
    """Every third has an id. One hash serves them all."""
    hashed = quick_hash()
    return [
        {"id": "" if index % 3 else str(uuid.uuid5(uuid.NAMESPACE_URL, f"crowd{index}")), "login_name": f"crowd{index}",
         "phone_number": f"+8180{20_000_000 + index * 97 % 70_000_000:08d}", "email": f"crowd{index}@mail.example",
         "password_hash": hashed, "display_name": f"Crowd, {index}", "properties.index": index}
        for index in range(count)
    ]


def test_twenty_thousand_move_in_however_often_the_command_is_killed(empty: Server, tmp_path: Path):
    rows = many_rows(20_000)
    file = as_csv(tmp_path / "users.csv", rows)
    assert empty.command("migrate").returncode == 0

    killed, patience = [], 0.15
    while True:
        process = subprocess.Popen(
            [str(binary()), "users", "import", str(file), "--json"], cwd=empty.directory, env=empty.variables(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            output, progress = process.communicate(timeout=patience)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed.append(len(exported(empty)))
            patience *= 1.5
            assert patience < 300, f"never done: {killed}"
    done = Import(process.returncode, output, progress)

    assert any(0 < count < 20_000 for count in killed), f"never killed in the middle: {killed}"
    assert killed == sorted(killed), "what was imported stays"
    assert done.status == 0, done.stderr
    assert done.counts["imported"] + done.counts["already_there"] == 20_000
    assert done.counts["already_there"] >= killed[-1]
    assert done.stderr.strip(), "progress is told on stderr"

    everybody = exported(empty)
    assert sorted(user["login_name"] for user in everybody) == sorted(row["login_name"] for row in rows)
    assert len({user["id"] for user in everybody}) == 20_000
    by_name = {user["login_name"]: user for user in everybody}
    for row in rows:
        user = by_name[row["login_name"]]
        assert (user["phone_number"], user["email"]) == (row["phone_number"], row["email"])
        assert user["properties"] == {"index": row["properties.index"]}
        assert row["id"] in ("", user["id"])

    again = run_import(empty, file, "--json", timeout=300)
    assert (again.status, again.counts) == (0, counts(already_there=20_000))
    empty.start()
    assert id_at_login(empty, "crowd19999") == by_name["crowd19999"]["id"]
    assert subject_by_phone(empty, rows[7]["phone_number"]) == by_name["crowd7"]["id"]


@pytest.mark.nodes
def test_people_sign_in_while_others_move_in(home: Server, tmp_path: Path):
    early = mover()
    import_all(home, as_csv(tmp_path / "early.csv", [early]))
    file = as_csv(tmp_path / "users.csv", [
        {"login_name": fresh_name(), "phone_number": f"+8170{30_000_000 + index * 89:08d}"} for index in range(5000)])
    process = subprocess.Popen(
        [str(binary()), "users", "import", str(file), "--json"], cwd=home.directory, env=home.variables(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    logins, slowest = 0, 0.0
    while process.poll() is None:
        begun = time.monotonic()
        assert id_at_login(home, early["login_name"]) == early["id"]
        subject_by_phone(home, fresh_number("+8190"))
        slowest, logins = max(slowest, time.monotonic() - begun), logins + 1
    assert process.returncode == 0
    assert json.loads(process.stdout.read())["imported"] == 5000
    assert logins >= 1 and slowest < 10, f"{logins} logins, the slowest in {slowest:.1f} s"


# MARK: moving out and in again


def test_an_export_moves_everybody_to_another_server(start_server: StartServer, tmp_path: Path):
    old, new = (start_server(clients=clients(), started_=False, **QUIET) for _ in range(2))
    people = [
        mover(phone_number="+819044440001", email="round1@mail.example", email_verified=True, display_name="一, \"1\"",
              country="JP", locale="ja", created_at="2018-01-02T03:04:05.678Z",
              properties={"a": {"b": [1, 2.5, None, "\n"]}, "c": "電"}),
        mover(phone_number="+819044440002", phone_verified=False, email="round2@mail.example"),
        mover(disabled=True),
        {"id": str(uuid.uuid4()), "phone_number": "+12015550123"},
    ]
    import_all(old, as_json_lines(tmp_path / "people.jsonl", people))

    def by_id(users: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(users, key=lambda user: user["id"])

    plain, whole = exported(old), exported(old, "--with-password-hashes")
    assert exported(old, "--json") == plain
    assert not any("password_hash" in user for user in plain), "hashes leave only when asked for"
    assert sum("password_hash" in user for user in whole) == 3
    assert [{**user, "password_hash": None} for user in plain] == [{**user, "password_hash": None} for user in whole]
    first = next(user for user in plain if user["id"] == people[0]["id"])
    assert {name: first[name] for name in people[0] if name != "password_hash"} == {
        name: value for name, value in people[0].items() if name != "password_hash"}

    assert import_all(new, as_json_lines(tmp_path / "moved.jsonl", whole)).counts == counts(imported=4)
    assert by_id(exported(new, "--with-password-hashes")) == by_id(whole)
    new.start()
    assert id_at_login(new, people[0]["login_name"]) == people[0]["id"]
    assert_kept_out(log_in(new, people[2]["login_name"]))
    assert subject_by_phone(new, "+819044440001") == people[0]["id"]
    assert subject_by_phone(new, "+819044440002") != people[1]["id"], "nobody had proven it"


def test_who_signed_up_here_moves_out_with_the_password_of_here(start_server: StartServer, tmp_path: Path):
    old, new = start_server(clients=clients(), **QUIET), start_server(clients=clients(), **QUIET)
    number = fresh_number()
    subject = subject_by_phone(old, number)
    registration = {"password": PASSWORD, "loginName": "Registered.1", "displayName": "Reg", "level": 7}
    reply = old.http.post(f"/api/apps/{APP}/users", json=registration, auth=(APP, APP_KEY))
    assert reply.status_code == 201, reply.text
    moved = as_json_lines(tmp_path / "moved.jsonl", exported(old, "--with-password-hashes"))
    assert import_all(new, moved).counts == counts(imported=2)
    assert subject_by_phone(new, number) == subject
    assert id_at_login(new, "Registered.1") == reply.json()["userID"]
    assert profile(new, "Registered.1")["level"] == 7


def test_who_lost_their_number_moves_too(start_server: StartServer, tmp_path: Path):
    """Nobody can sign in to that account, but apps know its id, and an operator may give it a number again."""
    old, new = (start_server(clients=clients(), started_=False) for _ in range(2))
    loser = {"id": str(uuid.uuid4()), "phone_number": "+819044440003", "properties": {"level": 9}}
    winner = mover()
    import_all(old, as_json_lines(tmp_path / "users.jsonl", [loser, winner]))
    assert old.command("users", "set-phone", winner["id"], loser["phone_number"], "--take").returncode == 0
    assert import_all(new, as_json_lines(tmp_path / "moved.jsonl", exported(old))).counts == counts(imported=2)
    assert new.command("users", "set-phone", loser["id"], "+819044440004").returncode == 0
    kept = next(user for user in exported(new) if user["id"] == loser["id"])
    assert (kept["phone_number"], kept["properties"]) == ("+819044440004", {"level": 9})


def test_an_export_of_nobody_is_empty(empty: Server):
    assert exported(empty) == []


def test_a_log_has_nothing_of_those_who_moved(home: Server, tmp_path: Path):
    person = mover(phone_number=fresh_number(), email=f"{fresh_name()}@mail.example", display_name="Confidential Name")
    import_all(home, as_csv(tmp_path / "users.csv", [person]))
    id_at_login(home, person["login_name"])
    written = home.log() + "\n".join(home.developer_log())
    for value in (person["password_hash"], person["email"], person["phone_number"], person["display_name"], PASSWORD):
        assert value not in written
