"""What the HTTP API may be sent: always an answer in its form, of the right status, never a fault."""

import gzip
import json
import os
from uuid import uuid4

import httpx2 as httpx
import pytest
import pytest_asyncio

from conversations import protocol, turns
from conversations.models import Conversation, Turn
from conversations.threads import in_thread
from tests.waiting import GENEROUS

pytestmark = pytest.mark.django_db
ASK = "/v1/responses"
DEEP = 100_000
NOBODYS = uuid4().hex
SEALED, ANSWER = "/v1/agentsite/chat", f"{ASK}/resp_{NOBODYS}/answer"
BODIES = [
    *(raw.encode("utf-8", "surrogatepass") for raw in (
        "", " ", "{", "}", "nul", "null", "[]", '"x"', "1", "NaN", '{"input": NaN}', "{'input': 1}",
        '{"input": 1e999}', '{"input": Infinity}', '{"input": "x",}', '{"input": "x"} {}',
        '{"input": "x", "input": "y"}', "[" * DEEP, '{"a":' * DEEP, "[" * DEEP + "]" * DEEP,
        "9" * 100_000, '{"input": ' + "9" * 5000 + "}", '{"input": "\ud800"}', '\ufeff{"input": "x"}',
        '{"input": "\\ud800"}', '{"input": "\\u0000"}', '{"metadata": {"\\u0000": "x"}, "input": "x"}',
        "data: {}\n\n", "<x/>", "input=x", "\0",
    )),
    b"\xff\xfe", json.dumps({"input": "x"}).encode("utf-16"), gzip.compress(b"x" * 10_000_000),
    os.urandom(1000),
]  # fmt: skip
FIELDS = [
    ("input", value) for value in (None, "", 0, True, {}, [], [[]], [None], ["x"], [{}], [{"role": "user"}],
    [{"role": "owner", "content": "x"}], [{"role": "user", "content": 1}], [{"role": "user", "content": []}, 5],
    [{"role": "user", "content": "x", "owner": 1}], [{"type": "input_image", "image_url": "file:///etc/passwd"}],
    [{"role": "user", "content": [{"type": "input_text", "text": "\0"}]}], [{"role": "user", "content": "x"}] * 500,
    [{"type": "function_call_output", "call_id": "call_x", "output": "x"}], [{"type": "item_reference", "id": "x"}],
    [{"type": "function_call", "call_id": "x", "name": "x", "arguments": "[" * DEEP}], [{"type": "reasoning"}],
    [{"type": "function_call", "call_id": 1, "name": None, "arguments": {"x": []}}], [{"type": {"x": 1}, "role": []}])
] + [
    (name, value)
    for name in ("model", "conversation", "previous_response_id", "stream", "background", "store",
                 "metadata", "service_tier", "tools", "policy", "expected_version", "text", "include")
    for value in (-1, 1.5, 2**63, 10**400, "", "\0", "x" * 5000, [], ["x"], {"x": 1}, {"id": 1}, "☃", True)
] + [
    (name, 1)
    for name in ("id", "owner", "owner_id", "user_id", "version", "role", "status", "state", "number",
                 "pool", "created_at", "output", "claim_token", "is_staff", "__class__", "")
]  # fmt: skip


@pytest_asyncio.fixture
async def program(replica, ada):
    headers = {"Authorization": f"Bearer {ada.key}"}
    address = f"http://127.0.0.1:{replica.port}"
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=GENEROUS) as client:
        yield client


def is_typed(answer):
    """An error as the official clients read it."""
    error = answer.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}, error
    assert all(error[name] for name in ("message", "type", "code")), error
    return 400 <= answer.status_code < 500 and "Traceback" not in answer.text


async def test_no_body_is_a_fault(program):
    for path in (ASK, "/v1/conversations", f"/v1/conversations/conv_{NOBODYS}", SEALED, ANSWER):
        for body in BODIES:
            answer = await program.post(path, content=body)
            assert is_typed(answer), (path, body[:40], answer.status_code)


async def test_no_field_is_a_fault_or_taken_for_what_it_is_not(program):
    for name, value in FIELDS:
        if (name, value) == ("stream", True):  # there is no worker, so it would not end
            continue
        body = json.dumps({"input": "x", "background": True, name: value})
        answer = await program.post(ASK, content=body)
        told = (name, str(value)[:40], answer.status_code, answer.text[:200])
        if answer.status_code == 200:
            assert value in (True, [], {}) or (name, value) == ("expected_version", -1), told
        else:
            assert is_typed(answer), told
            assert "constrained" not in answer.text, told


CARRIED = [
    *(("message", value) for value in (None, "", 0, True, [], {}, "\0", "x" * 2_000_000)),
    *(("state", value) for value in (0, "", [], "\0", "☃", "gAAAAA", "gAAAAA==" * 9, "x" * 1_000_000)),
    *(("agent", value) for value in (0, "", "demo", "nobody", "\0", "x" * 5000)),
    *(("stream", value) for value in ("x", 7, [])), ("owner", 1), ("version", 2), ("__class__", 1),
]  # fmt: skip


async def test_no_field_of_the_sealed_door_is_a_fault(program):
    for name, value in CARRIED:
        answer = await program.post(SEALED, content=json.dumps({"message": "x", name: value}))
        assert is_typed(answer), (name, str(value)[:40], answer.status_code, answer.text[:200])


async def test_no_address_and_no_method_is_a_fault(program):
    for path in ("/v1/", "/v1//", "/v1/x", "/v1/responses/", "/v1/responses/%00", "/v1/models/%ff",
                 "/v1/responses/..%2f..%2fadmin", "/v1/conversations/" + "x" * 5000, "/v1/responses/☃",
                 f"/v1/conversations/conv_{NOBODYS}/items/\\", "/v1/models/a/b"):  # fmt: skip
        assert is_typed(await program.get(path)), path
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "HEAD"):
        answer = await program.request(method, ASK)
        assert answer.status_code in {404, 405}, method


QUERIES = ["limit=0", "limit=-1", "limit=x", "limit=1e9", "limit=" + "9" * 5000, "order=up", "after=x",
           "after=%00", "after=msg_" + NOBODYS + "_0", "x=1", "limit=1&limit=2", "order[]=asc", "%00=1", "x=1&" * 1500]  # fmt: skip
REPLAYS = ["starting_after=0", "stream=x", "stream=true&starting_after=-1", "stream=true&starting_after=x",
           "stream=true&starting_after=" + "9" * 30, "stream=true&starting_after=999999"]  # fmt: skip


async def test_no_place_in_a_list_and_no_number_is_a_fault(program, ada):
    items = f"/v1/conversations/conv_{ada.conversation.pk.hex}/items"
    for query in QUERIES:
        answer = await program.get(f"{items}?{query}")
        assert answer.status_code == 200 or is_typed(answer), query
    asked = (await program.post(ASK, json={"input": "x", "background": True})).json()["id"]
    for query in REPLAYS:
        assert is_typed(await program.get(f"{ASK}/{asked}?{query}")), query


def turn_of(person):
    accepted = turns.accept(person.conversation.pk, person.conversation.owner_id, [{}])
    return accepted.turn.pk


async def test_what_belongs_to_others_does_not_exist(program, eve):
    turn = await in_thread(turn_of, eve)
    theirs, response = f"conv_{eve.conversation.pk.hex}", protocol.response_id(turn)
    item = protocol.input_items(turn, [{}])[0]["id"]
    for method, path in [
        *(("GET", f"{ASK}/{response}{more}") for more in ("", "?stream=true", "/input_items")),
        ("POST", f"{ASK}/{response}/cancel"),
        ("DELETE", f"{ASK}/{response}"),
        *((method, f"/v1/conversations/{theirs}") for method in ("GET", "DELETE")),
        *((method, f"/v1/conversations/{theirs}/items/{item}") for method in ("GET", "DELETE")),
        ("GET", f"/v1/conversations/{theirs}/items"),
    ]:
        answer = await program.request(method, path)
        assert (answer.status_code, is_typed(answer)) == (404, True), (method, path)
    for body, status in [
        ({"conversation": theirs}, 404),
        ({"conversation": {"id": theirs}}, 404),
        ({"previous_response_id": response}, 400),
    ]:
        answer = await program.post(ASK, json={"input": "x", **body})
        assert (answer.status_code, is_typed(answer)) == (status, True), body
    state = await in_thread(lambda: Turn.objects.get(pk=turn).state)
    assert state == "queued"


async def test_a_key_with_another_text_is_refused(program):
    headers = {"Idempotency-Key": uuid4().hex}
    body = {"input": "one", "background": True}
    first = (await program.post(ASK, json=body, headers=headers)).json()
    assert (await program.post(ASK, json=body, headers=headers)).json()["id"] == first["id"]
    other = await program.post(ASK, json={**body, "input": "two"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")
    for key in ("", "x" * 201, "\xff", "a\tb"):
        headers = {"Idempotency-Key": key.encode("latin1")}
        assert is_typed(await program.post(ASK, json=body, headers=headers)), key


KEYS = ["", "Bearer", "Bearer x", "bearer ags_x", "Basic eDp4", "Bearer " + "x" * 5000,
        "Bearer a b", "Token x"]  # fmt: skip


async def test_who_has_no_key_is_told_so(program, ada):
    for key in KEYS:
        answer = await program.get("/v1/models", headers={"Authorization": key.encode("latin1")})
        assert (answer.status_code, is_typed(answer)) == (401, True), key
    program.headers.pop("Authorization")
    cookie = {"Cookie": f"sessionid={ada.cookie}"}
    assert (await program.get("/v1/models", headers=cookie)).status_code == 401


async def test_a_body_that_is_too_large_is_refused(program):
    for size in (2 * 2**20, 17 * 2**20):
        answer = await program.post(ASK, content=b'{"input": "' + b"x" * size)
        assert (answer.status_code, is_typed(answer)) == (413, True)


async def test_nothing_was_assigned_that_nobody_may_assign(ada, eve):
    owned = Conversation.objects.filter(owner_id=eve.conversation.owner_id)
    assert await in_thread(owned.count) == 1
