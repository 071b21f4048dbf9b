"""What a turn's events tell about it and what never changes; known to every replica and worker."""

from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """A turn as its events show it; the data of its START entry is `packed()`."""

    id: UUID
    conversation_id: UUID
    agent: str
    created: int  # seconds since 1970
    request: dict[str, Any] = field(default_factory=dict)  # parameters, as `Turn.request` has them

    def packed(self) -> list[Any]:
        """The facts as plain data, for a log or a group message."""
        return [self.id.hex, self.conversation_id.hex, self.agent, self.created, self.request]

    @classmethod
    def unpacked(cls, data: list[Any]) -> Self:
        """The facts that `packed` wrote."""
        turn, conversation, agent, created, request = data
        return cls(UUID(turn), UUID(conversation), agent, created, request)
