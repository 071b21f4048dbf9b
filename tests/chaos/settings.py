"""The site's settings, with less patience: a worker told to stop hands long replies back."""

from agentsite.settings import *  # noqa: F403

WORKER_GRACE = 1  # seconds, of the two and more that some replies take
