"""What the published sample's Lambda function does, for a comparison on the same endpoint.

    sample_handler.py URL KNOWLEDGE_BASE_ID DATA_SOURCE_ID SPEED RECORDS

RECORDS is a file with a JSON value a line. They come in events of 100, which is Lambda's default, and an event that
fails comes again, as the event source mapping would have it. With a SPEED of 10 all waits, those of the SDK included,
are ten times shorter; the time of the program's own is what it is.
"""

import base64
import json
import random
import sys
import time
import uuid
from datetime import datetime, timezone

import boto3
from botocore.exceptions import ClientError

URL, KBID, DSID, SPEED, RECORDS = sys.argv[1:]
EVENT_SIZE, BATCH_SIZE, BATCH_DELAY = 100, 10, 2.0
MAX_RETRIES, BASE_DELAY, MAX_DELAY = 5, 1.0, 30.0

really_sleep = time.sleep
time.sleep = lambda seconds: really_sleep(seconds / float(SPEED))

client = boto3.client(
    "bedrock-agent",
    region_name="us-east-1",
    endpoint_url=URL,
    aws_access_key_id="emulator",
    aws_secret_access_key="emulator",
)


def handler(event):
    documents = [document(json.loads(base64.b64decode(record["value"]).decode("utf-8")))
                 for records in event["records"].values() for record in records]
    for start in range(0, len(documents), BATCH_SIZE):
        ingest(documents[start:start + BATCH_SIZE])
        time.sleep(BATCH_DELAY)


def document(value):
    ts = datetime.fromtimestamp(value["timestamp"], tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    text = f"At {ts} the price of {value['ticker']} is {value['price']}."
    return {"content": {"dataSourceType": "CUSTOM", "custom": {
        "customDocumentIdentifier": {"id": str(uuid.uuid4())},
        "sourceType": "IN_LINE",
        "inlineContent": {"type": "TEXT", "textContent": {"data": text}},
    }}}


def ingest(batch):
    for attempt in range(MAX_RETRIES):
        try:
            return client.ingest_knowledge_base_documents(
                knowledgeBaseId=KBID, dataSourceId=DSID, documents=batch
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ThrottlingException" or attempt == MAX_RETRIES - 1:
                raise
            time.sleep(min(BASE_DELAY * 2**attempt, MAX_DELAY) + random.uniform(0, 1))


def events():
    with open(RECORDS, encoding="utf-8") as lines:
        values = [base64.b64encode(line.strip().encode()).decode() for line in lines]
    for start in range(0, len(values), EVENT_SIZE):
        yield {"records": {"streamtopic-0": [{"value": value} for value in values[start:start + EVENT_SIZE]]}}


def main():
    for number, event in enumerate(events()):
        while True:
            try:
                handler(event)
                break
            except ClientError as error:
                print(f"event {number} fails and comes again: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
