#!/usr/bin/env python3
"""Golden ids of the real T5 vocabulary, from Hugging Face's slow and fast tokenizers.

    python3 -m venv venv && venv/bin/pip install transformers==4.46.3 tokenizers==0.20.3 sentencepiece==0.1.97 protobuf==3.20.3
    venv/bin/python tests/golden/tokenizer/make.py SHARED_DATA

SHARED_DATA holds vocab/spiece.model, vocab/t5-small.tokenizer.json and bbh/*.json. Writes beside itself:

bbh.json    per BIG-bench Hard task the SHA-256 of the little-endian int32 ids of all inputs, in order, each with its
            eos: "slow" from spiece.model, "fast" from tokenizer.json, and the number of ids.
texts.json  tricky texts: ids with eos and the texts they decode to (with and without special tokens, no clean-up).
            "converted" is the fast tokenizer that transformers itself derives from spiece.model.
"""
import hashlib, json, pathlib, struct, sys, tempfile, warnings

warnings.filterwarnings("ignore")
import sentencepiece, tokenizers, transformers
from transformers import T5Tokenizer, T5TokenizerFast
from transformers.convert_slow_tokenizer import convert_slow_tokenizer

assert transformers.__version__ == "4.46.3" and tokenizers.__version__ == "0.20.3", "pinned versions, see above"
assert sentencepiece.__version__ == "0.1.97", "the library that Debian 12 ships"
transformers.logging.set_verbosity_error()

TEXTS = [
    "translate English to German: The house is wonderful.",
    "!!!!!!",
    "{",
    "",
    " ",
    "     ",
    "\t\n \r\n",
    "a",
    "Hello world",
    "  leading and trailing  ",
    "two  spaces and   three    and four",
    "tabs\tand\nnewlines\r\nand\rreturns\n\n",
    "line\n   indented",
    "<extra_id_0>",
    "<extra_id_0> ",
    " <extra_id_0>",
    "The <extra_id_0> walks in <extra_id_1> park",
    "The<extra_id_0>walks",
    "The  <extra_id_0>  walks.",
    "The <extra_id_0>, the <extra_id_99>.",
    "<extra_id_0><extra_id_1>",
    "<extra_id_0> <extra_id_1>   <extra_id_2>",
    "<extra_id_100> <extra_id_-1> <extra_id_> <extra_id_07>",
    "<extra_id_1>0 <extra_id_10> <extra_id_1",
    "<<extra_id_0>> <extra_id_<extra_id_3>",
    "</s>",
    "stop</s>",
    "stop </s>",
    "stop</s> here",
    "stop </s></s> here </s> ",
    "<pad>",
    "<pad> a <pad>b<pad>",
    "<unk>",
    "an <unk> word<unk>",
    "\uff1cpad\uff1e \uff1c/s\uff1e x\uff1cunk\uff1e",
    "<s> <mask> <PAD> < pad> </ s>",
    "{}[]()<>|\\~^`",
    "a{b}c {} d",
    "{{{ }}} {~} \u4e2d\u6587{\u4e2d",
    "caf\u00e9 cafe\u0301 na\u00efve na\u0131\u0308ve",
    "\ufb01ne \ufb00 \u2460\u2461 \u00bd \u2122 \u00b2 \u210c \u33a5",
    "\uff28\uff45\uff4c\uff4c\uff4f\u3000\uff37\uff4f\uff52\uff4c\uff44",
    "\u2460\u0301 \u2122\u0300x \u00bd\u20e3 \ufb01\u0301",
    "1\u20e3 #\ufe0f\u20e3 \u00a9\ufe0f \u00ae\u200d x",
    "soft\u00adhyphen zero\u200bwidth joiner\u200dx nbsp\u00a0x bom\ufeffx word\u2060joiner",
    "narrow\u202fspace thin\u2009space ideographic\u3000space line\u2028sep para\u2029sep nel\u0085x",
    "\x01\x02control\x7f\x1b[0m and \x0bvt \x0cff",
    "\U0001f600 \U0001f469\u200d\U0001f4bb \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    "I \u2764\ufe0f you",
    "\u4f60\u597d\uff0c\u4e16\u754c",
    "\u0645\u0631\u062d\u0628\u0627 \u0634\u0643\u0631\u0627\u064b \u0661\u0662\u0663 \u06001",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0939\u093f\u0928\u094d\u0926\u0940 \u0958",
    "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab \u3131 \uffa1",
    "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439 \u043c\u0438\u0440 \u0439\u0308",
    "Stra\u00dfe Gr\u00f6\u00dfe \u00c4\u00d6\u00dc na\u00e7\u00e3o l'\u00e9t\u00e9 \u0219i \u021bar\u0103",
    "\u2581",
    "\u2581Hello \u2581 world a\u2581b \u2581\u2581c",
    "\u2581<extra_id_0>\u2581",
    "a" * 300,
    "supercalifragilisticexpialidocious" * 12,
    "don't can't I'm we've he's \u2018quoted\u2019 \u201cdouble\u201d \u2014 \u2026",
    "3.14159 1,000,000 $5.00 50% 1e-5 #7 @x a_b",
    "http://example.com/a?b=c&d=e#f user@example.com",
    "for (int i = 0; i < n; ++i) { x[i] *= 2; }",
    "ALL CAPS mIxEd CaSe",
    "\U0001d573\U0001d58a\U0001d591\U0001d591\U0001d594 \U00020000 \U0010ffff \ue000 \ufffd",
    "e\u0301\u0302\u0303\u0304 o\u0308\u0304 \u1e9b\u0323",
    "A\u030a \u212b \u00c5 \u2126 \u03a9 K \u212a",
    "... .. . ,, ;; :: -- --- ---- ==== ____",
    "Sum: 12 + 7 = 19\nQ: which?\nOptions:\n(A) yes\n(B) no",
]


def golden(tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    decode = lambda skip: tokenizer.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False)
    return {"ids": ids, "text": decode(True), "full": decode(False)}


def main():
    shared = pathlib.Path(sys.argv[1])
    here = pathlib.Path(__file__).parent
    slow = T5Tokenizer(str(shared / "vocab/spiece.model"), legacy=True)
    modern = T5Tokenizer(str(shared / "vocab/spiece.model"), legacy=False)
    fast = T5TokenizerFast(tokenizer_file=str(shared / "vocab/t5-small.tokenizer.json"))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tokenizer.json"
        convert_slow_tokenizer(slow).save(str(path))
        converted = T5TokenizerFast(tokenizer_file=str(path))

    tasks = {}
    for path in sorted((shared / "bbh").glob("*.json")):
        row, inputs = {}, [e["input"] for e in json.loads(path.read_text())["examples"]]
        for name, tokenizer in ("slow", slow), ("fast", fast):
            digest, count = hashlib.sha256(), 0
            for text in inputs:
                ids = tokenizer(text)["input_ids"]
                digest.update(struct.pack(f"<{len(ids)}i", *ids))
                count += len(ids)
            row[name] = {"sha256": digest.hexdigest(), "ids": count}
        row["inputs"] = len(inputs)
        tasks[path.stem] = row
    versions = {m.__name__: m.__version__ for m in (transformers, tokenizers, sentencepiece)}
    (here / "bbh.json").write_text(json.dumps({"versions": versions, "tasks": tasks}, indent=1) + "\n")

    rows = []
    for text in TEXTS:
        row = {"input": text, "slow": golden(slow, text), "fast": golden(fast, text),
               "modern": golden(modern, text), "converted": golden(converted, text)}
        rows.append(row)
    body = ",\n".join(json.dumps(row) for row in rows)
    (here / "texts.json").write_text('{"versions": ' + json.dumps(versions) + ', "texts": [\n' + body + "\n]}\n")

    differ = sum(r["slow"]["ids"] != r["fast"]["ids"] for r in rows)
    print(f"{len(tasks)} tasks, {sum(t['inputs'] for t in tasks.values())} inputs, "
          f"{sum(t['slow'] != t['fast'] for t in tasks.values())} tasks differ; "
          f"{len(rows)} texts, {differ} differ between slow and fast")


if __name__ == "__main__":
    main()
