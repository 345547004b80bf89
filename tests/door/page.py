"""The page of the door as a person uses it, with a keyboard and with a file that is dropped on it.

    page.py PROGRAM BROKER WORK CHROMIUM_DRIVER AXE_JS

From signing in, through a table with faults whose rows and columns the page names, to the row in the ledger. axe-core finds
no violation of WCAG 2.2 AA or of good practice in any state of the page, at either width. The same works without scripts.
"""

import csv
import json
import sys
from pathlib import Path

import duckdb
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from door import Door, example

sys.path.append(str(Path(__file__).parents[1]))
from screen import WIDTHS, browser, faults_at_width  # noqa: E402

KIND = "homelessness-case"
# What a spreadsheet makes of 2017-02-04.
WRONG_DATE = "04/02/2017"
NO_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}


def cells(value, name=""):
    """The fields of a JSON object by their dotted names, as cells of a table."""
    for field, below in value.items():
        match below:
            case dict():
                yield from cells(below, f"{name}{field}.")
            case list():
                yield f"{name}{field}", ";".join(below) or "[]"
            case bool():
                yield f"{name}{field}", str(below).lower()
            case _:
                yield f"{name}{field}", str(below)


def write_table(path, event, subjects, wrong=()):
    """A table with a row for each subject; those in `wrong` have a date that the contract refuses."""
    row = {name: str(event[name]) for name in ("subject", "revision", "time")} | dict(cells(event["data"]))
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, row)
        table.writeheader()
        for subject in subjects:
            date = {"when.occurred_from": WRONG_DATE} if subject in wrong else {}
            table.writerow(row | {"subject": subject} | date)
    return list(row).index("when.occurred_from")


class Person:
    """Someone at a browser; collects the faults of each state of the page."""

    def __init__(self, page, port, axe=None):
        self.page, self.axe, self.faults = page, axe, []
        page.get(f"http://127.0.0.1:{port}/")

    def sees(self, heading, *texts):
        """Waits for a heading, and looks for texts; then checks the page."""
        find = lambda page: page.find_element(By.TAG_NAME, "h1").text == heading  # noqa: E731
        WebDriverWait(self.page, 20, ignored_exceptions=[Exception]).until(find, heading)
        text = self.page.find_element(By.TAG_NAME, "body").text
        for expected in texts:
            if expected not in text:
                self.faults.append(f"{heading}: `{expected}` is not on the page:\n{text}")
        if WRONG_DATE in text:
            self.faults.append(f"{heading}: the page repeats a value")
        for width in WIDTHS if self.axe else []:
            self.faults += [f"{heading}, {width} px: {fault}" for fault in faults_at_width(self.page, self.axe, width)]

    def signs_in(self, token):
        self.page.find_element(By.ID, "token").send_keys(token)
        self.presses("Sign in")

    def chooses(self, file):
        self.page.find_element(By.ID, "file").send_keys(str(file))
        self.chooses_kind()

    def drops(self, file):
        """Drops a file on the field, as from a window of files."""
        field = self.page.find_element(By.ID, "file")
        script = "arguments[0].scrollIntoView(); return arguments[0].getBoundingClientRect().toJSON()"
        box = self.page.execute_script(script, field)
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.page.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
        if not field.get_attribute("value").endswith(file.name):
            self.faults.append(f"the field does not accept {file.name} when it is dropped")
        self.chooses_kind()

    def chooses_kind(self):
        Select(self.page.find_element(By.ID, "records")).select_by_visible_text("Homelessness applications (hclic)")

    def presses(self, name):
        # Waits for the answer's own page.
        old = self.page.find_element(By.TAG_NAME, "main")
        self.page.find_element(By.XPATH, f"//button[text()='{name}']").click()
        WebDriverWait(self.page, 20, ignored_exceptions=[Exception]).until(lambda _: is_gone(old), name)


def is_gone(element):
    try:
        element.is_enabled()
    except Exception:  # noqa: BLE001, the driver has several for this
        return True
    return False


def use_page(person, door, give, folder, prefix):
    """Signs in, checks a table with faults, fixes it and sends it. Returns the subjects that were sent."""
    text, partner = example(KIND)
    event = json.loads(text)
    subjects = [f"{prefix}-{number}" for number in range(1, 5)]
    table = folder / f"{prefix}.csv"
    person.sees("Sign in")
    person.signs_in(f"pf_{partner}_wrong")
    person.sees("Sign in", "There is a problem", "Check that you copied the complete token")
    person.signs_in(door.tokens[partner])
    person.sees("Send a file", "Signed in as Maidstone Borough Council")

    table.write_text("surname\nx\n")
    give(table)
    person.presses("Check")
    person.sees("Send a file", "There is a problem", "column A has a header that is not a field")
    column = write_table(table, event, subjects, wrong=subjects[1:3])
    give(table)
    person.presses("Check")
    place = f"{chr(ord('A') + column)}: when.occurred_from"
    person.sees("Result of the check", "2 of 4 events would be refused", place, "3, 4", "schema.pattern")
    write_table(table, event, subjects)
    give(table)
    person.presses("Send")
    person.sees("Result of sending", "4 of 4 events were sent", "They are counted within a few minutes")
    person.page.find_element(By.ID, "subject").send_keys(f"{prefix}-none")
    person.presses("Find")
    person.sees(f"No record {prefix}-none from hclic was received")
    door.run("ingest", "--until-end")
    person.page.find_element(By.ID, "subject").clear()
    person.page.find_element(By.ID, "subject").send_keys(subjects[0])
    person.presses("Find")
    person.sees(f"Record {subjects[0]} from hclic", "Now: revision 2 counts in", "Counts")
    person.page.find_element(By.LINK_TEXT, "Refused records").click()
    person.sees("Refused records", "are not kept")
    person.presses("Sign out")
    person.sees("Sign in")
    return subjects


def main(program, broker, work, driver, axe):
    _, partner = example(KIND)
    door = Door(program, broker, work, [partner], store=Path(work).resolve() / "store")
    door.run("ingest", "--until-end")  # creates the store
    with door:
        with browser(driver) as page:
            person = Person(page, door.port, Path(axe).read_text())
            sent = use_page(person, door, person.drops, door.work, "dropped")
        with browser(driver, **NO_SCRIPTS) as page:
            reader = Person(page, door.port)
            sent += use_page(reader, door, reader.chooses, door.work, "chosen")
    faults = person.faults + reader.faults
    door.run("ingest", "--until-end")
    journal = f"{door.work}/store/journal/topic=*/partition=*/*.parquet"
    found = duckdb.sql(f"SELECT subject, count(*) FROM '{journal}' GROUP BY ALL").fetchall()
    if sorted(found) != sorted((subject, 1) for subject in sent):
        faults.append(f"the ledger has other rows: {found}")
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(sent)} rows from the page to the ledger, with and without scripts: OK")


if __name__ == "__main__":
    main(*sys.argv[1:])
