"""What the tests do with a conversation: say something, have it answered, look at what is kept."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

from conversations import protocol, runner, streams, turns
from conversations.models import Conversation, Message, ToolCall, Turn
from conversations.showing import snapshots
from conversations.threads import in_thread
from conversations.traces import Kind
from tests.waiting import GENEROUS
from workers.interrupts import Interrupt
from workers.models import WorkerProcess


@dataclass
class Talk:
    """One conversation, and the worker that answers it."""

    conversation: Conversation
    worker: WorkerProcess

    async def say(self, text, **options) -> Turn:
        return await self.send([protocol.user_message(text)], **options)

    async def send(self, items, **options) -> Turn:
        conversation, owner = self.conversation.id, self.conversation.owner_id
        return (await in_thread(turns.accept, conversation, owner, items, **options)).turn

    async def answer(self) -> None:
        async with asyncio.timeout(GENEROUS):
            await runner.answer(self.conversation.id, worker=self.worker.id, pool="default")

    async def hear(self, text) -> Turn:
        """Say it, have it answered."""
        turn = await self.say(text)
        await self.answer()
        return await self.row(turn)

    @asynccontextmanager
    async def answering(self):
        """A worker that is answering; gives the interrupt of its job, and waits for it at the end."""
        interrupt, task = Interrupt(), None

        async def job():
            with interrupt.armed():
                await self.answer()

        task = asyncio.create_task(job())
        try:
            yield interrupt
            async with asyncio.timeout(GENEROUS):
                await task
        finally:
            task.cancel()

    async def row(self, turn) -> Turn:
        return await in_thread(Turn.objects.get, pk=turn.pk)

    async def die(self, turn) -> None:
        """What the sweep does for a dead worker's turn."""
        token = (await self.row(turn)).claim_token
        assert await in_thread(turns.requeue, turn.pk, token=token, crashed=False) == "queued"

    async def ledger(self, tool, state) -> None:
        """Until the ledger has a call in this state."""
        call = ToolCall.objects.filter(tool=tool, state=state)
        async with asyncio.timeout(GENEROUS):
            while True:
                if await in_thread(call.exists):
                    return
                await asyncio.sleep(0.01)

    async def messages(self, **filters) -> list[Message]:
        rows = Message.objects.filter(conversation=self.conversation, **filters)
        return await in_thread(lambda: list(rows.order_by("number")))

    async def texts(self, **filters) -> list[str]:
        """What was said, without what only tools said."""
        return [row.text for row in await self.messages(**filters) if row.text]

    async def version(self) -> int:
        return (await in_thread(Conversation.objects.get, pk=self.conversation.pk)).version

    async def shown(self, turn):
        """The log of a turn, which must be what the rows tell, number by number."""
        turn = await self.row(turn)
        log = await streams.read(turn)
        facts = snapshots.facts_of(turn, "demo")
        stored = await in_thread(snapshots.stored, facts)
        whole = (*stored, protocol.ending(facts, stored, turn))
        assert log.entries == whole
        numbers = [
            event["sequence_number"] for entry in whole for event in protocol.events(facts, entry)
        ]
        assert numbers == sorted(set(numbers))
        return whole


def output(entries) -> list[dict]:
    """The items of the final response."""
    assert entries[-1].kind is Kind.END
    return entries[-1].data["output"]


async def seen(turn, words=1) -> None:
    """Until the log of a turn shows so many words of text."""
    async with asyncio.timeout(GENEROUS):
        while True:
            log = await streams.read(turn)
            entries = log.entries if log else ()
            if len("".join(e.data for e in entries if e.kind is Kind.TEXT).split()) >= words:
                return
            await asyncio.sleep(0.01)
