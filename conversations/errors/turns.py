"""What stands against a request that is well formed, or ended the answering of one."""

from django.db import OperationalError

from conversations.errors.base import ConversationError


class NotFound(ConversationError):
    """There is nothing with this id, or it is not yours."""

    code = "not_found"
    status = 404


class PreviousNotFound(NotFound):
    """There is no previous response with this id, or it is not yours."""

    code = "previous_response_not_found"
    status = 400


class VersionConflict(ConversationError):
    """The conversation has changed since the version you name; load it again."""

    code = "version_conflict"
    status = 409

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str = "expected_version",
        current: int | None = None,
    ) -> None:
        super().__init__(message, param=param)
        self.current = current


class Unstorable(ConversationError):
    """This cannot be stored, now or later."""


class TranscriptGone(Unstorable):
    """What was said here is not kept any more; begin a new conversation."""

    code = "transcript_gone"
    status = 410


class MessageTooLarge(Unstorable):
    """This message is larger than the place takes where this conversation is kept."""

    code = "too_large"
    status = 413


class ReplyTooLong(Unstorable):
    """The answer became longer than it may."""

    code = "reply_too_long"
    status = 502


class ResponseInProgress(ConversationError):
    """Request in progress, please wait."""

    code = "response_in_progress"
    status = 409


class NotTheLast(ConversationError):
    """Another turn has come after the one that this was to follow."""

    code = "not_the_last"
    status = 409


class IdempotencyConflict(ConversationError):
    """This idempotency key was used for another request; use a new key for a new request."""

    code = "idempotency_conflict"
    status = 409


class AlreadyAnswered(ConversationError):
    """This call was answered otherwise, or does not wait any more."""

    code = "already_answered"
    status = 409


class NotActive(ConversationError):
    """The response takes no more input: it has ended."""

    code = "response_not_active"
    status = 409

    def __init__(self, *, completed: bool) -> None:
        super().__init__()
        if completed:
            self.code = "response_already_completed"


class NotSteerable(ConversationError):
    """The response waits for what it asked for; send that."""

    code = "steering_not_supported"
    status = 409


class Fenced(ConversationError):
    """The turn belongs to another claim now; stop."""

    code = "fenced"


class Buried(Fenced):
    """This worker was declared dead; abandon its turns and register anew."""


class NoWorker(ConversationError):
    """No worker was free in time; send the same again."""

    code = "unavailable"
    status = 503


class TurnFailed(ConversationError):
    """The turn failed; `code` is one of the failed response's codes."""

    code = "provider_error"
    status = 502
    final = {"too_large": 413, "version_conflict": 409}  # what another try would not change

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message)
        if code:
            self.code = code
            self.status = self.final.get(code, self.status)


class StoreAway(OperationalError):
    """The place of the transcripts cannot be reached; like PostgreSQL it will be back."""
