"""Holds the Terraform module to the schemas of its resources: `python -m unittest discover infra/terraform`.

The provider `awscc` is made of CloudFormation's schemas, so that the module can be written as a template and be looked at by cfn-lint,
which needs neither the provider nor an account. Needs cfn-lint and python-hcl2, which comes with checkov. Where terraform or tofu is
on the PATH, the files are held to its format; where the provider is at hand, too, it validates and plans the module. The provider
comes from the registry, or from the folder that SLUICE_AWSCC names; SLUICE_REQUIRE_AWSCC makes it a failure where there is none.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import hcl2

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "cloudformation"))
from schemas import KINDS, TEMPLATES, schema  # noqa: E402

FILES = sorted(FOLDER.glob("*.tf"))
MODULE = {}


def plain(value):
    """Returns what was parsed without the numbers of its lines."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if not key.startswith("__")}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


for path in FILES:
    for block, found in plain(hcl2.loads(path.read_text())).items():
        MODULE.setdefault(block, []).extend(found)
LOCALS = {name: value[0] for block in MODULE["locals"] for name, value in block.items()}
VARIABLES = {name: body for block in MODULE["variable"] for name, body in block.items()}
RESOURCES = [(kind, name, body) for block in MODULE["resource"] for kind, of in block.items() for name, body in of.items()]
# What Terraform keeps to itself.
META = {"lifecycle", "depends_on", "count", "for_each", "provider"}


def snake(name):
    """Writes a property's name as the provider does: `S3VectorsConfiguration` is `s3_vectors_configuration`."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def kind_of(resource):
    """Returns the CloudFormation type of `awscc_SERVICE_NAME`."""
    wanted = resource.removeprefix("awscc_")
    found = [kind for kind in KINDS if "_".join([kind.split("::")[1].lower(), snake(kind.split("::")[2])]) == wanted]
    assert len(found) == 1, f"{resource}: {found}"
    return found[0]


def resolve(part, whole):
    """Follows the references within a schema."""
    while "$ref" in part:
        part = whole["definitions"][part["$ref"].split("/")[-1]]
    return part


def unwrapped(value):
    """Returns an attribute's value: the parser puts each into a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


class Writer:
    """Writes the module as a template; what is only known when it is applied becomes a parameter."""

    def __init__(self):
        self.parameters = {}
        self.template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}, "Parameters": self.parameters}
        for kind, name, body in RESOURCES:
            of = schema(kind_of(kind))
            properties = {
                key: self.value(unwrapped(value), None, of) for key, value in body.items() if key not in META
            }
            logical = "".join(part.capitalize() for part in f"{kind}_{name}".split("_"))
            self.template["Resources"][logical] = {
                "Type": kind_of(kind),
                "Properties": {self.name(key, of, of): self.fit(body[key], key, of, of) for key in properties},
            }

    def name(self, key, part, whole):
        part = resolve(part, whole)
        options = [part] + part.get("oneOf", []) + part.get("anyOf", [])
        names = {snake(known): known for option in options for known in resolve(option, whole).get("properties", {})}
        assert key in names, f"{whole['typeName']} has no {key}; it has {sorted(names)}"
        return names[key]

    def property(self, key, part, whole):
        part = resolve(part, whole)
        options = [part] + part.get("oneOf", []) + part.get("anyOf", [])
        for option in options:
            found = resolve(option, whole).get("properties", {})
            if self.name(key, part, whole) in found:
                return found[self.name(key, part, whole)]
        return {}

    def fit(self, value, key, part, whole):
        return self.value(unwrapped(value), self.property(key, part, whole), whole)

    def value(self, value, part, whole):
        if part is None:
            return value
        part = resolve(part, whole)
        if isinstance(value, str) and "${" in value:
            chosen = re.fullmatch(r"\$\{[^?]+\? ?(.+?) ?: ?(?:null|None)\}", value)
            if chosen:
                return self.value(self.literal(chosen[1]), part, whole)
            return self.unknown(part)
        if isinstance(value, dict) and ("properties" in part or "oneOf" in part):
            return {self.name(key, part, whole): self.fit(inner, key, part, whole) for key, inner in value.items()}
        if part.get("type") == "array":
            items = value if isinstance(value, list) else [value]
            return [self.value(item, part.get("items", {}), whole) for item in items]
        return value

    def literal(self, text):
        """Returns what one branch of a condition is."""
        if text.startswith("local."):
            return LOCALS[text.removeprefix("local.")]
        if re.fullmatch(r"-?\d+|true|false", text):
            return json.loads(text)
        return "${" + text + "}"

    def unknown(self, part):
        numeric = part.get("type") in ("integer", "number")
        name = "Number" if numeric else "Text"
        self.parameters[name] = {"Type": "Number" if numeric else "String"}
        return [{"Ref": name}] if part.get("type") == "array" else {"Ref": name}


TEMPLATE = Writer().template


def policies(template):
    """Returns every statement of the roles of a template, by its name: what it allows or denies."""
    found = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    if "Sid" in statement:
                        actions = statement["Action"]
                        found[statement["Sid"]] = (
                            statement["Effect"],
                            set(actions if isinstance(actions, list) else [actions]),
                        )
    return found


PROGRAM = shutil.which("terraform") or shutil.which("tofu")


class Provider:
    """The module in a folder of its own, with the provider, or a word on why there is none."""

    def __init__(self, folder):
        self.folder, self.missing = Path(folder), None
        shutil.copytree(FOLDER, self.folder / "module", ignore=shutil.ignore_patterns("*.py", "__pycache__", ".terraform*"))
        self.environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "AWS_REGION": "eu-central-1"}
        own = os.environ.get("SLUICE_AWSCC")
        settings = self.folder / "terraform.rc"
        settings.write_text(f'provider_installation {{\n dev_overrides {{ "hashicorp/awscc" = "{own}" }}\n direct {{}}\n}}\n' if own else "")
        self.environment["TF_CLI_CONFIG_FILE"] = str(settings)
        if not PROGRAM:
            self.missing = "neither terraform nor tofu is on the PATH"
        elif not own:
            said = self.run("init", "-backend=false", "-input=false")
            if said.returncode:
                self.missing = f"the provider is not at hand: {said.stderr.strip()[-300:]}"

    def run(self, *arguments):
        command = [PROGRAM, *arguments, "-no-color"]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.folder / "module", env=self.environment, timeout=600
        )


class Plans(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider(cls.enterClassContext(tempfile.TemporaryDirectory()))
        if cls.provider.missing:
            print(f"{cls.provider.missing}: THE TERRAFORM MODULE WAS NOT VALIDATED", file=sys.stderr)
            if os.environ.get("SLUICE_REQUIRE_AWSCC"):
                raise AssertionError("SLUICE_REQUIRE_AWSCC is set")
            raise unittest.SkipTest(cls.provider.missing)

    def test_terraform_validates_it(self):
        said = self.provider.run("validate")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_its_plans_are_what_they_should_be(self):
        said = self.provider.run("test")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertRegex(said.stdout, r"[5-9] passed, 0 failed")


class Module(unittest.TestCase):
    def test_cfn_lint_takes_it_as_a_template(self):
        self.assertGreater(len(TEMPLATE["Resources"]), 9)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(TEMPLATE, file)
            file.flush()
            # E3510 looks into policies, which stand in the module as JSON.
            command = ["cfn-lint", "--ignore-checks", "W", "--", file.name]
            said = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(said.returncode, 0, said.stdout)

    def test_every_name_that_is_used_is_there(self):
        text = "\n".join(path.read_text() for path in FILES)
        text = re.sub(r"(?m)^\s*#.*|description\s*=.*", "", text)
        for name in re.findall(r"\bvar\.([a-z_]+)", text):
            self.assertIn(name, VARIABLES)
        for name in re.findall(r"\blocal\.([a-z_]+)", text):
            self.assertIn(name, LOCALS)
        known = {(kind, name) for kind, name, _ in RESOURCES}
        used = re.findall(r"\b(awscc_[a-z0-9_]+)\.([a-z_]+)\.([a-z_]+)", text)
        self.assertGreater(len(used), 10)
        for kind, name, attribute in used:
            self.assertIn((kind, name), known)
            attributes = {snake(known) for known in schema(kind_of(kind))["properties"]}
            self.assertIn(attribute, attributes, f"{kind}.{name}")
        for name in VARIABLES:
            self.assertRegex(text, rf"\bvar\.{name}\b", "it is used")
        for name in LOCALS:
            self.assertRegex(text, rf"\blocal\.{name}\b", "it is used")

    def test_roles_may_what_those_of_the_templates_may(self):
        own = {}
        for statements in LOCALS.values():
            if isinstance(statements, list) and statements and isinstance(statements[0], dict) and "Sid" in statements[0]:
                for statement in statements:
                    own[statement["Sid"]] = (statement["Effect"], set(statement["Action"]))
        expected = {
            sid: what
            for template in ["function", "knowledge-base"]
            for sid, what in policies(TEMPLATES[template]).items()
        }
        own.pop("OnlyEncrypted")
        self.assertEqual(own, expected)

    def test_a_partial_answer_goes_with_provisioned_pollers(self):
        # Without them Lambda passes over a partial answer, and the records in it are lost.
        (mapping,) = [body for kind, _, body in RESOURCES if kind == "awscc_lambda_event_source_mapping"]
        for key in ["provisioned_poller_config", "function_response_types", "maximum_retry_attempts", "metrics_config"]:
            self.assertRegex(unwrapped(mapping[key]), r"^\$\{local\.provisioned \? .* : (null|None)\}$", key)
        self.assertEqual(LOCALS["provisioned"], '${var.poller_mode == "provisioned"}')
        self.assertEqual(
            LOCALS["answers"], '${local.provisioned && var.batch_response == "partial" ? "partial" : "whole"}'
        )
        (function,) = [body for kind, _, body in RESOURCES if kind == "awscc_lambda_function"]
        environment = unwrapped(function["environment"])["variables"]
        self.assertEqual(environment["SLUICE_BATCH_RESPONSE"], "${local.answers}")

    def test_no_plan_destroys_what_holds_data(self):
        holding = {"vector_bucket", "index", "knowledge_base", "data_source", "bucket"}
        for kind, name, body in RESOURCES:
            if any(kind.endswith(f"_{ending}") for ending in holding) and not kind.startswith("awscc_iam"):
                (lifecycle,) = body["lifecycle"]
                self.assertEqual(unwrapped(lifecycle["prevent_destroy"]), True, f"{kind}.{name}")

    def test_every_variable_says_what_it_is_for(self):
        for name, body in VARIABLES.items():
            self.assertTrue(unwrapped(body["description"]).endswith("."), name)
            self.assertIn("type", body, name)

    @unittest.skipUnless(PROGRAM, "neither terraform nor tofu is on the PATH")
    def test_it_is_formatted(self):
        said = subprocess.run([PROGRAM, "fmt", "-check", "-recursive", str(FOLDER)], capture_output=True, text=True, check=False)
        self.assertEqual(said.returncode, 0, said.stdout)


if __name__ == "__main__":
    unittest.main()
