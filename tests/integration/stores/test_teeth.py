"""The model of the hot copies catches scripts that are wrong in one thought."""

import pytest
from hypothesis.stateful import run_state_machine_as_test as run

from conversations.stores import hot
from tests.integration.explorer.wrong import without
from tests.integration.stores.test_hot_machine import HotMachine
from tests.integration.streams.test_teeth import QUICK

WRONG = {
    "an append to any version": ("APPEND", "version ~= tonumber(ARGV[4])", "false"),
    "an append that keeps the version": ("APPEND", "push(ARGV[5]", "push(ARGV[4]"),
    "an append to nothing": (
        "APPEND",
        "version, earlier, size = 0, 0, 0",
        "version, earlier, size = tonumber(ARGV[4]), 0, 0",
    ),
    "a fill beside what is there": ("FILL", "redis.call('DEL', KEYS[1])", ""),
    "a copy without an end": ("APPEND", "count > tonumber(ARGV[2])", "false"),
    "a copy that forgets what it dropped": ("APPEND", ", earlier + 1", ", earlier"),
    "a copy that never expires": ("FILL", "redis.call('EXPIRE', KEYS[1], ARGV[1])", ""),
    "a read of any version": ("READ", "version == tonumber(ARGV[i])", "version ~= nil"),
    "a read of too few": ("READ", " or (earlier > 0 and (newest == 0 or newest > count))", ""),
}


@pytest.mark.parametrize(("script", "thought", "instead"), WRONG.values(), ids=WRONG)
def test_the_model_catches(redis_client, monkeypatch, script, thought, instead):
    wrong = without(getattr(hot, script), thought, instead=instead)
    monkeypatch.setattr(hot, script, wrong)
    monkeypatch.setattr(hot, "MESSAGES", 4)
    monkeypatch.setattr(hot, "SIZE", 50)
    monkeypatch.setattr(hot, "REST", 0)
    with pytest.raises(AssertionError):
        run(lambda: HotMachine(redis_client), settings=QUICK)
