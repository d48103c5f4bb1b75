"""Asserts what linters miss in the templates: `python -m unittest discover infra/cloudformation`.

Needs cfn-lint, and policy_sentry, which comes with checkov.
"""

import json
import re
import unittest
from pathlib import Path

from policy_sentry.querying.actions import get_action_data

from schemas import FOLDER, TEMPLATES, resources

DOCS = FOLDER.parent.parent / "docs"
NO_VALUE = {"Ref": "AWS::NoValue"}


def as_list(value):
    return value if isinstance(value, list) else [value]


def can_be_narrowed(action):
    """Says whether IAM takes a resource for an action, by AWS's Service Authorization Reference; newer ones are not in it."""
    service, name = action.split(":")
    try:
        rows = get_action_data(service, name)
    except KeyError:
        return True
    return not rows or any(row["resource_arn_format"] != "*" for row in rows[service])


def if_there(value):
    """Returns what a value is where it is there: the other branch of its condition is none at all."""
    branches = value.get("Fn::If") if isinstance(value, dict) else None
    return next(branch for branch in branches[1:] if branch != NO_VALUE) if branches else value


def statements():
    """Yields every statement of a role's policies that allows something."""
    for template, name, properties in resources("AWS::IAM::Role"):
        for policy in properties["Policies"]:
            for statement in map(if_there, policy["PolicyDocument"]["Statement"]):
                if statement["Effect"] == "Allow":
                    yield f"{template}.{name}.{statement['Sid']}", statement


def named(value):
    return value.get("Ref", value) if isinstance(value, dict) else value


def metrics_of(alarm):
    """Returns namespace, name and dimensions of every metric that an alarm looks at."""
    stats = [metric["MetricStat"]["Metric"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric]
    stats = stats or [alarm]
    return [(s["Namespace"], s["MetricName"], {d["Name"]: named(d["Value"]) for d in s.get("Dimensions", [])}) for s in stats]


def metrics_of_the_dashboard():
    """Returns namespace, name and dimensions of every metric that is drawn."""
    _, _, dashboard = next(resources("AWS::CloudWatch::Dashboard"))
    body = json.loads(re.sub(r"\$\{([A-Za-z]+)\}", r"\1", dashboard["DashboardBody"]["Fn::Sub"]))
    for widget in body["widgets"]:
        before = []
        for row in widget["properties"].get("metrics", []):
            row = [part for part in row if isinstance(part, str)]
            # A dot stands for what is above it, dots for all of that.
            if row[0] == "...":
                row = before[: len(before) - len(row) + 1] + row[1:]
            row = [before[at] if part == "." else part for at, part in enumerate(row)]
            yield row[0], row[1], dict(zip(row[2::2], row[3::2]))
            before = row


ALARMS = {
    name: metrics_of(alarm) for template, name, alarm in resources("AWS::CloudWatch::Alarm") if template == "operations"
}


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
            ("AWS/Kafka", "KafkaDataLogsDiskUsed"),
            # With partial answers an invocation that stores nothing is no error of the function.
            ("Sluice", "sluice_records_abandoned_total"),
            ("Sluice", "sluice_records_dead_lettered_total"),
            ("Sluice", "sluice_put_retries_throttled_total"),
        ]:
            self.assertIn(expected, watched)

    def test_every_alarm_tells_somebody(self):
        for _, name, alarm in resources("AWS::CloudWatch::Alarm"):
            self.assertEqual(alarm["AlarmActions"], [{"Ref": "AlarmTopic"}], name)
            # What is 0 is not written, but for tasks: where none runs, none reports.
            missing = "breaching" if name == "TasksAlarm" else "notBreaching"
            self.assertEqual(alarm["TreatMissingData"], missing, name)

    def test_the_daemon_is_watched_too(self):
        watched = [metric for template, _, alarm in resources("AWS::CloudWatch::Alarm") if template == "daemon" for metric in metrics_of(alarm)]
        for expected in [("AWS/ECS", "CPUUtilization"), ("AWS/Kafka", "EstimatedMaxTimeLag")]:
            self.assertIn(expected, [(namespace, name) for namespace, name, _ in watched])
        # Errors in the log are counted by a filter, whose metric the alarm has to name.
        _, _, filter = next(resources("AWS::Logs::MetricFilter"))
        (counted,) = filter["MetricTransformations"]
        self.assertIn((counted["MetricNamespace"], counted["MetricName"]), [(n, m) for n, m, _ in watched])
        self.assertEqual(filter["FilterPattern"], '{ $.level = "ERROR" }')
        _, _, task = next(resources("AWS::ECS::TaskDefinition"))
        (container,) = task["ContainerDefinitions"]
        self.assertEqual(container["HealthCheck"]["Command"], ["CMD", "/usr/local/bin/sluice", "health"])
        self.assertIn({"Name": "SLUICE_LOG_FORMAT", "Value": "json"}, container["Environment"])

    def test_all_are_let_out_only_where_nothing_else_says_where_to(self):
        # A daemon's 443 is open to its endpoints alone, unless a NAT gateway is the way out.
        everywhere = {
            (template, name)
            for template, name, rule in resources("AWS::EC2::SecurityGroupEgress")
            if "0.0.0.0/0" in json.dumps(rule)
        }
        self.assertEqual(
            everywhere, {("kafka", "PollerEgress"), ("function", "FunctionEgress"), ("daemon", "InternetEgress")}
        )
        conditions = TEMPLATES["daemon"]["Conditions"]
        self.assertEqual(TEMPLATES["daemon"]["Resources"]["InternetEgress"]["Condition"], "OtherWayOut")
        self.assertEqual(conditions["OtherWayOut"], {"Fn::Not": [{"Condition": "NewEndpoints"}]})
        function = next(p for t, n, p in resources("AWS::EC2::SecurityGroupEgress") if n == "FunctionEgress")
        self.assertEqual(function["CidrIp"], {"Fn::If": ["NewEndpoint", {"Ref": "AWS::NoValue"}, "0.0.0.0/0"]})

    def test_no_code_may_touch_the_networks_interfaces(self):
        # The role may, for Lambda; a condition denies it to what runs with the role inside the function.
        found = 0
        for template, name, role in resources("AWS::IAM::Role"):
            made = [if_there(s) for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
            allowed = {a for s in made if s["Effect"] == "Allow" for a in as_list(s["Action"]) if a.startswith("ec2:")}
            denied = [s for s in made if s["Effect"] == "Deny"]
            if allowed:
                found += 1
                self.assertEqual(allowed, set(denied[0]["Action"]), f"{template}.{name}")
                (arns,) = [arns for arns in denied[0]["Condition"]["ArnLike"].values()]
                function = next(f for t, _, f in resources("AWS::Lambda::Function") if t == template)
                self.assertEqual(function["FunctionName"], {"Ref": "Name"})
                self.assertEqual([arn["Fn::Sub"].split(":function:")[1] for arn in arns], ["${Name}", "${Name}:*"])
        self.assertEqual(found, 2)

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
        _, counted, _ = mapping["MetricsConfig"]["Fn::If"]
        for alarm, metrics in ALARMS.items():
            for _, name, dimensions in metrics:
                if "EventSourceMappingUUID" in dimensions:
                    self.assertIn("ErrorCount" if name.endswith("ErrorCount") else "EventCount", counted["Metrics"], name)
                    # Pollers on demand count nothing, and an alarm on nothing is paid for, too.
                    self.assertEqual(TEMPLATES["operations"]["Resources"][alarm]["Condition"], "Pollers", alarm)

    def test_invocations_that_wait_for_their_turn_are_no_alarm(self):
        # A poller makes up to 5 invocations at once, of which a concurrency of 1 lets one in and throttles the rest.
        _, _, alarm = next(item for item in resources("AWS::CloudWatch::Alarm") if item[1] == "ThrottleAlarm")
        judged = [metric for metric in alarm["Metrics"] if metric["ReturnData"]]
        self.assertEqual([m["Expression"] for m in judged], ["IF(throttles > 0 AND FILL(invocations, 0) == 0, 1, 0)"])
        _, _, function = next(resources("AWS::Lambda::Function"))
        periods = {m["MetricStat"]["Period"] for m in alarm["Metrics"] if "MetricStat" in m}
        self.assertEqual(periods, {function["Timeout"]}, "one that runs began in this period or in the one before")

    def test_calls_by_which_the_pace_is_found_are_no_alarm(self):
        _, _, alarm = next(item for item in resources("AWS::CloudWatch::Alarm") if item[1] == "ThrottledCallsAlarm")
        judged = [metric for metric in alarm["Metrics"] if metric["ReturnData"]]
        self.assertEqual([metric["Expression"] for metric in judged], ["100 * FILL(throttled, 0) / calls"])
        page = (DOCS / "pacing.md").read_text()
        throttled = [float(share) for share in re.findall(r"\*\*Sluice\*\* \|[^%\n]*\| ([\d.]+) % \|", page)]
        self.assertGreater(len(throttled), 3)
        self.assertGreater(alarm["Threshold"], 2 * max(throttled))

    def test_the_cost_page_counts_the_alarms(self):
        page = (DOCS / "cost.md").read_text()
        conditions = {name: TEMPLATES["operations"]["Resources"][name].get("Condition") for name in ALARMS}
        for made in [{None, "Brokers", "Pollers"}, {None, "Brokers"}, {None, "Pollers"}, {None}]:
            there = [name for name in ALARMS if conditions[name] in made]
            metrics = sum(len(ALARMS[name]) for name in there)
            self.assertIn(f"{len(there)} alarms on {metrics} metrics", page, made)


class Templates(unittest.TestCase):
    def test_a_partial_answer_goes_with_provisioned_pollers(self):
        # Without them Lambda passes over a partial answer, and the records in it are lost.
        mappings = list(resources("AWS::Lambda::EventSourceMapping"))
        self.assertEqual(len(mappings), 1)
        (_, _, mapping), (_, _, function) = mappings[0], next(resources("AWS::Lambda::Function"))
        answers, partial, whole = function["Environment"]["Variables"]["SLUICE_BATCH_RESPONSE"]["Fn::If"]
        self.assertEqual((partial, whole), ("partial", "whole"))
        # The function is updated before its mapping: a way from on-demand to provisioned pollers needs a step between.
        both = TEMPLATES["function"]["Conditions"][answers]["Fn::And"]
        condition = both[0]["Condition"]
        self.assertEqual(both[1], {"Fn::Equals": [{"Ref": "BatchResponse"}, "partial"]})
        self.assertEqual(
            TEMPLATES["function"]["Conditions"][condition], {"Fn::Equals": [{"Ref": "PollerMode"}, "provisioned"]}
        )
        no_value = {"Ref": "AWS::NoValue"}
        only_then = {
            "ProvisionedPollerConfig": {
                "MinimumPollers": 1,
                "MaximumPollers": {"Ref": "MaximumPollers"},
                "PollerGroupName": {"Fn::If": ["SharedPollers", {"Ref": "PollerGroupName"}, no_value]},
            },
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": {"Ref": "MaximumRetryAttempts"},
            "MaximumRecordAgeInSeconds": -1,
            "LoggingConfig": {"SystemLogLevel": "WARN"},
            "MetricsConfig": {"Metrics": ["EventCount", "ErrorCount"]},
        }
        for key, value in only_then.items():
            self.assertEqual(mapping[key], {"Fn::If": [condition, value, no_value]}, key)

    def test_nobody_is_promised_retries_for_ever(self):
        # With a destination for failures Lambda takes -1, which is for ever elsewhere, for 10.
        _, _, mapping = next(resources("AWS::Lambda::EventSourceMapping"))
        self.assertIn("OnFailure", mapping["DestinationConfig"])
        self.assertEqual(TEMPLATES["sluice"]["Parameters"]["MaximumRetryAttempts"]["MinValue"], 0)

    def test_every_endpoint_lets_through_what_it_is_for(self):
        for template, name, endpoint in resources("AWS::EC2::VPCEndpoint"):
            for statement in endpoint["PolicyDocument"]["Statement"]:
                self.assertEqual(statement["Effect"], "Allow", f"{template}.{name}")
                self.assertNotIn("*", "".join(as_list(statement["Action"])), f"{template}.{name}")
                anybody = statement["Principal"] == "*" and statement["Resource"] == "*"
                self.assertEqual(anybody, "Condition" in statement, f"{template}.{name}: this account's, at the most")

    def test_the_page_gives_the_daemon_what_it_asks_for(self):
        page = (FOLDER.parent / "README.md").read_text()
        command = page.split("--template-file infra/cloudformation/daemon.yaml")[1].split("```")[0]
        given = set(re.findall(r"\b([A-Z][A-Za-z0-9]+)=", command))
        parameters = TEMPLATES["daemon"]["Parameters"]
        needed = {name for name, parameter in parameters.items() if "Default" not in parameter} | {"S3PrefixListId"}
        self.assertLessEqual(needed, given)
        self.assertLessEqual(given, set(parameters))

    def test_what_is_compared_is_text(self):
        # A parameter is text to a condition, a number too.
        def compared(value):
            if isinstance(value, dict):
                for key, inner in value.items():
                    yield from inner if key == "Fn::Equals" else compared(inner)
            elif isinstance(value, list):
                for inner in value:
                    yield from compared(inner)

        for name, template in TEMPLATES.items():
            for operand in compared([template.get("Conditions", {}), template.get("Rules", {})]):
                self.assertNotIsInstance(operand, (bool, int, float), name)

    def test_a_connector_may_be_given_more_rights_than_the_templates_know(self):
        # Dead letters in a queue, secrets, other sinks: by policies of one's own, and not by hand beside the stack.
        for template, name in [("function", "FunctionRole"), ("daemon", "TaskRole")]:
            role = TEMPLATES[template]["Resources"][name]["Properties"]
            self.assertEqual(role["ManagedPolicyArns"], {"Fn::If": ["MorePolicies", {"Ref": "PolicyArns"}, NO_VALUE]})
        pattern = TEMPLATES["sluice"]["Parameters"]["PolicyArns"]["AllowedPattern"]
        own, aws = "arn:aws:iam::123456789012:policy/dlq", "arn:aws:iam::aws:policy/service-role/Some"
        for given in ["", own, f"{own},{aws}"]:
            self.assertRegex(given, pattern)
        for given in ["dlq", f"{own},", f"{own} {own}x,", "arn:aws:iam::123456789012:role/dlq"]:
            self.assertNotRegex(given, pattern)

    def test_no_invocation_is_longer_than_a_mapping_allows(self):
        _, _, function = next(resources("AWS::Lambda::Function"))
        self.assertLessEqual(function["Timeout"], 14 * 60)

    def test_every_template_fits_into_a_call(self):
        for name in TEMPLATES:
            self.assertLess((FOLDER / f"{name}.yaml").stat().st_size, 51_200, name)

    def test_names_in_bedrock_are_made_of_what_it_takes(self):
        # A topic may have dots in its name, a data source may not: it would fail half an hour into the creation.
        for kind in ["AWS::Bedrock::KnowledgeBase", "AWS::Bedrock::DataSource"]:
            _, _, resource = next(resources(kind))
            self.assertEqual(resource["Name"], {"Ref": "Name"}, kind)
        deploy = (FOLDER.parent / "deploy").read_text()
        allowed = re.search(r"\$stack =~ (\S+)", deploy)[1]
        taken = re.compile("^([0-9a-zA-Z][_-]?){1,100}$")
        for name in ["a", "sluice", "a-b", "a--b", "a-", "a" * 40, "a" * 41]:
            self.assertLessEqual(bool(re.search(allowed, name)), bool(taken.match(name)), name)
        self.assertFalse(re.search(allowed, "a" * 41))

    def test_who_writes_to_a_topic_may_do_so_once(self):
        # Dead letters are written by an idempotent producer, whose right is one on the cluster.
        roles = [role for _, _, role in resources("AWS::IAM::Role")]
        for role in roles:
            allowed = [if_there(s) for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
            actions = {action: s["Resource"] for s in allowed for action in as_list(s["Action"])}
            if "kafka-cluster:WriteData" in actions:
                self.assertEqual(actions.get("kafka-cluster:WriteDataIdempotently"), {"Ref": "ClusterArn"})

    def test_a_task_runs_on_what_its_image_is_built_for(self):
        _, _, task = next(resources("AWS::ECS::TaskDefinition"))
        self.assertEqual(task["RuntimePlatform"]["CpuArchitecture"], {"Ref": "Architecture"})
        (container,) = task["ContainerDefinitions"]
        settings = (DOCS / "reference" / "process.md").read_text()
        takes = int(re.search(r"shutdown_timeout.*?(\d+)s", settings, re.DOTALL)[1])
        self.assertGreater(container["StopTimeout"], takes)

    def test_what_cannot_be_changed_says_so(self):
        # Names are fixed, so that CloudFormation refuses a change that would replace what holds data by something empty.
        _, _, index = next(resources("AWS::S3Vectors::Index"))
        self.assertEqual(index["IndexName"], "documents")
        deploy = (FOLDER.parent / "deploy").read_text()
        for name in re.search(r"fixed='([^']*)'", deploy)[1].split() + ["ConsumerGroup"]:
            self.assertRegex(TEMPLATES["sluice"]["Parameters"][name]["Description"], "(?i)cannot be changed later", name)

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

    def test_a_statement_names_all_resources_where_it_must_and_nowhere_else(self):
        # An action that knows no resources is not allowed by a statement that names one.
        for where, statement in statements():
            for action in as_list(statement["Action"]):
                self.assertEqual(can_be_narrowed(action), "*" not in as_list(statement["Resource"]), f"{where} {action}")

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
            self.assertIn("SourceSecurityGroupId", rule, "whoever is let in is named")
            self.assertFalse({"CidrIp", "CidrIpv6"} & set(rule))

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

    def test_endpoints_for_pollers_are_where_the_pollers_are(self):
        # The network of a function beside an existing cluster has no pollers, and endpoints are paid by the hour.
        interfaces = {
            (template, name)
            for template, name, endpoint in resources("AWS::EC2::VPCEndpoint")
            if endpoint["VpcEndpointType"] == "Interface"
        }
        self.assertEqual({template for template, _ in interfaces}, {"kafka", "function", "daemon"})
        for template, name in interfaces:
            conditions = TEMPLATES[template]["Conditions"]
            made = json.dumps(conditions[TEMPLATES[template]["Resources"][name]["Condition"]])
            self.assertIn("CreateEndpoints", made, f"{template}.{name}: a network may have it already")
        self.assertIn("OnDemand", json.dumps(TEMPLATES["kafka"]["Conditions"]["EndpointsForPollers"]))

    def test_every_parameter_is_used(self):
        for name, template in TEMPLATES.items():
            text = (FOLDER / f"{name}.yaml").read_text()
            for parameter in template["Parameters"]:
                self.assertRegex(text, rf"!Ref {parameter}\b|\$\{{{parameter}\}}", f"{name}.{parameter}")


if __name__ == "__main__":
    unittest.main()
