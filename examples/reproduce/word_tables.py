#!/usr/bin/env python3
"""Makes a family of tasks for `anser reproduce phatgoose --words` out of tables of real words.

    word_tables.py function_vectors/abstractive --output words.json

The folder is that of the tables of Todd et al. (2024, "Function Vectors in Large Language Models", MIT):
<table>.json, a list of {"input": WORD, "output": WORD}. Each of twelve tables becomes a kind, of eight pairs; held-out
tasks mix two, three or four of them. An item is one word of the vocabulary, whatever it is made of. The same --seed
chooses the same pairs. No input stands in two tables, and none is its own answer.
"""
import argparse
import itertools
import json
import os
import random
import sys

TABLES = """country-capital present-past singular-plural antonym english-french person-occupation landmark-country
product-company person-sport person-instrument park-country english-spanish""".split()
PLAIN = """the of and with then maybe again list today about near some old new quiet small before after""".split()


def pairs_of(folder, tables, n, seed):
    draw = random.Random(seed)
    taken, kinds = set(PLAIN), {}
    for table in tables:
        path = os.path.join(folder, table + ".json")
        if not os.path.exists(path):
            sys.exit(f"{path} does not exist; the folder must have all of: {' '.join(tables)}")
        with open(path, encoding="utf-8") as file:
            rows = [(r["input"].strip().replace(" ", "_"), r["output"].strip().replace(" ", "_")) for r in json.load(file)]
        draw.shuffle(rows)
        chosen = {}
        for written, spoken in rows:
            if len(chosen) < n and written != spoken and written not in taken and spoken not in PLAIN:
                chosen[written] = spoken
                taken.add(written)
        if len(chosen) < n:
            sys.exit(f"{path} has only {len(chosen)} pairs that no other table has")
        kinds[table] = chosen
    return kinds


def family(kinds):
    names = list(kinds)
    slot = "{%s}".__mod__
    mixed = {}
    for i in range(0, len(names), 2):
        a, b = slot(names[i]), slot(names[(i + 3) % len(names)])
        mixed[f"mix2-{i // 2 + 1}"] = [f"{a} {b}", f"{a} {{any}} {b}", f"{b} {{any}} {a} {{any}}"]
    of_three = list(itertools.islice(itertools.combinations(range(len(names)), 3), 0, None, 17))
    of_four = list(itertools.islice(itertools.combinations(range(len(names)), 4), 0, None, 41))
    mixed["mix3"] = [f"{slot(names[a])} {{any}} {slot(names[b])} {slot(names[c])}" for a, b, c in of_three]
    mixed["mix4"] = [f"{slot(names[a])} {slot(names[b])} {{any}} {slot(names[c])} {slot(names[d])}"
                     for a, b, c, d in of_four]
    return {
        "about": "Made by word_tables.py from tables of the function-vectors data.",
        "categories": {"any": PLAIN},
        "kinds": kinds,
        "generic": ["{any}", "{any} {any}", "{any} {any} {any}"],
        "held_in": {k: [slot(k), f"{slot(k)} {slot(k)}", f"{{any}} {slot(k)}"] for k in names},
        "held_out": mixed,
        "held_out_mixed": list(mixed),
        "held_out_single": [],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="of <table>.json")
    parser.add_argument("--output", required=True, metavar="FILE.json")
    parser.add_argument("--pairs", type=int, default=8, help="of each table")
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args()
    text = json.dumps(family(pairs_of(o.folder, o.tables, o.pairs, o.seed)), indent=1, ensure_ascii=False)
    with open(o.output + ".part", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.replace(o.output + ".part", o.output)


if __name__ == "__main__":
    main()
