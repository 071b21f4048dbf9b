"""What both our RQ workers have in common: a name of their own, and commands that reach a job."""

import time
from typing import Any

import structlog
from redis.client import PubSub, PubSubWorkerThread
from rq import Worker
from rq.command import parse_payload
from rq.utils import ensure_job_list

from workers import identity, pools
from workers.pools import Pool

log = structlog.get_logger(__name__)

DEAF = 1  # second until commands are listened for again


class OwnWorker(Worker):
    """RQ's, for one of the pools."""

    pool: Pool  # of one that is to work

    def __init__(
        self, queues: Any, name: str | None = None, *, pool: Pool | None = None, **options: Any
    ) -> None:
        """As RQ's. `pool`: as its queues say."""
        if options.get("prepare_for_work", True):
            self.pool = pool or pool_of(queues)
            name = own_name(self.pool, name)
        super().__init__(queues, name, **options)

    def stop_job(self, job_id: str) -> None:
        """A person pressed Stop in RQ's admin; in the thread that listens for commands."""
        raise NotImplementedError

    def handle_payload(self, message: dict[str, Any]) -> None:
        """Stop ends the turn as cancelled; RQ turns `shutdown` into SIGINT by itself.

        RQ's own Stop kills the child at work, so that the turn would only begin again elsewhere.
        """
        payload = parse_payload(message)
        if payload.get("command") == "stop-job":
            self.stop_job(payload["job_id"])
        else:
            super().handle_payload(message)  # type: ignore[no-untyped-call]

    def _pubsub_exception_handler(
        self, exc: Exception, pubsub: PubSub, pubsub_thread: PubSubWorkerThread
    ) -> None:
        """RQ's own ends the thread on a time-out; commands would be deaf from then on."""
        log.warning("commands_interrupted", reason=type(exc).__name__)
        time.sleep(DEAF)


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
