"""The ledger of tool calls."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5

from conversations.models.turn import Turn


class ToolCall(models.Model):
    """The ledger of tool calls: started is on disk before the effect, done with its result.

    asked -> approved -> started -> done; asked -> refused; what asks for its result: asked -> done.
    """

    class State(models.TextChoices):
        """Started without done is unknown once its worker is dead."""

        ASKED = "asked"
        APPROVED = "approved"
        REFUSED = "refused"
        STARTED = "started"
        DONE = "done"
        UNKNOWN = "unknown"
        DROPPED = "dropped", "dropped: its turn ended before it was made"

    class Asks(models.TextChoices):
        """What a call waits for, if it waits: leave to be made, or its result from outside."""

        APPROVAL = "approval"
        RESULT = "result"
        CLIENT = "client", "client: it makes the call and sends the result"

    fresh = False  # not stored: `turns.start_tool` entered it now, its effect is still to come
    turn = models.ForeignKey(Turn, models.CASCADE, db_index=False)
    step = models.PositiveIntegerField(help_text="Of the response that asks for the call")
    tool_call_id = models.TextField(help_text="The model's; some providers' are very long")
    digest = models.GeneratedField(  # an index takes no more than 2,704 bytes
        expression=MD5("tool_call_id"),
        output_field=models.CharField(max_length=32),
        db_persist=True,
    )
    tool = models.CharField(max_length=200)
    arguments = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.STARTED)
    result = models.JSONField(null=True)
    progress = models.JSONField(null=True, help_text="How far it had come, as it told last")
    asks = models.CharField(
        max_length=10, choices=Asks, blank=True, db_default="", help_text="What it waits for"
    )
    item = models.PositiveIntegerField(null=True, help_text="Output index of a call that asks")
    answered = models.DateTimeField(null=True)
    started = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["turn", "step", "digest"], name="a_tool_call_is_started_once"
            ),
        ]
        indexes = [
            # the admin's list of calls whose outcome is not known
            models.Index(
                fields=["state", "-id"],
                condition=Q(state__in=["asked", "started", "unknown"]),
                name="tool_call_not_done",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.tool_call_id[:50]}"
