"""A tool server as the settings name it. Light: `check` reads it too, `tools` connects to it."""

from dataclasses import dataclass, field

CONNECT = 5.0  # seconds that a server has to answer at the beginning of a turn
TIMEOUT = 30.0  # seconds that one call may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One entry of an agent's `mcp`; a key that is not here is a mistake in the settings."""

    url: str
    token: str = ""  # sent as a bearer token
    connect: float = CONNECT
    timeout: float = TIMEOUT
    approve: list[str] = field(default_factory=list)  # names of tools that ask for leave; *: all

    def asks(self, tool: str) -> bool:
        """Whether a person has to agree to a call of it."""
        return tool in self.approve or "*" in self.approve
