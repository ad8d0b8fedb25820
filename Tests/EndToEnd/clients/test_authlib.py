"""A web shop made with Flask and Authlib: people sign in to it with a browser, by phone."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass
from typing import Any, Iterator
from urllib.parse import urlencode

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.discovery import OpenIDProviderMetadata
from flask import Flask, jsonify, request, url_for
from werkzeug.serving import make_server

from harness import Server, confidential_client, free_port, fresh_number, phone_client
from person import Page, Person

SCOPE = "openid phone offline_access"

#: A callback outside the shop, for tests that play the app themselves.
ELSEWHERE = "https://elsewhere.example/callback"

#: Registered the way each name says; all but `asks` belong to the server's own operator, so nobody is asked.
REGISTERED = {
    "basic": {},
    "post": {"token_endpoint_auth_method": "client_secret_post"},
    "public": {"token_endpoint_auth_method": "none"},
    "rs256": {"id_token_signed_response_alg": "RS256"},
    "eddsa": {"id_token_signed_response_alg": "EdDSA"},
    "asks": {"first_party": False},
}


@dataclass
class Shop:
    """The app, on a port of its own, once for each registered client. What Authlib made of a sign-in comes back as
    JSON."""

    denwa: Server
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def login(self, client: str, **parameters: str) -> str:
        return f"{self.url}/{client}/login?{urlencode(parameters)}"

    def session(self, client: str, **more: Any) -> OAuth2Session:
        registered = self.denwa.client(client)
        return OAuth2Session(
            client, registered.get("client_secret"), scope=SCOPE,
            token_endpoint_auth_method=registered["token_endpoint_auth_method"], **more,
        )

    def discovered(self) -> dict[str, Any]:
        return self.denwa.http.get("/.well-known/openid-configuration").raise_for_status().json()

    def app(self) -> Flask:
        app = Flask("shop")
        app.secret_key = secrets.token_bytes(32)
        oauth = OAuth(app)
        for client in self.denwa.clients:
            oauth.register(
                client["client_id"],
                client_id=client["client_id"],
                client_secret=client.get("client_secret"),
                server_metadata_url=f"{self.denwa.url}/.well-known/openid-configuration",
                client_kwargs={
                    "scope": SCOPE,
                    "code_challenge_method": "S256",
                    "token_endpoint_auth_method": client["token_endpoint_auth_method"],
                },
            )

        @app.get("/<name>/login")
        def login(name: str) -> Any:
            callback = url_for("callback", name=name, _external=True)
            return oauth.create_client(name).authorize_redirect(callback, **request.args)

        @app.route("/<name>/callback", methods=["GET", "POST"])
        def callback(name: str) -> Any:
            client = oauth.create_client(name)
            token = client.authorize_access_token()
            return jsonify(token=token, userinfo=client.userinfo(token=token), method=request.method,
                           iss=request.values["iss"])

        @app.get("/<name>/refreshed")
        def refreshed(name: str) -> Any:
            client = oauth.create_client(name)
            with client._get_oauth_client(**client.load_server_metadata()) as session:
                token = session.refresh_token(refresh_token=request.args["refresh_token"])
            return jsonify(token=token, claims=client.parse_id_token(token, nonce=None))

        @app.get("/<name>/logout")
        def logout(name: str) -> Any:
            goodbye = url_for("goodbye", name=name, _external=True)
            return oauth.create_client(name).logout_redirect(goodbye, **request.args)

        @app.get("/<name>/goodbye")
        def goodbye(name: str) -> Any:
            return jsonify(oauth.create_client(name).validate_logout_response())

        @app.errorhandler(OAuthError)
        def refused(error: OAuthError) -> Any:
            return jsonify(error=error.error, error_description=error.description), 400

        return app


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    port = free_port()

    def registered(name: str) -> dict[str, Any]:
        make = phone_client if name == "public" else confidential_client
        return make(name, **{
            "redirect_uris": [f"http://127.0.0.1:{port}/{name}/callback", ELSEWHERE],
            "post_logout_redirect_uris": [f"http://127.0.0.1:{port}/{name}/goodbye"],
        } | REGISTERED[name])

    denwa = Server(tmp_path_factory.mktemp("authlib"), clients=[registered(name) for name in REGISTERED])
    shop = Shop(denwa, port)
    listener = make_server("127.0.0.1", port, shop.app(), threaded=True)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    try:
        denwa.start()
        thread.start()
        yield shop
    finally:
        if thread.is_alive():
            listener.shutdown()
            thread.join(timeout=10)
        listener.server_close()
        denwa.dispose()


@pytest.fixture
def person(shop: Shop, make_person) -> Person:
    return make_person(shop.denwa)


def answer(page: Page, status: int = 200) -> dict[str, Any]:
    assert page.status == status, f"{page.status} {page.url}: {page.text[:2000]}"
    return json.loads(page.text)


def test_the_metadata_pass_authlibs_checks(shop: Shop):
    # Authlib insists on https, which a server on loopback has not.
    document = json.loads(json.dumps(shop.discovered()).replace("http://", "https://"))
    OpenIDProviderMetadata(document).validate()
    assert document["issuer"] == shop.denwa.url.replace("http://", "https://")


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")        # joserfc would rather have "Ed25519"
@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize("client", ["basic", "post", "public", "rs256", "eddsa"])
def test_signs_in_with_pkce_and_a_valid_id_token(shop: Shop, person: Person, client: str, mode: str):
    number = fresh_number()
    signed_in = answer(person.sign_in(shop.login(client, response_mode=mode), number))
    assert signed_in["method"] == {"query": "GET", "form_post": "POST"}[mode]
    assert signed_in["iss"] == shop.denwa.url, "RFC 9207"

    claims = signed_in["token"]["userinfo"]          # of the ID token, after all of Authlib's checks
    assert claims["aud"] == client
    assert claims["nonce"] and claims["at_hash"]
    userinfo = signed_in["userinfo"]
    assert userinfo["sub"] == claims["sub"]
    assert userinfo["phone_number"] == number
    assert userinfo["phone_number_verified"] is True


def test_the_second_visit_asks_nothing(shop: Shop, person: Person):
    first = answer(person.sign_in(shop.login("basic"), fresh_number()))
    second = answer(person.visit(shop.login("public")))
    assert second["userinfo"]["sub"] == first["userinfo"]["sub"]
    again = answer(person.visit(shop.login("basic", prompt="none")))
    assert again["token"]["userinfo"]["sid"] == first["token"]["userinfo"]["sid"]


def test_prompt_login_asks_the_person_who_is_signed_in(shop: Shop, person: Person):
    number = fresh_number()
    first = answer(person.sign_in(shop.login("basic"), number))
    second = answer(person.sign_in(shop.login("basic", prompt="login"), number))
    assert second["userinfo"]["sub"] == first["userinfo"]["sub"]


def test_prompt_none_without_a_session_is_login_required(shop: Shop, person: Person):
    assert answer(person.visit(shop.login("basic", prompt="none")), 400)["error"] == "login_required"


def test_somebody_elses_app_asks_once_and_is_told_of_a_no(shop: Shop, person: Person):
    asked = person.sign_in(shop.login("asks"), fresh_number())
    assert "Client asks" in asked.heading
    assert answer(person.consent(asked, allow=False), 400)["error"] == "access_denied"

    asked = person.visit(shop.login("asks"))
    assert "phone" in answer(person.consent(asked))["token"]["scope"].split()
    assert "access_token" in answer(person.visit(shop.login("asks")))["token"], "a yes is remembered"


@pytest.mark.parametrize("client", ["basic", "public"])
def test_refreshes_with_rotation(shop: Shop, person: Person, client: str):
    first = answer(person.sign_in(shop.login(client), fresh_number()))
    refreshed = answer(person.visit(
        f"{shop.url}/{client}/refreshed?refresh_token={first['token']['refresh_token']}"
    ))
    assert refreshed["token"]["refresh_token"] != first["token"]["refresh_token"]
    assert refreshed["token"]["access_token"] != first["token"]["access_token"]
    for claim in ("iss", "sub", "aud", "auth_time", "sid"):
        assert refreshed["claims"][claim] == first["token"]["userinfo"][claim], claim
    assert "nonce" not in refreshed["claims"]


def test_introspects_and_revokes(shop: Shop, person: Person):
    token = answer(person.sign_in(shop.login("basic"), fresh_number()))["token"]
    at = shop.discovered()
    with shop.session("basic", token=token) as session:
        for kind in ("access_token", "refresh_token"):
            asked = session.introspect_token(at["introspection_endpoint"], token=token[kind], token_type_hint=kind)
            assert asked.status_code == 200
            assert asked.json()["active"] is True
            assert asked.json()["sub"] == token["userinfo"]["sub"]
        revoked = session.revoke_token(
            at["revocation_endpoint"], token=token["refresh_token"], token_type_hint="refresh_token"
        )
        assert revoked.status_code == 200
        for kind in ("access_token", "refresh_token"):
            assert session.introspect_token(at["introspection_endpoint"], token=token[kind]).json() == {
                "active": False
            }
        assert session.get(at["userinfo_endpoint"]).status_code == 401
        with pytest.raises(OAuthError) as refused:
            session.refresh_token(at["token_endpoint"], refresh_token=token["refresh_token"])
        assert refused.value.error == "invalid_grant"


def test_a_public_client_revokes(shop: Shop, person: Person):
    token = answer(person.sign_in(shop.login("public"), fresh_number()))["token"]
    at = shop.discovered()
    with shop.session("public", token=token) as session:
        assert session.get(at["userinfo_endpoint"]).status_code == 200
        assert session.revoke_token(at["revocation_endpoint"], token=token["access_token"]).status_code == 200
        assert session.get(at["userinfo_endpoint"]).status_code == 401


@pytest.mark.parametrize("client", ["basic", "public"])
def test_logs_out_with_the_id_token(shop: Shop, person: Person, client: str):
    token = answer(person.sign_in(shop.login(client), fresh_number()))["token"]
    page = person.visit(f"{shop.url}/{client}/logout?{urlencode({'id_token_hint': token['id_token']})}")
    gone = answer(page)                              # Authlib checked the state
    assert gone["post_logout_redirect_uri"] == page.url.split("?")[0] == f"{shop.url}/{client}/goodbye"
    assert answer(person.visit(shop.login(client, prompt="none")), 400)["error"] == "login_required"
    assert person.visit(shop.login(client)).has_form("phone_number")


def test_logs_out_without_an_id_token_when_the_person_agrees(shop: Shop, person: Person):
    answer(person.sign_in(shop.login("basic"), fresh_number()))
    page = person.visit(f"{shop.url}/basic/logout?client_id=basic")
    assert page.url.startswith(f"{shop.denwa.url}/oauth2/end_session")
    answer(person.visit(shop.login("basic", prompt="none")))

    page = person.visit(f"{shop.url}/basic/logout?client_id=basic")
    assert answer(person.submit(page.form("csrf")))["post_logout_redirect_uri"] == f"{shop.url}/basic/goodbye"
    assert answer(person.visit(shop.login("basic", prompt="none")), 400)["error"] == "login_required"


def test_a_code_without_its_verifier_is_refused(shop: Shop, person: Person):
    at = shop.discovered()
    with shop.session("basic", redirect_uri=ELSEWHERE, code_challenge_method="S256") as session:
        url, state = session.create_authorization_url(
            at["authorization_endpoint"], code_verifier=secrets.token_urlsafe(48), nonce=secrets.token_urlsafe(16)
        )
        page = person.sign_in(url, fresh_number())
        with pytest.raises(OAuthError) as refused:
            session.fetch_token(at["token_endpoint"], authorization_response=page.url, state=state,
                                code_verifier=secrets.token_urlsafe(48))
        assert refused.value.error == "invalid_grant"


def test_a_code_works_once_and_a_second_use_ends_what_it_made(shop: Shop, person: Person):
    at, verifier = shop.discovered(), secrets.token_urlsafe(48)
    with shop.session("basic", redirect_uri=ELSEWHERE, code_challenge_method="S256") as session:
        url, state = session.create_authorization_url(at["authorization_endpoint"], code_verifier=verifier)
        page = person.sign_in(url, fresh_number())
        redeem = dict(authorization_response=page.url, state=state, code_verifier=verifier)
        token = session.fetch_token(at["token_endpoint"], **redeem)
        with pytest.raises(OAuthError) as refused:
            session.fetch_token(at["token_endpoint"], **redeem)
        assert refused.value.error == "invalid_grant"
        assert session.introspect_token(at["introspection_endpoint"], token=token["access_token"]).json() == {
            "active": False
        }
