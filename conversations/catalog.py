"""Begin, fork, rename and delete conversations. Callers come with rows that `access` gave them."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone
from redis.exceptions import RedisError

from conversations import chores, history, streams, turns
from conversations.errors import InvalidValue
from conversations.models import Conversation, Policy, Turn
from conversations.stores import is_carried, store_for
from conversations.turns.titles import FIRST_WORDS, shortened
from workers.agents import registry

TITLE_LENGTH = 200  # characters, as the column has it
UNSTORED_FOR = timedelta(minutes=10)  # after the end, for a program that fetches its answer slowly

log = structlog.get_logger(__name__)


def agents() -> list[str]:
    """With whom a conversation can be begun here, the default first."""
    return [name for name in registry.names() if not is_carried(name)]


def begin(
    owner_id: int,
    *,
    agent: str,
    first_message: str = "",
    policy: str = Policy.ENQUEUE,
    metadata: dict[str, str] | None = None,
    stored: bool = True,
    named: bool = True,
) -> Conversation:
    """A new conversation with one of the agents, titled by the start of its first message.

    Without one it takes that of what enters it first. One that is not `named` was made for a
    request that named none.
    """
    check_policy(policy)
    _check_text(first_message, "text")
    if agent not in settings.AGENTS:
        raise InvalidValue(f"There is no agent {agent[:FIRST_WORDS]!r}.", param="agent")
    with transaction.atomic():
        conversation = Conversation.objects.create(
            owner_id=owner_id,
            agent=agent,
            title=shortened(first_message),
            policy=policy,
            metadata=metadata or {},
            stored=stored,
            named=named,
        )
        store_for(agent).create(conversation.id)
    return conversation


def fork(
    conversation: Conversation,
    *,
    before: Turn | None = None,
    after: Turn | None = None,
    stored: bool = True,
    named: bool = True,
) -> Conversation:
    """A new conversation that begins as this one stands, or as it stood before or after a turn.

    So people edit what they said, or have it answered anew; the original stays as it is. Raises
    `errors.ResponseInProgress` while something that is to be copied is still being answered.
    """
    end = after.number + 1 if after else before.number if before else None
    with transaction.atomic():
        made = Conversation.objects.create(
            owner_id=conversation.owner_id,
            agent=conversation.agent,
            title=conversation.title,
            policy=conversation.policy,
            metadata=conversation.metadata,
            parent=conversation,
            stored=stored,
            named=named,
        )
        store = store_for(made.agent)
        store.create(made.pk)
        copies = turns.copy(conversation.pk, made.pk, before=end)
        store.fork(conversation.pk, made.pk, copies)
        _remember(conversation, made)
    return made


def _remember(source: Conversation, made: Conversation) -> None:
    """What a fork's window drops is summed up already; what came after the fork is not told."""
    if made.agent not in settings.AGENTS:
        return
    options = registry.options(made.agent)
    if not (options.summary and options.window):
        return
    copied = store_for(made.agent).load(made.pk, newest=options.window)
    last = history.summed(
        copied.messages, most=options.window, keep=options.keep, earlier=copied.earlier
    )
    turns.copy_summaries(source.pk, copied, last=last)


def rename(conversation: Conversation, title: str) -> None:
    """Give it another name. Raises `errors.InvalidValue`."""
    title = " ".join(title.split())
    _check_text(title, "title")
    if not 0 < len(title) <= TITLE_LENGTH:
        raise InvalidValue(f"A title has 1 to {TITLE_LENGTH} characters.", param="title")
    Conversation.objects.filter(pk=conversation.pk).update(title=title, named=True)


def label(conversation: Conversation, metadata: dict[str, str]) -> None:
    """Give it other metadata, for its owner's programs and its agent's `deps`."""
    conversation.metadata = metadata
    Conversation.objects.filter(pk=conversation.pk).update(metadata=metadata, named=True)


def set_policy(conversation: Conversation, policy: str) -> None:
    """What later messages do that come while another is answered. Raises `errors.InvalidValue`."""
    check_policy(policy)
    conversation.policy = policy
    Conversation.objects.filter(pk=conversation.pk).update(policy=policy)


def check_policy(policy: str) -> None:
    if policy not in Policy:
        raise InvalidValue(f"A policy is one of {', '.join(Policy)}.", param="policy")


def _check_text(text: str, name: str) -> None:
    if "\0" in text:
        raise InvalidValue("This text holds a NUL.", param=name)


def delete(conversation: Conversation) -> None:
    """Forget it with all that belongs to it; a turn that runs finds its claim lost and stops."""
    with transaction.atomic():
        locked = Conversation.objects.select_for_update().filter(pk=conversation.pk).first()
        if locked:
            _forget(locked)


def _forget(locked: Conversation) -> None:
    store_for(locked.agent).delete(locked.pk)
    Conversation.objects.filter(pk=locked.pk).delete()  # of an agent that keeps no rows any more
    transaction.on_commit(partial(_close_tabs, locked.pk), robust=True)


def delete_turn(turn: Turn) -> None:
    """Forget a turn with its outcome; with the last one its conversation, if nobody named that.

    What came along with a request, as said before, goes with the conversation that it began. Raises
    `errors.NotFound`, `errors.ResponseInProgress`.
    """
    with transaction.atomic():  # or what is accepted in between would go too
        conversation = turns.delete(turn.pk)
        left = Turn.objects.filter(conversation=conversation).exclude(pool=turns.NOWHERE)
        if not conversation.named and not left.exists():
            _forget(conversation)


def delete_unstored(turn: Turn) -> None:
    """Forget what was not to be stored, once its end was told, unless another turn goes on from it.

    That one's program has yet to hear its end, be it open or over.
    """
    with transaction.atomic():
        rows = Conversation.objects.select_for_update().filter(stored=False, open_turns=0)
        told = rows.filter(pk=turn.conversation_id, next_turn=turn.number + 1).first()
        if told:
            _forget(told)


def erase_unstored() -> int:
    """Delete what was not to be stored and whose program has not waited for it; how many."""
    before = timezone.now() - UNSTORED_FOR
    recent = Turn.objects.filter(conversation=OuterRef("pk"), finished__gt=before)
    left = Conversation.objects.filter(~Exists(recent), stored=False, open_turns=0)
    rows = left.filter(updated__lt=before).order_by("updated")
    return chores.each(rows, _erase, agent="agent", later={"updated": Now()})


def _erase(conversation: Conversation) -> bool:
    delete(conversation)
    return True


def _close_tabs(conversation_id: UUID) -> None:
    """Tabs that do not hear it find out at their next look at the rows, within a minute."""
    try:
        streams.dissolve(conversation_id)
    except (RedisError, OSError) as error:
        log.warning("deletion_not_announced", error=type(error).__name__)
