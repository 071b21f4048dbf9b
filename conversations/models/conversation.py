"""A dialogue: its owner, its agent and its counters."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate, Upper

from conversations.ids import new_id


class Policy(models.TextChoices):
    """What a new message does when another is still being answered."""

    ENQUEUE = "enqueue"
    REJECT = "reject"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


class Conversation(models.Model):
    """A dialogue between its owner and one agent.

    `version` counts the commits that changed the transcript; it and the other counters are moved
    by `turns` and the stores alone, each by one UPDATE.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    agent = models.CharField(max_length=100)
    title = models.CharField(max_length=200, blank=True)
    version = models.BigIntegerField(default=0)
    next_turn = models.PositiveIntegerField(default=0, help_text="Number of the next turn")
    next_message = models.PositiveIntegerField(default=0, help_text="Number of the next message")
    open_turns = models.PositiveIntegerField(default=0, help_text="Turns without an outcome")
    policy = models.CharField(
        max_length=20,
        choices=Policy,
        default=Policy.ENQUEUE,
        db_default=Policy.ENQUEUE,
        help_text="Of messages that name none",
    )
    stored = models.BooleanField(
        default=True,
        db_default=True,
        help_text="If not, nobody sees it after the end of its turn, and it is deleted",
    )
    named = models.BooleanField(
        default=True,
        db_default=True,
        help_text="If not, a request made it for its response, and it goes with the last one",
    )
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, db_index=False)
    metadata = models.JSONField(default=dict, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            # the owner's list, newest first
            models.Index(fields=["owner", "-updated"], name="conversation_of_owner"),
            # the forks of one that is deleted; few are forks, and each message moves a row
            models.Index(
                fields=["parent"], condition=Q(parent__isnull=False), name="conversation_forks"
            ),
            # the sweep: what was not to be stored and is still there
            models.Index(
                fields=["updated"], condition=Q(stored=False), name="conversation_not_stored"
            ),
            # the admin's search for how a title begins, in either case
            models.Index(Collate(Upper("title"), "C"), name="conversation_by_title"),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)
