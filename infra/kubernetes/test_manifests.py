"""Asserts what the schemas of Kubernetes miss in the manifests: `python -m unittest discover infra/kubernetes`.

Needs PyYAML. KEDA's kind is checked by hand: the schemas that package registries have for it let unknown fields pass, and
none knows the fields of a trigger, so that a misspelt one would only be noticed by pods that are never added.
"""

import re
import tomllib
import unittest
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent


def load(name):
    return yaml.safe_load((FOLDER / name).read_text())


DEPLOYMENT = load("deployment.yaml")
CONTAINER = DEPLOYMENT["spec"]["template"]["spec"]["containers"][0]
ENVIRONMENT = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}
SCALED_OBJECT = load("keda/scaled-object.yaml")

# The fields of a ScaledObject and of a Kafka trigger, by KEDA's documentation of 2.18.
SPEC = {
    "scaleTargetRef",
    "pollingInterval",
    "cooldownPeriod",
    "initialCooldownPeriod",
    "idleReplicaCount",
    "minReplicaCount",
    "maxReplicaCount",
    "fallback",
    "advanced",
    "triggers",
}
TRIGGER = {"type", "name", "metadata", "useCachedMetrics", "authenticationRef", "metricType"}
KAFKA = {
    "bootstrapServers",
    "consumerGroup",
    "topic",
    "lagThreshold",
    "activationLagThreshold",
    "offsetResetPolicy",
    "allowIdleConsumers",
    "scaleToZeroOnInvalidOffset",
    "excludePersistentLag",
    "limitToPartitionsWithLag",
    "ensureEvenDistributionOfPartitions",
    "partitionLimitation",
    "version",
    "sasl",
    "saslTokenProvider",
    "tls",
    "unsafeSsl",
    "awsRegion",
}


class Keda(unittest.TestCase):
    spec = SCALED_OBJECT["spec"]
    trigger = SCALED_OBJECT["spec"]["triggers"][0]

    def test_every_field_is_one_of_keda(self):
        self.assertEqual((SCALED_OBJECT["apiVersion"], SCALED_OBJECT["kind"]), ("keda.sh/v1alpha1", "ScaledObject"))
        self.assertLessEqual(set(self.spec), SPEC)
        self.assertLessEqual(set(self.trigger), TRIGGER)
        self.assertEqual(self.trigger["type"], "kafka")
        self.assertLessEqual(set(self.trigger["metadata"]), KAFKA)
        self.assertLessEqual({"bootstrapServers", "consumerGroup", "topic"}, set(self.trigger["metadata"]))

    def test_every_value_of_a_trigger_is_text(self):
        for name, value in self.trigger["metadata"].items():
            self.assertIsInstance(value, str, name)
        self.assertIn(self.trigger["metadata"]["offsetResetPolicy"], ["earliest", "latest"])

    def test_it_scales_the_deployment_by_the_lag_of_a_connector_that_is_there(self):
        self.assertEqual(self.spec["scaleTargetRef"], {"name": DEPLOYMENT["metadata"]["name"]})
        metadata = self.trigger["metadata"]
        self.assertEqual(metadata["bootstrapServers"], ENVIRONMENT["KAFKA_BOOTSTRAP_SERVERS"])
        self.assertRegex(metadata["bootstrapServers"], r"^[a-z]+\.[a-z.]+:\d+$", "KEDA looks from a namespace of its own")
        prefix, name = metadata["consumerGroup"].split("-", 1)
        self.assertEqual(prefix, "connect")
        connector = yaml.safe_load((ROOT / "connectors.d" / f"{name}.yaml").read_text())
        self.assertIn(metadata["topic"], connector["source"]["kafka"]["topics"])

    def test_no_setting_is_without_effect(self):
        self.assertGreater(self.spec["minReplicaCount"], 0, "nobody would commit what a stopped pod left")
        self.assertNotIn("cooldownPeriod", self.spec, "it is only for scaling to 0")

    def test_nobody_else_sets_the_number_of_pods(self):
        (patch,) = load("keda/kustomization.yaml")["patches"]
        self.assertEqual(patch["target"], {"kind": "Deployment", "name": DEPLOYMENT["metadata"]["name"]})
        self.assertEqual(yaml.safe_load(patch["patch"]), [{"op": "remove", "path": "/spec/replicas"}])
        self.assertIn("replicas", DEPLOYMENT["spec"], "what is not there cannot be removed")


class Manifests(unittest.TestCase):
    def test_a_pod_has_more_time_to_end_than_sluice_takes(self):
        settings = (ROOT / "docs" / "reference" / "process.md").read_text()
        takes = re.search(r"shutdown_timeout.*?(\d+)s", settings, re.DOTALL)
        self.assertGreater(DEPLOYMENT["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], int(takes[1]))

    def test_the_image_is_of_this_version(self):
        version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        self.assertEqual(CONTAINER["image"], f"sluice:{version}")

    def test_credentials_of_eks_get_through(self):
        # EKS Pod Identity answers pods on these addresses, by plain HTTP within the node.
        rules = load("network-policy.yaml")["spec"]["egress"]
        blocks = {
            peer["ipBlock"]["cidr"]
            for rule in rules
            for peer in rule.get("to", [])
            if {"protocol": "TCP", "port": 80} in rule["ports"]
        }
        self.assertEqual(blocks, {"169.254.170.23/32", "fd00:ec2::23/128"})

    def test_the_image_is_built_from_all_that_cargo_reads(self):
        kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
        self.assertGreater(len(members), 5)
        needed = ["Cargo.toml", "Cargo.lock"] + [f"{member}/{part}" for member in members for part in ("Cargo.toml", "src")]
        for path in needed:
            self.assertTrue(any(path == keep or path.startswith(f"{keep}/") for keep in kept), path)


if __name__ == "__main__":
    unittest.main()
