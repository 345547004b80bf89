"""Reads an assessment as its readers do: in a browser, on a phone, printed, and in a word processor.

    document.py CHROMIUM_DRIVER AXE_JS WORK DOCUMENT...

A document passes if axe-core finds no violation of WCAG 2.2 AA or of good practice at either width, no page scrolls
sideways, every link within the page has its target, the printed file is tagged and has the key points on page 1, and
LibreOffice keeps every heading, table and picture.
"""

import base64
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from pypdf import PdfReader

sys.path.append(str(Path(__file__).parents[1]))
from screen import WIDTHS, browser, faults_at_width  # noqa: E402

PICTURE = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# What a reader of the complete document finds on the first printed page.
FIRST_PAGE = ["Key points", "at a glance"]


def read_on_screen(page, document, axe, width):
    """The faults of a document at a width in pixels."""
    page.get(document.resolve().as_uri())
    yield from faults_at_width(page, axe, width)


def read_in_print(page, is_complete):
    """The faults of the printed document."""
    printed = page.execute_cdp_cmd(
        "Page.printToPDF", {"generateTaggedPDF": True, "preferCSSPageSize": True}
    )
    pdf = PdfReader(io.BytesIO(base64.b64decode(printed["data"])))
    catalog = pdf.trailer["/Root"]
    if "/StructTreeRoot" not in catalog or not catalog.get("/MarkInfo", {}).get("/Marked"):
        yield "the printed file is not tagged"
    if not str(catalog.get("/Lang", "")).startswith("en"):
        yield "the printed file has no language"
    first = " ".join(pdf.pages[0].extract_text().split())
    for words in FIRST_PAGE if is_complete else []:
        if words not in first:
            yield f"`{words}` is not on page 1 of the printed file"


def read_in_word_processor(page, document, work):
    """The faults of the document as LibreOffice opens it and saves it for Word."""
    expected = page.execute_script(
        "const count = s => document.querySelectorAll(s).length;"
        "return {headings: count('h1,h2,h3,h4'), tables: count('table'), pictures: count('img')}"
    )
    subprocess.run(
        ["soffice", "--headless", f"-env:UserInstallation={(work / 'office').resolve().as_uri()}",
         "--infilter=HTML (StarWriter)", "--convert-to", "docx:MS Word 2007 XML",
         "--outdir", str(work), str(document)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    with zipfile.ZipFile(work / f"{document.stem}.docx") as docx:
        body = ElementTree.fromstring(docx.read("word/document.xml"))
        pictures = {n for n in docx.namelist() if n.startswith("word/media/")}
    styles = [style.get(f"{WORD}val", "") for style in body.iter(f"{WORD}pStyle")]
    found = {
        "headings": sum(style.startswith("Heading") for style in styles),
        "tables": sum(1 for _ in body.iter(f"{WORD}tbl")),
        "pictures": sum(1 for _ in body.iter(PICTURE)),
    }
    if expected["pictures"] and not pictures:
        yield "LibreOffice keeps no picture's file"
    for what, count in expected.items():
        if found[what] < count:
            yield f"LibreOffice keeps {found[what]} of {count} {what}"


def main(driver, axe, work, *documents):
    work, axe = Path(work), Path(axe).read_text()
    faults = []
    with browser(driver) as page:
        for document in map(Path, documents):
            found = [f for width in WIDTHS for f in read_on_screen(page, document, axe, width)]
            found += read_in_print(page, document.stem == "index")
            found += read_in_word_processor(page, document, work)
            faults += [f"{document}: {fault}" for fault in found]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(documents)} documents: read on screen, in print and in a word processor: OK")


if __name__ == "__main__":
    main(*sys.argv[1:])
