"""The samples in deploy/ and docs/ fit one another."""

import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings

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


def test_where_prometheus_asks_a_host_with_replicas_nginx_listens():
    told = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    web, _ = told["scrape_configs"][0]["static_configs"][0]["targets"]
    site = (ROOT / "deploy/nginx/site.conf").read_text()
    assert web.partition(":")[2] in re.findall(r"listen \S+:(\d+);", site)


def test_nginx_lets_through_what_the_site_refuses_in_its_own_form():
    site = (ROOT / "deploy/nginx/site.conf").read_text()
    [megabytes] = re.findall(r"client_max_body_size (\d+)m;", site)
    assert int(megabytes) * 2**20 > settings.API_BODY_LIMIT


def test_a_replica_in_kubernetes_listens_where_it_is_probed():
    (block,) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL
    )
    replica = yaml.safe_load(block.partition("# a replica")[2].partition("\n")[2])
    words = replica["command"]
    assert words[words.index("--host") + 1] == "0.0.0.0"
    port = int(words[words.index("--port") + 1])
    probes = (replica["livenessProbe"], replica["readinessProbe"])
    assert [probe["httpGet"]["port"] for probe in probes] == [port] * 2
