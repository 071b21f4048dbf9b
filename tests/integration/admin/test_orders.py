"""What staff do on the page Operations: asked, done by POST, told in the admin's log."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.integration.admin.conftest import VIEW, entered
from tests.integration.admin.rows import person
from tests.integration.workers.conftest import row
from workers.models import DrainRequest, PoolPause

PAGE = reverse("operations")
PAUSE, UNPAUSE = (reverse(f"{verb}_pool", args=["default"]) for verb in ("pause", "resume"))


@pytest.fixture
def operator(db) -> Client:
    """Staff who may change workers."""
    permissions = ["view_workerprocess", "change_workerprocess"]
    return entered(person("oskar", *VIEW, *permissions, is_staff=True))


@pytest.fixture
def worker(db):
    return row(name="w-1", in_flight=2)


def logged() -> list[str]:
    return [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]


def test_a_worker_is_drained_and_resumed(operator, worker):
    drain = reverse("drain_worker", args=[worker.pk])
    assert drain in operator.get(PAGE).content.decode()
    page = operator.post(drain, follow=True)
    assert "The worker w-1 drains." in page.content.decode()
    assert list(DrainRequest.objects.values_list("worker", "asked_by")) == [("w-1", "oskar")]
    resume = reverse("resume_worker", args=[worker.pk])
    assert resume in page.content.decode()
    operator.post(resume)
    assert not DrainRequest.objects.exists()
    assert logged() == ["Drain: The worker w-1 drains.", "Resume: The worker w-1 fetches again."]


def test_the_page_of_a_worker_tells_each_thing_once_and_times_to_the_second(operator, worker):
    page = operator.get(reverse("admin:workers_workerprocess_change", args=[worker.pk]))
    labels = re.findall(r"<label>([^<]+):</label>", page.content.decode())
    assert len(labels) == len(set(labels)) == 10
    assert timezone.localtime(worker.started).strftime("%Y-%m-%d %H:%M:%S") in page.text


def test_a_pool_is_paused_and_resumed(operator):
    page = operator.post(PAUSE, follow=True).content.decode()
    assert "The pool default is paused." in page
    assert "by oskar since" in page
    assert UNPAUSE in page
    assert list(PoolPause.objects.values_list("pool", "asked_by")) == [("default", "oskar")]
    operator.post(UNPAUSE)
    assert not PoolPause.objects.exists()
    assert logged() == [
        "Pause: The pool default is paused.",
        "Resume: The pool default works again.",
    ]
    entry = LogEntry.objects.order_by("pk").first()
    assert (str(entry), entry.object_id) == (
        "Changed “default” — Pause: The pool default is paused.",
        "default",
    )


def test_to_look_at_a_verb_is_to_be_asked(operator, worker):
    for address in (PAUSE, reverse("drain_worker", args=[worker.pk])):
        page = operator.get(address)
        assert "Leave it as it is" in page.content.decode()
    assert not DrainRequest.objects.exists()
    assert not PoolPause.objects.exists()
    assert logged() == []


def test_who_may_only_look_has_no_verbs(viewer, worker):
    drain = reverse("drain_worker", args=[worker.pk])
    assert drain not in viewer.get(PAGE).content.decode()
    for address in (PAUSE, UNPAUSE, drain):
        assert viewer.get(address).status_code == viewer.post(address).status_code == 403
    assert not DrainRequest.objects.exists()


def test_a_form_from_elsewhere_is_refused(operator, worker):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(PAUSE).status_code == 403
    assert not PoolPause.objects.exists()


def test_who_is_not_logged_in_is_asked_to(db):
    assert Client().post(PAUSE).url.startswith(reverse("admin:login"))


def test_what_is_not_there_takes_no_order(operator, worker):
    drain = reverse("drain_worker", args=[worker.pk])
    worker.delete()
    assert operator.post(drain).status_code == 404
    assert operator.post(reverse("pause_pool", args=["nowhere"])).status_code == 404
    assert operator.put(PAUSE).status_code == 405
