"""Writes orders as the serializers do that others wrote: Confluent's, and that of AWS Glue.

schema_producer.py SERVERS REGISTRY TOPIC avro|protobuf|json_schema|glue_avro|glue_json ROUND

Round 1 writes the orders 1, 2 and 3. Round 2 writes by schemas that have gone on: order 1 anew, a tombstone for order 2, and
order 4. What the values are meant to be stands in schema_producers.rs.
"""

import datetime
import decimal
import json
import sys
import uuid

from confluent_kafka import Producer
from confluent_kafka.serialization import MessageField, SerializationContext

SERVERS, REGISTRY, TOPIC, FORMAT, ROUND = sys.argv[1:6]
IS_LATER = ROUND == "2"
UTC = datetime.timezone.utc
AT = datetime.datetime(2026, 1, 31, 12, 30, 0, 500_000, tzinfo=UTC)


def is_written(order):
    """Says which orders a round writes."""
    return order in ((1, 2, 4) if IS_LATER else (1, 2, 3))


# Avro ---------------------------------------------------------------------------------------------------------------------

ADDRESS = {
    "type": "record", "name": "Address", "namespace": "shop",
    "fields": [{"name": "street", "type": "string"}, {"name": "geo", "type": ["null", {
        "type": "record", "name": "Geo", "fields": [{"name": "lat", "type": "double"}, {"name": "lon", "type": "float"}]}]}],
}


def avro_order():
    fields = [
        {"name": "id", "type": "long"},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "fee", "type": {"type": "fixed", "name": "Fee", "size": 8, "logicalType": "decimal",
                                 "precision": 18, "scale": 4}},
        {"name": "rate", "type": "double"},
        {"name": "ratio", "type": "float"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "at_us", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "time", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "ref", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
        {"name": "raw", "type": "bytes"},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "any", "type": ["null", "long", "boolean", "string", {"type": "array", "items": "int"}]},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {"name": "lines", "type": {"type": "array", "items": {
            "type": "record", "name": "Line", "fields": [
                {"name": "sku", "type": "string"},
                {"name": "parts", "type": ["null", {"type": "array", "items": "Line"}], "default": None}]}}},
        {"name": "to", "type": "shop.Address"},
    ]
    if IS_LATER:
        fields[1:1] = [{"name": "coupon", "type": ["null", "string"], "default": None}]
        fields.append({"name": "tier", "type": "string", "default": "basic"})
    return {"type": "record", "name": "Order", "namespace": "shop", "fields": fields}


def avro_key():
    key = {"type": "record", "name": "OrderKey", "namespace": "shop", "fields": [{"name": "id", "type": "long"}]}
    if IS_LATER:
        key["name"] = "KeyOfOrder"
    return key


def avro_value(order):
    value = {
        "id": 9007199254740992 + order, "price": decimal.Decimal("44.50"), "fee": decimal.Decimal("-0.1250"),
        "rate": 0.1, "ratio": 0.1, "at": AT, "at_us": AT.replace(microsecond=123456), "day": AT.date(),
        "time": datetime.time(0, 0, 1, 5), "ref": uuid.UUID("0a0b0c0d-0000-4000-8000-00000000000f"), "state": "PAID",
        "raw": b"\x00\xff", "hash": b"\xde\xad\xbe\xef", "note": None, "any": 42, "tags": {"a": "b"},
        "lines": [{"sku": "x", "parts": [{"sku": "żółć 🦀", "parts": None}]}, {"sku": "", "parts": []}],
        "to": {"street": "Main St \"1\"", "geo": {"lat": -0.5, "lon": 1.25}},
    }
    if order == 2:
        value.update({"any": "text", "note": "said", "lines": [], "tags": {}, "to": {"street": "", "geo": None}})
    if order == 3:
        # Before 1970, and the least of each.
        value.update({
            "id": -(2**63), "price": decimal.Decimal("-9999999.99"), "at": datetime.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
            "day": datetime.date(1969, 12, 31), "any": [1, -1], "rate": float("inf"),
        })
    if IS_LATER:
        value["coupon"] = "TEN" if order == 1 else None
        value["tier"] = "gold" if order == 1 else "basic"
        value["any"] = True
    return value


def confluent_avro():
    from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer

    client = SchemaRegistryClient({"url": REGISTRY})
    subject = f"{TOPIC}-address"
    client.register_schema(subject, Schema(json.dumps(ADDRESS), "AVRO"))
    reference = SchemaReference("shop.Address", subject, 1)
    value = Schema(json.dumps(avro_order()), "AVRO", [reference])
    return AvroSerializer(client, json.dumps(avro_key())), AvroSerializer(client, value), lambda order: {"id": order}, avro_value


# Protobuf -----------------------------------------------------------------------------------------------------------------

PROTO_ADDRESS = """
name: "shop/address.proto" package: "shop" syntax: "proto3"
message_type { name: "Address" field { name: "street" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }
"""

PROTO_KEY = """
name: "shop/key.proto" package: "shop" syntax: "proto3"
message_type { name: "OrderKey" field { name: "id" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL } %s }
"""

PROTO_ORDER = """
name: "shop/order.proto" package: "shop" syntax: "proto3"
dependency: "google/protobuf/timestamp.proto" dependency: "google/protobuf/duration.proto"
dependency: "google/protobuf/wrappers.proto" dependency: "google/protobuf/struct.proto" dependency: "google/type/money.proto"
dependency: "confluent/type/decimal.proto" dependency: "shop/address.proto"
message_type { name: "Nothing" }
message_type { name: "Shop"
  nested_type { name: "Nobody" }
  nested_type { name: "Order"
    field { name: "id" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
    field { name: "big" number: 2 type: TYPE_UINT64 label: LABEL_OPTIONAL }
    field { name: "unit_price" number: 3 type: TYPE_MESSAGE type_name: ".confluent.type.Decimal" label: LABEL_OPTIONAL }
    field { name: "money" number: 4 type: TYPE_MESSAGE type_name: ".google.type.Money" label: LABEL_OPTIONAL }
    field { name: "at" number: 5 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL }
    field { name: "took" number: 6 type: TYPE_MESSAGE type_name: ".google.protobuf.Duration" label: LABEL_OPTIONAL }
    field { name: "note" number: 7 type: TYPE_MESSAGE type_name: ".google.protobuf.StringValue" label: LABEL_OPTIONAL }
    field { name: "more" number: 8 type: TYPE_MESSAGE type_name: ".google.protobuf.Struct" label: LABEL_OPTIONAL }
    field { name: "state" number: 9 type: TYPE_ENUM type_name: ".shop.State" label: LABEL_OPTIONAL }
    field { name: "raw" number: 10 type: TYPE_BYTES label: LABEL_OPTIONAL }
    field { name: "tags" number: 11 type: TYPE_MESSAGE type_name: ".shop.Shop.Order.TagsEntry" label: LABEL_REPEATED }
    field { name: "lines" number: 12 type: TYPE_MESSAGE type_name: ".shop.Shop.Order.Line" label: LABEL_REPEATED }
    field { name: "card" number: 13 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
    field { name: "cash" number: 14 type: TYPE_SINT32 label: LABEL_OPTIONAL oneof_index: 0 }
    field { name: "rate" number: 15 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
    field { name: "to" number: 16 type: TYPE_MESSAGE type_name: ".shop.Address" label: LABEL_OPTIONAL }
    field { name: "unset" number: 17 type: TYPE_INT32 label: LABEL_OPTIONAL }
    %s
    oneof_decl { name: "paid_by" }
    nested_type { name: "TagsEntry" options { map_entry: true }
      field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
      field { name: "value" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL } }
    nested_type { name: "Line" field { name: "sku" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
      field { name: "parts" number: 2 type: TYPE_MESSAGE type_name: ".shop.Shop.Order.Line" label: LABEL_REPEATED } } } }
enum_type { name: "State" value { name: "NEW" number: 0 } value { name: "PAID" number: 1 } }
"""

LATER_FIELD = 'field { name: "%s" number: %d type: TYPE_STRING label: LABEL_OPTIONAL }'


def protobuf_class(text, name):
    """Makes what protoc would have generated."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

    pool = descriptor_pool.Default()
    pool.Add(text_format.Parse(text, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) if name else None


def confluent_protobuf():
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.confluent.type import decimal_pb2
    from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
    from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2
    from google.type import money_pb2

    protobuf_class(PROTO_ADDRESS, None)
    # A key that has a field more is written alike while the field is not set.
    key = protobuf_class(PROTO_KEY % (LATER_FIELD % ("comment", 2) if IS_LATER else ""), "shop.OrderKey")
    order_class = protobuf_class(PROTO_ORDER % (LATER_FIELD % ("coupon", 18) if IS_LATER else ""), "shop.Shop.Order")

    def value(order):
        made = order_class(
            id=-order, big=2**64 - 1, unit_price=decimal_pb2.Decimal(value=(4450).to_bytes(2, "big"), precision=9, scale=2),
            money=money_pb2.Money(currency_code="EUR", units=44, nanos=500_000_000),
            at=timestamp_pb2.Timestamp(seconds=1769862600, nanos=500_000_000),
            took=duration_pb2.Duration(seconds=-1, nanos=-500_000_000), note=wrappers_pb2.StringValue(value=""),
            state=1, raw=b"\x00\xff", tags={"b": 2, "a": -1}, card="4111", rate=0.1)
        made.more.update({"x": [1, None, {"y": True}]})
        made.lines.add(sku="x").parts.add(sku="żółć 🦀")
        made.to.street = "Main St"
        if order != 1:
            made.cash = 0
            for name in ("unit_price", "note", "more", "to", "lines", "tags", "state"):
                made.ClearField(name)
        if IS_LATER:
            made.coupon = "TEN"
        return made

    client = SchemaRegistryClient({"url": REGISTRY})
    return ProtobufSerializer(key, client), ProtobufSerializer(order_class, client), lambda order: key(id=order), value


# JSON Schema --------------------------------------------------------------------------------------------------------------

DIALECT = "http://json-schema.org/draft-07/schema#"


def json_schema(title, properties, required):
    return json.dumps({"$schema": DIALECT, "title": title, "type": "object", "properties": properties, "required": required})


def json_key_schema():
    properties = {"id": {"type": "integer"}}
    if IS_LATER:
        properties["id"]["description"] = "which makes it another schema"
    return json_schema("OrderKey", properties, ["id"])


def json_order_schema(address):
    properties = {"id": {"type": "integer"}, "price": {"type": "number"}, "to": address}
    if IS_LATER:
        properties["coupon"] = {"type": ["null", "string"]}
    return json_schema("Order", properties, ["id", "price"])


def json_value(order):
    value = {"id": 9007199254740992 + order, "price": 44.5, "to": {"street": "Main St"}, "list": [1, None, {"x": "żółć 🦀"}]}
    if IS_LATER:
        value["coupon"] = "TEN" if order == 1 else None
    return value


def confluent_json():
    from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
    from confluent_kafka.schema_registry.json_schema import JSONSerializer

    client = SchemaRegistryClient({"url": REGISTRY})
    subject = f"{TOPIC}-address"
    client.register_schema(subject, Schema(json_schema("Address", {"street": {"type": "string"}}, ["street"]), "JSON"))
    reference = SchemaReference("address.json", subject, 1)
    value = Schema(json_order_schema({"$ref": "address.json"}), "JSON", [reference])
    return JSONSerializer(json_key_schema(), client), JSONSerializer(value, client), lambda order: {"id": order}, json_value


# AWS Glue -----------------------------------------------------------------------------------------------------------------


def glue(make_key_schema, make_schema, key_schema, schema, key, value):
    """Serializers of AWS Glue; every other value is packed with zlib, by the same package."""
    import boto3
    from aws_schema_registry import SchemaRegistryClient
    from aws_schema_registry.codec import encode
    from aws_schema_registry.serde import DataAndSchema, KafkaSerializer

    client = boto3.client("glue", endpoint_url=REGISTRY, region_name="eu-west-1", aws_access_key_id="test",
                          aws_secret_access_key="test")
    if not IS_LATER:
        try:
            client.create_registry(RegistryName="orders")
        except client.exceptions.AlreadyExistsException:
            pass
    client = SchemaRegistryClient(client, registry_name="orders")
    of_key, of_value = KafkaSerializer(client, is_key=True), KafkaSerializer(client)
    key_schema, schema = make_key_schema(key_schema), make_schema(schema)

    def write_value(made, _context):
        is_packed = made["id"] % 2 == 1
        if not is_packed:
            return of_value.serialize(TOPIC, DataAndSchema(made, schema))
        version = of_value._get_schema_version(TOPIC, schema)
        return encode(schema.write(made), version.version_id, compression=True)

    def write_key(made, _context):
        return of_key.serialize(TOPIC, DataAndSchema(made, key_schema))

    return write_key, write_value, key, value


def glue_avro():
    from aws_schema_registry.avro import AvroSchema

    # It has no references: the address stands where it is used first.
    order = avro_order()
    order["fields"] = [{**field, "type": ADDRESS} if field["name"] == "to" else field for field in order["fields"]]
    return glue(AvroSchema, AvroSchema, json.dumps(avro_key()), json.dumps(order), lambda order: {"id": order}, avro_value)


def glue_json():
    from aws_schema_registry.jsonschema import JsonSchema

    schema = json_order_schema({"type": "object"})
    return glue(JsonSchema, JsonSchema, json_key_schema(), schema, lambda order: {"id": order}, json_value)


FORMATS = {"avro": confluent_avro, "protobuf": confluent_protobuf, "json_schema": confluent_json, "glue_avro": glue_avro,
           "glue_json": glue_json}


def main():
    write_key, write_value, key_of, value_of = FORMATS[FORMAT]()
    producer = Producer({"bootstrap.servers": SERVERS})
    for order in filter(is_written, range(1, 5)):
        key = write_key(key_of(order), SerializationContext(TOPIC, MessageField.KEY))
        is_deleted = IS_LATER and order == 2
        value = None if is_deleted else write_value(value_of(order), SerializationContext(TOPIC, MessageField.VALUE))
        producer.produce(TOPIC, key=key, value=value)
    assert producer.flush(30) == 0, "all is written"


main()
