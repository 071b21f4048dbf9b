"""A running summary: made after a reply, for the next cut of the window. Nothing waits for it."""

import asyncio
from collections.abc import Sequence

import structlog
from django.utils.module_loading import import_string
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    UserPromptPart,
)

from conversations import turns
from conversations.history import leaving
from conversations.models import Summary
from conversations.runner import lending
from conversations.runner.storable import storable
from conversations.stores import store_for
from conversations.threads import in_thread
from conversations.turns import Claim
from workers.agents import registry
from workers.ratelimit import Caller, asking

PATIENCE = 60  # seconds that a summary may take
INTRODUCTION = "Summary of what was said here before:\n\n"

log = structlog.get_logger(__name__)


async def told(claim: Claim, cut: int) -> list[ModelMessage]:
    """What the model is told of the messages before a cut: the same for as long as the cut stands.

    Where the summary of this cut could not be made, that of an earlier one.
    """
    if not cut or not registry.options(claim.agent).summary:
        return []
    before = Summary.objects.filter(conversation=claim.conversation_id, cut__lte=cut)
    found = await in_thread(before.order_by("-cut").first)
    text = INTRODUCTION + found.text if found else ""
    return [ModelRequest(parts=[UserPromptPart(text)])] if found else []


async def keep_up(claim: Claim) -> None:
    """Sum up what the next cut will drop, once that is known. Whatever fails is tried again later."""
    try:
        options = registry.options(claim.agent)
        if options.summary and options.window:
            with asking(Caller(str(claim.owner_id), claim.pool)):
                async with asyncio.timeout(PATIENCE):
                    await _keep_up(claim, options)
    except Exception as error:  # noqa: BLE001 - the reply stands, whatever happens here
        log.warning("summary_failed", agent=claim.agent, error=type(error).__name__)


async def _keep_up(claim: Claim, options: registry.Options) -> None:
    store, handle = store_for(claim.agent), claim.conversation_id
    snapshot = await in_thread(store.load, handle, newest=options.window)
    cut, messages = leaving(
        snapshot.messages, most=options.window, keep=options.keep, earlier=snapshot.earlier
    )
    summaries = Summary.objects.filter(conversation=handle)
    if not messages or await in_thread(summaries.filter(cut=cut).exists):
        return
    extent = await in_thread(turns.extent, handle, version=snapshot.version)
    if extent is None:  # the next reply's worker looks again
        return
    previous = await in_thread(summaries.filter(cut__lt=cut).order_by("-cut").first)
    text = await _made(options.summary, previous.text if previous else "", messages)
    row = Summary(
        conversation_id=handle,
        cut=cut,
        text=storable(text),
        version=snapshot.version,
        made_by=options.summary,
    )
    kept = await in_thread(turns.sum_up, row, extent)
    log.info("summary_made", agent=claim.agent, cut=cut, messages=len(messages), kept=kept)


async def _made(path: str, previous: str, messages: Sequence[str]) -> str:
    summarise = import_string(path)
    parsed = ModelMessagesTypeAdapter.validate_json(f"[{','.join(messages)}]")
    async with lending.lent():
        return str(await summarise(previous, parsed))
