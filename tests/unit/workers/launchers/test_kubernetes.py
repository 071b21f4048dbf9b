"""The scale of a Deployment through the official client, against an API server of our own."""

import json
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from tests.unit.workers.launchers.api import Api
from tests.waiting import GENEROUS
from workers.launchers import NotScaled, kubernetes
from workers.launchers.kubernetes import Deployments
from workers.pools import Pool

BATCH = Pool(name="batch", queues=("batch",), slots=10)
DEPLOYMENT = "agentsite-worker-batch"


@pytest.fixture
def api():
    with Api() as api:
        api.put(DEPLOYMENT, 2)
        yield api
        api.shutdown()


@pytest.fixture
def deployments(api, settings, monkeypatch, tmp_path) -> Deployments:
    """The launcher, as it is outside of a cluster."""
    settings.KUBERNETES_NAMESPACE = api.namespace
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "config", api.address))
    return Deployments()


def kubeconfig(file, address: str) -> str:
    told = {
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": address}}],
        "users": [{"name": "test", "user": {"token": "a-token"}}],
    }
    file.write_text(json.dumps(told))
    return str(file)


def test_the_size_is_the_deployments(api, deployments):
    assert deployments.size(BATCH) == 2
    api.put(DEPLOYMENT, 0)
    assert deployments.size(BATCH) == 0
    assert api.asked == [("GET", "Bearer a-token")] * 2


def test_a_new_size_is_put(api, deployments):
    deployments.size(BATCH)
    deployments.scale(BATCH, 5)
    assert api.replicas == {DEPLOYMENT: 5}
    deployments.size(BATCH)
    deployments.scale(BATCH, 0)
    assert api.replicas == {DEPLOYMENT: 0}


def test_who_was_faster_is_not_overruled(api, deployments):
    deployments.size(BATCH)
    api.put(DEPLOYMENT, 7)
    with pytest.raises(NotScaled, match="409 Conflict"):
        deployments.scale(BATCH, 5)
    assert api.replicas == {DEPLOYMENT: 7}
    assert deployments.size(BATCH) == 7
    deployments.scale(BATCH, 5)
    assert api.replicas == {DEPLOYMENT: 5}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_of_the_server_is_told_and_left_to_the_next_look(api, deployments, status):
    api.faults = [status]
    with pytest.raises(NotScaled, match=str(status)):
        deployments.size(BATCH)
    assert len(api.asked) == 1
    deployments.size(BATCH)
    api.faults = [status]
    with pytest.raises(NotScaled, match=str(status)):
        deployments.scale(BATCH, 5)
    assert api.replicas == {DEPLOYMENT: 2}


def test_a_deployment_that_is_not_there_is_named(deployments):
    with pytest.raises(NotScaled, match="agentsite-worker-default: 404"):
        deployments.size(Pool(name="default", queues=("default",), slots=1))


def test_a_server_that_says_nothing_is_given_up(api, deployments, monkeypatch):
    monkeypatch.setattr(kubernetes, "PATIENCE", (GENEROUS, 0.1))
    with api.silent(), pytest.raises(NotScaled, match=f"{DEPLOYMENT}: ReadTimeoutError"):
        deployments.size(BATCH)


def test_a_server_that_is_away_is_told(api, deployments):
    api.shutdown()
    api.server_close()
    with pytest.raises(NotScaled, match=DEPLOYMENT):
        deployments.size(BATCH)


def test_in_a_cluster_it_is_the_pods_service_account(api, settings, monkeypatch, tmp_path):
    for name, text in (("token", "of-the-pod"), ("ca.crt", "a certificate")):
        (tmp_path / name).write_text(text)
    base = "kubernetes.config.incluster_config.SERVICE"
    monkeypatch.setattr(f"{base}_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(f"{base}_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    configuration = Deployments()._api.api_client.configuration
    assert configuration.host == "https://10.0.0.1:443"
    assert configuration.api_key["BearerToken"] == "bearer of-the-pod"


def test_the_role_in_deploy_allows_what_is_asked(api, deployments):
    deployments.size(BATCH)
    deployments.scale(BATCH, 3)
    verbs = {"GET": "get", "PUT": "update"}
    file = Path(settings.BASE_DIR) / "deploy" / "kubernetes-autoscaler.yaml"
    told = {part["kind"]: part for part in yaml.safe_load_all(file.read_text())}
    (rule,) = told["Role"]["rules"]
    assert rule["resources"] == ["deployments/scale"]
    assert {verbs[verb] for verb, _ in api.asked} == set(rule["verbs"])
