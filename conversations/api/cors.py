"""Pages of other sites may call /v1/ only where settings.CORS_ORIGINS names their origin."""

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from conversations.api.requests import ApiRequest

METHODS = "GET, POST, DELETE"
HEADERS = "authorization, content-type, idempotency-key, user-agent"
EXPOSED = (
    "retry-after, x-should-retry, x-request-id, x-ratelimit-limit-requests, "
    "x-ratelimit-remaining-requests, x-ratelimit-reset-requests"
)


def preflight(request: ApiRequest) -> HttpResponse | None:
    """The answer to a browser that asks whether it may ask."""
    if request.method != "OPTIONS" or not _is_allowed(request):
        return None
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = _headers(request)
    response["Access-Control-Max-Age"] = "600"
    return response


def allow(request: ApiRequest, response: HttpResponseBase) -> None:
    if not settings.CORS_ORIGINS:
        return
    response["Vary"] = "Origin"
    if _is_allowed(request):
        response["Access-Control-Allow-Origin"] = request.origin
        response["Access-Control-Expose-Headers"] = EXPOSED


def _is_allowed(request: ApiRequest) -> bool:
    return request.origin in settings.CORS_ORIGINS


def _headers(request: ApiRequest) -> str:
    """Ours, and those by which the official SDK tells about itself; nobody reads them."""
    asked = request.headers.get("Access-Control-Request-Headers", "").lower().split(",")
    telling = [name.strip() for name in asked if name.strip().startswith("x-stainless-")]
    return ", ".join([HEADERS, *sorted(telling)[:20]])
