"""A second opinion on the emulator: it is driven with botocore, and all it says is held against botocore's model.

    check_emulator.py URL

The emulator must have been started with the knowledge bases below, nothing in them, and an indexing delay of 0.3 s.
"""

import copy
import json
import re
import sys
import time
import urllib.request
from datetime import datetime

import boto3
import botocore
import botocore.exceptions
from botocore.config import Config

# Two knowledge bases of the same name; the first has a custom and an S3 data source, the managed one its own kind.
KB, CUSTOM, S3 = "PRICES0001", "TICKS00001", "BUCKET0001"
MANAGED_KB, MANAGED = "NEWS000001", "MANAGED001"
KNOWLEDGE_BASES = [KB, "PRICES0002", MANAGED_KB]

URL = sys.argv[1]


# --- what is said on the wire, against the model

class Model:
    """Checks every answer that a client gets, as it is on the wire: botocore itself overlooks what it does not know."""

    def __init__(self):
        self.checked = 0

    def watch(self, client):
        client.meta.events.register("after-call", self.check)
        return client

    def check(self, http_response, model, **_):
        status, body = http_response.status_code, http_response.content
        code = http_response.headers.get("x-amzn-errortype")
        if status >= 300 and code is None:
            return  # from no service: a scripted answer of a proxy
        self.checked += 1
        value = json.loads(body)
        if status < 300:
            expect(status, model.http["responseCode"], f"status of {model.name}")
            validate(model.output_shape, value, model.name)
            return
        for shape in model.error_shapes:
            if shape.name == code:
                expect(status, shape.metadata["error"]["httpStatusCode"], f"status of {code}")
                validate(shape, value, code)


def validate(shape, value, where):
    """Fails unless `value` is all that `shape` asks for, and nothing else."""
    if getattr(shape, "is_document_type", False):
        return
    check = {
        "structure": validate_structure,
        "list": validate_list,
        "map": validate_map,
        "string": validate_string,
    }.get(shape.type_name)
    if check:
        check(shape, value, where)
    elif shape.type_name == "timestamp":
        datetime.fromisoformat(value)
    elif shape.type_name in ("double", "float"):
        assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{where}: {value!r} is not a number"
    elif shape.type_name in ("integer", "long"):
        assert type(value) is int, f"{where}: {value!r} is no integer"
    else:
        assert False, f"{where}: the validator does not know {shape.type_name}"


def validate_structure(shape, value, where):
    assert isinstance(value, dict), f"{where}: {value!r} is not an object"
    for name in shape.required_members:
        assert name in value, f"{where}: {name} is missing"
    for name, member in value.items():
        assert name in shape.members, f"{where}: {name} is not in the model"
        validate(shape.members[name], member, f"{where}.{name}")
    if getattr(shape, "is_tagged_union", False):
        expect(len(value), 1, f"members of the union {where}")


def validate_list(shape, value, where):
    assert isinstance(value, list), f"{where}: {value!r} is not a list"
    validate_length(shape, len(value), where)
    for index, item in enumerate(value):
        validate(shape.member, item, f"{where}[{index}]")


def validate_map(shape, value, where):
    validate_length(shape, len(value), where)
    for key, item in value.items():
        validate(shape.key, key, f"{where} key")
        validate(shape.value, item, f"{where}.{key}")


def validate_string(shape, value, where):
    assert isinstance(value, str), f"{where}: {value!r} is no string"
    validate_length(shape, len(value), where)
    enum, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
    assert not enum or value in enum, f"{where}: {value!r} is not one of {enum}"
    assert not pattern or re.fullmatch(pattern, value), f"{where}: {value!r} does not match {pattern}"


def validate_length(shape, length, where):
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", float("inf"))
    assert low <= length <= high, f"{where}: length {length} is not in {low}..{high}"


# --- requests that break the model in one place

def mutations(shape, value, path=()):
    """Yields every way in which one place of a request can break the model, as (path, new value, what)."""
    if getattr(shape, "is_document_type", False):
        return
    kind, low, high = shape.type_name, shape.metadata.get("min"), shape.metadata.get("max")
    if kind == "structure":
        yield from structure_mutations(shape, value, path)
    elif kind == "list":
        if low:
            yield path, value[: low - 1], "too few"
        if high:
            yield path, (value * (high + 1))[: high + 1], "too many"
        for index, item in enumerate(value):
            yield from mutations(shape.member, item, (*path, index))
    elif kind == "string":
        if low:
            yield path, value[: low - 1], "too short"
        if high:
            yield path, (value * (high + 1))[: high + 1], "too long"
        if shape.metadata.get("enum"):
            yield path, "NEITHER", "not in the enum"
        if shape.metadata.get("pattern") and not re.fullmatch(shape.metadata["pattern"], f" {value} \n"):
            yield path, f" {value} \n", "against the pattern"
    elif kind == "blob" and low:
        yield path, b"", "too short"
    elif kind in ("integer", "long"):
        if low is not None:
            yield path, low - 1, "too small"
        if high is not None:
            yield path, high + 1, "too large"


def structure_mutations(shape, value, path):
    for name, member in shape.members.items():
        if member.serialization.get("location") == "uri" or name not in value:
            continue
        if name in shape.required_members:
            yield (*path, name), None, "absent"
        yield from mutations(member, value[name], (*path, name))
    if getattr(shape, "is_tagged_union", False):
        [(name, member)] = value.items()
        kind = shape.members[name].name
        other = next(other for other in shape.members if other != name and shape.members[other].name == kind)
        yield (*path, other), copy.deepcopy(member), "two members of a union"


def changed(request, path, new):
    request = copy.deepcopy(request)
    place = request
    for step in path[:-1]:
        place = place[step]
    if new is None:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return request


# --- the parts

def connect(service, **config):
    config = Config(retries={"total_max_attempts": 1}, **config)
    client = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=URL,
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator",
        config=config,
    )
    return client


def control(method, what, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_emulator/{what}", method=method, data=data)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def fault(operation, fault, times=1):
    control("POST", "faults", {"operation": operation, "fault": fault, "times": times})


def expect(found, expected, what):
    assert found == expected, f"{what}: {found!r}, not {expected!r}"


def text_document(id, text="some text", attributes=()):
    document = {"content": {"dataSourceType": "CUSTOM", "custom": {
        "customDocumentIdentifier": {"id": id},
        "sourceType": "IN_LINE",
        "inlineContent": {"type": "TEXT", "textContent": {"data": text}},
    }}}
    if attributes:
        document["metadata"] = {"type": "IN_LINE_ATTRIBUTE", "inlineAttributes": list(attributes)}
    return document


def attribute(key, value):
    kind, member = {
        bool: ("BOOLEAN", "booleanValue"),
        float: ("NUMBER", "numberValue"),
        str: ("STRING", "stringValue"),
        list: ("STRING_LIST", "stringListValue"),
    }[type(value)]
    return {"key": key, "value": {"type": kind, member: value}}


def named(*ids):
    return [{"dataSourceType": "CUSTOM", "custom": {"id": id}} for id in ids]


def statuses(answer):
    return [detail["status"] for detail in answer["documentDetails"]]


HERE = {"knowledgeBaseId": KB, "dataSourceId": CUSTOM}


def finds_and_describes(agent):
    pages = list(agent.get_paginator("list_knowledge_bases").paginate(PaginationConfig={"PageSize": 2}))
    found = [kb["knowledgeBaseId"] for page in pages for kb in page["knowledgeBaseSummaries"]]
    expect((found, len(pages)), (KNOWLEDGE_BASES, 2), "knowledge bases")
    for id, kind in [(KB, "VECTOR"), (MANAGED_KB, "MANAGED")]:
        described = agent.get_knowledge_base(knowledgeBaseId=id)["knowledgeBase"]
        expect(described["knowledgeBaseConfiguration"]["type"], kind, id)
    paginator = agent.get_paginator("list_data_sources")
    pages = list(paginator.paginate(knowledgeBaseId=KB, PaginationConfig={"PageSize": 1}))
    found = [ds["dataSourceId"] for page in pages for ds in page["dataSourceSummaries"]]
    expect((found, len(pages)), ([CUSTOM, S3], 2), "data sources")
    for kb, ds, kind in [
        (KB, CUSTOM, "CUSTOM"),
        (KB, S3, "S3"),
        (MANAGED_KB, MANAGED, "MANAGED_KNOWLEDGE_BASE_CONNECTOR"),
    ]:
        described = agent.get_data_source(knowledgeBaseId=kb, dataSourceId=ds)["dataSource"]
        expect(described["dataSourceConfiguration"]["type"], kind, ds)


def takes_every_kind_of_document(agent):
    attributes = [attribute("s", "x"), attribute("n", 44.5), attribute("b", True), attribute("l", ["x", "y"])]
    inline = text_document("text", attributes=attributes)
    data = text_document("bytes")
    data["content"]["custom"]["inlineContent"] = {
        "type": "BYTE", "byteContent": {"mimeType": "text/plain", "data": b"some bytes"},
    }
    place = text_document("place")
    place["content"]["custom"].update(sourceType="S3_LOCATION", s3Location={"uri": "s3://bucket/key"})
    del place["content"]["custom"]["inlineContent"]
    place["metadata"] = {"type": "S3_LOCATION", "s3Location": {"uri": "s3://bucket/key.json"}}
    answer = agent.ingest_knowledge_base_documents(**HERE, documents=[inline, data, place])
    expect(statuses(answer), ["STARTING"] * 3, "documents at first")
    object = {"content": {"dataSourceType": "S3", "s3": {"s3Location": {"uri": "s3://bucket/object"}}}}
    there = {"knowledgeBaseId": KB, "dataSourceId": S3}
    agent.ingest_knowledge_base_documents(**there, documents=[object])
    identifier = {"dataSourceType": "S3", "s3": {"uri": "s3://bucket/object"}}
    answer = agent.get_knowledge_base_documents(**there, documentIdentifiers=[identifier])
    expect(answer["documentDetails"][0]["identifier"], identifier, "identifier of an object")
    managed = {"knowledgeBaseId": MANAGED_KB, "dataSourceId": MANAGED}
    agent.ingest_knowledge_base_documents(**managed, documents=[text_document("news", "some news")])
    stored = {document["id"]: document for document in control("GET", "documents")["documents"]}
    expect(stored["text"]["attributes"], {"s": "x", "n": 44.5, "b": True, "l": ["x", "y"]}, "attributes")
    expect(stored["bytes"]["text"], "some bytes", "bytes")
    expect(stored["place"]["content"], {"uri": "s3://bucket/key"}, "location")


def documents_go_through_their_statuses(agent, runtime):
    seen = []
    deadline = time.monotonic() + 5
    while "INDEXED" not in seen and time.monotonic() < deadline:
        [status] = statuses(agent.get_knowledge_base_documents(**HERE, documentIdentifiers=named("text")))
        seen += [status] if status not in seen else []
        time.sleep(0.02)
    assert seen in (["STARTING", "IN_PROGRESS", "INDEXED"], ["IN_PROGRESS", "INDEXED"], ["INDEXED"]), seen
    found = retrieve(runtime, "some text")["retrievalResults"]
    assert "text" in [result["location"]["customDocumentLocation"]["id"] for result in found], found
    answer = agent.delete_knowledge_base_documents(**HERE, documentIdentifiers=named("text", "never"))
    expect(statuses(answer), ["DELETING", "NOT_FOUND"], "deletion")
    time.sleep(0.35)
    paginator = agent.get_paginator("list_knowledge_base_documents")
    pages = list(paginator.paginate(**HERE, PaginationConfig={"PageSize": 2}))
    listed = {d["identifier"]["custom"]["id"]: d["status"] for page in pages for d in page["documentDetails"]}
    expect(listed, {"bytes": "INDEXED", "place": "INDEXED", "text": "NOT_FOUND"}, "list")
    expect(len(pages), 2, "pages")


def retrieve(runtime, text, filter=None, **rest):
    search = {"numberOfResults": 10, **({"filter": filter} if filter else {})}
    configuration = {"vectorSearchConfiguration": search}
    return runtime.retrieve(
        knowledgeBaseId=KB, retrievalQuery={"text": text}, retrievalConfiguration=configuration, **rest
    )


def retrieval_filters_and_pages(agent, runtime):
    prices = [("a", "OOOO", 44.5, ["NYSE"]), ("b", "AMZN", 180.0, ["NASDAQ", "LSE"]), ("c", "ZVZZT", 0.45, ["LSE"])]
    agent.ingest_knowledge_base_documents(**HERE, documents=[
        text_document(id, f"the price of {ticker}", [
            attribute("ticker", ticker), attribute("price", price), attribute("markets", markets),
        ]) for id, ticker, price, markets in prices
    ])
    time.sleep(0.35)

    def ids(filter):
        found = retrieve(runtime, "price", filter)["retrievalResults"]
        return "".join(sorted(result["location"]["customDocumentLocation"]["id"] for result in found))

    def test(name, key, value):
        return {name: {"key": key, "value": value}}

    for filter, expected in [
        (test("equals", "ticker", "OOOO"), "a"),
        (test("notEquals", "ticker", "OOOO"), "bc"),
        (test("notEquals", "absent", "x"), "abc"),
        (test("greaterThan", "price", 44.5), "b"),
        (test("greaterThanOrEquals", "price", 44.5), "ab"),
        (test("lessThan", "price", 44.5), "c"),
        (test("lessThanOrEquals", "price", 44.5), "ac"),
        (test("in", "ticker", ["OOOO", "AMZN"]), "ab"),
        (test("notIn", "ticker", ["OOOO", "AMZN"]), "c"),
        (test("notIn", "absent", ["x"]), ""),
        (test("startsWith", "ticker", "AM"), "b"),
        (test("listContains", "markets", "LSE"), "bc"),
        (test("stringContains", "markets", "YS"), "a"),
        (test("stringContains", "ticker", "ZZ"), "c"),
        ({"andAll": [test("listContains", "markets", "LSE"), test("lessThan", "price", 1)]}, "c"),
        ({"orAll": [test("equals", "ticker", "OOOO"), test("lessThan", "price", 1)]}, "ac"),
    ]:
        expect(ids(filter), expected, filter)
    paginator = runtime.get_paginator("retrieve")
    search = {"vectorSearchConfiguration": {"numberOfResults": 2}}
    pages = list(paginator.paginate(
        knowledgeBaseId=KB, retrievalQuery={"text": "price"}, retrievalConfiguration=search
    ))
    expect([len(page["retrievalResults"]) for page in pages], [2, 1], "pages of results")
    best = retrieve(runtime, "price OOOO")["retrievalResults"][0]
    expect(best["metadata"]["price"], 44.5, "metadata")
    expect(best["metadata"]["x-amz-bedrock-kb-data-source-id"], CUSTOM, "the service's own metadata")


def a_client_token_that_comes_again_is_ignored(agent):
    token = "t" * 40
    first = agent.ingest_knowledge_base_documents(**HERE, clientToken=token, documents=[text_document("once")])
    again = agent.ingest_knowledge_base_documents(**HERE, clientToken=token, documents=[text_document("twice")])
    expect(again["documentDetails"], first["documentDetails"], "the answer to a token seen before")
    known = [document["id"] for document in control("GET", "documents")["documents"]]
    assert "once" in known and "twice" not in known, known


def requests():
    """One request of every operation with as many members of the model as are emulated."""
    all_kinds = [attribute("s", "x"), attribute("n", 1.0), attribute("b", True), attribute("l", ["x"])]
    inline = text_document("m1", attributes=all_kinds)
    data = text_document("m2")
    data["content"]["custom"]["inlineContent"] = {
        "type": "BYTE", "byteContent": {"mimeType": "text/plain", "data": b"x"},
    }
    place = text_document("m3")
    place["content"]["custom"].update(
        sourceType="S3_LOCATION", s3Location={"uri": "s3://bucket/key", "bucketOwnerAccountId": "123456789012"}
    )
    del place["content"]["custom"]["inlineContent"]
    place["metadata"] = {
        "type": "S3_LOCATION",
        "s3Location": {"uri": "s3://bucket/key"},
        "accessControlList": [{"name": "x", "type": "USER", "access": "ALLOW"}],
    }
    equals = {"equals": {"key": "k", "value": 1}}
    managed = {"numberOfResults": 1, "filter": equals, "rerankingModelType": "NONE"}
    vector = {"numberOfResults": 1, "filter": {"andAll": [equals, equals]}, "overrideSearchType": "HYBRID"}
    return [
        ("IngestKnowledgeBaseDocuments", {**HERE, "clientToken": "m" * 40, "documents": [inline, data, place]}),
        ("DeleteKnowledgeBaseDocuments", {**HERE, "clientToken": "m" * 40, "documentIdentifiers": named("never")}),
        ("GetKnowledgeBaseDocuments", {**HERE, "documentIdentifiers": named("m1")}),
        ("ListKnowledgeBaseDocuments", {**HERE, "maxResults": 5}),
        ("ListKnowledgeBases", {"maxResults": 5}),
        ("ListDataSources", {"knowledgeBaseId": KB, "maxResults": 5}),
        ("GetKnowledgeBase", {"knowledgeBaseId": KB}),
        ("GetDataSource", HERE),
        *(("Retrieve", {
            "knowledgeBaseId": KB,
            "retrievalQuery": {"text": "x", "type": "TEXT"},
            "retrievalConfiguration": configuration,
            "userContext": {"userId": "x"},
        }) for configuration in [{"managedSearchConfiguration": managed}, {"vectorSearchConfiguration": vector}]),
    ]


def strict_as_the_model(agent, runtime):
    """Sends a sound request of each operation, and then all that break the model in one place."""
    count = 0
    for operation, request in requests():
        client = runtime if operation == "Retrieve" else agent
        call = getattr(client, botocore.xform_name(operation))
        call(**request)
        shape = client.meta.service_model.operation_model(operation).input_shape
        for path, new, what in mutations(shape, request):
            count += 1
            refused(client, call, changed(request, path, new), f"{operation} with {path} {what}")
        for name in [name for name in ("knowledgeBaseId", "dataSourceId") if name in request]:
            refused(client, call, {**request, name: "short"}, f"{operation} with a short {name}")
            absent = raised(client.exceptions.ResourceNotFoundException, call, **{**request, name: "ABSENT0001"})
            assert "ABSENT0001" in absent["Error"]["Message"], absent
    assert count > 60, f"only {count} requests that break the model"
    return count


def refused(client, call, request, what):
    try:
        call(**request)
    except client.exceptions.ValidationException:
        return
    except botocore.exceptions.ClientError as error:
        raise AssertionError(f"{what}: refused as {error}") from error
    raise AssertionError(f"{what}: taken")


def raised(kind, call, **request):
    try:
        call(**request)
    except kind as error:
        return getattr(error, "response", {})
    raise AssertionError(f"{kind.__name__} was not raised")


def the_longest_that_the_model_allows_is_taken(agent):
    document = text_document("i" * 2048, "x" * 5_242_880, [attribute("k" * 200, "v" * 2048)])
    agent.ingest_knowledge_base_documents(**HERE, documents=[document])
    many = [attribute(f"k{n}", ["x"] * 10) for n in range(50)]
    documents = [text_document(f"many-{n}", attributes=many) for n in range(10)]
    agent.ingest_knowledge_base_documents(**HERE, documents=documents)
    agent.delete_knowledge_base_documents(**HERE, documentIdentifiers=named(*(f"many-{n}" for n in range(10))))


def rules_that_the_model_cannot_express(agent):
    ingest = agent.ingest_knowledge_base_documents
    validation = agent.exceptions.ValidationException
    twice = raised(validation, ingest, **HERE, documents=[text_document("a"), text_document("a")])
    expect(twice["Error"]["Message"], "You provided duplicate documents in the request.", "duplicates")
    raised(validation, ingest, **HERE, documents=[text_document("a", " ")])
    raised(validation, ingest, **HERE, documents=[text_document("a", attributes=[attribute("x-amz-bedrock-x", "x")])])
    large = [text_document(str(n), "x" * 3_100_000) for n in range(2)]
    raised(validation, ingest, **HERE, documents=large)
    other = {"content": {"dataSourceType": "S3", "s3": {"s3Location": {"uri": "s3://bucket/object"}}}}
    raised(validation, ingest, **HERE, documents=[other])


def every_error_of_the_model_is_raised_as_such(agent, runtime):
    count = 0
    for operation, request in requests():
        client = runtime if operation == "Retrieve" else agent
        model = client.meta.service_model.operation_model(operation)
        for shape in model.error_shapes:
            status = shape.metadata["error"]["httpStatusCode"]
            fault(operation, {"error": {"status": status, "code": shape.name, "message": "scripted"}})
            call = getattr(client, botocore.xform_name(operation))
            response = raised(getattr(client.exceptions, shape.name), call, **request)
            expect(response["Error"], {"Code": shape.name, "Message": "scripted"}, operation)
            expect(response["ResponseMetadata"]["HTTPStatusCode"], status, operation)
            count += 1
    return count


def quotas_are_reported_as_the_service_does(agent):
    ingest = agent.ingest_knowledge_base_documents
    documents = [text_document("a")]
    control("PUT", "limits", {"rates": [{"operations": ["ingest"], "calls_per_second": 0.001}]})
    ingest(**HERE, documents=documents)
    raised(agent.exceptions.ThrottlingException, ingest, **HERE, documents=documents)
    control("PUT", "limits", {"max_concurrent": 0})
    response = raised(agent.exceptions.ValidationException, ingest, **HERE, documents=documents)
    assert "sum of concurrent IngestKnowledgeBaseDocuments" in response["Error"]["Message"], response
    control("PUT", "limits", {})
    ingest(**HERE, documents=documents)


def what_is_no_answer_of_the_service_is_not_taken_for_one(agent):
    ingest = agent.ingest_knowledge_base_documents
    documents = [text_document("a")]
    for name, code in [("throttled_without_code", "429"), ("bad_gateway", "502"), ("expired_token", "ExpiredTokenException")]:
        fault("ingest", name)
        response = raised(botocore.exceptions.ClientError, ingest, **HERE, documents=documents)
        expect(response["Error"]["Code"], code, name)
    for name in ["drop_before_applying", "drop_after_applying"]:
        fault("ingest", name)
        raised(botocore.exceptions.HTTPClientError, ingest, **HERE, documents=documents)
    hasty = connect("bedrock-agent", read_timeout=0.3)
    fault("ingest", "garbled")
    answer = hasty.ingest_knowledge_base_documents(**HERE, documents=documents)
    assert "documentDetails" not in answer, "botocore reads nothing in half of an answer, and does not complain"
    for fate, applied in [("hang", False), ({"delay_answer": "1s"}, True)]:
        id = f"late-{applied}"
        fault("ingest", fate)
        late = [text_document(id)]
        raised(
            botocore.exceptions.ReadTimeoutError, hasty.ingest_knowledge_base_documents, **HERE, documents=late
        )
        known = [document["id"] for document in control("GET", "documents")["documents"]]
        expect(id in known, applied, f"{fate} applied")


def documents_fail_one_by_one(agent):
    control("PUT", "rules", [
        {"documents": {"text_contains": "poison"}, "outcome": {"settles": {"status": "FAILED", "reason": "odd"}}},
        {"documents": {"id": "no"}, "outcome": {"refused": "cannot be parsed"}},
    ])
    agent.ingest_knowledge_base_documents(**HERE, documents=[text_document("bad", "poison"), text_document("good")])
    time.sleep(0.35)
    answer = agent.get_knowledge_base_documents(**HERE, documentIdentifiers=named("bad", "good"))
    expect(statuses(answer), ["FAILED", "INDEXED"], "one fails")
    expect(answer["documentDetails"][0]["statusReason"], "odd", "why it fails")
    refuse = agent.exceptions.ValidationException
    ingest = agent.ingest_knowledge_base_documents
    raised(refuse, ingest, **HERE, documents=[text_document("yes"), text_document("no")])
    control("PUT", "rules", [])
    fault("ingest", {"documents": [{"document": 1, "status": "IGNORED", "reason": "skipped"}]})
    answer = ingest(**HERE, documents=[text_document("a"), text_document("b")])
    expect(statuses(answer), ["STARTING", "IGNORED"], "one is ignored")


def main():
    begun = time.monotonic()
    model = Model()
    # The emulator is to find what is wrong, not the client.
    agent = model.watch(connect("bedrock-agent", parameter_validation=False))
    runtime = model.watch(connect("bedrock-agent-runtime", parameter_validation=False))
    finds_and_describes(agent)
    takes_every_kind_of_document(agent)
    documents_go_through_their_statuses(agent, runtime)
    retrieval_filters_and_pages(agent, runtime)
    a_client_token_that_comes_again_is_ignored(agent)
    broken = strict_as_the_model(agent, runtime)
    the_longest_that_the_model_allows_is_taken(agent)
    rules_that_the_model_cannot_express(agent)
    errors = every_error_of_the_model_is_raised_as_such(agent, runtime)
    quotas_are_reported_as_the_service_does(agent)
    what_is_no_answer_of_the_service_is_not_taken_for_one(agent)
    documents_fail_one_by_one(agent)
    print(
        f"botocore {botocore.__version__}: {model.checked} answers as the model has them, {broken} requests that "
        f"break it refused, {errors} errors raised as such, in {time.monotonic() - begun:.1f} s"
    )


if __name__ == "__main__":
    main()
