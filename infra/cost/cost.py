#!/usr/bin/env python3
"""Recomputes the tables of docs/cost.md from prices.json: `infra/cost/cost.py`, or `--check` to only compare.

`infra/cost/cost.py --estimate PARAMETER=VALUE...` prints what the stack of infra/cloudformation/sluice.yaml costs at rest with
these parameters; `infra/deploy` shows it before it makes anything.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "cost.md"
BOOK = json.loads((FOLDER / "prices.json").read_text())
PRICE, HOURS = {name: entry["usd"] for name, entry in BOOK["prices"].items()}, BOOK["hours_per_month"]

ZONES = 2
# CloudWatch bills an alarm by the metrics that it looks at: as many alarms on as many metrics. Provisioned pollers and brokers of the
# stack add some.
ALARMS, ALARMS_ON_POLLERS, ALARMS_ON_BROKERS = (6, 8), (3, 3), (1, 2)
# Provisioned pollers count events in seven ways, also when there are none; errors only when there are some.
METRICS = ("7 metrics of the pollers", 7 * PRICE["metric_month"])
ADDRESS = ("1 public address", HOURS * PRICE["public_ipv4_hour"])
NAT = ("NAT gateway", HOURS * PRICE["nat_gateway_hour"])


def brokers(kind="kafka.t3.small"):
    price = PRICE.get(kind.replace("kafka.", "msk_").replace(".", "_") + "_hour")
    return (f"2 brokers {kind}", None if price is None else 2 * HOURS * price)


def storage(gib=5):
    return (f"2 x {gib} GiB of broker storage", 2 * gib * PRICE["msk_storage_gib_month"])


def serverless(partitions=3):
    hour = PRICE["msk_serverless_cluster_hour"] + partitions * PRICE["msk_serverless_partition_hour"]
    return (f"serverless cluster, {partitions} partitions", HOURS * hour)


def pollers(most=1):
    units = "1 event poller unit" if most == 1 else f"{most} event poller units at most"
    return (f"{units} (provisioned pollers)", most * HOURS * PRICE["epu_hour"])


def endpoints(*services):
    count = f"{len(services)} interface endpoint{'s' if len(services) > 1 else ''}"
    price = len(services) * ZONES * HOURS * PRICE["interface_endpoint_zone_hour"]
    return (f"{count} in {ZONES} zones ({', '.join(services)})", price)


def alarms(count, metrics):
    return (f"{count} alarms on {metrics} metrics", metrics * PRICE["alarm_month"])


def task():
    hour = 0.25 * PRICE["fargate_vcpu_hour"] + 0.5 * PRICE["fargate_gib_hour"]
    return ("1 Fargate task, 0.25 vCPU and 0.5 GiB", HOURS * hour)


def stack(given):
    """Returns what a stack with these parameters costs a month when nothing happens; a price that we have not is None."""
    of = {
        "ExistingClusterArn": "",
        "ClusterType": "provisioned",
        "BrokerInstanceType": "kafka.t3.small",
        "BrokerStorageGiB": "5",
        "TopicPartitions": "3",
        "PollerMode": "provisioned",
        "PollerGroupName": "",
        "MaximumPollers": "1",
        "FunctionPlacement": "lambda",
        "CreateEndpoints": "yes",
    }
    of.update({name: value for name, value in given.items() if name in of})
    new, items, watched = not of["ExistingClusterArn"], [], [ALARMS]
    own_brokers = new and of["ClusterType"] == "provisioned"
    if own_brokers:
        items += [brokers(of["BrokerInstanceType"]), storage(int(of["BrokerStorageGiB"]))]
        watched.append(ALARMS_ON_BROKERS)
    elif new:
        items.append(serverless(int(of["TopicPartitions"])))
    if of["PollerMode"] == "provisioned":
        watched.append(ALARMS_ON_POLLERS)
        what, price = pollers(int(of["MaximumPollers"]))
        shared = f", shared by the mappings of {of['PollerGroupName']}" if of["PollerGroupName"] else ""
        items.append((what + shared, price))
    elif new and of["CreateEndpoints"] == "yes":
        items.append(endpoints("Lambda", "STS"))
    if of["FunctionPlacement"] == "private-subnet" and of["CreateEndpoints"] == "yes":
        items.append(endpoints("Bedrock"))
    items.append(alarms(*[sum(counts) for counts in zip(*watched)]))
    return items + [METRICS] if of["PollerMode"] == "provisioned" else items


def daemon(*ways_out):
    # The errors in its log are a metric of their own.
    return [task(), *ways_out, alarms(3, 3), ("1 metric of the log", PRICE["metric_month"])]


# What is paid every month when nothing happens.
AT_REST = {
    "the sample, at these prices": [
        brokers(),
        storage(),
        NAT,
        ADDRESS,
        ("notebook, 40 hours", 40 * PRICE["notebook_t3_medium_hour"]),
    ],
    "for a trial: `infra/deploy --trial`, which is `PollerMode=on-demand`": stack({"PollerMode": "on-demand"}),
    "default": stack({}),
    "`ExistingClusterArn=...`": stack({"ExistingClusterArn": "arn"}),
    "`ExistingClusterArn=... PollerMode=on-demand`": stack({"ExistingClusterArn": "arn", "PollerMode": "on-demand"}),
    "`FunctionPlacement=private-subnet`": stack({"FunctionPlacement": "private-subnet"}),
    "`ClusterType=serverless`": stack({"ClusterType": "serverless"}),
    "daemon on Fargate beside an existing cluster": daemon(endpoints("Bedrock", "ECR API", "ECR images", "CloudWatch Logs")),
    "the same with `CreateEndpoints=no` and a NAT gateway of its own": daemon(NAT, ADDRESS),
    "the same with `CreateEndpoints=no` where the network has a way out": daemon(),
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
    rows = [[f"`{name}`", f"{of['usd']:g}", of["noted"], of["page"]] for name, of in BOOK["prices"].items()]
    return table(["unit price", "USD", "noted", "page"], rows)


def estimate(arguments):
    """Prints what a stack with these parameters costs at rest."""
    items = stack(dict(argument.split("=", 1) for argument in arguments))
    print(f"At rest this costs about {sum(price or 0 for _, price in items):.2f} USD a month (docs/cost.md), of which:")
    for item, price in items:
        print(f"  {'we have no price' if price is None else f'{price:.2f}':>16}  {item}")


def main():
    if "--estimate" in sys.argv:
        return estimate(sys.argv[sys.argv.index("--estimate") + 1 :])
    old = text = PAGE.read_text()
    for name, content in {
        "at-rest": at_rest_table(),
        "per-million": per_million_table(),
        "prices": f"Region {BOOK['region']}.\n\n{prices_table()}",
    }.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        before, rest = text.split(begin)
        text = before + begin + content + end + rest.split(end)[1]
    if "--check" in sys.argv and text != old:
        sys.exit("docs/cost.md is not what the prices make it: run infra/cost/cost.py")
    PAGE.write_text(text)
    return None


if __name__ == "__main__":
    main()
