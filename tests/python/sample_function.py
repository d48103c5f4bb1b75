"""The published sample's Lambda function, for a comparison with `cargo run -p sluice-tests --example function`.

It speaks the runtime API as AWS's own client for Python does, with what Python ships. The function does what the sample's
does: text from JSON, a new random id for each document, ten documents per call, two seconds between calls,
and waits after throttled calls. PAUSE in the environment shortens the two seconds. It needs boto3 1.42.46 or later.
"""

import base64
import http.client
import json
import os
import random
import time
import uuid
from datetime import datetime, timezone

import boto3
from botocore.exceptions import ClientError

BATCH_SIZE, PAUSE = 10, float(os.environ.get("PAUSE", "2.0"))
MAX_RETRIES, BASE_DELAY, MAX_DELAY = 5, 1.0, 30.0
API = "/2018-06-01/runtime/invocation"

client = boto3.client("bedrock-agent")


def handler(event):
    documents = [
        document(json.loads(base64.b64decode(record["value"]).decode("utf-8")))
        for records in event["records"].values()
        for record in records
    ]
    for start in range(0, len(documents), BATCH_SIZE):
        ingest(documents[start : start + BATCH_SIZE])
        time.sleep(PAUSE)


def document(value):
    ts = datetime.fromtimestamp(value["timestamp"], tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    text = f"At {ts} the price of {value['ticker']} is {value['price']}."
    custom = {
        "customDocumentIdentifier": {"id": str(uuid.uuid4())},
        "sourceType": "IN_LINE",
        "inlineContent": {"type": "TEXT", "textContent": {"data": text}},
    }
    return {"content": {"dataSourceType": "CUSTOM", "custom": custom}}


def ingest(batch):
    for attempt in range(MAX_RETRIES):
        try:
            return client.ingest_knowledge_base_documents(
                knowledgeBaseId=os.environ["KBID"], dataSourceId=os.environ["DSID"], documents=batch
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ThrottlingException" or attempt == MAX_RETRIES - 1:
                raise
            time.sleep(min(BASE_DELAY * 2**attempt, MAX_DELAY) + random.uniform(0, 1))


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", f"{API}/next")
        answer = api.getresponse()
        request, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(answer.read())
        handler(event)
        api.request("POST", f"{API}/{request}/response", b"null")
        api.getresponse().read()


if __name__ == "__main__":
    main()
