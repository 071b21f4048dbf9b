"""`/v1/responses`: ask, look, follow, stop."""

from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Router

from conversations import listening, placing, protocol
from conversations.announcements import acceptance, announce, announce_change
from conversations.api.bearer import caller_of, writes
from conversations.api.schemas import CreateResponse
from conversations.api.sse import stream
from conversations.errors import InvalidValue, NotFound, PreviousNotFound
from conversations.models import Turn
from conversations.placing import Order
from conversations.protocol import ids
from conversations.threads import in_thread

router = Router(tags=["responses"])
KEY_LENGTH = 200  # characters of an idempotency key


@router.post("/responses", auth=writes)
async def create_response(request: HttpRequest, body: CreateResponse) -> HttpResponseBase:
    """Ask, and get the answer: whole, or as events, or later."""
    order = order_of(caller_of(request).user, body, key=idempotency_key(request))
    turn = await ask(order)
    if body.stream:
        return stream(turn)
    if body.background:
        return JsonResponse(await listening.current(turn))
    return JsonResponse(await listening.finished(turn))


def order_of(user: AbstractBaseUser, body: CreateResponse, *, key: str | None) -> Order:
    """What a request asks for. Raises `NotFound`, `PreviousNotFound`, `InvalidValue`."""
    return Order(
        user=user,
        items=body.items,
        agent=body.model,
        conversation=_conversation(body),
        previous=_previous(body),
        stored=body.store is not False,
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
