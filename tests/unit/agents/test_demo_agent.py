import pytest
from pydantic_ai.messages import ModelMessagesTypeAdapter
from pydantic_ai.tools import DeferredToolRequests, ToolDefinition
from pydantic_ai.toolsets import ExternalToolset

from tests.unit.agents.streaming import streamed
from workers.agents.demo import agent
from workers.agents.demo.script import story
from workers.agents.progress import reporting


class Records:
    """An owner with three conversations."""

    async def conversations(self):
        return 3

    async def messages(self):
        return 14

    async def first_message(self):
        return "Good morning"


@pytest.fixture(autouse=True)
def at_once(settings):
    settings.DEMO_PACE = 0


async def told(prompt, history=(), **how):
    return await streamed(agent, prompt, list(history), Records(), **how)


async def test_it_looks_things_up_through_its_deps():
    result = await told("How many conversations and messages do I have?")
    assert "**3** conversations" in result.output
    assert "**14** messages" in result.output


async def test_it_calculates_through_a_tool():
    result = await told("What is 17% of 340?")
    assert "**57.8**" in result.output
    assert [part.tool_name for part in result.new_messages()[1].tool_calls] == ["calculate"]


async def test_it_tells_of_each_of_its_tools():
    words = {
        "calculate": "calculates",
        "look_up": "looks",
        "count_words": "counts",
        "rename": "renames",
    }
    assert {name for toolset in agent.toolsets for name in toolset.tools} == set(words)
    said = (await told("Which tools have you?")).output
    assert [word for word in words.values() if word not in said] == []


async def test_a_tool_that_cannot_is_told_of_in_words():
    assert "divides by zero" in (await told("What is 1/0?")).output


async def test_it_leaves_the_call_of_a_programs_function_to_the_program():
    texts = {"city": {"type": "string"}, "days": {"type": "integer"}, "odd": True}
    weather = ToolDefinition(name="weather", parameters_json_schema={"properties": texts})
    how = {"toolsets": [ExternalToolset([weather])], "output_type": [str, DeferredToolRequests]}
    result = await told("What will the weather be in Ulm?", **how)
    [call] = result.output.calls
    assert (call.tool_name, call.args_as_dict()) == ("weather", {"city": "Ulm"})


async def test_it_remembers_over_a_transcript_that_was_stored():
    first = await told("My name is Ada")
    stored = ModelMessagesTypeAdapter.validate_json(first.all_messages_json())
    assert "**Ada**" in (await told("What is my name?", stored)).output


async def test_the_same_transcript_gives_the_same_words_and_call_ids():
    one, two = await told("what is 6*7?"), await told("what is 6*7?")
    assert one.output == two.output
    assert one.new_messages()[1].tool_calls == two.new_messages()[1].tool_calls


async def test_what_is_streamed_adds_up_to_what_is_said():
    async with agent.run_stream("Tell me a long story", deps=Records()) as reply:
        pieces = [piece async for piece in reply.stream_text(delta=True, debounce_by=None)]
    assert len(pieces) > 500
    assert "".join(pieces) == await reply.get_output()


async def test_it_reads_the_story_and_says_how_far_it_is():
    told_so_far = []
    with reporting(lambda fraction, words: told_so_far.append((fraction, words))):
        result = await told("How many words has the story?")
    assert f"**{len(story().split())}** words" in result.output
    assert told_so_far[-1][0] == 1
    assert told_so_far[0][1].startswith("reading page 1 of")


@pytest.mark.parametrize("most", [1, 16, 400])
async def test_it_says_no_more_than_it_may_and_that_there_was_more(most):
    whole = await told("Tell me a long story")
    cut = await told("Tell me a long story", model_settings={"max_tokens": most})
    assert whole.output.startswith(cut.output)
    assert most / 4 < cut.usage.output_tokens <= most
    reasons = [result.new_messages()[-1].finish_reason for result in (whole, cut)]
    assert reasons == ["stop", "length"]
