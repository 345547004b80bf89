#!/usr/bin/env python3
"""Opens an export with openpyxl, calamine, pandas and LibreOffice, and compares its cells with those of the tables.

`sheets.py TABLES XLSX CSV WORK`: the folder of the tables, and those of two exports of the borough's rows of a quarter. A text must stay what it is in every one of them; exit status 1: a cell differs.
"""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import python_calamine

ROWS = "where area_code = 'E07000110' and window_id = 'quarter:2018-q1'"
SYMBOLS = ("[x]", "[z]")
# All sheets, each as a file, in UTF-8; texts in quotes.
CONVERT = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,false,false,false,-1"


def same(name, tool, expected, actual):
    """Whether all cells are equal; prints the first that is not."""
    for number, (row, other) in enumerate(zip(expected, actual, strict=True)):
        for value, cell in zip(row, other, strict=True):
            if value != cell:
                print(f"{tool}, {name}, row {number}: {cell!r} should be {value!r}")
                return False
    return True


def plain(value):
    """A cell of a workbook as the table has it."""
    if value in SYMBOLS:
        return None
    return value.date() if hasattr(value, "date") else value


def texts(rows, columns):
    """The cells of the columns of texts alone."""
    return [[row[column] for column in columns] for row in rows]


def main():
    tables, xlsx, csv, work = (Path(path).resolve() for path in sys.argv[1:])
    db = duckdb.connect()
    workbook = next(xlsx.glob("*.xlsx"))
    names = [name for name in openpyxl.load_workbook(workbook, read_only=True).sheetnames if name != "about"]
    libreoffice = ["soffice", f"-env:UserInstallation=file://{work}/profile", "--headless", "--convert-to", CONVERT]
    subprocess.run([*libreoffice, "--outdir", work, workbook], check=True, capture_output=True)
    opened = openpyxl.load_workbook(workbook)
    calamine = python_calamine.CalamineWorkbook.from_path(workbook)
    failed = not names
    for name in names:
        query = db.sql(f"from '{tables}/{name}.parquet' {ROWS}")
        columns, kinds, expected = query.columns, query.types, [list(row) for row in query.fetchall()]
        text = [index for index, kind in enumerate(kinds) if kind == "VARCHAR"]
        _, _, headings, *rows = opened[name].iter_rows(values_only=True)
        failed |= list(headings) != columns or not expected
        failed |= not same(name, "openpyxl", expected, [[plain(cell) for cell in row] for row in rows])
        formats = {cell.number_format for row in opened[name].iter_rows(min_row=4, max_row=9) for cell in row if cell.data_type == "s"}
        failed |= formats != {"@"} or any(cell.data_type == "f" for row in opened[name].iter_rows() for cell in row)
        rows = calamine.get_sheet_by_name(name).to_python()[3:]
        failed |= not same(name, "calamine", expected, [[plain(cell) for cell in row] for row in rows])
        frame = pd.read_excel(workbook, sheet_name=name, engine="openpyxl", header=2, keep_default_na=False, na_values=SYMBOLS, dtype={columns[i]: str for i in text})
        rows = frame.astype(object).where(frame.notna(), None).values.tolist()
        failed |= not same(name, "pandas", texts(expected, text), texts(rows, text))
        read = pd.read_csv(work / f"{workbook.stem}-{name}.csv", header=2, dtype=str, keep_default_na=False, na_values=SYMBOLS)
        rows = read.astype(object).where(read.notna(), None).values.tolist()
        failed |= not same(name, "LibreOffice", texts(expected, text), texts(rows, text))
        read = db.sql(f"from read_csv('{csv}/{name}.csv', nullstr = '', types = {dict(zip(columns, map(str, kinds)))})")
        failed |= not same(name, "duckdb", expected, [list(row) for row in read.fetchall()])
    codes = {code for name in names for code, in db.sql(f"select series from '{tables}/{name}.parquet' {ROWS}").fetchall()}
    failed |= not any("/" in code for code in codes)  # what a spreadsheet would take for a date
    tools = [f"{tool} {version(tool)}" for tool in ("openpyxl", "python-calamine", "pandas", "duckdb")]
    print(f"{len(names)} sheets, {', '.join(tools)}, LibreOffice: {'a cell differs' if failed else 'the same'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
