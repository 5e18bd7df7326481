"""The same encoders in PyTorch (Hugging Face's T5EncoderModel, f32, random weights), in turn with bench_encoder.

    python bench/pytorch_encoder.py build/release/bin/bench_encoder [--threads 2] [--rounds 5] [SHAPE ...]

Needs torch and transformers; prints a Markdown table. Either side runs alone, with the same threads, ids of the same
kind and no tape; a round is PyTorch, then the library, and what is reported is the medians and their ratio.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

SHAPES = {  # d_model, d_ff, layers, heads
    "t5-small": (512, 2048, 6, 8),
    "t5-base": (768, 3072, 12, 12),
    "t5-large": (1024, 4096, 24, 16),
}


def time_torch(model, ids):
    import torch

    with torch.inference_mode():
        start = time.perf_counter()
        model(input_ids=ids)
        return 1e3 * (time.perf_counter() - start)


def time_library(program, case, threads):
    """Milliseconds of one case, its median over a few calls."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        subprocess.run(
            [program, "--rounds", "3", "--threads", str(threads), f"--benchmark_filter=^encoder/whole/{case}/",
             f"--benchmark_out={out}", "--benchmark_out_format=json"],
            check=True, stdout=subprocess.DEVNULL)
        with open(out) as f:
            runs = json.load(f)["benchmarks"]
        return [run["ms"] for run in runs][0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", help="bench_encoder")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large-batch", type=int, default=8)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES))
    options = parser.parse_intermixed_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {options.threads} threads\n")
    print("| encoder | PyTorch ms (least to most) | this library ms (least to most) | ratio |")
    print("|---|---|---|---|")
    for name in options.shapes:
        d_model, d_ff, layers, heads = SHAPES[name]
        config = transformers.T5Config(vocab_size=32128, d_model=d_model, d_kv=64, d_ff=d_ff, num_layers=layers,
                                       num_heads=heads)
        torch.manual_seed(1)
        model = transformers.T5EncoderModel(config).eval()
        for batch in (1, options.large_batch):
            ids = torch.randint(2, 32128, (batch, 512))
            time_torch(model, ids)  # warms up
            case = f"{name}/{batch}x512"
            theirs, ours = [], []
            for _ in range(options.rounds if batch == 1 else min(options.rounds, 3)):
                theirs.append(min(time_torch(model, ids) for _ in range(2)) if batch == 1 else time_torch(model, ids))
                ours.append(time_library(options.program, case, options.threads))
            a, b = statistics.median(theirs), statistics.median(ours)
            print(f"| {case} | {a:.1f} ({min(theirs):.1f} to {max(theirs):.1f}) "
                  f"| {b:.1f} ({min(ours):.1f} to {max(ours):.1f}) | {a / b:.2f} |", flush=True)
        del model


if __name__ == "__main__":
    main()
