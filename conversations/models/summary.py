"""What a model is told of the messages that it is no longer shown."""

from django.db import models

from conversations.models.conversation import Conversation


class Summary(models.Model):
    """All that lies before one cut of the window, in few words; never rewritten.

    Kept beside the transcript and not in it: people see every message as it was.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False)
    cut = models.PositiveIntegerField(help_text="Of the window; each summary takes up the last one")
    text = models.TextField()
    version = models.BigIntegerField(help_text="Of the conversation when it was made")
    made_by = models.CharField(max_length=200, help_text="Dotted path")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "summaries"
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "cut"], name="a_cut_is_summarised_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} before cut {self.cut}"
