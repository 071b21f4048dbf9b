"""The site's static files without a site.

No Content-Security-Policy here: the modules must be safe without it.
"""

import mimetypes
from pathlib import Path

from django.conf import settings

ROOTS = {
    "/static/": Path(settings.BASE_DIR) / "conversations/static",
    "/tests/": Path(__file__).parent / "js",
}


def found(path: str, pages: dict[str, str]) -> tuple[int, str, bytes]:
    """Status, type and content of what is at a path: one of the pages or a file."""
    if path in pages:
        return 200, "text/html; charset=utf-8", pages[path].encode()
    for prefix, root in ROOTS.items():
        file = root / path.removeprefix(prefix)
        if path.startswith(prefix) and file.is_file():
            return 200, mimetypes.guess_type(path)[0] or "text/plain", file.read_bytes()
    return 404, "text/plain", b""
