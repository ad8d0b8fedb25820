"""Apache with mod_auth_openidc, as Debian ships them, in front of pages: people sign in by phone to see them, and
programs show a bearer token."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import quote, urlencode

import httpx
import pytest
from joserfc.jwk import RSAKey

from harness import Server, code_in, confidential_client, eventually, fresh_number, phone_client, secret_of
from person import Page
from proofs import SigningKey

MODULES = Path("/usr/lib/apache2/modules")
LOADED = ["mpm_event", "authn_core", "authz_core", "authz_user", "mime", "filter", "include", "auth_openidc"]

#: What the guarded page says: one claim a line, as Apache hands them to whatever stands behind it.
SHOWN = ("REMOTE_USER", "OIDC_CLAIM_iss", "OIDC_CLAIM_sub", "OIDC_CLAIM_aud", "OIDC_CLAIM_acr", "OIDC_CLAIM_amr",
         "OIDC_CLAIM_phone_number", "OIDC_CLAIM_phone_number_verified", "OIDC_access_token")

#: What clients without a secret of the usual kind prove themselves by.
KEY = SigningKey.generate("RS256")
SHARED_SECRET = "a-secret-of-two-that-is-long-enough-0b1fKqR7ZxT2"

#: Lines of configuration, made for one Apache.
Options = Callable[["Apache"], list[str]]


@dataclass
class Apache:
    """One Apache of the test's own: no service, no privileged port, everything in one directory."""

    denwa: Server
    client: str
    options: Options
    port: int
    process: subprocess.Popen | None = None

    def __post_init__(self) -> None:
        # Apache gives up root, when it has it, and must still read its pages.
        self.directory = Path(tempfile.mkdtemp(prefix="denwa-apache-"))
        self.directory.chmod(0o755)
        (self.directory / "metadata").mkdir(mode=0o777)
        (self.directory / "metadata").chmod(0o777)
        self.errors = self.directory / "error.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def guarded(self) -> str:
        return f"{self.url}/guarded/page.html"

    @property
    def callback(self) -> str:
        return f"{self.url}/guarded/callback"

    @property
    def api(self) -> str:
        return f"{self.url}/api/page.html"

    @property
    def logout(self) -> str:
        return f"{self.callback}?{urlencode({'logout': f'{self.url}/goodbye.html'})}"

    def configuration(self) -> str:
        options = "\n".join(self.options(self))
        return f"""
ServerRoot "{self.directory}"
DefaultRuntimeDir "{self.directory}"
PidFile "{self.directory}/httpd.pid"
Mutex posixsem
Listen 127.0.0.1:{self.port}
ServerName 127.0.0.1:{self.port}
{"User www-data" if os.geteuid() == 0 else ""}
{"Group www-data" if os.geteuid() == 0 else ""}
ErrorLog "{self.errors}"
LogLevel warn auth_openidc:debug
StartServers 1
ThreadsPerChild 25
MaxRequestWorkers 25
KeepAlive Off
DocumentRoot "{self.directory}/pages"
TypesConfig /dev/null
AddType text/html .html

OIDCClientID "{self.client}"
OIDCRedirectURI "{self.callback}"
OIDCCryptoPassphrase "{secrets.token_urlsafe(32)}"
OIDCScope "openid phone offline_access"
OIDCRemoteUserClaim sub
OIDCInfoHook access_token id_token userinfo refresh_token session
{options}

<Location /guarded>
    AuthType openid-connect
    Require valid-user
    Options +Includes
    SetOutputFilter INCLUDES
</Location>
<Location /api>
    AuthType oauth20
    Require claim scope~phone
    Options +Includes
    SetOutputFilter INCLUDES
</Location>
"""

    def start(self) -> Apache:
        for folder in ("guarded", "api"):
            (self.directory / "pages" / folder).mkdir(parents=True)
            (self.directory / "pages" / folder / "page.html").write_text(
                "<!doctype html><title>Guarded</title><h1>Guarded</h1>\n"
                + "".join(f'<pre>{name}=<!--#echo var="{name}" --></pre>\n' for name in SHOWN)
            )
        (self.directory / "pages" / "goodbye.html").write_text("<!doctype html><title>Goodbye</title><h1>Goodbye</h1>")
        modules = "\n".join(f'LoadModule {name}_module "{MODULES}/mod_{name}.so"' for name in LOADED)
        file = self.directory / "httpd.conf"
        file.write_text(f"{modules}\n{self.configuration()}")
        for path in [self.directory / "pages", *(self.directory / "pages").rglob("*")]:
            path.chmod(0o755)
        self.process = subprocess.Popen(
            ["apache2", "-f", str(file), "-D", "FOREGROUND"],
            cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
            env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin"},
        )
        eventually("Apache answers", self.is_ready, timeout=20)
        return self

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"Apache ended:\n{self.process.stderr.read()}\n{self.log()}")
        try:
            return httpx.get(f"{self.url}/goodbye.html", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def log(self) -> str:
        return self.errors.read_text(errors="replace")[-6000:] if self.errors.exists() else ""

    def dispose(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
                try:
                    self.process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    os.killpg(self.process.pid, signal.SIGKILL)
                    self.process.wait()
            self.process.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def discovered(apache: Apache) -> list[str]:
    """The least that the module has to be told."""
    lines = [f'OIDCProviderMetadataURL "{apache.denwa.url}/.well-known/openid-configuration"']
    if secret := apache.denwa.client(apache.client).get("client_secret"):
        lines.append(f'OIDCClientSecret "{secret}"')
    return lines


#: How it may be told about Denwa: the client, and what more there is to say.
WAYS: dict[str, tuple[str, list[str]]] = {
    "by discovery": ("basic", []),
    "with PKCE": ("basic", ["OIDCPKCEMethod S256"]),
    "by form_post": ("basic", ["OIDCPKCEMethod S256", "OIDCResponseMode form_post"]),
    "by client_secret_post": ("post", ["OIDCProviderTokenEndpointAuth client_secret_post"]),
    "without a secret": ("public", ["OIDCPKCEMethod S256", "OIDCProviderTokenEndpointAuth none"]),
    "userinfo by POST": ("basic", ["OIDCUserInfoTokenMethod post_param"]),
    "RS256 only": ("rs256", ["OIDCPKCEMethod S256", "OIDCIDTokenSignedResponseAlg RS256"]),
}


def with_key(apache: Apache) -> list[str]:
    """It signs who it is."""
    lines = discovered(apache)
    for kind, private in (("Private", True), ("Public", False)):        # without the other half it crashes
        file = apache.directory / f"{kind}.pem"
        file.write_bytes(KEY.key.as_pem(private=private))
        file.chmod(0o644)
        lines.append(f'OIDC{kind}KeyFiles "{KEY.kid}#{file}"')
    return [*lines, "OIDCProviderTokenEndpointAuth private_key_jwt", "OIDCPKCEMethod S256"]


def with_signed_requests(apache: Apache) -> list[str]:
    """It signs what it asks for, too. Of when that ends it knows nothing by itself."""
    wanted = {"copy_and_remove_from_request": ["scope", "state", "nonce", "code_challenge", "code_challenge_method"],
              "copy_from_request": ["client_id", "response_type", "redirect_uri"],
              "crypto": {"sign_alg": "RS256"}, "request_object_type": "request",
              "static": {"exp": int(time.time()) + 3_000}}
    return [*with_key(apache), f"OIDCRequestObject {json.dumps(json.dumps(wanted))}"]


@pytest.fixture(scope="module")
def start_apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Starts an Apache, and the one Denwa that all of them use: their ports are registered there beforehand."""
    # Held, so that nobody else is given one of them before its Apache starts; Apache may share them (SO_REUSEADDR).
    held = [socket.socket() for _ in range(20)]
    for reservation in held:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
    ports = [reservation.getsockname()[1] for reservation in held]

    def registered(make: Any, name: str, **more: Any) -> dict[str, Any]:
        return make(name, **{
            "redirect_uris": [f"http://127.0.0.1:{port}/guarded/callback" for port in ports],
            "post_logout_redirect_uris": [f"http://127.0.0.1:{port}/goodbye.html" for port in ports],
        } | more)

    denwa = Server(tmp_path_factory.mktemp("apache"), clients=[
        registered(confidential_client, "basic"),
        registered(confidential_client, "post", token_endpoint_auth_method="client_secret_post"),
        registered(confidential_client, "rs256", id_token_signed_response_alg="RS256",
                   access_token_signed_response_alg="RS256"),
        registered(confidential_client, "asks", first_party=False),
        registered(confidential_client, "shared", token_endpoint_auth_method="client_secret_jwt",
                   client_secret=SHARED_SECRET),
        registered(phone_client, "signs", token_endpoint_auth_method="private_key_jwt", jwks=KEY.jwks),
        registered(phone_client, "signs-all", token_endpoint_auth_method="private_key_jwt", jwks=KEY.jwks,
                   require_signed_request_object=True),
        registered(phone_client, "public"),
        confidential_client("api", grant_types=["client_credentials"], may_introspect=True),
    ])
    started: list[Apache] = []

    def start(client: str, *lines: str, options: Options = discovered) -> Apache:
        apache = Apache(denwa, client, lambda apache: [*options(apache), *lines], port=ports[len(started)])
        started.append(apache)
        return apache.start()

    try:
        denwa.start()
        yield start
    finally:
        for apache in started:
            apache.dispose()
        denwa.dispose()
        for reservation in held:
            reservation.close()


@pytest.fixture(scope="module")
def apache(start_apache) -> Apache:
    """For everything that does not depend on how Apache is told about Denwa."""
    return start_apache("basic", "OIDCPKCEMethod S256")


def claims(page: Page, apache: Apache) -> dict[str, str]:
    """What the guarded page says, once somebody sees it."""
    assert page.status == 200 and page.heading == "Guarded", f"{page.status} {page.url} {page.words}\n{apache.log()}"
    return {name: value for name, value in re.findall(r"<pre>(\w+)=(.*)</pre>", page.text) if value != "(none)"}


@pytest.mark.parametrize("way", WAYS)
def test_a_guarded_page_is_seen_after_a_sign_in_and_until_the_sign_out(start_apache, make_person, way: str):
    client, lines = WAYS[way]
    apache = start_apache(client, *lines)
    number, person = fresh_number(), make_person(apache.denwa)

    seen = claims(person.sign_in(apache.guarded, number), apache)
    assert person.page.url == apache.guarded
    assert seen["OIDC_CLAIM_iss"] == apache.denwa.url
    assert seen["OIDC_CLAIM_aud"] == apache.client
    assert seen["OIDC_CLAIM_phone_number"] == number
    assert seen["OIDC_CLAIM_phone_number_verified"] == "1"
    assert seen["REMOTE_USER"].startswith(seen["OIDC_CLAIM_sub"])
    assert apache.denwa.http.get(
        "/oauth2/userinfo", headers={"Authorization": f"Bearer {seen['OIDC_access_token']}"}
    ).json()["sub"] == seen["OIDC_CLAIM_sub"]

    assert claims(person.visit(apache.guarded), apache) == seen, "again, and not asked"
    assert len(apache.denwa.outbox.messages(number)) == 1

    assert person.visit(apache.logout).url == f"{apache.url}/goodbye.html"
    asked = person.visit(apache.guarded)
    assert asked.url.startswith(f"{apache.denwa.url}/oauth2/authorize?")
    assert asked.has_form("phone_number")


@pytest.mark.parametrize(("client", "options"), [
    pytest.param("signs", with_key, id="a key"),
    pytest.param("signs-all", with_signed_requests, id="a key and signed requests"),
    pytest.param("shared", lambda apache: [
        *discovered(apache), "OIDCProviderTokenEndpointAuth client_secret_jwt"], id="a shared secret that signs"),
])
def test_a_page_is_guarded_with(start_apache, make_person, client: str, options: Options):
    apache = start_apache(client, options=options)
    seen = claims(make_person(apache.denwa).sign_in(apache.guarded, fresh_number()), apache)
    assert seen["OIDC_CLAIM_aud"] == client


@pytest.mark.parametrize("known", ["its issuer alone", "endpoints by hand"])
def test_the_module_has_a_folder_of_providers(start_apache, make_person, known: str):
    """It asks the person which one, and discovers what it does not know of it."""
    apache = start_apache("post", 'OIDCMetadataDir "metadata"', "OIDCPKCEMethod S256", options=lambda _: [])
    issuer = apache.denwa.url
    folder, name = apache.directory / "metadata", quote(issuer.removeprefix("http://"), safe="")
    write = {"client": {"client_id": "post", "client_secret": secret_of("post"),
                        "token_endpoint_auth_method": "client_secret_post"}}
    if known == "endpoints by hand":
        write["provider"] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/oauth2/authorize",
            "token_endpoint": f"{issuer}/oauth2/token",
            "userinfo_endpoint": f"{issuer}/oauth2/userinfo",
            "end_session_endpoint": f"{issuer}/oauth2/end_session",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "response_types_supported": ["code"],
        }
    for kind, content in write.items():
        (folder / f"{name}.{kind}").write_text(json.dumps(content))
        (folder / f"{name}.{kind}").chmod(0o644)

    number, person = fresh_number(), make_person(apache.denwa)
    asked = person.visit(apache.guarded)
    page = person.submit(asked.form("iss"), iss=issuer)
    person.type_code(person.type_number(page, number), code_in(person.text))
    seen = claims(person.page, apache)
    assert seen["OIDC_CLAIM_phone_number"] == number
    assert json.loads((folder / f"{name}.provider").read_text())["issuer"] == issuer


def test_one_sign_in_opens_two_sites(start_apache, make_person, apache: Apache):
    other = start_apache("post", "OIDCProviderTokenEndpointAuth client_secret_post")
    person = make_person(apache.denwa)
    here = claims(person.sign_in(apache.guarded, fresh_number()), apache)
    there = claims(person.visit(other.guarded), other)
    assert there["OIDC_CLAIM_sub"] == here["OIDC_CLAIM_sub"]
    assert there["OIDC_CLAIM_aud"] == "post"


def test_a_number_always_brings_the_same_subject(apache: Apache, make_person):
    number = fresh_number()
    seen = [claims(make_person(apache.denwa).sign_in(apache.guarded, number), apache) for _ in range(2)]
    assert seen[0]["OIDC_CLAIM_sub"] == seen[1]["OIDC_CLAIM_sub"]


def test_the_module_refreshes_its_tokens(apache: Apache, make_person):
    person = make_person(apache.denwa)
    first = claims(person.sign_in(apache.guarded, fresh_number()), apache)
    before = json.loads(person.visit(f"{apache.callback}?info=json").text)

    refresh = urlencode({"refresh": apache.guarded, "access_token": first["OIDC_access_token"]})
    page = person.visit(f"{apache.callback}?{refresh}")
    assert "error_code" not in page.parameters, f"{page.url}\n{apache.log()}"
    again = claims(page, apache)
    after = json.loads(person.visit(f"{apache.callback}?info=json").text)
    assert again["OIDC_access_token"] != first["OIDC_access_token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert after["userinfo"]["sub"] == before["userinfo"]["sub"] == first["OIDC_CLAIM_sub"]
    assert apache.denwa.refresh("basic", after["refresh_token"]).status_code == 200


def test_a_no_at_the_consent_page_opens_nothing(start_apache, make_person):
    apache = start_apache("asks", "OIDCPKCEMethod S256")
    person = make_person(apache.denwa)
    page = person.consent(person.sign_in(apache.guarded, fresh_number()), allow=False)
    assert page.url.startswith(apache.callback)
    assert page.parameters["error"] == "access_denied"
    assert person.visit(apache.guarded).heading != "Guarded"
    page = person.consent(person.page)
    assert "OIDC_CLAIM_phone_number" in claims(page, apache)


def by_introspection(apache: Apache) -> list[str]:
    return [
        f'OIDCOAuthServerMetadataURL "{apache.denwa.url}/.well-known/oauth-authorization-server"',
        'OIDCOAuthClientID "api"', f'OIDCOAuthClientSecret "{secret_of("api")}"',
        "OIDCOAuthTokenIntrospectionInterval -1", "OIDCOAuthRemoteUserClaim sub",
    ]


def by_key(apache: Apache) -> list[str]:
    """The module takes the address of keys on https only, but a public key in a file too."""
    keys = apache.denwa.http.get("/.well-known/jwks.json").json()["keys"]
    key = next(key for key in keys if key["kty"] == "RSA")
    file = apache.directory / "denwa.pem"
    file.write_bytes(RSAKey.import_key(key).as_pem(private=False))
    return [f'OIDCOAuthVerifyCertFiles "{key["kid"]}#{file}"', "OIDCOAuthRemoteUserClaim sub"]


@pytest.mark.parametrize("how", [by_introspection, by_key])
def test_an_api_takes_the_tokens_of_people_and_no_others(start_apache, how: Options):
    apache = start_apache("rs256", options=lambda apache: [*discovered(apache), *how(apache)])
    denwa = apache.denwa

    def call(token: str | None) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.get(apache.api, headers=headers, timeout=10, trust_env=False)

    of_phone, of_orders = (
        denwa.login("rs256", scope=scope, redirect_uri=apache.callback).tokens()["access_token"]
        for scope in ("phone", "orders")
    )
    seen = call(of_phone)
    assert seen.status_code == 200, apache.log()
    subject = denwa.introspect(of_phone, by="api").json()["sub"]
    assert f"OIDC_CLAIM_sub={subject}<" in seen.text

    assert call(of_orders).status_code in (401, 403), "another scope"
    assert call(None).status_code == 401
    assert call(of_phone[:-8] + ("AAAAAAAA" if of_phone[-8:] != "AAAAAAAA" else "BBBBBBBB")).status_code == 401
    if how is by_introspection:
        assert denwa.revoke(of_phone, by="rs256").status_code == 200
        assert call(of_phone).status_code == 401
