"""Pools, queues and workers."""

from agentsite import env
from agentsite.settings.data import REDIS_QUEUE_URL

# slots: turns in flight in one worker process of the pool.
POOLS = {
    "default": {"slots": env.integer("WORKER_SLOTS", 1000)},
    "quarantine": {
        "slots": 1
    },  # stock forking workers: a turn that kills its process kills no other
}
RQ = {"COMMIT_MODE": "auto", "JOB_CLASS": "workers.queues.TurnJob"}
RQ_QUEUES = {
    pool: {
        "URL": REDIS_QUEUE_URL,
        "DEFAULT_TIMEOUT": 900,  # seconds
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for pool in POOLS
}
WORKER_TASKS = ["conversations.tasks.answer"]  # the only functions that a worker runs
WORKER_SWEEP = "conversations.recovery.sweep"
WORKER_LEASE = 8  # seconds without a renewal until a worker counts as dead
WORKER_GRACE = 25  # seconds that a worker told to stop gives its turns
# Off behind a transaction pooler that DATABASE_DIRECT_URL cannot avoid: only leases count then.
WORKER_PRESENCE_LOCKS = env.boolean("WORKER_PRESENCE_LOCKS", default=True)
