"""An S3 server in memory, with faults.

Prints its port and serves the bucket `fleet` until its standard input ends. `PUT /_fault?at=N&kind=KIND` makes it fail
the Nth request from then on: `error` answers 500, `busy` 503, `lost` answers 500 after it has done what was asked,
`cut` closes the connection, `slow` waits for two seconds. `N` can be `all`. `GET /_requests` counts the requests since.
"""

import logging
import sys
import threading
import time
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)


class Faults:
    def __init__(self, app):
        self.app = app
        self.lock = threading.Lock()
        self.count, self.at, self.kind = 0, None, None

    def __call__(self, environ, start_response):
        def answer(status, body=b""):
            start_response(status, [("Content-Length", str(len(body)))])
            return [body]

        if environ["PATH_INFO"] == "/_requests":
            return answer("200 OK", str(self.count).encode())
        if environ["PATH_INFO"] == "/_fault":
            asked = parse_qs(environ["QUERY_STRING"])
            with self.lock:
                self.count, self.at, self.kind = 0, asked["at"][0], asked["kind"][0]
            return answer("200 OK")
        with self.lock:
            self.count += 1
            kind = self.kind if self.at in ("all", str(self.count)) else None
        if kind == "slow":
            time.sleep(2)
        if kind in (None, "slow"):
            return self.app(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if kind == "lost":
            list(self.app(environ, lambda *_: None))
        else:
            environ["wsgi.input"].read(length)
        if kind == "cut":
            environ["werkzeug.socket"].close()
        return answer("503 Slow Down" if kind == "busy" else "500 Internal Server Error")


server = make_server("127.0.0.1", 0, Faults(DomainDispatcherApplication(create_backend_app)), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
