"""Runs schemathesis against a door: no request that follows the OpenAPI document, or breaks it, is answered with 500.

    api.py PROGRAM BROKER WORK SECONDS
"""

import os
import subprocess
import sys
from pathlib import Path

from door import Door, example

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main(program, broker, work, seconds):
    _, partner = example("crime")
    with Door(program, broker, work, [partner]) as door:
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"http://127.0.0.1:{door.port}/openapi.json",
            "--header", f"Authorization: Bearer {door.tokens[partner]}",
            "--checks", CHECKS, "--max-time", seconds, "--request-timeout", "30", "--phases", "fuzzing",
            "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off",
        ]  # fmt: skip
        hooks = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(Path(__file__).parent)}
        ended = subprocess.run(command, cwd=door.work, env=os.environ | hooks, text=True, capture_output=True)
        if ended.returncode or " passed" not in ended.stdout:
            sys.exit(ended.stdout + ended.stderr)
        print(next(line for line in reversed(ended.stdout.splitlines()) if " passed" in line).strip("= "))


if __name__ == "__main__":
    main(*sys.argv[1:])
