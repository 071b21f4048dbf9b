"""Probes, answered first of all: no host check, no redirect to https, no session.

/livez: this process's event loop turns, or nothing would answer. /readyz: what it needs is there
and it is not being taken out; 503 when not. /healthz: the same, and the work of the whole service
gets on; for whoever watches it, not for a front door.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from agentsite import exposition
from conversations import census
from workers.fleet import peers
from workers.health import needs
from workers.health.needs import Examiner, Finding, Report
from workers.health.progress import Progress
from workers.health.sharing import Shared
from workers.observing import metrics

PATIENCE = 120  # seconds that work may wait while none succeeds
DRAINING = Finding("it is being taken out", "send nothing; it answers what it has and ends")

_taken_out = False  # this replica


class ProbeMiddleware:
    """Answers the probes and /metrics; must stand first."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = ANSWERS.get(request.path, self.get_response)
        return await answer(request)


async def live(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


async def ready(request: HttpRequest) -> HttpResponse:
    """Every part by name: ok, or its problem and the mend."""
    return told(await readiness())


async def well(request: HttpRequest) -> HttpResponse:
    """As `ready`; an idle service is well, one where work waits and none succeeds is not."""
    report = await readiness()
    try:
        async with asyncio.timeout(needs.LIMIT):
            progress = await PROGRESS.answer()
    except (DatabaseError, TimeoutError) as error:
        return told({**report, "work": Finding(type(error).__name__, "see postgresql")})
    work = {
        "oldest_waiting_seconds": round(progress.oldest_waiting, 1),
        "since_success_seconds": progress.since_success and round(progress.since_success, 1),
    }
    return told({**report, "work": judged(progress)}, work=work)


ANSWERS: dict[str, Callable[[HttpRequest], Awaitable[HttpResponse]]] = {
    "/livez": live,
    "/readyz": ready,
    "/healthz": well,
    "/metrics": exposition.answer,
}


async def readiness() -> Report:
    """What this replica lacks; many who ask at a time share one look.

    Counted here, for every probe asks this: what only one of them looks at would stay lacking.
    """
    examined = await EXAMINATION.answer()
    report = {**examined, "draining": DRAINING if _taken_out else Finding()}
    for part, finding in report.items():
        metrics.NOT_READY.labels("replica", part).set(bool(finding.problem))
    return report


def take_out() -> None:
    """From now on this replica is not ready, though it answers whoever still comes."""
    global _taken_out  # noqa: PLW0603 - one per process is the point
    _taken_out = True


def told(report: Report, **more: Any) -> HttpResponse:
    """A report as JSON; 503 when anything is lacking that binds."""
    is_well = not needs.lacking(report)
    body = {"status": "ok" if is_well else "unavailable", "parts": dict(map(shown, report.items()))}
    headers = {"Cache-Control": "no-store"}
    answer = JsonResponse(body | more, status=200 if is_well else 503, headers=headers)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - probes come often
    return answer


def shown(part: tuple[str, Finding]) -> tuple[str, dict[str, str]]:
    name, finding = part
    if not finding.problem:
        return name, {"status": "ok"}
    return name, {"status": "unavailable", "problem": finding.problem, "mend": finding.mend}


def judged(progress: Progress) -> Finding:
    if not progress.is_stuck(PATIENCE):
        return Finding()
    mend = "see that workers run and are ready, then what their last turns failed of"
    return Finding(f"work has waited for {progress.oldest_waiting:.0f} s and none succeeds", mend)


def examine() -> Report:
    return examiner().examine()


@cache
def examiner() -> Examiner:
    """This process's own."""
    return Examiner(needs.questions(workers_settings))


def workers_settings() -> Sequence[dict[str, str]]:
    """Those of the workers; they are told ours in turn."""
    peers.announce_replica()
    return peers.workers()


def count() -> Progress:
    try:
        return census.progress()
    finally:
        connection.close()  # back into the pool


EXAMINATION = Shared(examine, fresh=1)
PROGRESS = Shared(count, fresh=5)
