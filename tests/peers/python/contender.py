"""A contender: what one writes by hand in Python. It retries nothing and measures nothing."""

import json
import sys

from confluent_kafka import Consumer
from sentences import SENTENCES
from sinks import security, sink


def main():
    servers, topic, group, target, shape = sys.argv[1:]
    settings = {
        "bootstrap.servers": servers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 5,
        **security(),
    }
    sentence, out = SENTENCES[shape], sink(target)
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while True:
        records = consumer.consume(500, timeout=0.05)
        if not records:
            continue
        for record in records:
            if record.error():
                raise SystemExit(str(record.error()))
        out.send([sentence(json.loads(record.value())) for record in records])
        consumer.commit(asynchronous=True)


main()
