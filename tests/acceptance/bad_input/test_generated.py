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
# What spares a request its wait for an answer: there is no worker.
UNANSWERED = {
    "POST /v1/responses": {"background": True, "stream": False},
    "POST /v1/agentsite/chat": {"state": "no state"},
}
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
        for mode in GenerationMode:
            try_all(found.ok(), mode, ada)
    assert running.log.read_text().count('"uvicorn.access"') > 200
    assert running.faults() == []


def try_all(operation, mode, person):
    @unhurried
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case):
        if isinstance(case.body, dict):
            case.body |= UNANSWERED.get(operation.label, {})
        headers = {"Authorization": f"Bearer {person.key}"}
        case.call_and_validate(headers=headers, timeout=GENEROUS, checks=CHECKS)

    try_one()
