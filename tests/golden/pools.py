"""Pools of experts over v1_1 and what routing among them gives, by phatgoose_reference.py in f64."""

import json
import re

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from common import HERE, base_hash, beam_settings, fresh, make_inputs, stable_generation, write
from models import load
from phatgoose_reference import PhatGoose, Routed, SigmoidGate, Uniform, choose, load_pool, score

BASE = "v1_1"
ALL = r".*\.(q|k|v|o|wi_0|wi_1|wo)"
QV = r".*\.(q|v)"
POOLS = {  # name: (k of the goldens, [(rank, alpha, rslora, targets)])
    "even": ((1, 2, 8), [(4, 1, False, ALL)] * 8),
    "big": ((2,), [(2, 1, False, QV)] * 40),
    "mixed": ((2,), [
        (2, 1, False, QV),
        (3, 6, False, r".*Attention\.(q|k|v|o)"),
        (4, 4, False, r".*\.(q|wi_0|wo)"),
        (8, 2, False, r"encoder\..*SelfAttention\.(q|v|o)"),
        (16, 4, True, r"decoder\..*\.(q|v)"),
    ]),
}
NAMES = ("antonym", "capital", "colour", "date", "even-odd", "first-letter", "genus", "hyphen")


def sites(model):
    return {n: m for n, m in model.named_modules() if n.rsplit(".", 1)[-1] in Routed.ENDINGS}


def write_expert(folder, model, number, rank, alpha, rslora, targets, matrices=None):
    """One PEFT directory; `matrices(site)` gives its A and B, else they are drawn."""
    folder.mkdir()
    g = torch.Generator().manual_seed(1000 + number)
    scale = alpha / (rank**0.5 if rslora else rank)
    tensors = {}
    for site, linear in sites(model).items():
        if not re.fullmatch(targets, site):
            continue
        if matrices:
            a, b = matrices(site)
        else:
            a = torch.randn(rank, linear.in_features, generator=g) / linear.in_features**0.5
            b = torch.randn(linear.out_features, rank, generator=g)
            # Half of W's size, so that a wrong decision shows.
            b *= 0.5 * linear.weight.norm() / (scale * (b @ a).norm())
        tensors[f"base_model.model.{site}.lora_A.weight"] = a
        tensors[f"base_model.model.{site}.lora_B.weight"] = b
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    endings = {ALL: ["k", "o", "q", "v", "wi_0", "wi_1", "wo"], QV: ["q", "v"]}
    config = {
        "base_model_name_or_path": BASE, "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
        "init_lora_weights": True, "lora_alpha": alpha, "lora_dropout": 0.0, "modules_to_save": None,
        "peft_type": "LORA", "r": rank, "target_modules": endings.get(targets, targets), "task_type": "SEQ_2_SEQ_LM",
        "use_dora": False, "use_rslora": rslora}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    expert = {"name": folder.name, "base_model": BASE,
              "base_hash": base_hash(load_file(HERE / BASE / "model.safetensors")),
              "training_data": f"golden/{folder.name}", "steps": 1000}
    (folder / "expert.json").write_text(json.dumps(expert, indent=2) + "\n")


def check_against_peft(pool, folder, inputs):
    """Each expert alone must be what PEFT makes of its directory."""
    for expert in pool:
        model = load(BASE)
        with torch.no_grad():
            with Routed(model.double(), lambda site, u: expert.delta(site, u) if site in expert.a else 0):
                ours = model(**inputs).logits
            peft = PeftModel.from_pretrained(load(BASE), folder / expert.name).eval().double()
            assert (peft(**inputs).logits - ours).abs().max() < 1e-4 * ours.abs().max(), expert.name


def draw_gates(model, pool, name, sets, ks):
    """Gates for one site after the other in the order of execution, drawn again until every decision has its margin.

    A site's inputs depend only on sites before it, so they are final when the site is drawn.
    """
    g = torch.Generator().manual_seed(77)

    def draw(u, count):
        # Trained gates point towards the inputs they serve; some are small, so that ln's eps is felt.
        aim = u[torch.randint(len(u), (count,), generator=g)].float()
        v = torch.randn(count, u.shape[-1], generator=g) + 0.5 * aim / aim.std(-1, keepdim=True)
        return v * 10 ** (-2 * torch.rand(count, 1, generator=g))

    order, inputs = [], {}

    def record(site, u):
        order.append(site) if site not in order else None
        return 0

    with Routed(model, record):
        model(**sets["single"])
    least = 1.0
    for expert in pool:
        expert.gates = {s: torch.zeros(m.in_features).double() for s, m in sites(model).items() if s in expert.a}
    for site in order:
        present = [e for e in pool if site in e.a]
        if not present:
            continue
        rows = {}
        for k in (k for k in ks if k < len(pool)):
            rows[k] = []
            for x in sets.values():
                rule = PhatGoose(pool, k)
                with Routed(model, rule):
                    model(**x)
                rows[k].append(rule.inputs[site])
            rows[k] = torch.cat(rows[k])
        best, kept = -1, None
        for _ in range(20000):
            gates = draw(rows[ks[0]], len(present)).double()
            margin = min(float(choose(score(u, gates), k)[2].min()) for k, u in rows.items())
            if margin > best:
                best, kept = margin, gates
            if best > 1.5e-3:
                break
        assert best > 1e-3, f"{name} {site}: no gates with a margin at every row"
        least = min(least, best)
        for expert, v in zip(present, kept):
            expert.gates[site] = v.float().double()
    return least


def golden_of(model, make_rule, sets, gradients=None, watch=Routed):
    """Inputs, outputs and decisions; with `gradients` {name: leaf} also those of the loss on `padded`."""
    out = {}
    for name, x in sets.items():
        rule = make_rule()
        with torch.set_grad_enabled(gradients is not None), watch(model, rule):
            result = model(**x)
        out |= {f"{name}.{k}": v for k, v in x.items()}
        out |= {f"{name}.logits": result.logits, f"{name}.encoder_last_hidden_state": result.encoder_last_hidden_state}
        if name == "padded":
            out["padded.loss"] = result.loss
            if gradients is not None:
                result.loss.backward()
                out |= {f"padded.grad.{site}": v.grad for site, v in gradients.items()}
        for site, found in getattr(rule, "routing", {}).items():
            out |= {f"{name}.routing.{site}.{k}": v for k, v in found.items()}
    return out


@torch.no_grad()
def make(name):
    ks, experts = POOLS[name]
    folder = fresh(HERE / "pool" / name)
    model, inputs = load(BASE), make_inputs(31)
    sets = {k: inputs[k] for k in ("single", "padded")}
    for i, expert in enumerate(experts):
        write_expert(folder / (NAMES[i] if len(experts) <= len(NAMES) else f"e{i}"), model, i, *expert)
    model.double()
    pool = load_pool(folder)
    margin = draw_gates(model, pool, name, sets, ks)
    for expert in pool:
        save_file({s: v.float() for s, v in expert.gates.items()}, folder / expert.name / "gate.safetensors")
    pool = load_pool(folder)  # the reference reads the files that a test reads
    check_against_peft(pool[:5], folder, sets["single"])
    info = {"pool": name, "base": BASE, "experts": [e.name for e in pool], "least_margin": margin}
    for k in ks:
        golden = golden_of(model, lambda: PhatGoose(pool, k), sets)
        plain = model(**sets["padded"]).logits
        assert (golden["padded.logits"] - plain).abs().max() > 0.5, "routing does too little to be tested"
        extra = {}
        if (name, k) == ("even", 2):
            with Routed(model, PhatGoose(pool, k)):
                runs = beam_settings(4, (1.0,), (False,))
                extra["generation"] = stable_generation(model, sets, runs, need_early_eos=False)
        write(f"{folder}.k{k}", golden, info | {"router": "phatgoose", "k": k} | extra)
    if name in ("even", "mixed"):
        write(f"{folder}.uniform", golden_of(model, lambda: Uniform(pool), sets), info | {"router": "uniform"})
    print("pool", name, "least margin", margin, flush=True)


def make_sigmoid_gate():
    """One expert of `even` with its gate in training: loss and the gradient with respect to every v."""
    expert = load_pool(HERE / "pool" / "even")[3]
    model, inputs = load(BASE).double(), make_inputs(31)
    gates = {site: v.clone().requires_grad_() for site, v in expert.gates.items()}
    golden = golden_of(model, lambda: SigmoidGate(expert, gates), {k: inputs[k] for k in ("single", "padded")}, gates)
    info = {"pool": "even", "base": BASE, "router": "sigmoid-gate", "expert": expert.name}
    write(HERE / "pool" / "even.sigmoid_gate", golden, info)


def make_all():
    for name in POOLS:
        make(name)
    make_sigmoid_gate()
