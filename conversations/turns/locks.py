"""The Conversation lock. Lock order everywhere: Conversation, then Turn."""

from uuid import UUID

from conversations.models import Conversation


def lock(turn_id: UUID, *, skip_locked: bool = False) -> Conversation | None:
    """Lock the conversation of a turn until the end of the transaction.

    What else is to be believed must be read in a new statement: while this one waited, its own
    view of other rows grew old. None: there is no such turn, or somebody else has the lock.
    """
    # FOR NO KEY UPDATE is what an UPDATE of these rows takes: foreign keys do not wait for it.
    rows = Conversation.objects.select_for_update(
        of=("self",), no_key=True, skip_locked=skip_locked
    )
    return rows.filter(turn=turn_id).first()
