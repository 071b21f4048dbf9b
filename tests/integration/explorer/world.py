"""The world of a scene: fresh rows for each schedule, and what must hold after it."""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from conversations import recovery, turns
from conversations.models import Conversation, Turn
from conversations.stores import store
from conversations.stores.base import Fence, Key, NewMessage, Snapshot
from workers import queues
from workers.models import WorkerProcess

POOL = "default"
CLEAR = """
SET synchronous_commit = off;
DELETE FROM conversations_toolcall; DELETE FROM conversations_message;
DELETE FROM conversations_turn; DELETE FROM conversations_conversation;
DELETE FROM workers_workerprocess; DELETE FROM explorer_witness
"""
PAYLOAD = '{"kind": "response", "parts": [{"part_kind": "text", "content": "Hi"}]}'


def said(claim: turns.Claim, *, step: int = 1, retracted: bool = False) -> NewMessage:
    """One answer of the model in this claim."""
    key = Key(claim.turn_id, claim.attempt, step)
    return NewMessage(key=key, kind="response", payload=PAYLOAD, retracted=retracted)


class World:
    """One conversation, two workers, and the verbs of a scene."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.conversation = Conversation()
        self.workers: dict[str, WorkerProcess] = {}
        self.ended: set[tuple] = set()  # states from which everything was brought to its end

    def reset(self) -> None:
        """As before everything."""
        self.clear()
        for pool in (POOL, "quarantine"):
            queues.queue(pool).empty()
        self.conversation = Conversation.objects.create(owner=self.owner, agent="demo")
        self.workers = {name: worker(name) for name in ("one", "two")}

    def clear(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(CLEAR)

    def accept(self, text: str = "Hello", **options: Any) -> turns.Accepted:
        items = [{"type": "message", "role": "user", "content": text}]
        return turns.accept(self.conversation.id, self.owner.id, items, **options)

    def accept_slowly(self, text: str = "Hello", **options: Any) -> turns.Accepted:
        """The commit is a step of its own: elsewhere it comes with the statement, yet takes time."""
        with transaction.atomic():
            return self.accept(text, **options)

    def claim(self, name: str = "one") -> turns.Claim | None:
        """By a worker that got a hint: it is taken from the queue."""
        take_hint(POOL)
        return turns.claim(self.conversation.id, self.workers[name].id, pool=POOL)

    def claimed(self, name: str = "one") -> turns.Claim:
        """A turn that runs."""
        claim = self.claim(name)
        assert claim is not None
        return claim

    def end(self, claim: turns.Claim, state: str = Turn.State.COMPLETED) -> turns.Ended | None:
        last = said(claim, step=9, retracted=state == Turn.State.CANCELLED)
        outcome = turns.Outcome(state=state, messages=[last], last_event=9)
        return turns.end(claim.turn_id, outcome, token=claim.token)

    def wait(self, claim: turns.Claim, *items: int) -> bool:
        """The model has asked for calls that need somebody's leave."""
        asked = [
            turns.Asked(step=1, call_id=f"call_{item}", tool="pay", arguments={}, item=item)
            for item in items or (0,)
        ]
        return turns.wait(claim.turn_id, claim.token, asked, seconds=60, messages=[said(claim)])

    def waiting(self, *items: int) -> turns.Claim:
        """A turn that waits."""
        self.accept("first")
        claim = self.claimed()
        assert self.wait(claim, *items)
        return claim

    def resume(self, claim: turns.Claim, *items: int, approved: bool = True) -> turns.Resumed:
        answers = [turns.Answer(item=item, approved=approved) for item in items or (0,)]
        return turns.resume(claim.turn_id, answers)

    def let_time_pass(self) -> None:
        """Until nobody waits for an answer any more."""
        over = timezone.now() - timedelta(minutes=1)
        Turn.objects.filter(state=Turn.State.WAITING).update(expires=over)

    def runs(self) -> bool:
        return Turn.objects.filter(state=Turn.State.RUNNING).exists()

    def is_stopped(self) -> bool:
        """The one turn has ended, or whoever runs it will hear that it is to end."""
        turn = Turn.objects.get()
        return turn.state in Turn.ENDED or turn.cancel_requested != Turn.CancelRequest.NONE

    def write(self, claim: turns.Claim, step: int) -> Snapshot:
        """From the snapshot of the claim, and only from that."""
        fence = Fence(claim.turn_id, claim.token)
        before = Snapshot(self.conversation.id, claim.version)
        return store("database").append(before, [said(claim, step=step)], fence=fence)

    def append(self, claim: turns.Claim, step: int = 1) -> Snapshot:
        return turns.checkpoint(
            store("database"),
            Snapshot(self.conversation.id, claim.version),
            [said(claim, step=step)],
            fence=Fence(claim.turn_id, claim.token),
        )

    def requeue(self, claim: turns.Claim, *, crashed: bool = True) -> str | None:
        return turns.requeue(claim.turn_id, token=claim.token, crashed=crashed)

    def heir(self) -> WorkerProcess:
        """A worker that comes when the scene is over."""
        return worker("heir")

    def bury(self, name: str = "one") -> None:
        """As the sweep does it to a worker whose lease is over."""
        WorkerProcess.objects.filter(pk=self.workers[name].pk).delete()

    def bury_and_sweep(self, free_slots: int = 10) -> recovery.Swept:
        self.bury()
        return recovery.sweep(free_slots)

    def bury_and_requeue(self) -> list[str]:
        self.bury()
        return recovery.requeue_orphans()

    def forget_hints(self) -> None:
        """As a Redis that was restarted empty a while ago."""
        queues.queue(POOL).empty()
        Turn.objects.update(hinted_at=timezone.now() - timedelta(minutes=1))


def worker(name: str) -> WorkerProcess:
    now = timezone.now()
    return WorkerProcess.objects.create(
        name=name,
        pool=POOL,
        host="here",
        pid=1,
        process_start="boot 1",
        slots=10,
        started=now,
        lease=now + timedelta(hours=1),
    )


def take_hint(pool: str) -> bool:
    """As a worker does it; false when there is none."""
    queue = queues.queue(pool)
    return queue.connection.lpop(queue.key) is not None


def hints(conversation: Conversation) -> int:
    """How many are on the way."""
    jobs = [job for pool in (POOL, "quarantine") for job in queues.queue(pool).get_jobs()]
    return sum(job.args[0] == str(conversation.id) for job in jobs)
