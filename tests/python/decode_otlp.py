"""Decodes what a collector was sent, with the messages of OpenTelemetry for Python.

Takes a directory of bodies, `NUMBER.metrics`, `NUMBER.logs` and `NUMBER.traces`, with `.gz` behind it where one is packed. Writes
a JSON object: for each kind the list of its messages, ids in hexadecimal. A body that is no such message, or has a field that
the messages do not know, ends it.
"""

import base64
import gzip
import json
import pathlib
import sys

from google.protobuf import json_format, unknown_fields
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
}


def readable(value):
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in ("traceId", "spanId", "parentSpanId") else readable(item)
            for key, item in value.items()
        }
    return [readable(item) for item in value] if isinstance(value, list) else value


def unknown(message):
    """Says how many fields a message and those below it have that are not known."""
    count = len(unknown_fields.UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            values = value if field.is_repeated else [value]
            count += sum(unknown(below) for below in values)
    return count


decoded = {kind: [] for kind in KINDS}
for file in sorted(pathlib.Path(sys.argv[1]).iterdir(), key=lambda file: int(file.name.split(".")[0])):
    body = file.read_bytes()
    if file.suffix == ".gz":
        body = gzip.decompress(body)
    kind = file.name.split(".")[1]
    message = KINDS[kind].FromString(body)
    if unknown(message):
        sys.exit(f"{file.name}: has fields that nobody knows")
    decoded[kind].append(readable(json_format.MessageToDict(message)))
json.dump(decoded, sys.stdout)
