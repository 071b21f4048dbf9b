"""What an agent's tools may read of the records: those of the conversation's owner, no others."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from conversations.models import Conversation, Message
from conversations.models.message import SAID
from conversations.threads import in_thread

TITLE = 200  # characters


@dataclass(frozen=True, slots=True)
class Records:
    """One owner's records, as seen from one conversation; `workers.agents.demo` has the protocol."""

    conversation_id: UUID
    owner_id: int

    async def conversations(self) -> int:
        return await in_thread(Conversation.objects.filter(owner_id=self.owner_id).count)

    async def messages(self) -> int:
        return await in_thread(self._messages().count)

    async def first_message(self) -> str:
        here = self._messages().filter(conversation_id=self.conversation_id, kind="request")
        first = await in_thread(here.order_by("number").first)
        return first.text if first else ""

    async def rename(self, title: str) -> None:
        here = Conversation.objects.filter(pk=self.conversation_id, owner_id=self.owner_id)
        await in_thread(partial(here.update, title=title[:TITLE]))

    def _messages(self) -> QuerySet[Message]:
        """Those that a person has written or read; between them are those of tools alone."""
        messages = Message.objects.filter(conversation__owner_id=self.owner_id, retracted=False)
        text, prompt = [Q(payload__contains={"parts": [{"part_kind": kind}]}) for kind in SAID]
        return messages.filter(text | prompt)


def of(*, conversation_id: UUID, owner_id: int, metadata: dict[str, Any]) -> Records:
    """The deps of the demo agent, as settings.AGENTS names them."""
    return Records(conversation_id, owner_id)
