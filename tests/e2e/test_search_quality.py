# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""BM25 of `headwise search` against the first-stage runs that come with the shared collections (Lucene's, by their scores). Those of dl19
and dl21 were made on all of MS MARCO, of which the folders hold only what those runs found: there the questions' words look common. How
common they are in the whole collection is worked out from the given scores, so that both sides know the same; and what the language's
frequencies make of it is looked at, too."""
import json
import math
import re
import sys
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
from nltk.stem.porter import PorterStemmer

from conftest import ROOT, must_run
from where import shared_folder

PASSAGES = 1e7  # what docs/method.md#first-stage takes for N with --word-frequencies
STOP_WORDS = set("a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was "
                 "will with".split())
# Words as UAX #29 has them, for English text.
WORD = re.compile(r"[^\W_]+(?:(?:(?<=[^\W\d_])['’.:·](?=[^\W\d_])|(?<=\d)['’.,;](?=\d)|_)[^\W_]+)*")
stem = lru_cache(None)(PorterStemmer(mode="MARTIN_EXTENSIONS").stem)


@pytest.fixture(params=["nfcorpus", "scifact", "dl19", "dl21"])
def data(request):
    return shared_folder(f"data/{request.param}")


def words(text):
    text = re.sub(r"(?<=\w)([.:])(?=[A-Z][a-z])", r"\1 ", text).lower()
    found = (re.sub(r"['’]s$", "", word) for word in WORD.findall(text))
    return [word for word in found if word and word not in STOP_WORDS]


def jsonl(path):
    return [json.loads(line) for line in path.open()]


def statistics_of_the_given_run(data, output):
    """Every query term's idf, by least squares over the scores of the given run, written as --word-frequencies."""
    documents = {d["_id"]: Counter(map(stem, words(f"{d.get('title') or ''}\n{d['text']}"))) for d in jsonl(data / "corpus.jsonl")}
    lengths = {name: counts.total() for name, counts in documents.items()}
    mean = sum(lengths.values()) / len(lengths)
    queries = {q["_id"]: Counter(words(q["text"])) for q in jsonl(data / "queries.jsonl")}
    spelled, rows, scores = {}, [], []
    for line in (data / "run.bm25.trec").read_text().splitlines():
        query, _, document, _, score, _ = line.split()
        row = Counter()
        for word, times in queries[query].items():
            spelled.setdefault(stem(word), word)
            count = documents[document][stem(word)]
            row[stem(word)] += times * count / (count + 0.9 * (0.6 + 0.4 * lengths[document] / mean))
        rows.append(row)
        scores.append(float(score))
    parts = np.array([[row[term] for term in spelled] for row in rows])
    terms = [term for term, column in zip(spelled, parts.T) if column.any()]
    parts = parts[:, parts.any(axis=0)]
    idf = np.linalg.lstsq(parts, np.array(scores), rcond=None)[0]
    assert np.median(np.abs(parts @ idf - scores)) < 0.03  # the same words, counts and lengths
    left = 1.0
    with output.open("w") as file:
        for term, weight in zip(terms, idf):
            passages = min(max((PASSAGES + 1) / math.exp(weight) - 0.5, 0.5), 0.999 * PASSAGES)
            share = -math.expm1(math.log1p(-passages / PASSAGES) / mean)
            left -= share
            file.write(f"{spelled[term]}\t{share:.9g}\n")
        file.write(f"everythingelse\t{left:.9g}\n")


def measured(build, data, folder, *flags):
    """Means of the given run and of ours."""
    must_run(build / "headwise", "search", "--corpus", data, "--index", folder / "index.bm25", "--queries", data / "queries.jsonl",
             "--no-rerank", "--depth", "100", "--output", folder / "run.trec", *flags)
    table = must_run(build / "headwise", "eval", "--qrels", data / "qrels" / "test.tsv", "--run", data / "run.bm25.trec",
                     "--run", folder / "run.trec", "-m", "ndcg@10,recall@100", "--json")
    return [run["means"] for run in json.loads(table)["runs"]]


def test_the_same_statistics_give_the_same_ranking(build, data, tmp_path):
    flags = []
    if data.name.startswith("dl"):
        statistics_of_the_given_run(data, tmp_path / "statistics.tsv")
        flags = ["--word-frequencies", tmp_path / "statistics.tsv"]
    given, ours = measured(build, data, tmp_path, *flags)
    assert ours["ndcg@10"] == pytest.approx(given["ndcg@10"], abs=0.01)
    assert ours["recall@100"] == pytest.approx(given["recall@100"], abs=0.002)


# The folders of these two hold a part of the collection, whose own frequencies would mislead.
@pytest.mark.parametrize("data", ["dl19", "dl21"], indirect=True)
def test_the_languages_word_frequencies_stand_in(build, data, tmp_path):
    must_run(sys.executable, ROOT / "scripts" / "word_frequencies.py", "en", tmp_path / "english.tsv")
    given, ours = measured(build, data, tmp_path, "--word-frequencies", tmp_path / "english.tsv")
    assert ours["ndcg@10"] >= given["ndcg@10"] - 0.01
