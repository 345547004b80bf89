"""The plans, code lists and registered partners of `config/`, evaluated from the files."""

import csv
import tomllib
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def rows(path):
    """The rows of a file of comma-separated values with comments."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def is_base(code):
    return code.lower().startswith(("total-", "households-with-"))


@lru_cache(maxsize=None)
def folded(scheme, code):
    """A code in the form in which it is compared; None: matches no pattern."""
    if scheme.startswith("hclic-"):
        if is_base(code):
            return None
        if scheme == "hclic-need":
            code = code.split("/")[0]
    code = code.upper()
    if scheme == "ho-category":
        return code.replace(".", "/")
    return code.replace(".", "") if scheme == "icd-10" else code


@lru_cache(maxsize=None)
def matches_pattern(scheme, pattern, code, edition):
    """Whether a pattern of a rule matches a code."""
    pattern, _, own_edition = pattern.partition("@")
    code = folded(scheme, code)
    if code is None or (own_edition and own_edition != edition):
        return False
    if pattern.endswith("*"):
        return code.startswith(folded(scheme, pattern[:-1]))
    if "-" in pattern and scheme in ("icd-10", "ho-offence"):
        first, last = (folded(scheme, end) for end in pattern.split("-"))
        return first <= code[: len(first)] <= last
    pattern = folded(scheme, pattern)
    return code.startswith(pattern) if scheme == "icd-10" and len(pattern) == 3 else code == pattern


def band(text):
    low, _, high = text.replace("+", "-255").partition("-")
    return int(low), int(high)


def inside(outer, inner):
    return inner is not None and band(outer)[0] <= band(inner)[0] and band(inner)[1] <= band(outer)[1]


def in_hours(span, local):
    start, end = span.split("-")
    now = local.strftime("%H:%M")
    return start <= now < end if start < end else now >= start or now < end


def in_words(code):
    """An id of lower-case words as a text; any other code as it is."""
    if not code[:1].islower() or code != code.lower():
        return code
    return (code[0].upper() + code[1:]).replace("-", " ").replace("_", " ")


def number(month):
    year, month = month.split("-")
    return 12 * int(year) + int(month) - 1


def named(number):
    return f"{number // 12:04}-{number % 12 + 1:02}"


def months(first, last):
    """Every month from one to another."""
    return [named(n) for n in range(number(first), number(last) + 1)]


def months_between(one, other):
    return number(one) - number(other)


def last_day(month):
    year, month = divmod(number(month) + 1, 12)
    return date(year, month + 1, 1) - timedelta(days=1)


def a_year_on(day):
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year + 1, day=28)


class Reference:
    def __init__(self, folder):
        folder = Path(folder)
        self.plans = {}
        for path in sorted((folder / "plans").glob("*.toml")):
            plan = tomllib.loads(path.read_text(encoding="utf-8"))
            plan["series"] = [("priority", series) for series in plan.get("priority", [])]
            plan["series"] += [("theme", series) for series in plan.get("theme", [])]
            self.plans[plan["id"]] = plan
        partners = tomllib.loads((folder / "partners.toml").read_text(encoding="utf-8"))
        self.partner_names, self.kind_labels = partners["labels"], partners["kind_labels"]
        self.collections = partners["collection"]
        self.area_names = {row["code"]: row["name"] for row in rows(folder / "geography/areas.csv")}
        self.first_month = tomllib.loads((folder / "windows.toml").read_text(encoding="utf-8"))["first_month"]
        self.date_bases = partners.get("date_basis", {})
        self.due_by, self.settle_months = partners.get("due", {}), partners.get("settle_months", {})
        self.feeds = partners["topics"]
        self.crosswalks = {path.stem: rows(path) for path in (folder / "crosswalks").glob("*.csv")}
        self.carried, self.release_files = {}, {}
        self.covers, self.covers_all = {}, set()
        for system in partners["system"]:
            for partner in system["partners"]:
                for kind, carried in system["kinds"].items():
                    key = (f"urn:partner:{partner}:{system['system']}", kind)
                    schemes, flags = self.carried.setdefault(key, ({}, set()))
                    only = carried.get("codes", {})
                    schemes |= {scheme: only.get(scheme) for scheme in carried.get("schemes", [])}
                    groups = (s for s, given in self.crosswalks.items() if schemes.keys() & {row["list"] for row in given})
                    schemes |= dict.fromkeys(groups)
                    flags |= set(carried.get("flags", []))
                    if "release" in carried:
                        self.release_files[key] = carried["release"]
                    if "covers" in system:
                        self.covers.setdefault((partner, kind), set()).update(system["covers"])
                    else:
                        self.covers_all.add((partner, kind))
        self.places = rows(folder / "geography/places.csv")
        self.codes, self.editions = {}, {}
        for path in sorted((folder / "codes").glob("*.csv")):
            scheme, _, edition = path.stem.partition("@")
            labels = {}
            for row in rows(path):
                labels.setdefault(folded(scheme, row["code"]), row.get("label") or "")
                own = self.editions.setdefault(scheme, {}).setdefault(edition, set())
                own |= {row["code"], folded(scheme, row["code"])}
            labels.pop(None, None)
            self.codes.setdefault(scheme, []).append(labels)
        self.offences = [line for path in sorted((folder / "codes").glob("ho-offence@*.csv")) for line in rows(path)]

    def date_basis(self, row):
        basis = self.date_bases
        return basis.get(f"{row['partner']}:{row['kind']}") or basis.get(row["kind"], "occurred")

    def due(self, partner, kind, month):
        """The last day on which records of a month are not late."""
        days = self.due_by.get(f"{partner}:{kind}", self.due_by.get(kind))
        if isinstance(days, int):
            return last_day(month) + timedelta(days=days)
        end_of_quarter = number(month) // 3 * 3 + 2
        return last_day(named(end_of_quarter + 3))

    def settled(self, partner, kind, month):
        """The last day on which records of a month may still change."""
        after = self.settle_months.get(f"{partner}:{kind}", self.settle_months.get(kind, 0))
        return max(last_day(named(number(month) + after)), self.due(partner, kind, month))

    def knows(self, scheme, edition, code):
        """Whether the list of the edition, or else any of the scheme, has the code; None: there is no list."""
        editions = self.editions.get(scheme)
        if editions is None:
            return None
        lists = [editions[edition]] if edition in editions else editions.values()
        code = folded(scheme, code) or (code.split("/")[0] if scheme == "hclic-need" else code)
        return any(code in own for own in lists)

    def label(self, scheme, code):
        found = [labels[folded(scheme, code)] for labels in self.codes.get(scheme, []) if folded(scheme, code) in labels]
        return (found[-1] or None) if found else None

    def series_label(self, kind, name, scheme):
        """What people call a series of the plans, or a code."""
        fixed = {
            "total": "Total", "mapped": "Under any priority or theme", "unmapped": "Under no priority or theme",
            "class": {"V": "Victim-based", "S": "State-based"}.get(name, "Victim-based or state-based"),
        }  # fmt: skip
        return fixed.get(kind) or self.label(scheme, name) or in_words(name)

    def kind_label(self, kind):
        label = self.kind_labels.get(kind)
        if kind.startswith("count:"):
            return label or in_words(kind.removeprefix("count:")) + " (totals)"
        return label or in_words(kind)

    def area_name(self, code):
        pseudo = {
            "all-received": "Everything received", "no-location": "No location", "outside": "Outside these areas",
            "unplaced": "Unplaced",
        }  # fmt: skip
        return pseudo.get(code) or self.area_names.get(code) or in_words(code)

    def source_codes(self, row):
        """Scheme, code, edition and kind of series (category or group), of each code of a record."""
        kind, category, edition = row["kind"], row["what_category"], row["what_edition"]
        own = []
        if row["what_list"] == "ho-crime":
            own.append(("ho-category", category.replace(".", "/"), edition))
            own += [("ho-offence", row["what_code"], edition)] if row["what_code"] else []
        elif row["what_list"]:
            own.append((row["what_list"], category, edition))
        elif kind == "detention":
            own.append(("mha-legal-status", "20" if category == "s136" else "19", None))
        elif kind == "admission":
            own += [("icd-10", code, None) for code in row["icd10"]]
        elif kind == "referral":
            own.append(("referral-scheme", category, None))
            concern = {"nrm": "nrm-exploitation", "duty_to_notify": "nrm-exploitation", "prevent": "prevent-concern"}
            own += [(concern[category], code, None) for code in row["concern_list"] if category in concern]
        elif kind == "homelessness-case":
            own += [("hclic-reason", category, edition)] if category else []
            own += [("hclic-need", need, edition) for need in row["needs"]]
        elif category:
            scheme = {
                "mental-health-detention": "mha-legal-status", "stop-search": "stop-search-object",
                "treatment": "ndtms-group", "possession": "possession-stage", "domestic-abuse-support": "da-service",
            }[kind]  # fmt: skip
            own.append((scheme, category, None))
        groups = []
        for scheme, code, edition in own:
            for name, given in sorted(self.crosswalks.items()):
                same = [r for r in given if r["list"] == scheme and folded(scheme, r["code"]) == folded(scheme, code)]
                exact = [r["group"] for r in same if r["edition"] and r["edition"] == edition]
                found = exact or [r["group"] for r in same if not r["edition"]]
                groups += [(name, found[0], None, "group")] if found else []
        return [(*code, "category") for code in own] + groups

    def class_of(self, row):
        """Whether an offence has a victim or is against the state; where its categories differ, by the record's."""
        lines = [line for line in self.offences if line["code"] == row["what_code"]]
        of_category = [line for line in lines if line["group"] == row["what_category"]]
        found = (of_category or lines)[:1] if row["what_list"] == "ho-crime" else []
        return (found[0]["class"] or None) if found else None

    def unknown_schemes(self, codes):
        """The schemes whose lists do not have a record's code, and the groups that it might have."""
        unknown = set()
        for scheme, code, edition, _ in codes:
            if self.knows(scheme, edition, code) is False:
                groups = {name for name, given in self.crosswalks.items() if scheme in {row["list"] for row in given}}
                unknown |= {scheme} | (groups - {own for own, *_ in codes})
        return sorted(unknown)

    def matches(self, rule, row, codes, unknown=()):
        """Whether a record matches every key of a rule; a code of an unknown scheme matches any."""
        ages = [row[f"{who}_age_band"] for who in ("person", "victim", "suspect")]
        tests = {
            "kinds": lambda kinds: row["kind"] in kinds,
            "codes": lambda wanted: any(
                matches_pattern(scheme, pattern, code, edition)
                for scheme, code, edition, _ in codes
                for pattern in wanted.get(scheme, [])
            )
            or any(scheme in wanted for scheme in unknown),
            "flags": lambda flags: any(row["flags"].get(flag) for flag in flags),
            "places": lambda places: row["area_zone"] in places or row["area_code"] in self.lsoas_of(places),
            "roles": lambda roles: row["area_role"] in roles,
            "ages": lambda bands: any(inside(outer, inner) for outer in bands for inner in ages),
            "hours": lambda span: row["hour"] is not None and in_hours(span, row["local"]),
            "weekdays": lambda days: row["weekday"] is not None and DAYS[row["weekday"] - 1] in days,
        }
        return all(tests[key](value) for key, value in rule.items() if key != "id")

    def lsoas_of(self, places):
        return {row["lsoa"] for row in self.places if row["id"] in places}

    def classify(self, plan, row, codes, unknown=()):
        """Kind and id of each series of a plan that a record falls under, in the plan's order."""
        found = lambda series: any(self.matches(rule, row, codes, unknown) for rule in series.get("rules", []))  # noqa: E731
        return [(kind, series["id"]) for kind, series in self.plans[plan]["series"] if found(series)]

    def applicable(self, series, source, kind):
        """Whether a source's records of a kind can show a series at all."""
        schemes, flags = self.carried.get((source, kind), ({}, set()))
        can_have = lambda scheme, patterns: scheme in schemes and (  # noqa: E731
            schemes[scheme] is None
            or any(matches_pattern(scheme, pattern, code, None) for code in schemes[scheme] for pattern in patterns)
        )
        fits = lambda rule: (  # noqa: E731
            kind in rule.get("kinds", [kind])
            and ("codes" not in rule or any(can_have(*named) for named in rule["codes"].items()))
            and ("flags" not in rule or flags & set(rule["flags"]))
        )
        return any(fits(rule) for rule in series.get("rules", []))

    def in_force(self, month):
        """The adopted plan of the first day of a month."""
        day = f"{month}-01"
        adopted = (p for p in self.plans.values() if p["status"] == "adopted")
        return next((p["id"] for p in adopted if str(p["valid_from"]) <= day <= str(p["valid_to"])), None)
