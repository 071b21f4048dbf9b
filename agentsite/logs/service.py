"""Lines for a central service, in batches over HTTP: OTLP/HTTP as JSON, or plain JSON.

A service that is away or overloaded is asked again, after a pause that doubles, for as long as it
takes; meanwhile the outlet's queue fills, and what does not fit is dropped and counted. A batch that
is too large for it goes in halves.
"""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

from agentsite.logs import lines
from agentsite.logs.lines import Said
from agentsite.logs.outlets import Batch
from workers.observing import metrics

TIMEOUT = 5.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
LATER = frozenset({408, 429, 500, 502, 503, 504})  # statuses after which a batch is sent again
TOO_LARGE = 413
SEVERITY = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}  # OTLP's numbers
OUTCOMES = ("sent", "failed")
BAD_ADDRESS = "LOG_SERVICE_URL is no address of HTTP: write http://collector:4318/v1/logs"
BAD_HEADERS = (
    "LOG_SERVICE_HEADERS has what no header may be: write words of ASCII, each in one line"
)


class Refused(Exception):
    """The service does not take this batch, now or later."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Service:
    """A sink of `outlets`; keeps one connection."""

    name = "service"

    def __init__(
        self, address: str, *, form: str = "otlp", headers: Mapping[str, str] | None = None
    ) -> None:
        """`form`: otlp, or json for a list of the lines' objects."""
        self._address = address  # read when it is needed: a wrong one stops nobody from starting
        self._form = {"otlp": otlp, "json": plain}[form]
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._connection: HTTPConnection | None = None
        for outcome in OUTCOMES:  # shown from the start, as 0
            metrics.LOG_BATCHES.labels(outcome)

    def write(self, batch: Batch) -> Iterator[float]:
        try:
            yield from self._send(self._form(batch))
        except Refused as refused:
            middle = len(batch) // 2
            if refused.status != TOO_LARGE or not middle:
                raise
            yield from self.write(batch[:middle])
            yield from self.write(batch[middle:])

    def _send(self, body: bytes) -> Iterator[float]:
        pause = FIRST_PAUSE
        while (asked := self._post(body)) is not None:
            yield asked or pause * random.uniform(0.5, 1)  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    def end(self) -> None:
        self._close()

    def forked(self) -> None:
        self._connection = None  # not closed: over TLS that would end the parent's

    def fault(self) -> str:
        """Why no request can be made, for whoever wrote the settings; asks nobody, quotes nothing."""
        try:
            if self._split.scheme not in ("http", "https") or not self._split.hostname:
                return BAD_ADDRESS
            self._split.hostname.encode("idna")  # as whoever looks it up does
            (connection := self._connect()).putrequest("POST", self._path())
        except (ValueError, HTTPException):
            return BAD_ADDRESS
        try:
            for name, told in self._headers.items():
                connection.putheader(name, told)
        except (ValueError, TypeError):
            return BAD_HEADERS
        return ""

    @property
    def _split(self) -> SplitResult:
        return urlsplit(self._address)

    def _post(self, body: bytes) -> float | None:
        """None once it is taken, else the seconds until it is wanted again; 0: it does not say."""
        status, asked = 0, 0.0
        try:
            status, asked = self._answer(body)
        finally:
            metrics.LOG_BATCHES.labels(OUTCOMES[status // 100 != 2]).inc()
        if status // 100 == 2:
            return None
        if status not in LATER:
            raise Refused(status)
        return asked

    def _answer(self, body: bytes) -> tuple[int, float]:
        """The status, 503 where there is none, and the seconds that the service asks for."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            with suppress(BrokenPipeError, ConnectionResetError):  # it has answered before the end
                self._connection.request("POST", self._path(), body, self._headers)
            answer = self._connection.getresponse()
            answer.read()
            if answer.status == TOO_LARGE:
                self._close()  # what it left unread would be the next request
            return answer.status, asked_for(answer)
        except (OSError, HTTPException):
            self._close()
            return 503, 0
        except ValueError:  # the settings are wrong, and nothing is begun on this connection again
            self._close()
            raise

    def _connect(self) -> HTTPConnection:
        made = HTTPSConnection if self._split.scheme == "https" else HTTPConnection
        return made(self._split.hostname or "", self._split.port, timeout=TIMEOUT)

    def _path(self) -> str:
        return self._split._replace(scheme="", netloc="").geturl() or "/"

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
    return f"[{','.join(line for _, line in batch)}]".encode("utf-8", "replace")


def otlp(batch: Batch) -> bytes:
    """OTLP's ExportLogsServiceRequest: opentelemetry-proto, logs/v1/logs.proto."""
    scope = {"scope": {"name": "agentsite"}, "logRecords": [log_record(*one) for one in batch]}
    resource = {"attributes": attributes({"service.name": "agentsite"})}
    request = {"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}
    return lines.dumped(request).encode("utf-8", "replace")


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
