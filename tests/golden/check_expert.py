#!/usr/bin/env python3
"""Loads an expert that `anser train expert` wrote with PEFT, and compares logits with those of `anser forward`.

  python3 tests/golden/check_expert.py --program build/release/bin/anser --model MODEL --expert POOL/EXPERT

Needs torch, transformers 4 and peft; made with 2.9.1, 4.57.6 and 0.18.1. Exit status 1 where they differ by more than
1e-4 of the largest logit.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import T5ForConditionalGeneration

parser = argparse.ArgumentParser()
for name in ("program", "model", "expert"):
    parser.add_argument("--" + name, required=True)
o = parser.parse_args()

torch.manual_seed(0)
base = T5ForConditionalGeneration.from_pretrained(o.model).eval()
vocabulary = base.config.vocab_size
batch = {
    "input_ids": torch.randint(3, vocabulary, (3, 17)),
    "attention_mask": torch.ones(3, 17, dtype=torch.long),
    "decoder_input_ids": torch.randint(3, vocabulary, (3, 9)),
}
batch["attention_mask"][1, 11:] = 0
with torch.no_grad():
    plain = base(**batch).logits
    model = PeftModel.from_pretrained(base, o.expert).eval()
    theirs = model(**batch).logits

with tempfile.TemporaryDirectory() as folder:
    pool = Path(folder, "pool")
    pool.mkdir()
    (pool / "one").symlink_to(Path(o.expert).resolve())
    save_file(batch, f"{folder}/in.safetensors")
    subprocess.run([o.program, "forward", "--model", o.model, "--pool", str(pool), "--router", "uniform",
                    "--tensors", f"{folder}/in.safetensors", "--output", f"{folder}/out.safetensors"], check=True)
    ours = load_file(f"{folder}/out.safetensors")["logits"]

scale = theirs.abs().max()
error = ((ours - theirs).abs().max() / scale).item()
heard = ((theirs - plain).abs().max() / scale).item()
print(f"error {error:.2e}; the expert moves the logits by {heard:.2e}")
sys.exit(0 if error <= 1e-4 < heard else 1)
