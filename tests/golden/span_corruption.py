"""How long texts and targets are in T5's span corruption: what its random_spans_noise_mask and
compute_input_and_target_lengths compute (Raffel et al. 2020; the text-to-text-transfer-transformer's preprocessors)."""

import json

from common import HERE

SETTINGS = [(0.15, 3.0), (0.15, 2.0), (0.15, 5.0), (0.15, 10.0), (0.1, 2.0), (0.25, 3.0), (0.3, 5.0), (0.45, 4.0), (0.05, 3.0)]
INPUTS = [16, 17, 31, 64, 100, 114, 128, 255, 256, 384, 512, 513, 1000, 1024, 2048, 4096]
LENGTHS = list(range(1, 60)) + [64, 90, 100, 110, 127, 128, 129, 250, 512, 568, 569, 1141, 2000]


def mask_counts(length, density, mean):
    """Tokens that random_spans_noise_mask hides, before its mask is cut to the length, and spans."""
    length = max(length, 2)
    noise = min(max(int(round(length * density)), 1), length - 1)  # round: halves to even, as tf.round
    return [noise, max(int(round(noise / mean)), 1)]


def lengths(inputs, density, mean):
    """[tokens of text, tokens of target] for inputs of that many tokens; targets without a final sentinel."""

    def of(tokens):
        noise = int(round(tokens * density))
        spans = int(round(noise / mean))
        return tokens - noise + spans + 1, noise + spans + 1

    tokens = inputs
    while of(tokens + 1)[0] <= inputs:
        tokens += 1
    return [tokens, of(tokens)[1]]


def agree(inputs, density, mean):
    """compute_input_and_target_lengths counts short texts' spans as none where the mask has one: these are left out."""
    tokens, _ = lengths(inputs, density, mean)

    def masked(n):
        noise, spans = mask_counts(n, density, mean)
        return n - noise + spans + 1

    return masked(tokens) <= inputs < masked(tokens + 1)


def make_all():
    cases = []
    for density, mean in SETTINGS:
        found = [[n] + lengths(n, density, mean) for n in INPUTS if agree(n, density, mean)]
        assert len(found) > 9
        counts = [[n] + mask_counts(n, density, mean) for n in LENGTHS]
        assert all(spans <= min(noise, max(n, 2) - noise) for n, noise, spans in counts), "spans that cannot be cut"
        cases.append({"density": density, "mean_span": mean, "lengths": found, "counts": counts})
    assert lengths(512, 0.15, 3.0) == [568, 114]
    lines = ",\n".join(json.dumps(c) for c in cases)
    (HERE / "train" / "span_corruption.json").write_text(f'{{"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    make_all()
