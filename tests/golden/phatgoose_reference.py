"""Routing among LoRA experts, transcribed from its description: every expert runs on every row, nothing is clever.

A site is a linear of the model, named by its module path; `u` [rows, d_in] are its input rows, `W u` its own output.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file


class Expert:
    """One PEFT LoRA directory with gates: at a site A [r, d_in], B [d_out, r], scale s, gate v [d_in]."""

    def __init__(self, folder, dtype=torch.float64):
        config = json.loads((folder / "adapter_config.json").read_text())
        self.name, self.gates = folder.name, {}
        self.scale = config["lora_alpha"] / (config["r"] ** 0.5 if config["use_rslora"] else config["r"])
        self.a, self.b = {}, {}
        for key, value in load_file(folder / "adapter_model.safetensors").items():
            site, matrix = key.removeprefix("base_model.model.").removesuffix(".weight").rsplit(".", 1)
            {"lora_A": self.a, "lora_B": self.b}[matrix][site] = value.to(dtype)
        if (folder / "gate.safetensors").exists():
            self.gates = {site: v.to(dtype) for site, v in load_file(folder / "gate.safetensors").items()}

    def delta(self, site, u):
        return self.scale * (u @ self.a[site].T) @ self.b[site].T


def load_pool(folder):
    """Experts in the pool's order: folder names, bytewise."""
    return [Expert(f) for f in sorted((f for f in Path(folder).iterdir() if f.is_dir()), key=lambda f: f.name.encode())]


def layer_norm(x):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-5)


def score(u, gates):
    """[rows, candidates]: ln(u) . ln(v) / sqrt(d)"""
    return layer_norm(u) @ layer_norm(gates).T / u.shape[-1] ** 0.5


def choose(scores, k):
    """Kept candidates and their weights, best first (equal: the lower index), and the k-th's lead in the softmax."""
    p, index = scores.softmax(-1).sort(dim=-1, descending=True, stable=True)
    k = min(k, p.shape[-1])
    margin = p[:, k - 1] - p[:, k] if k < p.shape[-1] else torch.ones_like(p[:, 0])
    kept = p[:, :k]
    return index[:, :k], kept / (kept.sum(-1, keepdim=True) + 1e-6), margin


class PhatGoose:
    """y = W u + sum_e w_e s_e B_e A_e u over the kept experts. Records each site's input and decision."""

    def __init__(self, pool, k):
        self.pool, self.k, self.inputs, self.routing = pool, k, {}, {}

    def __call__(self, site, u):
        present = [i for i, e in enumerate(self.pool) if site in e.a]
        if not present:
            return 0
        local, weight, margin = choose(score(u, torch.stack([self.pool[i].gates[site] for i in present])), self.k)
        self.inputs[site] = u
        self.routing[site] = {"expert": torch.tensor(present)[local].int(), "weight": weight, "margin": margin}
        dense = torch.zeros(len(u), len(present), dtype=u.dtype).scatter(1, local, weight)
        return sum(dense[:, j : j + 1] * self.pool[i].delta(site, u) for j, i in enumerate(present))


class Uniform:
    """y = (W + (1/E) sum_e s_e B_e A_e) u, E the number of experts present at the site."""

    def __init__(self, pool):
        self.pool = pool

    def __call__(self, site, u):
        present = [e for e in self.pool if site in e.a]
        return u @ (sum(e.scale * e.b[site] @ e.a[site] for e in present) / len(present)).T if present else 0


class SigmoidGate:
    """y = W u + s B A (u * sigmoid(v . u)), one frozen expert, v learned."""

    def __init__(self, expert, gates):
        self.expert, self.gates = expert, gates

    def __call__(self, site, u):
        if site not in self.gates:
            return 0
        return self.expert.delta(site, u * (u @ self.gates[site]).sigmoid()[:, None])


class Routed:
    """While open, `rule(site, u)` is added to the output of every site of the model."""

    ENDINGS = ("q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo")

    def __init__(self, model, rule):
        self.model, self.rule = model, rule

    def __enter__(self):
        def hook(site):
            def add(linear, arguments, y):
                u = arguments[0]
                delta = self.rule(site, u.reshape(-1, u.shape[-1]))
                return y + delta.reshape(y.shape) if isinstance(delta, torch.Tensor) else y

            return add

        self.handles = [module.register_forward_hook(hook(name)) for name, module in self.model.named_modules()
                        if name.rsplit(".", 1)[-1] in self.ENDINGS]
        return self

    def __exit__(self, *_):
        for handle in self.handles:
            handle.remove()
