"""A body is JSON that can be stored and shown again, is small enough, and comes in time."""

import asyncio
import json

import pytest

from conversations.api import requests
from conversations.models import Conversation
from conversations.threads import in_thread
from tests.waiting import GENEROUS

RESPONSES = "/v1/responses"
RAW = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"input": NaN}',
    b'{"input": 1e999}',
    b'{"input": "a", "input": "b"}',
    b'{"input": "\\ud800"}',
    b'{"input": "\\u0000"}',
    b'{"input": ' + b"[" * 100_000,
    b'{"metadata": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
    b'{"expected_version": ' + b"9" * 5000 + b"}",
    b'{"input": "x", "expected_version": 99999999999999999999}',
]


@pytest.mark.parametrize("body", RAW)
async def test_what_is_no_json_for_us_is_refused(program, body):
    answer = await program.post(RESPONSES, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not await in_thread(Conversation.objects.exists)


async def test_a_body_has_its_limit(program, settings):
    settings.API_BODY_LIMIT = 1000
    answer = await program.post(RESPONSES, json={"input": "x" * 1_000_000})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


async def answered(replica, sent):
    """What a connection on which this is sent hears until it is closed."""
    host, port = replica.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sent)
    async with asyncio.timeout(GENEROUS):
        answer = await reader.read()
    writer.close()
    return answer


SOME = b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{}"


@pytest.mark.parametrize("told", [(1000, 408, "request_timeout"), (1, 413, "too_large")])
async def test_a_body_that_drips_is_not_waited_for(replica, settings, monkeypatch, told):
    settings.API_BODY_LIMIT, status, code = told
    monkeypatch.setattr(requests, "BODY_TIMEOUT", 0.1)
    head, _, body = (await answered(replica, SOME)).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["error"]["code"] == code
