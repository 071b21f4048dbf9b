"""Items of a request that stand for items of its user's, by their ids: each becomes what it names."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from pydantic import TypeAdapter

from conversations import access
from conversations.api.said import Item, Reference
from conversations.api.schemas import CreateResponse
from conversations.errors import InvalidValue, NotFound
from conversations.models import Turn
from conversations.protocol import ids
from conversations.showing import snapshots
from conversations.threads import in_thread

READ: TypeAdapter[Item] = TypeAdapter(Item)


async def resolved(user: AbstractBaseUser, body: CreateResponse) -> None:
    """Have the body's input without references. Raises `InvalidValue` where one names nothing."""
    if not isinstance(body.input, str) and any(map(_is_reference, body.input)):
        body.input = await in_thread(_items, user, body.input)


def _items(user: AbstractBaseUser, items: Sequence[Item]) -> list[Item]:
    named = {item.id for item in items if isinstance(item, Reference)}
    known = _listed(access.turns(user, _turns(named)))
    return [
        _read(known, item.id, place) if isinstance(item, Reference) else item
        for place, item in enumerate(items)
    ]


def _read(known: Mapping[str, Any], item_id: str, place: int) -> Item:
    if item_id not in known:
        raise InvalidValue("There is no such item.", param=f"input[{place}]")
    return READ.validate_python(known[item_id])


def _listed(turns: Iterable[Turn]) -> dict[str, dict[str, Any]]:
    """The items of these turns by their ids, as they are listed."""
    return {
        item["id"]: item
        for conversation, some in groupby(turns, key=lambda turn: turn.conversation)
        for view in snapshots.several(conversation, some)
        for item in snapshots.items(view)
    }


def _turns(named: Iterable[str]) -> set[UUID]:
    found = set()
    for item_id in named:
        try:
            found.add(ids.item_turn(item_id))
        except NotFound:
            continue  # it names no item of any turn
    return found


def _is_reference(item: Item) -> bool:
    return isinstance(item, Reference)
