"""The site's settings with a grace that a test can wait for."""

from agentsite.settings import *  # noqa: F403

WORKER_GRACE = 8  # seconds
# every test signs up, and nobody wants its password
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
