"""What is counted of turns, once the commit stands; a count that fails changes nothing."""

from django.db import transaction
from django.utils import timezone

from conversations.models import Turn
from workers.health.progress import seconds
from workers.observing import metrics

KINDS = ("input", "output", "cache_read", "cache_write")  # of tokens


def accepted(turn: Turn) -> None:
    transaction.on_commit(metrics.TURNS_ACCEPTED.labels(turn.pool).inc, robust=True)


def claimed(turn: Turn) -> None:
    """Whoever waits for an answer has waited until the first claim."""
    is_first, queue, created = turn.attempt == 1, turn.pool, turn.created

    def count() -> None:
        metrics.TURNS_CLAIMED.labels(queue).inc()
        if is_first:
            metrics.TURN_WAIT.labels(queue).observe(seconds(timezone.now() - created))

    transaction.on_commit(count, robust=True)


def ended(turn: Turn, agent: str) -> None:
    transaction.on_commit(lambda: _count_end(turn, agent), robust=True)


def _count_end(turn: Turn, agent: str) -> None:
    queue, code = turn.pool, (turn.error or {}).get("code", "")
    metrics.TURNS_ENDED.labels(queue, turn.state, code).inc()
    if turn.finished:
        took = seconds(turn.finished - turn.created)
        metrics.TURN_TIME.labels(queue, turn.state).observe(took)
    if turn.first_token:
        metrics.FIRST_TOKEN.labels(queue).observe(seconds(turn.first_token - turn.created))
    for kind in KINDS:
        if tokens := (turn.usage or {}).get(f"{kind}_tokens", 0):
            metrics.TOKENS.labels(agent, kind).inc(tokens)
