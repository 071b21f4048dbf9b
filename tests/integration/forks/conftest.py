"""A conversation that was answered by a real provider, and tabs to look at its forks."""

from tests.integration.runner.conftest import asked, patience, provider, talk
from tests.integration.sockets.conftest import browser, clients, open_tab, session

__all__ = ["asked", "browser", "clients", "open_tab", "patience", "provider", "session", "talk"]
