"""Asserts that AWS knows every command that the scripts give: `python -m unittest infra/test_commands.py`.

Needs botocore, whose models are those of the AWS CLI. What the CLI adds to them, such as `s3 cp` and `cloudformation deploy`, is in
test_moto.py, with the CLI itself.
"""

import re
import shlex
import unittest
from pathlib import Path

import botocore.session
from botocore import xform_name

FOLDER = Path(__file__).parent
SCRIPTS = ["deploy", "destroy", "rollback", "send", "lib.sh"]
# Of the CLI itself, for every command, and a file that `lambda invoke` writes.
OF_THE_CLI = {"query", "output", "cli-read-timeout"}
ADDED_BY_THE_CLI = {
    ("cloudformation", "deploy"),
    ("cloudformation", "package"),
    ("cloudformation", "wait"),
    ("configure", "get"),
    ("s3", "cp"),
    ("s3", "mb"),
    ("s3", "rb"),
    ("s3", "rm"),
}


def read(script):
    """Returns a script without its comments, without what it only speaks of, and with each command on one line."""
    text = re.sub(r"(?m)^\s*#.*", "", (FOLDER / script).read_text())
    return re.sub(r"\\`[^`]*`", "", text).replace("\\\n", " ")


def commands():
    """Yields script, service, command and options of every call of the CLI in the scripts."""
    for script in SCRIPTS:
        text = read(script)
        for line in text.splitlines():
            for call in re.findall(r"\baws ([a-z0-9-]+ [a-z0-9-]+.*)", line):
                service, command = call.split()[:2]
                yield script, service, command.rstrip(";)`\\"), re.findall(r"(?<!\S)--([a-z0-9-]+)", call)


class Commands(unittest.TestCase):
    session = botocore.session.get_session()

    def test_aws_knows_each_with_its_options(self):
        found = 0
        for script, service, command, options in commands():
            if (service, command) in ADDED_BY_THE_CLI:
                continue
            found += 1
            model = self.session.get_service_model({"s3api": "s3"}.get(service, service))
            operations = {xform_name(name, "-"): name for name in model.operation_names}
            self.assertIn(command, operations, f"{script}: aws {service} {command}")
            operation = model.operation_model(operations[command])
            members = operation.input_shape.members if operation.input_shape else {}
            taken = {xform_name(name, "-") for name in members}
            options = {option.removeprefix("no-") for option in options} - OF_THE_CLI
            self.assertLessEqual(options, taken, f"{script}: aws {service} {command}")
            needed = {xform_name(name, "-") for name in getattr(operation.input_shape, "required_members", [])}
            self.assertLessEqual(needed, options, f"{script}: aws {service} {command}")
        self.assertGreater(found, 25)

    def test_what_is_asked_of_an_answer_is_in_it(self):
        # The first name of a query; a misspelt one gives None, which no script would notice.
        found = 0
        for script in SCRIPTS:
            for call in re.findall(r"\baws ([^|\n]*--query [^|\n]*)", read(script)):
                words = shlex.split(call.replace("$(", " ").replace(")", " ").replace("`", ""), posix=False)
                service, command = words[:2]
                if (service, command) in ADDED_BY_THE_CLI:
                    continue
                query = words[words.index("--query") + 1].strip("\"'")
                model = self.session.get_service_model({"s3api": "s3"}.get(service, service))
                operations = {xform_name(known, "-"): known for known in model.operation_names}
                output = model.operation_model(operations[command]).output_shape.members
                first = next(word for word in re.findall(r"[A-Za-z]+", query) if word not in ("reverse", "sort", "by"))
                self.assertIn(first, output, f"{script}: aws {service} {command} --query {query}")
                found += 1
        self.assertGreater(found, 8)


if __name__ == "__main__":
    unittest.main()
