"""Makes the golden files: `python make.py` (requirements.txt), `python make.py v5` (requirements-5.txt)."""

import sys

sys.dont_write_bytecode = True

import torch
import transformers


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    import models

    wanted = sys.argv[1:]
    if wanted == ["v5"]:
        assert transformers.__version__.startswith("5."), "v5 is made with requirements-5.txt"
        return models.make_v5()
    assert transformers.__version__.startswith("4."), "all but v5 is made with requirements.txt"
    import arrow
    import bert
    import lora
    import merges
    import optimizers
    import pools
    import smear
    import span_corruption
    import torch_files
    import training

    steps = {name: lambda name=name: models.make_case(name) for name in models.CASES}
    steps |= {"formats": models.make_formats, "lora": lora.make_all, "pool": pools.make_all}
    steps |= {"merge": merges.make_all, "arrow": arrow.make_all, "smear": smear.make_all}
    steps |= {"optimizers": optimizers.make_all, "training": training.make_all}
    steps |= {"span_corruption": span_corruption.make_all, "torch": torch_files.make_all, "bert": bert.make_all}
    for name in wanted or steps:
        steps[name]()


if __name__ == "__main__":
    main()
