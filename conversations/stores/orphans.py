"""Contents must not outlive their conversation, whoever deletes it.

An owner's account takes its conversations along, row by row, and no store is asked. So where
contents are elsewhere, each conversation's deletion drops them first.
"""

from typing import Any

from django.conf import settings
from django.db.models.signals import pre_delete

from conversations.models import Conversation
from conversations.stores import name_for, store, store_for
from conversations.stores.foreign import ForeignStore


def watch() -> None:
    """Once, at start; only where an agent needs it, for then Django looks at every row it deletes."""
    names = {name_for(agent) for agent in settings.AGENTS} & set(settings.STORES)
    if any(isinstance(store(name), ForeignStore) for name in names):
        pre_delete.connect(drop, sender=Conversation, dispatch_uid="contents")


def drop(instance: Conversation, **_: Any) -> None:
    theirs = store_for(instance.agent)
    if isinstance(theirs, ForeignStore):
        theirs.drop(instance.pk)
