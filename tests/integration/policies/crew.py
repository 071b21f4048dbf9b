"""Workers of this process, woken by the hints in the queue and by nothing else."""

import asyncio
import threading
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from conversations import errands, runner, tasks
from conversations.threads import in_thread
from workers import queues

SERVES = ("interactive", "default")
PAUSE = 0.005  # seconds between two looks at an empty queue


class Crew:
    """So many workers; each fetches one hint at a time and answers it to the end.

    `fetched` says of each conversation when its last hint was fetched: the order of these moments
    is that of the queue, however long a worker then takes to begin.
    """

    def __init__(self, presence, *, workers=2):
        self.fetched: dict[str, datetime] = {}
        self._fetching = threading.Lock()
        self._presence = presence
        self._workers = workers
        self._closed = False

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        return self

    async def __aexit__(self, *raised):
        self._closed = True  # a run that is being interrupted takes the cancel for its own
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()  # raises what ended it

    async def _work(self):
        while not self._closed:
            if job := await in_thread(self._fetch):
                await self._answer(job)
                await in_thread(job.delete)  # as a worker does
            else:
                await asyncio.sleep(PAUSE)

    def _fetch(self):
        with self._fetching:
            moment = timezone.now()
            if job := oldest():
                self.fetched[job.args[0]] = moment
        return job

    async def _answer(self, job):
        if job.func_name == errands.TASK:
            await tasks.answer_sealed(*job.args)
        else:
            conversation_id = UUID(job.args[0])
            own = self._presence.id
            await runner.answer(conversation_id, worker=own, pool=job.origin, serves=SERVES)


def oldest():
    """The oldest hint, a person's first."""
    for line in map(queues.queue, SERVES):
        if job_id := line.connection.lpop(line.key):
            return line.fetch_job(job_id.decode())
    return None
