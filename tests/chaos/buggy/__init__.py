"""The site with one seeded bug, chosen by CHAOS_BUG: proof that the checker would catch it.

A settings module, and an application that puts the bug in when Django is ready.
"""

from tests.chaos.settings import *  # noqa: F403
from tests.chaos.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.buggy.apps.Buggy"]
