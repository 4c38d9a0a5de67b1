"""A loopback server with PhysioNet's layout."""

import contextlib
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """Serve bytes by path over HTTP, and record the requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []  # path, Range
        self.drop_after: dict[str, list[int]] = {}  # bytes sent before each drop
        self.ranges = True
        self.encoding = None  # Content-Encoding of all files
        self.delay = 0.0
        self.dripping: set[str] = set()  # paths sent slowly
        self.busy = 0  # number of answers "503, retry at once"
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def publish(self, database, files):
        """Serve files of a database, and their SHA-256 sums."""
        lines = [f"{hashlib.sha256(data).hexdigest()} {path}\n" for path, data in files.items()]
        self.files |= {f"{database}/{path}": data for path, data in files.items()}
        self.files[f"{database}/SHA256SUMS.txt"] = "".join(lines).encode()

    def asked_for(self, path):
        return [asked for name, asked in self.asked if name == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, path = self.server, self.path.lstrip("/")
        with server.lock:
            server.asked.append((path, self.headers.get("Range")))
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        time.sleep(server.delay)
        with server.lock:
            server.at_once -= 1
        if server.busy:
            server.busy -= 1
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path not in server.files:
            self.send_error(404)
            return
        data, start = server.files[path], 0
        if server.ranges and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if start and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        if server.encoding:
            self.send_header("Content-Encoding", server.encoding)
        self.end_headers()
        if server.drop_after.get(path):
            self.wfile.write(data[start : start + server.drop_after[path].pop(0)])
            self.close_connection = True
        elif path in server.dripping:
            for first in range(start, len(data), 1 << 16):
                self.wfile.write(data[first : first + (1 << 16)])
                time.sleep(0.02)
        else:
            self.wfile.write(data[start:])

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the client stopped
            super().handle()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("ecgsk.datasets._fetch_files._PAUSE_SECONDS", 0.01)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
