"""The templates, and the schemas of what is in them, as cfn-lint brings them along."""

import json
from pathlib import Path

import cfnlint
from cfnlint.decode import decode

FOLDER = Path(__file__).parent
SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"
KINDS = json.loads((SCHEMAS / "providers" / "us-east-1.json").read_text())


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


def schema(kind):
    """Returns the schema of a type of resource: what may be written, what replaces it, which rights it takes to make it."""
    name = KINDS[kind]
    return json.loads((SCHEMAS / "resources" / (name if name.endswith(".json") else f"{name}.json")).read_text())


def at(properties, path):
    """Returns what stands at a path of a schema, such as `/properties/A/B`, or None."""
    found = properties
    for part in path.removeprefix("/properties/").split("/"):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found
