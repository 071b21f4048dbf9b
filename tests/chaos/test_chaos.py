"""The promises hold under faults."""

import pytest

pytestmark = pytest.mark.slow


def test_sixty_faults_break_no_promise(violations):
    assert violations(60, seed=20) == []
