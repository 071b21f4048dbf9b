"""A replay from rows, once Redis is empty, beside the very events that people saw."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.request import Request, urlopen

from tests.chaos.arena import Arena
from tests.chaos.people import Person
from tests.chaos.records import TurnRow
from tests.system.tab import Response, Tab

FOLLOWED = 40  # turns that are asked for by a cursor; a snapshot is shown where it is much more
AT_ONCE = 4  # requests
WITHIN = 120  # seconds
KEY = """
INSERT INTO conversations_apikey (id, owner_id, name, prefix, digest, scopes,
    requests_per_minute, created)
SELECT gen_random_uuid(), owner_id, 'chaos', '', %s, '["read"]', 0, now()
FROM conversations_conversation WHERE id = %s
"""


async def replay_differs(arena: Arena, person: Person, turns: Sequence[TurnRow]) -> list[str]:
    """Ask for all that one person was told of, and compare. `turns`: the conversation's."""
    told = [sent.response for sent in person.sent if sent.response]
    newest = {turn.response for turn in turns[-FOLLOWED:]}
    newer = [response for response in told if response in newest]
    again = await followed(person, newer[0]) if newer else {}
    if again is None:
        return [f"{person.name}: no replay of {newer[0]}"]
    again |= await fetched(arena, person, [one for one in told if one not in newest])
    return [f"{person.name}: {what}" for what in compared(told, person.tab.responses, again)]


async def followed(person: Person, first: str) -> dict[str, Response] | None:
    """By a tab, from the first event of this response on; None: it was shown a snapshot."""
    tab = Tab(person.conversation, person.tab.cookie, person.tab.ports[0])
    await tab.open(cursor={"response_id": first, "sequence_number": 0})
    try:
        async with asyncio.timeout(WITHIN):
            await tab.until(lambda: any(one["type"] in TOLD for one in tab.frames))
    finally:
        await tab.close()
    return None if tab.snapshot else dict(tab.responses)


TOLD = {"agentsite:subscribed", "agentsite:snapshot"}


async def fetched(arena: Arena, person: Person, responses: Sequence[str]) -> dict[str, Response]:
    """One by one, as a program does."""
    secret = secrets.token_urlsafe()
    arena.run(KEY, hashlib.sha256(secret.encode()).hexdigest(), person.conversation)
    address = f"http://127.0.0.1:{person.tab.ports[0]}/v1/responses"
    places = asyncio.Semaphore(AT_ONCE)

    async def fetch(response: str) -> Response:
        request = Request(
            f"{address}/{response}?stream=true", headers={"Authorization": f"Bearer {secret}"}
        )
        async with places:
            return response_of(await asyncio.to_thread(body_of, request))

    found = await asyncio.gather(*map(fetch, responses))
    return dict(zip(responses, found, strict=True))


def body_of(request: Request) -> str:
    with urlopen(request, timeout=WITHIN) as answer:
        return answer.read().decode()


def response_of(body: str) -> Response:
    """A response from the events of an HTTP answer."""
    again = Response()
    for line in body.splitlines():
        if line.startswith("data: {"):
            again.take(json.loads(line.removeprefix("data: ")))
    return again


def compared(
    told: Sequence[str], seen: Mapping[str, Response], again: Mapping[str, Response]
) -> Iterator[str]:
    """All that was accepted is replayed to its end, and no event that was seen is another."""
    for response in told:
        if response not in again or not again[response].final:
            yield f"{response} is not replayed"
    for response, replay in again.items():
        if response in seen:
            yield from changed(seen[response], replay)


def changed(seen: Response, replay: Response) -> Iterator[str]:
    """Number 0 may be where the cursor stood, and is not told again then."""
    events = {event["sequence_number"]: event for event in replay.events}
    for event in seen.events:
        number = event["sequence_number"]
        if events.get(number) == event or (number == 0 and 0 not in events):
            continue
        if number in events or not is_lost(event, seen, replay):
            yield f"{event} is replayed as {events.get(number)}"


def is_lost(event: Mapping[str, Any], seen: Response, replay: Response) -> bool:
    """What only a lost log knew: an item that was never whole, in the gap that this left."""
    number = event["sequence_number"]
    gap = next((b for a, b in pairwise(replay.numbers) if a < number < b), 0)
    item = item_of(event)
    whole = {
        item_of(one)
        for one in seen.events
        if one["type"] == "response.output_item.done" and one["sequence_number"] < gap
    }
    return gap > 0 and item is not None and item not in whole


def item_of(event: Mapping[str, Any]) -> str | None:
    return event.get("item_id") or event.get("item", {}).get("id")
