"""How much later the first word comes than from the provider itself."""

import time
from statistics import median, quantiles

from benchmarks.people import Person, invite, leave
from benchmarks.stage import Stage
from benchmarks.table import Row

PROMPT = "[[stream deltas=5 rate=100]]"
TITLE = "The first word"


async def measure(stage: Stage, *, pairs: int) -> list[Row]:
    """Both ways in turn, so that a busy machine is busy for both."""
    from workers.agents.model import Client  # noqa: PLC0415 - settings are known only now

    client = Client(base_url=stage.environment["AGENT_BASE_URL"])
    (person,) = people = await invite(stage, 1)
    direct, site = [], []
    for _ in range(pairs + 3):
        direct.append(await first_directly(client))
        site.append(await first_in_the_browser(person))
    await leave(people)
    await client.close()
    del direct[:3], site[:3]  # connections, imports
    later = [ours - theirs for ours, theirs in zip(site, direct, strict=True)]
    return [
        Row("asked until the first word, median", ms(median(site)), f"{ms(median(direct))} direct"),
        Row("later than the provider, median", ms(median(later))),
        Row("later than the provider, 95 of 100", ms(quantiles(later, n=20)[-1])),
    ]


async def first_directly(client: "Client") -> float:  # type: ignore[name-defined]  # noqa: F821
    """Seconds until the provider's first word, asked by the same client as the agent's."""
    begun = time.perf_counter()
    messages = [{"role": "user", "content": PROMPT}]
    stream = await client.chat.completions.create(model="stream", messages=messages, stream=True)
    first = 0.0
    async for chunk in stream:
        if not first and chunk.choices and chunk.choices[0].delta.content:
            first = time.perf_counter()
    return first - begun


async def first_in_the_browser(person: Person) -> float:
    answer = await person.ask(PROMPT)
    return answer.first - answer.asked


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
