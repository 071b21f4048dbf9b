"""Probes, answered first of all: no host check, no redirect to https, no session.

/livez: the process answers. /readyz: it can also reach PostgreSQL and Redis; 503 when it cannot.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.asyncio import Redis

from agentsite.checks import disagreements

LIMIT = 2  # seconds for each dependency
# One thread of their own: while PostgreSQL hangs, probes must not use up those of the requests.
THREAD = ThreadPoolExecutor(1, thread_name_prefix="probe")

log = structlog.get_logger(__name__)


class ProbeMiddleware:
    """Answers the two probes; must stand first."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/livez":
            return JsonResponse({"status": "ok"})
        if request.path == "/readyz":
            return await ready()
        return await self.get_response(request)


async def ready() -> JsonResponse:
    """Every dependency by name with "ok" or what is wrong with it."""
    urls = {settings.REDIS_QUEUE_URL, settings.REDIS_CACHE_URL, settings.REDIS_LIVE_URL}
    postgresql, *redises = await asyncio.gather(
        checked("postgresql", reach_postgresql()),
        *(checked("redis", reach_redis(url)) for url in urls),
    )
    redis = next((answer for answer in redises if answer != "ok"), "ok")
    is_ready = postgresql == redis == "ok"
    body = {"status": "ok" if is_ready else "unavailable", "postgresql": postgresql, "redis": redis}
    return JsonResponse(body, status=200 if is_ready else 503)


async def checked(name: str, attempt: Awaitable[None]) -> str:
    """The word ok, or the kind of failure; its message may hold addresses and is only logged."""
    try:
        async with asyncio.timeout(LIMIT):
            await attempt
    except Exception as error:
        log.warning("readiness.failed", dependency=name, exc_info=error)
        return type(error).__name__
    return "ok"


async def reach_postgresql() -> None:
    await asyncio.get_running_loop().run_in_executor(THREAD, look_at_workers)


def look_at_workers() -> None:
    """Workers with other settings are told, but not a reason to serve nobody."""
    try:
        for worker, section in disagreements():
            log.warning("settings.differ", worker=worker, section=section)
    finally:
        connection.close()  # back into the pool


async def reach_redis(url: str) -> None:
    async with Redis.from_url(url) as client:
        await client.ping()
