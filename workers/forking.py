"""RQ's own worker, for pools that fork: a turn that kills its process kills no other.

As `manage.py rqworker` runs it, and besides: it hands SIGTERM on to the child at work, whom in a
container nobody else tells; and where WORKER_HTTP_PORT is set it shows what its children counted.
"""

import os
import signal
from contextlib import suppress
from typing import Any

from rq import Worker
from rq.utils import ensure_job_list

from workers import identity, pools
from workers.health.port import Port
from workers.pools import Pool
from workers.running.routines import Routine

PORT = 1  # seconds between two tries to have it


class Silent:
    """RQ's worker tells nothing of how it gets on; when it ends, so does its port."""

    def faults(self, now: float) -> list[str]:
        return []

    def wants(self) -> list[str]:
        return []


class ForkingWorker(Worker):
    """The worker; the child that it forks for a job ends with it."""

    def __init__(
        self, queues: Any, name: str | None = None, *, pool: Pool | None = None, **options: Any
    ) -> None:
        if options.get("prepare_for_work", True):
            name = own_name(pool or pool_of(queues), name)
        super().__init__(queues, name, **options)

    def work(self, *args: Any, **options: Any) -> bool:
        port = Port(Silent)
        taking = Routine("port", port.take, seconds=PORT)
        taking.start()
        try:
            return super().work(*args, **options)
        finally:
            taking.stop()
            port.close()

    def handle_warm_shutdown_request(self) -> None:
        """The child has the grace to end its turn, then it hands it back."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        if self.horse_pid:
            with suppress(ProcessLookupError):  # not its group: just forked, it is still in ours
                os.kill(self.horse_pid, signal.SIGTERM)


def pool_of(queues: Any) -> Pool:
    """Of a worker that RQ's own commands start, which know of queues only."""
    return pools.of([str(getattr(queue, "name", queue)) for queue in ensure_job_list(queues)])


def own_name(pool: Pool, name: str | None) -> str:
    """What RQ calls a worker: as told, or by its pool and where it runs.

    With a digest of the process: RQ would refuse a worker that was killed and is started again
    under the same name.
    """
    me = identity.own()
    return me.name(name or f"{pool.name}-{me.host}-{me.pid}")
