"""Each alert of deploy/prometheus fires on what it is for, and on nothing else: Prometheus' own
`promtool` evaluates them over an hour of a small site's numbers."""

import json
import subprocess
from pathlib import Path

import yaml
from pydantic_ai.models.test import TestModel

from devtools import debian
from workers.agents.budgeted import Budgeted
from workers.fleet import sweep
from workers.observing import metrics

RULES = Path(__file__).parents[2] / "deploy/prometheus/alerts.yml"
ALERTS = [rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]]

# A number each minute, in promtool's notation: `3x60` stays 3, `0+2x60` grows by 2 each time.
AT_REST = {
    'agentsite_fleet_unknown{source="turns"}': "0x60",
    "agentsite_since_success_seconds": "0+60x60",
    'agentsite_oldest_turn_seconds{queue="batch"}': "0x60",
    'agentsite_oldest_turn_seconds{queue="interactive"}': "0x60",
    'agentsite_waiting_turns{queue="batch"}': "0x60",
    'agentsite_waiting_turns{queue="interactive"}': "0x60",
    'agentsite_queue_workers{queue="batch"}': "0x60",
    'agentsite_queue_workers{queue="interactive"}': "2x60",
    'agentsite_workers_wanted{pool="default"}': "2x60",
    'agentsite_pool_workers{pool="default"}': "2x60",
    'agentsite_pool_drained{pool="default"}': "0x60",
    'agentsite_not_ready{role="worker",part="redis_live"}': "0x60",
    'agentsite_turns_ended_total{state="completed"}': "0+100x60",
    'agentsite_turns_ended_total{state="failed"}': "0+5x60",
    'agentsite_first_token_seconds_bucket{queue="interactive",le="1"}': "0+99x60",
    'agentsite_first_token_seconds_bucket{queue="interactive",le="30"}': "0+100x60",
    'agentsite_first_token_seconds_bucket{queue="interactive",le="+Inf"}': "0+100x60",
    'agentsite_loop_lag_seconds_bucket{role="worker",le="0.1"}': "0+240x60",
    'agentsite_loop_lag_seconds_bucket{role="worker",le="1"}': "0+240x60",
    'agentsite_loop_lag_seconds_bucket{role="worker",le="+Inf"}': "0+240x60",
    'agentsite_provider_pauses_total{model="openai/gpt"}': "0x30 1x30",
    'agentsite_workers_dead_total{reason="lock_free"}': "0x30 1x30",
    'agentsite_log_lines_dropped_total{sink="stdout"}': "7x60",
    'agentsite_log_batches_total{outcome="failed"}': "7x60",
    'agentsite_log_batches_total{outcome="sent"}': "0+60x60",
}
GONE = "_x60"
WRONG: dict[str, dict[str, str]] = {
    "AgentsiteSilent": dict.fromkeys(AT_REST, GONE),
    "AgentsiteStuck": {'agentsite_oldest_turn_seconds{queue="batch"}': "0+60x60"},
    "AgentsiteNoWorkers": {'agentsite_waiting_turns{queue="batch"}': "1x60"},
    "AgentsiteNotScaled": {'agentsite_workers_wanted{pool="default"}': "2x40 3x20"},
    "AgentsiteNotReady": {'agentsite_not_ready{role="worker",part="redis_live"}': "0x50 1x10"},
    "AgentsiteBacklog": {
        'agentsite_oldest_turn_seconds{queue="interactive"}': "70x60",
        "agentsite_since_success_seconds": "1x60",
    },
    "AgentsiteSlowFirstWords": {
        'agentsite_first_token_seconds_bucket{queue="interactive",le="1"}': "0+90x60",
    },
    "AgentsiteFailures": {'agentsite_turns_ended_total{state="failed"}': "0x30 0+20x30"},
    "AgentsiteProviderPaused": {
        'agentsite_provider_pauses_total{model="openai/gpt"}': "0x50 0+2x10"
    },
    "AgentsiteWorkersDie": {
        f'agentsite_workers_dead_total{{reason="lock_free",instance="{pod}"}}': "0x50 1x10"
        for pod in range(4)
    },
    "AgentsiteLoopLags": {
        'agentsite_loop_lag_seconds_bucket{role="worker",le="0.1"}': "0+230x60",
    },
    "AgentsiteLogLinesDropped": {
        'agentsite_log_lines_dropped_total{sink="stdout"}': "7x55 8x5",
    },
    "AgentsiteLogServiceFails": {'agentsite_log_batches_total{outcome="failed"}': "7x50 7+1x10"},
    "AgentsiteFleetUnknown": {'agentsite_fleet_unknown{source="turns"}': "0x50 1x10"},
}


NEW = {name: GONE for name in AT_REST if "turns_ended" in name or "first_token" in name}
NEVER = {"agentsite_since_success_seconds": GONE}  # was a turn completed
DRAINED = {  # one of two workers, by a person
    'agentsite_pool_workers{pool="default"}': "2x30 1x30",
    'agentsite_pool_drained{pool="default"}': "0x30 1x30",
}
SCENES: list[tuple[dict[str, str], list[str]]] = [
    *((changes, [alert]) for alert, changes in WRONG.items()),
    (WRONG["AgentsiteStuck"] | NEVER, ["AgentsiteStuck"]),
    (DRAINED, []),
    (DRAINED | WRONG["AgentsiteNotScaled"], ["AgentsiteNotScaled"]),
    (NEW | NEVER, []),  # before the first turn
    ({}, []),  # at night: nobody says anything, one worker was killed half an hour ago
]


def scene(changes: dict[str, str], expected: list[str]) -> dict[str, object]:
    """Of promtool: just the expected alerts fire at the end of the hour."""
    series = [{"series": name, "values": told} for name, told in (AT_REST | changes).items()]
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in expected]
    expression = 'group by (alertname) (ALERTS{alertstate="firing"})'
    test = {"expr": expression, "eval_time": "1h", "exp_samples": samples}
    return {"interval": "1m", "input_series": series, "promql_expr_test": [test]}


def judged(scenes: list[dict[str, object]], folder: Path) -> str:
    """What promtool says of scenes that are not as they should be."""
    told = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": scenes}
    file = folder / "scenes.yml"
    file.write_text(json.dumps(told))
    words = [debian.unpacked("promtool", package="prometheus"), "test", "rules", file]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def test_each_alert_has_its_scene():
    assert set(ALERTS) == set(WRONG)


def test_each_alert_fires_alone_on_what_it_is_for_and_none_at_rest(tmp_path):
    assert judged([scene(*one) for one in SCENES], tmp_path) == ""


def test_promtool_sees_an_alert_that_does_not_fire_and_one_that_should_not(tmp_path):
    for wrong in (scene({}, ["AgentsiteStuck"]), scene(WRONG["AgentsiteStuck"], [])):
        assert "AgentsiteStuck" in judged([wrong], tmp_path)


def shown(counter) -> set[str]:
    """The values of its one label."""
    (family,) = counter.collect()
    return {value for sample in family.samples for value in sample.labels.values()}


def test_what_is_watched_for_an_increase_is_counted_from_zero():
    """Else the first of each process, which may be its only one, is no increase to Prometheus."""
    Budgeted(TestModel(model_name="quiet"))
    assert shown(metrics.WORKERS_DEAD) == set(sweep.REASONS)
    assert "test/quiet" in shown(metrics.PROVIDER_PAUSES)
