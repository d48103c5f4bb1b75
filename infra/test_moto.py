"""Has the AWS CLI itself give a moto server what the scripts say: `python -m unittest infra/test_moto.py`.

Needs moto's server and the CLI of the same environment. moto has neither all of CloudFormation's functions nor Amazon MSK's topics, so that
the change set is made and looked at, and not carried out; whatever else is asked, moto takes as AWS would.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

import boto3

FOLDER = Path(__file__).parent
REGION = "eu-central-1"
CODE = f"sluice-code-123456789012-{REGION}"
# Of what moto does not know, the answer that AWS would give.
AWS = """#!/usr/bin/env bash
case "$1 $2" in
  "lambda get-account-settings") echo 900 ;;
  "kafka get-bootstrap-brokers") echo b-1.example:9098 ;;
  "cloudformation update-termination-protection") ;;
  "cloudformation deploy") exec {python} -m awscli "$@" --no-execute-changeset ;;
  *) exec {python} -m awscli "$@" ;;
esac
"""


class Moto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cls.server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        # By this name moto finds the templates that it is told of by address.
        cls.url = f"http://localhost:{port}"
        cls.credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        aws = self.folder / "aws"
        aws.write_text(AWS.format(python=sys.executable))
        aws.chmod(0o755)
        for name in ["package.zip", "send.zip"]:
            with zipfile.ZipFile(self.folder / name, "w") as package:
                package.writestr("bootstrap", name)
                package.write(FOLDER.parent / "connectors.d" / "msk" / "stock-prices.yaml", "connectors.d/stock-prices.yaml")

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def run_script(self, script, *arguments):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **self.credentials,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
        }
        return subprocess.run(
            [str(FOLDER / script), *arguments], capture_output=True, text=True, env=environment, cwd=self.folder, check=False
        )

    def deploy(self, *arguments):
        zips = ["--zip", str(self.folder / "package.zip"), "--send-zip", str(self.folder / "send.zip")]
        return self.run_script("deploy", *zips, *arguments)

    def test_a_stack_is_asked_for_with_all_that_it_is_made_of(self):
        # Values with blanks, commas and equals signs go through the CLI as they are.
        odd = {
            "TopicConfiguration": "retention.ms=60000 retention.bytes=1048576",
            "PolicyArns": "arn:aws:iam::aws:policy/A,arn:aws:iam::123456789012:policy/b",
        }
        said = self.deploy("ChunkTokens=500", *[f"{name}={value}" for name, value in odd.items()])
        self.assertEqual(said.returncode, 0, said.stderr + said.stdout)

        keys = [item["Key"] for item in self.client("s3").list_objects_v2(Bucket=CODE)["Contents"]]
        templates = [key for key in keys if key.startswith("sluice/templates/")]
        self.assertEqual(len(templates), len(list((FOLDER / "cloudformation").glob("*.yaml"))) - 2, "those that are nested")
        self.assertEqual(len([key for key in keys if key.endswith(".zip")]), 2)

        clouds = self.client("cloudformation")
        (change,) = clouds.list_change_sets(StackName="sluice")["Summaries"]
        change = clouds.describe_change_set(ChangeSetName=change["ChangeSetId"])
        given = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in change["Parameters"]}
        self.assertIn(given["CodeKey"], keys)
        self.assertIn(given["SendCodeKey"], keys)
        self.assertEqual((given["ChunkTokens"], given["ConnectorName"]), ("500", "stock-prices"))
        self.assertLessEqual(odd.items(), given.items())
        policy = clouds.get_stack_policy(StackName="sluice")["StackPolicyBody"]
        self.assertIn("AWS::MSK::Topic", policy)

    def test_what_the_stack_was_given_is_read_back_and_kept(self):
        # moto carries this one out: the parameters of the stack, and next to nothing of what they are for.
        text = (FOLDER / "cloudformation" / "sluice.yaml").read_text()
        parameters = text[text.index("\nParameters:\n") : text.index("\nRules:\n")]
        given = {"CodeBucket": CODE, "CodeKey": "sluice/1.zip", "ChunkTokens": "500"}
        clouds = self.client("cloudformation")
        clouds.create_stack(
            StackName="kept",
            TemplateBody=parameters + "\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        )
        said = self.deploy("--stack", "kept", "ChunkTokens=300")
        self.assertEqual(said.returncode, 2, said.stdout)
        self.assertIn("ChunkTokens=500", said.stderr)
        # What is not said is as it was, and so nothing is refused.
        said = self.deploy("--stack", "kept", "MemorySize=512")
        self.assertEqual(said.returncode, 0, said.stderr)

        said = self.run_script("destroy", "--stack", "kept", "--yes")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertNotIn("kept", [stack["StackName"] for stack in clouds.describe_stacks()["Stacks"]])
        objects = self.client("s3").list_objects_v2(Bucket=CODE, Prefix="kept/") if CODE in self.buckets() else {}
        self.assertEqual(objects.get("KeyCount", 0), 0)
        # It is gone, and can be asked about again.
        said = self.run_script("destroy", "--stack", "kept", "--yes")
        self.assertEqual(said.returncode, 0, said.stderr)

    def buckets(self):
        return [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]

    def test_a_rollback_changes_the_alias(self):
        iam, functions = self.client("iam"), self.client("lambda")
        trust = '{"Version":"2012-10-17","Statement":[]}'
        role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        code = (self.folder / "package.zip").read_bytes()
        functions.create_function(
            FunctionName="prices", Role=role, Runtime="provided.al2023", Handler="bootstrap", Code={"ZipFile": code}, Publish=True
        )
        code = (self.folder / "send.zip").read_bytes()
        newest = functions.update_function_code(FunctionName="prices", ZipFile=code, Publish=True)["Version"]
        functions.create_alias(FunctionName="prices", Name="live", FunctionVersion=newest)
        said = self.run_script("rollback", "--stack", "prices")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(functions.get_alias(FunctionName="prices", Name="live")["FunctionVersion"], "1")
        said = self.run_script("rollback", "--stack", "prices")
        self.assertIn("there is none before it", said.stderr)


if __name__ == "__main__":
    unittest.main()
