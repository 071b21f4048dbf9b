"""An input as it enters the transcript, without pydantic-ai, is what pydantic-ai would write."""

import json
from datetime import UTC, datetime

from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelRequest, UserPromptPart

from conversations.ids import new_id
from conversations.models import Turn
from conversations.stores.base import Key
from conversations.turns.inputs import entering, text_of

MOMENT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def turn(*contents) -> Turn:
    items = [{"type": "message", "role": "user", "content": content} for content in contents]
    return Turn(id=new_id(), input=items, created=MOMENT)


def test_pydantic_ai_reads_it_as_its_own():
    [read] = ModelMessagesTypeAdapter.validate_python(
        [json.loads(entering(turn("Hello \u2014 there")).payload)]
    )
    assert read == ModelRequest(parts=[UserPromptPart("Hello \u2014 there", timestamp=MOMENT)])


def test_its_key_is_that_of_every_input():
    asked = turn("Hello")
    assert entering(asked).key == Key(asked.id, 0, 0)


def test_texts_of_several_items_and_parts_stay_apart():
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "x"}]
    assert text_of(turn(parts, "b").input) == "a\n\nb"


def test_what_functions_returned_is_no_text_of_a_person():
    output = {"type": "function_call_output", "call_id": "a", "output": "sun"}
    said = turn("And now?").input
    assert text_of([output, output]) == ""
    assert text_of([output, *said, output]) == "And now?"
