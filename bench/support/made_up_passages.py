# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Any number of made-up passages, the same for the same seed: sentences of a real collection put together anew, and in each
passage a few words that are in hardly any other, because a collection's vocabulary grows with it (Heaps' law).

    python bench/support/made_up_passages.py CORPUS.jsonl PASSAGES OUTPUT.jsonl
"""
import json
import random
import re
import sys

WORDS = 56  # of a passage: the mean of MS MARCO's
NEW_WORDS = 2  # of those


def sentences_of(corpus: str) -> list[str]:
    texts = (json.loads(line)["text"] for line in open(corpus))
    return [sentence for text in texts for sentence in re.split(r"(?<=[.!?])\s+", text) if sentence]


def made_up_word(chance: random.Random) -> str:
    """Common ones are short: a number whose logarithm is spread evenly, in letters."""
    number, letters = int(10 ** chance.uniform(2, 7)), ""
    while number:
        number, place = divmod(number, 20)
        letters += "bcdfghjklmnpqrstvwxz"[place] + "aeiou"[place % 5]
    return letters


def write(corpus: str, passages: int, output: str) -> None:
    chance, sentences = random.Random(7), sentences_of(corpus)
    with open(output, "w") as file:
        for number in range(passages):
            text, words = [], NEW_WORDS
            while words < WORDS:
                text.append(chance.choice(sentences))
                words += text[-1].count(" ") + 1
            text += [made_up_word(chance) for _ in range(NEW_WORDS)]
            file.write(json.dumps({"_id": f"p{number}", "title": "", "text": " ".join(text)}) + "\n")


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), sys.argv[3])
