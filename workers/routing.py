"""Which queue a piece of work joins. Pure; settings.ROUTING may name another function.

The first rule that has something to say decides: the agent's own queue, the tier that was asked
for or that the owner has, then the source and the length.
"""

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

DEFAULT = "default"
TIERS = {"priority": "interactive", "default": DEFAULT, "flex": "batch", "batch": "batch"}
AUTO = "auto"  # none is asked for
PAGE, API = "page", "api"  # sources: a person looks on, or a program asks
LONG = 20_000  # characters; who sends so much does not wait for the first word


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is known of a turn at the door."""

    agent: str
    owner_id: int
    tier: str = AUTO  # as asked for: a key of TIERS, or `auto`
    length: int = 0  # characters of the input
    source: str = API


def queue_for(work: Work) -> str:
    """The queue by settings.ROUTING; the default one where that names none, or fails."""
    try:
        chosen: str = import_string(settings.ROUTING)(work)
    except Exception:  # a project's own function: its fault turns nobody away
        log.exception("routing_failed", agent=work.agent)
        return DEFAULT
    if chosen in settings.QUEUES:
        return chosen
    log.error("queue_unknown", queue=chosen, agent=work.agent)
    return DEFAULT


def by_rule(work: Work) -> str:
    """The site's own rules."""
    if queue := settings.AGENTS.get(work.agent, {}).get("queue"):
        return str(queue)
    tier = settings.OWNER_TIERS.get(str(work.owner_id), work.tier)
    if queue := TIERS.get(tier):
        return queue
    if work.source == PAGE and work.length < LONG:
        return "interactive"
    return DEFAULT
