#!/usr/bin/env python
"""Django's command line for the site."""

import os
import sys

# Of these the log is the output; that of all others is their answer, and their log stands aside.
SERVICES = {"agentworker", "autoscale", "rqworker", "runserver"}

if __name__ == "__main__":
    if sys.argv[1:2] == ["workerprobe"]:  # asked every few seconds: 0.03 s instead of one
        from workers.health.probe import main

        sys.exit(main(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    if not SERVICES & set(sys.argv[1:2]):
        os.environ.setdefault("LOG_STREAM", "stderr")
    execute_from_command_line(sys.argv)
