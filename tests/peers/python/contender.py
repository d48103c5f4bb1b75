"""A contender: what one writes by hand in Python. It retries nothing and measures nothing."""

import http.client
import json
import sys
import time
import urllib.parse

from confluent_kafka import Consumer


def line(value):
    price = json.loads(value)
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(price["timestamp"])))
    return json.dumps(f"At {at} the price of {price['ticker']} is {price['price']}.")


def main():
    servers, topic, group, url = sys.argv[1:]
    target = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(target.netloc)
    settings = {
        "bootstrap.servers": servers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 5,
    }
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while True:
        records = consumer.consume(500, timeout=0.05)
        if not records:
            continue
        for record in records:
            if record.error():
                raise SystemExit(str(record.error()))
        body = "\n".join(line(record.value()) for record in records) + "\n"
        connection.request("POST", target.path, body.encode(), {"content-type": "application/x-ndjson"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status} {answer.reason}")
        consumer.commit(asynchronous=True)


main()
