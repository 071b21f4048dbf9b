"""Fingerprints of the settings in which replicas and workers must agree; they give nothing away."""

import hashlib
import json
from collections.abc import Mapping

from django.conf import settings

LENGTH = 12  # hexadecimal digits


def own() -> dict[str, str]:
    """Of this process, section by section of settings.FINGERPRINTED.

    Read when somebody asks: a project's own settings module goes on where ours ends.
    """
    sections = settings.FINGERPRINTED.items()
    return fingerprints({name: [getattr(settings, key) for key in keys] for name, keys in sections})


def fingerprints(sections: Mapping[str, object]) -> dict[str, str]:
    """A fingerprint for each section, so that a difference can be named."""
    return {name: fingerprint(name, value) for name, value in sections.items()}


def fingerprint(name: str, value: object) -> str:
    text = json.dumps([name, value], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def differences(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """The sections that both have and that differ."""
    return sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
