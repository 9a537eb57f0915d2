# The tour of main.ts in Python, with webizen_box.py of sdk/client: PYTHONPATH=sdk/client python3 main.py
import http.client

from webizen_box import Box, BoxError

box = Box()


def count():
    while True:
        stored = box.get("tours")
        value, etag = stored or (b"0", None)
        try:
            box.put("tours", str(int(value) + 1).encode(), after=etag)
            return int(value) + 1
        except BoxError as error:
            if error.code != "precondition-failed":
                raise


def page(host, port):
    connection = http.client.HTTPConnection(host, port)
    connection.sock = box.tunnel(host, port)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


print(f"tours: {count()}")
box.notify("A tour", "The tour has been round.")
print("told the owner")
print(f"page: {page('api.example.com', 8080).strip()}")
print(f"event: {next(box.events())['type']}")
