"""Attacks a release with another solver, from the files alone, by its own reading of docs/releases.md.

Shares no code with the program: the relations are built again, and HiGHS bounds every suppressed number
by linear programs, then by integer programs where those are near the rule. Prints what it finds and
exits with 1 if that is anything.

    attack.py RELEASE [EARLIER...]     folders of releases; what all of them show is used together
"""

import itertools
import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import linprog, milp, LinearConstraint, Bounds
from scipy.sparse import csr_matrix

KEYS = ["partner", "kind", "series_kind", "series", "scheme", "area_level", "area_vintage", "area_role",
        "area_code", "window_id"]
# A key is the partner, the kind, three of the series, what is counted, four of the area, and the window.
SERIES, MEASURE, AREA, WINDOW = slice(2, 5), 5, slice(6, 10), 10
COUNT = ()
TOTAL = ("total", "total", None)
# The tables that split a series: the keys by which they do, and their counts.
COUNTS = {"factors": {"count_value": "with", "count_without": "without", "count_unknown": "unknown"},
          "repeats": {"count_value": "repeats", "cases": "cases"}}
SPLITS = {"factors": ["factor"], "repeats": ["definition"], "outcomes": ["outcome_group", "outcome"],
          "profile": ["weekday", "hour"],
          "place_of_safety": ["legal_power", "regime", "place_of_safety", "transport", "age_group"]}
# Tables with a row for every area that has records, and for the records of no area.
LISTING = ["window_totals", "priority_monthly", "category_monthly"]
TABLES = ["window_totals", "priority_monthly", "category_monthly", "change", "spc", *SPLITS]
# Numbers that are computed from counts: none is beside a hidden one.
COMPUTED = ["share_pct", "rate_per_1000", "rank_min", "rank_max", "rank_of", "share_of_known_pct", "repeat_pct",
            "times_mean", "harm", "harm_unweighted", "difference", "difference_pct", "difference_per_day",
            "difference_low", "difference_high", "centre", "lower", "upper", "points"]
POWERS = {"s135": "19", "s136": "20"}
COLLECTED = {"no-location", "outside", "unplaced"}
YEARS = {"year-before": [12], "mean-5-years": [12, 24, 36, 48, 60]}
FAR = 1_000_000
NEAR = 1e-6


def read(folder, name):
    return pq.read_table(Path(folder) / f"{name}.parquet").to_pylist()


class Release:
    """What some folders show together."""

    def __init__(self, folders):
        self.cells, self.rules, self.windows = {}, {}, {}
        self.areas, self.relations, self.suppressed = set(), set(), 0
        self.findings = []
        self.changes, self.plan = [], None
        self.listed = defaultdict(set)
        for number, folder in enumerate(folders):
            self.folder = number
            self.begin_plan(read(folder, "priorities"))
            for row in read(folder, "disclosure"):
                self.rules[row["rule"]] = row
            for row in read(folder, "windows"):
                self.windows[row["window_id"]] = (row["window_from"], row["window_to"])
            areas = defaultdict(set)
            for row in read(folder, "area_parts"):
                columns = ("area_level", "area_code", "part_level", "part_vintage", "is_complete")
                areas[tuple(row[column] for column in columns)].add(row["part_code"])
            # The parts of an area differ between releases that merge others of them.
            self.areas |= {(*of, frozenset(codes)) for of, codes in areas.items()}
            relations = defaultdict(list)
            for row in read(folder, "relations"):
                whole, part = (self.series_of(*(row[f"{side}_{column}"] for column in ("series_kind", "series", "scheme")))
                               for side in ("whole", "part"))
                of = (row["relation"], row["partner"], row["kind"], row["rule"], *whole, row["whole_factor"])
                relations[of].append(part)
            for of, parts in relations.items():
                # Of a series of another plan only that it is at most the total is known.
                if not any(is_of_another_plan(series) for series in [of[4:7], *parts]):
                    self.relations.add((of[1:], tuple(parts)))
            for name in TABLES:
                if (Path(folder) / f"{name}.parquet").exists():
                    rows = read(folder, name)
                    for row in rows:
                        self.add(name, row)
                        if name in LISTING:
                            series = self.series_of(*(row[key] for key in KEYS[2:5]))
                            of = (row["partner"], row["kind"], series, (row["area_level"], row["area_vintage"]))
                            self.listed[of].add(self.windows[row["window_id"]])
                    self.check_together(name, rows)
        # What a release shows beside its comparisons, others may show in another form.
        if len(folders) == 1:
            self.check_bases()

    def begin_plan(self, priorities):
        """Series of another plan with an equal scope are the same; others are series of their own."""
        plan = priorities[0]["plan_id"]
        scopes = {row["scope"]: (row["series_kind"], row["series"], None) for row in priorities}
        if self.plan is None:
            self.plan, self.scopes = plan, scopes
        self.renamed = {}
        if plan != self.plan:
            for scope, series in scopes.items():
                self.renamed[series] = self.scopes.get(scope, (series[0], f"{plan}/{series[1]}", None))
            for name in ("mapped", "unmapped"):
                self.renamed[name, name, None] = (name, f"{plan}/{name}", None)

    def series_of(self, kind, series, scheme):
        return self.renamed.get((kind, series, scheme), (kind, series, scheme))

    def add(self, name, row):
        rule = self.rules[row["rule"]]
        split = [row[column] for column in SPLITS.get(name, [])]
        hidden = False
        for column, part in COUNTS.get(name, {"count_value": None}).items():
            measure = (name, *split) + ((part,) if part else ()) if name in SPLITS else COUNT
            series = TOTAL if name == "place_of_safety" else self.series_of(*(row[key] for key in KEYS[2:5]))
            key = (row["partner"], row["kind"], *series, measure, *(row[key] for key in KEYS[5:]))
            is_first = column == "count_value"
            status = row["count_status" if is_first else f"{column}_status"]
            low, high = row["count_min"], row["count_max"]
            if not is_first:
                # A row has bounds of its first count only. Those of the others follow from its form.
                value = row[column]
                low, high = {"exact": (value, value), "not_supplied": (0, None),
                             "suppressed": (min(low, 1) if row["count_status"] == "suppressed" else 1, None),
                             "rounded": (value and max(value - 2, rule["hide_to"] + 1), value and value + 2)}[status]
            # A chart has limits without the months that were not supplied.
            hidden |= status == "suppressed" or (status == "not_supplied" and name != "spc")
            self.add_cell(key, {"folder": self.folder, "status": status, "value": row[column], "low": low, "high": high, "rule": row["rule"]})
        if name == "change":
            hidden |= row["base_status"] in ("suppressed", "not_supplied")
            self.changes.append((key, row))
        if hidden and any(row.get(column) is not None for column in COMPUTED):
            self.findings.append(f"a number beside a hidden one: {name} {key}")

    def add_cell(self, key, cell):
        rule, status, value = self.rules[cell["rule"]], cell["status"], cell["value"]
        if status in ("suppressed", "not_supplied") and value is not None:
            self.findings.append(f"a hidden number is shown: {key}")
        if status == "exact" and 1 <= value <= rule["hide_to"]:
            self.findings.append(f"a small number is shown: {key}")
        if status == "exact" and value and rule["round_to"]:
            self.findings.append(f"a number is not rounded: {key}")
        known = self.cells.get(key)
        if known is not None and known["folder"] == self.folder and known != cell:
            self.findings.append(f"one number in two forms: {key}")
        self.suppressed += status == "suppressed" and known is None
        # Of several releases, the one that shows the number is what an attacker uses.
        if known is None or known["value"] is None:
            self.cells[key] = cell

    def check_together(self, name, rows):
        """Numbers that are computed from several rows, one of which is hidden."""
        columns = {"window_totals": ("rank_min", ["area_code"], "rank_set"), "spc": ("centre", ["window_id"], None),
                   "profile": ("times_mean", ["weekday", "hour"], None)}.get(name)
        if columns is None:
            return
        number, apart, needed = columns
        keys = [*KEYS, "weekday", "hour"] if name == "profile" else KEYS

        def group(row):
            length = months_of(self.windows[row["window_id"]]) if name == "spc" else None
            return (*(row[key] for key in keys if key not in apart), length, row.get(needed))

        groups = {group(row) for row in rows if row["count_status"] == "suppressed"
                  and (needed is None or row[needed] is not None)}
        for row in rows:
            if group(row) in groups and row[number] is not None:
                self.findings.append(f"{number} beside a hidden number: {[row[key] for key in KEYS]}")

    def check_bases(self):
        """The base of a comparison is the published number of its own window, or nothing."""
        by_months = defaultdict(list)
        for window, (first, last) in self.windows.items():
            by_months[first, last].append(window)
        for key, row in self.changes:
            first, last = self.windows[key[WINDOW]]
            months = YEARS.get(row["baseline"], [months_of((first, last))])
            forms = []
            for back in months:
                span = (earlier(first, back), end_of_month(earlier(last.replace(day=1), back)))
                found = [self.cells[own] for window in by_months[span] if (own := (*key[:WINDOW], window)) in self.cells]
                forms.append(found[0] if found else {"status": "not_supplied", "low": 0, "high": None})
            statuses = {form["status"] for form in forms}
            status = next(s for s in ("not_supplied", "suppressed", "rounded", "exact") if s in statuses)
            low = None if status == "not_supplied" else sum(form["low"] for form in forms) // len(forms)
            is_bounded = all(form["high"] is not None for form in forms)
            high = -(-sum(form["high"] for form in forms) // len(forms)) if is_bounded else None
            if (row["base_status"], row["base_min"], row["base_max"]) != (status, low, high):
                self.findings.append(f"the base is not what is published of it: {row['baseline']} {key}")


def is_of_another_plan(series):
    return series[2] is None and "/" in series[1]


def months_of(span):
    return (span[1].year - span[0].year) * 12 + span[1].month - span[0].month + 1


def earlier(day, months):
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


def end_of_month(first):
    return earlier(first, -1) - timedelta(days=1)


def covers_of(apart, merged, cells, chosen=()):
    """Every choice of areas with a number that has each area once; some may be known only merged with others."""
    missing = min((area for area in apart if area not in cells), key=str, default=None)
    if missing is None:
        yield [*chosen, *apart]
        return
    for own, parts in merged.items():
        if own in cells and missing in parts and parts <= apart:
            yield from covers_of(apart - parts, merged, cells, (*chosen, own))


class Block:
    """The numbers of one partner's kind, and what is known about their sums."""

    def __init__(self, release, partner, kind):
        self.release, self.of = release, (partner, kind)
        self.low, self.high, self.rule, self.keys = [], [], [], []
        self.index, self.missing, self.rows = {}, set(), []
        for key, row in release.cells.items():
            if key[:2] != (partner, kind):
                continue
            if row["status"] == "not_supplied":
                self.missing.add(key)
            else:
                high = FAR if row["high"] is None else row["high"]
                self.add(key, row["low"], high, row["rule"])
        self.counted = defaultdict(set)
        for key in itertools.chain(self.index, self.missing):
            self.counted[key[SERIES], key[MEASURE][:1], key[AREA][:2]].add(key[AREA])
        self.add_windows()
        self.add_series(partner, kind)
        self.add_areas()
        self.add_parts()

    def add(self, key, low, high, rule):
        self.index[key] = len(self.keys)
        self.keys.append(key)
        self.low.append(low)
        self.high.append(high)
        self.rule.append(rule)
        return self.index[key]

    def relate(self, whole, parts, low, high):
        self.rows.append(([(part, 1) for part in parts] + [(whole, -1)], low, high))

    def equal(self, whole, parts):
        self.relate(whole, parts, 0, 0)

    def within(self, whole, parts):
        self.relate(whole, parts, -np.inf, 0)

    def covered(self, whole, parts):
        self.relate(whole, parts, 0, np.inf)

    def rest(self, key, whole, parts):
        rest = self.add(key, 0, FAR, self.rule[whole])
        self.equal(whole, [*parts, rest])

    def groups(self, split):
        groups = defaultdict(dict)
        for key, index in list(self.index.items()):
            group, own = split(key)
            groups[group][own] = index
        return groups

    def add_windows(self):
        days = lambda span: (span[1] - span[0]).days + 1
        for (head, windows) in self.groups(lambda key: (key[:WINDOW], key[WINDOW])).items():
            if is_of_another_plan(head[SERIES]):
                continue
            spans = {window: self.release.windows[window] for window in windows}
            for window, span in spans.items():
                inside = {w: s for w, s in spans.items() if s != span and span[0] <= s[0] and s[1] <= span[1]}
                longest = [w for w, s in inside.items() if not any(
                    o[0] <= s[0] and s[1] <= o[1] and (o != s or other < w) for other, o in inside.items() if other != w)]
                if not longest:
                    continue
                parts = [windows[w] for w in longest]
                if sum(days(spans[w]) for w in longest) == days(span):
                    self.equal(windows[window], parts)
                else:
                    self.rest((*head, f"{window} less {sorted(longest)}"), windows[window], parts)

    def add_series(self, partner, kind):
        relations = [r for r in self.release.relations if r[0][:2] == (partner, kind)]
        by_place = self.groups(lambda key: ((key[MEASURE], key[AREA], key[WINDOW]), key[SERIES]))
        for (measure, area, window), cells in by_place.items():
            for (_, _, rule, whole_kind, whole, scheme, factor), parts in relations:
                of = cells
                if factor is not None:
                    if measure != COUNT:
                        continue
                    of = by_place.get((("factors", factor, "with"), area, window), {})
                index = of.get((whole_kind, whole, scheme))
                found = [cells[part] for part in parts if part in cells]
                if index is None or not found:
                    continue
                if rule == "covered":
                    if len(found) == len(parts):
                        self.covered(index, found)
                elif len(found) < len(parts) or rule == "within":
                    self.within(index, found)
                elif rule == "sum":
                    self.equal(index, found)
                else:
                    key = (partner, kind, "rest", whole, parts[0][2], measure, *area, window)
                    self.rest(key, index, found)

    def add_areas(self):
        groups = self.groups(lambda key: ((key[SERIES], key[MEASURE], key[WINDOW]), key[AREA]))
        for (series, measure, window), cells in groups.items():
            if is_of_another_plan(series):
                if (total := groups.get((TOTAL, measure, window))) is not None:
                    for area in cells.keys() & total.keys():
                        self.within(total[area], [cells[area]])
                continue
            tiers = {area[:2] for area in cells if area[0] not in ("set", "all-received")}
            counts = groups.get((series, COUNT, window), {})
            merges = {(level, vintage, code): codes for level, code, part_level, vintage, _, codes in self.release.areas
                      if level == part_level}
            for whole in [index for area, index in cells.items() if area[0] == "all-received"]:
                for tier in tiers:
                    # Where a table has rows for records of no area, its own areas are everything.
                    areas = self.counted.get((series, measure[:1], tier), set())
                    if not COLLECTED & {area[3] for area in areas}:
                        areas = self.counted.get((series, COUNT, tier), set())
                    apart = areas | {area for area in cells if area[:2] == tier}
                    merged = {area: {(*area[:3], code) for code in merges[*tier, area[3]]}
                              for area in apart if (*tier, area[3]) in merges}
                    apart = apart.difference(merged).union(*merged.values())
                    is_all = bool(COLLECTED & {area[3] for area in apart}) or self.is_listed(series, tier, window)
                    covers = list(covers_of(apart, merged, cells)) if is_all else []
                    for cover in covers:
                        self.equal(whole, [cells[area] for area in cover])
                    if covers:
                        continue
                    chosen, rest = [], set(apart)
                    for own, parts in sorted(merged.items(), key=str):
                        if own in cells and parts <= rest and not parts <= cells.keys():
                            chosen.append(own)
                            rest -= parts
                    parts = [cells[area] for area in [*chosen, *rest] if area in cells]
                    self.within(whole, parts)
                    others = [counts.get(area) for area in rest if area not in cells]
                    if is_all and measure != COUNT and others and None not in others:
                        self.covered(whole, [*parts, *others])
            for level, code, part_level, vintage, is_complete, codes in self.release.areas:
                for area, whole in list(cells.items()):
                    if (area[0], area[3]) != (level, code):
                        continue
                    part = lambda code: (part_level, vintage, area[2], code)
                    parts = [cells[part(code)] for code in sorted(codes) if part(code) in cells]
                    if not parts:
                        continue
                    unplaced, tier = part("unplaced"), (part_level, vintage)
                    # A merged area is its parts, and a set is its districts.
                    may_be_unplaced = level not in (part_level, "set")
                    has_unplaced = may_be_unplaced and unplaced in self.counted.get((series, COUNT, tier), ())
                    is_known = not may_be_unplaced or self.is_listed(series, tier, window)
                    is_all = is_known and is_complete and len(parts) == len(codes)
                    if is_all and not has_unplaced:
                        self.equal(whole, parts)
                        continue
                    self.within(whole, parts)
                    if is_all and unplaced in cells:
                        self.covered(whole, [*parts, cells[unplaced]])

    def is_listed(self, series, tier, window):
        """Whether a table has a row for each of a level's areas with records, in the window or a longer one."""
        span = self.release.windows.get(window)
        return span is not None and any(
            own[0] <= span[0] and span[1] <= own[1] for own in self.release.listed[(*self.of, series, tier)])

    def add_parts(self):
        """What tables split: the parts of a series are the series, and at most the same part of the total."""
        by_place = self.groups(lambda key: ((key[AREA], key[WINDOW]), (key[SERIES], key[MEASURE])))
        absent = {(key[SERIES], key[MEASURE][:1], key[AREA], key[WINDOW]) for key in self.missing}
        for (area, window), cells in by_place.items():
            tables = defaultdict(dict)
            for (series, measure), index in cells.items():
                if measure == COUNT or measure[-1] == "rest":
                    continue
                tables[series, measure[0]][measure] = index
                if series != TOTAL and (TOTAL, measure) in cells:
                    self.within(cells[TOTAL, measure], [index])
            for (series, table), parts in tables.items():
                whole = cells.get((series, COUNT))
                is_all = (series, (table,), area, window) not in absent
                if table == "factors":
                    for factor in {measure[1] for measure in parts}:
                        own = [index for measure, index in parts.items() if measure[1] == factor]
                        self.add_sum(whole, own, len(own) == 3)
                elif table == "profile":
                    self.add_sum(whole, list(parts.values()), is_all)
                elif table == "outcomes":
                    groups = {measure[1]: index for measure, index in parts.items() if measure[2] is None}
                    self.add_sum(whole, list(groups.values()), is_all)
                    for group, index in groups.items():
                        own = [i for m, i in parts.items() if m[1] == group and m[2] is not None]
                        # A record without an outcome is in the group `unknown`, and in no row.
                        if group == "unknown" and own and is_all:
                            self.rest((*self.keys[index][:MEASURE], (table, group, "rest"), *area, window), index, own)
                        else:
                            self.add_sum(index, own, is_all)
                elif table == "repeats":
                    for definition in {measure[1] for measure in parts}:
                        repeats, cases = (parts.get((table, definition, part)) for part in ("repeats", "cases"))
                        key = lambda name: (*self.keys[next(iter(parts.values()))][:MEASURE],
                                            (table, definition, name, "rest"), *area, window)
                        if repeats is not None and cases is not None:
                            self.rest(key("first"), cases, [repeats])
                            if whole is not None:
                                self.rest(key("silent"), whole, [cases])
                        else:
                            self.add_sum(whole, [cases if repeats is None else repeats], False)
                else:
                    self.add_sum(whole, list(parts.values()), False)
                    for power, code in POWERS.items():
                        own = [index for measure, index in parts.items() if measure[1] == power]
                        category = cells.get((("category", code, "mha-legal-status"), COUNT))
                        self.add_sum(category, own, True)

    def add_sum(self, whole, parts, is_all):
        if whole is not None and parts:
            (self.equal if is_all else self.within)(whole, parts)

    def spread(self, index):
        """How many values must be possible, and up to which number it is small."""
        rule = self.release.rules[self.rule[index]]
        key = self.keys[index]
        if self.low[index] > 0 or rule["base"] == 0:
            return rule["spread"], rule["hide_to"]
        wholes = [(*key[:2], *TOTAL, COUNT, *key[6:]), (*key[:5], COUNT, *key[6:])]
        shown = [self.release.cells[w]["value"] for w in wholes if w != key and w in self.release.cells]
        bases = [value for value in shown if value and value <= rule["base"]]
        return (min(4, min(bases) + 1) if bases else rule["spread"]), rule["base"]

    def attack(self):
        low, high = np.array(self.low, float), np.array(self.high, float)
        open_cells = np.flatnonzero(low < high)
        column = {cell: at for at, cell in enumerate(open_cells)}
        # Groups of open cells that relations join.
        parent = list(range(len(open_cells)))

        def root(at):
            while parent[at] != at:
                parent[at] = parent[parent[at]]
                at = parent[at]
            return at

        rows = []
        for terms, least, most in self.rows:
            own = [(column[cell], factor) for cell, factor in terms if cell in column]
            known = sum(factor * low[cell] for cell, factor in terms if cell not in column)
            if not own:
                if not least - NEAR <= known <= most + NEAR:
                    raise SystemExit(f"shown numbers contradict one another: {self.keys[terms[-1][0]]}")
                continue
            rows.append((own, least - known, most - known))
            for at, _ in own[1:]:
                parent[root(at)] = root(own[0][0])
        members, own_rows = defaultdict(list), defaultdict(list)
        for at in range(len(open_cells)):
            members[root(at)].append(at)
        for row in rows:
            own_rows[root(row[0][0][0])].append(row)
        for group, cells in members.items():
            yield from self.attack_group([open_cells[at] for at in cells],
                                         {at: i for i, at in enumerate(cells)}, own_rows[group])

    def attack_group(self, cells, place, rows):
        data, lines, columns, least, most = [], [], [], [], []
        for number, (terms, row_low, row_high) in enumerate(rows):
            for at, factor in terms:
                data.append(factor), lines.append(number), columns.append(place[at])
            least.append(row_low), most.append(row_high)
        matrix = csr_matrix((data, (lines, columns)), shape=(len(rows), len(cells)))
        least, most = np.array(least), np.array(most)
        bounds = Bounds([self.low[c] for c in cells], [self.high[c] for c in cells])
        constraints = [LinearConstraint(matrix, least, most)] if len(rows) else []
        seen_low, seen_high = np.full(len(cells), np.inf), np.full(len(cells), -np.inf)

        def solve(cost, whole=0):
            result = milp(cost, constraints=constraints, bounds=bounds, integrality=np.full(len(cells), whole))
            if result.x is None:
                raise SystemExit(f"no table fits what is shown: {self.keys[cells[0]]}: {result.message}")
            np.minimum(seen_low, result.x, out=seen_low)
            np.maximum(seen_high, result.x, out=seen_high)
            return result.x

        hidden = [i for i, cell in enumerate(cells) if self.high[cell] == FAR]
        for sign in (1, -1):
            solve(np.array([sign * (i in set(hidden)) for i in range(len(cells))], float))
        for i in hidden:
            spread, small = self.spread(cells[i])
            is_wide = lambda: np.floor(seen_high[i] + NEAR) - np.ceil(seen_low[i] - NEAR) >= spread - 1
            for sign in (-1, 1):
                if not is_wide():
                    solve(np.eye(len(cells))[i] * sign)
            if is_wide():
                continue
            bound_low, bound_high = np.ceil(seen_low[i] - NEAR), np.floor(seen_high[i] + NEAR)
            # A number that may be 0 is a finding only if it is known to be small and not 0.
            if self.low[cells[i]] > 0 or (bound_low >= 1 and bound_high <= small):
                yield f"{self.keys[cells[i]]}: {bound_low:.0f} to {bound_high:.0f}"


def main(folders):
    release = Release(folders)
    findings = list(release.findings)
    kinds = sorted({key[:2] for key in release.cells})
    for partner, kind in kinds:
        findings.extend(Block(release, partner, kind).attack())
    for finding in findings:
        print(finding)
    print(f"{release.suppressed} of {len(release.cells)} numbers are suppressed: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
