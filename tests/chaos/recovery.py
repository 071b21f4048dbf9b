"""How long until a killed worker's turn is claimed again: `python -m tests.chaos --recovery 50`."""

import asyncio
import signal
import statistics
import tempfile
import time
from pathlib import Path

from tests.chaos.arena import WORKERS, Arena
from tests.system.account import Account
from tests.system.tab import Tab

STEP, LONGEST = 0.01, 0.5  # seconds, as in workers.fleet.sweep, which needs Django's settings
HELD = "[[hold after=1]] {}"  # the provider says one word and waits
CLAIMS = """
CREATE TABLE claims (turn uuid, attempt int, at timestamptz);
CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO claims VALUES (NEW.id, NEW.attempt, clock_timestamp()); RETURN NEW;
END $$;
CREATE TRIGGER note_claim AFTER UPDATE ON conversations_turn FOR EACH ROW
    WHEN (NEW.attempt > OLD.attempt) EXECUTE FUNCTION note_claim();
"""
OWNER = """
SELECT pid FROM conversations_turn AS turn JOIN workers_workerprocess AS worker
ON worker.id = turn.worker WHERE turn.id = %s AND turn.state = 'running'
"""
CLAIMED_AGAIN = "SELECT extract(epoch FROM at) FROM claims WHERE turn = %s AND attempt = 2"


async def main(kills: int) -> int:
    """Kill so many workers, each in the middle of a reply; print how long it took."""
    with tempfile.TemporaryDirectory(prefix="agentsite-chaos-") as folder:
        async with Arena(Path(folder)) as arena, arena.site():
            arena.run(CLAIMS)
            account = await asyncio.to_thread(Account, arena.ports[0])
            conversation = await asyncio.to_thread(account.begin)
            async with account.tab(arena.ports[0], conversation) as tab:
                pauses = [await recovery(arena, tab, number) for number in range(kills)]
    print(table(pauses))  # noqa: T201
    return 0


async def recovery(arena: Arena, tab: Tab, number: int) -> float:
    """Seconds from a kill to the turn's next claim."""
    response = await tab.ask(HELD.format(number))
    await tab.until(lambda: tab.responses[response].text)
    turn = response.removeprefix("resp_")
    ((pid,),) = arena.rows(OWNER, turn)
    (worker,) = [each for each in arena.named("worker") if each.running and each.running.pid == pid]
    killed = time.time()
    await arena.kill(worker.name, signal.SIGKILL)
    await tab.until(lambda: arena.rows(CLAIMED_AGAIN, turn))
    ((claimed,),) = arena.rows(CLAIMED_AGAIN, turn)
    await tab.send({"type": "response.cancel", "response_id": response})
    await tab.ended(response)
    await arena.ready()
    return float(claimed) - killed


def table(pauses: list[float]) -> str:
    """Milliseconds, beside what the sweep's interval lets expect."""
    cuts = statistics.quantiles(pauses, n=100, method="inclusive")
    interval = min(WORKERS * STEP, LONGEST)
    p50, p99, worst = (1000 * pause for pause in (cuts[49], cuts[98], max(pauses)))
    return (
        f"{len(pauses)} kills -9, {WORKERS} workers; each looks every {interval * 1000:.0f} ms\n"
        f"claimed again after p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {worst:.0f} ms"
    )
