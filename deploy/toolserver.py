"""A sample tool server: MCP over streamable HTTP, without a session, so any replica serves any call.

    uvicorn --app-dir deploy toolserver:application --port 9000

Needs `mcp` and `uvicorn`, nothing of the site. A tool with an effect would keep the key that each
call carries in its `_meta` ("agentsite/idempotency-key"), and answer a repeat as it did before.
"""

from datetime import date

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("calendar")
READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True)


@server.tool(annotations=READ_ONLY)
def weekday(day: str) -> str:
    """The day of the week of a date, as in 2027-01-31."""
    return date.fromisoformat(day).strftime("%A")


@server.tool(annotations=READ_ONLY)
def days_between(first: str, last: str) -> int:
    """How many days lie between two dates, as in 2027-01-31."""
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


application = server.streamable_http_app(stateless_http=True, json_response=True)
