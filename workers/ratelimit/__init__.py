"""The provider's limit: one budget for each provider and model, shared by all workers.

`admissions_to` gives the running loop's side of a budget, `asking` says for whom models are asked,
`state` shows it all. docs/limits.md tells the rest.
"""

import asyncio
from weakref import WeakKeyDictionary

from workers.ratelimit.admissions import Admissions
from workers.ratelimit.book import Outcome, Reason
from workers.ratelimit.callers import Caller, Waiting, asking, caller
from workers.ratelimit.overview import Budget, state
from workers.ratelimit.terms import terms
from workers.ratelimit.waiters import Grant, Refused

__all__ = [
    "Admissions",
    "Budget",
    "Caller",
    "Grant",
    "Outcome",
    "Reason",
    "Refused",
    "Waiting",
    "admissions_to",
    "asking",
    "caller",
    "state",
]

_admissions: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Admissions]] = (
    WeakKeyDictionary()
)


def admissions_to(name: str) -> Admissions | None:
    """The running loop's side of the budget of `provider/model`; None: it has no limit."""
    permitted = terms(name)
    if permitted is None:
        return None
    here = _admissions.setdefault(asyncio.get_running_loop(), {})
    if name not in here or here[name].terms != permitted:
        here[name] = Admissions(name, permitted)
    return here[name]
