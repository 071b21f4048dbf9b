import json
from functools import cache

import pytest
from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolReturnPart,
    UserPromptPart,
)

from conversations.history import summed, window
from conversations.runner.steps import dumped


@cache
def prompt(number):
    return dumped(ModelRequest([UserPromptPart(f"prompt {number}")]))


@cache
def reply(number):
    return dumped(ModelResponse([TextPart(f"reply {number}")]))


@cache
def result(number):
    return dumped(ModelRequest([ToolReturnPart("tool", f"result {number}", f"call_{number}")]))


def dialogue(turns):
    """So many turns, the last not yet answered."""
    messages = [message for number in range(turns) for message in (prompt(number), reply(number))]
    return tuple(messages[:-1])


def shown(turns, most=8, keep=2):
    return window(dialogue(turns), most=most, keep=keep, own=1)


def test_a_short_transcript_is_shown_whole():
    assert window(dialogue(4), most=8, keep=2, own=1) == dialogue(4)
    assert window(dialogue(400), most=0, keep=2, own=1) == dialogue(400)


def test_the_window_is_cut_seldom_and_far_and_then_grows():
    assert [len(shown(turns)) for turns in range(1, 13)] == [1, 3, 5, 7, 3, 5, 7, 3, 5, 7, 3, 5]


def test_between_two_cuts_each_window_begins_with_the_one_before():
    for turns in (2, 3, 4, 6, 7):
        before, after = shown(turns - 1), shown(turns)
        assert after[: len(before)] == before or len(after) == 3


def test_it_begins_with_what_a_person_said():
    messages = (prompt(0), reply(0), *[result(0), reply(1)] * 4, prompt(1), reply(2), prompt(3))
    cut = window(messages, most=8, keep=6, own=1)
    assert json.loads(cut[0])["parts"][0]["part_kind"] == "user-prompt"


@pytest.mark.parametrize("calls", [1, 30])
def test_all_of_the_turn_itself_is_shown(calls):
    own = (prompt(9), *[reply(9), result(9)] * calls)
    cut = window((*dialogue(20), reply(19), *own), most=8, keep=2, own=len(own))
    assert cut[-len(own) :] == own


@pytest.mark.parametrize("own", [1, 3])
@pytest.mark.parametrize("rounds", [1, 3, 4, 9, 30])
def test_what_only_brings_results_goes_on_from_the_last_prompt(rounds, own):
    """A client's functions: each result is a turn of its own, and nobody speaks meanwhile."""
    loop = (prompt(9), *[reply(9), result(9)] * max(rounds, own))
    earlier = (*dialogue(2), reply(1))
    shown = window((*earlier, *loop), most=8, keep=2, own=own)
    assert shown[-len(loop) :] == loop
    assert len(shown) <= max(8, len(loop))
    assert window(loop, most=8, keep=2, own=own, earlier=len(earlier)) == loop


def test_where_nobody_ever_spoke_nothing_is_cut():
    results = (result(0), *[reply(1), result(1)] * 9)
    assert window(results, most=8, keep=2, own=1) == results
    assert window(dialogue(20)[1:-1:2], most=8, keep=2, own=0) == dialogue(20)[1:-1:2]


def test_a_prompt_may_speak_of_prompts():
    told = dumped(ModelResponse([TextPart('"part_kind": "user-prompt"')]))
    messages = (*dialogue(5), told, prompt(1), reply(2), prompt(3))
    cut = window(messages, most=10, keep=1, own=1)
    assert cut == messages[-3:]


def test_a_window_is_a_transcript_that_pydantic_ai_reads():
    assert len(ModelMessagesTypeAdapter.validate_json(f"[{','.join(shown(30))}]")) == len(shown(30))


@pytest.mark.parametrize("turns", [3, 4, 5, 12, 30])
def test_the_newest_messages_are_enough_to_tell_the_window(turns):
    newest = dialogue(turns)[-8:]
    earlier = len(dialogue(turns)) - len(newest)
    assert window(newest, most=8, keep=2, own=1, earlier=earlier) == shown(turns)


def test_a_cut_that_ends_at_a_prompt_tells_of_nothing_after_it():
    long_turn = (*dialogue(4), *[reply(9), result(9)] * 8)
    for messages in (dialogue(4), long_turn):
        assert summed(messages, most=8, keep=2) == 1
        assert summed(messages[1:], most=8, keep=2, earlier=1) == 1
    assert summed(dialogue(3), most=8, keep=2) == summed((), most=8, keep=2) == 0
