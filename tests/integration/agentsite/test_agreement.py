from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.utils import timezone

from agentsite.checks import disagreements
from tests.waiting import GENEROUS
from workers.models import WorkerProcess

pytestmark = pytest.mark.django_db


def start_worker(*, lease=GENEROUS, **fingerprints):
    now = timezone.now()
    worker = WorkerProcess(name="worker-1", pool="default", lock=1, host="h", pid=1, slots=1)
    worker.started, worker.lease = now, now + timedelta(seconds=lease)
    worker.fingerprints = worker.fingerprints | fingerprints
    worker.save()


def test_a_worker_with_the_same_settings_is_fine():
    start_worker()
    call_command("check", databases=["default"], fail_level="WARNING")


def test_a_worker_with_another_key_is_named_by_a_check():
    start_worker(keys="another")
    with pytest.raises(SystemCheckError, match="worker-1 runs with other keys") as caught:
        call_command("check", databases=["default"], fail_level="WARNING")
    assert "the same SECRET_KEY" in str(caught.value)


def test_a_worker_that_died_is_not_compared():
    start_worker(lease=-1, keys="another")
    assert disagreements() == []


def test_a_worker_from_before_fingerprints_is_not_compared():
    start_worker()
    WorkerProcess.objects.update(fingerprints=None)
    assert disagreements() == []
