"""A pool for Arrow over v1_1, and what PEFT's own Arrow makes of it, dense and sparse."""

import torch
from peft import ArrowConfig, PeftModel, create_arrow_model
from peft.tuners.lora.arrow import ArrowLoraLinearLayer
from safetensors.torch import load_file

from common import HERE, fresh, make_inputs, write
from models import load
from pools import ALL, BASE, NAMES, golden_of, sites, write_expert

EXPERTS, RANK = 4, 3
CASES = {"k2": (2, 0.7), "k4": (EXPERTS, 1.0)}  # top-k and temperature
SEED = 4


def matrices(out, width, generator):
    """A and B of a product whose singular values fall by more than half, hidden by a mix that neither shows alone."""
    u, _ = torch.linalg.qr(torch.randn(out, RANK, generator=generator).double())
    v, _ = torch.linalg.qr(torch.randn(width, RANK, generator=generator).double())
    s = torch.tensor([1.0, 0.45, 0.2]).double()
    turn, _ = torch.linalg.qr(torch.randn(RANK, RANK, generator=generator).double())
    mix = turn * torch.tensor([0.7, 1.0, 1.5]).double()
    return (mix @ v.T).float(), (u * s @ torch.linalg.inv(mix)).float()


def write_pool(folder, model):
    for number in range(EXPERTS):
        g = torch.Generator().manual_seed(SEED * 100 + number)
        drawn = {site: matrices(m.out_features, m.in_features, g) for site, m in sites(model).items()}
        alpha = number + 1  # other scales, which routing must not see

        def sized(site, alpha=alpha, drawn=drawn):
            a, b = drawn[site]
            return a, b * 0.5 * sites(model)[site].weight.norm() / (alpha / RANK * (b @ a).norm())

        write_expert(folder / NAMES[number], model, number, RANK, alpha, False, ALL, sized)


def arrow_model(folder, top_k, temperature):
    config = ArrowConfig(top_k=top_k, router_temperature=temperature, rng_seed=0)
    return create_arrow_model(load(BASE), [str(folder / n) for n in NAMES[:EXPERTS]], config).eval().double()


def prototypes(model):
    """PEFT's prototype rows by site; they are built by the first forward pass."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, ArrowLoraLinearLayer):
            site = name.removeprefix("base_model.model.").split(".lora_arrow")[0]
            found[site] = module.prototypes
    return found


def check_spectra(folder, found):
    """The second singular value is at most half the first; returns the worst 1 - |cos| of PEFT's power iteration."""
    worst = 0.0
    for e, name in enumerate(NAMES[:EXPERTS]):
        tensors = load_file(folder / name / "adapter_model.safetensors")
        for site, rows in found.items():
            a, b = (tensors[f"base_model.model.{site}.lora_{m}.weight"].double() for m in "AB")
            _, s, v = torch.linalg.svd(b @ a, full_matrices=False)
            assert s[1] <= 0.5 * s[0], f"{name} {site}: singular values {s[:RANK].tolist()}"
            worst = max(worst, float(1 - (v[0] @ rows[e]).abs()))
    return worst


class Decisions:
    """What PEFT's layers decide: the same sums as theirs, from their inputs and their prototypes."""

    def __init__(self, found, top_k, temperature):
        self.found, self.top_k, self.temperature, self.routing = found, top_k, temperature, {}

    def __call__(self, site, u):
        score, index = (u @ self.found[site].T).abs().sort(dim=-1, descending=True)
        margin = score[:, self.top_k - 1] - score[:, self.top_k] if self.top_k < EXPERTS else torch.ones(len(u))
        self.routing[site] = {"expert": index[:, : self.top_k].int(), "margin": margin,
                              "weight": (score[:, : self.top_k] / self.temperature).softmax(-1)}


class Watched:
    """While open, `rule(site, u)` sees the inputs of every linear that PEFT wrapped, and changes nothing."""

    def __init__(self, model, rule):
        self.model, self.rule = model, rule

    def __enter__(self):
        def hook(site):
            def see(_, arguments):
                self.rule(site, arguments[0].reshape(-1, arguments[0].shape[-1]))

            return see

        wrapped = {n.removeprefix("base_model.model."): m for n, m in self.model.named_modules()}
        self.handles = [wrapped[site].register_forward_pre_hook(hook(site)) for site in self.rule.found]

    def __exit__(self, *_):
        for handle in self.handles:
            handle.remove()


@torch.no_grad()
def make_all():
    folder, inputs = fresh(HERE / "pool" / "arrow"), make_inputs(31)
    sets = {k: inputs[k] for k in ("single", "padded")}
    write_pool(folder, load(BASE))
    for case, (top_k, temperature) in CASES.items():
        model = arrow_model(folder, top_k, temperature)
        model(**sets["single"])
        found = prototypes(model)
        assert len(found) == len(sites(load(BASE)))
        unconverged = check_spectra(folder, found)
        assert unconverged < 1e-6, unconverged
        golden = golden_of(model, lambda: Decisions(found, top_k, temperature), sets, watch=Watched)
        margin = min(float(v.min()) for k, v in golden.items() if k.endswith(".margin"))
        assert margin > 2e-4, f"a decision lies {margin} from another one; take another SEED"
        alone = PeftModel.from_pretrained(load(BASE), folder / NAMES[0]).eval().double()(**sets["padded"]).logits
        for other in (load(BASE).double()(**sets["padded"]).logits, alone):
            assert (golden["padded.logits"] - other).abs().max() > 0.5, "routing does too little to be tested"
        info = {"pool": "arrow", "base": BASE, "router": "arrow", "k": top_k, "temperature": temperature,
                "experts": list(NAMES[:EXPERTS]), "least_margin": margin, "peft_prototype_error": unconverged}
        write(HERE / "pool" / f"arrow.{case}", golden, info)
        print("arrow", case, "least margin", margin, "1 - |cos| of PEFT's prototypes", unconverged, flush=True)
