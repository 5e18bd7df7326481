"""Fifty steps of training, in f64: full, LoRA by PEFT, a PHATGOOSE gate, Adafactor. Dropout is off."""

import torch
from peft import PeftModel
from transformers.optimization import Adafactor, get_linear_schedule_with_warmup

from common import HERE, make_inputs, write
from models import load
from phatgoose_reference import Routed, SigmoidGate, load_pool

STEPS, WARMUP, CLIP, SEEDS = 50, 5, 1.0, (41, 42, 43, 44)


def adamw(parameters, rate, eps=1e-6):
    return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.999), eps=eps, weight_decay=0.01)


def calm_adamw(parameters, rate):
    """A larger eps: where gradients are all but 0, rounding would decide the direction of a whole step."""
    return adamw(parameters, rate, 1e-3)


def adafactor(parameters, rate):
    return Adafactor(parameters, lr=rate, scale_parameter=False, relative_step=False)


def full(name, dtype):
    model = load(name).to(dtype)
    return model, dict(model.named_parameters()), None


def lora(dtype):
    model = PeftModel.from_pretrained(load("v1_1"), HERE / "lora" / "all", is_trainable=True).eval().to(dtype)
    named = {k.replace("base_model.model.", "").replace(".default", ""): p for k, p in model.named_parameters()
             if "lora_" in k}
    with torch.no_grad():
        for p in named.values():  # the adapter as it is moves the model so far that its training is chaotic
            p *= 0.1
    return model, named, None


def gate(dtype):
    expert = load_pool(HERE / "pool" / "even")[3]
    for table in (expert.a, expert.b):
        for site in table:
            table[site] = table[site].to(dtype)
    gates = {site: torch.zeros_like(v, dtype=dtype).requires_grad_() for site, v in expert.gates.items()}
    model = load("v1_1").to(dtype).requires_grad_(False)
    return model, gates, SigmoidGate(expert, gates)


CASES = {  # name: (make, optimizer, rate)
    "full": (lambda d: full("v1_1", d), adamw, 1e-3),
    "full_v1_0": (lambda d: full("v1_0", d), calm_adamw, 1e-3),
    "lora": (lora, calm_adamw, 1e-3),
    "gate": (gate, calm_adamw, 5e-3),
    "adafactor": (lambda d: full("v1_1", d), adafactor, 1e-3),
}


def train(make, optimizer_of, rate, batches, noise=0):
    model, named, rule = make(torch.float64)
    g = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in named.values():
            p += noise * p.abs().max() * torch.randn(p.shape, generator=g, dtype=p.dtype)
    optimizer = optimizer_of(list(named.values()), rate)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    losses, norms = [], []
    for step in range(STEPS):
        batch = {k: batches[step % len(batches)][k] for k in ("input_ids", "attention_mask", "labels")}
        if rule is None:
            loss = model(**batch).loss
        else:
            with Routed(model, rule):
                loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(named.values(), CLIP).item())
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses, norms, {k: p.detach().clone() for k, p in named.items()}


def distance(a, b):
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    return float((a - b).abs().max() / b.abs().max().clamp(min=1e-30))


def make_all():
    batches = [make_inputs(seed)["padded"] for seed in SEEDS]
    shared = {f"batch.{i}.{k}": b[k] for i, b in enumerate(batches) for k in ("input_ids", "attention_mask", "labels")}
    write(HERE / "train" / "batches", shared, {"seeds": SEEDS})
    for name, (make, optimizer_of, rate) in CASES.items():
        losses, norms, final = train(make, optimizer_of, rate, batches)
        moved = train(make, optimizer_of, rate, batches, noise=1e-6)  # more than another order of summation moves it
        drift = max(distance(moved[2][k], v) for k, v in final.items())
        drift = max(drift, distance(moved[0], losses), distance(moved[1], norms))
        assert drift < 5e-5, f"{name}: rounding alone could move the training by {drift}"
        assert sum(losses[-4:]) < sum(losses[:4]), f"{name} does not learn"
        out = {f"parameter.{k}": v for k, v in final.items()}
        out |= {"losses": torch.tensor(losses), "norms": torch.tensor(norms)}
        info = {"case": name, "steps": STEPS, "warmup": WARMUP, "clip": CLIP, "rate": rate, "drift_of_1e-6": drift}
        write(HERE / "train" / name, out, info)
        print("train", name, losses[0], losses[-1], "drift", drift, flush=True)
