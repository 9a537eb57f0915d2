# Counts its starts in the box's storage. The socket that WEBIZEN_SOCKET names is all an app has, and all it needs.
import http.server
import os
import signal
import socketserver
import sys
import threading
import time

from webizen_box import Box, BoxError

box = Box()


def stop(_signal, _frame):
    print("stopped", flush=True)
    sys.exit(0)


def count():
    """Adds one to the stored count, unless somebody else did so meanwhile: then once more from the start."""
    while True:
        stored = box.get("count")
        value, etag = stored or (b"0", None)
        try:
            box.put("count", str(int(value) + 1).encode(), after=etag)
            return int(value) + 1
        except BoxError as error:
            if error.code != "precondition-failed":
                raise


class Health(http.server.BaseHTTPRequestHandler):
    """The box asks here whether the app is well (webizen.json, "health")."""

    def do_GET(self):
        self.send_response(204 if self.path == "/health" else 404)
        self.end_headers()

    def address_string(self):
        return "box"  # who asks over a unix socket has no address

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
health = socketserver.ThreadingUnixStreamServer(os.path.join(os.environ["WEBIZEN_RUN"], "health.sock"), Health)
threading.Thread(target=health.serve_forever, daemon=True).start()
print(f"started {count()} times", flush=True)
while True:
    try:
        for event in box.events():
            print(f"event: {event['type']}", flush=True)
    except OSError:
        pass  # the box's software is started again: the socket is back in a moment
    time.sleep(1)
