"""What every answer of /v1/ carries in its headers."""

from django.conf import settings
from django.http.response import HttpResponseBase

from conversations.api import cors
from conversations.api.requests import ApiRequest
from conversations.quotas import Quota


def dress(request: ApiRequest, response: HttpResponseBase) -> None:
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    if settings.SECURE_HSTS_SECONDS:
        response["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if not response.streaming and not response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
    if request.fault:
        response["Connection"] = "close"  # part of its body may still be on the way
    if request.quota:
        tell(request.quota, response)
    cors.allow(request, response)


def tell(quota: Quota, response: HttpResponseBase) -> None:
    """As OpenAI names them; clients slow down by them."""
    response["x-ratelimit-limit-requests"] = str(quota.limit)
    response["x-ratelimit-remaining-requests"] = str(quota.remaining)
    response["x-ratelimit-reset-requests"] = f"{quota.reset:.3f}s"
    if not quota.admitted:
        response["Retry-After"] = str(int(quota.wait) + 1)
