"""`/v1/responses`: ask, look, follow, stop."""

from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from conversations import access, catalog, placing, protocol, turns
from conversations.api import references, sse
from conversations.api.bearer import caller_of, reads, writes
from conversations.api.objects import KEYED, STREAM, Deleted, Items, Response, answers
from conversations.api.pages import PAGE, Page, listed
from conversations.api.schemas import AnswerCall, CreateResponse, Replay
from conversations.api.watches import watch
from conversations.errors import InvalidValue, NotFound, PreviousNotFound
from conversations.models import Turn
from conversations.placing import Order
from conversations.protocol import ids
from conversations.showing import listening
from conversations.showing.announcements import (
    acceptance,
    announce,
    announce_change,
    announce_deletion,
)
from conversations.threads import in_thread

router = Router(tags=["responses"])
KEY_LENGTH = 200  # characters of an idempotency key


@router.post("/responses", auth=writes, response=answers(Response), openapi_extra=STREAM | KEYED)
async def create_response(request: HttpRequest, body: CreateResponse) -> HttpResponseBase:
    """Ask, and get the answer: whole, or as events, or later."""
    order = await order_of(caller_of(request).user, body, key=idempotency_key(request))
    turn = await ask(order)
    if body.stream:
        return sse.stream(request, turn)
    if body.background:
        return JsonResponse(await listening.current(turn))
    return JsonResponse(await listening.finished(turn, watch(request)))


@router.get(
    "/responses/{response_id}", auth=reads, response=answers(Response), openapi_extra=STREAM
)
async def get_response(
    request: HttpRequest, response_id: Path[str], replay: Query[Replay]
) -> HttpResponseBase:
    """A response as it is now, or its events after a number, as they were or as they come."""
    turn = await found(request, response_id, *Replay.model_fields)
    if not replay.stream:
        return JsonResponse(await listening.current(turn))
    after = -1 if replay.starting_after is None else replay.starting_after
    await listening.check_cursor(turn, after)
    return sse.stream(request, turn, after=after)


@router.post("/responses/{response_id}/cancel", auth=writes, response=answers(Response))
async def cancel_response(request: HttpRequest, response_id: Path[str]) -> HttpResponse:
    """Stop a response; the answer tells how it stands, for a reply that came first counts."""
    turn = await found(request, response_id)
    state = await in_thread(turns.cancel, turn.pk)
    if state in Turn.ENDED and turn.state not in Turn.ENDED:
        await announce_change(turn.conversation_id)
    return JsonResponse(await listening.current(await listening.again(turn)))


@router.post("/responses/{response_id}/answer", auth=writes, response=answers(Response))
async def answer_call(
    request: HttpRequest, response_id: Path[str], body: AnswerCall
) -> HttpResponse:
    """Let a call be made that waits for a person, or refuse it; `agentsite_pending` lists them."""
    turn = await found(request, response_id)
    owner, item = protocol.call(body.call_id)
    if owner != turn.pk:
        raise NotFound(param="call_id")
    answer = turns.Answer(item=item, approved=body.approved, output=body.output)
    await in_thread(turns.resume, turn.pk, [answer])
    await announce_change(turn.conversation_id)
    return JsonResponse(await listening.current(await listening.again(turn)))


@router.delete("/responses/{response_id}", auth=writes, response=answers(Deleted))
async def delete_response(request: HttpRequest, response_id: Path[str]) -> HttpResponse:
    """Take a response out of its conversation, with its input."""
    turn = await found(request, response_id)
    await in_thread(catalog.delete_turn, turn)
    await announce_deletion(turn)
    return JsonResponse({"id": response_id, "object": "response", "deleted": True})


@router.get("/responses/{response_id}/input_items", auth=reads, response=answers(Items))
async def list_input_items(
    request: HttpRequest, response_id: Path[str], page: Query[Page]
) -> HttpResponse:
    """What a response answers."""
    turn = await found(request, response_id, *PAGE)
    return JsonResponse(listed(protocol.input_items(turn.pk, turn.input), page))


async def found(request: HttpRequest, response_id: str, *query: str) -> Turn:
    """The caller's turn, with its conversation. Raises `NotFound`."""
    caller = caller_of(request, *query)
    return await in_thread(access.turn, caller.user, protocol.turn_id(response_id))


async def order_of(user: AbstractBaseUser, body: CreateResponse, *, key: str | None) -> Order:
    """What a request asks for. Raises `NotFound`, `PreviousNotFound`, `InvalidValue`."""
    await references.resolved(user, body)
    return Order(
        user=user,
        items=body.items,
        agent=body.model,
        conversation=_conversation(body),
        previous=_previous(body),
        stored=body.store is not False,
        tier=body.service_tier or "auto",
        key=key,
        policy=body.policy,
        expected_version=body.expected_version,
        parameters=body.parameters,
    )


def _conversation(body: CreateResponse) -> UUID | None:
    named = body.conversation_id
    return ids.conversation_row(named) if named else None


def _previous(body: CreateResponse) -> UUID | None:
    if body.previous_response_id is None:
        return None
    try:
        return protocol.turn_id(body.previous_response_id)
    except NotFound:
        raise PreviousNotFound(param="previous_response_id") from None


def idempotency_key(request: HttpRequest) -> str | None:
    """What names the request, so that sending it again changes nothing."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise InvalidValue(f"It has 1 to {KEY_LENGTH} characters.", param="Idempotency-Key")
    return key


async def ask(order: Order) -> Turn:
    """Have it accepted, and tell whoever looks at the conversation."""
    accepted = await in_thread(placing.place, order)
    turn = accepted.turn
    if not accepted.repeated:
        await announce(turn.conversation_id, acceptance(turn, turn.conversation.agent))
    if accepted.ended:
        await announce_change(turn.conversation_id)
    return turn
