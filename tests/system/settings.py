"""The site's settings with a grace that a test can wait for."""

from agentsite.settings import *  # noqa: F403

WORKER_GRACE = 8  # seconds
