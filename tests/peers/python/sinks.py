"""Where lines go: to an address, into a file that is synced, or nowhere."""

import http.client
import json
import os
import ssl
import urllib.parse

MOST_BYTES = 5 << 20


class Address:
    """Posts lines of JSON."""

    def __init__(self, url):
        self.target = urllib.parse.urlsplit(url)
        if self.target.scheme == "https":
            # The authority is in the file that SSL_CERT_FILE names.
            context = ssl.create_default_context()
            self.connection = http.client.HTTPSConnection(self.target.netloc, context=context)
        else:
            self.connection = http.client.HTTPConnection(self.target.netloc)

    def send(self, texts):
        lines, size = [], 0
        for text in texts:
            line = json.dumps(text)
            lines.append(line)
            size += len(line) + 1
            if size >= MOST_BYTES:
                self.post(lines)
                lines, size = [], 0
        if lines:
            self.post(lines)

    def post(self, lines):
        body = ("\n".join(lines) + "\n").encode()
        self.connection.request("POST", self.target.path, body, {"content-type": "application/x-ndjson"})
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status} {answer.reason}")


class File:
    """Appends lines, and syncs."""

    def __init__(self, path):
        self.file = open(path, "ab")

    def send(self, texts):
        self.file.write(("\n".join(texts) + "\n").encode())
        self.file.flush()
        os.fsync(self.file.fileno())


class Nowhere:
    """Makes the lines, and drops them."""

    def send(self, texts):
        for text in texts:
            json.dumps(text)


def sink(target):
    if target == "none":
        return Nowhere()
    return File(target.removeprefix("file:")) if target.startswith("file:") else Address(target)


def security():
    """What librdkafka needs for a broker that asks for a certificate."""
    if "PEER_CA" not in os.environ:
        return {}
    return {
        "security.protocol": "ssl",
        "ssl.ca.location": os.environ["PEER_CA"],
        "ssl.certificate.location": os.environ["PEER_CERT"],
        "ssl.key.location": os.environ["PEER_KEY"],
    }
