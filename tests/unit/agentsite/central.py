"""A small service that takes log lines over HTTP."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import GENEROUS


class Central(ThreadingHTTPServer):
    """Keeps what it takes; answers the statuses it is given first, then 200."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken, self.statuses, self.headers, self.connections = [], [], [], 0
        self.asked, self.may_answer = threading.Semaphore(0), threading.Event()
        self.may_answer.set()
        self.largest = 2**20  # bytes
        self.retry_after = ""
        self.address = f"http://127.0.0.1:{self.server_port}/v1/logs"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def process_request(self, *args):
        self.connections += 1
        super().process_request(*args)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Central

    def do_POST(self):
        if (length := int(self.headers["Content-Length"])) > self.server.largest:
            self.close_connection = True  # and nothing is read, as nginx does
            self.send_error(413)
            return
        body = self.rfile.read(length)
        self.server.asked.release()
        assert self.server.may_answer.wait(GENEROUS)
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.server.headers.append(dict(self.headers))
        if status == 200:
            self.server.taken.append(json.loads(body))
        self.send_response(status)
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass
