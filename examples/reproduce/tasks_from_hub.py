#!/usr/bin/env python3
"""Turns public data sets into tasks as `anser eval` and `anser reproduce --scale full` read them.

On a machine with internet:  pip install datasets
    tasks_from_hub.py p3       --config super_glue_rte_GPT_3_style ... --output train
    tasks_from_hub.py p3       --config super_glue_rte_GPT_3_style ... --split validation --output tasks/held_in
    tasks_from_hub.py p3-choices --config super_glue_rte_GPT_3_style_score_eval ... --output tasks/held_out
    tasks_from_hub.py flan     --task cola_10templates ... --limit 10000 --output train
    tasks_from_hub.py bigbench --config date_understanding ... --output tasks/held_out
    tasks_from_hub.py bbh      --output tasks/held_out
    tasks_from_hub.py bbh      --folder BIG-Bench-Hard/bbh --output tasks/held_out     (a clone; no internet)

Each task becomes <output>/<task>.jsonl: {"input", "target"} or {"input", "choices", "label"}, and "task". Files are
written under another name first and then renamed; one that is there already is left alone unless --again is given.
"""
import argparse
import json
import os
import sys


def of_pair(row):
    """P3: text as templates made it. Ends of lines and blanks around it are the template's, not the text's."""
    return {"input": row["inputs_pretokenized"].strip(), "target": row["targets_pretokenized"].strip()}


def of_choices(rows):
    """P3's *_score_eval: a row for each choice of a question, which share idx[0] and stand beside each other."""
    question = None
    for row in rows:
        number = row["idx"][0]
        if question is None or question[0] != number:
            if question:
                yield finished(question[1])
            question = (number, {"input": row["inputs_pretokenized"].strip(), "choices": [], "label": -1})
        record = question[1]
        if row["is_correct"]:
            if record["label"] >= 0:
                raise ValueError(f"question {number} has two right choices")
            record["label"] = len(record["choices"])
        record["choices"].append(row["targets_pretokenized"].strip())
    if question:
        yield finished(question[1])


def finished(record):
    if record["label"] < 0:
        raise ValueError(f"a question has no right choice: {record['input'][:60]!r}")
    return record


def of_bigbench(row):
    """Multiple choice where there are choices and exactly one counts; else the first of the answers."""
    choices, scores = row["multiple_choice_targets"], row["multiple_choice_scores"]
    if choices and sum(s > 0 for s in scores) == 1:
        return {"input": row["inputs"].strip(), "choices": [c.strip() for c in choices],
                "label": max(range(len(scores)), key=scores.__getitem__)}
    return {"input": row["inputs"].strip(), "target": row["targets"][0].strip()}


def of_bbh(row):
    return {"input": row["input"].strip(), "target": row["target"].strip()}


def of_flan(row):
    return {"input": row["inputs"].strip(), "target": row["targets"].strip()}


BBH = """boolean_expressions causal_judgement date_understanding disambiguation_qa dyck_languages formal_fallacies
geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects
logical_deduction_three_objects movie_recommendation multistep_arithmetic_two navigate object_counting
penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks
sports_understanding temporal_sequences tracking_shuffled_objects_five_objects tracking_shuffled_objects_seven_objects
tracking_shuffled_objects_three_objects web_of_lies word_sorting""".split()


def write(output, task, records, limit, again):
    path = os.path.join(output, task + ".jsonl")
    if os.path.exists(path) and not again:
        print(f"{path} is there already", file=sys.stderr)
        return
    os.makedirs(output, exist_ok=True)
    n = left_out = 0
    with open(path + ".part", "w", encoding="utf-8") as file:
        for record in records:
            if limit and n == limit:
                break
            if not record["input"] or not (record.get("choices") or record["target"]):
                left_out += 1
                continue
            file.write(json.dumps({**record, "task": task}, ensure_ascii=False) + "\n")
            n += 1
    if n == 0:
        os.remove(path + ".part")
        sys.exit(f"{task}: no example came; is its name right, and the split?")
    os.replace(path + ".part", path)
    print(f"{path}: {n} examples" + (f", {left_out} without a text left out" if left_out else ""), file=sys.stderr)


def load(name, config, split):
    try:
        from datasets import load_dataset
    except ImportError:
        sys.exit("this needs the package datasets: pip install datasets")
    return load_dataset(name, config, split=split, streaming=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="kind", required=True)
    kinds = {
        "p3": ("bigscience/P3, texts and answers", "train"),
        "p3-choices": ("bigscience/P3, configurations that end in _score_eval", "validation"),
        "flan": ("Muennighoff/flan", "train"),
        "bigbench": ("tasksource/bigbench", "validation"),
        "bbh": ("lukaemon/bbh, or --folder", "test"),
    }
    for kind, (what, split) in kinds.items():
        c = commands.add_parser(kind, help=what)
        c.add_argument("--output", required=True, metavar="DIR")
        c.add_argument("--limit", type=int, default=0, metavar="N", help="examples of a task at most; 0: all")
        c.add_argument("--split", default=split)
        c.add_argument("--again", action="store_true", help="write files again that are there")
        names = {"flan": "--task", "bbh": "--task"}.get(kind, "--config")
        c.add_argument(names, dest="names", nargs="+", required=kind != "bbh", default=BBH, metavar="NAME")
        if kind == "bbh":
            c.add_argument("--folder", metavar="DIR", help="<task>.json of a clone of BIG-Bench-Hard")
    o = parser.parse_args()
    for name in o.names:
        if o.kind == "p3":
            records = map(of_pair, load("bigscience/P3", name, o.split))
        elif o.kind == "p3-choices":
            records = of_choices(load("bigscience/P3", name, o.split))
        elif o.kind == "flan":
            records = (of_flan(r) for r in load("Muennighoff/flan", None, o.split) if r["task"] == name)
        elif o.kind == "bigbench":
            records = map(of_bigbench, load("tasksource/bigbench", name, o.split))
        elif o.folder:
            with open(os.path.join(o.folder, name + ".json"), encoding="utf-8") as file:
                records = list(map(of_bbh, json.load(file)["examples"]))
        else:
            records = map(of_bbh, load("lukaemon/bbh", name, o.split))
        write(o.output, name.removesuffix("_score_eval"), records, o.limit, o.again)


if __name__ == "__main__":
    main()
