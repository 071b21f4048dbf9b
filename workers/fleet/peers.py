"""With whose settings a process must agree: a replica with the workers', a worker with the replicas'.

Workers have theirs in their rows. Replicas announce theirs in Redis, role `cache`: one member for
each set of settings, however many have it.
"""

import json
from time import time
from typing import Any

from django.db.models.functions import Now
from redis import RedisError

from workers import fingerprints
from workers.models import WorkerProcess
from workers.redis import connections

REPLICAS = "agentsite:replicas"  # sorted set: fingerprints as JSON, by when they were announced
SEEN = 300  # seconds that an announcement holds; longer than clocks differ


def workers() -> list[dict[str, str]]:
    """Of the workers that live, each once."""
    live = WorkerProcess.objects.filter(lease__gt=Now()).values_list("fingerprints", flat=True)
    return [theirs for theirs in live.distinct() if theirs is not None]


def announce_replica() -> None:
    """Tell the workers of this replica's settings. Where Redis is away, nobody is told."""
    now = time()
    try:
        with connections.cache().pipeline() as pipeline:
            pipeline.zadd(REPLICAS, {json.dumps(fingerprints.own(), sort_keys=True): now})
            pipeline.zremrangebyscore(REPLICAS, "-inf", now - SEEN)
            pipeline.expire(REPLICAS, SEEN)
            pipeline.execute()
    except (RedisError, OSError):
        return


def replicas() -> list[dict[str, str]]:
    """Of the replicas that were probed of late; none where Redis cannot tell."""
    try:
        told: Any = connections.cache().zrangebyscore(REPLICAS, time() - SEEN, "+inf")
    except (RedisError, OSError):
        return []
    return [json.loads(member) for member in told]
