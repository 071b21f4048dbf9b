"""Eight processes at a provider that counts."""

import asyncio
import json
import os
import sys

import pytest

from tests.provider import Provider

RATE, BURST = 30, 15  # requests: a second, at once
SECONDS = 7
PAUSE = 1  # seconds that the provider asks for in the middle
ON_THE_WAY = 0.5  # seconds, on a busy machine: from a grant to its request, from a 429 to its pause


async def crowd(provider, processes):
    """Runs them; gives what each counted."""
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
    await provider.wait_for_calls(RATE * 3, within=60)
    provider.refuse(1, retry_after=PAUSE)
    out, _ = await asyncio.wait_for(running.communicate(), 60)
    assert running.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.slow
async def test_eight_processes_use_the_limit_and_never_go_beyond_it(redis_client):
    async with Provider() as provider:
        counted = await crowd(provider, processes=8)
    times = [call["time"] for call in provider.calls]
    for at, begin in enumerate(times):
        for count, end in enumerate(times[at:], start=1):
            assert count <= RATE * (end - begin + ON_THE_WAY) + BURST
    refused = next(call["time"] for call in provider.calls if not call["paid"])
    assert not [time for time in times if refused + ON_THE_WAY < time < refused + PAUSE]
    assert len(times) >= 0.95 * (RATE * (times[-1] - times[0] - PAUSE) + BURST)
    admitted = sum(one["admitted"] for one in counted)
    assert len(counted) == 8
    assert sum(one["scripts"] for one in counted) <= 3 * admitted
