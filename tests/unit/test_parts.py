"""The admin reads pydantic-ai's messages from their JSON, without pydantic-ai."""

import json

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from conversations.admin.parts import parts, pretty
from conversations.models import ToolCall


def read(*message_parts, kind=ModelRequest) -> list[tuple[str, str]]:
    (message,) = json.loads(ModelMessagesTypeAdapter.dump_json([kind(parts=list(message_parts))]))
    return [(part.look, part.body) for part in parts(message, {})]


def test_what_a_person_sent_is_its_text():
    picture = BinaryContent(b"x", media_type="image/png")
    assert read(UserPromptPart("hi"), UserPromptPart(["look", picture])) == [
        ("user", "hi"),
        ("user", "look\n[image/png]"),
    ]


def test_what_a_model_answered_is_text_thought_and_calls():
    assert read(
        ThinkingPart("hm"), TextPart("yes"), ToolCallPart("t", '{"a": 1}'), kind=ModelResponse
    ) == [("thinking", "hm"), ("text", "yes"), ("call", '{\n  "a": 1\n}')]


def test_what_tools_and_instructions_say_is_shown():
    returned = ToolReturnPart("t", {"r": 2}, tool_call_id="c")
    assert read(SystemPromptPart("be kind"), returned) == [
        ("system", "be kind"),
        ("result", '{\n  "r": 2\n}'),
    ]


def test_a_call_brings_its_row_of_the_ledger():
    call = {"part_kind": "tool-call", "tool_name": "t", "args": "{broken", "tool_call_id": "c"}
    ledger = {"c": ToolCall(state="unknown")}
    (part,) = parts({"parts": [call]}, ledger)
    assert (part.body, part.ledger) == ("{broken", ledger["c"])


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_what_is_nested_too_deep_to_be_laid_out_is_shown_as_it_is(text):
    assert pretty(text) == text
