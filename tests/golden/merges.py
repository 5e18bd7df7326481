"""Merges of pool/even by PEFT's add_weighted_adapter, where it works on the products: cat, svd and *_svd."""

import torch
from peft import PeftModel

from common import HERE, fresh, write
from models import load

BASE, POOL = "v1_1", "even"
EXPERTS = ("antonym", "capital", "colour", "date")
WEIGHTS = (0.5, 0.25, 1.0, -0.3)
SITES = ("encoder.block.0.layer.0.SelfAttention.q", "decoder.block.1.layer.2.DenseReluDense.wo")
CASES = {  # name: (arguments, sites)
    "cat": ({"combination_type": "cat"}, SITES),
    "svd": ({"combination_type": "svd", "svd_rank": 6}, SITES),
    "ties": ({"combination_type": "ties_svd", "svd_rank": 6, "density": 0.3}, SITES),
    "ties_frequency": ({"combination_type": "ties_svd", "svd_rank": 6, "density": 0.3,
                        "majority_sign_method": "frequency"}, SITES[:1]),
    "magnitude_prune": ({"combination_type": "magnitude_prune_svd", "svd_rank": 6, "density": 0.3}, SITES),
}


def make_all():
    folder = HERE / "pool" / POOL
    model = PeftModel.from_pretrained(load(BASE), folder / EXPERTS[0], adapter_name=EXPERTS[0])
    for name in EXPERTS[1:]:
        model.load_adapter(folder / name, adapter_name=name)
    layers = dict(model.base_model.model.named_modules())
    scaling = {layers[s].scaling[e] for s in SITES for e in EXPERTS}
    assert len(scaling) == 1
    (scale,) = scaling
    tensors, cases = {}, {}
    for case, (arguments, sites) in CASES.items():
        # PEFT 0.18.1 multiplies by the scaling twice in all but cat: in get_delta_weight, and with the weight.
        weights = list(WEIGHTS) if case == "cat" else [w / scale for w in WEIGHTS]
        model.add_weighted_adapter(list(EXPERTS), weights, case, **arguments)
        for site in sites:
            layer = layers[site]
            tensors[f"{case}.{site}"] = layer.get_delta_weight(case)
        cases[case] = arguments | {"sites": list(sites)}
    out = fresh(HERE / "merge")
    write(out / POOL, tensors, {"base": BASE, "pool": POOL, "experts": EXPERTS, "weights": WEIGHTS, "cases": cases})


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_all()
