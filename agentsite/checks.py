"""System checks of the site; each says the mend.

`check --deploy` adds those for production; `check --database default` compares the settings with
those of the workers that live.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import ProgrammingError
from django.db.models.functions import Now

from agentsite import env, logs
from conversations import stores
from workers import fingerprints
from workers.agents import registry
from workers.agents.servers import Server
from workers.checks import exists
from workers.models import WorkerProcess

Apps = Sequence[AppConfig] | None


@checks.register
def environment(app_configs: Apps, **options: Any) -> Iterable[checks.CheckMessage]:
    """What the readers of the environment could not read."""
    return [checks.Error(problem, id="agentsite.E001") for problem in env.problems]


@checks.register
def log_service(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """The central service for logs can be asked at all; whether it answers, the metrics tell."""
    service = logs.central(settings.LOGGING)
    if service and (fault := service.fault()):
        yield checks.Error(fault, id="agentsite.E007")


@checks.register
def traces(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """The collector of traces can be asked at all, and the libraries for it are there."""
    if not settings.TRACES_URL:
        return
    if not is_http(settings.TRACES_URL):
        yield checks.Error(
            "TRACES_URL is no address of HTTP",
            hint="Write http://collector:4318/v1/traces.",
            id="agentsite.E010",
        )
    if not exists("opentelemetry.exporter.otlp.proto.http"):
        yield checks.Error(
            "TRACES_URL is set, and the libraries for traces are missing",
            hint="Install requirements-extras.txt.",
            id="agentsite.E010",
        )


def is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


@checks.register
def names(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Settings that name one another."""
    if settings.AGENT_DEFAULT not in settings.AGENTS:
        yield checks.Error(
            f"AGENT_DEFAULT is {settings.AGENT_DEFAULT!r}, which is not in AGENTS",
            hint=f"Set it to one of {', '.join(settings.AGENTS)}.",
            id="agentsite.E002",
        )
    for agent, entry in settings.AGENTS.items():
        yield from faults_of(agent, entry)


def faults_of(agent: str, entry: Any) -> Iterator[checks.CheckMessage]:
    """Those of one agent."""
    try:
        read = registry.read(entry)
    except TypeError as error:
        yield checks.Error(
            f"AGENTS[{agent!r}] cannot be read: {error}",
            hint="docs/agents.md has the options; `agent` is needed.",
            id="agentsite.E008",
        )
        return
    if agent == settings.AGENT_DEFAULT and stores.is_carried(agent):
        yield checks.Error(
            f"AGENT_DEFAULT is {agent!r}, whose conversations are with its clients",
            hint="The page begins conversations with it: set it to an agent with another store.",
            id="agentsite.E006",
        )
    yield from names_of(agent, read)


def names_of(agent: str, options: registry.Options) -> Iterator[checks.CheckMessage]:
    """What it names is there; nothing of it is imported."""
    for option, known in (("store", settings.STORES), ("queue", settings.QUEUES)):
        if (name := getattr(options, option)) is not None and name not in known:
            yield checks.Error(
                f"AGENTS[{agent!r}] names the {option} {name!r}, which does not exist",
                hint=f"Name one of {', '.join(known)}.",
                id="agentsite.E003",
            )
    for option in ("agent", "deps", "summary"):
        path = str(getattr(options, option))
        if path and not exists(path.rpartition(".")[0]):
            yield checks.Error(
                f"AGENTS[{agent!r}] names the {option} {path!r}, whose module does not exist",
                hint="Give a dotted path that this process can import: myproject.agents.pirate.",
                id="agentsite.E009",
            )


@checks.register
def tools(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Where the tools of agents are."""
    for agent, entry in settings.AGENTS.items():
        servers = (entry.get("mcp") if isinstance(entry, Mapping) else None) or {}
        if not isinstance(servers, Mapping):
            yield checks.Error(
                f"AGENTS[{agent!r}]['mcp'] is no mapping",
                hint="Write the name of each server with its options.",
                id="agentsite.E004",
            )
            continue
        for name, server in servers.items():
            yield from tools_of(f"AGENTS[{agent!r}]['mcp'][{name!r}]", server)
    for network in settings.TOOL_NETWORKS:
        try:
            ip_network(network)
        except ValueError as error:
            yield checks.Error(
                f"TOOL_NETWORKS: {error}", hint="Write 10.1.0.0/16.", id="agentsite.E005"
            )


def tools_of(place: str, entry: dict[str, Any]) -> Iterator[checks.CheckMessage]:
    """One tool server."""
    try:
        server = Server(**entry)
    except TypeError as error:
        yield checks.Error(
            f"{place}: {error}", hint="docs/agents.md has the keys.", id="agentsite.E004"
        )
        return
    if not server.url.startswith(("http://", "https://")):
        yield checks.Error(
            f"{place} has the url {server.url!r}, which is none",
            hint="Write https://tools.example.org/mcp.",
            id="agentsite.E004",
        )


@checks.register(deploy=True)
def origins(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Forms and sockets are accepted from these addresses only."""
    if not settings.ALLOWED_ORIGINS:
        yield checks.Warning(
            "ALLOWED_ORIGINS is empty: no browser can log in or open a socket",
            hint="Set it to the page's own address, such as https://chat.example.org.",
            id="agentsite.W001",
        )
    for origin in settings.ALLOWED_ORIGINS:
        if not origin.startswith("https://"):
            yield checks.Warning(
                f"ALLOWED_ORIGINS has {origin}, which anyone on the way can speak for",
                hint="Name addresses with https:// only.",
                id="agentsite.W002",
            )


@checks.register(deploy=True)
def hosts(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """A host name that anyone may choose ends up in links and redirects."""
    if "*" in settings.ALLOWED_HOSTS:
        yield checks.Warning(
            "ALLOWED_HOSTS has *: every host name is served",
            hint="Name the site's own hosts.",
            id="agentsite.W003",
        )


@checks.register(checks.Tags.database)
def agreement(
    app_configs: Apps, databases: Sequence[str] | None = None, **options: Any
) -> Iterator[checks.CheckMessage]:
    """Replicas and workers agree; a difference is named by its section, never by its value.

    A warning, because `migrate` runs it too, in the middle of a rolling restart.
    """
    for worker, section in disagreements() if databases else ():
        yield checks.Warning(
            f"{worker} runs with other {section} than this process",
            hint=f"Give both the same {', '.join(settings.FINGERPRINTED[section])}; restart them.",
            id="agentsite.W004",
        )


def disagreements() -> list[tuple[str, str]]:
    """The name of each live worker with each section in which its settings differ from ours."""
    live = WorkerProcess.objects.filter(lease__gt=Now()).values_list("name", "fingerprints")
    try:
        fleet = list(live)
    except ProgrammingError:  # the tables are not there yet: this is their `migrate`
        return []
    ours = fingerprints.own()
    return [
        (worker, section)
        for worker, theirs in fleet
        for section in fingerprints.differences(ours, theirs or {})
    ]
