# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

"""Texts to compare tokenizers on: every line of the shared collections, every code point, and seeded random strings
that mix what breaks tokenizers: scripts, emoji sequences, marks out of order, odd blanks, digits of many scripts,
contractions, things that look like special tokens."""

import json
import random
import unicodedata

COLLECTIONS = ["dl19", "dl21", "musique", "nfcorpus", "scifact"]


def corpus_lines(shared):
    """Title and text of every document, text of every query."""
    for name in COLLECTIONS:
        for file in ("corpus.jsonl", "queries.jsonl"):
            with open(shared / "data" / name / file, encoding="utf-8") as lines:
                for line in lines:
                    record = json.loads(line)
                    for key in ("title", "text"):
                        if record.get(key):
                            yield record[key]


def is_scalar(code_point):  # what UTF-8 can hold
    return not 0xD800 <= code_point < 0xE000


PACK = 16
LAST_IDEOGRAPH = 0x33479  # Unicode 17; planes 4 and up hold nothing that texts are made of


def every_code_point():
    """Each code point up to the last ideograph where its class shows in the ids: before a contraction (which follows letters and
    digits, but belongs to a run of signs), after a blank, between words, and between marks that normalising reorders."""
    texts = []
    for code_point in range(0x110000):
        if is_scalar(code_point) and unicodedata.category(chr(code_point)) != "Co" and code_point <= LAST_IDEOGRAPH:
            character = chr(code_point)
            texts.append(f"{character}'s {character}'re a{character}the 1{character}\u0301\u0334a")
    for first in range(0, len(texts), PACK):
        yield "\n".join(texts[first:first + PACK])


class RandomTexts:
    SCRIPTS = [  # ranges of letters with their marks and digits
        (0x41, 0x7B), (0xC0, 0x24F), (0x250, 0x2AF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F),
        (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x700, 0x74F), (0x900, 0x97F), (0x980, 0x9FF),
        (0xE00, 0xE7F), (0xF00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1780, 0x17FF),
        (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF), (0x2100, 0x218F),
        (0x2460, 0x24FF), (0x3040, 0x30FF), (0x3130, 0x318F), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF),
        (0xFF00, 0xFFEF), (0x10400, 0x1044F), (0x11000, 0x1107F), (0x12000, 0x123FF), (0x16A0, 0x16FF),
        (0x1D400, 0x1D7FF), (0x1E900, 0x1E95F), (0x20000, 0x2A6DF), (0x105C0, 0x105FF), (0x16D40, 0x16D7F),
    ]
    BLANKS = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n", "\n ", "\u00a0", "\u3000", "\u2009", "\u200a",
              "\u202f", "\u2028", "\u2029", "\u0085", "\u000b", "\u000c", "\u180e", "\u200b", "\ufeff", "\u1680",
              "\u205f", "\u001c", "\u001f", "      "]
    ENDINGS = ["'s", "'S", "'t", "'re", "'RE", "'ve", "'m", "'LL", "'d", "'D", "\u2019s", "'\u017f", "'\u017fs", "'l",
               "'\u0130", "''s", "'\u212a", "'rE", "'\uff53"]
    MARKS = "\u0300\u0301\u0302\u0308\u030a\u0323\u0327\u0328\u0345\u05b4\u05bc\u0653\u3099\u309a\u0f71\u0f72\u1abd"
    EMOJI = ["\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F1E9\U0001F1EA", "\U0001F44D\U0001F3FD", "\u2764\ufe0f",
             "\U0001F3F4\U000E0067\U000E0062\U000E007F", "1\ufe0f\u20e3", "\U0001F9D1\u200d\U0001F680", "\U0001FAE8"]
    SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>", "<repo_name>",
                "<|im_start", "im_end|>", "<|", "|>", "<filename>", "<|im_start|><|im_end|>", "<s>", "</s>", "<unk>",
                "<0x0A>", "\u2581", "[INST]", "<|fim_pad|>"]
    WORDS = ["the", "Question", "COVID-19", "naïve", "Ünïcödé", "don", "we", "they", "x", "it", "foo_bar", "http://a.b/c?d=e",
             "3.14159", "1,000,000", "e.g.", "C++", "{}", "[]()", "...", "!!!", "--", "$5", "#1", "@me", "a/b", "100%"]

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.assigned = [c for c in range(0x110000) if is_scalar(c) and unicodedata.category(chr(c)) != "Cn"]
        self.digits = [chr(c) for c in self.assigned if unicodedata.category(chr(c)).startswith("N")]
        self.makers = [self.any_character, self.script_run, self.blank, self.digit_run, self.ending, self.marked,
                       self.emoji, self.special, self.word, self.word, self.raw]

    def any_character(self):
        return chr(self.random.choice(self.assigned))

    def raw(self):  # unassigned and private code points too
        code_point = self.random.randrange(0x110000)
        return chr(code_point) if is_scalar(code_point) else "\ufffd"

    def script_run(self):
        first, last = self.random.choice(self.SCRIPTS)
        return "".join(chr(self.random.randint(first, last)) for _ in range(self.random.randint(1, 8)))

    def blank(self):
        return "".join(self.random.choice(self.BLANKS) for _ in range(self.random.randint(1, 4)))

    def digit_run(self):
        pool = self.digits if self.random.random() < 0.5 else "0123456789"
        return "".join(self.random.choice(pool) for _ in range(self.random.randint(1, 9)))

    def ending(self):
        return self.random.choice(self.ENDINGS)

    def marked(self):
        base = self.random.choice("aeiouAEOUcnsy\u1100\u1161\u11a8\u0915\u304b\uac00\u03b1\u0438")
        return base + "".join(self.random.choice(self.MARKS) for _ in range(self.random.randint(1, 4)))

    def emoji(self):
        return self.random.choice(self.EMOJI)

    def special(self):
        return self.random.choice(self.SPECIALS)

    def word(self):
        return self.random.choice(["", " "]) + self.random.choice(self.WORDS)

    def text(self):
        return "".join(self.random.choice(self.makers)() for _ in range(self.random.randint(1, 14)))

    def texts(self, count):
        return [self.text() for _ in range(count)]
