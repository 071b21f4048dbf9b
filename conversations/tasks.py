"""What RQ calls; settings.WORKER_TASKS allows these and nothing else. Only workers import it.

It brings pydantic-ai: a worker imports it before it fetches, so that no turn waits for that.
"""

from uuid import UUID

from conversations import runner
from workers import presence


async def answer(conversation_id: str, pool: str) -> None:
    """Answer what is next in a conversation. `pool` is the queue that the job came from."""
    with presence.ensure(pool) as here:
        await runner.answer(UUID(conversation_id), worker=here.id, pool=pool, serves=here.serves)
