"""What a sweep does to rows one by one: a row that it cannot be done to holds up no other."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

import structlog
from django.db.models import Model, QuerySet

from conversations.errors import StoreAway

AT_ONCE = 100  # rows that one sweep looks at; the next is a fraction of a second away

log = structlog.get_logger(__name__)
Row = TypeVar("Row", bound=Model)


def each(
    rows: QuerySet[Row], deed: Callable[[Row], bool], *, agent: str, later: Mapping[str, Any]
) -> int:
    """Do it to the first of the rows; how many it was done to.

    `agent` is the field with the name of each row's. While the store of one is away, the rows of
    all others come first, for each of its own would wait for it in vain. Where the deed fails
    otherwise, the row is given the values in `later`, which put it behind the rest.
    """
    done, away = 0, set[str]()
    while True:
        reached = rows.exclude(**{f"{agent}__in": away})
        known = len(away)
        for row in reached[:AT_ONCE]:
            name = attrgetter(agent.replace("__", "."))(row)
            if name in away:
                continue
            try:
                done += deed(row)
            except StoreAway as error:
                away.add(name)
                log.warning("chore_not_done", row=str(row.pk), reason=str(error))
            except Exception:
                log.exception("chore_not_done", row=str(row.pk))
                rows.filter(pk=row.pk).update(**later)
        if len(away) == known:
            return done
