# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""How common the words of a language are, for `headwise search --word-frequencies`: lines of word <tab> share of running words.

    python3 -m venv words && words/bin/pip install wordfreq==3.1.1
    words/bin/python scripts/word_frequencies.py en english.tsv

The numbers are those of the package wordfreq (Robyn Speer, 2022: doi 10.5281/zenodo.7199437; data under CC BY-SA 4.0), from subtitles,
news, books, web pages and Wikipedia.
"""
import os
import sys
from pathlib import Path

import wordfreq


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit("usage: word_frequencies.py LANGUAGE OUTPUT.tsv, e.g. word_frequencies.py en english.tsv")
    language, output = sys.argv[1], Path(sys.argv[2])
    try:
        shares = wordfreq.get_frequency_dict(language, wordlist="best")
    except LookupError as error:
        raise SystemExit(f"{error}; wordfreq knows {', '.join(sorted(wordfreq.available_languages()))}") from error
    temporary = output.with_name(f"{output.name}.tmp.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        for word, share in shares.items():
            file.write(f"{word}\t{share:.6g}\n")
    os.replace(temporary, output)


if __name__ == "__main__":
    main()
