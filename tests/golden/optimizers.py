"""What PyTorch's and transformers' optimizers make of given gradients: their rule alone, without a model."""

import torch
from common import HERE, write
from transformers.optimization import Adafactor

SHAPES = {"matrix": (9, 70), "wide": (2, 131), "vector": (37,), "row": (1, 24)}
STEPS = 6
CASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.02),
    "adamw": lambda p: torch.optim.AdamW(p, lr=5e-3, weight_decay=0),
    "adamw_decay": lambda p: torch.optim.AdamW(p, lr=3e-3, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    "adafactor": lambda p: Adafactor(p),
    "adafactor_warmup": lambda p: Adafactor(p, warmup_init=True),
    "adafactor_absolute": lambda p: Adafactor(p, lr=1e-3, scale_parameter=False, relative_step=False),
    "adafactor_mean": lambda p: Adafactor(p, lr=2e-2, scale_parameter=True, relative_step=False, beta1=0.9,
                                          weight_decay=0.01, clip_threshold=0.5, decay_rate=-0.7, eps=(1e-20, 1e-2)),
}


def make_all():
    g = torch.Generator().manual_seed(5)
    start = {k: torch.randn(s, generator=g) * 0.3 for k, s in SHAPES.items()}
    gradients = [{k: torch.randn(s, generator=g) * 0.1 * (i + 1) for k, s in SHAPES.items()} for i in range(STEPS)]
    out = {f"start.{k}": v for k, v in start.items()}
    out |= {f"gradient.{i}.{k}": v for i, step in enumerate(gradients) for k, v in step.items()}
    for case, make in CASES.items():
        parameters = {k: torch.nn.Parameter(v.clone()) for k, v in start.items()}
        optimizer = make(list(parameters.values()))
        for i in range(STEPS):
            for k, p in parameters.items():
                p.grad = gradients[i][k].clone()
            optimizer.step()
            if i in (0, STEPS - 1):
                out |= {f"{case}.{i}.{k}": p.detach().clone() for k, p in parameters.items()}
    folder = HERE / "train"
    folder.mkdir(exist_ok=True)
    write(folder / "optimizers", out, {"seed": 5, "steps": STEPS})
