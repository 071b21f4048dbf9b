"""What a request sets of the model: handed on with every question of its turn, and told as it was."""

import openresponses_types as specification
import pytest

from conversations.models import Message, Turn
from conversations.threads import in_thread
from tests.integration.api.events import events_of, read
from tests.integration.api.programs import address, connection, sdk
from tests.integration.api.test_errors import refused
from tests.integration.api.test_tools import FORECAST, ask
from tests.integration.runner import agents

__all__ = ["address", "connection", "sdk"]
pytestmark = pytest.mark.usefixtures("crew")
SET = {"temperature": 0.2, "top_p": 0.5, "max_output_tokens": 500}
MORE = {"presence_penalty": 1.5, "frequency_penalty": -0.5, "parallel_tool_calls": False}
LONG = "[[stream deltas=40]]"
CUT = "".join(f"word{n} " for n in range(16))


def asked(provider, call=-1):
    """The parameters as the model was asked with them, by their names here."""
    body = provider.calls[call]["body"]
    found = {name: body[name] for name in (*SET, *MORE) if name in body}
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    return found | ({"max_output_tokens": most} if most else {})


def told(provider):
    return [m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] != "system"]


async def test_they_go_to_the_model_and_come_back(sdk, provider):
    response = await sdk.responses.create(input="[[echo]] Hello", **SET)
    specification.ResponseResource.model_validate(response.to_dict(mode="json"))
    assert asked(provider) == SET
    assert {name: getattr(response, name) for name in SET} == SET
    assert response.status == "completed"


async def test_one_that_is_not_set_is_the_agents(program, provider, monkeypatch):
    monkeypatch.setattr(agents.agent, "model_settings", {"temperature": 0.9, "max_tokens": 100})
    response = await ask(program, "[[echo]] Hello", top_p=0.5, tools=[])
    assert asked(provider) == {"temperature": 0.9, "top_p": 0.5, "max_output_tokens": 100}
    await ask(program, "[[echo]] Hello", **SET)
    assert asked(provider) == {**SET, "max_output_tokens": 100}  # the agent's bound holds, too
    assert (response["temperature"], response["max_output_tokens"]) == (1.0, None)


@pytest.mark.parametrize(
    ("tier", "queue"), [("flex", "batch"), ("priority", "interactive"), ("auto", "default")]
)
async def test_its_tier_says_which_queue_it_joins_unless_its_owner_has_one(
    program, owner, settings, tier, queue
):
    body = {"input": "[[echo]] Hello", "background": True, "service_tier": tier}
    shown = [(await program.post("/v1/responses", json=body)).json()["service_tier"]]
    settings.OWNER_TIERS = {str(owner.pk): "flex"}
    shown.append((await program.post("/v1/responses", json=body)).json()["service_tier"])
    rows = Turn.objects.order_by("created").values_list("pool", flat=True)
    assert await in_thread(lambda: list(rows)) == [queue, "batch"]
    assert shown == ["default" if tier == "auto" else tier, "flex"]


async def test_what_steers_a_response_has_them_too(connection, provider):
    await connection.create("[[stall after=2]]", **SET)
    parent = (await connection.until("response.output_text.delta"))["response_id"]
    await connection.send(type="response.steer", previous_response_id=parent, input="[[echo]] x")
    ended = (await connection.until("response.completed"))["response"]
    assert {name: ended[name] for name in SET} == asked(provider) == SET


async def test_an_agent_takes_those_that_it_names(program, provider, settings):
    settings.AGENTS["demo"] |= {"parameters": list(MORE)}
    for name, value in SET.items():
        assert await refused(program, {"input": "x", name: value}) == (
            400,
            "unsupported_parameter",
            name,
        )
    response = await ask(program, "[[echo]] Hello", temperature=1, tools=[FORECAST], **MORE)
    assert {name: response[name] for name in MORE} == asked(provider) == MORE


async def test_an_agent_that_left_the_settings_fails_its_turns(program, settings):
    begun = (await program.post("/v1/conversations", json={})).json()
    settings.AGENTS = {"another": settings.AGENTS["demo"]}
    response = await ask(program, "Hello", conversation=begun["id"], tools=[], temperature=0.2)
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")


async def test_others_are_part_of_another_request(program):
    headers = {"Idempotency-Key": "once"}
    body = {"input": "[[echo]] Hello", "temperature": 0.2}
    first = await program.post("/v1/responses", json=body, headers=headers)
    assert (await program.post("/v1/responses", json=body, headers=headers)).json() == first.json()
    other = await refused(program, {**body, "temperature": 0.3}, headers=headers)
    assert other == (409, "idempotency_conflict", None)


async def test_what_no_response_has_may_be_asked_for(sdk):
    included = ["reasoning.encrypted_content"]
    response = await sdk.responses.create(input="[[echo]] Hello", include=included, store=False)
    assert response.status == "completed"


def is_cut(response):
    specification.ResponseResource.model_validate(response)
    [item] = response["output"]
    assert (response["status"], item["status"]) == ("incomplete", "incomplete")
    assert (response["incomplete_details"], response["error"]) == (
        {"reason": "max_output_tokens"},
        None,
    )
    return item["content"][0]["text"] == CUT


async def test_a_reply_that_comes_to_its_bound_is_incomplete_and_counts(sdk, provider):
    first = await sdk.responses.create(input=LONG, max_output_tokens=16)
    assert is_cut(first.to_dict(mode="json"))
    assert is_cut((await sdk.responses.retrieve(first.id)).to_dict(mode="json"))
    after = await sdk.responses.create(input="[[echo]] on", previous_response_id=first.id)
    assert after.status == "completed"
    assert told(provider) == [LONG, CUT, "[[echo]] on"]


async def test_the_helper_of_the_sdk_gives_what_was_said(sdk):
    async with sdk.responses.stream(model="demo", input=LONG, max_output_tokens=16) as stream:
        types = [event.type async for event in stream]
    assert types[-1] == "response.incomplete"


async def test_its_events_are_the_same_from_the_rows(program, redis_client):
    body = {"input": LONG, "max_output_tokens": 16, "stream": True, "background": True}
    events = await events_of(program, body)
    assert events[-1]["type"] == "response.incomplete"
    assert is_cut(events[-1]["response"])
    redis_client.delete(*redis_client.keys("agentsite:{*"))
    there = f"/v1/responses/{events[0]['response_id']}?stream=true"
    async with program.stream("GET", there) as answer:
        assert [event async for event in read(answer)] == events


async def test_over_the_websocket_and_without_being_stored(connection):
    assert is_cut(await connection.answer(LONG, max_output_tokens=16, store=False))


async def test_a_program_that_brings_it_along_goes_on_from_it(program, provider):
    first = await ask(program, LONG, max_output_tokens=16, store=False, tools=[])
    said = [{"role": "user", "content": LONG}, *first["output"]]
    await ask(program, [*said, {"role": "user", "content": "[[echo]] on"}], tools=[])
    assert told(provider) == [LONG, CUT, "[[echo]] on"]


async def test_no_call_of_a_reply_that_was_cut_off_is_made(program, provider):
    script = '[[tools pay arguments={"am saying=Well finish=length]]'
    first = await ask(program, script)
    assert [item["status"] for item in first["output"]] == ["completed", "incomplete"]
    assert first["incomplete_details"] == {"reason": "max_output_tokens"}
    assert not agents.effects
    assert len(provider.calls) == 1
    await ask(program, "[[echo]] on", previous_response_id=first["id"])
    assert told(provider) == [script, "Well", "[[echo]] on"]


async def test_a_reply_that_is_cut_off_before_its_first_word_is_incomplete(program, provider):
    first = await ask(program, "[[stream deltas=0 finish=length]]")
    assert (first["status"], first["output"]) == ("incomplete", [])
    assert len(provider.calls) == 1
    kinds = Message.objects.values_list("kind", flat=True)
    assert await in_thread(list, kinds) == ["request"]


async def test_the_bound_is_of_the_whole_response(program, provider):
    """Each of the model's responses has seven tokens by its provider's count."""
    first = await ask(program, "[[tool times=3]]", max_output_tokens=16)
    assert [asked(provider, call)["max_output_tokens"] for call in range(3)] == [16, 9, 2]
    assert len(provider.calls) == 3
    assert first["incomplete_details"] == {"reason": "max_output_tokens"}
    assert first["output"][-1]["type"] == "function_call_output"
    assert (await in_thread(Turn.objects.get)).state == "completed"
