"""aiosmtpd as somebody's mail server, with certificates, and a tap that keeps every byte a client sends."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import free_port

USER, PASSWORD = "denwa@mail.example", "correct-horse-Zr7+/=battery"


@dataclass
class Certificate:
    """Self-signed, for one address or name."""

    file: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def certificate(directory: Path, name: str, host: str = "127.0.0.1", days: int = 1) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = directory / f"{name}.pem", directory / f"{name}.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
    ))
    return Certificate(file, key_file)


@dataclass
class Mail:
    sender: str
    recipients: list[str]
    encrypted: bool
    user: str | None
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None, "no part is plain text"
        return body.get_content()


@dataclass
class _Handler:
    """Takes mails, or says `refusal` at the named step."""

    refusals: dict[str, str]
    mails: list[Mail] = field(default_factory=list)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list) -> str:
        if said := self.refusals.get("MAIL"):
            return said
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list) -> str:
        if said := self.refusals.get("RCPT"):
            return said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if said := self.refusals.get("DATA"):
            return said
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.mails.append(Mail(
            envelope.mail_from, list(envelope.rcpt_tos), encrypted, session.auth_data,
            envelope.original_content,
        ))
        return "250 2.0.0 queued as 4WxYz1"


class MailServer:
    """aiosmtpd behind a tap. `starttls`, `implicit` and `offers_auth_in_clear` say how it is set up."""

    def __init__(
        self, certificate: Certificate | None, *, implicit: bool = False, requires_login: bool = False,
        offers_auth_in_clear: bool = False, mechanisms: set[str] | None = None, **refusals: str,
    ) -> None:
        self._handler = _Handler(refusals)
        context = certificate.context() if certificate else None
        excluded = {"LOGIN", "PLAIN"} - (mechanisms or {"LOGIN", "PLAIN"})
        self._controller = Controller(
            self._handler, hostname="127.0.0.1", port=free_port(), ready_timeout=20,
            ssl_context=context if implicit else None,
            tls_context=None if implicit else context,
            auth_required=requires_login,
            auth_require_tls=not (offers_auth_in_clear or implicit),
            auth_exclude_mechanism=excluded,
            authenticator=self._authenticate,
            decode_data=False,
        )
        self.logins: list[tuple[str, bytes, bytes]] = []
        self._controller.start()
        self._tap = _Tap(self._controller.port)
        self.port = self._tap.port

    def _authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((mechanism, data.login, data.password))
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False, auth_data=data.login.decode())

    @property
    def mails(self) -> list[Mail]:
        return self._handler.mails

    @property
    def wire(self) -> bytes:
        """Everything that clients have sent, as an eavesdropper sees it."""
        return bytes(self._tap.seen)

    @property
    def connections(self) -> int:
        return self._tap.connections

    def close(self) -> None:
        self._tap.close()
        self._controller.stop()

    def __enter__(self) -> MailServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Tap:
    """Passes bytes both ways between a client and a port of this machine."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.seen = bytearray()
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            except OSError:
                client.close()
                continue
            client.settimeout(60)
            server.settimeout(60)
            self._open += [client, server]
            threading.Thread(target=self._pump, args=(client, server, self.seen), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, seen: bytearray | None) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if seen is not None:
                    seen += data
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._closing.set()
        self._thread.join(timeout=5)
        for connection in [*self._open, self._listener]:
            with closing(connection), suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
