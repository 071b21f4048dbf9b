"""A worker's own eye on its condition: it closes its gate while it lacks something, and tells.

In a thread of its own, whatever the event loop does: every second it writes `status`, every few
seconds it asks `needs`. A dependency that is back opens the gate within a second or two.
"""

import threading
from collections.abc import Callable
from time import monotonic

import structlog
from redis import RedisError

from workers import identity, queues
from workers.fleet import peers
from workers.health import needs, port, status
from workers.health.needs import Report
from workers.health.pulse import Pulse
from workers.observing import metrics
from workers.pools import Pool
from workers.running.gates import Gate

LOOK = 1.0  # seconds
CALM = 3.0  # seconds between two examinations while nothing lacks
TWICE = 2  # looks in a row that find something: one may have met a hiccup
PATIENCE = 60.0  # seconds that work may wait while an idle worker fetches none
REASON = "not_ready"  # for the gate

log = structlog.get_logger(__name__)


class Condition(threading.Thread):
    """Looks after one worker process."""

    def __init__(
        self, name: str, pool: Pool, *, gate: Gate, pulse: Pulse, in_flight: Callable[[], int]
    ) -> None:
        super().__init__(name="condition", daemon=True)
        self._worker, self._pool = name, pool
        self._gate, self._pulse, self._in_flight = gate, pulse, in_flight
        self._examiner = needs.Examiner(needs.questions(peers.replicas))
        self._port = port.Port(self._status)
        self._stopping = threading.Event()
        self._report: Report = {}
        self._found, self._due = 0, 0.0
        self._since = monotonic()
        self._shown: set[str] = set()
        self._is_mute = False
        self._reasons: set[str] = set()  # that ever closed the gate

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        status.sweep()
        try:
            while not self._stopping.wait(LOOK):
                try:
                    self._look()
                except Exception:
                    log.exception("condition_unknown", worker=self._worker)
        finally:
            self._examiner.close()
            self._port.close()
            status.forget(self._worker)

    @property
    def lacking(self) -> dict[str, str]:
        """What is lacking, by part, with the mend."""
        return needs.lacking(self._report)

    def _look(self) -> None:
        self._port.take()  # another worker of this host may have had it, and ended
        if monotonic() >= self._due:
            self._report = self._examiner.examine()
            self._judge()
        if not self._neglects():
            self._since = monotonic()
        self._write()
        self._reasons |= self._gate.reasons
        for reason in self._reasons:
            is_closed = reason in self._gate.reasons
            metrics.GATES_CLOSED.labels(self._pool.name, reason).set(is_closed)
        metrics.SLOTS.labels(self._pool.name).set(self._pool.slots)
        metrics.SLOTS_BUSY.labels(self._pool.name).set(self._in_flight())

    def _write(self) -> None:
        try:
            status.write(self._status())
        except OSError as error:
            if not self._is_mute:  # said once, not each second
                log.warning("status_not_written", worker=self._worker, reason=str(error))
            self._is_mute = True
        else:
            self._is_mute = False

    def _neglects(self) -> bool:
        """Whether work waits that this worker could do at once, and does not fetch."""
        if self._in_flight() or not self._gate.is_open:
            return False
        try:
            return any(map(queues.neglected, self._pool.queues))
        except RedisError:
            return False

    def _judge(self) -> None:
        lacking = self.lacking
        self._found = self._found + 1 if lacking else 0
        self._due = monotonic() + (0 if lacking else CALM)
        self._show({part for part, finding in self._report.items() if finding.problem})
        if self._found == TWICE:
            log.error("worker_not_ready", worker=self._worker, lacking=lacking)
            self._gate.close(REASON)
        elif not lacking and REASON in self._gate.reasons:
            log.info("worker_ready_again", worker=self._worker)
            self._gate.open(REASON)

    def _show(self, lacking: set[str]) -> None:
        for part in lacking | self._shown:
            metrics.NOT_READY.labels("worker", part).set(part in lacking)
        self._shown = lacking

    def _status(self) -> status.Status:
        me = identity.own()
        return status.Status(
            name=self._worker,
            pool=self._pool.name,
            pid=me.pid,
            mark=identity.mark(),
            turned=self._pulse.turned,
            since=self._since,
            patience=PATIENCE,
            lacking=self.lacking if REASON in self._gate.reasons else {},
            closed=sorted(self._gate.reasons),
        )
