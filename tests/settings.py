"""The site's settings with tasks and short times for the tests of workers."""

from agentsite import env
from agentsite.settings import *  # noqa: F403
from agentsite.settings import POOLS, WORKER_TASKS

WORKER_TASKS = [*WORKER_TASKS, *(f"tests.tasks.{name}" for name in env.words("TEST_TASKS"))]
WORKER_LEASE = env.integer("TEST_LEASE", 60)  # longer than a busy machine ever stands still
WORKER_GRACE = env.integer("TEST_GRACE", 25)
WORKER_SWEEP = "tests.tasks.swept"
POOLS["default"] |= {
    "slots": env.integer("TEST_SLOTS", 1000),
    "reserved": env.mapping("TEST_RESERVED"),
}
