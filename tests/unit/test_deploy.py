"""The samples in deploy/ and docs/ fit one another."""

import json
import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from kubernetes.client import ApiClient

from devtools.programs import UVICORN
from workers import pools
from workers.running import shift

ROOT = Path(__file__).parents[2]
STARTED = [ROOT / "devtools" / "programs.py", ROOT / "workers" / "launchers" / "local.py"]
UNITS = sorted((ROOT / "deploy").glob("agentsite-*.service"))
OURS = [unit for unit in UNITS if "EnvironmentFile=/etc/agentsite.env" in unit.read_text()]
RUNNING = [unit for unit in OURS if "Restart=always" in unit.read_text()]
SHARED = {
    "RuntimeDirectory=agentsite",
    "RuntimeDirectoryPreserve=yes",
    "Environment=METRICS_DIR=/run/agentsite/metrics WORKER_STATUS_DIR=/run/agentsite/status",
}


def manifest(file: str) -> list[dict]:
    return list(yaml.safe_load_all((ROOT / "deploy" / file).read_text()))


def kubernetes(file: str, kind: str) -> list[dict]:
    """The objects of a kind in a manifest of ours."""
    return [one for one in manifest(file) if one["kind"] == kind]


SITE, AUTOSCALER = "kubernetes.yaml", "kubernetes-autoscaler.yaml"
PODS = kubernetes(SITE, "Deployment")
OBJECTS = [*manifest(SITE), *manifest(AUTOSCALER)]


def pod_of(one: dict) -> dict | None:
    """What an object says of its pods, if it has any."""
    spec = one.get("spec", {})
    return spec.get("jobTemplate", {}).get("spec", spec).get("template", {}).get("spec")


def named(one: dict) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


MARGIN = 5  # seconds beyond what a process takes itself to end
RUN = [one for one in OBJECTS if pod_of(one)]


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


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod["metadata"]["name"])
def test_a_pod_listens_where_it_is_probed(pod):
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    words = dict(pairwise(container["command"]))
    host = words.get("--host") or variables["WORKER_HTTP_HOST"]
    port = words.get("--port") or variables["WORKER_HTTP_PORT"]
    ports = {one["name"]: str(one["containerPort"]) for one in container["ports"]}
    probes = [value["httpGet"]["port"] for key, value in container.items() if "Probe" in key]
    assert host == "0.0.0.0"
    assert {ports[name] for name in probes or ports} == {port}  # a quarantine is not probed


@pytest.mark.parametrize("one", OBJECTS, ids=named)
def test_kubernetes_knows_every_field_of_a_manifest(one):
    """What its own client makes of it says the same again."""
    version = one["apiVersion"].rpartition("/")[2].upper()
    client = ApiClient()
    read = client.deserialize(json.dumps(one), version + one["kind"], "application/json")
    assert client.sanitize_for_serialization(read) == one


@pytest.mark.parametrize("one", RUN, ids=named)
def test_a_pod_has_room_and_no_rights(one):
    """Nor has the image a place that it writes to, but for the temporary folder."""
    pod, image = pod_of(one), (ROOT / "deploy/Dockerfile").read_text()
    (container,) = pod["containers"]
    rights, room = container["securityContext"], container["resources"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert f"USER {pod['securityContext']['runAsUser']}\n" in image
    assert (rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, False)
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert (room["requests"].keys(), room["limits"].keys()) == ({"cpu", "memory"}, {"memory"})
    assert pod.get("automountServiceAccountToken", True) == ("serviceAccountName" in pod)


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod["metadata"]["name"])
def test_a_pod_has_the_time_to_drain(pod):
    spec = pod["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    words = dict(pairwise(container["command"]))
    needed = settings.WORKER_GRACE + shift.HAND_BACK + shift.LAST_RESORT
    if graceful := words.get("--timeout-graceful-shutdown"):
        *_, pause = container["lifecycle"]["preStop"]["exec"]["command"][-1].split()
        needed = int(pause) + int(graceful)
    assert spec["terminationGracePeriodSeconds"] >= needed + MARGIN


def test_what_chooses_pods_finds_some():
    labels = [pod["spec"]["template"]["metadata"]["labels"] for pod in PODS]
    (service,), (ingress,) = kubernetes(SITE, "Service"), kubernetes(SITE, "Ingress")
    budgets = kubernetes(SITE, "PodDisruptionBudget")
    chosen = [one["spec"]["selector"]["matchLabels"] for one in budgets]
    assert all(one in labels for one in [*chosen, service["spec"]["selector"]])
    (way,) = ingress["spec"]["rules"][0]["http"]["paths"]
    told = way["backend"]["service"]
    ports = [port["name"] for port in service["spec"]["ports"]]
    assert (told["name"], told["port"]["name"]) == (service["metadata"]["name"], *ports)


def test_a_pod_that_forks_shows_what_its_children_count():
    (pod,) = (one for one in PODS if one["metadata"]["name"] == "agentsite-worker-quarantine")
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert variables.keys() >= {"METRICS_DIR", "WORKER_HTTP_PORT"}


def test_the_autoscaler_finds_the_deployments_of_workers():
    names = [one["metadata"]["name"] for one in kubernetes(SITE, "Deployment")]
    found = {settings.KUBERNETES_DEPLOYMENT.format(pool=pool) for pool in pools.pools()}
    assert found <= set(names)


def test_the_image_has_all_that_the_site_needs():
    image = (ROOT / "deploy/Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (\S+) \S+$", image, re.MULTILINE))
    ours = {name.partition(".")[0] for name in settings.INSTALLED_APPS}
    assert copied >= {name for name in ours if (ROOT / name).is_dir()} | {"templates", "manage.py"}
    ignored = (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied if "." not in name} <= set(ignored)


def test_replicas_are_started_alike_everywhere():
    image = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", "")
    (listed,) = re.findall(r"^CMD (\[.*\])$", image, re.MULTILINE)
    (pod,) = (one for one in PODS if one["metadata"]["name"] == "agentsite-web")
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    unit = (ROOT / "deploy/agentsite-web@.service").read_text().replace("\\\n", "")
    told = (ROOT / "docs/deploy.md").read_text()
    assert json.loads(listed) == container["command"]
    options = " ".join(json.loads(listed)).partition("--port 8000 ")[2]
    assert options in " ".join(unit.split())
    assert options in told
    assert options in UVICORN  # so what tests start is started alike, too


def test_workers_are_started_by_the_sites_own_command():
    """RQ's own waits seven minutes for a Redis that hangs, its Stop kills a child whose turn then
    begins again elsewhere, and it tells no child of a SIGTERM.
    """
    files = [*(ROOT / "deploy").glob("*.*"), ROOT / "docs" / "deploy.md", *STARTED]
    words = [
        word for file in files for word in re.findall(r"\b(?:rq|agent)worker\b", file.read_text())
    ]
    assert set(words) == {"agentworker"}


def test_the_commands_of_containers_exist():
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    words = [one["command"] for one in services.values() if "command" in one]
    words += [pod_of(one)["containers"][0]["command"] for one in RUN]
    called = set(re.findall(r"manage\.py (\w+)", "\n".join(map(" ".join, words))))
    assert called == {"agentworker", "autoscale", "clearsessions", "migrate", "pruneconversations"}
    assert called < set(get_commands())


def test_an_autoscaler_in_kubernetes_is_probed_at_the_port_that_it_opens():
    (deployment,) = kubernetes(AUTOSCALER, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    variables = {one["name"]: one.get("value") for one in container["env"]}
    probed = container["livenessProbe"]["httpGet"]
    assert (probed["path"], ports[probed["port"]]) == ("/livez", variables["WORKER_HTTP_PORT"])
    assert variables["WORKER_HTTP_HOST"] == "0.0.0.0"
