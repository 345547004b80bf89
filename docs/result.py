"""Draws docs/result.svg, the picture of the README, from the tables of the demo.

    partner-feeds demo --store STORE
    python docs/result.py STORE > docs/result.svg        (needs the package duckdb)
"""

import sys

import duckdb

TABLES = f"{sys.argv[1]}/aggregates/smp-2017-18"
TEXT, MUTED, LINE, BAND, GRID = "#1f2328", "#57606a", "#1f5fa8", "#dbe7f5", "#d0d7de"
ROSE, FELL, CALM = "#c2410c", "#0f766e", "#f3f5f7"
PALE = {ROSE: "#fbe3d6", FELL: "#d3ece9"}
MARGIN, WIDTH = 28, 960
# What happens in the demo: a rise, a fall, and a month outside its limits.
CHARTS = [
    ("antisocial-behaviour", "incident"),
    ("substance-misuse", "ambulance-call"),
    ("domestic-abuse-violent-crime", "crime"),
]
VERDICTS = {
    "rose": "rose",
    "rose_beyond_break": "rose",
    "fell": "fell",
    "fell_despite_break": "fell",
    "no_clear_change": "no clear change",
    "too_few": "too few to tell",
}
SHORT = {
    "antisocial-behaviour-case": ("Landlord", "cases"),
    "possession": ("Possession", "cases"),
    "crime": ("Recorded", "crimes"),
    "detention": ("Police", "detentions"),
    "incident": ("Police", "incidents"),
    "stop-search": ("Stop and", "search"),
    "treatment": ("Drug, alcohol", "treatment"),
    "homelessness-case": ("Homeless", "applications"),
    "noise-complaint": ("Noise", "complaints"),
    "ambulance-call": ("Ambulance", "calls"),
}


def rows(table, columns, where, rest=""):
    query = f"SELECT {columns} FROM '{TABLES}/{table}.parquet' WHERE is_plan_area AND {where} {rest}"
    return duckdb.sql(query).fetchall()


def text(x, y, words, size=12, fill=TEXT, anchor="start", weight="normal"):
    words = str(words).replace("&", "&amp;").replace("<", "&lt;")
    print(
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{words}</text>'
    )


def rect(x, y, width, height, fill, extra=""):
    print(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" {extra}/>')


def line(x1, y1, x2, y2, stroke=GRID, width=1, extra=""):
    print(
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"'
        f' stroke-width="{width}" {extra}/>'
    )


def step(most):
    """The distance of grid lines: 1, 2 or 5 times a power of ten, for two to five lines."""
    size = 1
    while most / size > 5:
        size = size * 5 // 2 if str(size)[0] == "2" else size * 2
    return size


def verdict(figure):
    """The verdict of the briefing in words, with its colour."""
    count, base, name, percent = figure
    words = VERDICTS.get(name, "cannot say")
    colour = {"rose": ROSE, "fell": FELL}.get(words, MUTED)
    if colour != MUTED and percent is not None:
        words += f" {abs(percent):.0f}%"
    return words, colour, f"{count:,}, from {base:,} the year before"


def control_chart(x, y, width, series, kind):
    where = f"series = '{series}' AND kind = '{kind}'"
    figure = rows("briefing", "count_value, base_min, verdict, difference_pct, series_label, kind_label", where)[0]
    words, colour, numbers = verdict(figure[:4])
    points = rows(
        "spc",
        "strftime(window_from, '%Y-%m'), count_value, centre, lower, upper, signal",
        f"{where} AND window_id LIKE 'month:%' AND window_from >= '2015-04-01' AND window_from < '2018-04-01'",
        "ORDER BY 1",
    )
    outside = [point for point in points if point[0] >= "2017-04" and point[5] in ("above", "below")]
    is_signal = colour == MUTED and outside
    text(x, y, figure[4], 13.5, weight="600")
    text(x, y + 17, figure[5], 11.5, MUTED)
    text(x, y + 42, "signal in one month" if is_signal else words, 17, ROSE if is_signal else colour, weight="600")
    text(x, y + 59, numbers + (f": {words}" if is_signal else ""), 11.5, MUTED)

    top, height, left = y + 76, 128, x + 26
    most = max(value for point in points for value in (point[1], point[4]) if value is not None) * 1.12
    at_x = [left + 6 + (x + width - left - 12) * i / (len(points) - 1) for i in range(len(points))]

    def at_y(value):
        return top + height - height * value / most

    rect(at_x[24] - 4, top, x + width - at_x[24] + 4, height, "#fbf7ef")
    for value in range(0, int(most) + 1, step(most)):
        line(left, at_y(value), x + width, at_y(value))
        text(left - 6, at_y(value) + 4, value, 10.5, MUTED, "end")
    half = (at_x[1] - at_x[0]) / 2
    for px, (_, _, centre, lower, upper, _) in zip(at_x, points):
        if lower is not None:
            rect(px - half, at_y(upper), 2 * half, at_y(lower) - at_y(upper), BAND, 'shape-rendering="crispEdges"')
            line(px - half, at_y(centre), px + half, at_y(centre), LINE, 1, 'stroke-dasharray="3 3"')
    known = [(px, point) for px, point in zip(at_x, points) if point[1] is not None]
    path = " ".join(f"{px:.1f},{at_y(point[1]):.1f}" for px, point in known)
    print(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.5"/>')
    for px, point in known:
        mark = {"above": ROSE, "below": FELL}.get(point[5], LINE)
        print(f'<circle cx="{px:.1f}" cy="{at_y(point[1]):.1f}" r="{2.2 if mark == LINE else 3.2}" fill="{mark}"/>')
        if is_signal and point in outside:
            text(px, at_y(point[1]) - 7, f"Sep {point[1]}" if point[0] == "2017-09" else point[1], 11, ROSE, "middle", "600")
    for i, year in ((0, 2015), (12, 2016), (24, 2017)):
        text(at_x[i] - 4, top + height + 15, f"Apr {year}", 10.5, MUTED)


def cell(x, y, width, height, figure):
    """One figure of the briefing: its verdict, or why there is none."""
    count, base, name, percent, status, why_not, why_months = figure
    middle = x + width / 2
    if status == "not_supplied":
        rect(x, y, width, height, "url(#hatch)", 'rx="3"')
        return
    words, colour, _ = verdict((count or 0, base or 0, name, percent))
    rect(x, y, width, height, PALE.get(colour, CALM), 'rx="3"')
    if colour != MUTED:
        arrow = "▲" if colour == ROSE else "▼"
        text(middle, y + 17, f"{arrow} {abs(percent or 0):.0f}%", 12, colour, "middle", "600")
    elif name is None:
        text(middle, y + 17, "0", 11.5, MUTED, "middle")
    elif words == "cannot say":
        reasons = (why_not or "").split(";")
        late = "late" if "missing" in reasons else reasons[0]
        text(middle, y + 17, f"? {late}", 11, TEXT if late in ("late", "suspect") else MUTED, "middle")
    else:
        text(middle, y + 17, {"too few to tell": "too few"}.get(words, "≈"), 11, MUTED, "middle")


def matrix(x, y, width):
    columns = "series_label, kind, count_value, base_min, verdict, difference_pct, count_status, why_not, why_months"
    found = rows("briefing", f"series, series_kind, {columns}", "series_kind IN ('priority', 'theme')")
    shown = {row[3] for row in found if row[8] != "not_supplied"}
    kinds = [kind for kind in SHORT if kind in shown]
    text(x, y, "Every priority and theme", 13.5, weight="600")
    text(x, y + 17, "the year 2017-18 against the year before", 11.5, MUTED)
    label = 236
    wide = (width - label) / len(kinds)
    for i, kind in enumerate(kinds):
        for k, word in enumerate(SHORT[kind]):
            text(x + label + (i + 0.5) * wide, y + 3 + 14 * k, word, 10.5, MUTED, "middle")
    order = list(dict.fromkeys((row[1], row[0], row[2]) for row in found))
    for r, (_, series, name) in enumerate(sorted(order, key=lambda key: key[0])):
        at = y + 30 + r * 29
        text(x, at + 17, name.replace(" (including Modern Slavery)", "").replace("Child Sexual Exploitation (CSE)", "CSE"), 12)
        for i, kind in enumerate(kinds):
            own = [row for row in found if row[0] == series and row[3] == kind]
            if own:
                cell(x + label + i * wide + 2, at, wide - 4, 26, own[0][4:11])
    return y + 30 + len(order) * 29


def legend(x, y):
    marks = [
        ("▲ ▼", "more than chance explains"),
        ("≈", "no clear change"),
        ("? break", "recording or law changed"),
        ("? suspect", "half a month missing"),
        ("? late", "nothing since December"),
    ]
    for mark, words in marks:
        text(x, y, mark, 11, TEXT, weight="600")
        x += 31 if mark == "▲ ▼" else 6 + 5.6 * len(mark)
        text(x, y, words, 11, MUTED)
        x += 12 + 5.3 * len(words)
    rect(x, y - 11, 24, 14, "url(#hatch)", 'rx="3"')
    text(x + 30, y, "not supplied", 11, MUTED)


def main():
    height = 700
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        " font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\">"
    )
    print(
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" fill="#ffffff"/><line x1="0" y1="0" x2="0" y2="6" stroke="#dfe3e8" stroke-width="3"/>'
        "</pattern></defs>"
    )
    rect(0.5, 0.5, WIDTH - 1, height - 1, "#ffffff", f'rx="8" stroke="{GRID}"')
    text(MARGIN, 40, "Maidstone, April 2017 to March 2018", 20, weight="600")
    note = "Safer Maidstone Partnership, plan of 2017-18. Invented data. Bands: what the control chart expects; shaded: the year."
    text(MARGIN, 61, note, 12, MUTED)
    line(MARGIN, 76, WIDTH - MARGIN, 76)
    wide = (WIDTH - 2 * MARGIN - 2 * 30) / 3
    for i, (series, kind) in enumerate(CHARTS):
        control_chart(MARGIN + i * (wide + 30), 106, wide, series, kind)
    line(MARGIN, 350, WIDTH - MARGIN, 350)
    bottom = matrix(MARGIN, 380, WIDTH - 2 * MARGIN)
    legend(MARGIN, bottom + 30)
    print("</svg>")


main()
