#!/usr/bin/env python3
"""Checks a notebook that was run: `notebook.py NOTEBOOK RUN`. The one in the repository has no outputs, as those of real data
are not for publication; in the other every cell ran without a warning, and there is a chart for each question."""

import json
import sys

source, run = (json.load(open(path)) for path in sys.argv[1:])
code = [[cell for cell in notebook["cells"] if cell["cell_type"] == "code"] for notebook in (source, run)]
assert not any(cell["outputs"] or cell["execution_count"] for cell in code[0]), "clear the outputs of the notebook"
assert [cell["source"] for cell in code[0]] == [cell["source"] for cell in code[1]]
assert all(cell["execution_count"] for cell in code[1]), "a cell did not run"
outputs = [output for cell in code[1] for output in cell["outputs"]]
warnings = ["".join(output["text"]) for output in outputs if output.get("name") == "stderr"]
assert not warnings, warnings
questions = sum(cell["source"][0].strip().endswith("?") for cell in run["cells"] if cell["cell_type"] == "markdown")
charts = sum("image/png" in output.get("data", {}) for output in outputs)
assert questions == charts == 6, f"{questions} questions, {charts} charts"
printed = "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")
assert "Maidstone, April 2017 to March 2018" in printed and ": rose from " in printed, printed
print(f"{len(code[1])} cells, {charts} charts")
