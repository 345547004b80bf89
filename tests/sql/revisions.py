#!/usr/bin/env python3
"""Prints events whose state depends on other rows, one per line: revisions of every order, cancellations, complete
releases, people whose token was renewed; and codes of every form, times at the edges of months and days."""

import json

sent = 0


def token(key, person):
    return f"k{key}:{person:032x}"


def send(source, kind, data, subject=None, revision=1, time="2019-05-01T00:00:00Z"):
    global sent
    sent += 1
    subject = subject or f"r-{sent}"
    print(json.dumps({
        "specversion": "1.0", "id": f"{subject}.{revision}.{sent}", "source": f"urn:partner:{source}",
        "type": f"uk.community-safety.{kind}.v1", "subject": subject, "revision": revision, "time": time, "data": data,
    }))  # fmt: skip


def crime(when, category="8N", subject=None, revision=1, time="2019-05-01T00:00:00Z", edition="2026-04", code=None, **more):
    what = {"list": "ho-crime", "edition": edition, "category": category} | ({"code": code} if code else {})
    when = when if isinstance(when, dict) else {"occurred_from": when}
    send("kent-police:crime", "police.crime", {"what": what, "when": when} | more, subject, revision, time)


def revisions():
    """The highest revision counts, of several the latest, then the first received."""
    crime("2018-01-01", "1", "order", 2)
    crime("2018-01-02", "8N", "order", 1)
    crime("2018-01-03", "106", "order", 2)  # the same revision and time: the first received stays
    crime("2018-01-04", "4.10", "later", 1)
    crime("2018-01-05", "4/10", "later", 1, "2019-05-02T00:00:00Z")
    crime("2018-01-05", "8N", "cancelled", 1)
    crime("2018-01-05", "8N", "cancelled", 3, cancellation={"reason": "duplicate", "at": "2018-02-01"})
    crime("2018-01-05", "8N", "cancelled", 2)
    crime("2018-01-05", "8N", "restored", 1, cancellation={"reason": "duplicate", "at": "2018-02-01"})
    crime("2018-01-06", "8N", "restored", 2)


def releases():
    """A later release replaces all records that earlier ones had of the same months and files."""
    def publish(month, revision, subject, kind="crime", category="drugs", source="kent-police:open-data", **more):
        what = {"list": "police-uk", "edition": "2013-05", "category": category}
        send(source, f"police.{kind}", {"what": what, "when": {"occurred_from": month}} | more, subject, revision)

    publish("2018-03", 201804, "replaced")
    publish("2018-03", 201805, "newest")
    publish("2018-03", 201804, "both")
    publish("2018-03", 201805, "both", category="robbery")
    publish("2018-04", 201805, "month-after")
    # A kind of the same files counts, too; so does no cancellation.
    publish("2018-05", 201806, "crime-of-may")
    publish("2018-05", 201807, "incident-of-may", "incident", "anti-social-behaviour")
    publish("2018-06", 201807, "kept")
    # Files that are published apart do not replace it.
    send("kent-police:open-data", "police.stop-search", {"search_type": "person", "object": "controlled-drugs",
         "when": {"occurred_from": "2018-06-01"}}, "stop-of-june", 201809)  # fmt: skip
    publish("2018-06", 201808, "gone", cancellation={"reason": "duplicate", "at": "2018-09-01"})
    # Not a release: another source, another number.
    publish("2018-03", 201804, "elsewhere", source="essex-police:open-data")
    publish("2018-03", 7, "no-month")


def people():
    """A token is renewed each year; a person comes again within 12 months."""
    steps = [("2015-12-31T23:30:00Z", token(1, 1), None), ("2016-02-29", token(1, 1), None), ("2017-02-28T23:59:00Z", token(2, 1), token(1, 1)),
             ("2017-06", token(3, 1), token(2, 1)), ("2018-07-01", token(3, 1), None), ("2018-07-01", token(4, 1), token(3, 1))]  # fmt: skip
    for when, own, previous in steps:
        for who in ("victim", "suspect"):
            person = {"token": own} | ({"token_previous": previous} if previous else {})
            crime(when, **{who: person})
    for day in ("2016-02-29", "2017-03-01"):
        crime(day, victim={"token": token(1, 4)}, suspect={"token": token(1, 1)})
    for day in ("2015-06-01", "2016-06-01"):
        crime(day, victim={"token": token(1, 5)})
    for day in ("2018-01-01", "2018-01-02"):
        data = {"legal_power": "s136", "when": {"occurred_from": f"{day}T22:50:00Z"}, "person": {"token": token(1, 2)},
                "place_of_safety": "health_based"}  # fmt: skip
        send("kent-police:custody", "police.detention", data)
        data = {"legal_status": "20", "when": {"occurred_from": f"{day}T22:50:00Z"}, "person": {"token": token(1, 2)}}
        send("kmpt-nhs:mhsds", "health.mental-health-detention", data)
    crime("2018-01-01", victim={"token": token(1, 3), "token_previous": token(1, 3)})


def codes():
    for number, (category, edition, code) in enumerate((
        ("8N", "2019", None), ("8N", "2016-04", "008/06"), ("28I", "2026-04", "028/01"), ("28I", "2019", None), ("999", "2019", "999/99"),
        ("4.10", "2026-04", "004/10"), ("92D", "2026-04", "092/01"), ("1", "2026-04", "105/01"),
        ("58A", "2026-04", "058/00"), ("58D", "2026-04", "058/00"), ("8N", "2026-04", "058/00"),
    )):  # fmt: skip
        flags = ({"mental_health": True}, {"mental_health_victim": False}, {"alcohol": True}, {})[number % 4]
        outcome = {"list": ("ho-outcome", "police-uk-outcome", "ho-outcome")[number % 3], "code": ("1", "no-such-outcome", "16")[number % 3]}
        crime(f"2018-02-{number + 1:02}", category, edition=edition, code=code, outcome=outcome, **({"flags": flags} if flags else {}))
    for power in ("s136", "s135_1", "s135_2"):
        send("kent-police:custody", "police.detention", {"legal_power": power, "place_of_safety": "health_based",
             "when": {"occurred_from": "2018-01-14T22:50:00Z"}})  # fmt: skip
    for status in ("20", "02", "77"):
        send("kmpt-nhs:mhsds", "health.mental-health-detention", {"legal_status": status, "when": {"occurred_from": "2018-01-14"}})
    for scheme, concerns in (("nrm", ["criminal", "sexual"]), ("prevent", ["islamist", "other"]), ("nrm", ["unheard-of"])):
        data = {"scheme": scheme, "when": {"occurred_from": "2017-02", "recorded_at": "2017-03-01"}, "concerns": concerns}
        send("kent-police:nrm", "police.referral", data)
    for category, edition in (("05", "2014-09"), ("05", "2013-01"), ("77", "2014-09")):
        what = {"list": "istv-method", "edition": edition, "category": category}
        send("mtw-nhs:istv", "health.assault-attendance", {"what": what, "when": {"occurred_from": "2017-02-04T00:30:00Z"}, "site_code": "RWF03"})
    for category in ("04", "23", "zz"):
        what = {"list": "ampds", "edition": "2017-01", "category": category}
        send("secamb:cad", "health.ambulance-call", {"what": what, "when": {"occurred_from": "2017-02-04T00:30:00Z"}})
    for icd10 in (["X99.1", "F10", "X991"], ["T40.2"]):
        send("mtw-nhs:sus", "health.admission", {"icd10": icd10, "when": {"occurred_from": "2018-03-25T01:30:00Z"}})
    for reason, needs in (("domestic-abuse", ["old-age", "households-with-one-or-more-support-needs/total"]), ("no-such-reason", ["no-such-need"])):
        data = {"edition": "2018-04", "assessment": "relief_duty", "when": {"occurred_from": "2018-05-21"}, "loss_reason": reason, "support_needs": needs}
        send("maidstone-bc:hclic", "housing.homelessness-case", data)


def times():
    """Months and days are those of London; each kind counts by its own date."""
    for when in ("2018-06-30T23:30:00Z", "2018-12-31T23:30:00Z", "2018-10-28T00:30:00Z", "2018-10-28T01:30:00Z", "1969-06-30T23:30:00Z",
                 "2018-07", "2018-07-01"):  # fmt: skip
        crime(when)
        crime({"occurred_from": when, "recorded_at": "2019-03-31T23:30:00Z"})
        data = {"when": {"occurred_from": when, "recorded_at": "2019-04-01"}, "edition": "2018-04", "assessment": "relief_duty"}
        send("maidstone-bc:hclic", "housing.homelessness-case", data)


revisions()
releases()
people()
codes()
times()
