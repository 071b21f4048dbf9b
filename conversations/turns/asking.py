"""What is asked, as `accept` needs it: what names the request, and which queue it joins. Pure."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from conversations.turns.inputs import text_of
from workers.routing import Work, queue_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked, by whom."""

    conversation_id: UUID
    owner_id: int
    items: list[dict[str, Any]]
    key: str | None
    policy: str | None
    version: int | None
    number: int | None
    pool: str | None
    tier: str
    source: str
    parameters: dict[str, Any]

    def digest(self, agent: str) -> str:
        """The same for the same request, and for no other; without a key none comes again."""
        if self.key is None:
            return ""
        what: list[Any] = [self._where, agent, self.policy, self.items]
        if self.parameters:
            what.append(self.parameters)
        return sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    @property
    def _where(self) -> str | None:
        """A conversation that was made or chosen for the request is another when it comes again."""
        names_it = self.parameters.get("conversation", True)
        return str(self.conversation_id) if names_it else None

    def queue(self, agent: str) -> str:
        """The queue that was asked for, or the one by `workers.routing`."""
        return self.pool or queue_for(
            Work(
                agent=agent,
                owner_id=self.owner_id,
                tier=self.tier,
                length=len(text_of(self.items)),
                source=self.source,
            )
        )
