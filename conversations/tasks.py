"""What RQ calls; settings.WORKER_TASKS allows these and nothing else."""

from uuid import UUID

from workers import presence


async def answer(conversation_id: str, pool: str) -> None:
    """Answer what is next in a conversation. `pool` is the queue that the job came from."""
    from conversations import runner  # noqa: PLC0415 - imports pydantic-ai

    with presence.ensure(pool) as here:
        await runner.answer(UUID(conversation_id), worker=here.id, pool=pool)
