"""The plain book catches scripts that are wrong in one thought."""

import pytest
from hypothesis.stateful import run_state_machine_as_test as run

from tests.integration.explorer.wrong import without
from tests.integration.ratelimit.test_book_machine import Books
from tests.integration.streams.test_teeth import QUICK
from workers.ratelimit import script

WRONG = {
    "what is in front is not set aside": (
        "spare_requests, spare_tokens = spare_requests - terms.request, spare_tokens - need",
        "",
    ),
    "a burst after a pause": (
        "state.requests = max(state.requests, state.paused + terms.request_burst)",
        "",
    ),
    "given back what a pause made void": ("elseif one.epoch == state.epoch then", "else"),
    "a dead process holds up the line": ("if going and is_gone(process) then", "if false then"),
    "every owner begins at the head": (
        "max(state.virtual, score(KEYS[3], one.owner) or 0)",
        "state.virtual",
    ),
    "an owner who was away has saved up": (
        "max(state.virtual, score(KEYS[3], one.owner) or 0)",
        "score(KEYS[3], one.owner) or 0",
    ),
    "several probes": (
        "probe, state.lease, going = ticket, now + terms.probe, false",
        "probe, state.lease = ticket, now + terms.probe",
    ),
    "what nobody waits for is kept": ("== mine and not wanted[line[at]] then", "== nil then"),
    "who is not named is thought to be gone": ("math.min(#line, 2 * edge)", "#line"),
    "tokens are not settled": ("state.tokens = max(state.tokens, now) + price(one.tokens)", ""),
}


@pytest.mark.parametrize(("thought", "instead"), WRONG.values(), ids=WRONG)
def test_the_plain_book_catches(redis_client, monkeypatch, thought, instead):
    monkeypatch.setattr(script, "EXCHANGE", without(script.EXCHANGE, thought, instead=instead))
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(lambda: Books(redis_client), settings=QUICK)
