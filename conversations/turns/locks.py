"""The Conversation lock. Lock order everywhere: Conversation, then Turn."""

from uuid import UUID

from conversations.models import Conversation, Turn


def lock(turn_id: UUID, *, skip_locked: bool = False) -> Turn | None:
    """The turn as it is now, with its conversation, locked until the end of the transaction.

    None: there is no such turn, or with `skip_locked` somebody else has the lock.
    """
    # FOR NO KEY UPDATE is what an UPDATE of these rows takes: foreign keys do not wait for it.
    rows = Conversation.objects.select_for_update(
        of=("self",), no_key=True, skip_locked=skip_locked
    )
    conversation = rows.filter(turn=turn_id).first()
    # A new statement: while that one waited, its own view of other rows grew old.
    return conversation.turn_set.filter(pk=turn_id).first() if conversation else None
