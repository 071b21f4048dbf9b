"""The items of a conversation, read a page at a time: what a page costs is what it shows."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from conversations.api.pages import Page, as_page, following
from conversations.errors import NotFound
from conversations.models import Conversation, Turn
from conversations.protocol import ids
from conversations.showing import snapshots

TURNS = 20  # read at once; each has at least one item

Item = dict[str, Any]


def page_of(conversation: Conversation, page: Page) -> dict[str, Any]:
    """The list object. Raises `NotFound` where `after` is no item of the conversation."""
    found: list[Item] = []
    for number, piece in enumerate(_pieces(conversation, page)):
        found += following(piece, page.after) if number == 0 else piece
        if len(found) > page.limit:
            break
    return as_page(found, page.limit)


def one(conversation: Conversation, item_id: str) -> tuple[Turn, Item]:
    """An item and its turn. Raises `NotFound`."""
    turn = _turns(conversation).filter(pk=_turn_of(item_id, param="item_id")).first()
    for view in snapshots.several(conversation, [turn] if turn else []):
        for item in snapshots.items(view):
            if turn and item["id"] == item_id:
                return turn, item
    raise NotFound(param="item_id")


def as_list(items: Sequence[Item]) -> dict[str, Any]:
    """The list object of these and no more."""
    return as_page(items, len(items))


def _pieces(conversation: Conversation, page: Page) -> Iterator[list[Item]]:
    """Items in the page's order, from the turn on that has `after`."""
    ascending = page.order == "asc"
    rows = _turns(conversation).order_by("number" if ascending else "-number")
    if page.after:
        rows = _from(rows, page.after, ascending=ascending)
    while turns := list(rows[:TURNS]):
        views = snapshots.several(conversation, turns)
        items = [snapshots.items(view) for view in views]
        yield [item for some in items for item in (some if ascending else reversed(some))]
        last = turns[-1].number
        rows = rows.filter(number__gt=last) if ascending else rows.filter(number__lt=last)


def _from(rows: QuerySet[Turn], after: str, *, ascending: bool) -> QuerySet[Turn]:
    turn = rows.filter(pk=_turn_of(after, param="after")).first()
    if turn is None:
        raise NotFound("There is no such item.", param="after")
    return (
        rows.filter(number__gte=turn.number) if ascending else rows.filter(number__lte=turn.number)
    )


def _turn_of(item_id: str, *, param: str) -> UUID:
    try:
        return ids.item_turn(item_id)
    except NotFound:
        raise NotFound("There is no such item.", param=param) from None


def _turns(conversation: Conversation) -> QuerySet[Turn]:
    """What was rolled back has left the conversation."""
    rows = Turn.objects.filter(conversation=conversation)
    return rows.exclude(state=Turn.State.ROLLED_BACK)
