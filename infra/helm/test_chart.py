"""Asserts what the chart makes: `python -m unittest discover infra/helm`.

Needs PyYAML, jsonschema and kubernetes-validate, and helm on the PATH. Without helm only the values are looked at, and it is said;
SLUICE_REQUIRE_HELM makes that a failure.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jsonschema
import yaml

CHART = Path(__file__).parent / "sluice"
ROOT = CHART.parent.parent.parent
CONNECTOR = ROOT / "connectors.d" / "stock-prices.yaml"
ON_MSK = ROOT / "connectors.d" / "msk" / "stock-prices.yaml"
HELM = shutil.which("helm")
if not HELM:
    print("helm is not on the PATH: NO TEMPLATE OF THE CHART WAS RENDERED", file=sys.stderr)
    if os.environ.get("SLUICE_REQUIRE_HELM"):
        sys.exit("SLUICE_REQUIRE_HELM is set")

KEDA = ["keda.enabled=true", "keda.topic=streamtopic", "keda.consumerGroup=connect-stock-prices"]


def helm(command, *sets, connector=CONNECTOR, check=True):
    arguments = [HELM, *command, str(CHART)]
    if connector:
        arguments += ["--set-file", f"connectors.stock-prices={connector}"]
    for pair in sets:
        arguments += ["--set", pair]
    return subprocess.run(arguments, capture_output=True, text=True, check=check)


def template(*sets, name="sluice", connector=CONNECTOR):
    """Returns what the chart makes, by kind; the pod is that of the test."""
    made = helm(["template", name], *sets, connector=connector).stdout
    return {document["kind"]: document for document in yaml.safe_load_all(made) if document}


class Values(unittest.TestCase):
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def test_the_defaults_are_what_the_schema_takes(self):
        jsonschema.Draft7Validator.check_schema(self.schema)
        jsonschema.validate(self.values, self.schema)

    def test_every_value_has_a_schema_and_every_schema_a_value(self):
        def names(value, schema, at=""):
            if "properties" in schema:
                missing = set(schema["properties"]) ^ set(value)
                self.assertLessEqual(missing, {"global"}, at)
                for name in value:
                    names(value[name], schema["properties"][name], f"{at}.{name}")

        names(self.values, self.schema)

    def test_what_is_misspelt_or_out_of_place_is_refused(self):
        for change in [
            {"replica": 2},
            {"replicas": "2"},
            {"connectors": {"a/b": "text"}},
            {"connectors": {"a": {"source": {}}}},
            {"image": {"repository": "sluice", "digest": "sha256:short"}},
            {"keda": {"enabled": True, "topic": "t", "consumerGroup": ""}},
            {"keda": {**self.values["keda"], "minReplicas": 0}},
            {"terminationGracePeriodSeconds": 10},
        ]:
            with self.assertRaises(jsonschema.ValidationError, msg=str(change)):
                jsonschema.validate({**self.values, **change}, self.schema)

    def test_the_chart_is_of_the_version_of_the_program(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        version = next(
            line.split('"')[1] for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = ")
        )
        self.assertEqual((chart["version"], chart["appVersion"]), (version, version))


@unittest.skipUnless(HELM, "helm is not on the PATH")
class Chart(unittest.TestCase):
    def test_it_passes_helms_own_linter(self):
        for sets in [[], KEDA, ["podMonitor.enabled=true"], ["prometheusRule.enabled=true", "dashboard.enabled=true"]]:
            said = helm(["lint", "--strict"], *sets, check=False)
            self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_kubernetes_takes_what_it_makes(self):
        for sets in [[], ["replicas=3", "image.tag=1"], KEDA]:
            made = helm(["template", "prices"], *sets).stdout
            documents = [d for d in yaml.safe_load_all(made) if d and not d["apiVersion"].startswith("keda.sh/")]
            self.assertGreaterEqual(len(documents), 6)
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump_all(documents, file)
                file.flush()
                subprocess.run(["kubernetes-validate", "--strict", "--quiet", file.name], check=True)

    def test_it_makes_what_the_manifests_make(self):
        # One of them would be forgotten otherwise.
        def pod(deployment):
            spec = deployment["spec"]["template"]["spec"]
            (container,) = spec["containers"]
            container.pop("imagePullPolicy", None)
            container["env"] = sorted(container["env"], key=lambda variable: variable["name"])
            for probe in ["livenessProbe", "readinessProbe"]:
                # What is not said is HTTP.
                container[probe]["httpGet"].setdefault("scheme", "HTTP")
            spec["volumes"][0]["configMap"] = {}
            return spec

        manifests = ROOT / "infra" / "kubernetes" / "base"
        own = template("image.tag=latest")
        deployment = yaml.safe_load((manifests / "deployment.yaml").read_text())
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "sluice:latest"
        self.assertEqual(pod(own["Deployment"]), pod(deployment))
        policy = yaml.safe_load((manifests / "network-policy.yaml").read_text())
        for side in ["ingress", "egress"]:
            self.assertEqual(own["NetworkPolicy"]["spec"][side], policy["spec"][side])

    def test_the_connector_arrives_as_it_is_written(self):
        for file in [CONNECTOR, ON_MSK]:
            data = template(connector=file)["ConfigMap"]["data"]
            self.assertEqual(data["stock-prices.yaml"].strip(), file.read_text().strip())

    def test_a_changed_connector_rolls_out(self):
        def annotations(file):
            return template(connector=file)["Deployment"]["spec"]["template"]["metadata"]["annotations"]

        self.assertNotEqual(annotations(CONNECTOR), annotations(ON_MSK))
        self.assertEqual(annotations(CONNECTOR), annotations(CONNECTOR))

    def test_nothing_is_installed_that_would_run_nothing(self):
        said = helm(["template", "sluice"], connector=None, check=False)
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("--set-file connectors.NAME=FILE", said.stderr)

    def test_two_releases_stand_side_by_side(self):
        one, other = template(name="one"), template(name="other")
        for kind in one:
            self.assertNotEqual(one[kind]["metadata"]["name"], other[kind]["metadata"]["name"], kind)
        selector = one["Deployment"]["spec"]["selector"]["matchLabels"]
        self.assertNotEqual(selector, other["Deployment"]["spec"]["selector"]["matchLabels"])
        for kind, selected in [("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")]:
            self.assertEqual(one[kind]["spec"][selected]["matchLabels"], selector)
        self.assertLessEqual(selector.items(), one["Deployment"]["spec"]["template"]["metadata"]["labels"].items())

    def test_a_digest_goes_before_a_tag(self):
        digest = "sha256:" + "a" * 64
        made = template("image.repository=example.com/sluice", "image.tag=1", f"image.digest={digest}")
        (container,) = made["Deployment"]["spec"]["template"]["spec"]["containers"]
        self.assertEqual(container["image"], f"example.com/sluice@{digest}")

    def test_keda_alone_sets_the_number_of_pods(self):
        made = template(*KEDA, "keda.mskIamRegion=eu-central-1")
        self.assertNotIn("replicas", made["Deployment"]["spec"])
        self.assertEqual(template()["Deployment"]["spec"]["replicas"], 1)
        scaled = made["ScaledObject"]["spec"]
        self.assertEqual(scaled["scaleTargetRef"]["name"], made["Deployment"]["metadata"]["name"])
        (trigger,) = scaled["triggers"]
        for name, value in trigger["metadata"].items():
            self.assertIsInstance(value, str, name)
        self.assertEqual(trigger["metadata"]["saslTokenProvider"], "aws_msk_iam")
        self.assertEqual(trigger["authenticationRef"]["name"], made["TriggerAuthentication"]["metadata"]["name"])

    def test_pods_reach_what_connectors_are_given(self):
        # PostgreSQL, a search engine or a registry is behind no port that brokers have.
        def ports(made):
            return [port["port"] for port in made["NetworkPolicy"]["spec"]["egress"][0]["ports"]]

        self.assertNotIn(5432, ports(template()))
        made = template("networkPolicy.targetPorts={5432,9200}", "networkPolicy.brokerPorts={9098}")
        self.assertEqual(ports(made), [53, 53, 443, 9098, 5432, 9200])

    def test_a_listener_with_tls_is_asked_so(self):
        # Kubernetes and Prometheus would speak plain HTTP to it otherwise, and the pod be restarted for ever.
        made = template("tls.secretName=certificate", "podMonitor.enabled=true", "podMonitor.tlsConfig.serverName=sluice.example")
        pod = made["Deployment"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        for probe in ["livenessProbe", "readinessProbe"]:
            self.assertEqual(container[probe]["httpGet"]["scheme"], "HTTPS", probe)
        environment = {variable["name"]: variable["value"] for variable in container["env"]}
        (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "tls"]
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "tls"]
        self.assertEqual(volume["secret"], {"secretName": "certificate"})
        for name, file in [("SLUICE_TLS_CERT_FILE", "tls.crt"), ("SLUICE_TLS_KEY_FILE", "tls.key")]:
            self.assertEqual(environment[name], f"{mount['mountPath']}/{file}")
            # The names are those of the process settings.
            self.assertIn(f"### `{name.removeprefix('SLUICE_').lower()}`", (ROOT / "docs/reference/process.md").read_text())
        (endpoint,) = made["PodMonitor"]["spec"]["podMetricsEndpoints"]
        self.assertEqual((endpoint["scheme"], endpoint["tlsConfig"]), ("https", {"serverName": "sluice.example"}))
        plain = template("podMonitor.enabled=true")
        self.assertNotIn("scheme", plain["PodMonitor"]["spec"]["podMetricsEndpoints"][0])
        # The pod of the test serves nothing.
        self.assertNotIn("SLUICE_TLS_CERT_FILE", json.dumps(made["Pod"]))

    def test_the_pod_monitor_scrapes_the_port_of_the_pods(self):
        made = template("podMonitor.enabled=true", "podMonitor.labels.release=prometheus")
        (endpoint,) = made["PodMonitor"]["spec"]["podMetricsEndpoints"]
        (container,) = made["Deployment"]["spec"]["template"]["spec"]["containers"]
        self.assertIn(endpoint["port"], [port["name"] for port in container["ports"]])
        self.assertEqual(made["PodMonitor"]["spec"]["selector"], made["Deployment"]["spec"]["selector"])
        self.assertEqual(made["PodMonitor"]["metadata"]["labels"]["release"], "prometheus")

    def test_the_rules_and_the_dashboard_are_those_of_infra_monitoring(self):
        made = template("prometheusRule.enabled=true", "prometheusRule.labels.release=prometheus")
        monitoring = ROOT / "infra" / "monitoring"
        self.assertEqual(made["PrometheusRule"]["spec"], yaml.safe_load((monitoring / "rules.yaml").read_text()))
        self.assertEqual(made["PrometheusRule"]["metadata"]["labels"]["release"], "prometheus")
        said = helm(["template", "sluice"], "dashboard.enabled=true").stdout
        maps = [d for d in yaml.safe_load_all(said) if d and d["metadata"]["name"].endswith("-dashboard")]
        (dashboard,) = maps
        self.assertEqual(json.loads(dashboard["data"]["sluice.json"]), json.loads((monitoring / "dashboard.json").read_text()))
        self.assertEqual(dashboard["metadata"]["labels"]["grafana_dashboard"], "1")


if __name__ == "__main__":
    unittest.main()
