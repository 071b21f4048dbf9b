import pytest
from django.core.checks import run_checks

ALL_RESERVED = {"slots": 2, "queues": ["default", "batch"], "reserved": {"default": 2}}

SERVED = {name: {"slots": 1} for name in ("interactive", "batch", "quarantine")}


def ids() -> list[str]:
    return [message.id for message in run_checks() if message.id.startswith("workers.")]


def test_the_sites_own_settings_pass():
    assert ids() == []


def test_all_slots_may_be_reserved_where_each_queue_has_some(settings):
    reserved = {"default": 1, "batch": 1}
    settings.POOLS = settings.POOLS | {"default": ALL_RESERVED | {"reserved": reserved}}
    assert not {"workers.E005", "workers.E013"} & set(ids())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("WORKER_TASKS", ["no.such.module.task"], "workers.E001"),
        ("WORKER_TASKS", ["plain"], "workers.E001"),
        ("WORKER_SWEEP", "conversations.nothing.sweep", "workers.E001"),
        ("POOLS", {"default": {"slots": 0}}, "workers.E002"),
        ("POOLS", {"default": {"slost": 1}}, "workers.E002"),
        ("POOLS", {"default": {"slots": "9"}}, "workers.E002"),
        ("POOLS", {"default": {"slots": 9, "reserved": {"default": "2"}}}, "workers.E002"),
        ("POOLS", {"default": {"slots": 9, "reserved": ["default"]}}, "workers.E002"),
        ("POOLS", {"default": {"slots": 9, "maximum": None}}, "workers.E002"),
        ("POOLS", {"default": {"slots": 9, "scaling": {"upper": "50"}}}, "workers.E002"),
        ("POOLS", {"default": {"slots": 1, "reserved": {"default": 2}}}, "workers.E005"),
        ("POOLS", {"default": {"slots": 1, "reserved": {"batch": 1}}}, "workers.E005"),
        ("POOLS", {"default": {"slots": 9, "reserved": {"default": -1}}}, "workers.E005"),
        ("POOLS", {"default": ALL_RESERVED}, "workers.E013"),
        ("POOLS", SERVED | {"default": {"slots": 1, "queues": ["batch"]}}, "workers.E006"),
        ("OWNER_TIERS", {"7": "flexx"}, "workers.E014"),
        ("OWNER_TIERS", {"7": ["flex"]}, "workers.E014"),
        ("OWNER_TIERS", {"ada": "flex"}, "workers.E014"),
        ("KUBERNETES_DEPLOYMENT", "agentsite-worker", "workers.E015"),
        ("KUBERNETES_DEPLOYMENT", "agentsite-{name}", "workers.E015"),
        ("POOLS", {"default": {"slots": 1}}, "workers.E006"),
        ("POOLS", {"unqueued": {"slots": 1}}, "workers.E007"),
        ("POOLS", {"default": {"slots": 1, "minimum": 2, "maximum": 1}}, "workers.E008"),
        ("POOLS", {"default": {"slots": 1, "scaling": {"upper": 1, "lower": 2}}}, "workers.E009"),
        ("POOLS", {"default": {"slots": 1, "scaling": {"step": 0}}}, "workers.E009"),
        ("POOLS", {"default": {"slots": 1, "scaling": {"signal": "heat"}}}, "workers.E012"),
        ("LAUNCHER", "no.such.module.Launcher", "workers.E001"),
        ("ROUTING", "no.such.module.rule", "workers.E001"),
        ("RQ_QUEUES", {"default": {}, "quarantine": {}}, "workers.E003"),
        ("RQ", {"COMMIT_MODE": "auto"}, "workers.E004"),
        ("PROVIDER_LIMITS", {"*": {"requests_a_minute": 60}}, "workers.E010"),
        ("PROVIDER_LIMITS", {"*": {"requests_per_minute": "60"}}, "workers.E010"),
        ("PROVIDER_LIMITS", {"*": {"requests_per_minute": -1}}, "workers.E010"),
        ("PROVIDER_LIMITS", {"*": {"failures": 0}}, "workers.E010"),
        ("PROVIDER_LIMITS", {"*": {"weights": {"batch": 0}}}, "workers.E010"),
        ("PROVIDER_LIMITS", {"*": {"weights": ["batch"]}}, "workers.E010"),
        ("PROVIDER_LIMITS", {"*": 60}, "workers.E010"),
        ("AGENT_MODELS", {"small": {"cost": 1}}, "workers.E010"),
        ("AGENT_MODELS", {"small": {"model": "m", "provider": "a/b"}}, "workers.E010"),
        ("AGENT_MODELS", {"small": {"model": "m", "base_url": "http://a:b/v1"}}, "workers.E010"),
        ("AGENT_ROUTES", {"batch": {"tier": "flex"}}, "workers.E010"),
        ("AGENT_ROUTES", {"batch": {"models": ["nobody"]}}, "workers.E011"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings, name, value, expected):
    setattr(settings, name, value)
    assert expected in ids()


def test_a_number_that_is_given_as_text_is_named_by_its_place(settings):
    settings.POOLS = {"default": {"slots": 9, "reserved": {"default": "2"}}}
    [told] = [message.msg for message in run_checks() if message.id == "workers.E002"]
    assert told.endswith("no number: reserved['default']")
