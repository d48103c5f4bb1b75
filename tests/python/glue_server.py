"""Serves what moto knows of AWS, AWS Glue's schema registry among it: glue_server.py PORT."""

import sys

from moto.server import main

main(["-H", "127.0.0.1", "-p", sys.argv[1]])
