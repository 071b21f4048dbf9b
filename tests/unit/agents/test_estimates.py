from pydantic_ai.messages import (
    BinaryContent,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from workers.agents.estimates import ATTACHMENT, REPLY, Estimates, tokens, tokens_of_tools


def test_a_prompt_is_guessed_by_its_length():
    history = [
        ModelRequest([UserPromptPart("x" * 400)], instructions="y" * 40),
        ModelResponse([TextPart("z" * 40), ToolCallPart("look", {"what": "here"})]),
        ModelRequest([ToolReturnPart("look", {"found": "nothing"}, tool_call_id="1")]),
    ]
    assert 120 <= tokens(history) <= 140


def test_instructions_are_sent_once_however_many_messages_keep_them():
    history = [ModelRequest([UserPromptPart("x" * 40)], instructions="y" * 4_000)] * 50
    assert tokens(history) == 1_000 + 500


def test_the_last_instructions_are_those_that_are_sent():
    prompts = [ModelRequest([UserPromptPart("x" * 4)], instructions=y * 400) for y in ("y", "yy")]
    assert tokens(prompts) == 200 + 2


def test_the_arguments_of_a_call_are_part_of_a_prompt():
    assert tokens([ModelResponse([ToolCallPart("look", "x" * 400)])]) == 100


def test_an_attachment_is_no_fault_and_is_not_guessed_by_its_bytes():
    assert tokens([ModelRequest([UserPromptPart(["look at", "this"])])]) > 0
    picture = BinaryContent(data=bytes(1_000_000), media_type="image/png")
    assert tokens([ModelRequest([UserPromptPart(["look", picture])])]) == ATTACHMENT + 1


def test_tools_are_told_with_every_prompt():
    schema = {"type": "object", "properties": {"where": {"type": "string"}}}
    tool = ToolDefinition(
        name="look", description="x" * 4_000, parameters_json_schema=schema, metadata={"y": 9}
    )
    both = ModelRequestParameters(function_tools=[tool], output_tools=[tool])
    assert 2_000 < tokens_of_tools(both) < 2_100


def learned(prompt: int, taken: int) -> Estimates:
    """Of a model that was asked a hundred times like this."""
    estimates = Estimates()
    for _ in range(100):
        estimates.learn(prompt, RequestUsage(input_tokens=taken, output_tokens=REPLY))
    return estimates


def test_a_model_that_counts_otherwise_is_believed():
    assert Estimates().of(10_000) == 10_000 + REPLY
    assert 35_000 < learned(10_000, 40_000).of(10_000) < 41_000
    assert 2_000 < learned(10_000, 1_000).of(10_000) < 3_000


def test_a_model_that_does_not_count_teaches_nothing():
    estimates = learned(10_000, 40_000)
    before = estimates.of(10_000)
    estimates.learn(10_000, RequestUsage())
    assert estimates.of(10_000) == before


def test_short_prompts_say_little_of_long_ones():
    assert learned(1, 30).of(10_000) < 11_000


def test_a_reply_takes_what_earlier_ones_took_and_no_more_than_it_may():
    estimates = Estimates()
    for _ in range(100):
        estimates.learn(0, RequestUsage(output_tokens=900))
    assert estimates.of(0) == 900
    assert estimates.of(0, most=50) == 50
