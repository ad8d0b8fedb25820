"""RFC 8705 §3: tokens bound to the certificate that the client showed, over TLS that ends here and behind a proxy."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import subprocess
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import quote

import httpx
import pytest

from harness import (
    Server, StartServer, assert_oauth_error, confidential_client, fresh_number, machine_client, phone_client, pkce,
    secret_of,
)
from person import authorize_url, people
from processes import Node
from proofs import SigningKey, claims_of, dpop


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as openssl made them."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, name: str, *more: str) -> Certificate:
        made = cls(folder / f"{name}.pem", folder / f"{name}.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", f"/CN={name}", "-keyout", made.key, "-out", made.certificate, *more],
            check=True, capture_output=True)
        made.key.chmod(0o600)
        return made

    @property
    def pem(self) -> str:
        return self.certificate.read_text()

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.pem)

    @property
    def thumbprint(self) -> str:
        """`x5t#S256`, RFC 8705 §3.1."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.der).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Authority:
    """What signs the certificates of clients: nobody the server knows."""

    own: Certificate

    def issue(self, name: str) -> Certificate:
        folder = self.own.certificate.parent
        made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
        request = folder / f"{name}.csr"
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", f"/CN={name}", "-keyout", made.key, "-out", request], check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", self.own.certificate, "-CAkey", self.own.key,
                        "-CAcreateserial", "-days", "2", "-out", made.certificate], check=True, capture_output=True)
        return made


@dataclass
class TLSServer(Server):
    """A server that ends TLS itself."""

    host: Certificate | None = None
    #: A proxy would be where TLS ends.
    node_count: int = 1
    _open: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def connect(self, **headers: str) -> httpx.Client:
        return self.showing(None, **headers)

    def showing(self, certificate: Certificate | None, **headers: str) -> httpx.Client:
        """A client that shows `certificate` in the handshake."""
        trusted = self.trust()
        if certificate:
            trusted.load_cert_chain(certificate.certificate, certificate.key)
        self._open.append(httpx.Client(
            base_url=self.url, verify=trusted, headers=headers, timeout=30, trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[]))))
        return self._open[-1]

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.host.certificate))

    def disconnect(self) -> None:
        super().disconnect()
        while self._open:
            self._open.pop().close()

    def answers(self, node: Node) -> bool:
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False


BOUND = {"tls_client_certificate_bound_access_tokens": True}


def clients() -> list[dict[str, Any]]:
    return [
        phone_client("app", **BOUND),
        confidential_client("web", **BOUND),
        machine_client("machine", **BOUND),
        phone_client("plain"),
        machine_client("resource-server", may_introspect=True),
    ]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(Certificate.make(folder, "authority"))
    return {
        "host": Certificate.make(folder, "host", "-addext", "subjectAltName=IP:127.0.0.1"),
        "mine": Certificate.make(folder, "mine"),
        "issued": authority.issue("issued"),
        "theirs": Certificate.make(folder, "mine-too", "-subj", "/CN=mine"),
    }


@dataclass
class Way:
    """How certificates reach the server, over TLS or in a proxy's header: `call(certificate)` makes a connection."""

    server: Server
    call: Callable[[Certificate | None], httpx.Client]

    def token(self, certificate: Certificate | None, client: str, **form: str) -> httpx.Response:
        if client == "machine":
            return self.call(certificate).post(
                "/oauth2/token", data={"grant_type": "client_credentials"}, auth=(client, secret_of(client)))
        auth = (client, secret_of(client)) if client == "web" else None
        more = {} if auth else {"client_id": client}
        return self.call(certificate).post("/oauth2/token", data=form | more, **({"auth": auth} if auth else {}))

    def redeem(self, certificate: Certificate | None, client: str = "app", code: str | None = None) -> httpx.Response:
        code = code or self.server.login(client, scope="openid phone offline").authorization_code()
        return self.token(certificate, client, grant_type="authorization_code", code=code)

    def refresh(self, certificate: Certificate | None, token: str, client: str = "app") -> httpx.Response:
        return self.token(certificate, client, grant_type="refresh_token", refresh_token=token)

    def userinfo(self, certificate: Certificate | None, token: str) -> httpx.Response:
        return self.call(certificate).get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory: pytest.TempPathFactory, certificates) -> Iterator[Way]:
    host = certificates["host"]
    server = TLSServer(tmp_path_factory.mktemp("tls"), clients=clients(), host=host, environment={
        "DENWA_TLS_CERTIFICATE_FILE": str(host.certificate), "DENWA_TLS_PRIVATE_KEY_FILE": str(host.key)})
    try:
        yield Way(server.start(), server.showing)
    finally:
        server.dispose()


def field_value(certificate: Certificate) -> str:
    """RFC 9440 §2.1: a byte sequence."""
    return f":{base64.b64encode(certificate.der).decode()}:"


def escaped(certificate: Certificate) -> str:
    """nginx's `$ssl_client_escaped_cert`."""
    return quote(certificate.pem, safe="")


def behind_proxy(start: StartServer, header: str, write: Callable[[Certificate], str], **more: str) -> Way:
    server = start(clients=clients(), **{
        "DENWA_HTTP_CLIENT_CERTIFICATE_HEADER": header, "DENWA_HTTP_TRUSTED_PROXIES": "127.0.0.1"} | more)
    return Way(server, lambda certificate: server.connect(**({header: write(certificate)} if certificate else {})))


@pytest.fixture(scope="module")
def by_field(start_module_server: StartServer) -> Way:
    return behind_proxy(start_module_server, "Client-Cert", field_value)


@pytest.fixture(scope="module")
def by_escaped_pem(start_module_server: StartServer) -> Way:
    return behind_proxy(start_module_server, "X-SSL-Client-Cert", escaped)


@pytest.fixture(params=["over_tls", "by_field", "by_escaped_pem"])
def way(request: pytest.FixtureRequest) -> Way:
    return request.getfixturevalue(request.param)


# MARK: bound to a certificate


@pytest.mark.parametrize("name", ["mine", "issued"])
@pytest.mark.parametrize("client", ["app", "web", "machine"])
def test_a_token_is_bound_to_the_certificate_that_was_shown(way: Way, certificates, client: str, name: str):
    """Self-signed or not: RFC 8705 §3 needs the key, and no authority."""
    certificate = certificates[name]
    made = way.token(certificate, client) if client == "machine" else way.redeem(certificate, client)
    assert made.status_code == 200, made.text
    assert made.json()["token_type"].lower() == "bearer"
    assert claims_of(made.json()["access_token"])["cnf"] == {"x5t#S256": certificate.thumbprint}
    asked = way.server.introspect(made.json()["access_token"]).json()
    assert asked["active"] is True
    assert asked["cnf"] == {"x5t#S256": certificate.thumbprint}


def test_userinfo_wants_the_same_certificate(way: Way, certificates):
    token = way.redeem(certificates["mine"]).json()["access_token"]
    assert way.userinfo(certificates["mine"], token).status_code == 200
    for thief in (certificates["theirs"], certificates["issued"], None):
        refused = way.userinfo(thief, token)
        assert refused.status_code == 401, refused.text
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert way.server.is_active(token), "a thief ends nothing"


def test_a_proof_of_possession_is_not_a_certificate(way: Way, certificates):
    """A token that is bound to a certificate stays so under the scheme of DPoP, whatever key is proven."""
    token, key = way.redeem(certificates["mine"]).json()["access_token"], SigningKey.generate()
    for shown in (certificates["theirs"], None):
        reply = way.call(shown).get(
            "/oauth2/userinfo", headers=dpop(key, "GET", f"{way.server.url}/oauth2/userinfo", token))
        assert reply.status_code == 401


def test_a_proof_beside_the_certificate_does_not_take_its_place(way: Way, certificates):
    """A client of bound tokens that sends a proof too: the certificate is still needed."""
    key, url = SigningKey.generate(), f"{way.server.url}/oauth2/token"
    made = way.call(certificates["mine"]).post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("machine", secret_of("machine")),
        headers=dpop(key, "POST", url))
    assert made.status_code in (200, 400)
    if made.status_code == 200:
        assert claims_of(made.json()["access_token"])["cnf"].get("x5t#S256") == certificates["mine"].thumbprint


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/users/me"), ("GET", "/users/me/phone"), ("POST", "/users/me/phone"), ("DELETE", "/users/me/phone"),
    ("POST", "/oauth2/logout?sessions=all"),
])
def test_no_route_of_a_user_takes_a_bound_token_without_its_certificate(
    way: Way, certificates, method: str, path: str
):
    token = way.redeem(certificates["mine"]).json()["access_token"]
    for thief in (certificates["theirs"], None):
        reply = way.call(thief).request(
            method, path, headers={"Authorization": f"Bearer {token}"}, **({"json": {}} if method == "POST" else {}))
        assert reply.status_code in (401, 404, 405), reply.text
    assert way.server.is_active(token), "nobody was signed out"
    assert way.server.http.post("/token/validate", json={"token": token}).status_code == 422


@pytest.mark.parametrize("client", ["app", "web", "machine"])
def test_without_a_certificate_such_a_client_gets_no_token(way: Way, client: str):
    refused = way.token(None, client) if client == "machine" else way.redeem(None, client)
    assert_oauth_error(refused, 400, "invalid_request")


def test_a_public_clients_refresh_token_is_bound_too_and_not_spent_by_a_thief(way: Way, certificates):
    """RFC 8705 §4."""
    held = way.redeem(certificates["mine"]).json()["refresh_token"]
    assert_oauth_error(way.refresh(certificates["theirs"], held), 400, "invalid_grant")
    assert_oauth_error(way.refresh(None, held), 400, "invalid_grant", "invalid_request")
    renewed = way.refresh(certificates["mine"], held)
    assert renewed.status_code == 200, renewed.text
    assert claims_of(renewed.json()["access_token"])["cnf"] == {"x5t#S256": certificates["mine"].thumbprint}
    assert_oauth_error(way.refresh(certificates["theirs"], renewed.json()["refresh_token"]), 400, "invalid_grant")


def test_a_confidential_client_may_renew_its_certificate(way: Way, certificates):
    held = way.redeem(certificates["mine"], "web").json()["refresh_token"]
    renewed = way.refresh(certificates["issued"], held, "web")
    assert renewed.status_code == 200, renewed.text
    assert claims_of(renewed.json()["access_token"])["cnf"] == {"x5t#S256": certificates["issued"].thumbprint}


def test_a_client_that_did_not_ask_for_it_has_no_bound_tokens(way: Way, certificates):
    made = way.redeem(certificates["mine"], "plain")
    assert "cnf" not in claims_of(made.json()["access_token"])
    assert way.userinfo(None, made.json()["access_token"]).status_code == 200
    assert way.redeem(None, "plain").status_code == 200


@pytest.mark.parametrize("document", ["openid-configuration", "oauth-authorization-server"])
def test_the_metadata_say_that_tokens_can_be_bound(way: Way, document: str):
    told = way.server.http.get(f"/.well-known/{document}").json()
    assert told["tls_client_certificate_bound_access_tokens"] is True


# MARK: TLS that ends here


def test_everything_is_under_https(over_tls: Way):
    told = over_tls.server.http.get("/.well-known/openid-configuration").json()
    assert told["issuer"] == over_tls.server.url
    assert told["token_endpoint"] == f"{over_tls.server.url}/oauth2/token"
    with pytest.raises(httpx.TransportError):
        httpx.get(over_tls.server.url.replace("https://", "http://") + "/health/live", trust_env=False, timeout=5)


def test_somebody_signs_in_over_tls(over_tls: Way, certificates):
    server: TLSServer = over_tls.server
    verifier, challenge = pkce()
    with people() as make:
        person = make(server)
        person.browser.close()
        person.browser = httpx.Client(verify=server.trust(), timeout=30, trust_env=False)
        page = person.sign_in(authorize_url(server, "app", scope="openid", **challenge), fresh_number())
        cookies = [cookie for cookie in person.browser.cookies.jar if cookie.name.endswith("denwa-session")]
    assert cookies and all(cookie.secure and cookie.name.startswith("__Host-") for cookie in cookies)
    assert page.parameters["iss"] == server.url
    made = over_tls.token(
        certificates["mine"], "app", grant_type="authorization_code", code=page.parameters["code"],
        code_verifier=verifier, redirect_uri="https://app.example/callback")
    assert made.status_code == 200, made.text
    assert claims_of(made.json()["access_token"])["iss"] == server.url


def test_a_header_shows_no_certificate_where_the_handshake_does(over_tls: Way, certificates):
    """Whoever may write a header would otherwise be anybody."""
    server: TLSServer = over_tls.server
    token = over_tls.redeem(certificates["mine"]).json()["access_token"]
    for header in ("Client-Cert", "X-SSL-Client-Cert", "X-Client-Cert", "X-Forwarded-Client-Cert"):
        for value in (field_value(certificates["mine"]), escaped(certificates["mine"])):
            for shown in (None, certificates["theirs"]):
                thief = server.showing(shown, **{header: value})
                reply = thief.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
                assert reply.status_code == 401, header


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_a_session_that_is_taken_up_again_is_the_same_clients(over_tls: Way, certificates, version: ssl.TLSVersion):
    """No certificate is sent then; it is the one of the first handshake."""
    server: TLSServer = over_tls.server
    trusted = server.trust()
    trusted.load_cert_chain(certificates["mine"].certificate, certificates["mine"].key)
    trusted.minimum_version = trusted.maximum_version = version
    credentials = base64.b64encode(f"machine:{secret_of('machine')}".encode()).decode()
    request = (f"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n"
               "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\n"
               "grant_type=client_credentials").encode()
    session = None
    for taken_up in (False, True):
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        with trusted.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as connection:
            connection.sendall(request)
            reply = b"".join(iter(lambda: connection.recv(65_536), b""))
            session = connection.session
            assert connection.session_reused is taken_up
        token = json.loads(reply.partition(b"\r\n\r\n")[2])["access_token"]
        assert claims_of(token)["cnf"] == {"x5t#S256": certificates["mine"].thumbprint}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["TLS 1.0", "TLS 1.1"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_not_spoken(over_tls: Way, version: ssl.TLSVersion):
    """RFC 9325 §3.1.1."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(over_tls.server.host.certificate)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = version
    with pytest.raises(httpx.TransportError), httpx.Client(verify=old, trust_env=False, timeout=5) as client:
        client.get(f"{over_tls.server.url}/health/live")


@pytest.mark.parametrize("setting", ["DENWA_TLS_CERTIFICATE_FILE", "DENWA_TLS_PRIVATE_KEY_FILE"])
def test_half_of_tls_is_none_and_does_not_start(tmp_path: Path, certificates, setting: str):
    """Falling back to plain HTTP would be what nobody asked for."""
    host = certificates["host"]
    value = host.certificate if "CERTIFICATE" in setting else host.key
    server = TLSServer(tmp_path / "server", clients=clients(), host=host, environment={setting: str(value)})
    try:
        with pytest.raises(AssertionError, match="the server ended"):
            server.start()
        assert "tls." in server.log()
    finally:
        server.dispose()


@pytest.mark.parametrize("spoil", ["certificate", "key", "other key"])
def test_a_server_without_its_certificate_and_key_does_not_start(tmp_path: Path, certificates, spoil: str):
    host, nothing = certificates["host"], tmp_path / "nothing.pem"
    files = {
        "certificate": (nothing, host.key), "key": (host.certificate, nothing),
        "other key": (host.certificate, certificates["mine"].key),
    }[spoil]
    server = TLSServer(tmp_path / "server", clients=clients(), host=host, environment={
        "DENWA_TLS_CERTIFICATE_FILE": str(files[0]), "DENWA_TLS_PRIVATE_KEY_FILE": str(files[1])})
    try:
        with pytest.raises(AssertionError, match="the server ended"):
            server.start()
        assert "tls." in server.log() or str(files[1]) in server.log(), "it says where to look"
    finally:
        server.dispose()


# MARK: a proxy's header


def test_without_a_proxy_and_without_tls_there_are_no_bound_tokens(start_server: StartServer, certificates):
    server = start_server(clients=clients(), DENWA_HTTP_TRUSTED_PROXIES="127.0.0.1")
    told = server.http.get("/.well-known/openid-configuration").json()
    assert told.get("tls_client_certificate_bound_access_tokens", False) is False
    for header in ("Client-Cert", "X-SSL-Client-Cert"):
        reply = server.http.post(
            "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("machine", secret_of("machine")),
            headers={header: field_value(certificates["mine"])})
        assert_oauth_error(reply, 400, "invalid_request")


@pytest.mark.single_node("the peer is a proxy that is trusted and hands on what its clients write")
def test_a_peer_that_is_no_trusted_proxy_shows_nothing(start_server: StartServer, certificates):
    way = behind_proxy(start_server, "Client-Cert", field_value, DENWA_HTTP_TRUSTED_PROXIES="192.0.2.7")
    assert_oauth_error(way.token(certificates["mine"], "machine"), 400, "invalid_request")
    forwarded = way.server.connect(**{
        "Client-Cert": field_value(certificates["mine"]), "X-Forwarded-For": "192.0.2.7",
        "Forwarded": "for=192.0.2.7"})
    reply = forwarded.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("machine", secret_of("machine")))
    assert_oauth_error(reply, 400, "invalid_request")


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda made: "", id="empty"),
    pytest.param(lambda made: "::", id="an empty byte sequence"),
    pytest.param(lambda made: "nonsense", id="nonsense"),
    pytest.param(lambda made: field_value(made)[:-1], id="without its last colon"),
    pytest.param(lambda made: field_value(made)[1:-1], id="without colons"),
    pytest.param(lambda made: f":{base64.b64encode(made.der[:-20]).decode()}:", id="cut off"),
    pytest.param(lambda made: f":{base64.b64encode(made.der + b'x').decode()}:", id="with something behind it"),
    pytest.param(lambda made: f":{base64.b64encode(b'x' * 300).decode()}:", id="no certificate"),
    pytest.param(lambda made: quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", safe=""),
                 id="a PEM of nothing"),
    pytest.param(lambda made: quote(made.key.read_text(), safe=""), id="a PEM of a key"),
    pytest.param(lambda made: "(null)", id="what some proxies write for none"),
])
def test_what_is_no_certificate_binds_nothing(by_field: Way, certificates, spoil):
    server = by_field.server
    reply = server.http.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("machine", secret_of("machine")),
        headers={"Client-Cert": spoil(certificates["mine"])})
    assert_oauth_error(reply, 400, "invalid_request")


def test_each_request_of_a_proxys_connection_has_its_own_certificate(by_field: Way, certificates):
    connection = by_field.server.connect()
    for name in ("mine", "issued", "mine"):
        reply = connection.post(
            "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("machine", secret_of("machine")),
            headers={"Client-Cert": field_value(certificates[name])})
        cnf = claims_of(reply.json()["access_token"])["cnf"]
        assert cnf == {"x5t#S256": certificates[name].thumbprint}


def test_two_certificates_are_none(by_field: Way, certificates):
    """A proxy that adds its header to one that a client sent must not let the client choose."""
    values = [field_value(certificates[name]) for name in ("theirs", "mine")]
    for headers in ([("Client-Cert", value) for value in values], [("Client-Cert", ", ".join(values))]):
        reply = by_field.server.http.post(
            "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("machine", secret_of("machine")),
            headers=headers)
        assert_oauth_error(reply, 400, "invalid_request")


def test_each_kind_of_header_is_understood_by_either_server(by_field: Way, by_escaped_pem: Way, certificates):
    for way, header in ((by_field, "Client-Cert"), (by_escaped_pem, "X-SSL-Client-Cert")):
        for write in (field_value, escaped):
            connection = way.server.connect(**{header: write(certificates["mine"])})
            reply = connection.post(
                "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("machine", secret_of("machine")))
            assert reply.status_code == 200, f"{header}: {reply.text}"
            cnf = claims_of(reply.json()["access_token"])["cnf"]
            assert cnf == {"x5t#S256": certificates["mine"].thumbprint}
