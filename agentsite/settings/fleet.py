"""Queues, pools and workers. `workers.pools` says what a pool's keys mean."""

from typing import Any

from agentsite import env
from agentsite.settings.data import REDIS_QUEUE_URL
from workers.redis import libraries

# A queue is a class of work; what goes first, first.
QUEUES = ["interactive", "default", "batch", "quarantine"]

FLEET = env.choice("FLEET", "uniform", "specialised")
WORKER_SLOTS = env.integer("WORKER_SLOTS", 1000, least=1)  # turns in flight in one worker process

# A turn that kills its process kills no other: stock workers fork a child for each.
QUARANTINE: dict[str, Any] = {"slots": 1, "forking": True, "maximum": 2}
FLEETS: dict[str, dict[str, dict[str, Any]]] = {
    # Every process takes whatever comes; some room is kept for those who wait in front of it.
    "uniform": {
        "default": {
            "queues": ["interactive", "default", "batch"],
            "slots": WORKER_SLOTS,
            "reserved": {"interactive": WORKER_SLOTS // 5, "default": WORKER_SLOTS // 10},
        },
        "quarantine": QUARANTINE,
    },
    # Each queue has processes of its own, and they scale by themselves.
    "specialised": {
        "interactive": {"slots": WORKER_SLOTS, "scaling": {"upper": 10, "lower": 1}},
        "default": {"slots": WORKER_SLOTS},
        "batch": {
            "slots": WORKER_SLOTS,
            "maximum": 20,
            "scaling": {"up_cooldown": 10, "down_cooldown": 60, "step": 5},
        },
        "quarantine": QUARANTINE,
    },
}
# The environment's POOLS, as JSON, changes single keys of a pool or adds one.
POOLS = env.merged(FLEETS[FLEET], env.objects("POOLS"))

# Seconds; whose oldest hint waits for longer gets every second shared slot of a process.
QUEUE_AGEING = env.integer("QUEUE_AGEING", 60)
# workers.routing.Work -> a name in QUEUES
ROUTING = env.text("ROUTING", "workers.routing.by_rule")
# The tier of single users, whatever they ask for, as JSON: {"<id>": "flex"}
OWNER_TIERS = env.mapping("OWNER_TIERS")

# How a hint reaches a worker: whoever comes first takes it; it is handed to the idlest; or always
# to the same for a conversation, which keeps its history warm. See docs/distribution.md.
DISTRIBUTION = env.choice("DISTRIBUTION", "pull", "push", "hash")
# Characters of transcripts that a worker keeps parsed for the conversations' next turns; 0: none.
WORKER_HISTORIES = env.integer("WORKER_HISTORIES", 32_000_000 if DISTRIBUTION == "hash" else 0)

RQ = {"COMMIT_MODE": "auto", "JOB_CLASS": "workers.jobs.TurnJob"}
RQ_QUEUES = {
    queue: {
        **libraries.for_queues(REDIS_QUEUE_URL),
        "DEFAULT_TIMEOUT": 900,  # seconds
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for queue in QUEUES
}
# the only functions that a worker runs
WORKER_TASKS = ["conversations.tasks.answer", "conversations.tasks.answer_sealed"]
WORKER_SWEEP = "conversations.recovery.sweep"
WORKER_LEASE = 8  # seconds without a renewal until a worker counts as dead
WORKER_GRACE = 25  # seconds that a worker told to stop gives its turns
# Off behind a transaction pooler that DATABASE_DIRECT_URL cannot avoid: only leases count then.
WORKER_PRESENCE_LOCKS = env.boolean("WORKER_PRESENCE_LOCKS", default=True)
