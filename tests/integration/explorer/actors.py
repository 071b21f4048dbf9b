"""An actor: a thread with a Django connection of its own that asks before each step.

A step is a statement, a commit or a rollback. Savepoints change nothing that others see.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from queue import SimpleQueue
from typing import Any

from django.db import OperationalError, connections

from tests.integration.explorer.footprints import Footprint, Transaction, label

SILENT = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")
# Blocked is what the explorer sees, not what a timeout says; a deadlock is found quickly. Nothing
# here survives a crash, so no commit waits for the disk.
SESSION = """
SELECT set_config('lock_timeout', '0', false), set_config('deadlock_timeout', '20ms', false),
    set_config('synchronous_commit', 'off', false),
    set_config('idle_in_transaction_session_timeout', '0', false)
"""


class State(Enum):
    """Where an actor is between two steps."""

    IDLE = "idle"  # has no deed, or has done it
    ASKING = "asking"  # stands before a step
    STEPPING = "stepping"  # does it, or waits for a lock inside PostgreSQL


class Dismissed(BaseException):
    """Ends a thread that stands before a step; nobody on the way takes it for a failure."""


class Actor(threading.Thread):
    """Does one deed after the other; within each, a step whenever it is granted one."""

    def __init__(self, changed: threading.Condition) -> None:
        super().__init__(daemon=True)
        self.changed = changed  # guards what follows; notified when it changes
        self.state = State.IDLE
        self.step, self.footprint = "", Footprint()
        self._transaction = Transaction()
        self.outcome: Any = None  # what the deed returned or raised
        self.errors: list[str] = []  # what PostgreSQL refused, even where the deed tried again
        self.lose_reply = False  # of the next commit, which happens nevertheless
        self._granted = self._dismissed = False
        self._deeds: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()

    @property
    def pid(self) -> int | None:
        """Of its PostgreSQL backend."""
        session = self._connection.connection
        return session.info.backend_pid if session and not session.closed else None

    def begin(self, name: str, deed: Callable[[], Any]) -> None:
        """Start a deed under a name of this run."""
        self.name = name
        self.state, self.outcome, self.errors = State.STEPPING, None, []
        self._deeds.put(deed)

    def grant(self) -> None:
        """Let it do the step that it asks for. The caller holds `changed`."""
        self.state, self._granted = State.STEPPING, True
        self.changed.notify_all()

    def dismiss(self) -> None:
        """End the thread, in the midst of a deed too; what is open is rolled back."""
        with self.changed:
            self._dismissed = True
            self.changed.notify_all()
        self._deeds.put(None)

    def run(self) -> None:
        self._connection = connections["default"]
        with suppress(Dismissed):
            while deed := self._deeds.get():
                self._do(deed)
        self._connection.close()

    def _do(self, deed: Callable[[], Any]) -> None:
        self._prepare()
        try:
            self.outcome = deed()
        except Exception as error:  # noqa: BLE001 - judged by whoever looks at the outcome
            self.outcome = error
        self._become(State.IDLE)

    def _prepare(self) -> None:
        self._connection.execute_wrappers[:] = []
        with self._connection.cursor() as cursor:
            cursor.execute(SESSION)
        self._connection.execute_wrappers.append(self._statement)
        self._connection.commit = self._commit
        self._connection.rollback = self._rollback

    def _statement(self, execute, sql, params, many, context):
        if sql.startswith(SILENT):
            return execute(sql, params, many, context)
        alone = not self._connection.in_atomic_block
        self._ask(label(sql), self._transaction.statement(sql, alone=alone))
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            self.errors.append(refusal(error, sql))
            raise

    def _commit(self) -> None:
        self._ask("COMMIT", self._transaction.end(commits=True))
        type(self._connection).commit(self._connection)
        if self.lose_reply:
            self.lose_reply = False
            self._connection.connection.close()
            raise OperationalError("the connection was lost, and with it the commit's reply")

    def _rollback(self) -> None:
        if self.pid is not None:
            self._ask("ROLLBACK", self._transaction.end(commits=False))
        type(self._connection).rollback(self._connection)

    def _ask(self, step: str, footprint: Footprint) -> None:
        with self.changed:
            self.step, self.footprint = step, footprint
            self._become(State.ASKING)
            self.changed.wait_for(lambda: self._granted or self._dismissed)
            if self._dismissed:
                raise Dismissed
            self._granted = False

    def _become(self, state: State) -> None:
        with self.changed:
            self.state = state
            self.changed.notify_all()


def refusal(error: Exception, sql: str) -> str:
    """What PostgreSQL said no to, by the constraint's name where it was one."""
    cause = error.__cause__ or error
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
    return f"{type(cause).__name__} {constraint or ''} at {label(sql)}"
