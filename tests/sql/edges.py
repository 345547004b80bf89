#!/usr/bin/env python3
"""Prints events that the generator does not write, one per line: totals with bounds, of several lengths and units, parts
of totals, systems of one partner that show different things, and six years of a few series for charts and means."""

import json

LSOAS = ("E01024374", "E01024375", "E01033090", "E01024324", "E01023972")  # four of Maidstone, one of Ashford
DISTRICTS = ("E07000110", "E07000105", "E07000111")
NEEDS = ("drug-dependency-needs", "alcohol-dependency-needs", "history-of-mental-health-problems", "offending-history",
         "old-age", "total-number-of-support-needs", "households-with-one-or-more-support-needs")  # fmt: skip
REASONS = ("domestic-abuse", "other-violence-or-harrassment", "family-or-friends-no-longer-willing-or-able-to-accommodate",
           "total-owed-a-prevention-or-relief-duty")  # fmt: skip
sent = 0


def send(source, kind, data, subject=None, revision=1):
    global sent
    sent += 1
    subject = subject or f"e-{sent}"
    print(json.dumps({
        "specversion": "1.0", "id": f"{subject}.{revision}", "source": f"urn:partner:{source}",
        "type": f"uk.community-safety.{kind}.v1", "subject": subject, "revision": revision,
        "time": "2019-05-01T00:00:00Z", "data": data,
    }))  # fmt: skip


def months(first, last):
    for number in range(first[0] * 12 + first[1] - 1, last[0] * 12 + last[1]):
        yield number // 12, number % 12 + 1


def area(number):
    code = LSOAS[number % len(LSOAS)]
    lsoa = {"code": code, "level": "lsoa", "vintage": 2011, "role": "incident"}
    return [
        {"area": lsoa}, {"area": lsoa | {"zone": "town-centre"}}, {},
        {"area": {"code": "E07000110", "level": "district", "role": "incident"}},
        {"area": {"code": "E23000032", "level": "police_force", "role": "incident"}},
        {"area": {"code": "E05004996", "level": "ward", "vintage": 2019, "role": "incident"}},
    ][number % 7 % 6]  # fmt: skip


def crimes():
    """Two systems: one with codes and flags, one with types only; some months have records of only one."""
    codes = ("8N", "4.10", "4/2", "106", "92D", "58a", "10A", "999", "105A")
    number = 0
    for year, month in months((2013, 2), (2019, 3)):
        for n in range(1 + (year * 5 + month * 7) % 6 + (9 if (year, month) == (2016, 8) else 0)):
            number += 1
            day, hour, minute = 1 + number * 11 % 27, number * 5 % 24, number * 17 % 60
            when = f"{year}-{month:02}-{day:02}"
            when = (f"{when}T{hour:02}:{minute:02}:00Z", when, f"{year}-{month:02}")[0 if n % 5 else number % 3]
            data = {"when": {"occurred_from": when}} | area(number)
            if number % 3 == 0 and year > 2014:
                data["what"] = {"list": "police-uk", "edition": "2013-05", "category": ("drugs", "robbery")[number % 2]}
                send("kent-police:open-data", "police.crime", data)
                continue
            data["what"] = {"list": "ho-crime", "edition": ("2019", "2026-04")[number % 2], "category": codes[number % 9]}
            flags = ({"domestic_abuse": True}, {"mental_health": False, "gang": True}, {"repeat_victim": number % 2 == 0}, {})
            data |= {"flags": flags[number % 4], "victim": {"age_band": ("0-17", "18-24", "65+")[number % 3]}}
            if number % 4 == 0:
                data["outcome"] = {"list": "ho-outcome", "code": ("1", "15", "18", "8")[number // 4 % 4]}
            if not data["flags"]:
                del data["flags"]
            send("kent-police:crime", "police.crime", data)


def count(source, feed, what, first, last, code, unit, number, **more):
    """A total that is, in turn, exact, suppressed with or without bounds, rounded or not supplied."""
    figure = (
        {"status": "exact", "value": number}, {"status": "suppressed", "at_least": 1, "at_most": 7}, {"status": "suppressed"},
        {"status": "rounded", "value": number + 3, "at_least": number + 1, "at_most": number + 5}, {"status": "not_supplied"},
        {"status": "exact", "value": number + 2}, {"status": "exact", "value": 0},
    )[number % 7]  # fmt: skip
    period = {"from": first, "to": last}
    area = {"code": code, "level": "district", "role": "service"}
    send(source, f"{feed}.count", {"what": what, "period": period, "area": area, "unit": unit} | figure | more)


def totals():
    lasts = {1: "03-31", 4: "06-30", 7: "09-30", 10: "12-31"}
    for year in (2017, 2018):
        for month, last in lasts.items():
            span = (f"{year}-{month:02}-01", f"{year}-{last}")
            for d, code in enumerate(DISTRICTS):
                for i, reason in enumerate(REASONS):
                    what = {"list": "hclic-reason", "edition": "2018-04", "category": reason}
                    # In one year of one district everything is exact, so that the sums can be compared with the total.
                    number = 7 * (i + 1) if d == 0 and year == 2018 else i + month + d
                    if (i, d, month) != (3, 2, 4):
                        count("mhclg:hclic", "housing", what, *span, code, "households", number)
                for i, need in enumerate(NEEDS[: 7 - d]):
                    what = {"list": "hclic-need", "edition": "2018-04", "category": need}
                    unit = "other" if need.startswith("total-") else "households"
                    count("mhclg:hclic", "housing", what, *span, code, unit, 7 * i if d == 0 else i * 3 + month)
                what = {"list": "hclic-need", "edition": "2018-04", "category": "offending-history"}
                count("mhclg:hclic", "housing", what, *span, code, "households", 7, with_flag="domestic_abuse")
    # Months beside the quarter they add up to: the longest periods that tile a window fill it.
    for month, last in ((1, 31), (2, 28), (3, 31), (5, 31)):
        what = {"list": "hclic-need", "edition": "2018-04", "category": NEEDS[month % 2]}
        count("mhclg:hclic", "housing", what, f"2018-{month:02}-01", f"2018-{month:02}-{last}", "E07000110", "households", month)
    # A quarter, then two of the months of the next: they do not fill the half-year.
    for first, last in (("2019-01-01", "2019-03-31"), ("2019-04-01", "2019-04-30"), ("2019-05-01", "2019-05-31")):
        what = {"list": "hclic-assessment", "edition": "2018-04", "category": "prevention"}
        count("mhclg:hclic", "housing", what, first, last, "E07000110", "households", 9)
    # Not whole months: an event, but in no window.
    count("mhclg:hclic", "housing", {"list": "hclic-need", "edition": "2018-04", "category": "old-age"}, "2018-01-02",
          "2018-01-31", "E07000110", "households", 7)  # fmt: skip
    for year, month in months((2017, 3), (2018, 6)):
        last = f"{year}-{month:02}-{(31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]}"
        for i, group in enumerate(("opiate", "alcohol")):
            what = {"list": "ndtms-group", "edition": "2016", "category": group}
            # Persons; in some months also episodes, or only these.
            for unit in (("persons",), ("persons", "events"), ("events",))[month % 3]:
                count("kent-treatment:ndtms", "health", what, f"{year}-{month:02}-01", last, "E07000110", unit,
                      month + i, date_basis="snapshot")  # fmt: skip


def admissions():
    codes = ("X99.1", "X85", "Y09.9", "X84", "Y10", "T40.2", "F10", "F19.9")
    for n in range(60):
        year, month = 2017 + n // 24, n % 12 + 1
        data = {"icd10": [codes[n % 8], codes[n * 3 % 8]], "when": {"occurred_from": f"{year}-{month:02}-{1 + n % 28:02}T{n % 24:02}:{n * 7 % 60:02}:00Z"},
                "area": {"code": "ME14", "level": "outward_postcode", "role": "home"},
                "person": {"age_band": ("0-17", "18-24", "25-34", "65+")[n % 4]}}  # fmt: skip
        data["icd10"] = list(dict.fromkeys(data["icd10"]))
        send("mtw-nhs:sus", "health.admission", data)


crimes()
totals()
admissions()
cancelled = {"what": {"list": "ho-crime", "edition": "2019", "category": "8N"}, "when": {"occurred_from": "2018-01-05"}}
send("kent-police:crime", "police.crime", cancelled, "gone")
send("kent-police:crime", "police.crime", cancelled | {"cancellation": {"reason": "duplicate", "at": "2018-02-01"}}, "gone", 2)
