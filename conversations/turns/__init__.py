"""The life of a turn: accepted, claimed, checkpointed, left waiting, ended, cancelled, requeued.

The only writer of `Turn.state`. Synchronous; every function is one transaction of its own, and
each takes the Conversation lock before it touches a turn. Only the copying belongs to a
caller's; `accept` and `enter` may, where a conversation is made for them.
"""

from conversations.turns.acceptance import Accepted, accept
from conversations.turns.cancellation import Look, cancel, watch
from conversations.turns.checkpoints import checkpoint
from conversations.turns.claims import Claim, claim
from conversations.turns.copies import copy
from conversations.turns.entries import NOWHERE, delete, enter
from conversations.turns.ledger import Asked, finish_tool, note_progress, start_tool
from conversations.turns.outcomes import CUT, Ended, Outcome, end
from conversations.turns.returns import give_up, hand_back, requeue
from conversations.turns.summaries import Extent, copy_summaries, extent, sum_up
from conversations.turns.waiting import Answer, Resumed, expire, resume, wait

__all__ = [
    "CUT",
    "NOWHERE",
    "Accepted",
    "Answer",
    "Asked",
    "Claim",
    "Ended",
    "Extent",
    "Look",
    "Outcome",
    "Resumed",
    "accept",
    "cancel",
    "checkpoint",
    "claim",
    "copy",
    "copy_summaries",
    "delete",
    "end",
    "enter",
    "expire",
    "extent",
    "finish_tool",
    "give_up",
    "hand_back",
    "note_progress",
    "requeue",
    "resume",
    "start_tool",
    "sum_up",
    "wait",
    "watch",
]
