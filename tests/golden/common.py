"""What every golden case shares: inputs, hashing, writing, and generation that survives rounding."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LogitsProcessor, LogitsProcessorList

HERE = Path(__file__).parent
VOCAB, PAD, EOS = 128, 0, 1


def versions():
    import transformers

    found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    if transformers.__version__.startswith("4."):
        import peft

        found["peft"] = peft.__version__
    return found


def fresh(folder):
    """An empty folder, so that nothing of an earlier run stays behind."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write(path, tensors, info):
    """`path`.safetensors and `path`.json; f64 results are rounded to f32 here and nowhere else."""
    rounded = {k: (v.float() if v.is_floating_point() else v).detach().contiguous().clone() for k, v in tensors.items()}
    save_file(rounded, f"{path}.safetensors")
    text = json.dumps(info | {"versions": versions()}, indent=1)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda flat: re.sub(r"\s+", " ", flat[0]), text)  # a flat list is one line
    Path(f"{path}.json").write_text(text + "\n")


def ids(generator, *shape):
    return torch.randint(2, VOCAB, shape, generator=generator)


def make_inputs(seed):
    """The five input sets; `padded` also has labels, whose shifted form is its decoder input."""
    g = torch.Generator().manual_seed(seed)

    def whole(batch, source, target):
        x, y = ids(g, batch, source), ids(g, batch, target)
        x[:, -1], y[:, 0] = EOS, PAD
        return {"input_ids": x, "attention_mask": torch.ones_like(x), "decoder_input_ids": y}

    sets = {"one": whole(1, 1, 1), "single": whole(1, 13, 7), "padded": whole(3, 17, 9), "left": whole(2, 11, 6),
            "long": whole(1, 600, 5)}
    padded = sets["padded"]
    for row, length in enumerate((17, 8, 12)):
        padded["input_ids"][row, length - 1] = EOS
        padded["input_ids"][row, length:] = PAD
        padded["attention_mask"][row, length:] = 0
    labels = ids(g, 3, 9)
    for row, length in enumerate((6, 9, 4)):
        labels[row, length - 1] = EOS
        labels[row, length:] = -100
    padded["labels"] = labels
    padded["decoder_input_ids"] = torch.cat([torch.zeros(3, 1, dtype=torch.long), labels[:, :-1].clamp(min=PAD)], 1)
    left = sets["left"]
    left["input_ids"][0, :4], left["attention_mask"][0, :4] = PAD, 0
    left["attention_mask"][1, [2, 5, 6, 10]] = 0  # holes whose ids are not pads: only the mask may hide them
    return sets


def base_hash(tensors):
    """SHA-256 over name, dtype, shape and first 4 KiB of every tensor; README.md defines the bytes."""
    kind = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    total = hashlib.sha256()
    for name in sorted(tensors, key=lambda n: n.encode()):
        t = tensors[name]
        total.update(f"{name}\n{kind[t.dtype]}\n{','.join(map(str, t.shape))}\n".encode())
        total.update(t.contiguous().flatten().view(torch.uint8)[:4096].numpy().tobytes())
    return total.hexdigest()


class Noise(LogitsProcessor):
    """Disturbs scores by more than another implementation's rounding could."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids, scores):
        return scores + 2e-4 * torch.randn(scores.shape, generator=self.generator)


def beam_settings(beams, penalties=(1.0, 0.6, 2.0), early=(False, "never", True)):
    return [{"num_beams": beams, "length_penalty": p, "early_stopping": e} for p in penalties for e in early]


def generate(model, inputs, noise=None, **settings):
    """Ids after the start token, up to and with eos; for beams also the scores of the best two."""
    beams = settings.get("num_beams", 1)
    out = model.generate(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=24, do_sample=False,
        num_return_sequences=min(beams, 2), return_dict_in_generate=True, output_scores=beams > 1,
        logits_processor=LogitsProcessorList([] if noise is None else [Noise(noise)]), **settings)
    rows = [row[1:].tolist() for row in out.sequences[:: min(beams, 2)]]
    rows = [row[: row.index(EOS) + 1] if EOS in row else row for row in rows]
    return rows, out.sequences_scores.view(-1, 2) if beams > 1 else None


def stable_generation(model, sets, runs, need_early_eos=True, need_never=False):
    """Greedy and beam outputs on `single` and `padded`; AssertionError where rounding could change one."""
    found = []
    for name in ("padded", "single"):
        for run in [{"num_beams": 1}] + runs:
            rows, scores = generate(model, sets[name], **run)
            assert len({tuple(r) for r in rows}) > len(rows) // 2, "examples agree"
            if need_early_eos and name == "padded" and run["num_beams"] == 1:
                ended = [len(r) < 24 for r in rows]
                assert any(ended) and not all(ended), "greedy: some should end early, some run to the limit"
                assert min(map(len, rows)) > 1, "greedy: an example is empty"
            assert scores is None or (scores[:, 1] / scores[:, 0]).min() > 1 + 2e-3, "best two scores too close"
            found.append({"set": name, "max_new_tokens": 24} | run | {"ids": rows})
            if scores is not None:
                found[-1]["sequences_scores"] = scores[:, 0].tolist()
            if need_never and len(found) == 3:
                assert found[1]["ids"] != found[2]["ids"], "early_stopping never makes no difference"
        if need_early_eos and name == "padded":
            outputs = {json.dumps(f["ids"]) for f in found if f["num_beams"] == 4}
            assert len(outputs) > 2, "beam settings make no difference"
    for case in found:
        run = {k: case[k] for k in ("num_beams", "length_penalty", "early_stopping") if k in case}
        for noise in (1, 2):
            assert case["ids"] == generate(model, sets[case["set"]], noise, **run)[0], "unstable under noise"
    return found
