#!/usr/bin/env python3
"""Trains a LoRA expert with PEFT for a few steps, and its gate with `anser train gate`; both then route together.

  python3 tests/golden/check_gate.py --program build/release/bin/anser --model MODEL --data FILE.jsonl --output EXPERT

Needs torch, transformers 4, peft and sentencepiece; made with 2.9.1, 4.57.6, 0.18.1 and 0.2. MODEL has a spiece.model.
"""
import argparse
import json
import subprocess
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import T5ForConditionalGeneration, T5Tokenizer

parser = argparse.ArgumentParser()
for name in ("program", "model", "data", "output"):
    parser.add_argument("--" + name, required=True)
o = parser.parse_args()

torch.manual_seed(0)
tokenizer = T5Tokenizer(f"{o.model}/spiece.model", legacy=True)
model = get_peft_model(T5ForConditionalGeneration.from_pretrained(o.model), LoraConfig(
    r=8, lora_alpha=16, target_modules=["q", "v"], task_type="SEQ_2_SEQ_LM"))
lines = [json.loads(line) for line in Path(o.data).read_text().splitlines()[:64]]
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
for step in range(20):
    some = lines[step % 4 * 16:step % 4 * 16 + 16]
    inputs = tokenizer([x["input"] for x in some], return_tensors="pt", padding=True)
    labels = tokenizer([x["target"] for x in some], return_tensors="pt", padding=True).input_ids
    labels[labels == 0] = -100
    loss = model(**inputs, labels=labels).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
print(f"PEFT: loss {loss.item():.3f} after 20 steps")
model.save_pretrained(o.output)

subprocess.run([o.program, "train", "gate", "--model", o.model, "--expert", o.output, "--data", o.data,
                "--steps", "20", "--batch", "16", "--learning-rate", "0.01"], check=True)
pool = str(Path(o.output).parent)
subprocess.run([o.program, "pool", "check", pool, "--model", o.model], check=True)
subprocess.run([o.program, "generate", "--model", o.model, "--pool", pool, "--top-k", "1", "--prompt",
                lines[0]["input"], "--max-new-tokens", "8"], check=True)
