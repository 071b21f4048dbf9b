"""Small pieces of HTML that several admin pages show; everything in them is escaped."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString


def badge(state: str, label: str) -> SafeString:
    return format_html('<span class="badge is-{}">{}</span>', state, label)


def laid_out(value: Any) -> SafeString | str:
    """JSON as people read it."""
    if value in (None, {}, []):
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))


def brief(prefix: str, id: UUID) -> SafeString:  # noqa: A002 - as models call it
    """An id by its end: ids of one moment begin alike. The whole of it shows on hovering."""
    return format_html('<span title="{0}_{1}">{0}_…{2}</span>', prefix, id.hex, id.hex[-8:])


def linked(page: str, id: UUID, label: SafeString) -> SafeString:  # noqa: A002
    """To the row's own page in the admin."""
    address = reverse(f"admin:conversations_{page}_change", args=[id])
    return format_html('<a href="{}">{}</a>', address, label)


def moment(time: datetime | None) -> str:
    """To the second, in the site's time zone."""
    return exact(time)[:19]


def exact(time: datetime | None) -> str:
    """To the millisecond."""
    return timezone.localtime(time).isoformat(" ", "milliseconds") if time else "-"
