"""Asserts what the schemas of Kubernetes miss in what the overlays make: `python -m unittest discover infra/kubernetes`.

Needs PyYAML, and kustomize (or kubectl, which has it inside) on the PATH. KEDA's kind is checked by hand: the schemas that package registries have for it let unknown fields pass, and
none knows the fields of a trigger, so that a misspelt one would only be noticed by pods that are never added.
"""

import re
import shutil
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent


OVERLAYS = ["base", "overlays/keda", "overlays/keda-msk-iam", "overlays/pod-monitor"]


def build(folder):
    """Returns what kustomize makes of a folder, by kind and name without the hash."""
    program = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    made = subprocess.run([*program, str(FOLDER / folder)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, f"{folder}: {made.stderr}"
    documents = [document for document in yaml.safe_load_all(made.stdout) if document]
    return {document["kind"]: document for document in documents}, made.stdout


BUILT = {folder: build(folder)[0] for folder in OVERLAYS}
BASE = BUILT["base"]
DEPLOYMENT = BASE["Deployment"]


def container(overlay):
    return overlay["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def environment(overlay):
    return {variable["name"]: variable["value"] for variable in container(overlay)["env"]}


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


def connectors(overlay):
    return {name: yaml.safe_load(text) for name, text in overlay["ConfigMap"]["data"].items()}


class Keda(unittest.TestCase):
    overlays = {name: overlay for name, overlay in BUILT.items() if "ScaledObject" in overlay}

    def each(self):
        self.assertEqual(len(self.overlays), 2)
        for name, overlay in self.overlays.items():
            with self.subTest(name):
                (trigger,) = overlay["ScaledObject"]["spec"]["triggers"]
                yield overlay, overlay["ScaledObject"]["spec"], trigger

    def test_every_field_is_one_of_keda(self):
        for overlay, spec, trigger in self.each():
            scaled = overlay["ScaledObject"]
            self.assertEqual((scaled["apiVersion"], scaled["kind"]), ("keda.sh/v1alpha1", "ScaledObject"))
            self.assertLessEqual(set(spec), SPEC)
            self.assertLessEqual(set(trigger), TRIGGER)
            self.assertEqual(trigger["type"], "kafka")
            self.assertLessEqual(set(trigger["metadata"]), KAFKA)
            self.assertLessEqual({"bootstrapServers", "consumerGroup", "topic"}, set(trigger["metadata"]))

    def test_every_value_of_a_trigger_is_text(self):
        for _, _, trigger in self.each():
            for name, value in trigger["metadata"].items():
                self.assertIsInstance(value, str, name)
            self.assertIn(trigger["metadata"]["offsetResetPolicy"], ["earliest", "latest"])

    def test_it_scales_the_deployment_by_the_lag_of_a_connector_that_is_there(self):
        for overlay, spec, trigger in self.each():
            self.assertEqual(spec["scaleTargetRef"], {"name": overlay["Deployment"]["metadata"]["name"]})
            metadata = trigger["metadata"]
            self.assertEqual(metadata["bootstrapServers"], environment(overlay)["KAFKA_BOOTSTRAP_SERVERS"])
            host = metadata["bootstrapServers"]
            self.assertRegex(host, r"^[a-z0-9-]+\.[a-z0-9.-]+:\d+$", "KEDA looks from a namespace of its own")
            prefix, name = metadata["consumerGroup"].split("-", 1)
            self.assertEqual(prefix, "connect")
            self.assertIn(metadata["topic"], connectors(overlay)[f"{name}.yaml"]["source"]["kafka"]["topics"])

    def test_no_setting_is_without_effect(self):
        for _, spec, _ in self.each():
            self.assertGreater(spec["minReplicaCount"], 0, "nobody would commit what a stopped pod left")
            self.assertNotIn("cooldownPeriod", spec, "it is only for scaling to 0")

    def test_nobody_else_sets_the_number_of_pods(self):
        self.assertIn("replicas", DEPLOYMENT["spec"])
        for overlay, _, _ in self.each():
            self.assertNotIn("replicas", overlay["Deployment"]["spec"])

    def test_on_msk_both_sign_in_with_iam(self):
        overlay = BUILT["overlays/keda-msk-iam"]
        (trigger,) = overlay["ScaledObject"]["spec"]["triggers"]
        # The `kafka` scaler's words for IAM, and no others: https://keda.sh/docs/latest/scalers/apache-kafka/
        expected = {
            "sasl": "oauthbearer",
            "saslTokenProvider": "aws_msk_iam",
            "tls": "enable",
            "awsRegion": environment(overlay)["AWS_REGION"],
        }
        self.assertLessEqual(expected.items(), trigger["metadata"].items())
        authentication = overlay["TriggerAuthentication"]
        self.assertEqual(trigger["authenticationRef"], {"name": authentication["metadata"]["name"]})
        self.assertEqual(authentication["spec"], {"podIdentity": {"provider": "aws"}})
        for connector in connectors(overlay).values():
            self.assertEqual(connector["source"]["kafka"]["auth"], {"msk_iam": {}})
        self.assertTrue(environment(overlay)["KAFKA_BOOTSTRAP_SERVERS"].endswith(":9098"))


class Monitoring(unittest.TestCase):
    def test_the_pod_monitor_scrapes_the_port_of_the_pods(self):
        overlay = BUILT["overlays/pod-monitor"]
        monitor, deployment = overlay["PodMonitor"], overlay["Deployment"]
        self.assertEqual(monitor["apiVersion"], "monitoring.coreos.com/v1")
        self.assertEqual(set(monitor["spec"]), {"selector", "podMetricsEndpoints"})
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        self.assertLessEqual(monitor["spec"]["selector"]["matchLabels"].items(), labels.items())
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        self.assertLessEqual(set(endpoint), {"port", "path", "interval"})
        self.assertIn(endpoint["port"], [port["name"] for port in container(overlay)["ports"]])


class Manifests(unittest.TestCase):
    def test_a_pod_has_more_time_to_end_than_sluice_takes(self):
        settings = (ROOT / "docs" / "reference" / "process.md").read_text()
        takes = re.search(r"shutdown_timeout.*?(\d+)s", settings, re.DOTALL)
        self.assertGreater(DEPLOYMENT["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], int(takes[1]))

    def test_the_image_is_of_this_version(self):
        version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        for overlay in BUILT.values():
            self.assertEqual(container(overlay)["image"], f"sluice:{version}")

    def test_what_kustomize_makes_keeps_to_the_schemas_of_kubernetes(self):
        # KEDA's own kinds have no schema there; they are checked field by field above.
        for folder in OVERLAYS:
            own = [document for document in yaml.safe_load_all(build(folder)[1])]
            known = [document for document in own if not document["apiVersion"].startswith(("keda.sh/", "monitoring."))]
            self.assertGreaterEqual(len(known), 5)
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump_all(known, file)
                file.flush()
                subprocess.run(["kubernetes-validate", "--strict", "--quiet", file.name], check=True)

    def test_a_changed_connector_rolls_out(self):
        for folder, overlay in BUILT.items():
            name = overlay["ConfigMap"]["metadata"]["name"]
            self.assertRegex(name, r"^sluice-connectors-[a-z0-9]{10}$", folder)
            (volume,) = overlay["Deployment"]["spec"]["template"]["spec"]["volumes"]
            self.assertEqual(volume["configMap"]["name"], name)
        names = {overlay["ConfigMap"]["metadata"]["name"] for overlay in BUILT.values()}
        self.assertEqual(len(names), 2, "the overlay on MSK has a file of its own, and so another name")

    def test_the_connectors_are_those_of_connectors_d(self):
        own = yaml.safe_load((ROOT / "connectors.d" / "stock-prices.yaml").read_text())
        self.assertEqual(connectors(BASE)["stock-prices.yaml"], own)
        own = yaml.safe_load((ROOT / "connectors.d" / "msk" / "stock-prices.yaml").read_text())
        self.assertEqual(connectors(BUILT["overlays/keda-msk-iam"])["stock-prices.yaml"], own)

    def test_every_folder_with_a_kustomization_is_tested(self):
        found = {path.parent.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("kustomization.yaml")}
        self.assertEqual(found, set(OVERLAYS))

    def test_credentials_of_eks_get_through(self):
        # EKS Pod Identity answers pods on these addresses, by plain HTTP within the node.
        rules = BASE["NetworkPolicy"]["spec"]["egress"]
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
