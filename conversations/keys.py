"""API keys: made, found by what a request carries, revoked. Nothing else reads their rows."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from conversations.errors import InvalidKey
from conversations.models import ApiKey
from conversations.models.api_key import every_scope
from conversations.sockets import standing

MARK = "ags_"  # by which scanners for secrets know ours
SHOWN = len(MARK) + 8  # characters that lists show; 35 more stay secret
NOTED = timedelta(minutes=1)  # between two notes of a key's use


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a request speaks for, and what it may do."""

    key: UUID
    user: AbstractBaseUser
    scopes: frozenset[str]
    requests_per_minute: int  # 0: as many as come
    expires: datetime | None


def make(
    owner_id: int,
    *,
    name: str,
    scopes: Collection[str] = (),
    expires: datetime | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key, with every scope unless some are named; the second is the secret, told once."""
    secret = MARK + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        owner_id=owner_id,
        name=name,
        prefix=secret[:SHOWN],
        digest=digest(secret),
        scopes=sorted(scopes) or every_scope(),
        expires=expires,
        requests_per_minute=requests_per_minute,
    )
    return key, secret


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def caller(secret: str) -> Caller:
    """Who speaks by this key. Raises `InvalidKey`, without a word on what is wrong with it."""
    valid = ApiKey.objects.filter(Q(expires=None) | Q(expires__gt=Now()), revoked=None)
    key = valid.select_related("owner").filter(digest=digest(secret)).first()
    if key is None or not key.owner.is_active:
        raise InvalidKey
    _note_use(key)
    rate = key.requests_per_minute
    return Caller(
        key=key.pk,
        user=key.owner,
        scopes=frozenset(key.scopes),
        requests_per_minute=settings.API_REQUESTS_PER_MINUTE if rate is None else rate,
        expires=key.expires,
    )


def _note_use(key: ApiKey) -> None:
    """Once a minute: the condition lets one of many requests at once write."""
    before = timezone.now() - NOTED
    if key.last_used is None or key.last_used < before:
        unnoted = ApiKey.objects.filter(Q(last_used=None) | Q(last_used__lt=before), pk=key.pk)
        unnoted.update(last_used=Now())


def revoke(key_id: UUID) -> bool:
    """Refuse it from now on, also for what it began; whether it was valid until now."""
    key = ApiKey.objects.filter(pk=key_id, revoked=None)
    owner_id = key.values_list("owner", flat=True).first()
    if owner_id is None or not key.update(revoked=Now()):
        return False
    standing.announce(owner_id)
    return True
