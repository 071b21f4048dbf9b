"""The promises hold under faults, however hints reach the workers."""

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("distribution", ["push", "hash"])
def test_no_distribution_breaks_a_promise(violations, monkeypatch, distribution):
    monkeypatch.setenv("DISTRIBUTION", distribution)
    assert violations(10, seed=3) == []
