"""Waiting for processes that are not our children."""

import os
import select

from tests.waiting import GENEROUS


def await_end(pid):
    """Return when the process is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([fd], [], [], GENEROUS)
        assert ended, f"process {pid} still runs"
    finally:
        os.close(fd)
