"""Every metric that this site counts; whoever does a deed counts it, `exposition` shows them.

With METRICS_DIR the values live in files, one set a process: all processes of a host, forked
children too, are shown as one, and what a killed process counted stays counted.
"""

import os
from functools import partial
from pathlib import Path

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from workers import identity
from workers.observing.tallies import Tallies


def tidy() -> None:
    """Add up what the dead have left: on a host where nobody reads, their files would pile up."""
    if settings.METRICS_DIR:
        Tallies(Path(settings.METRICS_DIR)).tidy()


if settings.METRICS_DIR:
    Path(settings.METRICS_DIR).mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.METRICS_DIR)
    values.ValueClass = values.MultiProcessValue(identity.mark)  # type: ignore[no-untyped-call]
    tidy()  # whoever starts does it, whatever it starts for

REGISTRY = CollectorRegistry()

# Seconds. What people wait for is finer where they notice, and reaches as far as a turn may take.
WAITS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
DEEDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

counter = partial(Counter, registry=REGISTRY)
gauge = partial(Gauge, registry=REGISTRY, multiprocess_mode="livesum")  # of those that live
histogram = partial(Histogram, registry=REGISTRY)

# --- Turns. queue: the class of work (`Turn.pool`) ------------------------------------------------

TURNS_ACCEPTED = counter("agentsite_turns_accepted", "Messages acknowledged", ["queue"])
TURNS_CLAIMED = counter("agentsite_turns_claimed", "Attempts begun by a worker", ["queue"])
TURNS_ENDED = counter(
    "agentsite_turns_ended",
    "Turns that have their outcome; code: of the error, else empty",
    ["queue", "state", "code"],
)
TURNS_WAITED = counter("agentsite_turns_waited", "Turns that began to wait for a person", ["queue"])
TURN_WAIT = histogram(
    "agentsite_turn_wait_seconds", "From accept to the first claim", ["queue"], buckets=WAITS
)
FIRST_TOKEN = histogram(
    "agentsite_first_token_seconds", "From accept to the first words", ["queue"], buckets=WAITS
)
TURN_TIME = histogram(
    "agentsite_turn_seconds", "From accept to the outcome", ["queue", "state"], buckets=WAITS
)
TURNS_RECOVERED = counter(
    "agentsite_turns_recovered",
    "What the sweep found; how: requeued, ended, expired, hinted, failed",
    ["how"],
)
TURNS_HANDED_BACK = counter(
    "agentsite_turns_handed_back", "Given back by a draining worker", ["queue"]
)
FENCED = counter(
    "agentsite_fenced_writes",
    "Claims lost to somebody else; how: a write was refused, or the run abandoned before one",
    ["how"],
)
TOKENS = counter(
    "agentsite_tokens",
    "Tokens of ended turns; kind: input, output, cache_read, cache_write",
    ["agent", "kind"],
)

# --- Queues and how work reaches a worker ---------------------------------------------------------

HINTS = counter("agentsite_hints", "Hints to workers; outcome: sent, failed", ["queue", "outcome"])
HANDED = counter(
    "agentsite_hints_handed",
    "Hints given to one worker; how: push, hash; outcome: taken, returned",
    ["how", "outcome"],
)
JOBS = counter(
    "agentsite_jobs", "Hints run by a worker; outcome: done, failed, returned", ["queue", "outcome"]
)

# --- The model's provider. model: as the settings name it -----------------------------------------

PROVIDER_REQUESTS = counter(
    "agentsite_provider_requests",
    "Calls; outcome: ok, refused, failed, timeout, cancelled",
    ["model", "outcome"],
)
PROVIDER_TIME = histogram(
    "agentsite_provider_seconds", "From the call to the last word", ["model"], buckets=WAITS
)
PROVIDER_REFUSALS = counter("agentsite_provider_refusals", "Answers 429", ["model"])
PROVIDER_RETRIES = counter("agentsite_provider_retries", "Calls made again", ["model"])
PROVIDER_PAUSES = counter("agentsite_provider_pauses", "Pauses that everyone honours", ["model"])
PROVIDER_WAIT = histogram(
    "agentsite_provider_wait_seconds", "Waited for the shared budget", ["model"], buckets=WAITS
)
PROVIDER_TOKENS = counter(
    "agentsite_provider_tokens",
    "As the provider settled them; kind: input, output",
    ["model", "kind"],
)
CIRCUITS_OPENED = counter("agentsite_circuits_opened", "Models given up for a while", ["model"])
FALLBACKS = counter("agentsite_fallbacks", "Calls that went to another model", ["model", "to"])

# --- Tools and caches ------------------------------------------------------------------------

TOOL_CALLS = counter(
    "agentsite_tool_calls", "Calls; outcome: returned, retry, failed", ["tool", "outcome"]
)
TOOL_TIME = histogram("agentsite_tool_seconds", "From call to result", ["tool"], buckets=WAITS)
STRAYS = gauge("agentsite_tools_left", "Calls that go on though they were cancelled", ["tool"])
CACHE = counter(
    "agentsite_cache",
    "Look-ups; cache: transcript, history, tool; result: hit, miss, waited, error",
    ["cache", "result"],
)

# --- Doors ----------------------------------------------------------------------------------------

SOCKETS = gauge("agentsite_sockets", "Websockets open now", ["kind"])
SOCKETS_OPENED = counter("agentsite_sockets_opened", "Websockets accepted", ["kind"])
SOCKETS_CLOSED = counter("agentsite_sockets_closed", "Websockets closed, by code", ["kind", "code"])
SOCKET_GAPS = counter(
    "agentsite_socket_gaps", "Times a socket missed events and read the log again"
)
REQUESTS = counter("agentsite_requests", "HTTP requests, by route", ["route", "method", "status"])
REQUEST_TIME = histogram(
    "agentsite_request_seconds", "From request to response", ["route"], buckets=DEEDS
)
LIMITED = counter("agentsite_limited", "Requests refused by a limit; limit: its name", ["limit"])

# --- Processes ------------------------------------------------------------------------------------

LOOP_LAG = histogram(
    "agentsite_loop_lag_seconds",
    "How late the event loop woke up; role: replica, worker",
    ["role"],
    buckets=DEEDS,
)
SLOTS = gauge("agentsite_slots", "Turns that processes of this host may run at a time", ["pool"])
SLOTS_BUSY = gauge("agentsite_slots_busy", "Turns that they run now", ["pool"])
NOT_READY = gauge(
    "agentsite_not_ready", "Processes that lack something, by what they lack", ["role", "part"]
)
GATES_CLOSED = gauge(
    "agentsite_gates_closed", "Workers that fetch nothing, by reason", ["pool", "reason"]
)
WORKERS_DEAD = counter(
    "agentsite_workers_dead", "Workers found dead; reason: lock_free, lease_over", ["reason"]
)
PRESENCE_LOST = counter("agentsite_presence_lost", "Workers that had to register anew")
LOG_LINES_DROPPED = counter("agentsite_log_lines_dropped", "Too many to write", ["sink"])
LOG_BATCHES = counter(
    "agentsite_log_batches", "Sent to the central service; outcome: sent, failed", ["outcome"]
)
SCALINGS = counter(
    "agentsite_scalings", "Changes of a pool's size; direction: up, down", ["pool", "direction"]
)
WORKERS_WANTED = gauge(
    "agentsite_workers_wanted",
    "Processes that the autoscaler wants",
    ["pool"],
    multiprocess_mode="livemostrecent",
)
