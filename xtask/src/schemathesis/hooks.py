"""Signs in as the demo tenant's administrator, and again when a request ended the session that it was made in."""

import json
import os
import urllib.error
import urllib.request

import schemathesis

BASE = os.environ["SCHEMATHESIS_KEYWARD_URL"]
PASSWORD = os.environ["SCHEMATHESIS_KEYWARD_PASSWORD"]


def ask(path, token=None, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data=data)
    if body is not None:
        request.add_header("content-type", "application/json")
    if token is not None:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    token = None

    def get(self, case, context):
        if self.token is not None:
            try:
                ask("/v1/session", self.token)
                return self.token
            except urllib.error.HTTPError:
                pass
        body = {"email": "admin@demo.example", "password": PASSWORD}
        self.token = ask("/v1/auth/login", body=body)["access_token"]
        return self.token

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
