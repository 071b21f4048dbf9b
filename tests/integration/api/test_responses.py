"""A program asks, and gets the answer whole, as events, or later."""

import asyncio
import threading

import pytest
from django.conf import settings

from conversations import access
from conversations.models import Conversation, Turn
from conversations.showing import listening
from conversations.sockets.layers import BoundedPubSubLayer
from conversations.threads import in_thread
from tests import specified
from tests.integration.api.events import events_of, read
from tests.waiting import GENEROUS

pytestmark = pytest.mark.usefixtures("crew")


async def ask(program, text="[[echo]] hello", **body):
    answer = await program.post("/v1/responses", json={"input": text, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ended(program, response_id):
    """The response, once it has an outcome."""
    async with asyncio.timeout(GENEROUS):
        while True:
            found = (await program.get(f"/v1/responses/{response_id}")).json()
            if found["status"] not in ("queued", "in_progress"):
                return found
            await asyncio.sleep(0.05)


def said(response):
    [item] = response["output"]
    return item["content"][0]["text"].strip()


async def test_a_program_gets_its_answer(program):
    response = await ask(program, model="demo", metadata={"topic": "greeting"})
    specified.response(response)
    assert response["status"] == "completed"
    assert response["metadata"] == {"topic": "greeting"}
    assert said(response) == "[[echo]] hello"


async def test_a_program_gets_its_answer_as_events(program):
    events = await events_of(program, {"input": "[[stream deltas=5]]", "stream": True})
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"


async def test_what_runs_in_the_background_is_fetched_later(program):
    response = await ask(program, background=True)
    assert response["status"] in ("queued", "in_progress")
    assert response["background"] is True
    assert said(await ended(program, response["id"])) == "[[echo]] hello"


async def test_events_are_replayed_from_rows_as_they_were(program, redis_client):
    events = await events_of(program, {"input": "[[stream deltas=5]]", "stream": True})
    redis_client.delete(*redis_client.keys("agentsite:{*"))
    address = f"/v1/responses/{events[0]['response']['id']}?stream=true"
    async with program.stream("GET", address) as answer:
        assert [event async for event in read(answer)] == events
    async with program.stream("GET", f"{address}&starting_after=4") as answer:
        assert [event async for event in read(answer)] == events[5:]


async def test_nothing_comes_after_the_last_event(program):
    events = await events_of(program, {"input": "[[echo]] x", "stream": True})
    last = events[-1]["sequence_number"]
    address = f"/v1/responses/{events[0]['response']['id']}?stream=true&starting_after="
    async with program.stream("GET", f"{address}{last}") as answer:
        assert [event async for event in read(answer)] == []
    refused = await program.get(f"{address}{last + 1}")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "starting_after"


async def test_a_turn_goes_on_without_its_program(program, provider):
    async with program.stream(
        "POST", "/v1/responses", json={"input": "[[hold after=1]]", "stream": True}
    ) as answer:
        events = read(answer)
        while (event := await anext(events))["type"] != "response.output_text.delta":
            pass
    provider.release()
    assert (await ended(program, event["response_id"]))["status"] == "completed"


async def test_a_response_is_cancelled_once_and_then_tells_how_it_ended(program):
    answered = await ask(program)
    response = await ask(program, "[[hold after=1]]", background=True)
    stopped = await program.post(f"/v1/responses/{response['id']}/cancel")
    assert stopped.status_code == 200
    cancelled = await ended(program, response["id"])
    assert cancelled["status"] == "cancelled"
    for over in (cancelled, answered):
        again = await program.post(f"/v1/responses/{over['id']}/cancel")
        assert (again.status_code, again.json()) == (200, over)


async def test_a_response_goes_on_at_the_head_and_forks_elsewhere(program):
    first = await ask(program, "[[echo]] one")
    second = await ask(program, "[[echo]] two", previous_response_id=first["id"])
    third = await ask(program, "[[echo]] three", previous_response_id=first["id"])
    assert second["previous_response_id"] == third["previous_response_id"] == first["id"]
    conversations = await in_thread(lambda: list(Conversation.objects.order_by("created")))
    assert [one.next_turn for one in conversations] == [2, 2]
    assert conversations[1].parent_id == conversations[0].pk


async def test_the_agent_remembers_what_the_previous_response_said(program, provider):
    first = await ask(program, "[[echo]] one")
    await ask(program, "[[echo]] two", previous_response_id=first["id"])
    told = [message["content"] for message in provider.calls[-1]["body"]["messages"]]
    assert told[-3:] == ["[[echo]] one", "[[echo]] one ", "[[echo]] two"]


async def test_a_conversation_is_continued(program):
    begun = (await program.post("/v1/conversations", json={})).json()
    response = await ask(program, conversation=begun["id"])
    assert response["conversation"] == {"id": begun["id"]}
    items = (await program.get(f"/v1/conversations/{begun['id']}/items?order=asc")).json()
    assert [item["role"] for item in items["data"]] == ["user", "assistant"]


async def test_what_is_not_stored_is_gone_once_it_was_told(program):
    response = await ask(program, store=False)
    assert response["store"] is False
    assert (await program.get(f"/v1/responses/{response['id']}")).status_code == 404
    assert not await in_thread(Conversation.objects.exists)


async def test_the_same_key_is_the_same_response(program):
    headers = {"Idempotency-Key": "once"}
    body = {"input": "[[echo]] hello"}
    first = (await program.post("/v1/responses", json=body, headers=headers)).json()
    again = (await program.post("/v1/responses", json=body, headers=headers)).json()
    assert again == first
    assert await in_thread(Conversation.objects.count) == 1
    other = await program.post("/v1/responses", json={"input": "other"}, headers=headers)
    assert other.status_code == 409
    assert other.headers["x-should-retry"] == "false"


async def test_what_was_said_before_is_part_of_the_input(program, provider):
    said_before = [
        {"role": "user", "content": "my name is Ada"},
        {"role": "assistant", "content": "hello Ada"},
        {"role": "user", "content": "[[echo]] again"},
    ]
    await ask(program, said_before)
    told = [message["content"] for message in provider.calls[-1]["body"]["messages"]]
    assert told[-3:] == ["my name is Ada", "hello Ada", "[[echo]] again"]


async def test_a_deleted_response_is_known_to_nobody(program, provider):
    first = await ask(program, "[[echo]] secret")
    await ask(program, "[[echo]] two", previous_response_id=first["id"])
    deleted = await program.delete(f"/v1/responses/{first['id']}")
    assert deleted.json() == {"id": first["id"], "object": "response", "deleted": True}
    assert (await program.get(f"/v1/responses/{first['id']}")).status_code == 404
    [turn] = await in_thread(lambda: list(Turn.objects.all()))
    await ask(program, "[[echo]] three", conversation=f"conv_{turn.conversation_id.hex}")
    assert "secret" not in str(provider.calls[-1]["body"]["messages"])


async def test_the_last_response_takes_its_conversation_along(program):
    response = await ask(program)
    await program.delete(f"/v1/responses/{response['id']}")
    assert not await in_thread(Conversation.objects.exists)


async def test_the_input_of_a_response_is_listed(program):
    response = await ask(program)
    listed = (await program.get(f"/v1/responses/{response['id']}/input_items")).json()
    assert listed["object"] == "list"
    assert listed["data"][0]["content"] == [{"type": "input_text", "text": "[[echo]] hello"}]


async def test_two_at_once_after_one_response_do_not_see_each_other(program):
    first = await ask(program, "[[echo]] one")
    after = {"previous_response_id": first["id"]}
    await asyncio.gather(*(ask(program, f"[[echo]] {n}", **after) for n in range(3)))
    counts = await in_thread(lambda: list(Conversation.objects.values_list("next_turn", flat=True)))
    assert sorted(counts) == [2, 2, 2]


async def test_waiting_for_answers_holds_no_thread(program, provider):
    await ask(program)  # what threads there are for all requests
    before = threading.active_count()
    asked = [asyncio.create_task(ask(program, "[[hold after=1]]")) for _ in range(20)]
    await provider.wait_for_calls(3)  # two workers answer; the others wait
    assert threading.active_count() <= before + settings.DATABASE_POOL_SIZE
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_what_is_not_stored_is_not_listed_while_it_is_answered(program, owner):
    body = {"input": "[[hold after=1]]", "store": False, "stream": True}
    async with program.stream("POST", "/v1/responses", json=body) as answer:
        event = await anext(read(answer))
        assert not await in_thread(access.conversations(owner).exists)
        response = await program.get(f"/v1/responses/{event['response_id']}")
        assert response.status_code == 200


async def test_an_answer_comes_though_redis_tells_nothing(program, monkeypatch):
    async def deaf(*args):
        raise ConnectionError

    monkeypatch.setattr(BoundedPubSubLayer, "group_add", deaf, raising=False)
    monkeypatch.setattr(listening, "POLL", 0.1)
    assert said(await ask(program)) == "[[echo]] hello"


async def test_an_answer_comes_though_redis_goes_away_meanwhile(program, monkeypatch):
    async def broken(*args):
        raise ConnectionError

    monkeypatch.setattr(BoundedPubSubLayer, "receive", broken, raising=False)
    monkeypatch.setattr(listening, "POLL", 0.1)
    assert said(await ask(program)) == "[[echo]] hello"
