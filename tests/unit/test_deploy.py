"""The samples in deploy/ and docs/ fit one another."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("agentsite-*.service"))
OURS = [unit for unit in UNITS if "EnvironmentFile=/etc/agentsite.env" in unit.read_text()]
RUNNING = [unit for unit in OURS if "Restart=always" in unit.read_text()]
SHARED = {
    "RuntimeDirectory=agentsite",
    "RuntimeDirectoryPreserve=yes",
    "Environment=METRICS_DIR=/run/agentsite/metrics WORKER_STATUS_DIR=/run/agentsite/status",
}


def test_all_kinds_of_processes_have_a_unit():
    kinds = [unit.stem.removeprefix("agentsite-") for unit in OURS]
    assert kinds == ["autoscaler", "daily", "quarantine", "web@", "worker@"]


def test_what_is_old_goes_once_a_day():
    unit = (ROOT / "deploy/agentsite-daily.service").read_text()
    commands = re.findall(r"^ExecStart=\S+ manage.py (\w+)$", unit, re.MULTILINE)
    assert commands == ["clearsessions", "pruneconversations"]
    assert "OnCalendar=daily" in (ROOT / "deploy/agentsite-daily.timer").read_text()


@pytest.mark.parametrize("unit", RUNNING, ids=lambda unit: unit.stem)
def test_all_processes_of_a_host_count_and_tell_in_the_same_folders(unit):
    assert set(unit.read_text().splitlines()) >= SHARED


@pytest.mark.parametrize("pool", ["interactive", "batch", "my-own"])
def test_a_worker_serves_the_pool_that_its_instance_names(pool):
    unit = (ROOT / "deploy/agentsite-worker@.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    command = line.replace("%i", f"{pool}-12").replace("%%", "%").replace("$$", "$")
    words = shlex.split(command.replace("exec ", "echo "))
    assert subprocess.check_output(words, text=True).endswith(f"agentworker --pool {pool}\n")


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


def test_an_autoscaler_in_kubernetes_is_probed_at_the_port_that_it_opens():
    parts = yaml.safe_load_all((ROOT / "deploy/kubernetes-autoscaler.yaml").read_text())
    (deployment,) = [part for part in parts if part["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    variables = {one["name"]: one.get("value") for one in container["env"]}
    probed = container["livenessProbe"]["httpGet"]
    assert (probed["path"], ports[probed["port"]]) == ("/livez", variables["WORKER_HTTP_PORT"])
    assert variables["WORKER_HTTP_HOST"] == "0.0.0.0"
