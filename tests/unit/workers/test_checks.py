import pytest
from django.core.checks import run_checks


def ids() -> list[str]:
    return [message.id for message in run_checks() if message.id.startswith("workers.")]


def test_the_sites_own_settings_pass():
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("WORKER_TASKS", ["no.such.module.task"], "workers.E001"),
        ("WORKER_TASKS", ["plain"], "workers.E001"),
        ("WORKER_SWEEP", "conversations.nothing.sweep", "workers.E001"),
        ("POOLS", {"default": {"slots": 0}}, "workers.E002"),
        ("POOLS", {"default": {"slost": 1}}, "workers.E002"),
        ("POOLS", {"default": {"slots": 1, "reserved": {"default": 2}}}, "workers.E005"),
        ("POOLS", {"default": {"slots": 1, "reserved": {"batch": 1}}}, "workers.E005"),
        ("POOLS", {"default": {"slots": 1}}, "workers.E006"),
        ("POOLS", {"unqueued": {"slots": 1}}, "workers.E007"),
        ("POOLS", {"default": {"slots": 1, "minimum": 2, "maximum": 1}}, "workers.E008"),
        ("ROUTING", "no.such.module.rule", "workers.E001"),
        ("RQ_QUEUES", {"default": {}, "quarantine": {}}, "workers.E003"),
        ("RQ", {"COMMIT_MODE": "auto"}, "workers.E004"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings, name, value, expected):
    setattr(settings, name, value)
    assert expected in ids()
