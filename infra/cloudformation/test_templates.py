"""Asserts what linters miss in the templates: `python -m unittest discover infra/cloudformation` (needs cfn-lint)."""

import json
import re
import unittest
from pathlib import Path

from cfnlint.decode import decode

FOLDER = Path(__file__).parent
DOCS = FOLDER.parent.parent / "docs"

# Actions that IAM cannot narrow to a resource.
UNNARROWABLE = {
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
}


def load(path):
    template, problems = decode(str(path))
    assert not problems, problems
    return template


TEMPLATES = {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}


def resources(kind):
    """Yields the template, name and properties of every resource of a type."""
    for template, content in TEMPLATES.items():
        for name, resource in content["Resources"].items():
            if resource["Type"] == kind:
                yield template, name, resource.get("Properties", {})


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements():
    """Yields every statement of a role's policies that allows something."""
    for template, name, properties in resources("AWS::IAM::Role"):
        for policy in properties["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Allow":
                    yield f"{template}.{name}.{statement['Sid']}", statement


def metrics_of(alarm):
    """Returns namespace, name and dimensions of every metric that an alarm looks at."""
    stats = [metric["MetricStat"]["Metric"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric]
    stats = stats or [alarm]
    return [(s["Namespace"], s["MetricName"], {d["Name"]: d["Value"]["Ref"] for d in s["Dimensions"]}) for s in stats]


def metrics_of_the_dashboard():
    """Returns namespace, name and dimensions of every metric that is drawn."""
    _, _, dashboard = next(resources("AWS::CloudWatch::Dashboard"))
    body = json.loads(re.sub(r"\$\{([A-Za-z]+)\}", r"\1", dashboard["DashboardBody"]["Fn::Sub"]))
    for widget in body["widgets"]:
        before = []
        for row in widget["properties"].get("metrics", []):
            row = [part for part in row if isinstance(part, str)]
            # A dot stands for what is above it, dots for all of that.
            row = before if row == ["..."] else [before[at] if part == "." else part for at, part in enumerate(row)]
            yield row[0], row[1], dict(zip(row[2::2], row[3::2]))
            before = row


ALARMS = {name: metrics_of(alarm) for _, name, alarm in resources("AWS::CloudWatch::Alarm")}


class Operations(unittest.TestCase):
    def test_there_is_an_alarm_on_all_that_goes_wrong(self):
        watched = {(namespace, metric) for metrics in ALARMS.values() for namespace, metric, _ in metrics}
        for expected in [
            ("AWS/Lambda", "Errors"),
            ("AWS/Lambda", "Throttles"),
            ("AWS/Lambda", "PollingErrorCount"),
            ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount"),
            ("AWS/Lambda", "DroppedEventCount"),
            ("AWS/Kafka", "EstimatedMaxTimeLag"),
            # With partial answers an invocation that stores nothing is no error of the function.
            ("Sluice", "sluice_records_abandoned_total"),
            ("Sluice", "sluice_records_dead_lettered_total"),
            ("Sluice", "sluice_put_retries_throttled_total"),
        ]:
            self.assertIn(expected, watched)

    def test_every_alarm_tells_somebody(self):
        for _, name, alarm in resources("AWS::CloudWatch::Alarm"):
            self.assertEqual(alarm["AlarmActions"], [{"Ref": "AlarmTopic"}], name)
            self.assertEqual(alarm["TreatMissingData"], "notBreaching", f"{name}: what is 0 is not written")

    def test_metrics_of_sluice_are_those_that_it_writes(self):
        page = (DOCS / "reference" / "metrics.md").read_text()
        written = set(re.findall(r"`(sluice_\w+)`", page.split("## In CloudWatch")[1]))
        used = [metric for metrics in ALARMS.values() for metric in metrics] + list(metrics_of_the_dashboard())
        ours = [(name, dimensions) for namespace, name, dimensions in used if namespace == "Sluice"]
        self.assertGreater(len(ours), 6)
        for name, dimensions in ours:
            self.assertIn(name, written)
            self.assertEqual(dimensions, {"connector": "ConnectorName"}, name)

    def test_metrics_of_the_mapping_are_switched_on(self):
        _, _, mapping = next(resources("AWS::Lambda::EventSourceMapping"))
        groups = mapping["MetricsConfig"]["Metrics"]
        for metrics in ALARMS.values():
            for _, name, dimensions in metrics:
                if "EventSourceMappingUUID" in dimensions:
                    self.assertIn("ErrorCount" if name.endswith("ErrorCount") else "EventCount", groups, name)

    def test_invocations_that_wait_for_their_turn_are_no_alarm(self):
        # A poller makes up to 5 invocations at once, of which a concurrency of 1 lets one in and throttles the rest.
        _, _, alarm = next(item for item in resources("AWS::CloudWatch::Alarm") if item[1] == "ThrottleAlarm")
        judged = [metric for metric in alarm["Metrics"] if metric["ReturnData"]]
        self.assertEqual([m["Expression"] for m in judged], ["IF(throttles > 0 AND FILL(invocations, 0) == 0, 1, 0)"])
        _, _, function = next(resources("AWS::Lambda::Function"))
        periods = {m["MetricStat"]["Period"] for m in alarm["Metrics"] if "MetricStat" in m}
        self.assertEqual(periods, {function["Timeout"]}, "one that runs began in this period or in the one before")

    def test_the_cost_page_counts_the_alarms(self):
        metrics = sum(len(metrics) for metrics in ALARMS.values())
        self.assertIn(f"{len(ALARMS)} alarms on {metrics} metrics", (DOCS / "cost.md").read_text())


class Templates(unittest.TestCase):
    def test_a_partial_answer_goes_with_provisioned_pollers(self):
        # Without them Lambda passes over a partial answer, and the records in it are lost.
        mappings = list(resources("AWS::Lambda::EventSourceMapping"))
        self.assertEqual(len(mappings), 1)
        (_, _, mapping), (_, _, function) = mappings[0], next(resources("AWS::Lambda::Function"))
        condition, partial, whole = function["Environment"]["Variables"]["SLUICE_BATCH_RESPONSE"]["Fn::If"]
        self.assertEqual((partial, whole), ("partial", "whole"))
        no_value = {"Ref": "AWS::NoValue"}
        only_then = {
            "ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": {"Ref": "MaximumPollers"}},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": {"Ref": "MaximumRetryAttempts"},
            "MaximumRecordAgeInSeconds": -1,
        }
        for key, value in only_then.items():
            self.assertEqual(mapping[key], {"Fn::If": [condition, value, no_value]}, key)

    def test_what_cannot_be_stored_is_kept(self):
        _, _, mapping = next(resources("AWS::Lambda::EventSourceMapping"))
        self.assertEqual(mapping["DestinationConfig"]["OnFailure"]["Destination"], {"Fn::GetAtt": ["FailureBucket", "Arn"]})

    def test_the_index_has_the_dimension_of_the_model(self):
        _, _, index = next(resources("AWS::S3Vectors::Index"))
        _, _, base = next(resources("AWS::Bedrock::KnowledgeBase"))
        vectors = base["KnowledgeBaseConfiguration"]["VectorKnowledgeBaseConfiguration"]
        _, settable, _ = vectors["EmbeddingModelConfiguration"]["Fn::If"]
        self.assertEqual(index["Dimension"], settable["BedrockEmbeddingModelConfiguration"]["Dimensions"])
        self.assertEqual(set(base["StorageConfiguration"]["S3VectorsConfiguration"]), {"IndexArn"}, "one of two forms")

    def test_no_statement_names_all_resources_where_it_need_not(self):
        for where, statement in statements():
            if "*" in as_list(statement["Resource"]):
                self.assertLessEqual(set(as_list(statement["Action"])), UNNARROWABLE, where)

    def test_no_statement_allows_actions_by_a_pattern(self):
        for where, statement in statements():
            self.assertFalse([action for action in as_list(statement["Action"]) if "*" in action], where)

    def test_whoever_may_ingest_may_start_an_ingestion_job(self):
        ingesting = [s for _, s in statements() if "bedrock:IngestKnowledgeBaseDocuments" in as_list(s["Action"])]
        self.assertEqual(len(ingesting), 2)
        for statement in ingesting:
            self.assertIn("bedrock:StartIngestionJob", statement["Action"])

    def test_brokers_take_iam_over_tls_and_nothing_else(self):
        _, _, cluster = next(resources("AWS::MSK::Cluster"))
        self.assertEqual(cluster["EncryptionInfo"]["EncryptionInTransit"], {"ClientBroker": "TLS", "InCluster": True})
        authentication = cluster["ClientAuthentication"]
        self.assertEqual(authentication["Unauthenticated"], {"Enabled": False})
        self.assertEqual(set(authentication["Sasl"]), {"Iam"})

    def test_only_the_broker_port_and_https_are_open(self):
        inward = [rule for _, _, rule in resources("AWS::EC2::SecurityGroupIngress")]
        outward = [rule for _, _, rule in resources("AWS::EC2::SecurityGroupEgress")]
        for _, _, group in resources("AWS::EC2::SecurityGroup"):
            inward += group.get("SecurityGroupIngress", [])
            outward += group["SecurityGroupEgress"]
        for rule in inward + outward:
            self.assertEqual(rule["IpProtocol"], "tcp")
            self.assertIn((rule["FromPort"], rule["ToPort"]), [(9098, 9098), (443, 443)])
        for rule in inward:
            self.assertIn(rule.get("CidrIp"), [None, {"Ref": "VpcCidr"}], "nobody from outside is let in")

    def test_there_is_neither_a_nat_gateway_nor_a_public_address(self):
        kinds = {r["Type"] for template in TEMPLATES.values() for r in template["Resources"].values()}
        self.assertFalse(kinds & {"AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::InternetGateway"})

    def test_logs_end_some_day(self):
        for template, name, group in resources("AWS::Logs::LogGroup"):
            self.assertIn("RetentionInDays", group, f"{template}.{name}")

    def test_a_nested_stack_is_given_just_what_it_takes(self):
        for _, name, stack in resources("AWS::CloudFormation::Stack"):
            taken = TEMPLATES[Path(stack["TemplateURL"]).stem]["Parameters"]
            self.assertEqual(set(stack["Parameters"]), set(taken), name)

    def test_every_parameter_is_used(self):
        for name, template in TEMPLATES.items():
            text = (FOLDER / f"{name}.yaml").read_text()
            for parameter in template["Parameters"]:
                self.assertRegex(text, rf"!Ref {parameter}\b|\$\{{{parameter}\}}", f"{name}.{parameter}")


if __name__ == "__main__":
    unittest.main()
