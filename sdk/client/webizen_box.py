"""The standard API of a Webizen box, for Python 3.9 and later, with the standard library alone.

    box = Box()
    box.put("greeting", b"hello")
    for event in box.events():
        print(event["type"])
"""

import http.client
import json
import os
import socket
import urllib.parse


class BoxError(Exception):
    """What the box refused: programs look at `code`, people at the rest."""

    def __init__(self, status, problem):
        super().__init__(f"{problem.get('title', f'status {status}')}: {problem.get('remedy', '')}")
        self.status = status
        self.code = problem.get("code", "")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("box")
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def _problem(body):
    try:
        return json.loads(body)
    except ValueError:
        return {}


class Box:
    def __init__(self, path=None):
        self._path = path or os.environ.get("WEBIZEN_SOCKET", "/run/webizen/api.sock")

    def _open(self, method, path, body=None, headers=None):
        connection = _Connection(self._path)
        connection.request(method, path, body, headers or {})
        return connection, connection.getresponse()

    def call(self, method, path, body=None, headers=None):
        """One call. Answers headers and body; raises BoxError for a refusal."""
        connection, reply = self._open(method, path, body, headers)
        try:
            content = reply.read()
        finally:
            connection.close()
        if reply.status >= 400:
            raise BoxError(reply.status, _problem(content))
        return reply.headers, content

    def _json(self, method, path, value=None):
        body = None if value is None else json.dumps(value)
        headers = {} if value is None else {"content-type": "application/json"}
        return json.loads(self.call(method, path, body, headers)[1] or "null")

    def box(self):
        return self._json("GET", "/v1/box")

    def self(self):
        return self._json("GET", "/v1/self")

    def get(self, key):
        """The value and its ETag; None where nothing is stored."""
        try:
            headers, value = self.call("GET", f"/v1/storage/{urllib.parse.quote(key, safe='')}")
        except BoxError as error:
            if error.code == "key-not-found":
                return None
            raise
        return value, headers["etag"]

    def put(self, key, value, after=...):
        """Stores bytes. With `after`, only where that is still stored: an ETag, or None for nothing. Answers the ETag."""
        headers = {"content-type": "application/octet-stream"}
        if after is None:
            headers["if-none-match"] = "*"
        elif after is not ...:
            headers["if-match"] = after
        answer, _ = self.call("PUT", f"/v1/storage/{urllib.parse.quote(key, safe='')}", value, headers)
        return answer["etag"]

    def notify(self, title, text, severity="info"):
        return self._json("POST", "/v1/notifications", {"title": title, "text": text, "severity": severity})

    def attest(self, audience):
        return self._json("POST", "/v1/identity/attestations", {"audience": audience})["token"]

    def ready(self):
        self.call("PUT", "/v1/self/ready")

    def events(self):
        """Events as they come, until the box closes the stream: connect again then."""
        connection, reply = self._open("GET", "/v1/events")
        try:
            if reply.status != 200:
                raise BoxError(reply.status, _problem(reply.read()))
            while line := reply.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        finally:
            connection.close()

    def tunnel(self, host, port=443):
        """A connection to a server outside, bare: for TLS, wrap it with ssl.SSLContext.wrap_socket."""
        tunnel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        tunnel.connect(self._path)
        tunnel.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = tunnel.recv(1)  # no further: what follows is the server's
            if not byte:
                break
            head += byte
        status = int(head.split(b" ", 2)[1]) if head else 0
        if status == 200:
            return tunnel
        with tunnel, tunnel.makefile("rb") as rest:
            raise BoxError(status, _problem(rest.read()))
