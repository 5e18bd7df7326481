"""The same training step in PyTorch (transformers and PEFT, f32, random weights), in turn with bench_train.

    python bench/pytorch_train.py build/release/bin/bench_train [--threads 2] [--rounds 9] [SHAPE ...]

LoRA r 16 on every linear, dropout 0.1, 8 x 128 input and 8 x 128 target tokens, clipping, AdamW. Needs torch,
transformers and peft; prints a Markdown table. Each side is a process of its own that makes a step when asked; a round
is a step of PyTorch, then one of the library, and what is reported is the medians, their ratio and either's peak
resident memory.
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

SHAPES = {  # d_model, d_ff, layers, heads, vocabulary, tokens
    "t5-small": (512, 2048, 6, 8, 32128, 128),
    "t5-base": (768, 3072, 12, 12, 32128, 128),
    "tiny": (128, 256, 2, 2, 1000, 16),
}


def peak_megabytes():
    """Of this program alone: what rusage tells may be the peak of the program that started it."""
    try:
        with open("/proc/self/status") as f:
            kilobytes = next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
    except OSError:
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * 1024 / 1e6


def serve(name, threads):
    """A step for each line of input."""
    import peft
    import torch
    import transformers

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    d_model, d_ff, layers, heads, vocabulary, tokens = SHAPES[name]
    config = transformers.T5Config(vocab_size=vocabulary, d_model=d_model, d_kv=64, d_ff=d_ff, num_layers=layers,
                                   num_heads=heads, dropout_rate=0.1, decoder_start_token_id=0, use_cache=False)
    model = transformers.T5ForConditionalGeneration(config)
    lora = peft.LoraConfig(r=16, lora_alpha=16, lora_dropout=0.0, target_modules=["q", "k", "v", "o", "wi", "wo"],
                           task_type="SEQ_2_SEQ_LM")
    model = peft.get_peft_model(model, lora).train()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-3, weight_decay=0.0)
    ids = torch.randint(2, vocabulary, (8, tokens))
    labels = torch.randint(2, vocabulary, (8, tokens))
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = model(input_ids=ids, labels=labels).loss
        value = loss.item()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print(f"{1e3 * (time.perf_counter() - start):.3f} {peak_megabytes():.1f} {value:.6f}", flush=True)


class Worker:
    def __init__(self, command, threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)

    def step(self):
        """Milliseconds, peak megabytes, loss."""
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args[0]} ended with status {self.process.wait()}; was there memory for both sides?")
        return [float(word) for word in answer.split()]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def quarters(values):
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def compare(options):
    import peft
    import torch
    import transformers

    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, "
          f"{options.threads} threads, {options.rounds} rounds\n")
    print("| LoRA step | PyTorch ms, median (quarters) | this library ms, median (quarters) | ratio of medians "
          "(quarters of the rounds' ratios) | tokens/s | PyTorch peak MB | this library peak MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in options.shapes:
        theirs = Worker([sys.executable, os.path.abspath(__file__), "--worker", name, "--threads",
                         str(options.threads)], options.threads)
        ours = Worker([options.program, *(["--smoke"] if name == "tiny" else []), "--on-request", name],
                      options.threads)
        for _ in range(2):  # warms up
            theirs.step(), ours.step()
        rounds = [(theirs.step(), ours.step()) for _ in range(options.rounds)]
        theirs.end()
        ours.end()
        a, b = [t[0] for t, _ in rounds], [o[0] for _, o in rounds]
        ratio = statistics.median(a) / statistics.median(b)
        low, _, high = statistics.quantiles([x / y for x, y in zip(a, b)], n=4, method="inclusive")
        tokens = 2 * 8 * SHAPES[name][-1]
        print(f"| {name} | {quarters(a)} | {quarters(b)} | {ratio:.2f} ({low:.2f} to {high:.2f}) "
              f"| {1e3 * tokens / statistics.median(a):.0f} and {1e3 * tokens / statistics.median(b):.0f} "
              f"| {rounds[-1][0][1]:.0f} | {rounds[-1][1][1]:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", nargs="?", help="bench_train")
    parser.add_argument("--worker", choices=list(SHAPES), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("shapes", nargs="*", default=["t5-small", "t5-base"])
    options = parser.parse_intermixed_args()
    if options.worker:
        serve(options.worker, options.threads)
    elif options.program:
        compare(options)
    else:
        parser.error("which bench_train?")


if __name__ == "__main__":
    main()
