#!/usr/bin/env python3
"""Writes vectors.json: records as the serializers of others encode them, and the JSON that they stand for.

    python3 -m venv venv && venv/bin/pip install "confluent-kafka[avro,protobuf,json,schemaregistry]==2.16.1" \
        grpcio-tools aws-glue-schema-registry==1.1.3
    venv/bin/python make.py

The expected JSON is written down here by hand, by the mapping of docs/converters.md, and not computed by Sluice.
"""

import datetime
import importlib
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import uuid
from decimal import Decimal

import fastavro
from aws_schema_registry.codec import encode as glue_encode
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry import header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

UTC = datetime.timezone.utc
GLUE_VERSION = uuid.UUID("b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63")

AVRO_TYPES = {
    "type": "record", "name": "Everything", "namespace": "shop", "fields": [
        {"name": "nothing", "type": "null"},
        {"name": "yes", "type": "boolean"},
        {"name": "int", "type": "int"},
        {"name": "long", "type": "long"},
        {"name": "float", "type": "float"},
        {"name": "double", "type": "double"},
        {"name": "bytes", "type": "bytes"},
        {"name": "text", "type": "string"},
        {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}},
        {"name": "tag", "type": {"type": "fixed", "name": "Tag", "size": 2}},
        {"name": "list", "type": {"type": "array", "items": "int"}},
        {"name": "map", "type": {"type": "map", "values": "long"}},
        {"name": "maybe", "type": ["null", "string"]},
        {"name": "several", "type": ["null", "long", "string", "Color"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "big", "type": {"type": "fixed", "name": "Big", "size": 20, "logicalType": "decimal", "precision": 40, "scale": 5}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "exactly", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "time", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "next", "type": ["null", "Everything"], "default": None},
    ],
}
AVRO_VALUE = {
    "nothing": None, "yes": True, "int": -7, "long": 9007199254740993, "float": 1.5, "double": 0.1,
    "bytes": b"\xff\x00", "text": "zażółć \"x\"\n", "color": "GREEN", "tag": b"ab", "list": [1, -2, 3], "map": {"a": 1},
    "maybe": None, "several": 42, "price": Decimal("44.50"), "big": Decimal("-12345678901234567890123456789.00001"),
    "day": datetime.date(2026, 1, 31), "at": datetime.datetime(2026, 1, 31, 12, 30, 0, 500000, UTC),
    "exactly": datetime.datetime(2026, 1, 31, 12, 30, 0, 1, UTC), "time": datetime.time(12, 30, 0, 500000),
    "local": datetime.datetime(2026, 1, 31, 12, 30), "id": uuid.UUID("01234567-89ab-cdef-0123-456789abcdef"), "next": None,
}
HEAD = (r'{"nothing":null,"yes":true,"int":-7,"long":9007199254740993,"float":1.5,"double":0.1,"bytes":"/wA=",'
        r'"text":"zażółć \"x\"\n","color":"GREEN","tag":"YWI=","list":[1,-2,3],"map":{"a":1},"maybe":null,')
TAIL = r',"id":"01234567-89ab-cdef-0123-456789abcdef","next":null}'
AVRO_JSON = (HEAD + r'"several":42,"price":44.50,"big":-12345678901234567890123456789.00001,"day":20484,'
             r'"at":1769862600500,"exactly":1769862600000001,"time":45000500,"local":1769862600000' + TAIL)
AVRO_STYLED = (HEAD + r'"several":{"long":42},"price":"44.50","big":"-12345678901234567890123456789.00001","day":"2026-01-31",'
               r'"at":"2026-01-31T12:30:00.5Z","exactly":"2026-01-31T12:30:00.000001Z","time":"12:30:00.5",'
               r'"local":"2026-01-31T12:30:00"' + TAIL)

PROTO_COMMON = 'syntax = "proto3"; package shop; message Address { string street = 1; int32 number = 2; }'
PROTO = '''
syntax = "proto3";
package shop;
import "common.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
message First { string a = 1; }
message Order {
  enum State { NEW = 0; PAID = 1; }
  message Line { string article = 1; int64 count = 2; message Deep { bool yes = 1; } }
  int64 order_id = 1;
  string customer_name = 2;
  State state = 3;
  repeated Line lines = 4;
  map<string, int64> stock = 5;
  oneof payment { string card = 6; double cash = 7; }
  Address address = 8;
  google.protobuf.Timestamp at = 9;
  google.protobuf.Duration took = 10;
  google.protobuf.Int64Value wrapped = 11;
  google.protobuf.Struct free = 12;
  google.protobuf.Any any = 13;
  bytes raw = 14;
  optional int32 maybe = 15;
  float ratio = 16;
  uint64 biggest = 17;
  Address no_address = 18;
  repeated int32 numbers = 19;
}
'''

cases = []


def case(name, converter, settings, record, expected, schemas, headers=None):
    """Keeps a case. `schemas` maps paths of the registry to what it answers there."""
    cases.append({
        "name": name, "converter": converter, "settings": settings, "record": record.hex(), "expected": expected,
        "schemas": schemas, "headers": {key: value.hex() for key, value in (headers or {}).items()},
    })


def context(headers=None):
    return SerializationContext("orders", MessageField.VALUE, headers)


def registered(client, record):
    """Returns what a registry answers for the id that a record begins with."""
    number = struct.unpack(">I", record[1:5])[0]
    schema = client.get_schema(number)
    return number, answer(schema)


def answer(schema):
    body = {"schema": schema.schema_str}
    if schema.schema_type != "AVRO":
        body["schemaType"] = schema.schema_type
    if schema.references:
        body["references"] = [
            {"name": each.name, "subject": each.subject, "version": each.version} for each in schema.references]
    return body


def avro():
    client = SchemaRegistryClient.new_client({"url": "mock://avro"})
    record = AvroSerializer(client, json.dumps(AVRO_TYPES))(AVRO_VALUE, context())
    number, body = registered(client, record)
    schemas = {f"/schemas/ids/{number}": body}
    case("avro, every type", "avro", {}, record, AVRO_JSON, schemas)
    styled = {"decimal": "string", "time": "rfc3339", "union": "tagged"}
    case("avro, every type in the other style", "avro", styled, record, AVRO_STYLED, schemas)

    headers = {}
    serializer = AvroSerializer(client, '"string"', conf={"schema.id.serializer": header_schema_id_serializer})
    record = serializer("plain", SerializationContext("names", MessageField.VALUE, headers))
    guid = uuid.UUID(bytes=headers["__value_schema_id"][1:17])
    case("avro, a guid in the header", "avro", {}, record, '"plain"',
         {f"/schemas/guids/{guid}": {"schema": '"string"'}}, headers)

    address = {"type": "record", "name": "Address", "namespace": "shop", "fields": [{"name": "street", "type": "string"}]}
    customer = {"type": "record", "name": "Customer", "namespace": "shop", "fields": [
        {"name": "home", "type": "shop.Address"}, {"name": "work", "type": ["null", "Address"]}]}
    client.register_schema("address", Schema(json.dumps(address), "AVRO"))
    schema = Schema(json.dumps(customer), "AVRO", [SchemaReference("shop.Address", "address", 1)])
    record = AvroSerializer(client, schema)({"home": {"street": "a"}, "work": {"street": "b"}}, context())
    number, body = registered(client, record)
    case("avro, a reference", "avro", {}, record, '{"home":{"street":"a"},"work":{"street":"b"}}',
         {f"/schemas/ids/{number}": body, "/subjects/address/versions/1": {"schema": json.dumps(address)}})


def protobuf(folder):
    (folder / "common.proto").write_text(PROTO_COMMON)
    (folder / "order.proto").write_text(PROTO)
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--python_out={folder}", "common.proto",
                    "order.proto"], check=True, cwd=folder)
    sys.path.insert(0, str(folder))
    common, order = importlib.import_module("common_pb2"), importlib.import_module("order_pb2")
    from google.protobuf import descriptor_pb2  # pylint: disable=import-outside-toplevel
    full = order.Order(
        order_id=9007199254740993, customer_name="Ä", state=1, lines=[order.Order.Line(article="x", count=2)],
        stock={"b": 2, "a": 1}, cash=1.5, address=common.Address(street="s"), raw=b"\xff", ratio=1.1,
        biggest=2**64 - 1, numbers=[1, 300])
    full.at.FromDatetime(datetime.datetime(2026, 1, 31, 12, 30, 0, 500000))
    full.took.FromMilliseconds(-1500)
    full.wrapped.value = 7
    full.free.update({"k": [1.0, None, "v"]})
    full.any.Pack(common.Address(street="t", number=3))
    any_url = "type.googleapis.com/shop.Address"
    full_json = (
        '{"order_id":9007199254740993,"customer_name":"Ä","state":"PAID","lines":[{"article":"x","count":2}],'
        '"stock":{"a":1,"b":2},"cash":1.5,"address":{"street":"s","number":0},"at":"2026-01-31T12:30:00.5Z",'
        '"took":"-1.5s","wrapped":7,"free":{"k":[1.0,null,"v"]},"any":{"@type":"' + any_url + '","street":"t","number":3},'
        '"raw":"/w==","ratio":1.1,"biggest":18446744073709551615,"numbers":[1,300]}')
    empty_json = ('{"order_id":0,"customer_name":"","state":"NEW","lines":[],"stock":{},"raw":"","ratio":0.0,"biggest":0,'
                  '"numbers":[]}')
    client = SchemaRegistryClient.new_client({"url": "mock://protobuf"})
    conf = {"use.deprecated.format": False, "skip.known.types": True}

    def serialize(message):
        record = ProtobufSerializer(type(message), client, conf)(message, context())
        number, body = registered(client, record)
        schemas = {f"/schemas/ids/{number}": body}
        for each in client.get_schema(number).references:
            referred = client.get_version(each.subject, each.version).schema
            schemas[f"/subjects/{each.subject}/versions/{each.version}"] = answer(referred)
        return record, schemas

    record, schemas = serialize(full)
    case("protobuf, every type, base64 descriptors", "protobuf", {}, record, full_json, schemas)
    text = {path: dict(body, schema=PROTO if "references" in body else PROTO_COMMON) for path, body in schemas.items()}
    case("protobuf, every type, .proto text", "protobuf", {}, record, full_json, text)
    record, schemas = serialize(order.Order())
    case("protobuf, nothing set", "protobuf", {}, record, empty_json, schemas)
    record, schemas = serialize(order.First(a="f"))
    case("protobuf, the first message", "protobuf", {}, record, '{"a":"f"}', schemas)
    record, schemas = serialize(order.Order.Line.Deep(yes=True))
    case("protobuf, a nested message", "protobuf", {}, record, '{"yes":true}', schemas)

    # As AWS Glue's serializer has it: the index of the message among all, sorted by full name.
    names = ["shop.First", "shop.Order", "shop.Order.Line", "shop.Order.Line.Deep"]
    record = glue_encode(bytes([names.index("shop.Order.Line")]) + order.Order.Line(article="g").SerializeToString(),
                         GLUE_VERSION)
    small = PROTO.replace('import "common.proto";', PROTO_COMMON.split("shop;", 1)[1]).replace("google.protobuf.Any any = 13;", "")
    names = ["shop.Address"] + names
    record = glue_encode(bytes([names.index("shop.Order.Line")]) + order.Order.Line(article="g").SerializeToString(),
                         GLUE_VERSION)
    case("protobuf, AWS Glue", "protobuf", {"glue": True}, record, '{"article":"g","count":0}',
         {str(GLUE_VERSION): {"SchemaDefinition": small, "DataFormat": "PROTOBUF"}})
    assert descriptor_pb2


def json_schema():
    client = SchemaRegistryClient.new_client({"url": "mock://json"})
    address = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Address", "type": "object",
               "properties": {"street": {"type": "string"}}, "required": ["street"]}
    customer = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Customer", "type": "object",
                "properties": {"home": {"$ref": "address.json"}, "age": {"type": "integer"}}}
    client.register_schema("address", Schema(json.dumps(address), "JSON"))
    schema = Schema(json.dumps(customer), "JSON", [SchemaReference("address.json", "address", 1)])
    record = JSONSerializer(schema, client)({"home": {"street": "a"}, "age": 7}, context())
    number, body = registered(client, record)
    schemas = {f"/schemas/ids/{number}": body,
               "/subjects/address/versions/1": {"schema": json.dumps(address), "schemaType": "JSON"}}
    expected = record[5:].decode().replace(": ", ":").replace(", ", ",")
    case("json_schema", "json_schema", {}, record, expected, schemas)
    case("json_schema, validated", "json_schema", {"validate": True}, record, expected, schemas)
    broken = record[:5] + b'{"home": {"street": 3}}'
    case("json_schema, not valid", "json_schema", {"validate": True}, broken, None, schemas)


def glue():
    schema = {"type": "record", "name": "Price", "fields": [{"name": "ticker", "type": "string"}]}
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, {"ticker": "OOOO"})
    body = {str(GLUE_VERSION): {"SchemaDefinition": json.dumps(schema), "DataFormat": "AVRO"}}
    for packed in (False, True):
        record = glue_encode(buffer.getvalue(), GLUE_VERSION, compression=packed)
        case(f"avro, AWS Glue, packed: {packed}", "avro", {"glue": True}, record, '{"ticker":"OOOO"}', body)


with tempfile.TemporaryDirectory() as scratch:
    avro()
    protobuf(pathlib.Path(scratch))
    json_schema()
    glue()
text = json.dumps(cases, indent=1, ensure_ascii=False)
pathlib.Path(__file__).with_name("vectors.json").write_text(text + "\n", encoding="utf-8")
print(f"{len(cases)} cases")
