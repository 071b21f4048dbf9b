"""The samples in deploy/ fit one another."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("agentsite-*.service"))
OURS = [unit for unit in UNITS if "EnvironmentFile=/etc/agentsite.env" in unit.read_text()]
SHARED = {
    "RuntimeDirectory=agentsite",
    "RuntimeDirectoryPreserve=yes",
    "Environment=METRICS_DIR=/run/agentsite/metrics WORKER_STATUS_DIR=/run/agentsite/status",
}


def test_all_kinds_of_processes_have_a_unit():
    kinds = [unit.stem.removeprefix("agentsite-") for unit in OURS]
    assert kinds == ["autoscaler", "quarantine", "web@", "worker@"]


@pytest.mark.parametrize("unit", OURS, ids=lambda unit: unit.stem)
def test_all_processes_of_a_host_count_and_tell_in_the_same_folders(unit):
    assert set(unit.read_text().splitlines()) >= SHARED
