"""The agents of settings.AGENTS by name. Light: a replica may ask, pydantic-ai stays unimported.

Only `agent`, `deps` and `warm_up` import what the settings name; a worker alone calls them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from workers.agents import traced

if TYPE_CHECKING:
    from pydantic_ai import Agent

# Settings of a model that a request may come with, as Open Responses calls them.
PARAMETERS = (
    "temperature",
    "top_p",
    "max_output_tokens",
    "presence_penalty",
    "frequency_penalty",
    "parallel_tool_calls",
)
KNOWN_TO_MODELS = PARAMETERS[:3]  # to nearly all of them

log = structlog.get_logger(__name__)


class UnknownAgent(LookupError):
    """There is no agent of this name in settings.AGENTS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One entry of settings.AGENTS; a key that is not here is a mistake in the settings."""

    agent: str  # dotted path of a pydantic_ai.Agent
    deps: str = ""  # dotted path of a factory: (conversation_id=, owner_id=, metadata=) -> deps
    store: str = field(default_factory=lambda: settings.STORE_DEFAULT)  # a name in STORES
    queue: str | None = None  # a name in QUEUES; None: as settings.ROUTING decides
    instructions: bool = True  # whether a request may add some to the agent's own
    parameters: Sequence[str] = KNOWN_TO_MODELS  # those of PARAMETERS that a request may set
    request_limit: int = 50  # model responses in one turn
    reply_limit: int = 12_000_000  # characters of one model response
    mcp: dict[str, Any] = field(default_factory=dict)  # by name, workers.agents.servers.Server
    answer_within: float = 86_400  # seconds that a turn waits for a person
    result_limit: int = 2_000_000  # characters of a tool's result
    tool_timeout: float = 60  # seconds; then the model is told that the outcome is unknown
    window: int = 80  # messages that the model is shown at most; 0: all
    summary: str = ""  # dotted path of what sums up the rest; without one the model is not told
    keep: int = 20  # about as many stay when the window is cut

    def __post_init__(self) -> None:
        if unknown := set(self.parameters) - set(PARAMETERS):
            raise TypeError(f"there is no parameter {', '.join(sorted(unknown))}")


def names() -> list[str]:
    """Every agent, the default one first."""
    return sorted(settings.AGENTS, key=lambda name: (name != settings.AGENT_DEFAULT, name))


def options(name: str) -> Options:
    """What the settings say of an agent; None there means the default. Raises `UnknownAgent`."""
    try:
        entry = settings.AGENTS[name]
    except KeyError:
        raise UnknownAgent(name) from None
    return read(entry)


def read(entry: Mapping[str, Any]) -> Options:
    """One entry of settings.AGENTS. Raises TypeError where it is none."""
    if not isinstance(entry, Mapping):
        raise TypeError("it is no mapping of options")
    return Options(**{key: value for key, value in entry.items() if value is not None})


def agent(name: str) -> "Agent[Any, Any]":
    """The agent itself; the first call imports it."""
    traced.instrument()
    found: Agent[Any, Any] = import_string(options(name).agent)
    return found


def deps(name: str, *, conversation_id: UUID, owner_id: int, metadata: dict[str, Any]) -> Any:
    """What the agent's tools are given in one turn; None where the settings name no factory."""
    factory = deps_factory(name)
    if factory is None:
        return None
    return factory(conversation_id=conversation_id, owner_id=owner_id, metadata=metadata)


def deps_factory(name: str) -> Callable[..., Any] | None:
    """What makes them; the first call imports it."""
    path = options(name).deps
    return import_string(path) if path else None


async def warm_up() -> None:
    """Import every agent and run one turn that asks nobody, so that no person pays for it.

    A broken agent is logged here and fails its own turns; it never keeps a worker from starting.
    """
    from workers.agents import heeding, model, tools  # noqa: PLC0415 - import pydantic-ai

    for name in names():
        try:
            heeding.note(name, agent(name), options(name).parameters)
            deps_factory(name)
            tools.servers(options(name).mcp, agent(name))
        except Exception:
            log.exception("agent_not_importable", agent=name)
    await model.rehearse()
