"""Eight processes at a provider that counts."""

import asyncio
import json
import os
import sys

import pytest

from tests.provider import Provider
from tests.waiting import GENEROUS

RATE, BURST = 15, 150  # requests: a second, at once, which a machine that stalls leaves over
SECONDS = 24
PAUSE = 12  # seconds that the provider asks for in the middle
ON_THE_WAY = 10  # seconds, on a busy machine: from a grant to its request, from a 429 to its pause


async def crowd(provider, processes):
    """Runs them; gives when they began, and what each counted."""
    limits = {"*": {"requests_per_minute": RATE * 60, "burst": BURST / RATE}}
    environment = dict(
        os.environ,
        DJANGO_SETTINGS_MODULE="agentsite.settings",
        AGENT_MODEL="stream",
        AGENT_BASE_URL=provider.url,
        PROVIDER_LIMITS=json.dumps(limits),
    )
    module = "tests.acceptance.ratelimit.crowd"
    command = [
        sys.executable,
        "-m",
        module,
        "--processes",
        f"{processes}",
        "--seconds",
        f"{SECONDS}",
    ]
    running = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    await provider.wait_for_calls(BURST + RATE, within=GENEROUS)
    provider.refuse(1, retry_after=PAUSE)
    out, _ = await asyncio.wait_for(running.communicate(), GENEROUS)
    assert running.returncode == 0
    begun, *told = [json.loads(line) for line in out.splitlines()]
    return begun, [one for one in told if "admitted" in one]  # the others are of its log


@pytest.mark.slow
async def test_eight_processes_use_the_limit_and_never_go_beyond_it(redis_client):
    async with Provider() as provider:
        begun, counted = await crowd(provider, processes=8)
    times = [call["time"] for call in provider.calls]
    # A request comes after its grant, however late: no slack is needed.
    for count, time in enumerate(times, start=1):
        assert count <= RATE * (time - begun) + BURST
    refused = next(call["time"] for call in provider.calls if not call["paid"])
    assert not [time for time in times if refused + ON_THE_WAY < time < refused + PAUSE]
    assert len(times) >= 0.95 * (RATE * (times[-1] - times[0] - PAUSE) + BURST)
    assert len(counted) == 8
    admitted = sum(one["admitted"] for one in counted)
    assert sum(one["scripts"] for one in counted) <= 3 * admitted
