"""The ASGI application of /v1/: bodies in, answers out, in front of ninja's operations.

It stands beside Django's handler, not behind it: no session, no CSRF, no redirect, and no thread.
Django's keeps one for each request as long as it lasts; here they last as long as an answer.
"""

import asyncio
from contextlib import aclosing
from typing import Any

import structlog
from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import get_resolver

from conversations.api import cors, errors
from conversations.api.dress import dress
from conversations.api.requests import ApiRequest, Gone
from conversations.api.sse import EventStream
from conversations.errors import NotFound

PREFIX = "/v1/"
URLS = "conversations.api.urls"
SEND_TIMEOUT = 30  # seconds that a client may leave an answer unread

log = structlog.get_logger(__name__)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one request; a client that leaves is left alone, its turn goes on."""
    try:
        request = await ApiRequest.received(scope, receive, settings.API_BODY_LIMIT)
    except Gone:
        return
    serving = asyncio.ensure_future(_serve(request, send))
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait([serving, leaving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        serving.cancel()
        await asyncio.gather(serving, leaving, return_exceptions=True)


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _serve(request: ApiRequest, send: Any) -> None:
    try:
        await _send_all(await _answer(request), send)
    except TimeoutError:
        log.info("api.stalled")
    except OSError:  # the connection is gone
        pass
    except Exception as error:
        log.exception("api.broken_off", exc_info=error)


async def _answer(request: ApiRequest) -> HttpResponseBase:
    try:
        response = await _operate(request)
    except Exception as error:  # noqa: BLE001 - `known` logs it
        response = errors.answer(errors.known(error))
    if isinstance(response, HttpResponseNotAllowed):
        allowed = response["Allow"]
        response = errors.answer(errors.NotAllowed())
        response["Allow"] = allowed
    dress(request, response)
    return response


async def _operate(request: ApiRequest) -> HttpResponseBase:
    if request.fault:
        raise request.fault
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise errors.HttpsRequired  # a redirect would come after the key was sent for all to read
    if preflight := cors.preflight(request):
        return preflight
    try:
        match = get_resolver(URLS).resolve(request.path_info)
        request.resolver_match = match
        response: HttpResponseBase = await match.func(request, *match.args, **match.kwargs)
    except Http404:
        raise NotFound("There is no such address.") from None
    return response


async def _send_all(response: HttpResponseBase, send: Any) -> None:
    headers = [
        (name.lower().encode("ascii"), value.encode("latin1")) for name, value in response.items()
    ]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await _send(send, start)
    if isinstance(response, EventStream):
        async with aclosing(response.chunks) as chunks:
            async for chunk in chunks:
                await _send(send, _part(chunk, more=True))
    body = response.content if isinstance(response, HttpResponse) else b""
    await _send(send, _part(body, more=False))


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _send(send: Any, message: dict[str, Any]) -> None:
    async with asyncio.timeout(SEND_TIMEOUT):
        await send(message)
