"""A page whose conversation stays in the browser: the sealed door for who is logged in.

By the session's cookie, so with its CSRF token; programs use `/v1/agentsite/chat` and a key.
"""

from functools import partial

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from pydantic import ValidationError

from conversations import quotas, sealed
from conversations.api.bodies import parsed
from conversations.api.carried import Chat
from conversations.api.errors import AWAY, answer, invalid, known
from conversations.api.sse import told
from conversations.errors import (
    ConversationError,
    InvalidJson,
    NotLoggedIn,
    RateLimited,
    TooLarge,
)
from conversations.sockets.sessions import Visit
from conversations.threads import in_thread


@never_cache
@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "conversations/carried.html")


@require_POST
async def say(request: HttpRequest) -> HttpResponseBase:
    """A message and its state, answered as events; errors as those of `/v1/`."""
    try:
        return await _say(request)
    except (ConversationError, *AWAY) as error:
        return answer(known(error))


async def _say(request: HttpRequest) -> HttpResponseBase:
    user = await request.auser()
    if not user.is_authenticated:
        raise NotLoggedIn
    quota = await in_thread(quotas.take, f"user-{user.pk}", settings.API_REQUESTS_PER_MINUTE)
    if quota and not quota.admitted:
        raise RateLimited
    body = _body(request)
    errand = await in_thread(
        sealed.errand, user.pk, body.message, agent=body.agent, state=body.state
    )
    visit = Visit(request.session.session_key or "", user.pk)
    await sealed.send(errand)
    if not body.stream:
        return JsonResponse(await sealed.finished(errand, visit))
    events = told(partial(sealed.events, errand, visit))
    response = StreamingHttpResponse(events.chunks, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _body(request: HttpRequest) -> Chat:
    """Raises `InvalidJson`, `TooLarge`, and what pydantic finds wrong."""
    if request.content_type != "application/json":  # who looked for the token may have read it
        raise InvalidJson
    try:
        return Chat.model_validate(parsed(request.body))
    except RequestDataTooBig:
        raise TooLarge from None
    except ValidationError as error:
        raise invalid([dict(one) for one in error.errors(include_url=False)]) from None
