"""Whom a TLS connection trusts: the machine's certificates, or those of SSL_CERT_FILE.

To read them takes 25 ms of CPU, in which an event loop does nothing else: a process does it once.
"""

import ssl
from functools import cache

import httpx2


@cache
def certificates() -> ssl.SSLContext:
    """Shared by all clients; nobody adds to it."""
    return httpx2.create_ssl_context()
