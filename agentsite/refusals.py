"""What nobody can look up or store is the sender's mistake: 400, never a fault of the site."""

from collections.abc import Awaitable, Callable

import structlog
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

log = structlog.get_logger(__name__)


class RefusalMiddleware:
    """For pages that have no word for it, as the admin under an address that nobody made.

    PostgreSQL holds no NUL, reads no broken expression and no id that is none.
    """

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        return await self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DataError | ValidationError):
            return None
        log.warning("request.refused", path=request.path, error=type(exception).__name__)
        return bad_request(request, exception)
