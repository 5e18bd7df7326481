"""Files of torch.save: what the reader must read, what it must refuse, and small checkpoints for `anser pool import`."""

import json
import pickle
import zipfile
from collections import OrderedDict

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from common import HERE, fresh
from models import load

FOLDER = HERE / "torch"


def make_readable():
    """`views.pt`: every dtype, views of every kind; a test knows the numbers, since all of them count from 0."""
    count = torch.arange(24.0)
    types = {"f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64, "i32": torch.int32,
             "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8}
    views = {"plain": count.view(4, 6), "transposed": count.view(4, 6).T, "slice": count.view(4, 6)[1:3, 2:5],
             "step": count[3::4], "permuted": count.view(2, 3, 4).permute(2, 0, 1), "scalar": count[5],
             "empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(torch.arange(3.0)),
             "bool": torch.tensor([True, False, True])}
    for name, dtype in types.items():
        views[name] = torch.arange(6).to(dtype)
    torch.save(views, FOLDER / "views.pt")


def make_nested():
    """A training's checkpoint: the module's OrderedDict (which has _metadata) among settings; and an optimizer's."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1, bias=False))
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.arange(p.numel()).view(p.shape))
    settings = {"epoch": 3, "lr": 1e-3, "name": "run", "best": None, "done": True, "large": 2**80, "list": [1, (2, "x")]}
    torch.save({"state_dict": module.state_dict(), **settings}, FOLDER / "state_dict.pt")
    torch.save({"model": module.state_dict(), "optimizer": {"state": {0: {"m": torch.arange(2.0)}, 1: {}}}, **settings},
               FOLDER / "nested.pt")


def make_refused():
    torch.save({"a": torch.arange(2.0)}, FOLDER / "old.pt", _use_new_zipfile_serialization=False)
    torch.save({"a": torch.arange(2.0)}, FOLDER / "protocol4.pt", pickle_protocol=4)
    torch.save({"a": torch.arange(2.0).expand(3, 2)}, FOLDER / "expanded.pt")
    torch.save({"a": torch.arange(2.0), "shape": torch.Size([1])}, FOLDER / "size.pt")
    # {"a": os.system("true")}, in the opcodes of protocol 2.
    call = b"\x80\x02}q\x00X\x01\x00\x00\x00acos\nsystem\nX\x04\x00\x00\x00true\x85Rs."
    assert pickle.loads(call)["a"] == 0, "it must be a call that works"
    with zipfile.ZipFile(FOLDER / "calls_os_system.pt", "w", zipfile.ZIP_STORED) as archive:
        for name, data in (("archive/data.pkl", call), ("archive/version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(name), data)


def make_peft():
    """A directory of older PEFT: adapter_model.bin; the same tensors as peft_lora.safetensors beside it."""
    torch.manual_seed(1)
    folder = fresh(FOLDER / "peft_lora")
    model = get_peft_model(load("v1_1"), LoraConfig(task_type="SEQ_2_SEQ_LM", r=2, lora_alpha=4,
                                                    target_modules=["EncDecAttention.q"]))
    model.peft_config["default"].base_model_name_or_path = "v1_1"
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_" in key:
                p.normal_(std=0.3)
    model.save_pretrained(folder, safe_serialization=False)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
    tensors = torch.load(folder / "adapter_model.bin", weights_only=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "peft_lora.safetensors")


def linears(model):
    return {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and ".block." in n}


def make_tfew():
    """T-Few's IA3 of v1_1: the keys and the shapes of its published checkpoints."""
    g = torch.Generator().manual_seed(2)
    found = {}
    for name, linear in linears(load("v1_1")).items():
        if name.endswith((".k", ".v", ".wi_1")):
            found[f"{name}.multi_lora_b"] = 1 + 0.5 * torch.randn(linear.out_features, 1, generator=g)
    torch.save(found, FOLDER / "tfew_ia3.pt")


def make_phatgoose():
    """Two experts of rank 2 on some linears of v1_1, with rows, as the reference's concatenate.py joins them."""
    g = torch.Generator().manual_seed(3)
    places = ("encoder.block.1.layer.0.SelfAttention.q", "encoder.block.1.layer.1.DenseReluDense.wo",
              "decoder.block.0.layer.1.EncDecAttention.k", "decoder.block.1.layer.2.DenseReluDense.wi_0")
    found = OrderedDict()
    for stack in ("encoder", "decoder"):
        found[f"{stack}.embed_tokens.weight"] = torch.zeros(2, 2)
    for i in range(2):
        for name, linear in linears(load("v1_1")).items():
            if name not in places:
                continue
            # The reference's put_index_to_lora turns A [r, in] and B [out, r] by .T, which torch.save keeps a view.
            a, b = torch.randn(2, linear.in_features, generator=g), torch.randn(linear.out_features, 2, generator=g)
            found[f"{name}._addons.router.expert_embeddings__{i}"] = torch.randn(linear.in_features, generator=g)
            found[f"{name}._addons.expert_lora.layer1__{i}"] = a.T
            found[f"{name}._addons.expert_lora.layer2__{i}"] = b.T
    torch.save(found, FOLDER / "phatgoose.pt")


def make_all():
    fresh(FOLDER)
    for make in (make_readable, make_nested, make_refused, make_peft, make_tfew, make_phatgoose):
        make()
    sizes = {str(f.relative_to(FOLDER)): f.stat().st_size for f in sorted(FOLDER.rglob("*")) if f.is_file()}
    print("torch", sum(sizes.values()), sizes, flush=True)
