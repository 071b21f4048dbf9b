"""The model of the log catches scripts that are wrong in one thought."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test as run
from redis import ResponseError

from conversations.streams import writing
from tests.integration.explorer.wrong import without
from tests.integration.streams.test_log_machine import LogMachine

QUICK = settings(
    max_examples=3_000,  # until one is caught
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=[Phase.generate],  # a counterexample is wanted, not the smallest
    suppress_health_check=list(HealthCheck),
)
CAUGHT = (AssertionError, pytest.fail.Exception, ResponseError)
FENCE = "if head[1] ~= ARGV[1] then return 'fenced' end"
HIGHER = "if head[1] and tonumber(head[1]) > attempt then return false end"
HIGHER_ATTEMPT = "if attempt and tonumber(attempt) > tonumber(ARGV[2]) then return 0 end"
WHOLE = " or head[2] ~= ARGV[2]"
SAME_RUN = " or not redis.call('INFO', 'server'):find(head[3], 1, true)"
WRONG = {
    "an append by a zombie": ("APPEND", FENCE, ""),
    "an append that makes a log": ("APPEND", "'NOMKSTREAM', ", ""),
    "an append to what a restart brought back": ("APPEND", SAME_RUN, ""),
    "an append that takes any frame for its own": ("APPEND", " and there[2][2] == ARGV[4]", ""),
    "an append that forgets to count": ("APPEND", "'next', ARGV[3]", "'next', head[2]"),
    "an open by a zombie": ("OPEN", HIGHER, ""),
    "an open that begins at the same numbers": ("OPEN", "lost and ARGV[5] or ARGV[4]", "ARGV[4]"),
    "an open that believes what a restart brought back": (
        "OPEN",
        "lost = ARGV[8], head[3] ~= here",
        "lost = ARGV[8], false",
    ),
    "an open that never expires": ("OPEN", "keep()\nredis", "redis"),
    "a restore by a zombie": ("RESTORE", HIGHER_ATTEMPT, ""),
    "a restore on top of the old log": ("RESTORE", "redis.call('DEL', KEYS[1], KEYS[2])", ""),
    "a base that is not the whole": ("REBASE", WHOLE, ""),
}


@pytest.mark.parametrize(("script", "thought", "instead"), WRONG.values(), ids=WRONG)
def test_the_model_catches(redis_client, monkeypatch, script, thought, instead):
    wrong = without(getattr(writing, script), thought, instead=instead)
    monkeypatch.setattr(writing, script, wrong)
    with pytest.raises(CAUGHT):
        run(lambda: LogMachine(redis_client), settings=QUICK)
