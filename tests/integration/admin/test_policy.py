"""The admin under the site's Content-Security-Policy."""

import re
from pathlib import Path

import django_rq
import pytest

PAGES = Path(django_rq.__file__).parent / "templates"
SCRIPT = re.compile(r"<script[^>]*>(?!\s*</script>)(.*?)</script>", re.DOTALL)


@pytest.mark.parametrize("path", ["rq/", "rq/queues/0/", "rq/workers/0/", "django_rq/dashboard/"])
def test_queue_pages_may_carry_styles_and_no_scripts(path, admin_client, redis_client):
    policy = admin_client.get(f"/admin/{path}").headers["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src" not in policy
    assert "default-src 'self'" in policy


def test_our_own_pages_may_carry_neither(admin_client):
    assert "unsafe-inline" not in admin_client.get("/admin/").headers["Content-Security-Policy"]


def test_the_queue_pages_scripts_do_nothing_that_is_missed():
    """Should django-rq write others, the policy wants a second look."""
    scripts = [
        script for page in PAGES.rglob("*.html") for script in SCRIPT.findall(page.read_text())
    ]
    assert scripts
    assert all('$("tr input.action-select").actions();' in script for script in scripts)
