import json
import subprocess
import sys
import urllib.request

import httpx2
import pytest

from tests.provider import Provider, pairs
from tests.waiting import GENEROUS

CHAIN = {"model": "chain", "stream": False}


def ask(text, *earlier):
    spoken = [*earlier, {"role": "user", "content": text}]
    return {"model": "stream", "stream": True, "messages": spoken}


@pytest.fixture
async def provider():
    async with Provider() as running:
        yield running


@pytest.fixture
async def client(provider):
    async with httpx2.AsyncClient(base_url=provider.url, timeout=GENEROUS) as client:
        yield client


async def test_a_held_reply_goes_on_when_it_is_released(provider, client):
    async with client.stream("POST", "/chat/completions", json=ask("[[hold after=2]]")) as reply:
        lines = reply.aiter_lines()
        seen = [await anext(lines) for _ in range(3)]  # two deltas, a blank between
        provider.release()
        rest = [line async for line in lines]
    assert "word1" in seen[2]
    assert rest[-2:] == ["data: [DONE]", ""]


async def test_a_chain_depends_on_all_that_was_sent(client):
    async def text(*messages):
        reply = await client.post("/chat/completions", json={**CHAIN, "messages": messages})
        return reply.json()["choices"][0]["message"]["content"]

    one, two = {"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}
    texts = [await text(one, two), await text(two, one), await text(one), await text(one, two)]
    assert len(set(texts)) == 3
    assert texts[0] == texts[3]


def called(*ids):
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call_id} for call_id in ids],
    }


def returned(call_id):
    return {"role": "tool", "tool_call_id": call_id, "content": "sun"}


USER, REPLY = {"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}


@pytest.mark.parametrize(
    ("history", "wrong"),
    [
        ([USER, called("a", "b"), returned("b"), returned("a"), REPLY, USER], None),
        ([USER, called("a", "b"), returned("a"), REPLY, returned("b")], pairs.UNPAIRED + "b"),
        ([USER, called("a"), USER], pairs.UNPAIRED + "a"),
        ([USER, called("a")], pairs.UNPAIRED + "a"),
        ([USER, returned("a")], pairs.STRAY),
        ([USER, called("a"), returned("a"), returned("a")], pairs.STRAY),
        ([{"role": "system", "content": "Be kind."}], pairs.EMPTY),
    ],
)
async def test_calls_and_results_have_to_stand_together(client, history, wrong):
    answer = await client.post("/chat/completions", json={**CHAIN, "messages": history})
    assert answer.status_code == (400 if wrong else 200)
    assert answer.json().get("error", {}).get("message") == wrong


def test_as_a_process_it_says_its_port_and_logs_each_call(tmp_path):
    log = tmp_path / "calls.jsonl"
    command = [sys.executable, "-m", "tests.provider", "--port", "0", "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        body = json.dumps(ask("hello")).encode()
        with urllib.request.urlopen(f"{url}/v1/chat/completions", body) as reply:
            assert reply.read().endswith(b"data: [DONE]\n\n")
        process.terminate()
    assert [json.loads(line)["prompt"] for line in log.read_text().splitlines()] == ["hello"]
