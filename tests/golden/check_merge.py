#!/usr/bin/env python3
"""Merges a pool with `anser pool merge`, and compares what comes out with PEFT's functions on the experts' products.

  python3 tests/golden/check_merge.py --program build/release/bin/anser --model MODEL --pool POOL

The merged experts are loaded with PEFT, the merged models with transformers. Two random IA3 experts of the model are
merged as well. Needs torch, transformers 4 and peft; made with 2.9.1, 4.57.6 and 0.18.1. Exit status 1 where an error
is above 1e-4 of the largest logit, or where the experts move the logits by no more than that.
"""
import argparse
import copy
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import IA3Config, PeftModel, get_peft_model
from peft.utils.merge_utils import magnitude_prune, task_arithmetic, ties
from transformers import T5ForConditionalGeneration

parser = argparse.ArgumentParser()
for name in ("program", "model", "pool"):
    parser.add_argument("--" + name, required=True)
o = parser.parse_args()
torch.manual_seed(0)
worst = 0.0


def load(path=o.model):
    return T5ForConditionalGeneration.from_pretrained(path).eval()


base = load()
batch = {
    "input_ids": torch.randint(3, base.config.vocab_size, (3, 17)),
    "attention_mask": torch.ones(3, 17, dtype=torch.long),
    "decoder_input_ids": torch.randint(3, base.config.vocab_size, (3, 9)),
}
batch["attention_mask"][1, 11:] = 0


@torch.no_grad()
def logits(model):
    return model(**batch).logits


def merge(pool, output, *arguments):
    command = [o.program, "pool", "merge", str(pool), "--output", str(output), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]


def compare(what, ours, theirs):
    global worst
    plain, scale = logits(base), theirs.abs().max()
    error, heard = ((ours - theirs).abs().max() / scale).item(), ((theirs - plain).abs().max() / scale).item()
    print(f"{what}: error {error:.1e}; the experts move the logits by {heard:.1e}")
    worst = max(worst, error if heard > 1e-4 else float("inf"))


folders = sorted(p for p in Path(o.pool).iterdir() if (p / "adapter_config.json").exists())
peft = PeftModel.from_pretrained(load(), folders[0], adapter_name=folders[0].name)
for folder in folders[1:]:
    peft.load_adapter(folder, adapter_name=folder.name)
layers = {n: m for n, m in peft.base_model.model.named_modules() if hasattr(m, "lora_A")}


def expected(combine, rank=None):
    """The base model with combine(deltas of the experts there) in its weights, cut to a rank where one is given."""
    model = load()
    for name, layer in layers.items():
        deltas = [layer.get_delta_weight(f.name).detach() for f in folders if f.name in layer.lora_A]
        merged = combine(deltas)
        if rank:
            u, s, v = torch.linalg.svd(merged, full_matrices=False)
            merged = u[:, :rank] @ torch.diag(s[:rank]) @ v[:rank]
        model.get_submodule(name).weight.data += merged
    return logits(model)


def weights(deltas, value=1.0):
    return torch.full((len(deltas),), value)


CASES = [  # arguments, combination, rank in the expert
    (["--method", "linear"], lambda d: task_arithmetic(d, weights(d, 1 / len(folders))), None),
    (["--method", "cat"], lambda d: task_arithmetic(d, weights(d)), None),
    (["--method", "svd", "--rank", "4"], lambda d: task_arithmetic(d, weights(d, 1 / len(folders))), 4),
    (["--method", "task-arithmetic", "--lambda", "0.4"], lambda d: task_arithmetic(d, weights(d, 0.4)), None),
    (["--method", "ties", "--density", "0.2"], lambda d: ties(d, weights(d), 0.2), None),
    (["--method", "ties", "--rank", "12", "--majority-sign", "frequency"],
     lambda d: ties(d, weights(d), 0.2, "frequency"), 12),
    (["--method", "magnitude_prune_svd", "--density", "0.5", "--rank", "8"],
     lambda d: magnitude_prune(d, weights(d, 1 / len(folders)), 0.5), 8),
]

with tempfile.TemporaryDirectory() as scratch:
    for number, (arguments, combine, rank) in enumerate(CASES):
        name = " ".join(arguments)
        reference = expected(combine, rank)
        print(merge(o.pool, f"{scratch}/model-{number}", "--model", o.model, *arguments))
        compare(f"{name}, as a model", logits(load(f"{scratch}/model-{number}")), reference)
        print(merge(o.pool, f"{scratch}/expert-{number}", *arguments))
        if "ties" in name and not rank:
            continue  # cut to the experts' rank, which the reference is not
        merged = PeftModel.from_pretrained(load(), f"{scratch}/expert-{number}").eval()
        compare(f"{name}, as an expert", logits(merged), reference)

    config = IA3Config(task_type="SEQ_2_SEQ_LM", target_modules=["k", "v", "wo"], feedforward_modules=["wo"])
    pool = Path(scratch, "ia3")
    for name in ("one", "two"):  # each of a model of its own: PEFT 0.18.1 saves all IA3 adapters of a model together
        model = get_peft_model(load(), copy.deepcopy(config), adapter_name=name)
        for parameter_name, p in model.named_parameters():
            if "ia3_l" in parameter_name:
                p.data = 1 + 0.5 * torch.randn_like(p)
        model.save_pretrained(pool)
    vectors = PeftModel.from_pretrained(load(), pool / "one", adapter_name="one")
    vectors.load_adapter(pool / "two", adapter_name="two")
    vectors.base_model.add_weighted_adapter(["one", "two"], [0.75, 0.25], "both")
    vectors.set_adapter("both")
    print(merge(pool, f"{scratch}/ia3-merged", "--weights", "0.75,0.25"))
    compare("IA3 linear, as an expert",
            logits(PeftModel.from_pretrained(load(), f"{scratch}/ia3-merged").eval()), logits(vectors.eval()))
    merge(pool, f"{scratch}/ia3-model", "--weights", "0.75,0.25", "--model", o.model)
    compare("IA3 linear, as a model", logits(load(f"{scratch}/ia3-model")), logits(vectors.eval()))

sys.exit(0 if worst <= 1e-4 else 1)
