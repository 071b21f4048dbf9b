"""What is wrong with a request is told by type, and costs nobody anything."""

import asyncio

import pytest
from django.db import OperationalError

from conversations import keys
from conversations.api import handler, responses
from conversations.api.errors import known
from conversations.errors import NotFound
from conversations.models import Conversation, Turn
from conversations.showing import listening, snapshots
from conversations.threads import in_thread
from tests.integration.admin.rows import person

SOMEBODY = "resp_" + "0" * 32
RESPONSES = "/v1/responses"


async def refused(program, body, **how):
    answer = await program.post(RESPONSES, json=body, **how)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error["code"], error["param"]


BODIES = [
    ({}, "missing_field", "input"),
    ({"input": ""}, "invalid_value", "input"),
    ({"input": 7}, "invalid_value", "input"),
    ({"input": []}, "invalid_value", "input"),
    ({"input": [{"role": "owner", "content": "x"}]}, "invalid_value", "input[0]"),
    ({"input": [{"role": "user", "content": 1}]}, "invalid_value", "input[0].content"),
    ({"input": "x", "temperature": 2.5}, "invalid_value", "temperature"),
    ({"input": "x", "temperature": "0.2"}, "invalid_value", "temperature"),
    ({"input": "x", "temperature": True}, "invalid_value", "temperature"),
    ({"input": "x", "top_p": -0.1}, "invalid_value", "top_p"),
    ({"input": "x", "max_output_tokens": 15}, "invalid_value", "max_output_tokens"),
    ({"input": "x", "max_output_tokens": 16.5}, "invalid_value", "max_output_tokens"),
    ({"input": "x", "presence_penalty": 1}, "unsupported_parameter", "presence_penalty"),
    ({"input": "x", "frequency_penalty": 3}, "invalid_value", "frequency_penalty"),
    ({"input": "x", "top_logprobs": 2}, "unsupported_parameter", "top_logprobs"),
    ({"input": "x", "include": ["message.output_text.logprobs"]}, "invalid_value", "include[0]"),
    ({"input": "x", "instructions": "x" * 50_001}, "invalid_value", "instructions"),
    ({"input": "x", "owner": 1}, "unsupported_parameter", "owner"),
    ({"input": "x", "stream": "yes"}, "invalid_value", "stream"),
    ({"input": "x", "model": "nobody"}, "invalid_value", "model"),
    ({"input": "x", "service_tier": "scale"}, "invalid_value", "service_tier"),
    ({"input": "x", "policy": "panic"}, "invalid_value", "policy"),
    ({"input": "x", "metadata": {"k": 1}}, "invalid_value", "metadata.k"),
    ({"input": "x", "metadata": {"k" * 65: ""}}, "invalid_value", None),
    ({"input": "x", "metadata": {"k": "v" * 513}}, "invalid_value", "metadata.k"),
    ({"input": "x", "metadata": {str(k): "" for k in range(17)}}, "invalid_value", "metadata"),
    ({"input": "x", "store": False, "background": True}, "invalid_value", None),
    (
        {"input": "x", "conversation": "conv_x", "previous_response_id": SOMEBODY},
        "invalid_value",
        None,
    ),
    (
        {"input": "x", "previous_response_id": SOMEBODY},
        "previous_response_not_found",
        "previous_response_id",
    ),
]


@pytest.mark.parametrize(("body", "code", "param"), BODIES)
async def test_a_parameter_that_cannot_be_used_is_named(program, body, code, param):
    status, told, named = await refused(program, body)
    assert (status, told) == (400, code)
    if param:
        assert named == param
    assert not await in_thread(Turn.objects.exists)
    assert not await in_thread(Conversation.objects.exists)


async def test_what_is_offered_by_default_may_be_asked_for(program):
    """Clients send what they always send."""
    same = {"temperature": 1.0, "truncation": "disabled", "tools": [], "instructions": None}
    answer = await program.post(RESPONSES, json={"input": "x", "background": True, **same})
    assert answer.status_code == 200


ELSEWHERE = [
    ("GET", "/v1/nowhere", 404),
    ("GET", "/v1/", 404),
    ("PUT", RESPONSES, 405),
    ("OPTIONS", RESPONSES, 405),
    ("GET", f"{RESPONSES}/{SOMEBODY}", 404),
    ("GET", f"{RESPONSES}/x%00y", 404),
    ("POST", f"{RESPONSES}/{SOMEBODY}/cancel", 404),
    ("DELETE", f"{RESPONSES}/resp_{'A' * 32}", 404),
    ("GET", "/v1/conversations/conv_1", 404),
    ("GET", "/v1/models/nobody", 404),
    ("GET", "/v1/models?page=2", 400),
    ("GET", "/v1/models?" + "&" * 1500, 400),
    ("GET", f"{RESPONSES}/{SOMEBODY}?" + "x=1&" * 1500, 400),
]


CODES = {
    400: {"invalid_value", "unsupported_parameter"},
    404: {"not_found"},
    405: {"method_not_allowed"},
}


@pytest.mark.parametrize(("method", "path", "status"), ELSEWHERE)
async def test_what_is_not_there_is_told_by_type(program, method, path, status):
    answer = await program.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] in CODES[status]
    assert answer.headers["x-request-id"]


async def test_headers_that_cannot_be_read_are_refused(program):
    told = {"Content-Type": "application/json; charset*=nowhere''x"}
    assert (await refused(program, {"input": "x"}, headers=told))[:2] == (400, "invalid_value")


async def test_a_query_in_no_encoding_is_refused():
    """Not by HTTP: servers differ in what they let through."""
    told, sent = asyncio.Queue(), asyncio.Queue()
    told.put_nowait({"type": "http.request", "body": b""})
    scope = {"type": "http", "method": "GET", "path": "/v1/models", "query_string": b"\xff"}
    await handler.application({**scope, "headers": []}, told.get, sent.put)
    assert sent.get_nowait()["status"] == 400


def test_a_row_that_our_own_fault_looks_for_in_vain_is_not_the_clients():
    told = known(Turn.DoesNotExist())
    assert (told.status, told.code) == (500, "server_error")


async def test_what_is_deleted_while_it_is_looked_at_is_not_found(conversation):
    gone = Turn(conversation=conversation)
    with pytest.raises(NotFound):
        await listening.again(gone)
    with pytest.raises(NotFound):
        await in_thread(snapshots.picture, gone.pk)


async def test_what_is_anothers_is_not_there(program, replica):
    mine = (await program.post(RESPONSES, json={"input": "x", "background": True})).json()
    begun = (await program.post("/v1/conversations", json={})).json()
    eve = await in_thread(person, "eve")
    _, secret = await in_thread(keys.make, eve.pk, name="tests")
    program.headers["Authorization"] = f"Bearer {secret}"
    paths = [f"{RESPONSES}/{mine['id']}", f"/v1/conversations/{begun['id']}"]
    paths += [f"{paths[0]}?stream=true", f"{paths[0]}/input_items", f"{paths[1]}/items"]
    for path in paths:
        assert (await program.get(path)).status_code == 404
    assert (await program.delete(paths[0])).status_code == 404
    assert (await refused(program, {"input": "x", "conversation": begun["id"]}))[:2] == (
        404,
        "not_found",
    )
    status, code, _ = await refused(program, {"input": "x", "previous_response_id": mine["id"]})
    assert (status, code) == (400, "previous_response_not_found")


async def test_what_is_deleted_while_it_is_cancelled_is_not_there(program, monkeypatch):
    """As the stream of what is not stored deletes it, once it has told the end."""

    async def deleted(conversation_id):
        await in_thread(Conversation.objects.filter(pk=conversation_id).delete)

    monkeypatch.setattr(responses, "announce_change", deleted)
    queued = (await program.post(RESPONSES, json={"input": "x", "background": True})).json()
    answer = await program.post(f"{RESPONSES}/{queued['id']}/cancel")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_other_origins_learn_nothing_unless_they_are_named(program, settings):
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = await program.options(RESPONSES, headers=origin)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers
    settings.CORS_ORIGINS = ["https://elsewhere.example"]
    answer = await program.options(RESPONSES, headers=origin)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://elsewhere.example"
    assert "user-agent" in answer.headers["access-control-allow-headers"].split(", ")
    assert "x-should-retry" in answer.headers["access-control-expose-headers"].split(", ")


async def test_a_key_is_not_taken_without_https_where_the_site_has_it(program, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = await program.get("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "https_required")


@pytest.mark.parametrize("name", ["", "k" * 201])
async def test_a_key_that_can_name_nothing_is_refused(program, name):
    headers = {"Idempotency-Key": name}
    assert (await refused(program, {"input": "x"}, headers=headers))[2] == "Idempotency-Key"


async def test_a_database_that_is_away_is_no_fault_of_the_request(program, monkeypatch):
    def away(secret):
        raise OperationalError

    monkeypatch.setattr(keys, "caller", away)
    answer = await program.get("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_while_nobody_can_say_a_turn_counts_as_held_up(conversation, monkeypatch):
    """Or it would be shown before those that came before it."""

    async def away(*asked):
        raise OperationalError

    monkeypatch.setattr(listening, "in_thread", away)
    assert await listening.is_held_up(Turn(conversation=conversation, number=0))
