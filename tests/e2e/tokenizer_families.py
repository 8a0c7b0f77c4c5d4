# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

"""Small tokenizers of the families that model files bring, trained on texts at hand: each has its family's normaliser,
splitting, byte handling and special tokens as its `tokenizer.json` spells them, and, where llama.cpp has a name for it,
a GGUF file. What a real vocabulary adds is more merges of the same kind."""

import json
import struct

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 2_000
SIGNS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CL100K = ENDINGS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + SIGNS
QWEN2 = ENDINGS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + SIGNS
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = (
    r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + "+" + ENDINGS + r"?|[^\r\n\p{L}\p{N}]?" + UPPER + "+" + LOWER + "*" + ENDINGS
    + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(split, tokens, normalizer=None, **model):
    """`split`: what stands before the bytes; None: the pattern of GPT-2."""
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    bytes_step = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None or isinstance(split, pre_tokenizers.Digits))
    tokenizer.pre_tokenizer = bytes_step if split is None else pre_tokenizers.Sequence([split, bytes_step])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=tokens, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)


def isolated(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def kept(pattern):  # as the converters of tiktoken files spell it
    return pre_tokenizers.Split(Regex(pattern), "removed", invert=True)


CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
BYTE_LEVEL = {
    # name: (tokenizer.ggml.pre, tokenizer and trainer)
    "olmo2": ("dbrx", lambda: byte_level(kept(CL100K), ["<|endoftext|>", "<|pad|>"])),
    "olmo": ("olmo", lambda: byte_level(None, ["<|endoftext|>", "<|pad|>"])),
    "phi4": ("dbrx", lambda: byte_level(kept(CL100K), [*CHATML, "<|fim_pad|>"])),
    "phi4-mini": ("gpt-4o", lambda: byte_level(isolated(O200K), ["<|endoftext|>", "<|end|>", "<|user|>"])),
    "smollm3": ("llama-bpe", lambda: byte_level(isolated(CL100K), ["<|begin_of_text|>", *CHATML, "<think>"], ignore_merges=True)),
    "granite3": ("refact", lambda: byte_level(pre_tokenizers.Digits(individual_digits=True), ["<|end_of_text|>", "<|start_of_role|>"])),
    "qwen2": ("qwen2", lambda: byte_level(isolated(QWEN2), [*CHATML, "<tool_call>"], normalizers.NFC())),
}


def gemma(texts):
    """Pieces over the whole text, blanks as U+2581, bytes for what is no piece; runs of blanks and line ends are added
    tokens. A text is cut at its blanks for training alone: merges over them are there all the same, of the sign itself."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Replace(" ", "\u2581")
    trained.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - 300, special_tokens=specials, show_progress=False)
    trained.train_from_iterator(texts, trainer)
    model = json.loads(trained.to_str())["model"]
    vocabulary = model["vocab"]
    runs = ["\n" * n for n in range(1, 12)] + ["\u2581" * n for n in range(2, 12)] + ["\t" * n for n in range(1, 8)]
    for piece in [f"<0x{byte:02X}>" for byte in range(256)] + runs:
        vocabulary.setdefault(piece, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(pair) for pair in model["merges"]], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in specials])
    tokenizer.add_tokens([AddedToken(run, normalized=False, special=False) for run in runs])
    return tokenizer


def train(name, texts):
    if name == "gemma":
        return gemma(texts)
    tokenizer, trainer = BYTE_LEVEL[name][1]()
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


UINT32, INT32, STRING, ARRAY = 4, 5, 8, 9
NORMAL, CONTROL = 1, 3


def write_gguf(tokenizer, pre, path):
    """The tokenizer as metadata of a GGUF file without tensors."""
    content = json.loads(tokenizer.to_str())
    vocabulary = sorted(content["model"]["vocab"].items(), key=lambda entry: entry[1])
    specials = {token["content"] for token in content["added_tokens"]}

    def text(value):
        data = value.encode()
        return struct.pack("<Q", len(data)) + data

    def array(kind, values):
        return struct.pack("<IIQ", ARRAY, kind, len(values)) + b"".join(values)

    def string(value):
        return struct.pack("<I", STRING) + text(value)

    pairs = {
        "general.architecture": string("llama"),
        "tokenizer.ggml.model": string("gpt2"),
        "tokenizer.ggml.pre": string(pre),
        "tokenizer.ggml.tokens": array(STRING, [text(token) for token, _ in vocabulary]),
        "tokenizer.ggml.token_type": array(INT32, [struct.pack("<i", CONTROL if token in specials else NORMAL) for token, _ in vocabulary]),
        "tokenizer.ggml.merges": array(STRING, [text(" ".join(pair)) for pair in content["model"]["merges"]]),
        "tokenizer.ggml.bos_token_id": struct.pack("<II", UINT32, 0),
        "tokenizer.ggml.eos_token_id": struct.pack("<II", UINT32, 0),
    }
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs))
    path.write_bytes(head + b"".join(text(key) + value for key, value in pairs.items()))
