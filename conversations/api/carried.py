"""`/v1/agentsite/chat`: the sealed door, for programs; their conversations stay with them."""

from functools import partial
from typing import Annotated

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Router
from pydantic import StringConstraints

from conversations import sealed
from conversations.api import objects
from conversations.api.bearer import caller_of, writes
from conversations.api.objects import STREAM, answers
from conversations.api.said import Id, Strict
from conversations.api.sse import told
from conversations.api.watches import watch
from conversations.threads import in_thread

router = Router(tags=["agentsite"])


class Chat(Strict):
    """A message, and the state that it follows on from; the first has none."""

    message: Annotated[str, StringConstraints(min_length=1)]
    state: Annotated[str, StringConstraints(min_length=1)] | None = None
    agent: Id | None = None
    stream: bool = False


@router.post(
    "/agentsite/chat", auth=writes, response=answers(objects.Chat, 502), openapi_extra=STREAM
)
async def chat(request: HttpRequest, body: Chat) -> HttpResponseBase:
    """Say something in a conversation that you carry; its new state comes with the answer."""
    owner = caller_of(request).user.pk
    errand = await in_thread(sealed.errand, owner, body.message, agent=body.agent, state=body.state)
    await sealed.send(errand)
    if body.stream:
        return told(partial(sealed.events, errand, watch(request)))
    return JsonResponse(await sealed.finished(errand, watch(request)))
