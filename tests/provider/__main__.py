"""`python -m tests.provider --port 0 --log calls.jsonl`: prints the port, then serves until SIGTERM."""

import argparse
import asyncio
import signal
from pathlib import Path

from tests.provider import Provider


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.provider")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="one line of JSON for each call")
    options = parser.parse_args()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Provider(port=options.port, log=options.log) as provider:
        print(provider.port, flush=True)  # noqa: T201
        await stop.wait()


asyncio.run(main())
