"""Asserts that no change and no removal of a stack loses what it holds: `python -m unittest discover infra/cloudformation`.

What replaces a resource stands in its schema, which cfn-lint brings along.
"""

import base64
import hashlib
import json
import re
import unittest

from evaluate import evaluate
from rights import LARGEST, policies, size
from schemas import FOLDER, TEMPLATES, at, resources, schema

DEPLOY = (FOLDER.parent / "deploy").read_text()
DESTROY = (FOLDER.parent / "destroy").read_text()
ROOT = TEMPLATES["sluice"]

# What holds records or documents, or cannot be read without what it names.
HOLDS_DATA = {
    "AWS::Bedrock::DataSource",
    "AWS::Bedrock::KnowledgeBase",
    "AWS::MSK::Cluster",
    "AWS::MSK::ServerlessCluster",
    "AWS::MSK::Topic",
    "AWS::S3::Bucket",
    "AWS::S3Vectors::Index",
    "AWS::S3Vectors::VectorBucket",
}
# Where reading begins anew, and with LATEST passes over what is there.
READS = {"AWS::Lambda::EventSourceMapping"}


def nested():
    """Returns the stacks that the root makes, by the name of their template, with their conditions."""
    stacks = {"sluice": (None, None)}
    for name, resource in ROOT["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            template = resource["Properties"]["TemplateURL"].removesuffix(".yaml")
            stacks[template] = (name, resource)
    return stacks


STACKS = nested()


def words(value):
    """Yields every parameter, condition and resource that a value names, and the branches' own."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("Ref", "Condition") and isinstance(inner, str):
                yield inner
            elif key == "Fn::GetAtt":
                yield ".".join(inner) if isinstance(inner, list) else inner
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{([A-Za-z.]+)\}", inner if isinstance(inner, str) else inner[0])
                yield from words(inner)
            elif key == "Fn::If":
                yield inner[0]
                yield from words(inner[1:])
            else:
                yield from words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words(inner)


def parameters_behind(template, value):
    """Returns the parameters of the root on which a value of a template hangs."""
    found = set()
    content = TEMPLATES[template]
    for word in words(value):
        if word in content.get("Conditions", {}):
            found |= parameters_behind(template, content["Conditions"][word])
        elif template == "sluice" and word in content["Parameters"]:
            found.add(word)
        elif word in content["Parameters"]:
            found |= parameters_behind("sluice", STACKS[template][1]["Properties"]["Parameters"][word])
        elif template == "sluice" and ".Outputs." in word:
            stack, output = word.split(".Outputs.")
            of = ROOT["Resources"][stack]["Properties"]["TemplateURL"].removesuffix(".yaml")
            found |= parameters_behind(of, TEMPLATES[of]["Outputs"][output]["Value"])
        elif word.split(".")[0] in content["Resources"]:
            found |= what_replaces(template, word.split(".")[0])
    return found


def what_replaces(template, name):
    """Returns the parameters of the root that make another resource in the place of one: by a property or by a condition."""
    resource = TEMPLATES[template]["Resources"][name]
    found = parameters_behind(template, {"Condition": resource["Condition"]}) if "Condition" in resource else set()
    for path in schema(resource["Type"]).get("createOnlyProperties", []):
        found |= parameters_behind(template, at(resource.get("Properties", {}), path))
    _, stack = STACKS[template]
    if stack and "Condition" in stack:
        found |= parameters_behind("sluice", {"Condition": stack["Condition"]})
    return found


def of_the_stack(kinds):
    """Yields template and name of every resource of these types that a stack makes."""
    for template in STACKS:
        for name, resource in TEMPLATES[template]["Resources"].items():
            if resource["Type"] in kinds:
                yield template, name


class Changes(unittest.TestCase):
    def test_deploy_refuses_every_parameter_that_replaces_what_holds_data(self):
        replacing = set()
        for template, name in of_the_stack(HOLDS_DATA | READS):
            replacing |= what_replaces(template, name)
        self.assertGreater(len(replacing), 10)
        fixed = set(re.search(r"fixed='([^']*)'", DEPLOY)[1].split())
        # It decides whether there is a network for the function alone, which holds nothing.
        harmless = {"FunctionPlacement"}
        # No resource is another one by it, but the documents are in another source.
        elsewhere = {"ExistingDataSourceId"}
        self.assertEqual(replacing - harmless | elsewhere, fixed)

    def test_the_stacks_themselves_refuse_it_too(self):
        policy = json.loads((FOLDER / "stack-policy.json").read_text())
        allow, deny = policy["Statement"]
        self.assertEqual((allow["Effect"], allow["Action"]), ("Allow", "Update:*"))
        self.assertEqual((deny["Effect"], set(deny["Action"])), ("Deny", {"Update:Replace", "Update:Delete"}))
        denied = set(deny["Condition"]["StringEquals"]["ResourceType"])
        self.assertLessEqual(HOLDS_DATA | {"AWS::CloudFormation::Stack"}, denied)
        made = {resource["Type"] for template in TEMPLATES.values() for resource in template["Resources"].values()}
        self.assertLessEqual(denied, made, "a type that nobody makes is misspelt")

    def test_everything_that_could_hold_data_is_known_here(self):
        # Whoever adds a store adds it above, or says that it holds nothing.
        nothing = r"::(Lambda|IAM|Logs|SNS|CloudWatch|EC2|ECS|CloudFormation)::|::BucketPolicy$"
        for template in STACKS:
            for name, resource in TEMPLATES[template]["Resources"].items():
                known = resource["Type"] in HOLDS_DATA or re.search(nothing, resource["Type"])
                self.assertTrue(known, f"{template}.{name}")


    def test_what_holds_data_keeps_its_name(self):
        # Another logical id, or another template, is another resource to CloudFormation, made beside the one that holds the data.
        self.assertEqual(
            set(of_the_stack(HOLDS_DATA)),
            {
                ("function", "FailureBucket"),
                ("kafka", "Cluster"),
                ("kafka", "ServerlessCluster"),
                ("knowledge-base", "DataSource"),
                ("knowledge-base", "KnowledgeBase"),
                ("knowledge-base", "VectorBucket"),
                ("knowledge-base", "VectorIndex"),
                ("sluice", "Topic"),
            },
        )
        self.assertEqual({STACKS[name][0] for name in ["kafka", "knowledge-base", "function"]}, {"Kafka", "KnowledgeBase", "Function"})


class Removals(unittest.TestCase):
    def retained(self):
        for template in STACKS:
            for name, resource in TEMPLATES[template]["Resources"].items():
                if str(resource.get("DeletionPolicy", "")).startswith("Retain"):
                    yield template, name, resource

    def test_what_holds_data_stays(self):
        staying = {(template, name) for template, name, _ in self.retained()}
        for template, name in of_the_stack(HOLDS_DATA):
            self.assertIn((template, name), staying)
        for template, name, resource in self.retained():
            # A creation that fails leaves nothing: another could not take its names otherwise.
            self.assertEqual(resource["DeletionPolicy"], "RetainExceptOnCreate", f"{template}.{name}")
            self.assertEqual(resource["UpdateReplacePolicy"], "Retain", f"{template}.{name}")

    def test_what_it_cannot_be_without_stays_with_it(self):
        # A subnet, a group or a role that is in use could not even be removed.
        staying = {(template, name) for template, name, _ in self.retained()}
        for template, name, resource in self.retained():
            for word in words(resource.get("Properties", {})):
                other = word.split(".")[0]
                if other in TEMPLATES[template]["Resources"]:
                    kind = TEMPLATES[template]["Resources"][other]["Type"]
                    if kind != "AWS::CloudFormation::Stack":
                        self.assertIn((template, other), staying, f"{template}.{name} is nothing without it")
        for _, name, _ in resources("AWS::EC2::Subnet"):
            self.assertIn(("network", name), staying, "a cluster that stays is in it")

    def test_destroy_removes_whatever_stays_when_it_is_told_to(self):
        # A rule goes with its group.
        of_a_group = {"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"}
        kinds = {resource["Type"] for _, _, resource in self.retained()} - of_a_group
        removed = set(re.findall(r"for id in (.*); do", DESTROY))
        removed = set(re.findall(r"of_type (\S+?)\)", " ".join(removed)))
        self.assertEqual(removed, kinds)
        shown = set(re.search(r"for kind in (.*?); do", DESTROY, re.DOTALL)[1].replace("\\", "").split())
        self.assertEqual(shown, kinds, "what a dry run shows")

    def test_the_role_that_stays_has_just_the_policy_that_destroy_removes(self):
        # A role with a policy cannot be removed.
        roles = [resource for _, _, resource in self.retained() if resource["Type"] == "AWS::IAM::Role"]
        policies_of = [policy["PolicyName"] for role in roles for policy in role["Properties"]["Policies"]]
        self.assertEqual(policies_of, re.findall(r"--policy-name (\S+)", DESTROY))


class Rules(unittest.TestCase):
    def test_a_rule_says_only_what_a_rule_can(self):
        # "Rule-specific intrinsic functions" of the CloudFormation guide; cfn-lint lets others pass.
        known = {"And", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "Not", "Or", "RefAll", "ValueOf", "ValueOfAll"}

        def functions(value):
            for key, inner in value.items() if isinstance(value, dict) else []:
                if key.startswith("Fn::"):
                    yield key.removeprefix("Fn::")
                yield from functions(inner)
            for inner in value if isinstance(value, list) else []:
                yield from functions(inner)

        used = {name for template in TEMPLATES.values() for name in functions(template.get("Rules", {}))}
        self.assertIn("Equals", used)
        self.assertLessEqual(used, known)


class Versions(unittest.TestCase):
    # What a change of does not change in a version: Lambda keeps it beside the versions, or would have named it otherwise.
    not_of_a_version = {"FunctionName", "ReservedConcurrentExecutions"}

    def versioned(self):
        """Returns the properties of the function that each of its versions has."""
        _, _, function = next(resources("AWS::Lambda::Function"))
        return {key: value for key, value in function.items() if key not in self.not_of_a_version}

    def description(self):
        _, _, version = next(resources("AWS::Lambda::Version"))
        return version["Description"]

    def test_whatever_changes_the_function_makes_a_version(self):
        # The mapping calls a version, which would not have the change otherwise. The key of the code names its content.
        said = set(words(self.description()))
        told = said | set(words(TEMPLATES["function"]["Conditions"]["PartialAnswers"]))
        own = {"FunctionLogs", "FunctionRole.Arn", "FunctionSecurityGroup", "CodeBucket"}
        for word in set(words(self.versioned())) - {"AWS::NoValue"} - own:
            self.assertIn(word, told, "a change of it would not reach the version that is called")

    def test_nothing_else_makes_a_version(self):
        # Where the function has not changed Lambda publishes nothing, and CloudFormation fails: a version has to be a new one.
        text, named = self.description()["Fn::Sub"]
        said = set(re.findall(r"\$\{([A-Za-z.]+)\}", text)) - set(named) | set(words(named))
        self.assertGreater(len(said), 6)
        self.assertLessEqual(said, set(words(self.versioned())))
        # The same content in another bucket is the same function.
        self.assertNotIn("CodeBucket", said)

    def test_a_description_is_no_longer_than_one_may_be(self):
        text, named = self.description()["Fn::Sub"]
        subnet, code = "subnet-" + "0" * 17, "a" * 40 + "/" + "0" * 16 + ".zip"
        longest = {
            "CodeKey": code,
            "Architecture": "x86_64",
            "MemorySize": "10240",
            "KnowledgeBaseId": "K" * 10,
            "DataSourceId": "D" * 10,
            "Answers": "partial",
            "Place": f"{subnet} {subnet}",
        }
        self.assertLessEqual(set(named), set(longest))
        self.assertLessEqual(len(evaluate({"Fn::Sub": [text, {}]}, longest)), 256)

    def test_whatever_is_written_in_the_template_makes_a_version_too(self):
        digest = hashlib.sha256(json.dumps(self.versioned(), sort_keys=True).encode()).hexdigest()[:8]
        self.assertTrue(self.description()["Fn::Sub"][0].endswith(f" {digest}"), f"write {digest} at its end")

    def test_the_mapping_calls_what_a_rollback_changes(self):
        _, _, mapping = next(resources("AWS::Lambda::EventSourceMapping"))
        self.assertEqual(mapping["FunctionName"], {"Ref": "Live"})
        _, _, alias = next(resources("AWS::Lambda::Alias"))
        self.assertEqual(alias["FunctionVersion"], {"Fn::GetAtt": ["Version", "Version"]})
        rollback = (FOLDER.parent / "rollback").read_text()
        self.assertEqual(set(re.findall(r"--name (\S+)", rollback)), {alias["Name"]})

    def test_older_versions_stay_while_the_stack_does(self):
        version = TEMPLATES["function"]["Resources"]["Version"]
        self.assertEqual((version["DeletionPolicy"], version["UpdateReplacePolicy"]), ("Delete", "Retain"))


class Topics(unittest.TestCase):
    def test_what_a_topic_keeps_fits_on_the_brokers(self):
        parameters = ROOT["Parameters"]
        settings = dict(pair.split("=") for pair in parameters["TopicConfiguration"]["Default"].split())
        # Two brokers and two replicas: each holds every partition, and with it the segment that is being written.
        kept = int(settings["retention.bytes"]) + int(settings["segment.bytes"])
        held = parameters["TopicPartitions"]["Default"] * kept
        self.assertLess(held, 0.8 * parameters["BrokerStorageGiB"]["Default"] * 2**30, "the alarm would go off")

    def test_its_properties_are_a_json_object_of_texts(self):
        # Amazon MSK takes nothing else, and would say so when the brokers are up, half an hour from the start. The forms are those
        # of Terraform's aws_msk_topic, which is run against the service, and of what `describe-topic` answers.
        default, none, configs = ROOT["Resources"]["Topic"]["Properties"]["Configs"]["Fn::If"]
        self.assertEqual((default, none), ("DefaultConfiguration", {"Ref": "AWS::NoValue"}))
        parameter = ROOT["Parameters"]["TopicConfiguration"]
        cases = {
            parameter["Default"]: {"retention.ms": "604800000", "retention.bytes": "1073741824", "segment.bytes": "134217728"},
            "cleanup.policy=compact,delete": {"cleanup.policy": "compact,delete"},
        }
        for given, expected in cases.items():
            self.assertRegex(given, parameter["AllowedPattern"])
            made = evaluate(configs, {"TopicConfiguration": given})
            self.assertEqual(json.loads(base64.b64decode(made)), expected)
        # What would make other JSON of it is not taken.
        for given in ['a.b=c"d', "a.b=c=d", "a.b=c\\d", "a.b", "a.b=", "a.b=c  d.e=f"]:
            self.assertNotRegex(given, parameter["AllowedPattern"])

    def test_replicas_follow_the_cluster(self):
        factor = ROOT["Resources"]["Topic"]["Properties"]["ReplicationFactor"]
        following = {"Fn::If": ["NewCluster", 2, 3]}
        self.assertEqual(factor, {"Fn::If": ["DefaultReplication", following, {"Ref": "TopicReplicationFactor"}]})
        _, _, cluster = next(resources("AWS::MSK::Cluster"))
        self.assertEqual(cluster["NumberOfBrokerNodes"], 2)


class Rights(unittest.TestCase):
    def test_the_deployers_rights_are_those_that_are_asked_for(self):
        for path, policy in policies().items():
            self.assertTrue(path.exists(), f"{path.name}: run infra/cloudformation/rights.py")
            self.assertEqual(json.loads(path.read_text()), policy, "run infra/cloudformation/rights.py")
            self.assertLessEqual(size(policy), LARGEST, path.name)
        self.assertEqual(set(FOLDER.glob("deployer-rights-*.json")), set(policies()))

    def test_they_hold_what_a_topic_takes(self):
        allowed = {a for policy in policies().values() for s in policy["Statement"] for a in s["Action"]}
        for action in ["Connect", "CreateTopic", "DescribeTopic", "AlterTopic", "DeleteTopic"]:
            self.assertIn(f"kafka-cluster:{action}", allowed)
        self.assertIn("kafka-cluster:DescribeTopicDynamicConfiguration", allowed)
        self.assertIn("kafka-cluster:AlterTopicDynamicConfiguration", allowed)
        self.assertFalse([action for action in allowed if "*" in action])

    def test_roles_are_passed_and_made_only_where_they_are_the_stacks(self):
        for policy in policies().values():
            for statement in policy["Statement"]:
                if any(action.startswith("iam:") for action in statement["Action"]):
                    self.assertIn(":role/", statement["Resource"])


if __name__ == "__main__":
    unittest.main()
