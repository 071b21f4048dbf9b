"""Both books under a clock that the test sets; models on a provider that keep to the budget."""

from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from pydantic_ai import Agent

from tests.integration.ratelimit.test_book_machine import SET_CLOCK, START
from tests.provider import Provider
from tests.waiting import GENEROUS
from workers.agents import model
from workers.ratelimit import script
from workers.ratelimit.book import Entry, Exchange, Outcome, Settlement
from workers.ratelimit.plain import PlainBook
from workers.ratelimit.terms import SECOND, Terms
from workers.redis import connections


@pytest_asyncio.fixture
async def clients(redis_client):
    """Clients of Redis are closed with their loop."""
    yield
    await connections.close()


@dataclass
class Desk:
    """One book, and processes that ask it. Times are in seconds from the beginning."""

    answer: object  # (exchange, microseconds) -> answer
    now: int = START
    count: int = 0
    under_way: dict = field(default_factory=dict)  # epochs of what was granted

    def pass_time(self, seconds) -> None:
        self.now += round(seconds * SECOND)

    def ask(self, process="a", **said):
        answer = self.answer(Exchange(process, **said), self.now)
        self.under_way |= dict.fromkeys(answer.granted, answer.epoch)
        return answer

    def enter(self, owner="ada", *, count=1, process="a", tokens=0, weight=1):
        """Join the line; gives the tickets and the answer."""
        tickets = [f"{process}:{self.count + n:06}:{tokens}" for n in range(count)]
        self.count += count
        entered = [Entry(ticket, owner, weight, tokens) for ticket in tickets]
        return tickets, self.ask(process, entered=entered)

    def settle(self, ticket, *, tokens=0, outcome=Outcome.NONE, unsent=0, **said):
        one = Settlement(ticket, self.under_way[ticket], tokens, unsent, outcome)
        return self.ask(settled=[one], **said)


@pytest.fixture(params=["plain", "shared", "on a cluster"])
def open_book(request, redis_client):
    """A book of these terms: in the process, in Redis, or in a Redis Cluster."""
    if request.param == "on a cluster":
        request.getfixturevalue("cluster")
        redis_client = connections.transcripts()

    def opened(**terms) -> Desk:
        permitted = Terms(**terms)
        if request.param == "plain":
            return Desk(PlainBook(permitted).answer)
        exchange = redis_client.register_script(SET_CLOCK + script.EXCHANGE)

        def answer(asked, now):
            arguments = [script.packed(asked, permitted), 60, now]
            return script.unpacked(exchange(script.keys("test/model"), arguments))

        return Desk(answer)

    return opened


@pytest_asyncio.fixture
async def provider():
    async with Provider() as running:
        yield running


@pytest_asyncio.fixture
async def site(settings, provider):
    """A site with this provider."""
    settings.AGENT_BASE_URL, settings.AGENT_MODEL = provider.url, "stream"
    settings.AGENT_TIMEOUT = GENEROUS
    settings.PROVIDER_LIMITS = {"*": {}}
    return settings


@pytest_asyncio.fixture
async def agent(site):
    """Makes agents of the settings' models."""
    made = []

    def make():
        made.append(model.from_settings())
        return Agent(made[-1])

    yield make
    for one in made:
        for speaker in getattr(one, "models", [one]):  # of one that chooses
            await speaker.client.close()
