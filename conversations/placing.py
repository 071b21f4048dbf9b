"""A request of a program finds its conversation, and is accepted there like any message.

Synchronous: the conversation that is made or forked for it and its turn are one commit.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from conversations import access, catalog, turns
from conversations.errors import (
    InvalidValue,
    NotFound,
    NotTheLast,
    PreviousNotFound,
    UnsupportedParameter,
)
from conversations.models import Conversation, Turn
from conversations.protocol.responses import DEFAULTS
from conversations.turns import Accepted, past
from workers.agents import registry

SHOWN_TIERS = {"priority": "priority", "flex": "flex", "batch": "flex"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a program asks for; of `conversation` and `previous` at most one is given."""

    user: AbstractBaseUser
    items: list[dict[str, Any]]  # as `turns.past.check` takes them; the last is no agent's
    agent: str | None = None  # that of the conversation, or the default
    conversation: UUID | None = None
    previous: UUID | None = None  # the turn that this one follows
    stored: bool = True
    tier: str = "auto"  # as `workers.routing` knows them
    key: str | None = None
    policy: str | None = None
    expected_version: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


def place(order: Order) -> Accepted:
    """Queue its turn. Raises as `turns.accept` does, and `PreviousNotFound`."""
    with transaction.atomic():
        accepted = _continue(order) if order.previous else _ask(order, _conversation(order))
        if accepted.repeated:
            transaction.set_rollback(True)  # what was made for it: the first answer counts
    return accepted


def _conversation(order: Order) -> Conversation:
    if order.conversation is None:
        return _begin(order)
    conversation = _agreed(order, access.conversation(order.user, order.conversation))
    if not conversation.named:
        Conversation.objects.filter(pk=conversation.pk).update(named=True)
    return conversation


def agent_of(model: str | None) -> str:
    """The agent that a program means, the default one where it names none. Raises `InvalidValue`."""
    agent = model or settings.AGENT_DEFAULT
    if agent not in settings.AGENTS:
        raise InvalidValue("There is no such model.", param="model")
    return agent


def _begin(order: Order) -> Conversation:
    agent = agent_of(order.agent)
    return catalog.begin(order.user.pk, agent=agent, stored=order.stored, named=False)


def _agreed(order: Order, conversation: Conversation) -> Conversation:
    if order.agent not in (None, conversation.agent):
        raise InvalidValue("The conversation is with another model.", param="model")
    return conversation


def _continue(order: Order) -> Accepted:
    """At the head of a conversation the turn is appended; elsewhere it is another conversation's."""
    previous = _previous(order)
    conversation = _agreed(order, previous.conversation)
    if order.stored:
        try:
            return _ask(order, conversation, number=previous.number + 1)
        except NotTheLast:
            pass
    fork = catalog.fork(conversation, after=previous, stored=order.stored, named=False)
    return _ask(order, fork)


def _previous(order: Order) -> Turn:
    assert order.previous is not None
    try:
        previous = access.turn(order.user, order.previous)
    except NotFound:
        raise PreviousNotFound(param="previous_response_id") from None
    if previous.state == Turn.State.ROLLED_BACK or not previous.conversation.stored:
        raise PreviousNotFound(param="previous_response_id")
    return previous


def _ask(order: Order, conversation: Conversation, *, number: int | None = None) -> Accepted:
    """What was said before the question is entered first, in the same commit."""
    taken = _taken(order.parameters, conversation.agent)
    said, asked = past.halves(order.items)
    parameters = {**taken, "service_tier": _tier_shown(order)}
    version = order.expected_version
    if said:
        parameters = {**parameters, "said": _digest(said)}
        if not _is_known(order, conversation):
            after = _enter(order, conversation, said, number)
            version = None if version is None else after
        number = number + len(past.turns_of(said)) if number is not None else None
    return turns.accept(
        conversation.pk,
        order.user.pk,
        list(asked),
        idempotency_key=order.key,
        policy=order.policy,
        expected_version=version,
        number=number,
        tier=order.tier,
        parameters=parameters,
    )


def _taken(parameters: dict[str, Any], agent: str) -> dict[str, Any]:
    """The parameters without those that the agent takes none of and that are as without them.

    Raises `InvalidValue`, and `UnsupportedParameter` for one that is not.
    """
    if agent not in settings.AGENTS:
        return parameters  # it left the settings, and its turns fail
    options = registry.options(agent)
    if parameters.get("instructions") and not options.instructions:
        raise InvalidValue("This model takes no instructions.", param="instructions")
    refused = parameters.keys() & set(registry.PARAMETERS) - set(options.parameters)
    for name in sorted(refused):
        if parameters[name] != DEFAULTS[name]:
            raise UnsupportedParameter(f"This model takes no {name}.", param=name)
    return {name: value for name, value in parameters.items() if name not in refused}


def _enter(
    order: Order, conversation: Conversation, said: Sequence[dict[str, Any]], number: int | None
) -> int:
    """What was said is entered where things stand as demanded; the version after it."""
    entered = turns.enter(
        conversation.pk,
        order.user.pk,
        said,
        number=number,
        expected_version=order.expected_version,
    )
    return entered[-1].conversation.version


def _tier_shown(order: Order) -> str:
    """The tier as clients call it, that of the owner if the site has given them one."""
    tier = settings.OWNER_TIERS.get(str(order.user.pk), order.tier)
    return SHOWN_TIERS.get(tier, "default")


def _digest(said: Sequence[dict[str, Any]]) -> str:
    """Part of what a repeated request has in common with the first."""
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _is_known(order: Order, conversation: Conversation) -> bool:
    """Whether the key was used: then nothing is entered, for the first answer counts.

    Looked up under the Conversation lock: of two that come at once the second finds the first.
    """
    if order.key is None:
        return False
    Conversation.objects.select_for_update(no_key=True).filter(pk=conversation.pk).first()
    return Turn.objects.filter(owner=order.user.pk, idempotency_key=order.key).exists()
