"""Seals: what a client carries and may neither read nor change.

Fernet of the `cryptography` library: AES-128-CBC and HMAC-SHA256. The key is derived by HKDF from
SECRET_KEY for one purpose and one owner, so what was sealed for another does not open. Every
replica and worker derives the same keys; SECRET_KEY_FALLBACKS open what older keys have sealed.
"""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from conversations.errors import InvalidState

EXPANSION = 20  # times its size that a state may unpack to; text rarely packs better than 10


def seal(data: bytes, *, purpose: str, owner_id: int) -> str:
    """Data as a token of URL-safe characters."""
    return _cipher(purpose, owner_id).encrypt(zlib.compress(data)).decode()


def unseal(token: str, *, purpose: str, owner_id: int) -> bytes:
    """The data in a token that was sealed for this. Raises `InvalidState`."""
    if not is_canonical(token):
        raise InvalidState
    try:
        packed = _cipher(purpose, owner_id).decrypt(token)
    except InvalidToken:
        raise InvalidState from None
    return inflated(packed, settings.SEALED_STATE_LIMIT * EXPANSION)


def is_canonical(token: str) -> bool:
    """Whether it is the one way of writing these bytes; decoders pass over what is foreign."""
    try:
        return urlsafe_b64encode(urlsafe_b64decode(token)).decode() == token
    except (Error, ValueError):
        return False


def inflated(packed: bytes, limit: int) -> bytes:
    """At most so many bytes are ever unpacked. Raises `InvalidState`."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, limit)
    except zlib.error:
        raise InvalidState from None
    if not stream.eof:
        raise InvalidState
    return data


def _cipher(purpose: str, owner_id: int) -> MultiFernet:
    """The first seals, all open."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([_fernet(secret, purpose, owner_id) for secret in secrets])


@lru_cache(maxsize=256)
def _fernet(secret: str, purpose: str, owner_id: int) -> Fernet:
    info = f"agentsite.{purpose}.{owner_id}".encode()
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())
    return Fernet(urlsafe_b64encode(key))
