"""A contender: mq-bridge runs the routes of a file; Python does nothing but start them."""

import json
import logging
import signal
import sys

import mq_bridge

logging.basicConfig(level=logging.WARNING)
mq_bridge.init_logging("warn")
with open(sys.argv[1], encoding="utf-8") as file:
    routes = [mq_bridge.Route.from_config(route) for route in json.load(file)]
for route in routes:
    route.start()
signal.pause()
