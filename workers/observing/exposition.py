"""The metrics as Prometheus reads them, and who may: in text, by token or from this machine only."""

from collections.abc import Iterable
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from workers.observing import metrics
from workers.observing.tallies import Tallies

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BEARER = "Bearer "


def counted() -> bytes:
    """What the processes of this host counted; without METRICS_DIR, this process alone."""
    return generate_latest(registry_of(tallies()))


def tallies() -> Collector:
    return Tallies(Path(settings.METRICS_DIR)) if settings.METRICS_DIR else metrics.REGISTRY


def registry_of(*collectors: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(Unnamed(collector))
    return registry


class Unnamed:
    """A collector that is not asked for its names when it is registered: it would count twice."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        return self._collector.collect()

    def describe(self) -> Iterable[Metric]:
        return []


def may_read(authorization: str, *, address: str, forwarded: bool) -> bool:
    """With METRICS_TOKEN whoever bears it; without, who asks from this machine and for nobody else."""
    if settings.METRICS_TOKEN:
        borne = authorization.removeprefix(BEARER) if authorization.startswith(BEARER) else ""
        return compare_digest(borne.encode(), settings.METRICS_TOKEN.encode())
    try:
        return not forwarded and ip_address(address).is_loopback
    except ValueError:  # a UNIX socket, or the test client's
        return False
