"""What somebody who belongs here would send: a client that may do everything, and credentials that hold.

`KnownValues.fill` puts them into a made-up call in place of what was made up, so that it comes past the first check.
"""

from __future__ import annotations

import random
from functools import cached_property
from typing import Any, Callable

import httpx

from harness import Server, confidential_client, fresh_number, secret_of
from kii import App, User, basic, key_of as kii_key_of, kii_client
from monaca import key_of as monaca_key_of, monaca_client
from person import Person, authorize_url

CLIENT = "known"
CALLBACK = "https://known.example/callback"
API = "https://api.known.example/"

AUTHORIZATION = {
    "response_type": "code", "redirect_uri": CALLBACK, "state": "state-4f1d2c", "code_challenge_method": "S256",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
}
#: They take an authorization request.
AUTHORIZATION_PATHS = ("/oauth2/authorize", "/oauth2/par", "/oauth2/challenge", "/login")

#: Made up, these fit nothing.
UNLIKELY = ("request", "request_uri", "id_token_hint", "max_age", "acr_values", "auth_session", "dpop_jkt")

#: What a token request of each kind needs besides.
GRANTS = {
    "authorization_code": ["code", "redirect_uri"],
    "refresh_token": ["refresh_token"],
    "client_credentials": [],
    "urn:ietf:params:oauth:grant-type:device_code": ["device_code"],
    "urn:ietf:params:oauth:grant-type:token-exchange": ["subject_token", "subject_token_type"],
}

CONSTANTS = {
    "client_id": CLIENT, "projectId": CLIENT, "project_id": CLIENT, "app": "known-app", "backend": "known-backend",
    "redirect_uri": CALLBACK, "redirect_uris": [CALLBACK], "post_logout_redirect_uri": CALLBACK,
    "link_url": "https://known.example/open", "response_type": "code", "state": "state-4f1d2c",
    "scope": "openid phone offline", "resource": API, "audience": "elsewhere",
    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
}

#: A poll would wait for its end.
POLLS = {("/otc/code", "operation_id"), ("/login/wait", "login_flow")}


def clients() -> list[dict[str, Any]]:
    return [
        confidential_client(
            CLIENT, redirect_uris=[CALLBACK], post_logout_redirect_uris=[CALLBACK],
            link_uris=["https://known.example/open"], grant_types=list(GRANTS), may_introspect=True, resources=[API],
            protected_resources=[API], token_exchange={"audiences": ["elsewhere"], "impersonation": True},
        ),
        kii_client("known-app", verify_phone=True),
        monaca_client("known-backend"),
    ]


class Credentials:
    """Made for one operation, which may end them."""

    def __init__(self, server: Server, make_person: Callable[[Server], Person]) -> None:
        self.server = server
        self.make_person = make_person
        self.app = App(server, "known-app")

    @cached_property
    def tokens(self) -> dict[str, Any]:
        return self.server.login(CLIENT, scope="openid phone offline").tokens()

    @cached_property
    def kii_user(self) -> User:
        return self.app.sign_up(phoneNumber=fresh_number())

    @cached_property
    def registered(self) -> dict[str, Any]:
        return self.server.http.post("/oauth2/register", json={"redirect_uris": [CALLBACK]}).raise_for_status().json()

    @cached_property
    def browser(self) -> dict[str, Any]:
        """Its cookies, and the fields of the page that asks for the code. Somebody else was signed in there before."""
        person = self.make_person(self.server)
        url = authorize_url(self.server, CLIENT, scope="openid", prompt="login")
        person.sign_in(url, fresh_number())
        page = person.type_number(person.visit(url), fresh_number())
        return page.form("code").fields | {"cookies": dict(person.browser.cookies)}

    def headers(self, schemes: set[str]) -> list[dict[str, str]]:
        """Each of them will do for an operation with these security schemes."""
        bearers = []
        if "bearer" in schemes:
            bearers.append(self.tokens["access_token"])
        if "kiiUser" in schemes:
            bearers += [self.kii_user.token, self.app.admin()]
        if "registrationAccessToken" in schemes:
            bearers.append(self.registered["registration_access_token"])
        headers = [{"Authorization": f"Bearer {token}"} for token in bearers]
        if "clientBasic" in schemes:
            headers.append(basic(CLIENT, secret_of(CLIENT)))
        if "kiiApp" in schemes:
            headers.append(basic("known-app", kii_key_of("known-app")))
        return headers


class KnownValues:
    def __init__(self, server: Server, make_person: Callable[[Server], Person]) -> None:
        self.server = server
        self.make_person = make_person
        self.label = ""

    def fill(self, case: Any) -> None:
        """Changes a call: its credentials always, its parameters most of the time, and the same way every time."""
        if case.operation.label != self.label:
            self.label, self.own = case.operation.label, Credentials(self.server, self.make_person)
        chance = random.Random(repr((case.path_parameters, case.query, case.body)))
        self._authorize(case, chance)
        for place in (case.path_parameters, case.query, case.body):
            if isinstance(place, dict):
                self._fill(place, case.operation.path, chance)
        if chance.random() < 0.7:
            self._complete(case)

    def _authorize(self, case: Any, chance: random.Random) -> None:
        schemes = {name for needed in case.operation.definition.raw.get("security", []) for name in needed}
        form = case.body if isinstance(case.body, dict) else {}
        if headers := self.own.headers(schemes):
            # What was made up in other places would be refused before anything else.
            kept = {name: value for name, value in (case.headers or {}).items() if name.lower() == "if-none-match"}
            case.headers = kept | chance.choice(headers)
            for name in ("client_secret", "client_assertion", "client_assertion_type"):
                form.pop(name, None)
        if schemes & {"browser", "session"}:
            case.cookies = dict(self.own.browser["cookies"])
            form["csrf"] = self.own.browser["csrf"]
            if case.operation.path in ("/login/code", "/login/resend", "/login/finish"):
                form["login_flow"] = self.own.browser["login_flow"]

    def _fill(self, place: dict[str, Any], path: str, chance: random.Random) -> None:
        for name in list(place):
            if (path, name) not in POLLS and chance.random() < 0.9:
                place[name] = self._value(name, path, place[name])
        if isinstance(place.get("params"), dict):
            place["params"] |= {"__api_key": monaca_key_of("known-backend"), "__device": "known", "__session": ""}

    def _complete(self, case: Any) -> None:
        """Most of what is made up is refused at the first parameter; this gets to the end."""
        path, body = case.operation.path, case.body if isinstance(case.body, dict) else {}
        for place in (case.query or {}, body):
            if path.startswith(AUTHORIZATION_PATHS) and "client_id" in place:
                for name in UNLIKELY:
                    place.pop(name, None)
                place |= AUTHORIZATION
        if path == "/oauth2/challenge":
            body["login_hint"] = fresh_number()
        if path == "/oauth2/token":
            body |= {name: self._value(name, path) for name in GRANTS.get(str(body.get("grant_type")), [])}
        if path.startswith("/oauth2/register"):
            for name in [name for name in body if name.startswith("jwks") or name.endswith("_uri")]:
                del body[name]
            body["redirect_uris"] = [CALLBACK]

    # MARK: parameters

    def _value(self, name: str, path: str, made_up: Any = None) -> Any:
        match name:
            case "client_id" if path == "/oauth2/register/{client}":
                return self.own.registered["client_id"]
            case "login_hint" | "phone_number" | "phoneNumber":
                return fresh_number()
            case "token" | "subject_token":
                return self.own.tokens["access_token"]
            case "refresh_token":
                return self.own.tokens["refresh_token"]
            case "id_token_hint":
                return self.own.tokens["id_token"]
            case "user":
                return self.own.kii_user.id
            case "client":
                return self.own.registered["client_id"]
            case "code" if path == "/oauth2/token":
                return self.server.login(CLIENT).authorization_code()
            case "operation_id":
                login = self.server.login(CLIENT)
                return login.request().raise_for_status().json()["operation_id"]
            case "auth_session":
                return self._call("/oauth2/challenge", AUTHORIZATION | {"login_hint": fresh_number()})["auth_session"]
            case "request_uri":
                return self._call("/oauth2/par", AUTHORIZATION)["request_uri"]
            case "device_code" | "user_code":
                return self._call("/oauth2/device_authorization", {"scope": "openid"})[name]
        return CONSTANTS.get(name, made_up)

    def _call(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        reply: httpx.Response = self.server.http.post(path, data=form, headers=basic(CLIENT, secret_of(CLIENT)))
        return reply.json()
