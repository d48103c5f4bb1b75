"""Has schemathesis try a worker's REST API: `schemathesis_run.py http://127.0.0.1:8083`. Always the same examples.

Streams, which have no end to wait for, are left out.
"""

import os
import sys
import tempfile
from importlib.metadata import entry_points

url = sys.argv[1]
checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
sys.argv[1:] = ["run", f"{url}/openapi.json", f"--url={url}", f"--checks={checks}", "--exclude-path-regex=^/live$|/tap$", "--phases=examples,coverage,fuzzing",
    "--max-examples=15", "--seed=1", "--workers=1", "--request-timeout=20", "--no-color",
    "--generation-database=none"]
folder = tempfile.TemporaryDirectory()
# It keeps what it finds in the folder that it runs in.
os.chdir(folder.name)
[schemathesis] = [point for point in entry_points(group="console_scripts") if point.name == "schemathesis"]
sys.exit(schemathesis.load()())
