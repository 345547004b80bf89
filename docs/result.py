"""Draws docs/result.svg, the picture of the README, from the tables of the demo.

    partner-feeds demo --store STORE
    python docs/result.py STORE > docs/result.svg        (needs the package duckdb)
"""

import sys

import duckdb

TABLES = f"{sys.argv[1]}/aggregates/smp-2017-18"
AREA, SERIES, YEAR = "E07000110", "domestic-abuse-violent-crime", "fy:2017-18"
NAMES = "Mon Tue Wed Thu Fri Sat Sun".split()
CRIME = f"series = '{SERIES}' AND partner = 'kent-police' AND kind = 'crime'"
TEXT, MUTED, LINE, BAND, SIGNAL, GRID = "#1f2328", "#57606a", "#1f5fa8", "#dbe7f5", "#c2410c", "#d0d7de"


def rows(table, columns, where, rest=""):
    query = f"SELECT {columns} FROM '{TABLES}/{table}.parquet' AS t WHERE {where} {rest}"
    return duckdb.sql(query).fetchall()


def text(x, y, words, size=12, fill=TEXT, anchor="start", weight="normal"):
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


def title(x, y, words, note):
    text(x, y, words, 14, weight="600")
    text(x, y + 17, note, 11.5, MUTED)


def control_chart(x, y, width, height):
    title(x, y, "Recorded crimes by month", "Maidstone, control chart; band = expected variation")
    top, most = y + 34, 280
    points = rows(
        "spc",
        "strftime(window_from, '%Y-%m'), count_value, centre, lower, upper, signal, segment",
        f"{CRIME} AND is_plan_area AND window_id LIKE 'month:%'",
        "ORDER BY 1",
    )
    at_x = [x + 30 + (width - 40) * i / (len(points) - 1) for i in range(len(points))]

    def at_y(value):
        return top + height - height * value / most

    for value in (0, 100, 200):
        line(x + 30, at_y(value), x + width, at_y(value))
        text(x + 24, at_y(value) + 4, value, 11, MUTED, "end")
    for segment in sorted({point[6] for point in points}):
        own = [i for i, point in enumerate(points) if point[6] == segment]
        first, last = at_x[own[0]] - 4, at_x[own[-1]] + 4
        _, _, centre, lower, upper, _, _ = points[own[0]]
        if centre is None:
            continue
        rect(first, at_y(upper), last - first, at_y(lower) - at_y(upper), BAND)
        line(first, at_y(centre), last, at_y(centre), LINE, 1, 'stroke-dasharray="3 3"')
        if own[0] > 0:
            line(first, top, first, at_y(0), MUTED, 1, 'stroke-dasharray="2 3"')
            text(first + 5, top + 8, "break: recording changed", 11, MUTED)
    path = " ".join(f"{px:.1f},{at_y(p[1]):.1f}" for px, p in zip(at_x, points) if p[5] != "excluded")
    print(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.6"/>')
    for px, point in zip(at_x, points):
        hollow, signal = point[5] == "excluded", point[5] in ("above", "below", "run")
        fill = "#ffffff" if hollow else SIGNAL if signal else LINE
        print(
            f'<circle cx="{px:.1f}" cy="{at_y(point[1]):.1f}" r="2.6" fill="{fill}"'
            f' stroke="{MUTED if hollow else fill}"/>'
        )
    text(at_x[-1] - 7, at_y(points[-1][1]) - 6, "suspect month: excluded", 11, MUTED, "end")
    for px, point in zip(at_x, points):
        if point[0].endswith("-04") and point[0] != "2018-04":
            text(px, at_y(0) + 16, f"Apr {point[0][:4]}", 11, MUTED)


def wards(x, y, width):
    title(x, y, "Wards by rate", "Recorded crimes per 1,000 residents, 2017-18; count beside it")
    found = rows(
        "window_totals",
        f"(SELECT area_name FROM '{TABLES}/areas.parquet' AS a WHERE a.area_code = t.area_code AND a.area_vintage = '2019'),"
        " count_value, rate_per_1000",
        f"{CRIME} AND window_id = '{YEAR}' AND area_level = 'ward' AND area_vintage = '2019' AND rank_min <= 8",
        "ORDER BY rank_min",
    )
    most = found[0][2]
    for i, (name, count, rate) in enumerate(found):
        at = y + 34 + i * 21
        text(x + 146, at + 12, name, 11.5, anchor="end")
        rect(x + 154, at, (width - 244) * rate / most, 15, LINE if i < 4 else "#8fb3dc")
        text(x + 160 + (width - 244) * rate / most, at + 12, f"{rate:.1f}", 11.5, weight="600")
        text(x + width, at + 12, count, 11.5, MUTED, "end")


def week(x, y, width):
    title(x, y, "Times of the week", "Recorded crimes of 2017-18 by weekday and hour of their start")
    found = rows(
        "profile",
        "weekday, hour, times_mean",
        f"{CRIME} AND window_id = '{YEAR}' AND is_plan_area AND hour IS NOT NULL",
    )
    cell, tall = (width - 36) / 24, 19
    shade = {(day, hour): index for day, hour, index in found}
    for day, name in enumerate(NAMES, 1):
        text(x + 28, y + 34 + (day - 1) * tall + 13, name, 11, MUTED, "end")
        for hour in range(24):
            deep = min(shade.get((day, hour), 0) / 2.6, 1)
            mix = [round(low + (high - low) * deep) for low, high in ((246, 20), (249, 66), (253, 130))]
            rect(x + 36 + hour * cell, y + 34 + (day - 1) * tall, cell - 1.5, tall - 1.5, "rgb(%d,%d,%d)" % tuple(mix))
    for hour in (0, 6, 12, 18):
        text(x + 36 + hour * cell, y + 34 + 7 * tall + 14, f"{hour:02}:00", 11, MUTED)
    (day, hour, index) = max(found, key=lambda of: of[2])
    frame = f'stroke="{SIGNAL}" stroke-width="1.5"'
    rect(x + 35 + hour * cell, y + 33 + (day - 1) * tall, cell + 0.5, tall + 0.5, "none", frame)
    text(x + width, y + 17, f"{NAMES[day - 1]} {hour}:00: {index:.1f} times the mean hour", 11.5, SIGNAL, "end")


def sources(x, y, width):
    title(x, y, "What each partner's records show", "2017-18, all areas, and change from the year before")
    found = rows(
        "window_totals",
        f"partner, kind, count_value, count_status, (SELECT (difference, comparable) FROM '{TABLES}/change.parquet' AS c"
        f" WHERE c.series = t.series AND c.partner = t.partner AND c.kind = t.kind AND c.window_id = '{YEAR}'"
        " AND c.area_code = 'all-received' AND baseline = 'year-before')",
        f"series = '{SERIES}' AND window_id = '{YEAR}' AND area_code = 'all-received'"
        " AND partner IN ('kent-police', 'mtw-nhs', 'secamb', 'maidstone-bc', 'golding-homes', 'kent-cc')"
        " AND kind NOT IN ('incident', 'detention', 'stop-search', 'possession', 'noise-complaint')",
        "ORDER BY count_value DESC NULLS LAST, partner, kind",
    )
    labels = {
        "kent-police": "Police", "mtw-nhs": "Hospital", "secamb": "Ambulance", "maidstone-bc": "Borough",
        "golding-homes": "Landlord", "kent-cc": "County",
    }  # fmt: skip
    for i, (partner, kind, count, status, change) in enumerate(found):
        at = y + 34 + i * 21
        name = {"domestic-abuse-support": "safe accommodation"}.get(kind, kind.replace("-", " "))
        name = name.replace("antisocial behaviour", "anti-social behaviour")
        text(x, at + 12, f"{labels[partner]}: {name}", 11.5)
        if status == "not_supplied":
            rect(x + width - 132, at, 132, 15, "url(#hatch)", 'rx="2"')
            text(x + width - 66, at + 12, "not supplied", 11, MUTED, "middle")
            continue
        text(x + width - 100, at + 12, f"{count:,}", 11.5, anchor="end", weight="600")
        (diff, comparable) = tuple(change.values()) if isinstance(change, dict) else change or (None, False)
        if diff is None:
            text(x + width, at + 12, "suspect month", 11, MUTED, "end")
        else:
            words = f"{diff:+,}".replace("-", "−") + ("" if comparable else ", across a break")
            text(x + width, at + 12, words, 11, TEXT if comparable else SIGNAL, "end")


def main():
    width, height = 960, 612
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        " font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\">"
    )
    print(
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" fill="#f3f4f6"/><line x1="0" y1="0" x2="0" y2="6" stroke="#dde1e6" stroke-width="3"/>'
        "</pattern></defs>"
    )
    rect(0.5, 0.5, width - 1, height - 1, "#ffffff", f'rx="8" stroke="{GRID}"')
    text(28, 40, "Domestic Abuse and Violent Crime", 20, weight="600")
    text(28, 61, "Safer Maidstone Partnership, plan of 2017-18. Invented data.", 12.5, MUTED)
    line(28, 76, width - 28, 76)
    control_chart(28, 104, 520, 190)
    wards(590, 104, 342)
    line(28, 366, width - 28, 366)
    week(28, 394, 520)
    sources(590, 394, 342)
    print("</svg>")


main()
