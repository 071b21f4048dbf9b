"""django-rq reads some jobs with pickle, whatever the queue's serializer, and then fails."""

from pathlib import Path

import django_rq
import pytest

THEIRS = Path(django_rq.__file__).parent / "templates/django_rq"
OURS = Path(__file__).resolve().parents[3] / "templates/django_rq"


@pytest.mark.parametrize(
    ("name", "fails", "works"),
    [
        ("worker_details.html", "job.func_name", "job.description"),
        ("started_job_registry.html", "execution.job|show_func_name", "execution.job.description"),
    ],
)
def test_our_template_is_theirs_but_for_what_would_unpickle(name, fails, works):
    theirs = (THEIRS / name).read_text()
    assert theirs.count(fails) == 1
    assert (OURS / name).read_text() == theirs.replace(fails, works)
