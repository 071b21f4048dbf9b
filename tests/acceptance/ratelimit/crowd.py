"""`python -m tests.acceptance.ratelimit.crowd`: processes that ask one model as fast as they may.

Prints when they began, then a line each: how many requests it was granted and how many scripts
that took; as JSON.
"""

import argparse
import asyncio
import json
import os
import sys
import time

import django

# ruff: noqa: PLC0415 - Django is set up first
ASKERS = 10  # requests that a process has in hand at a time


async def ask(speaker, until):
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelRequest

    while time.time() < until:
        await model_request(speaker, [ModelRequest.user_text_prompt("hello")])


async def work(until):
    from workers import ratelimit
    from workers.agents import model
    from workers.ratelimit import Caller

    speaker = model.from_settings()
    with ratelimit.asking(Caller(owner=str(os.getpid()))):
        askers = [asyncio.create_task(ask(speaker, until)) for _ in range(ASKERS)]
        await asyncio.wait(askers, timeout=until - time.time())
    for asker in askers:
        asker.cancel()
    await asyncio.gather(*askers, return_exceptions=True)
    budget = ratelimit.admissions_to(speaker.name)
    counts = {"admitted": budget.admitted, "scripts": budget.scripts}
    say(counts)


def say(what):
    os.write(1, json.dumps(what).encode() + b"\n")  # in one piece


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    django.setup()
    from workers.agents import model

    asyncio.run(model.rehearse())  # once, for all
    begun = time.time()
    say(begun)
    until = begun + options.seconds
    children = []
    for _ in range(options.processes):
        child = os.fork()
        if child == 0:
            asyncio.run(work(until))
            os._exit(0)
        children.append(child)
    sys.exit(max(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    main()
