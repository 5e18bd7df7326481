#!/usr/bin/env python3
"""Compares what `anser pool import` wrote with the checkpoint that it read: PEFT loads it, PyTorch reads the checkpoint.

  python3 tests/golden/check_import.py --checkpoint tfew.pt --expert EXPERT [--model MODEL]
  python3 tests/golden/check_import.py --checkpoint phatgoose.pt --pool POOL --model MODEL

With --model, logits of PEFT's model are compared with those of the base under the checkpoint's own formula. Without it
(T-Few alone), PEFT loads the expert into a random T5 of the checkpoint's sizes, but for a width of 8, and every vector
must be in its place, number by number.

Needs torch, transformers 4 and peft; made with 2.9.1, 4.57.6 and 0.18.1. Exit status 1 where anything differs.
"""
import argparse
import re
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import T5Config, T5ForConditionalGeneration

parser = argparse.ArgumentParser()
parser.add_argument("--checkpoint", required=True)
for name in ("expert", "pool", "model"):
    parser.add_argument("--" + name)
o = parser.parse_args()
checkpoint = torch.load(o.checkpoint, map_location="cpu", weights_only=True)


def narrow_model():
    """A T5 v1.1 of the checkpoint's sizes; its width is not in the file, and no vector of IA3 depends on it."""
    blocks = {stack: 1 + max(int(re.match(stack + r"\.block\.(\d+)", k)[1]) for k in checkpoint if k.startswith(stack))
              for stack in ("encoder", "decoder")}
    sizes = {k.split(".")[-2]: v.shape[0] for k, v in checkpoint.items()}
    return T5ForConditionalGeneration(T5Config(
        d_model=8, d_kv=sizes["k"], num_heads=1, d_ff=sizes["wi_1"], num_layers=blocks["encoder"],
        num_decoder_layers=blocks["decoder"], feed_forward_proj="gated-gelu", vocab_size=8))


def place_of(key):
    """The module of PEFT that has a T-Few vector."""
    return key.removesuffix(".multi_lora_b").replace(".wi_1", ".wo")


def check_vectors():
    model = PeftModel.from_pretrained(narrow_model(), o.expert)
    modules = dict(model.base_model.model.named_modules())
    found = {name for name, m in modules.items() if hasattr(m, "ia3_l")}
    assert found == {place_of(k) for k in checkpoint}, found ^ {place_of(k) for k in checkpoint}
    for key, vector in checkpoint.items():
        module = modules[place_of(key)]
        assert module.is_feedforward == (".wi_1." in key), key
        assert torch.equal(module.ia3_l["default"].flatten(), vector.flatten()), key
    assert len(load_file(Path(o.expert, "adapter_model.safetensors"))) == len(checkpoint)
    print(f"{len(checkpoint)} vectors are where PEFT has them, number by number")


def batch_of(model):
    torch.manual_seed(0)
    vocabulary = model.config.vocab_size
    return {"input_ids": torch.randint(3, vocabulary, (3, 17)), "decoder_input_ids": torch.randint(3, vocabulary, (3, 9))}


@torch.no_grad()
def logits_under(formula_at):
    """The base's logits where the linear `name` gives formula_at(name)(input, output) in place of its output."""
    model = T5ForConditionalGeneration.from_pretrained(o.model).eval()
    for name, module in model.named_modules():
        formula = formula_at(name)
        if formula:
            module.register_forward_hook(lambda _, inputs, output, formula=formula: formula(inputs[0], output))
    return model(**batch_of(model)).logits


@torch.no_grad()
def logits_of(directory):
    model = PeftModel.from_pretrained(T5ForConditionalGeneration.from_pretrained(o.model), directory).eval()
    return model(**batch_of(model)).logits


def compare(directory, formula_at):
    ours, theirs, plain = logits_of(directory), logits_under(formula_at), logits_under(lambda _: None)
    scale = theirs.abs().max()
    error, heard = ((ours - theirs).abs().max() / scale).item(), ((theirs - plain).abs().max() / scale).item()
    print(f"{directory}: error {error:.2e}; the expert moves the logits by {heard:.2e}")
    assert error <= 1e-5 < 1e-3 < heard


def scaled(name):
    """T-Few scales the outputs of k, v and wi_1."""
    vector = checkpoint.get(f"{name}.multi_lora_b")
    return None if vector is None else lambda _, output: output * vector.flatten()


def added(number):
    """The reference adds (u layer1) layer2 / r."""
    def at(name):
        a, b = (checkpoint.get(f"{name}._addons.expert_lora.layer{i}__{number}") for i in (1, 2))
        return None if a is None else lambda u, output: output + u @ a @ b / a.shape[1]
    return at


try:
    if o.expert and not o.model:
        check_vectors()
    elif o.expert:
        compare(o.expert, scaled)
    else:
        experts = sorted(p for p in Path(o.pool).iterdir() if p.is_dir())
        numbers = sorted({int(k.rsplit("__", 1)[1]) for k in checkpoint if "layer1__" in k})
        assert len(experts) == len(numbers)
        for number, expert in zip(numbers, experts):
            compare(expert, added(number))
            for file in ("gate.safetensors", "activations.safetensors"):
                rows = load_file(expert / file) if (expert / file).exists() else {}
                for site, row in rows.items():
                    assert torch.equal(row, checkpoint[f"{site}._addons.router.expert_embeddings__{number}"].float()), site
except AssertionError as problem:
    sys.exit(f"differs: {problem}")
