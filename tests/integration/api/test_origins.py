"""Where turns that programs begin have come from."""

import pytest

from conversations.models import Turn
from conversations.threads import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_turn_keeps_the_id_of_the_request_that_it_came_by(program):
    told = {"input": "hello", "background": True}
    await program.post("/v1/responses", json=told, headers={"X-Request-ID": "call-4711"})
    assert (await in_thread(Turn.objects.get)).origin == {"request": "call-4711"}
