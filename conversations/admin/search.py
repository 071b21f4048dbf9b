"""What a term in a search box of the admin means. Every look-up that it leads to has an index."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Collate, Upper

from conversations.models import Turn

OWNERS = 100  # names that one term may stand for
LAST = "\U0010ffff"  # sorts after every continuation
DASHED = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ID = re.compile(rf"(?:(conv|resp|msg|fco?)_)?([0-9a-f]{{32}}|{DASHED})(?:_\w+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identifier:
    """An id as somebody pasted it; without a prefix it may name either, or a worker."""

    id: UUID
    may_be_conversation: bool
    may_be_turn: bool


def identifier(term: str) -> Identifier | None:
    """Read conv_..., resp_..., msg_..., fc_..., fco_... and bare UUIDs; None: it is no id."""
    match = ID.fullmatch(term.strip())
    if match is None:
        return None
    prefix = (match[1] or "").lower()
    return Identifier(UUID(match[2]), prefix in {"", "conv"}, prefix != "conv")


def conversations(rows: QuerySet, term: str) -> QuerySet:
    """By id (a turn's leads to its conversation), or how owner or title begins."""
    if found := identifier(term):
        turns = Turn.objects.filter(pk=found.id) if found.may_be_turn else Turn.objects.none()
        return rows.filter(pk__in=[found.id, *turns.values_list("conversation_id", flat=True)])
    key = {f"title_key__{bound}": _folded(Value(text)) for bound, text in _bounds(term)}
    rows = rows.alias(title_key=_folded("title"))
    return rows.filter(Q(owner_id__in=owners(term)) | Q(**key))


def turns(rows: QuerySet, term: str) -> QuerySet:
    """By id of the turn, its conversation or the worker that runs it, or how its owner begins."""
    if found := identifier(term):
        running = Q(worker=found.id, state=Turn.State.RUNNING)
        return rows.filter(Q(pk=found.id) | Q(conversation=found.id) | running)
    return rows.filter(owner_id__in=owners(term))


def within(rows: QuerySet, term: str, *, conversation: str) -> QuerySet:
    """Rows of a turn or, by the path named, of a conversation; anything else finds nothing."""
    found = identifier(term)
    if found is None:
        return rows.none()
    named = Q(turn=found.id) if found.may_be_turn else Q()
    return rows.filter(
        named | Q(**{conversation: found.id}) if found.may_be_conversation else named
    )


def owners(term: str) -> list[int]:
    """Ids of the users whose name begins with the term, at most OWNERS."""
    users = get_user_model()
    name = users.USERNAME_FIELD
    named = users.objects.filter(**{f"{name}__startswith": term}).order_by(name)
    return list(named.values_list("pk", flat=True)[:OWNERS])


def _folded(text: str | Value) -> Collate:
    """As the index conversation_by_title has it."""
    return Collate(Upper(text), "C")


def _bounds(term: str) -> list[tuple[str, str]]:
    """A prefix as a range, which an index can serve; LIKE could not."""
    return [("gte", term), ("lt", term + LAST)]
