"""What the settings tell django-rq and django-redis of where a role is."""

from collections.abc import Mapping
from typing import Any

from redis.retry import Retry

from workers.redis import addresses
from workers.redis.addresses import Cluster, Sentinels
from workers.redis.sentinels import asking


def for_queues(url: str) -> dict[str, Any]:
    """The keys of RQ_QUEUES that say where the server is."""
    found = addresses.read(url)
    if not isinstance(found, Sentinels):
        return {"URL": url}
    return {
        "SENTINELS": list(found.hosts),
        "MASTER_NAME": found.master,
        "DB": found.database,
        # Not USERNAME: django-rq's admin pages would leave it out.
        "CONNECTION_KWARGS": found.credentials,
        "SENTINEL_KWARGS": asking(found, Retry),
    }


def for_cache(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """LOCATION and OPTIONS of a django-redis cache.

    Not its SentinelClient, which reads from replicas: a session would be older than what was
    written to it a moment ago.
    """
    found = addresses.read(url)
    if found is None:
        return {"LOCATION": url, "OPTIONS": dict(options)}
    if isinstance(found, Cluster):
        factory = "workers.redis.connections.ClusterConnectionFactory"
        # A list, or django-redis would take the address apart at its commas.
        return {"LOCATION": [url], "OPTIONS": {**options, "CONNECTION_FACTORY": factory}}
    told: dict[str, Any] = {
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        # What an URL would say of these is put into lower case, or kept quoted.
        "CONNECTION_POOL_KWARGS": {"service_name": found.master, **found.credentials},
        "SENTINELS": list(found.hosts),
        "SENTINEL_KWARGS": asking(found, Retry),
    }
    return {"LOCATION": f"redis://{found.master}/{found.database}", "OPTIONS": {**options, **told}}
