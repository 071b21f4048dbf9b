"""A Deployment for each pool: Kubernetes starts and drains its pods, we say how many.

It needs the library `kubernetes` (requirements-extras.txt), imported only here, and the right to
`get` and `update` the subresource deployments/scale in its namespace.
"""

import os
from collections.abc import Sequence
from typing import Any

import urllib3
from django.conf import settings
from kubernetes import client, config

from workers.launchers.base import NotScaled
from workers.pools import Pool

PATIENCE = (2, 5)  # seconds to connect, and to be answered


class Deployments:
    """settings.KUBERNETES_DEPLOYMENT names a pool's Deployment, as agentsite-worker-{pool}."""

    def __init__(self) -> None:
        """In a pod by its service account, elsewhere by KUBECONFIG."""
        configuration = client.Configuration()
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(kubeconfig(), client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = False  # the next look is the retry
        self._api = client.AppsV1Api(client.ApiClient(configuration))
        self._seen: dict[str, Any] = {}  # a V1Scale as it was last read

    def adopt(self, pool: Pool) -> None:
        """It is as it is: whatever another autoscaler said stands in the Deployment."""

    def size(self, pool: Pool) -> int:
        scale = self._ask(self._api.read_namespaced_deployment_scale, pool)
        self._seen[pool.name] = scale
        return scale.spec.replicas or 0  # zero is left out of the answer

    def scale(self, pool: Pool, size: int) -> None:
        """Refused with 409 where somebody changed the Deployment after we have read it."""
        scale = self._seen.pop(pool.name)
        scale.spec.replicas = size
        self._ask(self._api.replace_namespaced_deployment_scale, pool, body=scale)

    def tend(self, pool: Pool) -> None:
        """Kubernetes does."""

    def close(self, pools: Sequence[str]) -> None:
        """The pods live without us."""

    def _ask(self, verb: Any, pool: Pool, **arguments: Any) -> Any:
        name = settings.KUBERNETES_DEPLOYMENT.format(pool=pool.name)
        namespace = settings.KUBERNETES_NAMESPACE
        try:
            return verb(name, namespace, _request_timeout=PATIENCE, **arguments)
        except client.ApiException as error:
            raise NotScaled(f"deployment {name}: {error.status} {error.reason}") from error
        except urllib3.exceptions.HTTPError as error:
            raise NotScaled(f"deployment {name}: {type(error).__name__}") from error


def kubeconfig() -> str | None:
    """As the environment says now; the library looked when it was imported."""
    return os.environ.get("KUBECONFIG")
