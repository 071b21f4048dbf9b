"""Instructions that come with a request: added to the agent's own, for that response alone."""

import pytest

from tests.integration.api.test_pasts import refused
from tests.integration.api.test_tools import ask, outputs

pytestmark = pytest.mark.usefixtures("crew")
LATIN = {"instructions": "Speak Latin."}


def instructed(provider) -> str:
    """What the model was told above the conversation, last."""
    messages = provider.calls[-1]["body"]["messages"]
    return "\n".join(told["content"] for told in messages if told["role"] == "system")


async def test_they_follow_the_agents_own(program, provider):
    made = await ask(program, "[[echo]] Hello", **LATIN)
    assert made["instructions"] == "Speak Latin."
    own, _, added = instructed(provider).partition("Speak Latin.")
    assert (own.strip(), added) == ("Be kind.", "")


async def test_the_next_response_has_its_own(program, provider):
    first = await ask(program, "[[echo]] Hello", **LATIN)
    last = await ask(program, "[[echo]] And now?", previous_response_id=first["id"])
    assert (last["instructions"], instructed(provider)) == (None, "Be kind.")


async def test_they_hold_when_a_function_has_returned(program, provider):
    first = await ask(program, "[[tools forecast]]", **LATIN)
    await ask(program, outputs(first), previous_response_id=first["id"], **LATIN)
    assert instructed(provider).endswith("Speak Latin.")


async def test_an_agent_may_take_none(program, settings):
    settings.AGENTS["demo"] |= {"instructions": False}
    assert await refused(program, {"input": "x", **LATIN}) == (400, "invalid_value", "instructions")
