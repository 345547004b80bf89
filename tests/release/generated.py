"""Releases of generated stores, each several times, attacked together.

    generated.py PROGRAM LEDGER WORK [STORES [FIRST]]      STORES: 5 unless given; FIRST: the first seed, 0 unless given

LEDGER is the example of that name, which writes a store. Every store has a plan, release configurations and merges of
its own, drawn from a seed. Its first release is made from the records as they were first sent; the next ones from all,
with late and corrected records. The attack of attack.py on
each release, and on all together with what earlier ones showed at its present value, must bound no hidden number
inside its rule. Findings are printed as they occur. A release may be refused, but then nothing is published. Beside that it counts what a naive method
would hide: the smallest other number of each sum, until two are hidden, and what the attack finds in its result.
"""

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import attack
from recount import exact_numbers

EVENTS = 3000
# Of the events, those that come after the first release, and of the crimes those whose code is corrected then.
LATE, RECODED = 0.05, 0.05
KINDS = ["crime", "incident", "detention", "ambulance-call", "admission", "homelessness-case", "stop-search"]
CODES = ["92A", "10A", "10B", "24", "36", "71", "60", "1", "4/1", "8N", "8P", "34A", "28A", "28B", "30A", "45", "56A"]
FLAGS = ["organised_crime", "alcohol", "drugs", "domestic_abuse", "mental_health", "gang", "repeat_offender"]
WARDS = ["E05004982", "E05004986", "E05004992", "E05004994", "E05005002", "E05008554"]
DISTRICTS = ["E07000105", "E07000106", "E07000107", "E07000108", "E07000109", "E07000111"]
YEAR, YEAR_BEFORE = '"fy:2017-18"', '"fy:2016-17"'
QUARTERS, MONTHS = '"quarter:2017-q2..2018-q1"', '"month:2017-04..2018-03"'


def plan(draw, text):
    """The plan with other rules: random codes and marks for each priority."""
    head, *sections = text.split("[[")
    for number, section in enumerate(sections):
        if not section.startswith("priority]]"):
            continue
        codes = ", ".join(f'"{code}"' for code in draw.sample(CODES, draw.randint(1, 5)))
        flags = ", ".join(f'"{flag}"' for flag in draw.sample(FLAGS, draw.randint(1, 2)))
        rules = [f'{{ id = "codes", codes = {{ ho-category = [{codes}] }} }}', f'{{ id = "flags", flags = [{flags}] }}']
        rules = rules[:draw.randint(1, 2)]
        sections[number] = f'{section[:section.index("rules = [")]}rules = [{", ".join(rules)}]\n'
    return "[[".join([head, *sections])


def release_text(draw, name):
    kinds = draw.sample(KINDS, 2)
    text = f'format = 1\nid = "{name}"\ntitle = "Generated"\nplan = "smp-2017-18"\n'
    accept = "".join(f'[[accept]]\ncheck = "{check}"\nreason = "generated"\n' for check in ("suspect-month", "overdue-month"))
    coarse = ['"all-received"', '"set:kent-12"', '"district"']
    levels = lambda ward: ", ".join([*coarse, '"ward@2019"'] if ward else draw.sample(coarse, draw.randint(2, 3)))

    def table(name, windows, levels, series):
        series = f"series = [{series}]\n" if series else ""
        listed = ", ".join(f'"{kind}"' for kind in kinds)
        return (f'[[table]]\ntable = "{name}"\nwindows = [{", ".join(windows)}]\nlevels = [{levels}]\n{series}'
                f'kinds = [{listed}]\n')

    text += accept + table("window_totals", [YEAR], levels(draw.random() < 0.7), '"plan"')
    chances = [("window_totals", [draw.choice([QUARTERS, QUARTERS, MONTHS])], levels(False), '"plan"'),
               ("window_totals", [YEAR], levels(draw.random() < 0.4), '"ho-category"'),
               ("window_totals", [YEAR_BEFORE], levels(False), '"plan"'),
               ("factors", [YEAR], levels(False), '"plan"'), ("change", [YEAR], levels(False), '"plan"'),
               ("outcomes", [YEAR], levels(False), '"plan"'), ("repeats", [YEAR], levels(False), '"plan"'),
               ("profile", [YEAR], '"all-received"', '"total"'),
               ("place_of_safety", [MONTHS], '"all-received"', None), ("spc", [QUARTERS], levels(False), '"plan"'),
               ("category_monthly", [MONTHS], '"all-received"', '"ho-category"'),
               ("priority_monthly", [MONTHS], '"all-received"', '"plan"')]
    text += "".join(table(*chance) for chance in chances if draw.random() < 0.3)
    merges = []
    if draw.random() < 0.5:
        merges.append((f"joined-{name}", "ho-category", draw.sample(CODES, 3)))
    if draw.random() < 0.5:
        merges.append((f"areas-{name}", *draw.choice([("ward@2019", draw.sample(WARDS, 2)),
                                                      ("district", draw.sample(DISTRICTS, 2))])))
    for own, of, parts in merges:
        listed = ", ".join(f'"{part}"' for part in parts)
        keys = f'kinds = ["crime"]\nscheme = "{of}"\ncodes' if of == "ho-category" else f'level = "{of}"\nareas'
        text += f'[[merge]]\n{keys} = [{listed}]\nas = "{own}"\nlabel = "Joined"\n'
    return text, merges


def with_merges(exact, merges):
    """The numbers, and the sums of those that a release joins."""
    sums = dict(exact)
    for own, of, parts in merges:
        index = 3 if of == "ho-category" else 9
        for key, number in exact.items():
            is_part = key[index] in parts and (index == 9 or (key[1], key[4]) == ("crime", of))
            if is_part:
                joined = (*key[:index], own, *key[index + 1:])
                known = sums.get(joined, 0)
                sums[joined] = known + number if isinstance(known, int) and isinstance(number, int) else None
    return sums


class Present(attack.Release):
    """Several releases, the newest first, of which the first `present` are of everything that was sent. The
    numbers that only an earlier one shows have their present values, if a release of the present shows others of their kind.
    Of a kind that none shows, what was published stays all that is known."""

    def __init__(self, folders, exact, kinds_now, present):
        self.present, self.exact = present, exact
        super().__init__(folders)
        for key, cell in self.cells.items():
            number = exact.get(key)
            if cell["folder"] < present or key[:2] not in kinds_now:
                continue
            if cell["value"] is None:
                # A correction may have left nothing of what was hidden, and so no row.
                if cell["status"] == "suppressed" and (key not in exact or isinstance(number, int)):
                    cell["low"] = min(cell["low"], number or 0)
            elif isinstance(number, int):
                cell.update(low=min(cell["low"], number) if cell["status"] == "rounded" else number,
                            high=max(cell["high"], number) if cell["status"] == "rounded" else number)
            else:
                # What it is now has no row: nobody can compute with what it was.
                cell.update(status="not_supplied", value=None)

    def add_cell(self, key, cell):
        # What a release of the present hides is not known from an earlier one that showed another number.
        is_unchanged = cell["status"] == "exact" and cell["value"] == self.exact.get(key)
        if key not in self.cells or cell["folder"] < self.present or is_unchanged:
            super().add_cell(key, cell)


def attacked(release):
    findings = list(release.findings)
    for partner, kind in sorted({key[:2] for key in release.cells}):
        try:
            findings.extend(attack.Block(release, partner, kind).attack())
        except SystemExit as contradiction:
            findings.append(f"{partner}/{kind}: {contradiction}")
    return findings


def naive(release, exact):
    """What hiding the smallest other number of each sum would hide, and what an attack finds then."""
    hidden = Counter()
    findings = 0
    for partner, kind in sorted({key[:2] for key in release.cells}):
        block = attack.Block(release, partner, kind)
        numbers, free = {}, set()
        for key, index in block.index.items():
            rule = release.rules[block.rule[index]]
            number = exact.get(key, 0)
            is_primary = number == "interval" or (isinstance(number, int) and 1 <= number <= rule["hide_to"])
            numbers[index] = number if isinstance(number, int) else 1
            hidden["ours"] += block.high[index] == attack.FAR and key in release.cells
            if is_primary or key not in release.cells or block.low[index] == 0 and block.high[index] == attack.FAR:
                free.add(index)
            hidden["primary"] += is_primary and key in release.cells
        before = len(free)
        sums = [[index for index, _ in terms] for terms, low, high in block.rows if low == high == 0]
        is_changed = True
        while is_changed:
            is_changed = False
            for terms in sums:
                others = [index for index in terms if index not in free and numbers.get(index, 0) > 0]
                if others and sum(index in free and numbers.get(index, 1) > 0 for index in terms) == 1:
                    free.add(min(others, key=lambda index: (numbers[index], index)))
                    is_changed = True
        hidden["naive"] += len(free) - before
        for index, number in numbers.items():
            is_hidden = index in free
            if block.keys[index] in release.cells:
                block.low[index], block.high[index] = (1, attack.FAR) if is_hidden and number else (number, number)
        try:
            findings += sum(1 for _ in block.attack())
        except SystemExit:
            findings += 1
    return hidden, findings


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def as_first_sent(draw, events):
    """Events before corrections: some records had not arrived yet, and some crimes had another code."""
    for text in events:
        chance = draw.random()
        if chance < LATE:
            continue
        event = json.loads(text)
        what = event["data"].get("what", {}) if chance < LATE + RECODED else {}
        if what.get("list") == "ho-crime":
            what["category"] = draw.choice(CODES)
            what.pop("code", None)
            text = json.dumps(event)
        yield text


def report(done, findings):
    for finding in findings:
        done["findings"] += 1
        print(finding, flush=True)


def main(program, ledger, work, stores=5, first=0):
    work = Path(work)
    work.mkdir(exist_ok=True)
    events = subprocess.run([program, "generate", "--events", str(EVENTS)], capture_output=True, text=True, check=True)
    events = events.stdout.splitlines()
    config = Path(__file__).resolve().parents[2] / "config"
    own_plan = (config / "plans/smp-2017-18.toml").read_text()
    done = Counter()
    hidden, naively_found = Counter(), 0
    for seed in range(int(first), int(first) + int(stores)):
        draw = random.Random(seed)
        folder = work / f"configuration-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "plans").mkdir(parents=True)
        (folder / "releases").mkdir()
        (folder / "plans/smp-2017-18.toml").write_text(plan(draw, own_plan))
        names = [f"r{number}" for number in range(3)]
        merges = []
        for name in names:
            text, own = release_text(draw, name)
            (folder / f"releases/{name}.toml").write_text(text)
            merges.extend(own)
        (work / "settings.toml").write_text(f'[reference]\nfolder = "{folder}"\n')
        store = work / "generated"
        tables = store / "aggregates/smp-2017-18"
        settings = ["--config", work / "settings.toml", "--store", store]
        shutil.rmtree(store, ignore_errors=True)
        made, kinds_now, present = [], set(), 0
        for number, name in enumerate(names):
            if number < 2:
                # The first release is of what was sent first, the others of everything.
                sent = as_first_sent(draw, events) if number == 0 else events
                (work / "events.jsonl").write_text("".join(f"{event}\n" for event in sent))
                for part in ("journal", "ledger"):
                    shutil.rmtree(store / part, ignore_errors=True)
                for command in ([ledger, store, work / "events.jsonl"],
                                [program, "aggregate", "--plan", "smp-2017-18", *settings]):
                    code, text = run(*command)
                    if code:
                        raise SystemExit(f"seed {seed}: {text}")
            code, text = run(program, "release", "make", name, *settings)
            done["made" if code == 0 else "refused"] += 1
            if code:
                expected = ("cannot protect", "overlap in part", "have no row of this release")
                if not any(words in text for words in expected):
                    report(done, [f"seed {seed}, {name}: {text[-500:]}"])
                done[next((words for words in expected if words in text), "failed")] += 1
                continue
            made.append(store / "releases" / name)
            release = attack.Release([made[-1]])
            if number > 0:
                present += 1
                kinds_now |= {key[:2] for key in release.cells}
            report(done, (f"seed {seed}, {name}: {finding}" for finding in attacked(release)))
            done["numbers"] += len(release.cells)
            done["suppressed"] += release.suppressed
            together = attack.Release(made[::-1])
            parts = [part for _, _, own in merges for part in own]
            only = {"kind": {key[1] for key in together.cells}, "area_level": {key[attack.AREA][0] for key in together.cells},
                    "series": {key[3] for key in together.cells}.union(parts)}
            names = [name for name in attack.TABLES if any((of / f"{name}.parquet").exists() for of in made)]
            exact = with_merges(exact_numbers(tables, names, sorted(together.windows), {}, only), merges)
            if len(made) == 1:
                found = naive(attack.Release([made[-1]]), exact)
                hidden.update(found[0])
                naively_found += found[1]
            elif len(made) > 1:
                together = Present(made[::-1], exact, kinds_now, present)
                report(done, (f"seed {seed}, {len(made)} together: {finding}" for finding in attacked(together)))
                done["attacks on several"] += 1
    print(f"{stores} stores: {dict(done)}: {done['findings']} findings")
    print(f"first releases: {hidden['primary']} small numbers; {hidden['ours'] - hidden['primary']} hidden besides; naively "
          f"{hidden['naive']}, of which the attack finds {naively_found} exposed or narrow")
    return 1 if done["findings"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
