"""Lists in pages: `limit`, `order`, `after`."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from conversations.errors import NotFound

PAGE = ("limit", "order", "after")  # the parameters
MOST = 100


class Page(BaseModel):
    """Which part of a list is asked for."""

    limit: int = Field(20, ge=1, le=MOST)
    order: Literal["asc", "desc"] = "desc"
    after: str | None = Field(None, max_length=64)


def listed(items: Sequence[dict[str, Any]], page: Page) -> dict[str, Any]:
    """A page of a list that is here as a whole, oldest first. Raises `NotFound` for `after`."""
    ordered = list(items) if page.order == "asc" else list(reversed(items))
    return as_page(following(ordered, page.after), page.limit)


def following(items: Sequence[dict[str, Any]], after: str | None) -> list[dict[str, Any]]:
    """Those after the one with this id; all of them without one. Raises `NotFound`."""
    if after is None:
        return list(items)
    for position, item in enumerate(items, start=1):
        if item["id"] == after:
            return list(items[position:])
    raise NotFound("There is no such item.", param="after")


def as_page(items: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    """The list object; `items` has at least one more than `limit` if there are more."""
    data = list(items[:limit])
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(items) > limit,
    }
