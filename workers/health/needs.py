"""Whether what a process needs is there: PostgreSQL, its tables, Redis in each role, like settings.

Replicas and workers ask the same. All parts are asked at once, each for LIMIT seconds at most; one
that hangs is not asked again until it has answered.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache

import structlog
from django.conf import settings
from django.db import ProgrammingError, connection
from django.db.migrations.loader import MigrationLoader

from workers import fingerprints
from workers.redis import connections

LIMIT = 2.0  # seconds for each part
ROLES = ("queue", "cache", "live")  # of Redis, that nobody can do without

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one part lacks, and how to mend it; never an address or a secret."""

    problem: str = ""  # empty: nothing
    mend: str = ""
    binds: bool = True  # a process that lacks it is not ready; else it is only told

    def __str__(self) -> str:
        return f"{self.problem}: {self.mend}" if self.problem else "ok"


Report = Mapping[str, Finding]  # by part
Fingerprints = dict[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What is found out in one go: the parts it tells of, and what to do where it cannot be asked."""

    parts: tuple[str, ...]  # the first is what is asked
    ask: Callable[[], Report]
    mend: str
    binds: bool = True

    def unanswered(self, problem: str) -> Report:
        first, *others = self.parts
        unknown = Finding("unknown", f"it cannot be told without {first}")
        return {first: Finding(problem, self.mend, self.binds)} | dict.fromkeys(others, unknown)


class Examiner:
    """Asks the questions of one process."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = questions
        self._threads = ThreadPoolExecutor(len(questions), thread_name_prefix="probe")
        self._asked: dict[Question, Future[Report]] = {}
        self._problems: dict[str, str] = {}  # by part, when it was asked last

    def examine(self) -> Report:
        """Ask now; returns within LIMIT. What changes is logged."""
        for question in self._questions:
            if question not in self._asked or self._asked[question].done():
                self._asked[question] = self._threads.submit(question.ask)
        wait(self._asked.values(), LIMIT)
        found: dict[str, Finding] = {}
        for question, answer in self._asked.items():
            found |= settled(question, answer)
        self._tell(found)
        return found

    def _tell(self, found: Report) -> None:
        for part, finding in found.items():
            if finding.problem != self._problems.get(part, ""):
                say = log.warning if finding.problem else log.info
                say("dependency", part=part, problem=finding.problem or "none any more")
            self._problems[part] = finding.problem

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def lacking(report: Report) -> dict[str, str]:
    """What keeps a process from being ready, by part, with the mend."""
    return {part: str(told) for part, told in report.items() if told.problem and told.binds}


def settled(question: Question, answer: "Future[Report]") -> Report:
    """The answer, or that there is none and why."""
    if not answer.done():
        return question.unanswered("TimeoutError")
    if error := answer.exception():
        return question.unanswered(type(error).__name__)
    return answer.result()


def questions(peers: Callable[[], Sequence[Fingerprints]]) -> list[Question]:
    """What every process needs. `peers`: the settings of those with whom this one must agree."""
    servers: dict[str, dict[str, str]] = {}
    for role in ROLES:
        variable = f"REDIS_{role.upper()}_URL"
        for number, url in enumerate(connections.servers_of(getattr(settings, variable)), start=1):
            part = f"redis_{role}_{number}" if number > 1 else f"redis_{role}"
            servers.setdefault(url, {})[part] = variable
    asked = [postgresql(peers), *(redis(url, parts) for url, parts in servers.items())]
    store = settings.REDIS_STORE_URL
    if store and store not in {settings.REDIS_URL, *servers}:  # without it all other stores go on
        asked.append(redis(store, {"redis_store": "REDIS_STORE_URL"}, binds=False))
    return asked


def postgresql(peers: Callable[[], Sequence[Fingerprints]]) -> Question:
    """The server, that every migration was applied, and what needs it: the peers' settings."""

    def ask() -> Report:
        try:
            tables = missing_migrations()
            alike = Finding() if tables.problem else agreement(peers())
            return {"postgresql": Finding(), "migrations": tables, "settings": alike}
        finally:
            connection.close()  # back into the pool

    mend = "see that the server of DATABASE_URL runs and takes connections"
    return Question(("postgresql", "migrations", "settings"), ask, mend)


def redis(url: str, parts: Mapping[str, str], *, binds: bool = True) -> Question:
    """One server in all its roles, each with the variable that names it."""
    names = " and ".join(parts.values())

    def ask() -> Report:
        connections.ping(url)
        return dict.fromkeys(parts, Finding())

    mend = f"see that the server of {names} runs and takes connections"
    return Question(tuple(parts), ask, mend, binds)


def missing_migrations() -> Finding:
    """Whether the tables are those that this code knows; newer ones are fine."""
    wanted = newest_migrations()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT app || '.' || name FROM django_migrations"
                " WHERE app || '.' || name = ANY(%s)",
                [list(wanted)],
            )
            missing = wanted - {name for (name,) in cursor.fetchall()}
    except ProgrammingError:  # there is no table yet
        missing = wanted
    if not missing:
        return Finding()
    return Finding(f"{min(missing)} is not applied", "run manage.py migrate")


@cache
def newest_migrations() -> frozenset[str]:
    """The last migration of each application; they name all before them."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(f"{app}.{name}" for app, name in loader.graph.leaf_nodes())


def agreement(peers: Sequence[Fingerprints]) -> Finding:
    """A difference from every peer in what settings.FINGERPRINTS_BINDING names.

    From some: a rolling restart, in which the new may begin before the old have gone.
    """
    ours = fingerprints.own()
    found = [binding(ours, theirs) for theirs in peers]
    if not found or not all(found):
        return Finding()
    section = min(min(sections) for sections in found)
    names = ", ".join(settings.FINGERPRINTED[section])
    return Finding(f"other {section} than everybody else", f"give all the same {names}, restart")


def binding(ours: Fingerprints, theirs: Fingerprints) -> set[str]:
    return set(fingerprints.differences(ours, theirs)) & set(settings.FINGERPRINTS_BINDING)
