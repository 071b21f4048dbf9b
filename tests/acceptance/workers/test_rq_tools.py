"""What RQ's and django-rq's own tools show of a worker with thirty jobs in flight."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from rq import Worker

from tests.acceptance.workers.conftest import Fleet
from tests.waiting import eventually
from workers import queues

JOBS = 30
NUMBER = sorted(settings.RQ_QUEUES).index("default")  # of the queue, in django-rq's pages


@pytest.fixture
def busy(fleet: Fleet) -> Fleet:
    fleet.start("rqworker", "--worker-class", "workers.worker.AgentWorker", "default")
    fleet.jobs = [fleet.enqueue("wait", f"job-{number}") for number in range(JOBS)]
    for number in range(JOBS):
        fleet.hears(f"job-{number}", "started")
    fleet.worker = Worker.all(queue=queues.queue("default"))[0]
    return fleet


@pytest.fixture
def staff(client, transactional_db):
    client.force_login(get_user_model().objects.create_superuser("ada", password="x"))
    return client


def page(staff, path: str) -> str:
    response = staff.get(f"/admin/rq/{path}")
    assert response.status_code == 200
    return response.content.decode()


def test_rq_info_lists_the_worker_its_queue_and_its_started_jobs(busy):
    command = [sys.executable, "-m", "rq.cli", "info", "--raw", "--url", os.environ["REDIS_URL"]]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"queue default 0, {JOBS} executing, 0 finished, 0 failed" in said
    assert f"worker {busy.worker.name} " in said
    assert "busy default." in said


def test_rqstats_counts_the_started_jobs(busy):
    process = busy.manage("rqstats", "--json")
    process.wait()
    said = json.loads(busy.said(process).splitlines()[-1])
    queue = next(queue for queue in said["queues"] if queue["name"] == "default")
    assert (queue["started_jobs"], queue["workers"], queue["jobs"]) == (JOBS, 1, 0)


def test_the_pages_of_django_rq_open_and_count(busy, staff):
    for path in ("", f"queues/{NUMBER}/details/"):
        counted = re.findall(rf'queues/{NUMBER}/started/">\s*(\d+)\s*</a>', page(staff, path))
        assert counted == [str(JOBS)]
    page(staff, f"queues/{NUMBER}/")
    started = page(staff, f"queues/{NUMBER}/started/")
    assert f"{JOBS} jobs" in started
    assert "tests.tasks.wait(&#x27;job-7&#x27;)" in started
    assert busy.worker.name in page(staff, f"workers/{NUMBER}/")


def test_the_page_of_a_worker_names_a_job_that_runs(busy, staff):
    shown = page(staff, f"workers/{NUMBER}/{busy.worker.key}/")
    assert "busy" in shown
    assert busy.jobs[-1] in shown


def test_the_page_of_a_job_says_what_it_calls_and_that_it_runs(busy, staff):
    shown = page(staff, f"queues/{NUMBER}/{busy.jobs[7]}/")
    assert "tests.tasks.wait" in shown
    assert "job-7" in shown
    assert "started" in shown


def test_nothing_is_left_of_finished_jobs(busy, redis_client):
    for number in range(JOBS):
        busy.go(f"job-{number}")
        busy.hears(f"job-{number}", "done")
    eventually_idle(busy)
    assert not [key for key in redis_client.keys("rq:*") if b"job:" in key or b"exec" in key]


def eventually_idle(busy: Fleet) -> None:
    def idle() -> bool:
        busy.worker.refresh()
        return busy.worker.get_state() == "idle" and busy.worker.successful_job_count == JOBS

    eventually(idle)
