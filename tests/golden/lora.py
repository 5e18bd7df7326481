"""Golden outputs of PEFT's LoRA, unmerged, in every form of adapter_config.json that changes the mathematics."""

import json

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from common import HERE, fresh, make_inputs, write
from models import load

ALL = ["q", "k", "v", "o", "wi_0", "wi_1", "wo"]
CASES = {  # name: (base, options)
    "plain": ("v1_1", dict(r=8, lora_alpha=16, target_modules=["q", "v"])),
    "plain_v1_0": ("v1_0", dict(r=3, lora_alpha=6, target_modules=["q", "k", "v", "o", "wi", "wo"])),
    "all": ("v1_1", dict(r=4, lora_alpha=4, target_modules=ALL)),
    "rslora": ("v1_1", dict(r=4, lora_alpha=3, use_rslora=True, target_modules=["q", "v", "wo"])),
    # Keys are regular expressions matched at the end of the path, at a dot; the first in sorted order wins.
    "patterns": ("v1_1", dict(
        r=4, lora_alpha=8, target_modules=["q", "v", "wi_1"],
        rank_pattern={"decoder.block.1.layer.1.EncDecAttention.v": 5, r"encoder\..*\.v": 3, "wi_1": 2},
        alpha_pattern={r"block\.0\.layer\.[01]\.SelfAttention\.q": 2, "v": 12, "SelfAttention.v": 40})),
    "regex": ("v1_1", dict(
        r=4, lora_alpha=6, target_modules=r".*(encoder\.block\.1\.layer\.0|decoder\.block\.\d\.layer\.1)\.\w+\.(q|o)")),
    "suffix_path": ("v1_1", dict(r=4, lora_alpha=6, target_modules=["SelfAttention.q", "DenseReluDense.wo"])),
    "bf16": ("v1_1", dict(r=8, lora_alpha=8, target_modules=["q", "v"])),
}


def make(name, base, options):
    folder = fresh(HERE / "lora" / name)
    torch.manual_seed(sum(name.encode()))
    model = get_peft_model(load(base), LoraConfig(task_type="SEQ_2_SEQ_LM", lora_dropout=0.05, **options))
    model.peft_config["default"].base_model_name_or_path = base
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_" in key:
                p.normal_(std=0.3)
                if name == "bf16":
                    p.copy_(p.bfloat16())
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    if isinstance(config["target_modules"], list):  # PEFT writes a set, in any order
        config["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
    file = folder / "adapter_model.safetensors"
    if name == "bf16":
        save_file({k: v.bfloat16() for k, v in load_file(file).items()}, file, metadata={"format": "pt"})
    # The reference is what PEFT makes of the directory, not the object that wrote it.
    model, plain = PeftModel.from_pretrained(load(base), folder, is_trainable=True).eval(), load(base)
    golden, inputs = {}, make_inputs(21)
    for set_name in ("single", "padded"):
        x = inputs[set_name]
        golden |= {f"{set_name}.{k}": v for k, v in x.items()}
        result = model(**x)
        golden |= {f"{set_name}.logits": result.logits,
                   f"{set_name}.encoder_last_hidden_state": result.encoder_last_hidden_state}
        assert (result.logits - plain(**x).logits).abs().max() > 0.1, "the adapter does too little to be tested"
        if set_name == "padded":
            golden["padded.loss"] = result.loss
            if name == "all":
                result.loss.backward()
                golden |= {f"padded.grad.{k.replace('.default', '')}": p.grad for k, p in model.named_parameters()
                           if "lora_" in k}
    write(folder / "golden", golden, {"case": f"lora/{name}", "base": base})
    print("lora", name, sum(v.numel() for v in load_file(file).values()), flush=True)


def make_all():
    for name, (base, options) in CASES.items():
        make(name, base, options)
