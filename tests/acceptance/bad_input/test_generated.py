"""Requests made up from our own OpenAPI document: none is a fault, each answer is as it tells."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.waiting import GENEROUS

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
EXAMPLES = 15  # of each operation, valid and not
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
unhurried = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_request_that_the_document_allows_or_forbids_is_a_fault(running, ada):
    address = f"http://127.0.0.1:{running.port}"
    document = schemathesis.openapi.from_url(f"{address}/v1/openapi.json")
    for found in document.get_all_operations():
        operation = found.ok()
        if not operation.path.startswith("/v1/agentsite/"):  # it waits for a worker
            for mode in GenerationMode:
                try_all(operation, mode, ada)
    assert running.log.read_text().count('"uvicorn.access"') > 200
    assert running.faults() == []


def try_all(operation, mode, person):
    @unhurried
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case):
        if operation.label == "POST /v1/responses" and isinstance(case.body, dict):
            case.body |= {"background": True, "stream": False}  # nobody would answer
        headers = {"Authorization": f"Bearer {person.key}"}
        case.call_and_validate(headers=headers, timeout=GENEROUS, checks=CHECKS)

    try_one()
