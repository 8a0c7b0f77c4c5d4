# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

"""Makes tests/data/tokenizer: two tiny SentencePiece vocabularies (BPE with and without byte fallback, the second with
user-defined pieces), each as the library's own .model and as a GGUF file without tensors, and the first as the two
tokenizer.json spellings that Llama 2 and Mistral models have. Needs scripts/requirements-reference.txt and -test.txt.

    .venv/bin/python tests/golden/make_tokenizer_fixtures.py
"""

import io
import json
import pathlib

import gguf
import sentencepiece

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "data" / "tokenizer"
MORE_TEXT = """Wer hat Emma geschrieben? Die Kätzchen schliefen im Körbchen neben dem Ofen, während es draußen regnete.
Qui a écrit Emma ? L'été dernier, nous étions à la plage où les élèves jouaient près du château.
Кто написал роман? Москва и Санкт-Петербург, река Волга и город Казань.
我想在图书馆里读一本书。 今天天气很好，我们去公园吧。 図書館で本を読みます。
The cat sat on the mat; the dog, however, did not. Numbers: 1 2 3 10 25 1984 2026 3.14159 1,000,000.
def main(argv):\n    for line in argv:\n        print(line)\n    return 0\n"""


def train(name, **options):
    text = (ROOT / "LICENSE").read_text(encoding="utf-8") + MORE_TEXT
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()), model_writer=model, model_type="bpe", num_threads=1,
        normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
        allow_whitespace_only_pieces=True, max_sentence_length=100000, minloglevel=2, **options)
    path = FOLDER / f"{name}.model"
    path.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def piece_type(spm, i):
    if spm.is_unknown(i):
        return gguf.TokenType.UNKNOWN
    if spm.is_control(i):
        return gguf.TokenType.CONTROL
    if spm.is_byte(i):
        return gguf.TokenType.BYTE
    if spm.is_unused(i):
        return gguf.TokenType.UNUSED
    if spm.id_to_piece(i) in USER_DEFINED and not any(spm.is_byte(k) for k in range(spm.get_piece_size())):
        return gguf.TokenType.USER_DEFINED
    return gguf.TokenType.NORMAL


USER_DEFINED = ["[INST]", "[/INST]", "##", "###"]


def write_gguf(name, spm):
    writer = gguf.GGUFWriter(FOLDER / f"{name}.gguf", "llama")
    ids = range(spm.get_piece_size())
    writer.add_tokenizer_model("llama")
    writer.add_token_list([spm.id_to_piece(i).encode() for i in ids])
    writer.add_token_scores([spm.get_score(i) for i in ids])
    writer.add_token_types([piece_type(spm, i) for i in ids])
    writer.add_bos_token_id(spm.bos_id())
    writer.add_eos_token_id(spm.eos_id())
    writer.add_unk_token_id(spm.unk_id())
    writer.add_add_space_prefix(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def merges_of(spm):
    """Every way to put a piece together from two, best piece first, as transformers converts SentencePiece models."""
    scores = {spm.id_to_piece(i): (spm.get_score(i), i) for i in range(spm.get_piece_size())}
    merges = []
    for piece, (score, _) in scores.items():
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        pairs = [pair for pair in pairs if pair[0] in scores and pair[1] in scores]
        pairs.sort(key=lambda pair: (scores[pair[0]][1], scores[pair[1]][1]))
        merges.extend((left, right, score) for left, right in pairs)
    merges.sort(key=lambda merge: (merge[2], len(merge[0]), len(merge[1])), reverse=True)
    return [[left, right] for left, right, _ in merges]


def write_json(name, spm, normalizer, pre_tokenizer, legacy_merges):
    specials = [spm.unk_id(), spm.bos_id(), spm.eos_id()]
    merges = merges_of(spm)
    model = {
        "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
        "vocab": {spm.id_to_piece(i): i for i in range(spm.get_piece_size())},
        "merges": [" ".join(merge) for merge in merges] if legacy_merges else merges,
    }
    bos = {"id": "<s>", "ids": [spm.bos_id()], "tokens": ["<s>"]}
    file = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": spm.id_to_piece(i), "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for i in sorted(specials)],
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "post_processor": {"type": "TemplateProcessing",
                           "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": bos}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": model,
    }
    (FOLDER / name).mkdir(exist_ok=True)
    text = json.dumps(file, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / name / "tokenizer.json").write_text(text, encoding="utf-8")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    with_bytes = train("spm_bytes", vocab_size=640, byte_fallback=True, character_coverage=0.99)
    write_gguf("spm_bytes", with_bytes)
    write_json("llama2", with_bytes, {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}, None, True)
    write_json("mistral", with_bytes, None, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first",
                                             "split": False}, False)
    without_bytes = train("spm_plain", vocab_size=500, byte_fallback=False, character_coverage=0.98,
                          user_defined_symbols=USER_DEFINED)
    write_gguf("spm_plain", without_bytes)


if __name__ == "__main__":
    main()
