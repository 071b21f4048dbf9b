"""What RQ calls; settings.WORKER_TASKS allows these and nothing else. Only workers import it.

It brings pydantic-ai: a worker imports it before it fetches, so that no turn waits for that.
"""

from uuid import UUID

from conversations import runner
from conversations.errands import Errand
from workers.fleet import presence


async def answer(conversation_id: str, pool: str) -> None:
    """Answer what is next in a conversation. `pool` is the queue that the job came from."""
    with presence.ensure(pool) as here:
        await runner.answer(UUID(conversation_id), worker=here.id, pool=pool, serves=here.serves)


async def answer_sealed(errand: str) -> None:
    """Answer a message whose conversation its client carries; `errand` is all there is of it."""
    await runner.answer_sealed(Errand.unpacked(errand))
