"""A population: the rows that people who log in now and then leave in a database at rest, made by SQL alone.

The statements are the same for both engines; each engine defines the few functions that they call (`some_uuid`,
`some_name`, `some_digest`, `some_short_digest`, `phone_number`, and `uuid_at` and `name_at`, which begin with a time).
Keys are of the real length and shape, most of them random and so in no order, as in life; times grow from row to row,
as in life.

Of a hundred people:

- each has an account and a number;
- 30 use an app with offline access: a grant, its refresh token, and two that it spent in the last 30 days; five of these
  grants came of a browser's session;
- 5 were at a browser in the last three days: a session;
- 10 let somebody else's app in: a consent;
- 3 logged in within a day (everybody once a month): a text, a spent code, and two of the three a grant without offline
  access, one of these by a browser's session; one in a thousand did so within the hour, and is remembered by a limit;
- 15 were refused something in the last 90 days: a line of the developer log;
- 6 logins in two days leave figures of the guard about the range of their number, a thousand neighbours in each.
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
import time
from contextlib import closing
from typing import Callable, Iterator

SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000

#: All numbers that there are, and the factor that scatters people over them: the load generator's.
NUMBERS, FACTOR = 270_000_000, 100_000_007
RANGES = NUMBERS // 1000

CLIENT = "bench"


def statements(people: int, first: int, last: int, now: int, series: Callable[[int, int], str]) -> Iterator[str]:
    """What inserts the people from `first` up to `last`, which is not among them, of `people` in all.

    - Parameter series: a table expression `people(n)` with the numbers of such a span.
    """
    span = series(first, last)

    def moment(start: int, end: int) -> str:
        """Between two offsets from now, later from one to the next."""
        return f"{now + start} + n * {end - start} / {people}"

    grant = f"name_at('grant', n, {moment(-30 * DAY, 0)})"
    grant_of_a_day = f"name_at('grant of a day', n, {moment(-DAY, 0)})"
    yield f"""
        INSERT INTO account (id, created_at) SELECT some_uuid('account', n), {moment(-400 * DAY, 0)} FROM {span}"""
    yield f"""
        INSERT INTO account_phone (number, account_id, verified_at, last_proof_at)
        SELECT phone_number(n), some_uuid('account', n), {moment(-400 * DAY, 0)}, {moment(-30 * DAY, 0)} FROM {span}"""
    yield f"""
        INSERT INTO token_grant (id, account_id, client_id, scope, authenticated_at, methods, is_offline, expires_at,
            session_id)
        SELECT {grant}, some_uuid('account', n), '{CLIENT}', 'offline', {moment(-30 * DAY, 0)}, 'otp sms', 1,
            {moment(DAY, 30 * DAY)}, CASE WHEN n % 100 < 5 THEN some_name('ended session', n) END FROM {span} WHERE n % 100 < 30"""
    for token, rotated in (("first", moment(-20 * DAY, 0)), ("second", moment(-10 * DAY, 0)), ("third", "NULL")):
        yield f"""
        INSERT INTO refresh_token (digest, grant_id, client_id, expires_at, rotated_at)
        SELECT some_digest('{token} token', n), {grant}, '{CLIENT}', {moment(DAY, 30 * DAY)}, {rotated}
        FROM {span} WHERE n % 100 < 30"""
    yield f"""
        INSERT INTO session (digest, id, account_id, methods, authenticated_at, idle_until, expires_at, device)
        SELECT some_digest('session', n), some_name('session', n), some_uuid('account', n), 'otp sms',
            {moment(-3 * DAY, 0)}, {moment(DAY, 3 * DAY)}, {moment(27 * DAY, 30 * DAY)}, 'Firefox, Linux'
        FROM {span} WHERE n % 100 >= 95"""
    yield f"""
        INSERT INTO consent (account_id, client_id, scope, given_at)
        SELECT some_uuid('account', n), 'somebody-elses-app', 'openid profile', {moment(-400 * DAY, 0)}
        FROM {span} WHERE n % 100 >= 80 AND n % 100 < 90"""
    yield f"""
        INSERT INTO message (id, recipient, template, locale, client_id, created_at, expires_at, attempts, state, region,
            connector, provider_id, leased_until)
        SELECT uuid_at('message', n, {moment(-DAY, 0)}), phone_number(n), 'sign_in_code', 'ja', '{CLIENT}', {moment(-DAY, 0)},
            {moment(-DAY + 180 * SECOND, 0)}, 1, 'sent', 'JP', 'main', some_uuid('provider', n), {moment(-DAY, 0)}
        FROM {span} WHERE n % 100 >= 97"""
    yield f"""
        INSERT INTO token_grant (id, account_id, client_id, scope, authenticated_at, methods, is_offline, expires_at,
            session_id)
        SELECT {grant_of_a_day}, some_uuid('account', n), '{CLIENT}', '', {moment(-DAY, 0)}, 'otp sms', 0,
            {moment(-DAY + 2 * HOUR, HOUR)}, CASE WHEN n % 100 = 99 THEN some_name('session', n) END
        FROM {span} WHERE n % 100 >= 98"""
    yield f"""
        INSERT INTO authorization_code (digest, grant_id, client_id, redirect_uri, redirect_requested, expires_at,
            redeemed_at)
        SELECT some_digest('code', n), {grant_of_a_day}, '{CLIENT}', 'https://bench.example/callback', 1,
            {moment(-DAY + HOUR, 0)}, {moment(-DAY + HOUR, 0)} FROM {span} WHERE n % 100 >= 97"""
    yield f"""
        INSERT INTO rate_limit (subject, arrival)
        SELECT some_short_digest('limit', n), ({moment(60 * SECOND, HOUR)}) * 1000 FROM {span} WHERE n % 1000 = 0"""
    yield f"""
        INSERT INTO security_event (at, kind, request_id, client_id, phone, address, rule, reason)
        SELECT {moment(-90 * DAY, 0)}, 'guess.wrong', some_name('request', n), '{CLIENT}', '+8190****0123',
            '192.0.2.77', 'guessesPerOperation', 'wrong code' FROM {span} WHERE n % 100 < 15"""
    yield f"""
        INSERT INTO traffic (subject, period, sent, confirmed, previous_sent, previous_confirmed, next_at, blocked_until,
            expires_at)
        SELECT 'range:' || substr(phone_number(n), 1, 10), {now // DAY}, 1, 1, 0, 0, 0, 0, {now + 2 * DAY}
        FROM {span} WHERE n % 100 < 6 ON CONFLICT (subject) DO UPDATE SET sent = traffic.sent + 1"""


#: Of each kind that the server cleans up: the table, what a row has besides its end, and the column of that.
ENDING = [
    ("phone_operation", "expires_at", {
        "id": "some_name('operation', n)", "challenge_id": "some_name('challenge', n)", "state": "'state'", "scope": "''",
        "redirect_uri": "'https://bench.example/callback'", "redirect_requested": "1"}),
    ("phone_challenge", "expires_at", {
        "id": "some_name('challenge', n)", "client_id": f"'{CLIENT}'", "number": "phone_number(n)", "region": "'JP'", "device": "''",
        "code": "some_short_digest('code', n)", "guesses": "0"}),
    ("authorization_code", "expires_at", {
        "digest": "some_digest('unredeemed', n)", "grant_id": "some_name('unredeemed', n)", "client_id": f"'{CLIENT}'",
        "redirect_uri": "'https://bench.example/callback'", "redirect_requested": "1"}),
    ("authorization_code", "expires_at", {
        "digest": "some_digest('spent', n)", "grant_id": "some_name('spent', n)", "client_id": f"'{CLIENT}'",
        "redirect_uri": "'https://bench.example/callback'", "redirect_requested": "1", "redeemed_at": "1"}),
    ("token_grant", "expires_at", {
        "id": "some_name('spent', n)", "account_id": "some_uuid('nobody', n)", "client_id": f"'{CLIENT}'", "scope": "''",
        "authenticated_at": "1", "methods": "'otp sms'"}),
    ("device_authorization", "expires_at", {
        "digest": "some_digest('device', n)", "user_code": "some_digest('user code', n)", "client_id": f"'{CLIENT}'",
        "scope": "''", "resources": "''", "interval_seconds": "5"}),
    ("refresh_token", "expires_at", {
        "digest": "some_digest('ended', n)", "grant_id": "some_name('spent', n)", "client_id": f"'{CLIENT}'"}),
    ("opaque_token", "expires_at", {
        "digest": "some_digest('opaque', n)", "kind": "'kii'", "grant_id": "some_name('opaque', n)"}),
    ("password_reset", "expires_at", {
        "digest": "some_digest('reset', n)", "account_id": "some_uuid('nobody', n)"}),
    ("known_origin", "expires_at", {"digest": "some_digest('origin', n)"}),
    ("number_change", "expires_at", {
        "undo_digest": "some_digest('undo', n)", "account_id": "some_uuid('nobody', n)",
        "message_id": "some_uuid('undo', n)", "old_number": "phone_number(n)", "new_number": "phone_number(n + 1)",
        "changed_at": "1"}),
    ("email_challenge", "expires_at", {
        "account_id": "some_uuid('nobody', n)", "purpose": "'email'", "client_id": f"'{CLIENT}'", "place": "''",
        "id": "some_name('email', n)", "key": "'somebody@example.com'", "code": "some_short_digest('email', n)",
        "guesses": "0"}),
    ("pushed_request", "expires_at", {
        "digest": "some_digest('pushed', n)", "client_id": f"'{CLIENT}'", "parameters": "some_digest('parameters', n)"}),
    ("spent_identifier", "expires_at", {"digest": "some_digest('identifier', n)"}),
    ("revoked_token", "expires_at", {"id": "some_name('revoked', n)"}),
    ("session", "idle_until", {
        "digest": "some_digest('ended', n)", "id": "some_name('ended', n)", "account_id": "some_uuid('nobody', n)",
        "methods": "'otp sms'", "authenticated_at": "1", "expires_at": "1"}),
    ("session_client", "expires_at", {
        "session_id": "some_name('ended', n)", "client_id": f"'{CLIENT}'", "account_id": "some_uuid('nobody', n)"}),
    ("revocation", "at", {"kind": "'grant'", "id": "some_name('spent', n)"}),
    ("message", "expires_at", {
        "id": "some_uuid('ended', n)", "recipient": "phone_number(n)", "template": "'sign_in_code'", "locale": "'ja'",
        "client_id": f"'{CLIENT}'", "created_at": "1", "attempts": "1", "state": "'sent'"}),
    ("traffic", "expires_at", {
        "subject": "'ended:' || n", "period": "1", "sent": "1", "confirmed": "1", "previous_sent": "0",
        "previous_confirmed": "0", "next_at": "0", "blocked_until": "0"}),
    ("spending", "expires_at", {"subject": "'ended:' || n", "period": "'1970-01'", "amount": "1"}),
    ("security_event", "at", {
        "kind": "'guess.wrong'", "request_id": "some_name('ended', n)", "reason": "'wrong code'"}),
]


def ending(first: int, last: int, end: int, series: Callable[[int, int], str]) -> Iterator[str]:
    """What inserts rows of each kind that end at one moment, in milliseconds, give or take some; the limits' too,
    which count microseconds."""
    span = series(first, last)
    for table, column, values in ENDING:
        yield (f"INSERT INTO {table} ({', '.join(values)}, {column}) "
               f"SELECT {', '.join(values.values())}, {end} + n FROM {span}")
    yield (f"INSERT INTO rate_limit (subject, arrival) "
           f"SELECT some_short_digest('ended', n), ({end} + n) * 1000 FROM {span}")


# MARK: SQLite


def fill_sqlite(path: str, people: int, told: Callable[[int], None] = lambda _: None) -> None:
    """Fills a migrated database. Nothing of it is durable before the end."""
    now = int(time.time() * 1000)
    _insert_into_sqlite(path, people, told, lambda first, last: statements(people, first, last, now, _sqlite_series))


def add_ending_to_sqlite(path: str, count: int, end: int) -> None:
    _insert_into_sqlite(path, count, lambda _: None, lambda first, last: ending(first, last, end, _sqlite_series))


def _insert_into_sqlite(
    path: str, count: int, told: Callable[[int], None], script: Callable[[int, int], Iterator[str]]
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for name, function in (("some_uuid", _uuid), ("some_name", _name), ("some_digest", _digest),
                               ("some_short_digest", lambda word, n: _digest(word, n)[:16])):
            database.create_function(name, 2, function, deterministic=True)
        for name, function in (("uuid_at", _uuid_at), ("name_at", _name_at)):
            database.create_function(name, 3, function, deterministic=True)
        database.create_function("phone_number", 1, phone_number, deterministic=True)
        for setting in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -4000000", "temp_store = MEMORY"):
            database.execute(f"PRAGMA {setting}")
        for first, last in _spans(count, told):
            database.execute("BEGIN")
            for statement in script(first, last):
                database.execute(statement)
            database.execute("COMMIT")
        database.execute("PRAGMA journal_mode = WAL")


def _sqlite_series(first: int, last: int) -> str:
    return (f"(WITH RECURSIVE people (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM people WHERE n < {last - 1}) "
            "SELECT n FROM people)")


def _hash(word: str, n: int) -> bytes:
    return hashlib.sha256(f"{word} {n}".encode()).digest()


def _timed(word: str, n: int, moment: int) -> bytes:
    return moment.to_bytes(6, "big") + _hash(word, n)[:10]


def _uuid(word: str, n: int) -> str:
    return _spelt(_hash(word, n).hex())


def _uuid_at(word: str, n: int, moment: int) -> str:
    return _spelt(_timed(word, n, moment).hex())


def _spelt(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


def _name(word: str, n: int) -> str:
    return base64.urlsafe_b64encode(_hash(word, n)[:16]).decode()[:22]


def _name_at(word: str, n: int, moment: int) -> str:
    return base64.urlsafe_b64encode(_timed(word, n, moment)).decode()[:22]


def _digest(word: str, n: int) -> bytes:
    return _hash(word, n)


def phone_number(n: int) -> str:
    place = n * FACTOR % NUMBERS
    return f"+81{90 - place // 90_000_000 * 10}{10_000_000 + place % 90_000_000}"


# MARK: PostgreSQL

#: What the statements call, in a schema of its own that goes when the rows are there.
_FUNCTIONS = f"""
    CREATE SCHEMA population;
    CREATE FUNCTION population.some_digest(word text, n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT sha256(convert_to(word || ' ' || n, 'UTF8')) $$;
    CREATE FUNCTION population.some_short_digest(word text, n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE
        AS $$ SELECT substr(sha256(convert_to(word || ' ' || n, 'UTF8')), 1, 16) $$;
    CREATE FUNCTION population.some_uuid(word text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$ SELECT left(encode(sha256(convert_to(word || ' ' || n, 'UTF8')), 'hex'), 32)::uuid::text $$;
    CREATE FUNCTION population.some_name(word text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$ SELECT left(translate(encode(sha256(convert_to(word || ' ' || n, 'UTF8')), 'base64'), '+/', '-_'), 22) $$;
    CREATE FUNCTION population.timed(word text, n bigint, moment bigint) RETURNS bytea LANGUAGE sql IMMUTABLE
        AS $$ SELECT substr(int8send(moment), 3) || substr(sha256(convert_to(word || ' ' || n, 'UTF8')), 1, 10) $$;
    CREATE FUNCTION population.uuid_at(word text, n bigint, moment bigint) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$ SELECT encode(population.timed(word, n, moment), 'hex')::uuid::text $$;
    CREATE FUNCTION population.name_at(word text, n bigint, moment bigint) RETURNS text LANGUAGE sql IMMUTABLE
        AS $$ SELECT left(translate(encode(population.timed(word, n, moment), 'base64'), '+/', '-_'), 22) $$;
    CREATE FUNCTION population.phone_number(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
        SELECT '+81' || (90 - n * {FACTOR} % {NUMBERS} / 90000000 * 10)
            || (10000000 + n * {FACTOR} % {NUMBERS} % 90000000) $$;
"""


def fill_postgresql(run: Callable[[str], None], people: int, told: Callable[[int], None] = lambda _: None) -> None:
    """Fills a migrated database. `run` executes a script there as its owner, in one session."""
    now = int(time.time() * 1000)
    _insert_into_postgresql(
        run, people, told, lambda first, last: statements(people, first, last, now, _postgresql_series))


def add_ending_to_postgresql(run: Callable[[str], None], count: int, end: int) -> None:
    _insert_into_postgresql(
        run, count, lambda _: None, lambda first, last: ending(first, last, end, _postgresql_series))


def _insert_into_postgresql(
    run: Callable[[str], None], count: int, told: Callable[[int], None], script: Callable[[int, int], Iterator[str]]
) -> None:
    run(_FUNCTIONS)
    for first, last in _spans(count, told):
        run("SET search_path = public, population;" + ";".join(script(first, last)))
    run("DROP SCHEMA population CASCADE")
    run("VACUUM (ANALYZE, FREEZE)")


def _postgresql_series(first: int, last: int) -> str:
    return f"generate_series({first}::bigint, {last - 1}::bigint) AS people (n)"


def _spans(people: int, told: Callable[[int], None]) -> Iterator[tuple[int, int]]:
    size = 250_000
    for first in range(0, people, size):
        yield first, min(first + size, people)
        told(min(first + size, people))
