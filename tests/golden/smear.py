"""SMEAR transcribed from its description in plain PyTorch over v1_1: of one site's experts one is merged, and runs.

Adapters stand after every sub-layer; LoRA beside q, v and wo. Every number is f64, one example at a time: what padding
does is seen against examples that have none.
"""

import json

import torch
from safetensors.torch import save_file

from common import HERE, fresh, make_inputs, write
from models import load
from pools import BASE, NAMES

EXPERTS, BOTTLENECK, RANK, ALPHA = 4, 5, 2, 3
LINEARS = ("q", "v", "wo")
SUBLAYERS = {"SelfAttention": "adapter", "EncDecAttention": "adapter", "DenseReluDense": "adapter"}


def layer_norm(x, weight, bias):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, eps=1e-5)


def adapter_of(t, site, p, h):
    """h + ln(up(swish(down(h)))) with down, its bias and up averaged by p [experts]."""
    merged = {part: sum(w * t[n][f"{site}.{part}"] for w, n in zip(p, NAMES)) for part in
              ("down.weight", "down.bias", "up.weight")}
    inner = torch.nn.functional.silu(h @ merged["down.weight"].T + merged["down.bias"]) @ merged["up.weight"].T
    first = t[NAMES[0]]  # the site's one norm
    return h + layer_norm(inner, first[f"{site}.norm.weight"], first[f"{site}.norm.bias"])


def lora_of(t, site, p, u, y):
    a, b = (sum(w * t[n][f"base_model.model.{site}.lora_{m}.weight"] for w, n in zip(p, NAMES)) for m in "AB")
    return y + ALPHA / RANK * (u @ a.T) @ b.T


class Smear:
    """Runs a model with experts merged per example and site. `mixed`: outputs are mixed instead, for comparison."""

    def __init__(self, model, experts, router, mixed=False):
        self.model, self.mixed = model, mixed
        self.experts = {n: {k: v.double() for k, v in e.items()} for n, e in experts.items()}
        self.router = {k: v.double() for k, v in router.items()}

    def probabilities(self, site, read):
        r = {part: self.router[f"{site}.router.{part}"] for part in  # those of norms: [1, width]
             ("weight", "input_norm.weight", "input_norm.bias", "row_norm.weight", "row_norm.bias")}
        read = layer_norm(read, r["input_norm.weight"][0], r["input_norm.bias"][0])
        rows = layer_norm(r["weight"], r["row_norm.weight"][0], r["row_norm.bias"][0])
        return (rows @ read).softmax(-1)

    def at(self, site, u, y):
        """u: the site's input rows, y: its host's output; both [1, tokens, ...]."""
        if f"{site}.router.weight" not in self.router:
            return y
        read = u[0].mean(0) if site.startswith("encoder") else self.encoded
        p = self.probabilities(site, read)
        self.routing.setdefault(site, []).append(p)
        apply = (lambda p: adapter_of(self.experts, site, p, y)) if site.endswith("adapter") else (
            lambda p: lora_of(self.experts, site, p, u, y))
        if self.mixed:
            return sum(w * apply(one) for w, one in zip(p, torch.eye(EXPERTS).double()))
        return apply(p)

    def example(self, x):
        def hook(path, module, arguments, keywords, y):
            name = path.rsplit(".", 1)[-1]
            if path == "encoder":
                self.encoded = y[0][0].mean(0)
                return None
            if name in SUBLAYERS:
                h = y if name == "DenseReluDense" else y[0]
                h = self.at(path.rsplit(".", 1)[0] + ".adapter", h, h)
                return h if name == "DenseReluDense" else (h,) + tuple(y[1:])
            return self.at(path, arguments[0], y)

        handles = [m.register_forward_hook(lambda *a, path=n: hook(path, *a), with_kwargs=True)
                   for n, m in self.model.named_modules() if n == "encoder" or n.rsplit(".", 1)[-1] in
                   tuple(SUBLAYERS) + LINEARS]
        try:
            return self.model(**x)
        finally:
            for handle in handles:
                handle.remove()

    def __call__(self, x):
        """Each example without its padding; logits of all, and its encoder's rows filled up with zeros."""
        self.routing = {}
        width, logits, states = x["input_ids"].shape[1], [], []
        for ids, mask, target in zip(x["input_ids"], x["attention_mask"], x["decoder_input_ids"]):
            shown = ids[mask.bool()][None]
            result = self.example({"input_ids": shown, "decoder_input_ids": target[None]})
            logits.append(result.logits)
            rows = result.encoder_last_hidden_state
            states.append(torch.nn.functional.pad(rows, (0, 0, 0, width - rows.shape[1])))
        routing = {f"routing.{site}.weight": torch.stack(p) for site, p in self.routing.items()}
        return {"logits": torch.cat(logits), "encoder_last_hidden_state": torch.cat(states)} | routing


def draw(sites, lora, generator):
    """Experts and a router far from their flat beginnings. sites: {name: (in, out, what the router reads)}."""
    def normal(*shape, std=1.0, mean=0.0):
        return mean + std * torch.randn(*shape, generator=generator)

    experts, router = {n: {} for n in NAMES[:EXPERTS]}, {}
    for site, (width, out, read) in sites.items():
        norm = {f"{site}.norm.weight": normal(out, std=0.3, mean=0.8), f"{site}.norm.bias": normal(out, std=0.2)}
        for e in experts.values():
            if lora:
                e[f"base_model.model.{site}.lora_A.weight"] = normal(RANK, width, std=width**-0.5)
                e[f"base_model.model.{site}.lora_B.weight"] = normal(out, RANK, std=0.5)
            else:
                e |= {f"{site}.down.weight": normal(BOTTLENECK, width, std=width**-0.5),
                      f"{site}.down.bias": normal(BOTTLENECK, std=0.5),
                      f"{site}.up.weight": normal(out, BOTTLENECK)} | norm
        router |= {f"{site}.router.weight": normal(EXPERTS, read),
                   f"{site}.router.input_norm.weight": normal(1, read, std=0.2, mean=1.0),
                   f"{site}.router.input_norm.bias": normal(1, read, std=0.2),
                   f"{site}.router.row_norm.weight": normal(1, read, std=0.05, mean=0.25),
                   f"{site}.router.row_norm.bias": normal(1, read, std=0.05)}
    return experts, router


def write_pool(folder, experts, router, lora):
    config = {"peft_type": "ANSER_ADAPTER", "base_model_name_or_path": BASE, "activation": "silu"}
    if lora:
        config = {"peft_type": "LORA", "base_model_name_or_path": BASE, "bias": "none", "lora_alpha": ALPHA, "r": RANK,
                  "lora_dropout": 0.0, "target_modules": sorted(LINEARS), "task_type": "SEQ_2_SEQ_LM"}
    for name, tensors in experts.items():
        (folder / name).mkdir()
        save_file(tensors, folder / name / "adapter_model.safetensors", metadata={"format": "pt"})
        (folder / name / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    names = "".join(n + "\n" for n in sorted(experts))
    save_file(router, folder / "router.safetensors", metadata={"experts": names})


@torch.no_grad()
def make(name, lora):
    folder, inputs, model = fresh(HERE / "pool" / name), make_inputs(31), load(BASE).double()
    width, sites = model.config.d_model, {}
    for path, module in model.named_modules():
        last = path.rsplit(".", 1)[-1]
        if lora and last in LINEARS:
            encoder = path.startswith("encoder")
            sites[path] = (module.in_features, module.out_features, module.in_features if encoder else width)
        elif not lora and last in SUBLAYERS:
            sites[path.rsplit(".", 1)[0] + ".adapter"] = (width, width, width)
    experts, router = draw(sites, lora, torch.Generator().manual_seed(5))
    write_pool(folder, experts, router, lora)
    golden = {}
    for s in ("single", "padded"):
        found = Smear(model, experts, router)(inputs[s])
        mixed = Smear(model, experts, router, mixed=True)(inputs[s])
        assert {k.split(".", 1)[1].removesuffix(".weight") for k in found if k.startswith("routing.")} == set(sites)
        assert (found["logits"] - mixed["logits"]).abs().max() > 0.1, "merging and mixing are too alike"
        assert (found["logits"] - model(**inputs[s]).logits).abs().max() > 0.5, "the experts do too little to be tested"
        golden |= {f"{s}.{k}": v for k, v in (inputs[s] | found).items()}
    p = torch.cat([v for k, v in golden.items() if ".routing." in k])
    assert 0.4 < p.max(-1).values.mean() < 0.9, "the router is too flat or too sharp"
    info = {"pool": name, "base": BASE, "router": "smear", "experts": sorted(experts)}
    write(HERE / "pool" / name, golden, info)
    print(name, "mean of the largest probabilities", float(p.max(-1).values.mean()), flush=True)


def make_all():
    make("smear", lora=False)
    make("smear_lora", lora=True)
