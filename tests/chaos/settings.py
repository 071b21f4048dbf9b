"""The settings of system tests, with less patience: a worker told to stop hands replies back."""

from tests.system.settings import *  # noqa: F403

WORKER_GRACE = 1  # seconds, of the two and more that some replies take
