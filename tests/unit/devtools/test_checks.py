"""`dev.py check` fails when anything does, and says what."""

import pytest

from devtools import checks, testing
from devtools.checks import Step

GOOD, BAD = Step("good", "python -V"), Step("bad", "python -c exit('why')")


@pytest.mark.parametrize(
    ("steps", "tests", "failed"),
    [
        ([GOOD], "--version", None),
        ([GOOD, BAD], "--version", "bad"),
        ([GOOD], "-pnowhere", "tests"),
        ([BAD, GOOD], "-pnowhere", "bad, tests"),
    ],
)
def test_it_passes_when_every_step_and_the_tests_do(monkeypatch, capfd, steps, tests, failed):
    monkeypatch.setattr(checks, "STEPS", steps)
    monkeypatch.setattr(testing, "PARALLEL", [tests])
    assert checks.run(everything=False) == (1 if failed else 0)
    said = capfd.readouterr().out
    assert ("why" in said) == (BAD in steps)
    assert [line for line in said.splitlines() if line.startswith("failed: ")] == (
        [f"failed: {failed}"] if failed else []
    )
