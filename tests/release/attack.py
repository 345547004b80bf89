"""Attacks a release with another solver, from the files alone, by its own reading of docs/releases.md.

Shares no code with the program: the relations are built again, and HiGHS bounds every suppressed number
by linear programs, then by integer programs where those are near the rule. Prints what it finds and
exits with 1 if that is anything.

    attack.py RELEASE [EARLIER...]     folders of releases; what all of them show is used together
"""

import itertools
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import linprog, milp, LinearConstraint, Bounds
from scipy.sparse import csr_matrix

KEYS = ["partner", "kind", "series_kind", "series", "scheme", "factor", "factor_part",
        "area_level", "area_vintage", "area_role", "area_code", "window_id"]
SERIES, FACTOR, AREA, WINDOW = slice(2, 5), slice(5, 7), slice(7, 11), 11
NONE = (None, None)
FAR = 1_000_000
NEAR = 1e-6


def read(folder, name):
    return pq.read_table(Path(folder) / f"{name}.parquet").to_pylist()


class Release:
    """What some folders show together."""

    def __init__(self, folders):
        self.cells, self.rules, self.windows = {}, {}, {}
        self.areas, self.relations, self.suppressed = {}, set(), 0
        self.findings = []
        for number, folder in enumerate(folders):
            for row in read(folder, "disclosure"):
                self.rules[row["rule"]] = row
            for row in read(folder, "windows"):
                self.windows[row["window_id"]] = (row["window_from"], row["window_to"])
            for row in read(folder, "area_parts"):
                of = (row["area_level"], row["area_code"], row["part_level"], row["part_vintage"])
                parts = self.areas.setdefault(of, (set(), row["is_complete"]))
                parts[0].add(row["part_code"])
            relations = defaultdict(list)
            for row in read(folder, "relations"):
                of = (row["relation"], row["partner"], row["kind"], row["rule"], row["whole_series_kind"],
                      row["whole_series"], row["whole_scheme"], row["whole_factor"])
                relations[of].append((row["part_series_kind"], row["part_series"], row["part_scheme"]))
            self.relations |= {(of[1:], tuple(parts)) for of, parts in relations.items()}
            for name in ["window_totals", "factors"]:
                for row in read(folder, name):
                    self.add(row, number)

    def add(self, row, number):
        key = tuple(row[column] for column in KEYS)
        rule = self.rules[row["rule"]]
        status, value = row["count_status"], row["count_value"]
        self.suppressed += status == "suppressed"
        derived = [row.get(column) for column in
                   ["share_pct", "rate_per_1000", "rank_min", "share_of_known_pct"]]
        if status in ("suppressed", "not_supplied") and (value is not None or any(d is not None for d in derived)):
            self.findings.append(f"a number beside a hidden one: {key}")
        if status == "exact" and 1 <= value <= rule["hide_to"]:
            self.findings.append(f"a small number is shown: {key}")
        if status == "exact" and value and rule["round_to"]:
            self.findings.append(f"a number is not rounded: {key}")
        known = self.cells.get(key)
        # Of several releases, the one that shows the number is what an attacker uses.
        if known is None or known["count_value"] is None:
            self.cells[key] = row


class Block:
    """The numbers of one partner's kind, and what is known about their sums."""

    def __init__(self, release, partner, kind):
        self.release = release
        self.low, self.high, self.rule, self.keys = [], [], [], []
        self.index, self.missing, self.rows = {}, set(), []
        for key, row in release.cells.items():
            if key[:2] != (partner, kind):
                continue
            if row["count_status"] == "not_supplied":
                self.missing.add(key)
            else:
                high = FAR if row["count_max"] is None else row["count_max"]
                self.add(key, row["count_min"], high, row["rule"])
        self.counted = defaultdict(set)
        for key in itertools.chain(self.index, self.missing):
            if key[FACTOR] == NONE:
                self.counted[key[SERIES], key[7:9]].add(key[AREA])
        self.add_windows()
        self.add_series(partner, kind)
        self.add_areas()
        self.add_factors()

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
        by_place = self.groups(lambda key: ((key[AREA], key[WINDOW]), (key[SERIES], key[FACTOR])))
        for (area, window), cells in by_place.items():
            for (_, _, rule, whole_kind, whole, scheme, factor), parts in relations:
                of = NONE if factor is None else (factor, "with")
                index = cells.get(((whole_kind, whole, scheme), of))
                found = [cells[part, NONE] for part in parts if (part, NONE) in cells]
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
                    key = (partner, kind, "rest", whole, parts[0][2], *NONE, *area, window)
                    self.rest(key, index, found)

    def add_areas(self):
        groups = self.groups(lambda key: ((key[SERIES], key[FACTOR], key[WINDOW]), key[AREA]))
        for (series, _, _), cells in groups.items():
            tiers = defaultdict(list)
            for area, index in cells.items():
                if area[0] not in ("set", "all-received"):
                    tiers[area[:2]].append(index)
            for whole in [index for area, index in cells.items() if area[0] == "all-received"]:
                for tier, parts in tiers.items():
                    is_all = len(self.counted.get((series, tier), ())) == len(parts)
                    (self.equal if is_all else self.within)(whole, parts)
            for (level, code, part_level, vintage), (codes, is_complete) in self.release.areas.items():
                for area, whole in list(cells.items()):
                    if (area[0], area[3]) != (level, code):
                        continue
                    part = lambda code: (part_level, vintage, area[2], code)
                    parts = [cells[part(code)] for code in sorted(codes) if part(code) in cells]
                    if not parts:
                        continue
                    unplaced = part("unplaced")
                    has_unplaced = unplaced in self.counted.get((series, (part_level, vintage)), ())
                    is_all = is_complete and len(parts) == len(codes)
                    if is_all and not has_unplaced:
                        self.equal(whole, parts)
                        continue
                    self.within(whole, parts)
                    if is_all and unplaced in cells:
                        self.covered(whole, [*parts, cells[unplaced]])

    def add_factors(self):
        total = ("total", "total", None)
        by_place = self.groups(lambda key: ((key[AREA], key[WINDOW]), (key[SERIES], key[FACTOR])))
        for cells in by_place.values():
            factors = defaultdict(list)
            for (series, factor), index in cells.items():
                if factor == NONE:
                    continue
                factors[series, factor[0]].append(index)
                if series != total and (total, factor) in cells:
                    self.within(cells[total, factor], [index])
            for (series, _), parts in factors.items():
                if (series, NONE) in cells:
                    relate = self.equal if len(parts) == 3 else self.within
                    relate(cells[series, NONE], parts)

    def spread(self, index):
        """How many values must be possible, and up to which number it is small."""
        rule = self.release.rules[self.rule[index]]
        key = self.keys[index]
        if self.low[index] > 0 or rule["base"] == 0:
            return rule["spread"], rule["hide_to"]
        wholes = [(*key[:2], "total", "total", None, *NONE, *key[7:]), (*key[:5], *NONE, *key[7:])]
        shown = [self.release.cells[w]["count_value"] for w in wholes if w != key and w in self.release.cells]
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
