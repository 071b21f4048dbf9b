"""What the demo goes by, and the shape of what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that it wants to call."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool that it called in this turn has answered."""

    call: Call
    content: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """All that it goes by: what the person said, oldest first, and this turn's tool results."""

    prompts: Sequence[str]
    results: Sequence[Result] = ()
    tools: frozenset[str] = frozenset()  # that it may call, those of a server only while it is up
    functions: Mapping[str, Sequence[str]] = field(default_factory=dict)  # a program's: their texts

    @property
    def last(self) -> str:
        return self.prompts[-1] if self.prompts else ""


Answer = str | list[Call]
