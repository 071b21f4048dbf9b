"""The chat page and the posts behind its list; every row comes through `access`.

No browser keeps what people said here: after a log-out the Back button would show it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from conversations import access, catalog, protocol
from conversations.errors import ConversationError, NotFound
from conversations.models import Conversation, Policy
from conversations.showing import snapshots
from conversations.turns.inputs import text_of

PAGE = 50  # conversations in one piece of the list
WORDS = 10  # that are looked for at once

View = Callable[..., HttpResponse]


def answering_errors(view: View) -> View:
    """Answer the typed errors as the JSON that the page's scripts read; 401 without a session."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not request.user.is_authenticated:
            return JsonResponse({"error": {"code": "not_logged_in"}}, status=401)
        try:
            return view(request, *args, **kwargs)
        except ConversationError as error:
            body = {"code": error.code, "message": error.message, "param": error.param}
            return JsonResponse({"error": body}, status=error.status)

    return answer


@never_cache
@login_required
@require_safe
def chat(request: HttpRequest, conversation_id: UUID | None = None) -> HttpResponse:
    """The page: one conversation, or the welcome that begins one."""
    context = {"current": _current(request, conversation_id), "agents": catalog.agents()}
    return render(request, "conversations/chat.html", {**context, **_list(request)})


@never_cache
@require_safe
@answering_errors
def conversation_list(request: HttpRequest) -> HttpResponse:
    """A piece of the list as HTML: the newest, or those changed before `?before=`.

    `?find=` narrows it to titles that have all these words.
    """
    return render(request, "conversations/_list.html", _list(request))


@never_cache
@require_safe
@answering_errors
def earlier(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """The turns before the one in `?before=`, as a snapshot has them."""
    turn = access.turn(request.user, protocol.turn_id(request.GET.get("before", "")))
    if turn.conversation_id != conversation_id:
        raise NotFound
    picture = snapshots.earlier(turn.conversation, turn.number)
    return JsonResponse(snapshots.described(picture, {}))


@require_POST
@answering_errors
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a conversation; its first message follows through the socket."""
    conversation = catalog.begin(
        _owner(request),
        agent=request.POST.get("agent") or settings.AGENT_DEFAULT,
        first_message=request.POST.get("text", ""),
        policy=request.POST.get("policy") or Policy.ENQUEUE,
    )
    address = reverse("conversation", args=[conversation.id])
    return JsonResponse({"id": str(conversation.id), "url": address}, status=201)


@require_POST
@answering_errors
def fork(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """A conversation as it was before `response`, whose input is given to be sent there."""
    turn = access.turn(request.user, protocol.turn_id(request.POST.get("response", "")))
    if turn.conversation_id != conversation_id:
        raise NotFound
    made = catalog.fork(turn.conversation, before=turn)
    address = reverse("conversation", args=[made.id])
    told = {"id": str(made.id), "url": address, "input": text_of(turn.input)}
    return JsonResponse(told, status=201)


@require_POST
@answering_errors
def rename(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    conversation = access.conversation(request.user, conversation_id)
    catalog.rename(conversation, request.POST.get("title", ""))
    return HttpResponse(status=204)


@require_POST
@answering_errors
def policy(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    conversation = access.conversation(request.user, conversation_id)
    catalog.set_policy(conversation, request.POST.get("policy", ""))
    return HttpResponse(status=204)


@require_POST
@answering_errors
def delete(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    catalog.delete(access.conversation(request.user, conversation_id))
    return HttpResponse(status=204)


def _owner(request: HttpRequest) -> int:
    """The id of who asks; `answering_errors` has seen that somebody is logged in."""
    return cast("int", request.user.pk)


def _current(request: HttpRequest, conversation_id: UUID | None) -> Conversation | None:
    if conversation_id is None:
        return None
    try:
        return access.conversation(request.user, conversation_id)
    except NotFound as error:
        raise Http404 from error


def _list(request: HttpRequest) -> dict[str, object]:
    """What `_list.html` shows: one row more than a page says whether older ones follow."""
    words = request.GET.get("find", "").replace("\0", "").split()[:WORDS]
    rows = access.conversations(request.user)
    for word in words:
        rows = rows.filter(title__icontains=word)
    if before := _moment(request.GET.get("before", "")):
        rows = rows.filter(updated__lt=before)
    found = list(rows[: PAGE + 1])
    return {"conversations": found[:PAGE], "more": len(found) > PAGE, "find": words}


def _moment(text: str) -> datetime | None:
    """The time in a link of our own; what anybody else made of it counts for nothing."""
    try:
        moment = parse_datetime(text)
    except ValueError:  # a date that no calendar has
        return None
    return moment if moment and is_aware(moment) else None
