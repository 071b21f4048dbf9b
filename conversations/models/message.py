"""What was said, as the model is shown it."""

from django.db import models
from django.db.models import Q

from conversations.models.conversation import Conversation
from conversations.models.turn import Turn

SAID = ("text", "user-prompt")  # parts of a message that a person reads or wrote


class Message(models.Model):
    """One pydantic-ai ModelMessage as JSON, never rewritten; the messages are the checkpoint.

    `attempt` and `step` name the write: step 0 (attempt 0) is the turn's input, each later
    model response or set of tool results takes the next step, counted over all attempts.
    `trace` tells how it was shown: `conversations.traces` rebuilds the events from it. Stores that
    keep contents elsewhere leave payload and trace empty: ask `Store.told` for messages.
    """

    class Kind(models.TextChoices):
        """As pydantic-ai calls them."""

        REQUEST = "request"
        RESPONSE = "response"

    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False)
    number = models.PositiveIntegerField()
    turn = models.ForeignKey(Turn, models.CASCADE, db_index=False)
    attempt = models.PositiveIntegerField()
    step = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    payload = models.JSONField(null=True, help_text="None: its store keeps it elsewhere")
    trace = models.JSONField(default=list)
    retracted = models.BooleanField(
        default=False, help_text="Rolled back, deleted or incomplete: never shown to the model"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "number"], name="a_message_number_is_used_once"
            ),
            models.UniqueConstraint(
                fields=["turn", "attempt", "step"], name="a_step_is_written_once"
            ),
        ]

        indexes = [
            # a store's count of the messages that the model may see: all but these
            models.Index(
                fields=["conversation"], condition=Q(retracted=True), name="message_retracted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} message {self.number}"

    @property
    def text(self) -> str:
        """What a person wrote or read of it, from the payload: it is stored once."""
        parts = self.payload["parts"] if self.payload else ()
        said = (part["content"] for part in parts if part["part_kind"] in SAID)
        return "\n\n".join(each for each in said if isinstance(each, str))
