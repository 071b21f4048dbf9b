"""An input and its answer. The promises stand as constraints."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT

from conversations.ids import new_id
from conversations.models.conversation import Conversation, Policy

# States in constraints, which cannot name Turn.State yet.
OPEN = ["queued", "running", "waiting"]
OTHERWISE = ["failed", "cancelled", "rolled_back"]  # ended, yet not completed


class Turn(models.Model):
    """One input and its answer; `turns` is the only writer of `state`.

    queued -> running -> completed | failed | cancelled | rolled_back
    running -> waiting -> queued; queued and waiting may also be cancelled or rolled back.
    What was said elsewhere is entered as completed.
    """

    class State(models.TextChoices):
        """Where a turn is in its life."""

        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"
        ROLLED_BACK = "rolled_back"

    class CancelRequest(models.TextChoices):
        """What was asked of a turn that runs."""

        NONE = "none"
        CANCEL = "cancel"
        ROLLBACK = "rollback"
        STEER = "steer"

    OPEN = (State.QUEUED, State.RUNNING, State.WAITING)
    HELD = (State.RUNNING, State.WAITING)
    ENDED = (State.COMPLETED, State.FAILED, State.CANCELLED, State.ROLLED_BACK)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=20, choices=State, default=State.QUEUED)
    policy = models.CharField(max_length=20, choices=Policy, default=Policy.ENQUEUE)
    pool = models.CharField(max_length=50)  # its queue (`workers.pools`); exports call it so
    input = models.JSONField(help_text="The items that were sent, as the protocol has them")
    request = models.JSONField(
        default=dict,
        db_default={},
        help_text="Parameters that came with it, as the response shows them",
    )
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    request_hash = models.CharField(
        max_length=64, help_text="Of agent, input, policy, conversation"
    )
    attempt = models.PositiveIntegerField(default=0, help_text="Claims so far")
    claim_token = models.UUIDField(null=True, help_text="Of the last claim; kept after the end")
    worker = models.UUIDField(null=True, help_text="WorkerProcess of the last claim")
    # Of one process only, whatever ids it has: so the sweep tells a crash from a lost connection.
    worker_name = models.CharField(max_length=200, blank=True)
    crashes = models.PositiveIntegerField(default=0)
    cancel_requested = models.CharField(
        max_length=10, choices=CancelRequest, default=CancelRequest.NONE
    )
    hinted_at = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True, help_text="A turn that waits fails after this moment")
    waited = models.PositiveIntegerField(
        null=True, help_text="The last attempt that ended in waiting: rows have all that it showed"
    )
    error = models.JSONField(null=True, help_text="code and message of a failed turn")
    notices = models.JSONField(
        default=list, db_default=[], help_text="What a person should know beside the answer"
    )
    origin = models.JSONField(
        default=dict, db_default={}, help_text="The request and the trace that it came with"
    )
    usage = models.JSONField(null=True, help_text="input_tokens, output_tokens, ...")
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, help_text="First claim")
    last_event = models.PositiveBigIntegerField(null=True, help_text="Number of its final event")
    first_token = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "number"], name="a_turn_number_is_used_once"
            ),
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"], name="an_idempotency_key_is_used_once"
            ),
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(state__in=["running", "waiting"]),
                name="one_turn_at_a_time_is_running_or_waiting",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[*OPEN, "completed", *OTHERWISE]),
                name="a_turn_state_is_known",
            ),
        ]
        indexes = [
            # claim: the oldest open turn of a conversation, however many have ended
            models.Index(
                fields=["conversation", "number"],
                condition=Q(state__in=OPEN),
                name="turn_open_in_order",
            ),
            # the sweep: queued turns of a queue by the age of their last hint
            models.Index(
                fields=["pool", "hinted_at"],
                condition=Q(state="queued"),
                name="turn_queued_by_pool_and_hint",
            ),
            # the sweep's running turns of one worker, or of none
            models.Index(
                fields=["worker"], condition=Q(state="running"), name="turn_running_by_worker"
            ),
            # the sweep's waiting turns whose time is over
            models.Index(
                fields=["expires"], condition=Q(state="waiting"), name="turn_waiting_by_expiry"
            ),
            # the admin's lists of the few turns that ended otherwise than completed
            models.Index(
                fields=["state", "-id"], condition=Q(state__in=OTHERWISE), name="turn_not_completed"
            ),
            # the admin's lists of what failed for one reason
            models.Index(
                KT("error__code"),
                F("id").desc(),
                condition=Q(state="failed"),
                name="turn_failed_by_code",
            ),
            # the census: when work last succeeded; Operations: what ended in the last hour. Ids tell
            # when it came, which may be long before; what was entered or copied had no hint
            models.Index(
                fields=["state", "finished"],
                condition=Q(finished__isnull=False, hinted_at__isnull=False),
                name="turn_ended_by_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} #{self.number}"
