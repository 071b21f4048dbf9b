"""The official Python SDK, unchanged, against two replicas and real workers."""

import openai
import pytest

from tests.system.clients.conftest import make_key
from tests.system.clients.valid import SLOW, text_of, valid, valid_events
from tests.waiting import eventually

pytestmark = pytest.mark.slow


def test_a_chain_of_responses_goes_from_replica_to_replica(clients, site):
    here, there = clients
    first = valid(here.responses.create(input="[[echo]] one"))
    second = valid(there.responses.create(input="[[chain]]", previous_response_id=first.id))
    fork = valid(here.responses.create(input="[[chain]]", previous_response_id=first.id))
    assert first.output_text.strip() == "[[echo]] one"
    assert second.previous_response_id == fork.previous_response_id == first.id
    assert second.output_text == fork.output_text  # both were told the same history
    assert valid(there.responses.retrieve(fork.id)) == fork


def test_events_give_the_text_that_is_kept(clients):
    here, there = clients
    events = list(valid_events(here.responses.create(input=SLOW, stream=True)))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kept = valid(there.responses.retrieve(events[-1].response.id))
    assert text_of(events) == kept.output_text
    assert events[-1].response == kept


def test_the_stream_helper_adds_the_response_up(clients):
    with clients[0].responses.stream(model="assistant", input=SLOW) as stream:
        deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text != ""


def test_what_runs_in_the_background_is_fetched_from_the_other_replica(clients):
    here, there = clients
    begun = valid(here.responses.create(input=SLOW, background=True))
    assert begun.status in {"queued", "in_progress"}
    ended = eventually(
        lambda: (found := there.responses.retrieve(begun.id)).status == "completed" and found
    )
    assert valid(ended).output_text


def test_a_stream_that_is_cut_goes_on_at_the_other_replica(clients):
    here, there = clients
    stream = valid_events(here.responses.create(input=SLOW, background=True, stream=True))
    seen = [next(stream) for _ in range(8)]
    stream.close()
    rest = there.responses.retrieve(
        seen[0].response.id, stream=True, starting_after=seen[-1].sequence_number
    )
    events = [*seen, *valid_events(rest)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert text_of(events) == events[-1].response.output_text
    again = list(valid_events(here.responses.retrieve(events[-1].response.id, stream=True)))
    assert text_of(again) == text_of(events)  # from rows


def test_a_response_is_cancelled_at_the_other_replica(clients):
    here, there = clients
    stream = here.responses.create(input="[[stall after=3]]", background=True, stream=True)
    events = valid_events(stream)
    begun = next(event for event in events if event.type == "response.output_text.delta")
    response = begun.to_dict()["response_id"]
    there.responses.cancel(response)
    assert list(events)[-1].type == "response.incomplete"
    assert valid(there.responses.retrieve(response)).status == "cancelled"


def test_a_conversation_is_kept_for_its_responses(clients):
    here, there = clients
    made = here.conversations.create(metadata={"topic": "bridges"})
    bound = valid(here.responses.create(input="[[echo]] one", conversation=made.id))
    assert bound.conversation.id == made.id
    items = list(there.conversations.items.list(made.id, order="asc"))
    assert [item.role for item in items] == ["user", "assistant"]
    assert there.conversations.retrieve(made.id).metadata == {"topic": "bridges"}
    changed = there.conversations.update(made.id, metadata={"topic": "towers"})
    assert changed.metadata == {"topic": "towers"}
    assert here.conversations.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        there.conversations.retrieve(made.id)


FORECAST = {
    "type": "function",
    "name": "forecast",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    "strict": True,
}


def test_functions_of_the_client_are_called_and_answered_elsewhere(clients):
    here, there = clients
    first = valid(here.responses.create(input="[[tools forecast forecast]]", tools=[FORECAST]))
    calls = [item for item in first.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["forecast", "forecast"]
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
        for call in calls
    ]
    second = there.responses.create(input=outputs, previous_response_id=first.id, tools=[FORECAST])
    assert valid(second).status == "completed"
    assert second.output_text


@pytest.mark.parametrize("store", [True, False])
def test_the_loop_of_the_guide_to_function_calls(clients, store):
    said = [{"role": "user", "content": "[[tools forecast times=2]]"}]
    for client in (*clients, clients[0]):
        response = valid(client.responses.create(input=said, tools=[FORECAST], store=store))
        said += response.output
        for item in response.output:
            if item.type == "function_call":
                kind = "function_call_output"
                said.append({"type": kind, "call_id": item.call_id, "output": "rain"})
    assert [getattr(item, "type", None) or item["type"] for item in said[1:]] == [
        *["function_call", "function_call_output"] * 2, "message",
    ]  # fmt: skip


def test_what_the_stream_helper_gives_goes_back_in(clients):
    said = [{"role": "user", "content": "[[tools forecast]]"}]
    for client in clients:
        with client.responses.stream(model="assistant", input=said, tools=[FORECAST]) as stream:
            response = stream.get_final_response()
        [item] = response.output
        said.append(item)
        if item.type == "function_call":
            kind = "function_call_output"
            said.append({"type": kind, "call_id": item.call_id, "output": "rain"})
    assert response.output_text


def test_the_agents_are_models(clients):
    assert "assistant" in [model.id for model in clients[0].models.list()]
    assert clients[1].models.retrieve("assistant").object == "model"


def test_a_response_is_deleted(clients):
    here, there = clients
    response = here.responses.create(input="[[stream]]")
    assert [item.type for item in there.responses.input_items.list(response.id)] == ["message"]
    here.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        there.responses.retrieve(response.id)


ERRORS = [
    ({"input": 5}, openai.BadRequestError, "invalid_value", "input"),
    ({"input": "x", "model": "nobody"}, openai.BadRequestError, "invalid_value", "model"),
    ({"input": "x", "top_logprobs": 3}, openai.BadRequestError, "unsupported_parameter",
     "top_logprobs"),
    ({"input": "x", "previous_response_id": "resp_1"}, openai.BadRequestError,
     "previous_response_not_found", "previous_response_id"),
    ({"input": "x", "conversation": "conv_1"}, openai.NotFoundError, "not_found", None),
    ({"input": "x", "metadata": {"k": "v" * 513}}, openai.BadRequestError, "invalid_value",
     "metadata.k"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "kind", "code", "param"), ERRORS, ids=str)
def test_each_error_is_typed(clients, fields, kind, code, param):
    with pytest.raises(kind) as refused:
        clients[0].responses.create(**fields)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.request_id


def test_keys_are_told_apart(clients, site, name):
    with pytest.raises(openai.AuthenticationError):
        clients[0].with_options(api_key="ags_wrong").models.list()
    reads = clients[0].with_options(api_key=make_key(site, name, "--scope", "read"))
    reads.models.list()
    with pytest.raises(openai.PermissionDeniedError):
        reads.responses.create(input="x")


def test_a_key_has_its_rate_and_a_patient_client_waits_for_it(clients, site, name):
    slow = make_key(site, name, "--requests-per-minute", "30")
    hasty = clients[0].with_options(api_key=slow, max_retries=0)
    with pytest.raises(openai.RateLimitError) as refused:
        [hasty.models.list() for _ in range(1000)]  # faster than one in two seconds
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    assert clients[1].with_options(api_key=slow, max_retries=5).models.list()


def test_a_conflict_is_not_tried_again(clients):
    made = clients[0].conversations.create()
    clients[0].responses.create(input="[[stall]]", conversation=made.id, background=True)
    with pytest.raises(openai.ConflictError) as refused:
        clients[1].responses.create(
            input="x", conversation=made.id, extra_body={"policy": "reject"}
        )
    assert refused.value.response.headers["x-should-retry"] == "false"
    clients[0].conversations.delete(made.id)
