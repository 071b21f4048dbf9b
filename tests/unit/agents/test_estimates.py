from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from workers.agents.budgeted import tokens


def test_a_prompt_is_guessed_by_its_length():
    history = [
        ModelRequest([UserPromptPart("x" * 400)], instructions="y" * 40),
        ModelResponse([TextPart("z" * 40), ToolCallPart("look", {"what": "here"})]),
        ModelRequest([ToolReturnPart("look", {"found": "nothing"}, tool_call_id="1")]),
    ]
    assert 120 <= tokens(history) <= 140


def test_an_attachment_is_no_fault():
    assert tokens([ModelRequest([UserPromptPart(["look at", "this"])])]) > 0
