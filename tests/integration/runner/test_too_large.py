"""What is said is larger than the store takes: that turn has failed, and the conversation goes on."""

import pytest

from conversations import turns
from conversations.models import ToolCall
from conversations.threads import in_thread
from tests.integration.stores import elsewhere
from tests.integration.stores.conftest import dynamodb, dynamodb_server

__all__ = ["dynamodb", "dynamodb_server"]

LARGE = 500_000  # bytes; an item of DynamoDB has 400 KB


@pytest.fixture(autouse=True)
def _store(dynamodb, settings):
    settings.STORES = {**settings.STORES, **elsewhere.MADE}
    settings.STORE_DEFAULT = "dynamodb"


async def goes_on(talk, provider):
    turn = await talk.hear("[[stream deltas=1]]")
    roles = [message["role"] for message in provider.calls[-1]["body"]["messages"]]
    return turn.state, roles


async def test_a_reply(talk, provider):
    turn = await talk.hear(f"[[stream deltas=2 size={LARGE // 2}]]")
    assert (turn.state, turn.error["code"], turn.crashes) == ("failed", "too_large", 0)
    assert await goes_on(talk, provider) == ("completed", ["system", "user", "user"])


async def test_the_result_of_a_tool(talk, provider):
    turn = await talk.hear("[[tools fetch]]")
    [call] = await in_thread(lambda: list(ToolCall.objects.all()))
    large = turns.Answer(item=call.item, output="x" * LARGE)
    await in_thread(turns.resume, turn.pk, [large])
    await talk.answer()
    turn = await talk.row(turn)
    assert (turn.state, turn.error["code"], turn.crashes) == ("failed", "too_large", 0)
    roles = ["system", "user", "assistant", "tool", "user"]
    assert await goes_on(talk, provider) == ("completed", roles)
