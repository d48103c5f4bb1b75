"""The command line of kafka-connect-py, by its module: `kc` may not be on the path."""

from kafka_connect.cli import cli

cli()
