"""The areas a record counts in, from the files of `config/geography`: written from the specification, not the program.

At a tier (a level; of wards, each year) a record is in an area of the plan, or in `no-location`, `outside` or
`unplaced`, so that the areas add up to the total. Sets overlap: a record may be in several.
"""

import re

import rules

WARDS = ("2019", "2025")
# The tiers at which records sent at a level can be shown.
TIERS = {
    "lsoa": ("lsoa", "ward", "place", "district", "set"), "ward": ("ward", "district", "set"),
    "district": ("district", "set"), "county": ("set",), "police_force": ("set",), "outward_postcode": ("outward_postcode",),
}  # fmt: skip
SHAPES = {
    "lsoa": "[EWS]01", "ward": "[EW]05", "district": "(E0[6-9]|W06)", "county": "E10", "police_force": "(E23|W15)",
}  # fmt: skip


class Geography:
    def __init__(self, folder, district):
        self.own = district
        self.levels, self.wards_of_year = {}, {year: set() for year in WARDS}
        for row in rules.rows(folder / "areas.csv"):
            self.levels[row["code"]] = row["level"]
            if row["level"] == "ward":
                self.wards_of_year[row["vintage"]].add(row["code"])
        self.parents = {}
        for row in rules.rows(folder / "lookup.csv"):
            self.parents.setdefault(row["child"], []).append((row["parent"], float(row["share"] or 1)))
        self.children = {}
        for child, parents in self.parents.items():
            for parent, _ in parents:
                self.children.setdefault(parent, []).append(child)
        self.sets, self.set_codes = {}, {}
        for row in rules.rows(folder / "sets.csv"):
            self.sets.setdefault(row["id"], set()).add(row["area"])
            self.set_codes[row["id"]] = row["code"]
        self.places = {}
        for row in rules.rows(folder / "places.csv"):
            self.places.setdefault(row["id"], set()).add(row["lsoa"])
        self.shown_districts = {own for districts in self.sets.values() for own in districts} | {district}

    def district_of(self, code):
        if self.levels.get(code) == "district":
            return code
        found = (self.district_of(parent) for parent, _ in self.parents.get(code, []))
        return next((district for district in found if district), None)

    def districts(self, code):
        """The districts that an area consists of or is in."""
        if code in self.sets:
            return self.sets[code]
        parts = self.places.get(code, {code})
        return {self.district_of(part) for part in parts} - {None}

    def covered(self, areas):
        """The districts of some districts, sets and codes of sets."""
        names = {own: id for id, own in self.set_codes.items()}
        return {district for area in areas for district in self.sets.get(names.get(area, area), {area})}

    def ward_of(self, lsoa, year):
        """Its own ward, or the one that contains all LSOAs it was split into, or all it was merged from."""
        own = [(share, parent) for parent, share in self.parents.get(lsoa, []) if parent in self.wards_of_year[year]]
        if own:
            most = max(share for share, _ in own)
            return min(parent for share, parent in own if share == most)
        later = [parent for parent, _ in self.parents.get(lsoa, []) if self.levels[parent] == "lsoa"]
        related = later or [child for child in self.children.get(lsoa, []) if self.levels[child] == "lsoa"]
        wards = {self.ward_of(other, year) for other in related if other != lsoa}
        return wards.pop() if len(wards) == 1 else None

    def unknown(self, code, level):
        return "outside" if level in SHAPES and re.fullmatch(SHAPES[level] + "[0-9]{6}", code) else "unplaced"

    def is_inside(self, code):
        """Whether a code is in the plan's district; None: not known."""
        district = self.district_of(code)
        if district:
            return district == self.own
        sets = [self.sets[id] for id, own in self.set_codes.items() if own == code]
        return self.own in sets[0] if sets else None

    def below(self, code, level, find):
        inside = self.is_inside(code)
        if inside is None:
            return self.unknown(code, level)
        return find() if inside else "outside"

    def placed(self, code, level, zone, vintage, role):
        """Area, level, vintage and role of each row a record of an area counts in, where its kind has the tier."""
        for tier in ("lsoa", "ward", "place", "district", "set", "outward_postcode"):
            for year in WARDS if tier == "ward" else (None,):
                for area in self.areas_at(tier, year, code, level, zone):
                    own_vintage = vintage if tier == "lsoa" and area not in ("outside", "unplaced") else year
                    yield area, tier, own_vintage, role

    def areas_at(self, tier, year, code, level, zone):
        is_lsoa = self.levels.get(code) == "lsoa"
        if tier == "lsoa":
            return [self.below(code, level, lambda: code if is_lsoa else "unplaced")]
        if tier == "ward":
            own = code if code in self.wards_of_year[year] else None
            return [self.below(code, level, lambda: own or (is_lsoa and self.ward_of(code, year)) or "unplaced")]
        if tier == "place":
            if zone in self.places:
                return [zone]
            holding = [place for place, lsoas in self.places.items() if code in lsoas]
            return [self.below(code, level, lambda: (holding or ["outside"])[0] if is_lsoa else "unplaced")]
        district = self.district_of(code)
        if tier == "district":
            if district:
                return [district if district in self.shown_districts else "outside"]
            return ["unplaced" if code in self.set_codes.values() else self.unknown(code, level)]
        if tier == "set":
            if district:
                return [id for id, districts in self.sets.items() if district in districts] or ["outside"]
            complete = [self.sets[id] for id, own in self.set_codes.items() if own == code]
            return [id for id, districts in self.sets.items() if complete and complete[0] <= districts] or [self.unknown(code, level)]
        return [code if re.fullmatch("[A-Z]{1,2}[0-9][0-9A-Z]?", code) else "unplaced"]

    def dense(self, levels):
        """The rows that levels have even where no record is: areas, and `no-location`."""
        tiers = {tier for level in levels for tier in TIERS.get(level, ())}
        own_wards = lambda year: (w for w in self.wards_of_year[year] if self.district_of(w) == self.own)  # noqa: E731
        areas = {"place": self.places, "district": self.shown_districts, "set": self.sets}
        for tier in tiers:
            for year in WARDS if tier == "ward" else (None,):
                yield "no-location", tier, year
                for area in own_wards(year) if tier == "ward" else areas.get(tier, ()):
                    yield area, tier, year
