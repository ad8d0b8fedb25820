"""The smtp connector before aiosmtpd: what a mail says, and that no password leaves without trusted TLS."""

from __future__ import annotations

import base64
import re
import smtplib
import ssl
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from harness import Server, code_in
from providers.oracles.mail import PASSWORD, USER, Certificate, MailServer, certificate
from providers.oracles.table import REFUSED, UNREACHABLE, begin, messaging, mobile_in, outcome_in

#: One of the servers here wants a login and knows that TLS began before SMTP did.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

TO = "someone@example.com"
FROM = "no-reply@denwa.example"

#: `make(mail, **members)`: a server whose connector leads to `mail`.
Make = Callable[..., Server]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    directory = tmp_path_factory.mktemp("certificates")
    return {
        "trusted": certificate(directory, "trusted"),
        "stranger": certificate(directory, "stranger"),
        "elsewhere": certificate(directory, "elsewhere", host="mail.elsewhere.example"),
        "expired": certificate(directory, "expired", days=-1),
    }


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Servers that only lend their surroundings to a command; none of them runs."""
    def server_for(mail: MailServer, **members: Any) -> Server:
        connector = {
            "type": "smtp", "host": "127.0.0.1", "port": mail.port, "from": FROM, "timeoutSeconds": 5,
        } | members
        environment = messaging(connector) | {"SMTP_PASSWORD": PASSWORD}
        made = Server(tmp_path_factory.mktemp("server"), environment=environment)
        servers.append(made)
        return made

    servers: list[Server] = []
    yield server_for
    for server in servers:
        server.dispose()


def send(server: Server, *more: str) -> tuple[int, str]:
    done = server.command("messages", "test", "--connector", "smtp", "--to", TO, *more, timeout=60)
    printed = done.stdout + done.stderr
    assert PASSWORD not in printed
    return done.returncode, printed


def login_members(certificate: Certificate) -> dict[str, Any]:
    return {"username": USER, "password": {"env": "SMTP_PASSWORD"}, "caFile": str(certificate.file)}


def assert_no_password_on_the_wire(mail: MailServer) -> None:
    """Neither as it is, nor as LOGIN or PLAIN encode it."""
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    for form in (PASSWORD.encode(), base64.b64encode(PASSWORD.encode()), plain, plain[-20:]):
        assert form not in mail.wire
    assert b"AUTH" not in mail.wire.upper()


# MARK: what is sent


@pytest.mark.parametrize("locale", ["en", "ja"])
def test_a_mail_arrives_whole_after_starttls_and_a_login(make: Make, certificates: dict, locale: str):
    with MailServer(certificates["trusted"], requires_login=True) as mail:
        status, printed = send(make(mail, **login_members(certificates["trusted"])), "--locale", locale)
        assert status == 0, printed
        assert "250" in printed, "the server's own answer"
        [sent] = mail.mails
        [(mechanism, user, password)] = mail.logins
    assert (user, password) == (USER.encode(), PASSWORD.encode())
    assert mechanism in ("PLAIN", "LOGIN")
    assert sent.encrypted
    assert sent.sender == FROM
    assert sent.recipients == [TO]
    assert re.match(rb"(?i)EHLO [^\r\n]+\r\nSTARTTLS\r\n\x16\x03", mail.wire), "only EHLO goes before TLS"
    assert_no_password_on_the_wire(mail)

    message = sent.message
    assert parseaddr(str(message["From"]))[1] == FROM
    assert parseaddr(str(message["To"]))[1] == TO
    assert str(message["Subject"]).strip()
    assert parsedate_to_datetime(message["Date"]) is not None
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", message["Message-ID"].strip())
    assert message["MIME-Version"] == "1.0"
    assert not message.defects
    code_in({"body": sent.text})
    assert (re.search("[\u3040-\u30ff]", sent.text) is not None) == (locale == "ja")
    headers = sent.raw.partition(b"\r\n\r\n")[0]
    assert headers.isascii(), "whatever is not ASCII is encoded"
    assert max(map(len, sent.raw.split(b"\r\n"))) <= 998
    assert b"\n" not in sent.raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_either_mechanism_will_do(make: Make, certificates: dict, mechanism: str):
    with MailServer(certificates["trusted"], requires_login=True, mechanisms={mechanism}) as mail:
        status, printed = send(make(mail, **login_members(certificates["trusted"])))
        assert status == 0, printed
        assert [login[0] for login in mail.logins] == [mechanism]
        assert [sent.recipients for sent in mail.mails] == [[TO]]


def test_tls_may_be_there_from_the_first_byte(make: Make, certificates: dict):
    with MailServer(certificates["trusted"], implicit=True, requires_login=True) as mail:
        status, printed = send(make(mail, tls="implicit", **login_members(certificates["trusted"])))
        assert status == 0, printed
        assert mail.wire.startswith(b"\x16\x03")
        assert [sent.encrypted for sent in mail.mails] == [True]
        assert_no_password_on_the_wire(mail)


def test_without_tls_and_login_a_mail_still_leaves_when_the_operator_says_so(make: Make):
    with MailServer(None) as mail:
        status, printed = send(make(mail, tls="none"))
        assert status == 0, printed
        assert [(sent.encrypted, sent.user) for sent in mail.mails] == [(False, None)]


# MARK: whom it does not trust


def assert_nothing_left(server: Server, mail: MailServer) -> None:
    status, printed = send(server)
    assert status == 1, printed
    assert mail.connections >= 1, "it was tried"
    assert mail.mails == [] and mail.logins == []
    assert_no_password_on_the_wire(mail)


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("which", ["stranger", "elsewhere", "expired"])
def test_a_certificate_that_is_not_trusted_gets_no_password(
    make: Make, certificates: dict, which: str, implicit: bool
):
    trusted = certificates["trusted" if which == "stranger" else which]
    with MailServer(certificates[which], implicit=implicit) as mail:
        server = make(mail, tls="implicit" if implicit else "starttls", **login_members(trusted))
        assert_nothing_left(server, mail)


def test_the_systems_authorities_do_not_vouch_for_a_self_signed_one(make: Make, certificates: dict):
    with MailServer(certificates["trusted"]) as mail:
        assert_nothing_left(make(mail, username=USER, password=PASSWORD), mail)


def test_a_server_whose_starttls_was_stripped_gets_no_password(make: Make, certificates: dict):
    """Somebody on the way takes STARTTLS out of the greeting and hopes for a login in clear."""
    with MailServer(None, offers_auth_in_clear=True) as mail:
        assert_nothing_left(make(mail, **login_members(certificates["trusted"])), mail)


def test_a_wrong_password_is_told(make: Make, certificates: dict):
    with MailServer(certificates["trusted"], requires_login=True) as mail:
        members = login_members(certificates["trusted"]) | {"password": "another"}
        status, printed = send(make(mail, **members))
        assert status == 1, printed
        assert "535" in printed or re.search("(?i)login denied|authentication", printed)
        assert mail.mails == []


# MARK: what a mail server may say


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param("451 4.3.0 Marker-41 try again later", UNREACHABLE, id="4yz, to be tried again,"),
        pytest.param("550 5.1.1 Marker-55 nobody of that name", REFUSED, id="5yz, final,"),
    ],
)
def test_a_mail_that_the_server_refuses_was_not_accepted(
    make: Make, certificates: dict, step: str, answer: str, outcome: str
):
    with MailServer(certificates["trusted"], **{step: answer}) as mail:
        status, printed = send(make(mail, caFile=str(certificates["trusted"].file)))
        assert status == 1, printed
        assert answer[:3] in printed
        assert outcome_in(printed) == outcome
        assert mail.mails == []


def test_a_closed_port_was_not_accepted(make: Make):
    with MailServer(None) as mail:
        server = make(mail)
    status, printed = send(server)
    assert status == 1
    assert printed.strip()


def test_an_address_with_a_line_break_starts_no_header(make: Make):
    with MailServer(None) as mail:
        server = make(mail, tls="none")
        done = server.command("messages", "test", "--connector", "smtp",
                              "--to", "someone@example.com\r\nBcc: other@example.com", timeout=60)
        assert done.returncode != 0
        assert mail.mails == []
        assert b"Bcc" not in mail.wire and b"other@" not in mail.wire


# MARK: e-mail only


def test_a_number_is_never_texted_by_mail(make: Make, certificates: dict):
    with MailServer(certificates["trusted"]) as mail:
        server = make(mail, caFile=str(certificates["trusted"].file)).start()
        login = begin(server.login(number=mobile_in("JP")))
        assert login.confirm(code_in(login.text())).status_code == 200
        assert mail.connections == 0
        done = server.command("messages", "test", "--connector", "smtp", "--to", mobile_in("JP"), timeout=60)
        assert done.returncode != 0
        assert mail.mails == []


# MARK: the oracle itself


def test_pythons_own_client_passes_here_and_not_without_trust_or_password(certificates: dict):
    def deliver(password: str, trusted: Path) -> None:
        with smtplib.SMTP("127.0.0.1", mail.port, timeout=10) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(trusted)))
            client.login(USER, password)
            client.sendmail("a@denwa.example", [TO], "Subject: Hello\r\n\r\nText 123456\r\n")

    with MailServer(certificates["trusted"], requires_login=True) as mail:
        deliver(PASSWORD, certificates["trusted"].file)
        assert [sent.text.strip() for sent in mail.mails] == ["Text 123456"]
        assert_no_password_on_the_wire(mail)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            deliver("another", certificates["trusted"].file)
        with pytest.raises(ssl.SSLCertVerificationError):
            deliver(PASSWORD, certificates["stranger"].file)
        assert len(mail.mails) == 1


def test_a_password_in_clear_would_be_seen():
    with MailServer(None, offers_auth_in_clear=True) as mail:
        with smtplib.SMTP("127.0.0.1", mail.port, timeout=10) as client:
            client.login(USER, PASSWORD)
        with pytest.raises(AssertionError):
            assert_no_password_on_the_wire(mail)
