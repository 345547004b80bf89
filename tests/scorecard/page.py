"""Reads the pages of scorecards in a browser, on a phone and printed, by the rules of assessments.

    page.py CHROMIUM_DRIVER AXE_JS PAGE...
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "assess"))
from document import WIDTHS, browser, read_in_print, read_on_screen

driver, axe, *pages = sys.argv[1:]
axe, faults = Path(axe).read_text(), []
with browser(driver) as opened:
    for page in map(Path, pages):
        found = [fault for width in WIDTHS for fault in read_on_screen(opened, page, axe, width)]
        found += read_in_print(opened, False)
        faults += [f"{page}: {fault}" for fault in found]
if faults or not pages:
    sys.exit("\n".join(faults) or "no page was read")
print(f"OK: {len(pages)} scorecards read on screen and in print")
