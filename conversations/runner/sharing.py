"""Results of tools that say how long, and by whom, they may be used again."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic_ai.tools import ToolDefinition

from conversations.runner.storable import storable_data
from conversations.turns import Claim
from workers import results

Outcome = dict[str, Any]  # of a call, as the ledger has it


@dataclass(frozen=True, slots=True)
class Sharing:
    """Whose results one turn may use. Both ids never leave the digest that names a result."""

    agent: str
    owner: str
    conversation: str

    @classmethod
    def of(cls, claim: Claim) -> "Sharing":
        return cls(claim.agent, str(claim.owner_id), claim.conversation_id.hex)

    async def outcome(
        self,
        tool: ToolDefinition,
        arguments: dict[str, Any],
        call: Callable[[], Awaitable[Outcome]],
        *,
        patience: float,
    ) -> Outcome:
        """That of this call, or of one like it where the tool declares that it may be shared."""
        declared = (tool.metadata or {}).get("cache")
        if declared is None:
            return await call()
        name = [self.agent, tool.name, self._who(declared), storable_data(arguments)]
        return await results.once(
            json.dumps(name, sort_keys=True),
            call,
            seconds=declared["seconds"],
            patience=patience,
            is_kept=lambda outcome: "returned" in outcome,
        )

    def _who(self, declared: dict[str, Any]) -> str:
        match declared.get("scope", "owner"):
            case "everyone":
                return ""
            case "owner":
                return f"owner {self.owner}"
            case "conversation":
                return f"conversation {self.conversation}"
        raise ValueError("the scope of a cache is everyone, owner or conversation")
