"""System checks of the models' settings; each says the mend. Light: nothing of an agent is imported."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from workers.agents.choices import Choice, Rule
from workers.ratelimit.terms import read

Apps = Sequence[AppConfig] | None
READERS: dict[str, tuple[Callable[..., object], str]] = {
    "PROVIDER_LIMITS": (read, "docs/limits.md has the terms of a limit."),
    "AGENT_MODELS": (lambda entry: Choice(**entry), "docs/limits.md has what a model may say."),
    "AGENT_ROUTES": (lambda entry: Rule(**entry), "docs/limits.md has what a rule may say."),
}


@checks.register
def entries(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Each entry says what it may, in numbers where numbers are due."""
    for setting, (reader, hint) in READERS.items():
        for name, entry in getattr(settings, setting).items():
            if problem := unreadable(entry, reader):
                told = f"{setting}[{name!r}] cannot be read: {problem}"
                yield checks.Error(told, hint=hint, id="workers.E010")


def unreadable(entry: Any, reader: Callable[..., object]) -> str:
    if not isinstance(entry, Mapping):
        return "it is no object"
    try:
        reader(entry)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


@checks.register
def models(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Rules name models that there are."""
    for name, rule in settings.AGENT_ROUTES.items():
        named = rule.get("models", ()) if isinstance(rule, Mapping) else ()
        for model in set(named) - settings.AGENT_MODELS.keys():
            yield checks.Error(
                f"AGENT_ROUTES[{name!r}] names the model {model!r}, which AGENT_MODELS has not",
                hint="Add it to AGENT_MODELS, or take it from the rule.",
                id="workers.E011",
            )
