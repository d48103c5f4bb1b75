#!/usr/bin/env python3
"""Derives the rights of whoever deploys from the schemas of the resources and the commands of the scripts.

`rights.py` writes deployer-rights-N.json, each as large as a managed policy may be; `rights.py --check` only compares. Needs
cfn-lint and policy_sentry.
"""

import json
import re
import sys
from pathlib import Path

from policy_sentry.querying.actions import get_actions_for_service

from schemas import FOLDER, TEMPLATES, schema

SCRIPTS = ["deploy", "destroy", "rollback", "send", "lib.sh"]

# What a command of the CLI asks for that is not an action of the same name.
COMMANDS = {
    "cloudformation deploy": [
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeChangeSet",
        "cloudformation:DescribeStacks",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:GetTemplateSummary",
    ],
    "cloudformation package": ["s3:GetObject", "s3:PutObject"],
    "cloudformation wait": ["cloudformation:DescribeStacks"],
    "configure get": [],
    "lambda get-account-settings": ["lambda:GetAccountSettings"],
    "lambda invoke": ["lambda:InvokeFunction"],
    "s3 cp": ["s3:GetObject", "s3:PutObject"],
    "s3 mb": ["s3:CreateBucket"],
    "s3 rb": ["s3:DeleteBucket"],
    "s3 rm": ["s3:DeleteObject", "s3:ListBucket"],
    "s3api head-bucket": ["s3:ListBucket"],
}
SERVICES = {"bedrock-agent": "bedrock"}
# Of what the schemas name for properties that no template uses.
UNUSED = {"acm-pca", "codedeploy", "elasticfilesystem", "firehose", "s3files", "s3tables", "vpc-lattice", "vpce"}
# What a managed policy may hold, without blanks.
LARGEST = 6144


def of_the_resources():
    """Returns the actions that CloudFormation takes, with the deployer's rights, for all that the templates make."""
    kinds = {resource["Type"] for template in TEMPLATES.values() for resource in template["Resources"].values()}
    actions = set()
    for kind in sorted(kinds):
        for handler in schema(kind).get("handlers", {}).values():
            actions.update(handler.get("permissions", []))
    return actions


def of_the_scripts():
    """Returns the actions behind every command that a script gives to the CLI."""
    actions = set()
    for script in SCRIPTS:
        path = FOLDER.parent / script
        text = re.sub(r"(?m)^\s*#.*", "", path.read_text()).replace("\\\n", " ")
        for service, command in re.findall(r"\baws ([a-z0-9-]+) ([a-z0-9-]+)", text):
            known = COMMANDS.get(f"{service} {command}")
            name = "".join(part.capitalize() for part in command.split("-"))
            actions.update([f"{SERVICES.get(service, service)}:{name}"] if known is None else known)
    return actions


def spelt_as_iam_does(actions):
    """Corrects letters, drops what is no action, such as `s3:REST.PUT.OBJECT`, and keeps what is newer than the reference."""
    kept = set()
    for action in actions:
        service = action.split(":")[0]
        if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action) or service in UNUSED:
            continue
        known = {name.lower(): name for name in get_actions_for_service(service)}
        kept.add(known.get(action.lower(), action))
    return kept


def statements():
    """Returns the rights as statements, one for each service."""
    actions = spelt_as_iam_does(of_the_resources() | of_the_scripts())
    linked = "iam:CreateServiceLinkedRole"
    made = []
    for service in sorted({action.split(":")[0] for action in actions}):
        own = sorted(action for action in actions if action.startswith(f"{service}:") and action != linked)
        sid = "".join(part.capitalize() for part in service.split("-"))
        where = "arn:*:iam::*:role/sluice-*" if service == "iam" else "*"
        made.append({"Sid": sid, "Effect": "Allow", "Action": own, "Resource": where})
    services = "arn:*:iam::*:role/aws-service-role/*"
    return made + [{"Sid": "RolesOfServices", "Effect": "Allow", "Action": [linked], "Resource": services}]


def size(policy):
    return len(re.sub(r"\s", "", json.dumps(policy)))


def policies():
    """Returns the statements in as few policies as hold them."""
    found = [{"Version": "2012-10-17", "Statement": []}]
    for statement in statements():
        found[-1]["Statement"].append(statement)
        if size(found[-1]) > LARGEST:
            found[-1]["Statement"].pop()
            found.append({"Version": "2012-10-17", "Statement": [statement]})
    return {FOLDER / f"deployer-rights-{n}.json": policy for n, policy in enumerate(found, 1)}


def main():
    wanted = {path: json.dumps(policy, indent=1) + "\n" for path, policy in policies().items()}
    written = {path: path.read_text() for path in FOLDER.glob("deployer-rights-*.json")}
    if "--check" not in sys.argv:
        for path, text in wanted.items():
            path.write_text(text)
    elif wanted != written:
        sys.exit("deployer-rights are not what templates and scripts ask for: run infra/cloudformation/rights.py")


if __name__ == "__main__":
    main()
