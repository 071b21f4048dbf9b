"""The same agent without the site, in a process of its own: `python -m benchmarks.bare`."""

import argparse
import asyncio
import json
import resource
import time

import django


async def main(clients: int, seconds: float) -> None:
    """So many conversations at once; prints how many turns were answered at what cost."""
    from pydantic_ai import Agent  # noqa: PLC0415 - needs the settings

    from workers.agents import model  # noqa: PLC0415

    agent = Agent(model.from_settings(), name="assistant")
    await asyncio.gather(*(talk(agent, turns=2) for _ in range(clients)))
    begun, used = time.perf_counter(), cpu()
    until = begun + seconds
    turns = await asyncio.gather(*(talk(agent, until=until) for _ in range(clients)))
    took = time.perf_counter() - begun
    result = {"turns": sum(turns), "seconds": took, "cpu": cpu() - used}
    print(json.dumps(result))


async def talk(agent, *, turns: int = 0, until: float = 0.0) -> int:  # type: ignore[no-untyped-def]
    """One conversation, as long as the site shows its agents; every event is looked at."""
    from benchmarks.throughput import PROMPT  # noqa: PLC0415

    history, count = None, 0
    while count < turns or time.perf_counter() < until:
        async with agent.iter(PROMPT, message_history=history) as run:
            async for node in run:
                if agent.is_model_request_node(node):
                    async with node.stream(run.ctx) as events:
                        async for _ in events:
                            pass
        history, count = run.all_messages()[-60:], count + 1
    return count


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    django.setup()
    asyncio.run(main(options.clients, options.seconds))
