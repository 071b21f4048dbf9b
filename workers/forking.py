"""RQ's own worker, for pools that fork: a turn that kills its process kills no other.

As `manage.py rqworker` runs it, and besides: it hands SIGTERM on to the child at work, whom in a
container nobody else tells; a Stop ends the child's turn, not only the child; and where
WORKER_HTTP_PORT is set it shows what its children counted.
"""

import os
import signal
from contextlib import suppress
from typing import Any

from rq import Queue
from rq.job import Job

from workers.base import OwnWorker
from workers.health.port import Port
from workers.jobs import TurnJob
from workers.running.routines import Routine

PORT = 1  # seconds between two tries to have it
STOP = signal.SIGUSR1  # tells a child that a person stopped its job


class Silent:
    """RQ's worker tells nothing of how it gets on; when it ends, so does its port."""

    def faults(self, now: float) -> list[str]:
        return []

    def wants(self) -> list[str]:
        return []


class ForkingWorker(OwnWorker):
    """The worker; the child that it forks for a job ends with it."""

    def work(self, *args: Any, **options: Any) -> bool:
        port = Port(Silent)
        taking = Routine("port", port.take, seconds=PORT)
        taking.start()
        try:
            return super().work(*args, **options)
        finally:
            taking.stop()
            port.close()

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """The child inherits the handler, so it can be stopped from its first moment on."""
        assert isinstance(job, TurnJob)
        signal.signal(STOP, lambda *_: job.stop())
        super().fork_work_horse(job, queue)

    def stop_job(self, job_id: str) -> None:
        """The child ends its turn as cancelled, and itself so that RQ shows the job as stopped."""
        if job_id == self.get_current_job_id():
            self._stopped_job_id = job_id
            self._tell_child(STOP)

    def handle_warm_shutdown_request(self) -> None:
        """The child has the grace to end its turn, then it hands it back."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        self._tell_child(signal.SIGTERM)

    def _tell_child(self, number: signal.Signals) -> None:
        if self.horse_pid:
            with suppress(ProcessLookupError):  # not its group: just forked, it is still in ours
                os.kill(self.horse_pid, number)
