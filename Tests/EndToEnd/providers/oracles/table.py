"""A table of ways to fail, and one connector for each.

Every row has a country and so a connector of its own: what one row does to a circuit breaker is not another's
concern. Behind all of them stands the `file` connector: a text ends there, or it was refused.
"""

from __future__ import annotations

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable

import httpx
import phonenumbers
from phonenumbers import PhoneNumberType

from harness import PhoneLogin, Server, code_in, eventually, free_port
from providers.oracles.fake import Received, Reply, Service

ACCEPTED = "accepted"
#: The outcomes that a text survives.
THROTTLED, MISCONFIGURED, UNREACHABLE = "throttled", "misconfigured", "unreachable"
REFUSED = "refused"


# MARK: numbers


def _alone(region: str) -> bool:
    """Whether its calling code is its own, and its mobile numbers are known as such."""
    code = phonenumbers.country_code_for_region(region)
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    return (
        phonenumbers.region_codes_for_country_code(code) == (region,)
        and example is not None
        and example.national_number > 10_000_000
        and phonenumbers.number_type(example) == PhoneNumberType.MOBILE
        and phonenumbers.region_code_for_number(example) == region
    )


#: Countries for the rows of tables. Those that tests name themselves are not among them.
NAMED = {"CN", "HK", "TW", "JP", "DE", "FR", "ES", "SE"}
COUNTRIES = [
    region for region in sorted(phonenumbers.SUPPORTED_REGIONS) if region not in NAMED and _alone(region)
]

_counters: dict[str, itertools.count] = {}


def mobile_in(region: str) -> str:
    """A mobile number of `region` that no other test has, as +E.164."""
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    digits = str(example.national_number)
    leading = "0" * (example.number_of_leading_zeros or 1) if example.italian_leading_zero else ""
    for last in itertools.islice(_counters.setdefault(region, itertools.count(1000)), 9000):
        text = f"+{example.country_code}{leading}{digits[:-4]}{last:04d}"
        number = phonenumbers.parse(text)
        if phonenumbers.is_valid_number(number) \
                and phonenumbers.number_type(number) == PhoneNumberType.MOBILE \
                and phonenumbers.region_code_for_number(number) == region:
            return text
    raise AssertionError(f"no mobile numbers in {region}, or too many wanted")


# MARK: servers


@dataclass
class Stage:
    """A server and the provider behind it."""

    server: Server
    provider: Any


def messaging(*connectors: dict[str, Any]) -> dict[str, str]:
    """The environment of a server that texts through `connectors`, and then into the outbox file."""
    return {
        "DENWA_MESSAGING_CONNECTORS": json.dumps([*connectors, {"type": "file", "path": "outbox.jsonl"}]),
        "DENWA_GUARD_MODE": "off",
    }


def state(login: PhoneLogin, **query: str) -> httpx.Response:
    return login.server.http.get(
        f"/oauth2/login/phone/operation/{login.operation_id}", params={"client_id": login.client_id} | query
    )


def state_of(login: PhoneLogin) -> str:
    reply = state(login)
    assert reply.status_code == 200, reply.text
    return reply.json()["state"]


def wait_for(login: PhoneLogin, wanted: str, timeout: float = 10) -> None:
    def seen() -> bool:
        nonlocal last
        last = state_of(login)
        return last == wanted

    last = "unknown"
    try:
        eventually(f"state {wanted}", seen, timeout=timeout, every=0.02)
    except AssertionError:
        raise AssertionError(f"the operation is {last}, not {wanted}, after {timeout} s") from None


def begin(login: PhoneLogin, **body: Any) -> PhoneLogin:
    reply = login.request(**body)
    assert reply.status_code == 200, reply.text
    return login


def logs(server: Server) -> str:
    """What it printed, and its developer log."""
    return server.log() + "\n".join(server.developer_log())


def logged_with(server: Server, words: str) -> str:
    """`logs`, once they have these words."""
    return eventually(f"{words} is logged", lambda: words in (found := logs(server)) and found, every=0.2)


def try_out(server: Server, connector: str, to: str, *more: str) -> tuple[int, str]:
    """`denwa messages test`: its status, and all it printed."""
    done = server.command("messages", "test", "--connector", connector, "--to", to, *more, timeout=60)
    return done.returncode, done.stdout + done.stderr


def outcome_in(printed: str) -> str:
    """How the command names what became of its text, at the start of a line."""
    names = "|".join([ACCEPTED, THROTTLED, MISCONFIGURED, UNREACHABLE, REFUSED])
    [outcome] = re.findall(rf"(?m)^({names})\b", printed)
    return outcome


# MARK: rows


@dataclass(frozen=True)
class Case:
    """What a row is about, when it is tried."""

    number: str
    #: What the provider says when it takes a text.
    acceptance: Reply
    #: An address that redirects lead to.
    elsewhere: str


@dataclass(frozen=True)
class Row:
    name: str
    outcome: str
    #: What the provider says; None for one that does not even listen.
    answer: Callable[[Case], Reply] | None
    #: Members of the connector that differ.
    members: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} is {self.outcome}"


def says(reply: Reply) -> Callable[[Case], Reply]:
    return lambda case: reply


def _moves(status: int) -> Callable[[Case], Reply]:
    return lambda case: Reply(status, b"", {"Location": case.elsewhere})


_HTML, _JSON = {"Content-Type": "text/html"}, {"Content-Type": "application/json"}

#: What every provider over HTTP may do.
COMMON_ROWS = [
    Row("a closed port", UNREACHABLE, None, {"timeoutSeconds": 1}),
    Row("silence", UNREACHABLE, says(Reply(after=20)), {"timeoutSeconds": 1}),
    Row("a 500", UNREACHABLE, says(Reply(500, b"<h1>Oops</h1>", _HTML))),
    Row("a 503", UNREACHABLE, says(Reply(503, b"{}", _JSON))),
    Row("a reply that ends early", UNREACHABLE,
        lambda case: Reply(200, case.acceptance.body[:-1], _JSON, cut=True)),
    Row("a reply over 64 KiB", UNREACHABLE, lambda case: case.acceptance.padded(65_537)),
    Row("a 302 to elsewhere", MISCONFIGURED, _moves(302)),
    Row("a 307 to elsewhere", MISCONFIGURED, _moves(307)),
]

#: For providers whose status 200 says nothing yet.
UNREADABLE_ROWS = [
    Row("a 200 in HTML", UNREACHABLE, says(Reply(200, b"<h1>Maintenance</h1>", _HTML))),
    Row("an empty 200", UNREACHABLE, says(Reply(200, b"", _JSON))),
    Row("a 200 with another JSON", UNREACHABLE, says(Reply.of([{"hello": None}]))),
]


@dataclass
class Table:
    """A server with a connector for each row, in front of one provider."""

    server: Server
    provider: Any
    elsewhere: Service
    acceptance: Reply
    rows: list[Row]

    @classmethod
    def start(
        cls, start: Callable[..., Server], provider: Service, elsewhere: Service, acceptance: Reply,
        rows: list[Row], connector: dict[str, Any], **unreachable: Any,
    ) -> Table:
        """`unreachable` has the members of a connector to a port that nobody listens on."""
        assert len(rows) <= len(COUNTRIES)
        connectors = [
            connector | {"name": f"row-{index}", "countries": [country]} | row.members
            | ({} if row.answer else unreachable)
            for index, (row, country) in enumerate(zip(rows, COUNTRIES))
        ]
        return cls(start(**messaging(*connectors)), provider, elsewhere, acceptance, rows)

    def check(self, row: Row, code_of: Callable[[Received], str]) -> None:
        """The text of a row meets what its provider says; then it is in the outbox, or refused for good."""
        number = mobile_in(COUNTRIES[self.rows.index(row)])
        outbox = self.server.outbox
        if row.answer is not None:
            case = Case(number, self.acceptance, self.elsewhere.url + "/elsewhere")
            self.provider.answer(number, row.answer(case))
        login = begin(self.server.login(number=number))
        tried = code_of(self.provider.wait(number)) if row.answer else None

        if row.outcome == REFUSED:
            wait_for(login, "failed")
            assert outbox.messages(number) == [], "a refused number is tried nowhere else"
        else:
            code = code_in(login.text())
            assert tried in (None, code), "the next connector has the same code"
            wait_for(login, "sent")
            assert len(outbox.messages(number)) == 1
        assert len(self.provider.texts(number)) == (1 if row.answer else 0), "a connector is asked once"
        assert self.elsewhere.received == [], "redirects are not followed"


    def check_by_command(self) -> None:
        """`denwa messages test` through each row's connector: it fails, and names the row's outcome."""
        def run(index: int) -> None:
            row, number = self.rows[index], numbers[index]
            if row.answer is not None:
                self.provider.answer(number, row.answer(Case(number, self.acceptance, self.elsewhere.url)))
            status, printed = try_out(self.server, f"row-{index}", number)
            found[str(row)] = (status, outcome_in(printed))

        found: dict[str, tuple[int, str]] = {}
        numbers = [mobile_in(country) for country, _ in zip(COUNTRIES, self.rows)]
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(run, range(len(self.rows))))
        assert found == {str(row): (1, row.outcome) for row in self.rows}
        assert self.elsewhere.received == [], "redirects are not followed"


def closed_address() -> str:
    return f"http://127.0.0.1:{free_port()}"
