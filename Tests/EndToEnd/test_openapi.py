"""The OpenAPI document: it is valid, and whatever is sent, the server answers as it says.

schemathesis makes the calls up: as the document wants them, and wrong in one way or another. The same come on every run.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance,
)

from harness import Server, StartServer, free_port, secret_of, standard_clients
from kii import QUIET, basic
from known_values import CLIENT, KnownValues, clients
from person import people

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]

#: Of each operation, in each mode.
EXAMPLES = 6

#: They never end.
STREAMS = ["/dev/inbox/events", "/oauth2/revocations"]
#: On a port of its own.
METRICS = "/metrics"


@pytest.fixture(scope="module")
def open_server(start_module_server: StartServer) -> Server:
    """No limits, registration for everybody."""
    return start_module_server(
        clients=standard_clients() + clients(), **QUIET, DENWA_REGISTRATION_MODE="open",
        DENWA_LIMITS_REGISTER_CLIENT_PER_IP="0", DENWA_LIMITS_PUSH_PER_CLIENT="0", DENWA_LIMITS_PUSH_PER_IP="0", DENWA_LIMITS_PROOF_PER_IP="0",
        DENWA_LIMITS_USER_CODE_PER_IP="0", DENWA_LIMITS_AUTHORIZE_PER_SESSION="0",
    )


@pytest.fixture(scope="module")
def document(open_server: Server) -> dict[str, Any]:
    return open_server.http.get("/openapi.json").json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "operationId" in operation:
                yield f"{method.upper()} {path}", operation


# MARK: the document


def test_the_document_is_valid(document):
    validate(document)


def test_every_operation_says_what_it_is(document):
    tags = {tag["name"] for tag in document["tags"]}
    for label, operation in operations(document):
        assert operation["summary"], label
        assert set(operation["tags"]) < tags and len(operation["tags"]) == 1, label


def test_nothing_is_described_for_nobody(document):
    text = json.dumps(document)
    for kind in set(document["components"]) - {"securitySchemes"}:
        for name in document["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, f"{kind}/{name}"
    used = {name for _, operation in operations(document) for wanted in operation.get("security", []) for name in wanted}
    assert used == set(document["components"]["securitySchemes"])


def test_the_metadata_names_only_endpoints_of_the_document(open_server: Server, document):
    metadata = open_server.http.get("/.well-known/openid-configuration").json()
    endpoints = {value for name, value in metadata.items() if re.search(r"_(endpoint|uri)$", name)}
    assert endpoints and endpoints <= {open_server.url + path for path in document["paths"]}


# MARK: the answers


@pytest.fixture(scope="module")
def schema(document, open_server: Server) -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=open_server.url, request_timeout=30)
    return schema.exclude(path=[*STREAMS, METRICS])


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="module")
def known(open_server: Server) -> Iterator[KnownValues]:
    with people() as make_person:
        yield KnownValues(open_server, make_person)


def made_up_calls(operation: schemathesis.APIOperation, mode: GenerationMode, send: Callable[[schemathesis.Case], None]):
    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case: schemathesis.Case) -> None:
        send(case)

    try:
        run()
    except Unsatisfiable:
        assert mode == GenerationMode.NEGATIVE      # nothing about the call could be wrong


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_strangers_and_known_people_are_answered_as_described(schema, http, known, mode: GenerationMode, subtests):
    for operation in (result.ok() for result in schema.get_all_operations()):
        problems = []

        def check(case: schemathesis.Case) -> None:
            http.cookies.clear()
            try:
                case.call_and_validate(checks=CHECKS, session=http, allow_redirects=False)
            except FailureGroup as failures:
                problems.append(str(failures))

        def send(case: schemathesis.Case) -> None:
            check(case)
            known.fill(case)
            check(case)

        with subtests.test(operation.label):
            made_up_calls(operation, mode, send)
            assert not problems, problems[0]


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_begins_as_described(open_server: Server, document, path: str):
    credentials = basic(CLIENT, secret_of(CLIENT))
    with open_server.http.stream("GET", path, headers=credentials) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"] in document["paths"][path]["get"]["responses"]["200"]["content"]
        assert next(reply.iter_lines())


def test_metrics_are_as_described(start_server: StartServer, document):
    port = free_port()
    start_server(DENWA_METRICS_PORT=str(port))
    reply = requests.get(f"http://127.0.0.1:{port}{METRICS}", timeout=10)
    described = document["paths"][METRICS]["get"]["responses"][str(reply.status_code)]["content"]
    assert reply.status_code == 200 and reply.text
    assert reply.headers["content-type"].partition(";")[0] in described
