"""A small BERT with random weights as a sentence encoder, and what sentence-transformers makes of texts with it."""

import hashlib
import json
import shutil
import tempfile

import torch
from sentence_transformers import SentenceTransformer, models
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast

import common

LONGEST = 20  # ids of a text
WORDS = "the cat sat on mat is red caf naive strasse hello world who ##s ##ing ##ed run ##ning un ##believ ##able mask"
OTHERS = "\u4e2d \u6587 \u1112 ##\u1161 ##\u11ab \u03c3 ##\u03c2 \u0438 ##\u0438 i \u00df ##\u00df Hello \u00e9 ##\u00e9"

TEXTS = [
    "The cat sat on the mat.", "the CAT, sat; on-the_mat!", "", " ", "\t\n \r\n", "hello world", "Who is he?",
    "Caf\u00e9 cafe\u0301 na\u00efve NA\u00cfVE", "\u00c9\u00e8\u1e9b\u0323 stra\u00dfe STRASSE \u0130\u0131",
    "\u4e2d\u6587 in \u4e2dx\u6587\u3000full\uff0cwidth", "\ud55c\uad6d\uc5b4 \ud55c", "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
    "\u0419\u0439 \u0438\u0306", "unbelievable running runs xyzzy", "unknown \u2603 \U0001f600 \u0e01 ends",
    "x" * 100, "x" * 101, "a" * 300, "the cat sat on the mat and the cat sat on the mat and the cat sat on the mat again",
    "a b c d e f g h i j k l m n o p q r", "a b c d e f g h i j k l m n o p q r s",
    "[CLS] the [MASK] sat[SEP]on [mask] [UNK][PAD]", "zero\u200bwidth soft\u00adhyphen nul\x00l \ufffd \ufeffbom \x7f",
    "nbsp\u00a0x line\u2028sep \u0085nel", "$5.00 50% 1e-5 #7 @x a_b ~^`|<>=+", "\u00ab\u201cquoted\u201d\u00bb \u2014 \u2026 \u00a1\u00bf",
    "don't can't I'm", "\U00020000\U0002f800 \uf900", "\U0001d15e \u0958 \u0bca", "Answer Choices: red, mat, Instance: The cat is",
]

OPTIONS = [
    {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True},
    {"do_lower_case": False, "strip_accents": None, "tokenize_chinese_chars": True},
    {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False},
    {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": True},
]


def vocabulary():
    pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS.split() + OTHERS.split()
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces += [x for x in letters if x not in pieces] + ["##" + x for x in letters if "##" + x not in pieces]
    return pieces + list("0157.,;:!?'-_$%#@()[]") + ["\u2014", "\u201c"]


def random_bert(words):
    torch.manual_seed(11)
    model = BertModel(BertConfig(
        vocab_size=words, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
        max_position_embeddings=24), add_pooling_layer=False)
    for name, p in model.named_parameters():
        with torch.no_grad():
            p.normal_(0, 0.3)
            if name.endswith("LayerNorm.weight"):
                p += 1
    return model.eval()


def every_character(options):
    """SHA-256 over all characters: what each becomes, and the words of it between two letters, a line each."""
    normalizer = BertNormalizer(clean_text=True, handle_chinese_chars=options["tokenize_chinese_chars"],
                                strip_accents=options["strip_accents"], lowercase=options["do_lower_case"])
    cut, total = BertPreTokenizer(), hashlib.sha256()
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            normal = normalizer.normalize_str(f"A{chr(c)}b")
            words = [w for w, _ in cut.pre_tokenize_str(normal)]
            total.update(f"{normal}\n{' '.join(words)}\n".encode())
    return total.hexdigest()


def make_all():
    folder = common.fresh(common.HERE / "bert")
    pieces = vocabulary()
    with tempfile.TemporaryDirectory() as bare:
        (vocab := common.Path(bare) / "vocab.txt").write_text("\n".join(pieces) + "\n")
        random_bert(len(pieces)).save_pretrained(bare)
        BertTokenizerFast(str(vocab), model_max_length=24).save_pretrained(bare)
        encoder = SentenceTransformer(modules=[
            transformer := models.Transformer(bare, max_seq_length=LONGEST), models.Pooling(32), models.Normalize()],
            device="cpu")
        encoder.save(str(folder / "model"), create_model_card=False)
        shutil.copy(vocab, folder / "model")
    tokens = [transformer.tokenizer(t, truncation=True, max_length=LONGEST)["input_ids"] for t in TEXTS]
    with torch.no_grad():
        together = encoder.encode(TEXTS, batch_size=7, convert_to_tensor=True)
        alone = torch.stack([encoder.encode(t, convert_to_tensor=True) for t in TEXTS])
    assert (together - alone).abs().max() < 1e-6, "padding is felt"
    assert len({tuple(t) for t in tokens}) > 20
    by_options = []
    for options in OPTIONS:
        other = BertTokenizerFast(str(folder / "model/vocab.txt"), **options)
        by_options.append(options | {"ids": [other(t)["input_ids"] for t in TEXTS], "sha256": every_character(options)})
    assert all(o["ids"] != by_options[0]["ids"] for o in by_options[1:])
    import sentence_transformers

    info = {"sentence_transformers": sentence_transformers.__version__, "longest": LONGEST, "texts": TEXTS,
            "ids": tokens, "options": by_options}
    common.write(folder / "golden", {"embeddings": alone}, info)
    print(json.dumps({f.name: f.stat().st_size for f in folder.rglob("*") if f.is_file()}))
