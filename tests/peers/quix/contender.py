"""A contender: Quix Streams with a sink of our own, since it has none for HTTP."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))

from quixstreams import Application
from quixstreams.kafka import ConnectionConfig
from quixstreams.sinks import BatchingSink
from sentences import SENTENCES
from sinks import security, sink


class Target(BatchingSink):
    """Sends 500 lines at once, when the application commits."""

    def __init__(self, target):
        super().__init__()
        self.target = target

    def setup(self):
        self.out = sink(self.target)

    def write(self, batch):
        for chunk in batch.iter_chunks(500):
            self.out.send([item.value for item in chunk])


def connection(servers):
    names = {name.replace(".", "_"): value for name, value in security().items()}
    return ConnectionConfig(bootstrap_servers=servers, **names)


def main():
    servers, topic, group, target, shape = sys.argv[1:]
    # As it comes it commits, and so sends, every five seconds.
    app = Application(
        broker_address=connection(servers),
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_every=500,
        commit_interval=0.05,
        auto_create_topics=False,
        loglevel="ERROR",
    )
    frame = app.dataframe(app.topic(topic, value_deserializer="json"))
    frame.apply(SENTENCES[shape]).sink(Target(target))
    app.run()


main()
