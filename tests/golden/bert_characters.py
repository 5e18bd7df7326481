#!/usr/bin/env python3
"""Writes include/anser/io/bert_characters-inl.hpp: what BERT's text clean-up does to each character, as the tokenizers
library does it, asked for every one.

    python tests/golden/bert_characters.py      # tokenizers 0.22.2, as requirements.txt has it with transformers
"""
from pathlib import Path

import tokenizers
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

assert tokenizers.__version__ == "0.22.2", "the tables are those of one version"
POINTS = [c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000]  # ASCII has rules, not tables
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic


def changes(**step):
    off = dict.fromkeys(("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"), False)
    normalizer = BertNormalizer(**off | step)
    found = {c: normalizer.normalize_str(chr(c)) for c in POINTS}
    return {c: s for c, s in found.items() if s != chr(c)}


def parts(c):
    return len(BertPreTokenizer().pre_tokenize_str(f"a{chr(c)}b"))


def ranges(points):
    all = []
    for c in sorted(points):
        if all and all[-1][1] == c - 1:
            all[-1][1] = c
        else:
            all.append([c, c])
    return [f"{{{hex(a)}, {hex(b)}}}" for a, b in all]


def runs(mapping):
    """Maximal runs of two or more, the characters first, first + stride, ... last going to `to` + slope times the
    distance; and the pairs that are in none."""
    left, all, pairs = sorted(mapping), [], []
    while left:
        best = (1, -1, 0)
        for stride, slope in ((1, 1), (2, 1), (1, 0)):
            n = 1
            while n < len(left) and left[n] == left[0] + n * stride \
                    and mapping[left[n]] == mapping[left[0]] + n * stride * slope:
                n += 1
            best = max(best, (n, -stride, slope))
        n, stride, slope = best
        to = mapping[left[0]]
        if n == 1:
            pairs.append(f"{{{hex(left[0])}, {hex(to)}}}")
        else:
            all.append(f"{{{hex(left[0])}, {hex(left[n - 1])}, {hex(to)}, {-stride}, {slope}}}")
        left = left[n:]
    return all, pairs


def table(comment, declaration, entries):
    lines, line = [], ""
    for e in entries:
        e = e.replace(" ", "")
        if len(line) + len(e) + 1 > 116:
            lines, line = lines + [line], ""
        line += e + ","
    body = "\n    ".join(lines + [line])
    return f"/// {comment}\ninline constexpr {declaration}[] = {{\n    {body}\n}};\n"


def main():
    clean, chinese = changes(clean_text=True), changes(handle_chinese_chars=True)
    strip, lower = changes(strip_accents=True), changes(lowercase=True)
    assert all(s in ("", " ") for c, s in clean.items()) and all(s == f" {chr(c)} " for c, s in chinese.items())
    for c in HANGUL:
        i = c - 0xAC00
        jamo = [0x1100 + i // 588, 0x1161 + i // 28 % 21] + ([0x11A7 + i % 28] if i % 28 else [])
        assert [ord(x) for x in strip[c]] == jamo
    one = {c: ord(s) for c, s in strip.items() if len(s) == 1}
    more = {c: [ord(x) for x in s] for c, s in strip.items() if len(s) > 1 and c not in HANGUL}
    assert all(len(v) <= 3 for v in more.values())
    assert {c for c, s in lower.items() if len(s) != 1} == {0x130} and lower[0x130] == "i\u0307"
    space = [c for c in POINTS if parts(c) == 2]
    assert set(space) - {0x85} == {c for c, s in clean.items() if s == " "} and clean[0x85] == ""
    bare_runs, bare_pairs = runs(one)
    lower_runs, lower_pairs = runs({c: ord(s) for c, s in lower.items() if len(s) == 1})
    text = "\n".join([
        "// Written by tests/golden/bert_characters.py from what tokenizers " + tokenizers.__version__
        + " does; change the script, not this file.",
        "// clang-format off",
        "#pragma once",
        "",
        "namespace anser::detail {",
        "",
        "struct CharacterRange {\n  char32_t first, last;\n};",
        "/// The characters first, first + stride, ..., last become `to` + slope (c - first).",
        "struct CharacterRun {\n  char32_t first, last, to;\n  int stride, slope;\n};",
        "struct CharacterPair {\n  char32_t from, to;\n};",
        "struct CharacterText {\n  char32_t from, to[3];\n};",
        "",
        table("Left out: control, format and private characters.", "CharacterRange bert_removed",
              ranges(c for c, s in clean.items() if s == "")),
        table("White space.", "CharacterRange bert_spaces", ranges(space)),
        table("A word each: Chinese characters.", "CharacterRange bert_chinese", ranges(chinese)),
        table("A word each: punctuation.", "CharacterRange bert_punctuation",
              ranges(c for c in POINTS if parts(c) == 3)),
        table("Left out with the accents: marks that take no room.", "CharacterRange bert_marks",
              ranges(c for c, s in strip.items() if s == "")),
        table("Without their accents, in canonical decomposition.", "CharacterRun bert_bare_runs", bare_runs),
        table("The same, of those that stand alone.", "CharacterPair bert_bare_pairs", bare_pairs),
        table("The same, of those that become several characters.", "CharacterText bert_bare_texts",
              (f"{{{hex(c)}, {{{','.join(map(hex, v))}}}}}" for c, v in sorted(more.items()))),
        table("In lower case.", "CharacterRun bert_lower_runs", lower_runs),
        table("The same, of those that stand alone.", "CharacterPair bert_lower_pairs", lower_pairs),
        "}  // namespace anser::detail", ""])
    path = Path(__file__).parents[2] / "include/anser/io/bert_characters-inl.hpp"
    path.write_text(text)
    print(f"{path}: {len(text)} bytes")


if __name__ == "__main__":
    main()
