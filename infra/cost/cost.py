#!/usr/bin/env python3
"""Recomputes the tables of docs/cost.md from prices.json: `infra/cost/cost.py`, or `--check` to only compare."""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "cost.md"
BOOK = json.loads((FOLDER / "prices.json").read_text())
PRICE, HOURS = BOOK["prices"], BOOK["hours_per_month"]

BROKERS = ("2 brokers kafka.t3.small", 2 * HOURS * PRICE["msk_t3_small_hour"])
STORAGE = ("2 x 5 GiB of broker storage", 10 * PRICE["msk_storage_gib_month"])
POLLERS = ("1 event poller unit (provisioned pollers)", HOURS * PRICE["epu_hour"])
ENDPOINTS = ("2 interface endpoints in 2 zones (Lambda, STS)", 4 * HOURS * PRICE["interface_endpoint_zone_hour"])
BEDROCK = ("1 interface endpoint in 2 zones (Bedrock)", 2 * HOURS * PRICE["interface_endpoint_zone_hour"])
# CloudWatch bills an alarm by the metrics that it looks at.
ALARMS = ("9 alarms on 11 metrics", 11 * PRICE["alarm_month"])
# The events of a mapping are counted in seven ways, also when there are none; errors only when there are some.
METRICS = ("7 metrics of the mapping", 7 * PRICE["metric_month"])
ADDRESS = ("1 public address", HOURS * PRICE["public_ipv4_hour"])
SERVERLESS = (
    "serverless cluster, 3 partitions",
    HOURS * (PRICE["msk_serverless_cluster_hour"] + 3 * PRICE["msk_serverless_partition_hour"]),
)
TASK = (
    "1 Fargate task, 0.25 vCPU and 0.5 GiB",
    HOURS * (0.25 * PRICE["fargate_vcpu_hour"] + 0.5 * PRICE["fargate_gib_hour"]),
)

# What is paid every month when nothing happens.
AT_REST = {
    "the sample, at these prices": [
        BROKERS,
        STORAGE,
        ("NAT gateway", HOURS * PRICE["nat_gateway_hour"]),
        ADDRESS,
        ("notebook, 40 hours", 40 * PRICE["notebook_t3_medium_hour"]),
    ],
    "default": [BROKERS, STORAGE, POLLERS, ALARMS, METRICS],
    "`PollerMode=on-demand`": [BROKERS, STORAGE, ENDPOINTS, ALARMS, METRICS],
    "`ExistingClusterArn=...`": [POLLERS, ALARMS, METRICS],
    "`FunctionPlacement=private-subnet`": [BROKERS, STORAGE, POLLERS, BEDROCK, ALARMS, METRICS],
    "`ClusterType=serverless`": [SERVERLESS, POLLERS, ALARMS, METRICS],
    "daemon on Fargate beside an existing cluster": [TASK, ADDRESS],
    "daemon on a machine that is there": [],
}

TOKENS, CALL_RECORDS, MEMORY_GIB, VECTOR_BYTES = 20, 10, 0.25, 1024 * 4 + 1000


def function_seconds(calls_per_second):
    """Seconds of the function for a million records, which are those that its pace takes."""
    return 1_000_000 / CALL_RECORDS / calls_per_second


def per_million():
    """What a million records add: each one document of one chunk, 100 records per invocation."""
    gib = 1_000_000 * VECTOR_BYTES / 2**30
    seconds = function_seconds(5)
    return [
        (f"embedding, {TOKENS} tokens a document", TOKENS * PRICE["titan_embed_v2_million_tokens"]),
        ("vectors written", gib * PRICE["s3_vectors_put_gib"]),
        ("function, 256 MiB, 5 calls per second", seconds * MEMORY_GIB * PRICE["lambda_gib_second_x86"]),
        ("invocations", 0.01 * PRICE["lambda_million_requests"]),
        ("vectors kept, each month", gib * PRICE["s3_vectors_gib_month"]),
    ]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|--:|" + "---|" * (len(head) - 2)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def at_rest_table():
    rows = []
    for name, items in AT_REST.items():
        of = "; ".join(f"{item} {price:.2f}" for item, price in items) or "nothing beside the machine"
        rows.append([name, f"{sum(price for _, price in items):.2f}", of])
    return table(["set-up", "USD per month", "of which"], rows)


def per_million_table():
    items = per_million()
    rows = [[item, f"{price:.2f}"] for item, price in items]
    return table(["item", "USD"], rows + [["**together**", f"**{sum(p for _, p in items):.2f}**"]])


def prices_table():
    return table(["unit price", "USD"], [[f"`{name}`", f"{price:g}"] for name, price in PRICE.items()])


def main():
    old = text = PAGE.read_text()
    for name, content in {
        "at-rest": at_rest_table(),
        "per-million": per_million_table(),
        "prices": f"Region {BOOK['region']}, {BOOK['as_of']}.\n\n{prices_table()}",
    }.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        before, rest = text.split(begin)
        text = before + begin + content + end + rest.split(end)[1]
    if "--check" in sys.argv and text != old:
        sys.exit("docs/cost.md is not what the prices make it: run infra/cost/cost.py")
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
