import json
import os
import subprocess
import sys

import pytest

from workers.pools import Pool, Scaling, pool, pools, serving

SHOW = """
import json
from agentsite.settings import POOLS, WORKER_HISTORIES
from agentsite.env import problems
print(json.dumps([POOLS, WORKER_HISTORIES, problems]))
"""


def settled(**environment: str) -> list:
    """The pools, what a worker keeps parsed, and the problems of this environment."""
    command = [sys.executable, "-c", SHOW]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
    return json.loads(result.stdout)


def test_what_the_settings_leave_out_has_its_usual_value(settings):
    settings.POOLS = {"batch": {"slots": 7}}
    assert pool("batch") == Pool(name="batch", queues=("batch",), slots=7, scaling=Scaling())


def test_a_pool_may_serve_several_queues_and_a_queue_several_pools(settings):
    settings.POOLS = {"all": {"slots": 1, "queues": ["default", "batch"]}, "batch": {"slots": 1}}
    assert [pool.name for pool in serving("batch")] == ["all", "batch"]
    assert [pool.name for pool in serving("default")] == ["all"]


def test_a_key_that_no_pool_has_is_refused(settings):
    settings.POOLS = {"default": {"slots": 1, "slost": 2}}
    with pytest.raises(TypeError, match="slost"):
        pools()


def test_a_uniform_fleet_is_one_pool_beside_the_quarantine():
    found, *_ = settled(FLEET="uniform", WORKER_SLOTS="10")
    assert found.keys() == {"default", "quarantine"}
    assert found["default"]["queues"] == ["interactive", "default", "batch"]
    assert found["default"]["reserved"] == {"interactive": 2, "default": 1}


def test_a_specialised_fleet_is_a_pool_for_each_queue():
    found, *_ = settled(FLEET="specialised")
    assert found.keys() == {"interactive", "default", "batch", "quarantine"}


def test_batch_scales_more_aggressively_than_what_people_wait_for(settings):
    settings.POOLS = settings.FLEETS["specialised"]
    batch, default = pool("batch").scaling, pool("default").scaling
    assert batch.step > default.step
    assert batch.up_cooldown < default.up_cooldown
    assert batch.down_cooldown < default.down_cooldown
    assert pool("interactive").scaling.upper < default.upper  # nobody waits for batch work


def test_one_setting_has_workers_keep_what_the_same_conversations_said():
    kept = [settled(DISTRIBUTION=how)[1] for how in ("pull", "push", "hash")]
    assert kept[:2] == [0, 0]
    assert kept[2] > 0


def test_the_environment_changes_single_keys_of_a_pool():
    change = {"batch": {"maximum": 40, "scaling": {"step": 9}}}
    found, *_ = settled(FLEET="specialised", POOLS=json.dumps(change))
    assert found["batch"]["maximum"] == 40
    assert found["batch"]["scaling"]["step"] == 9
    assert found["batch"]["scaling"]["up_cooldown"] == 10


def test_a_fleet_that_does_not_exist_is_a_problem_and_the_usual_one_is_taken():
    found, _, problems = settled(FLEET="special")
    assert found.keys() == {"default", "quarantine"}
    assert problems == ["FLEET is 'special': set it to one of uniform, specialised"]
