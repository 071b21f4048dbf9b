"""Keys by which programs speak for a person."""

from django.conf import settings
from django.db import models

from conversations.ids import new_id


class Scope(models.TextChoices):
    """What a key may be used for."""

    READ = "read"
    WRITE = "write"


def every_scope() -> list[str]:
    return list(Scope.values)


class ApiKey(models.Model):
    """A key of its owner's; `keys` alone makes, finds and revokes them.

    Of the key itself only a SHA-256 is kept. A slow hash would protect a password, which people
    choose and others guess; 256 random bits nobody guesses, and every request pays for the hash.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    name = models.CharField(max_length=100, help_text="What it is for")
    prefix = models.CharField(max_length=20, editable=False, help_text="How the key begins")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=every_scope, help_text="Any of read, write")
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: API_REQUESTS_PER_MINUTE; 0: as many as come"
    )
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True, editable=False)
    last_used = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="To the minute"
    )

    class Meta:
        """Its constraint's name is a sentence too, made by Django: the digest is unique."""

        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"
