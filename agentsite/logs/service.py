"""Lines for a central service, in batches over HTTP: OTLP/HTTP as JSON, or plain JSON.

A service that is away or overloaded is asked again, after a pause that doubles, for as long as it
takes; meanwhile the outlet's queue fills, and what does not fit is dropped and counted.
"""

import json
import random
import threading
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

from agentsite.logs import lines
from agentsite.logs.lines import Said
from workers.observing import metrics

TIMEOUT = 5.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
LATER = frozenset({408, 429, 500, 502, 503, 504})  # statuses after which a batch is sent again
SEVERITY = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}  # OTLP's numbers

Batch = Sequence[tuple[Said, str]]


class Service:
    """A sink of `outlets`; keeps one connection."""

    name = "service"

    def __init__(
        self, address: str, *, form: str = "otlp", headers: Mapping[str, str] | None = None
    ) -> None:
        """`form`: otlp, or json for a list of the lines' objects."""
        self._address: SplitResult = urlsplit(address)
        self._form = {"otlp": otlp, "json": plain}[form]
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._connection: HTTPConnection | None = None
        self._ending = threading.Event()

    def write(self, batch: Batch) -> int:
        body = self._form(batch)
        pause = FIRST_PAUSE
        while True:
            status, wait = self._post(body)
            is_sent = status // 100 == 2
            metrics.LOG_BATCHES.labels("sent" if is_sent else "failed").inc()
            if is_sent:
                return 0
            if status not in LATER or self._ending.is_set():
                return len(batch)
            self._ending.wait(wait or pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    def hurry(self) -> None:
        self._ending.set()

    def end(self) -> None:
        self._close()

    def forked(self) -> None:
        self._connection = None  # not closed: over TLS that would end the parent's
        self._ending = threading.Event()

    def _post(self, body: bytes) -> tuple[int, float]:
        """The status, 503 where there is none, and the seconds that the service asks for."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request("POST", self._path(), body, self._headers)
            answer = self._connection.getresponse()
            answer.read()
            return answer.status, asked_for(answer)
        except (OSError, HTTPException):
            self._close()
            return 503, 0

    def _connect(self) -> HTTPConnection:
        made = HTTPSConnection if self._address.scheme == "https" else HTTPConnection
        return made(self._address.hostname or "", self._address.port, timeout=TIMEOUT)

    def _path(self) -> str:
        return self._address._replace(scheme="", netloc="").geturl() or "/"

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def asked_for(answer: HTTPResponse) -> float:
    """Seconds in Retry-After; 0: not said, or as a date."""
    told = answer.getheader("Retry-After", "")
    return min(float(told), LONGEST_PAUSE) if told.isdecimal() else 0


def plain(batch: Batch) -> bytes:
    """A JSON list of the lines' objects."""
    return f"[{','.join(line for _, line in batch)}]".encode()


def otlp(batch: Batch) -> bytes:
    """OTLP's ExportLogsServiceRequest: opentelemetry-proto, logs/v1/logs.proto."""
    scope = {"scope": {"name": "agentsite"}, "logRecords": [log_record(*one) for one in batch]}
    resource = {"attributes": attributes({"service.name": "agentsite"})}
    return lines.dumped({"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}).encode()


def log_record(said: Said, line: str) -> dict[str, object]:
    fields = json.loads(line)
    trace = fields.pop("trace_id", "")
    level = fields.pop("level", "")
    return {
        "timeUnixNano": str(int(said.created * 1e9)),
        "severityNumber": SEVERITY.get(level, SEVERITY["info"]),
        "severityText": level.upper(),
        "body": {"stringValue": fields.pop("event", "")},
        "attributes": attributes(fields),
        **({"traceId": trace, "spanId": fields.pop("span_id", "")} if trace else {}),
    }


def attributes(fields: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": name, "value": value(told)} for name, told in fields.items()]


def value(told: object) -> dict[str, object]:
    """OTLP's AnyValue."""
    if isinstance(told, bool):
        return {"boolValue": told}
    if isinstance(told, int):
        return {"intValue": str(told)}
    if isinstance(told, float):
        return {"doubleValue": told}
    return {"stringValue": told if isinstance(told, str) else lines.dumped(told)}
