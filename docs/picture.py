"""Takes docs/assessment.png, the picture of the README, from the document that the demo writes.

    partner-feeds demo
    python docs/picture.py partner-feeds-demo/assessments/smp-2017-18/index.html docs/assessment.png

Needs the packages selenium and pillow, and Chromium with its driver.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver

WIDTH, HEIGHT = 1280, 1200
# The picture has few colours.
COLOURS = 64


def main(document, picture):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(argument)
    with webdriver.Chrome(options) as page:
        page.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
        )
        page.get(Path(document).resolve().as_uri())
        taken = Image.open(io.BytesIO(page.get_screenshot_as_png()))
    taken.convert("RGB").quantize(COLOURS).save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
