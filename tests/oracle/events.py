"""Events as partners publish them, as flat rows: written from the contracts, not from the program.

A row is a dict with the columns of `events/` and what else the recount needs. Times are instants in
UTC; a month or a day is that of the United Kingdom's calendar.
"""

import json
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
UTC = timezone.utc

# Where a kind's own field is its classification.
WHAT = {
    "detention": "legal_power", "stop-search": "object", "referral": "scheme", "mental-health-detention": "legal_status",
    "treatment": "substance_group", "homelessness-case": "loss_reason", "possession": "stage",
    "domestic-abuse-support": "service",
}  # fmt: skip
TIMES = (
    "occurred_from", "occurred_to", "recorded_at", "arrived_at", "ended_at", "closed_at", "outcome_at", "period_from",
    "period_to",
)  # fmt: skip
# Fields that are columns of the same name.
PLAIN = (
    "crime_recorded", "place_of_safety", "extended", "result", "transport", "police_vehicle_reason",
    "police_station_reason", "professional_consulted", "search_type", "legislation", "outcome_linked", "operation",
    "referred_by", "repeat", "repeat_definition", "site_code", "place_code", "response_category", "conveyed", "method",
    "setting", "end", "assessment", "section_21", "action", "case_review", "police_informed", "tenure",
    "statutory_nuisance", "procedure", "landlord", "ground", "supported", "not_supported_reason", "unit", "provisional",
    "age_band", "sex", "with_flag", "status", "value", "at_least", "at_most",
)  # fmt: skip
MENTAL_HEALTH = ("mental_health", "mental_health_suspect", "mental_health_victim")


def moment(text):
    """The first instant of a moment, and how exactly it is known."""
    if text is None:
        return None, None
    if len(text) == 7:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=LONDON).astimezone(UTC), "month"
    if len(text) == 10:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=LONDON).astimezone(UTC), "day"
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC), "instant"


def month_of(at):
    return at.astimezone(LONDON).strftime("%Y-%m")


def joined(items):
    return None if items is None else ";".join(items)


def flat(line, number):
    """The row of a published event."""
    event = json.loads(line)
    data = event["data"]
    _, _, feed, kind, _ = event["type"].split(".")
    row = {
        "line": number, "source": event["source"], "partner": event["source"].split(":")[2], "feed": feed, "kind": kind,
        "subject": event["subject"], "revision": event["revision"], "time": moment(event["time"])[0],
        "cancelled": data.get("cancellation") is not None,
    }  # fmt: skip
    row |= {name: data.get(name) for name in PLAIN}
    what = data.get("what") or {}
    row |= {f"what_{name}": what.get(name) for name in ("list", "edition", "category", "code")}
    icd10 = data.get("icd10")
    if kind in WHAT:
        row["what_category"] = data.get(WHAT[kind])
    elif icd10:
        row["what_category"] = icd10[0]
    if kind == "homelessness-case":
        row["what_edition"] = data["edition"]
    row["icd10_further"] = joined((icd10 or [])[1:]) or None
    row["concerns"] = joined(data.get("concerns"))
    row["support_needs"] = joined(data.get("support_needs"))
    row["stage"] = data.get("stage") if kind == "referral" else None
    row["children"] = None if kind == "homelessness-case" else data.get("children")
    row["children_present"] = data.get("children") if kind == "homelessness-case" else None
    row["own_date_basis"] = data.get("date_basis")
    area = data.get("area") or {}
    row |= {f"area_{name}": area.get(name) for name in ("code", "level", "role", "vintage", "confidence", "zone")}
    for who in ("person", "victim", "suspect"):
        person = data.get(who) or {}
        row |= {f"{who}_{name}": person.get(name) for name in ("age_band", "sex")}
        row[f"{who}_tokens"] = (person.get("token"), person.get("token_previous"))
    outcome = data.get("outcome") or {}
    row |= {"outcome_list": outcome.get("list"), "outcome_code": outcome.get("code")}
    moments = dict(data) | (data.get("when") or {}) | {"outcome_at": outcome.get("at")}
    moments |= {f"period_{end}": at for end, at in (data.get("period") or {}).items()}
    for name in TIMES:
        row[name], row[f"{name}_precision"] = moment(moments.get(name))
    flags = {name: mark for name, mark in (data.get("flags") or {}).items() if mark is not None}
    row["flags"] = flags
    row["flags_true"] = ";".join(sorted(name for name, mark in flags.items() if mark)) or None
    row["flags_false"] = ";".join(sorted(name for name, mark in flags.items() if not mark)) or None
    marks = [flags[name] for name in MENTAL_HEALTH if name in flags]
    row["mental_health"] = any(marks) if marks else None
    began, precision = row["occurred_from"], row["occurred_from_precision"]
    local = began.astimezone(LONDON) if began else None
    row["weekday"] = local.isoweekday() if precision in ("day", "instant") else None
    row["hour"] = local.hour if precision == "instant" else None
    row["local"] = local
    row["content"] = json.dumps([kind, data], sort_keys=True)
    row["needs"] = data.get("support_needs") or []
    row["icd10"] = icd10 or []
    row["concern_list"] = data.get("concerns") or []
    return row
