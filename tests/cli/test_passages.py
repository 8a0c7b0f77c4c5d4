# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`passages build | info | verify | compact | drop`, and rankings that read what they keep: the same scores, bit for bit."""
import json
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
import where
from conftest import stop, wait_for

pytestmark = pytest.mark.usefixtures("tiny")

OTHER_MODEL = where.TINY.parent / "tiny-qwen2"


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A BEIR folder of forty documents, no two alike, and a first-stage run over them."""
    folder = tmp_path / "set"
    folder.mkdir()
    with open(folder / "corpus.jsonl", "w") as lines:
        for place in range(40):
            text = " ".join(where.FACTS[(place + step) % len(where.FACTS)] for step in range(1 + place % 5))
            lines.write(json.dumps({"_id": f"d{place}", "title": f"Fact {place}", "text": text}) + "\n")
    with open(folder / "queries.jsonl", "w") as lines, open(folder / "run.trec", "w") as run:
        for place, question in enumerate(where.QUESTIONS):
            lines.write(json.dumps({"_id": f"q{place}", "text": question}) + "\n")
            for rank in range(10):
                run.write(f"q{place} Q0 d{(place * 3 + rank * 7) % 40} {rank + 1} {20 - rank} test\n")
    return folder


def build(headwise, *flags, **options) -> dict:
    return json.loads(headwise.ok("passages", "build", "--corpus", "set", "--keep", "kept", "--json", *flags, **options))


def info(headwise, keep="kept") -> dict:
    return json.loads(headwise.ok("passages", "info", "--keep", keep, "--json"))


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.kept"))


def counts(report: dict) -> tuple[int, int, int, int]:
    return report["passages"], report["encoded"], report["kept_before"], report["failed"]


def test_a_collection_is_encoded_once(headwise, corpus, tmp_path):
    first = build(headwise)
    assert counts(first) == (40, 40, 0, 0) and first["bytes"] > 0 and first["tokens"] > 40 and first["failures"] == []
    before = {path: path.stat().st_mtime_ns for path in segments(tmp_path / "kept")}
    again = build(headwise)
    assert counts(again) == (40, 0, 40, 0) and again["bytes"] == again["tokens"] == 0
    assert {path: path.stat().st_mtime_ns for path in segments(tmp_path / "kept")} == before
    table = headwise.ok("passages", "build", "--corpus", "set", "--keep", "kept")
    assert "kept before" in table and table.splitlines()[0].split() == ["passages", "40"]


def test_every_kind_of_corpus_and_several(headwise, corpus, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("On copper.\n\nOn Emma,\na novel.\n")
    (tmp_path / "lines.tsv").write_text("p1\tthe moon\np2\ta novel\n")
    (tmp_path / "list.jsonl").write_text('{"id": "x", "text": "a novel"}\n{"id": "y", "text": "a play"}\n')
    made = json.loads(headwise.ok("passages", "build", "--keep", "kept", "--json", "--corpus", "notes", "--corpus", "lines.tsv",
                                  "--corpus", "list.jsonl"))
    assert counts(made) == (6, 5, 1, 0)  # "a novel" comes twice
    assert info(headwise)["passages"] == 5
    assert counts(build(headwise)) == (40, 40, 0, 0)


def test_info_says_whose_passages_they_are(headwise, corpus):
    made = build(headwise)
    known = info(headwise)
    assert known["passages"] == 40 and known["bytes"] >= made["bytes"] and known["dead_bytes"] == 0 and known["read_only"] == ""
    manifest = known["manifest"]
    model = json.loads(headwise.ok("inspect", "--json"))["fingerprint"]
    assert manifest["model"].startswith(model) and manifest["type"] == "fp32" and manifest["template"] == "blocks"
    table = headwise.ok("passages", "info", "--keep", "kept")
    for words in (manifest["model"], "blocks, ", "fp32, of the instruction set", "all tokens in every layer", "passages"):
        assert words in table


def test_long_passages_are_kept_in_windows(headwise, tmp_path):
    text = " ".join(f"Sentence {number} is about bees." for number in range(60))
    (tmp_path / "long.jsonl").write_text(json.dumps({"id": "a", "text": text}) + "\n" + json.dumps({"id": "b", "text": "a play"}) + "\n")
    flags = ["--keep", "kept", "--max-words", "60"]
    made = json.loads(headwise.ok("passages", "build", "--corpus", "long.jsonl", *flags, "--json"))
    answer = json.loads(headwise.ok("rerank", "--query", "who wrote Emma?", "--documents", "long.jsonl", *flags, "--json"))
    windows = answer["statistics"]["windows"]
    assert windows > 4 and counts(made) == (2, windows + 1, 0, 0)
    assert answer["statistics"]["passages_kept"] == windows + 1


def test_what_cannot_be_kept_is_named_and_the_rest_goes_on(headwise, tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"id": "a", "text": "a novel"}\n{"id": "b", "text": " "}\n{"id": "c", "text": "a play"}\n'
                                        + json.dumps({"id": "d", "text": "word " * 9000}) + "\n" + '{"id": "e", "text": "a poem"}\n')
    done = headwise("passages", "build", "--corpus", "bad.jsonl", "--keep", "kept", "--json", "--max-words", "0", "--long", "cut")
    made = json.loads(done.stdout)
    assert done.returncode == 3 and counts(made) == (5, 4, 0, 1) and made["truncated"] == 1
    assert [failure["id"] for failure in made["failures"]] == ["b"]
    assert "passage 'b' is empty" in done.stderr and "1 of 5 passages could not be kept; all others are" in done.stderr
    assert info(headwise)["passages"] == 4


def test_shards_into_one_folder_are_the_whole(headwise, corpus, tmp_path):
    jobs = [headwise.start("passages", "build", "--corpus", "set", "--keep", "kept", "--json", "--shard", f"{shard}/3", "--threads", "1")
            for shard in (1, 2, 3)]
    made = []
    for job in jobs:
        out, said = job.communicate(timeout=120)
        assert job.returncode == 0, said
        made.append(json.loads(out))
    assert [report["encoded"] for report in made] == [14, 13, 13]
    assert counts(build(headwise)) == (40, 0, 40, 0)
    assert info(headwise)["passages"] == 40
    assert "41 records are right, 0 are damaged" in headwise.ok("passages", "verify", "--keep", "kept")
    headwise.ok("passages", "build", "--corpus", "set", "--keep", "whole")
    asked = ["rerank", "--dataset", "set", "--run", "set/run.trec", "--format", "jsonl"]
    assert headwise.ok(*asked, "--keep", "kept") == headwise.ok(*asked, "--keep", "whole")


# Enough work to be hit in the middle of it.
def write_large(folder: Path, passages: int = 1500) -> None:
    with open(folder / "large.jsonl", "w") as lines:
        for place in range(passages):
            lines.write(json.dumps({"_id": f"d{place}", "text": f"{place} " + " ".join(where.FACTS)}) + "\n")


def large(headwise, *flags):
    return ["passages", "build", "--corpus", "large.jsonl", "--keep", "kept", "--threads", "1", *flags]


def kept_passages(headwise) -> int:
    done = headwise("passages", "info", "--keep", "kept", "--json")
    return json.loads(done.stdout)["passages"] if done.returncode == 0 else 0


def test_ctrl_c_ends_cleanly_and_a_second_run_goes_on(headwise, tmp_path):
    write_large(tmp_path)
    process = headwise.start(*large(headwise))
    # Fewer than one call takes: what is told is what is kept, not what whole calls have done.
    wait_for(lambda: kept_passages(headwise) >= 60 or process.poll() is not None, what="60 kept passages")
    status, said = stop(process, signal.SIGINT)
    assert status == 1 and "interrupted; " in said and "the same command goes on from there" in said
    before = kept_passages(headwise)
    told = int(said.split("interrupted; ")[1].split()[0])
    assert 0 < told <= before < 1500
    made = json.loads(headwise.ok(*large(headwise), "--json"))
    assert counts(made) == (1500, 1500 - before, before, 0)


def test_sigkill_at_random_moments_loses_nothing_that_was_kept(headwise, tmp_path):
    write_large(tmp_path)
    headwise.ok("passages", "build", "--corpus", "large.jsonl", "--keep", "whole")
    moments = random.Random(18)
    kept, kills = 0, 0
    while kills < 12:
        process = headwise.start(*large(headwise))
        time.sleep(moments.uniform(0.0, 0.35))
        ended = process.poll() is not None
        if ended:
            process.communicate()
        else:
            stop(process, signal.SIGKILL)
            kills += 1
        now = kept_passages(headwise)
        assert now >= kept
        kept = now
        if ended:
            break
    assert kills >= 3
    checked = headwise("passages", "verify", "--keep", "kept", "--json")
    assert checked.returncode == 0 or kept == 0, checked.stderr
    made = json.loads(headwise.ok(*large(headwise), "--json"))
    assert counts(made) == (1500, 1500 - kept, kept, 0)
    asked = ["rerank", "--query", "who wrote Emma?", "--documents", "some.jsonl", "--json"]
    (tmp_path / "some.jsonl").write_text("\n".join((tmp_path / "large.jsonl").read_text().splitlines()[::97]))
    assert scores(headwise.ok(*asked, "--keep", "kept")) == scores(headwise.ok(*asked, "--keep", "whole")) == scores(headwise.ok(*asked))


def limited(most: int):
    """For preexec: no file grows beyond that many bytes, as on a full disk."""
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    return limit


def test_a_full_disk_ends_a_build_and_spoils_nothing(headwise, corpus):
    said = headwise.fails(3, "passages", "build", "--corpus", "set", "--keep", "kept", preexec=limited(1 << 20))
    assert "does not keep what it is given (cannot write " in said and "File too large" in said
    before = kept_passages(headwise)
    headwise.ok("passages", "verify", "--keep", "kept")
    assert counts(build(headwise)) == (40, 40 - before, before, 0)


def test_a_bound_drops_the_oldest_and_the_build_says_so(headwise, tmp_path):
    write_large(tmp_path, 700)
    done = headwise(*large(headwise, "--json", "--keep-store-bytes", "96MiB"))
    made = json.loads(done.stdout)
    assert done.returncode == 0 and "--keep-store-bytes drops what is oldest" in done.stderr
    assert counts(made) == (700, 700, 0, 0) and made["store"]["passages"] < 700 and made["store"]["bytes"] <= 96 << 20
    small = ["passages", "build", "--corpus", "large.jsonl", "--keep", "small", "--keep-store-bytes", "4MiB"]
    assert "--keep-store-bytes is too small" in headwise.fails(3, *small)


def scores(answer: str) -> list[tuple[str, float]]:
    return [(hit["id"], hit["score"]) for hit in json.loads(answer)["results"]]


def flip(path: Path, offset: int) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def test_a_flipped_bit_is_named_and_repaired(headwise, corpus, tmp_path):
    build(headwise)
    asked = ["rerank", "--dataset", "set", "--run", "set/run.trec", "--format", "jsonl"]
    plain = headwise.ok(*asked)
    segment = segments(tmp_path / "kept")[0]
    places = [segment.stat().st_size // 2, segment.stat().st_size // 3]
    for place in places:
        flip(segment, place)
    done = headwise("passages", "verify", "--keep", "kept", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 3 and "is damaged" in done.stderr
    assert 1 <= len(found["damaged"]) <= 2 and found["records"] + len(found["damaged"]) == 41
    for damage in found["damaged"]:
        assert damage["segment"] == segment.name and any(0 <= place - damage["offset"] < 1 << 22 for place in places)
        assert damage["what"]
    lines = headwise("passages", "verify", "--keep", "kept")
    assert f"{segment.name} at byte {found['damaged'][0]['offset']}: " in lines.stdout and lines.returncode == 3
    assert headwise.ok(*asked, "--keep", "kept") == plain  # whatever is damaged
    for place in places:
        flip(segment, place)
    assert headwise.ok(*asked, "--keep", "kept") == plain


def test_repair_forgets_what_is_damaged(headwise, corpus, tmp_path):
    build(headwise)
    segment = segments(tmp_path / "kept")[0]
    flip(segment, segment.stat().st_size // 2)
    assert headwise("passages", "verify", "--keep", "kept", "--repair").returncode == 0
    headwise.ok("passages", "verify", "--keep", "kept")
    made = build(headwise)
    assert made["encoded"] in (0, 1) and made["encoded"] + made["kept_before"] == 40
    headwise.ok("passages", "compact", "--keep", "kept")
    headwise.ok("passages", "verify", "--keep", "kept")
    assert info(headwise)["passages"] == 40 and info(headwise)["dead_bytes"] == 0


def test_compact_gives_back_what_is_not_needed(headwise, corpus, tmp_path):
    build(headwise)
    assert json.loads(headwise.ok("passages", "compact", "--keep", "kept", "--json"))["given_back"] == 0
    assert counts(build(headwise)) == (40, 0, 40, 0)
    assert "0 B given back; 40 passages, " in headwise.ok("passages", "compact", "--keep", "kept")


def test_drop_asks_and_takes_nothing_but_stores(headwise, corpus, tmp_path):
    build(headwise)
    assert "add --yes" in headwise.fails(2, "passages", "drop", "--keep", "kept")
    assert info(headwise)["passages"] == 40
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for folder in ("mine", "set", "nowhere"):
        headwise.fails(3, "passages", "drop", "--keep", folder, "--yes")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear" and (corpus / "corpus.jsonl").exists()
    (tmp_path / "kept" / "note.txt").write_text("mine")
    assert "dropped 40 passages" in headwise.ok("passages", "drop", "--keep", "kept", "--yes")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["note.txt"]
    (tmp_path / "kept" / "note.txt").unlink()
    assert counts(build(headwise)) == (40, 40, 0, 0)
    headwise.ok("passages", "drop", "--keep", "kept", "--yes")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("flags, words", [
    (["--model", str(OTHER_MODEL)], ["model: the store has 'qwen3-", "this engine 'qwen2-"]),
    (["--template", "mine.json"], ["template: the store has 'blocks', this engine 'mine'"]),
    (["--heads", "0-0"], ["layer: the store has 1, this engine 0"]),
])
def test_what_another_engine_kept_is_refused_by_name(headwise, corpus, tmp_path, flags, words):
    (tmp_path / "mine.json").write_text(json.dumps({
        "name": "mine", "lead": "Some texts:\n\n", "marker": "", "marker_in_span": False, "separator": "\n\n",
        "instruction": "What answers the query?\n\nQuery:", "query_prefix": " ", "rows": "all"}))
    build(headwise)
    before = {path.name: path.read_bytes() for path in segments(tmp_path / "kept")}
    for verb in (["passages", "build", "--corpus", "set"], ["search", "--corpus", "set", "--query", "emma"],
                 ["rerank", "--dataset", "set", "--run", "set/run.trec"]):
        said = headwise.fails(3, *verb, "--keep", "kept", *flags)
        assert all(word in said for word in words), said
    assert {path.name: path.read_bytes() for path in segments(tmp_path / "kept")} == before


def drop_from_page_cache(folder: Path) -> None:
    for path in segments(folder):
        with open(path, "rb") as file:
            os.fdatasync(file)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.parametrize("cold", [False, True], ids=["in the page cache", "on disk alone"])
def test_search_reads_what_is_kept_and_says_the_same(headwise, corpus, tmp_path, cold):
    build(headwise)
    for question in where.QUESTIONS:
        if cold:
            drop_from_page_cache(tmp_path / "kept")
        asked = ["search", "--corpus", "set", "--query", question, "--json", "--top-k", "0"]
        plain, kept = json.loads(headwise.ok(*asked)), json.loads(headwise.ok(*asked, "--keep", "kept"))
        assert kept["results"] == plain["results"] != []
        assert kept["statistics"]["passages_kept"] == len(kept["results"])
        assert kept["statistics"]["tokens_run"] < plain["statistics"]["tokens_run"] == plain["statistics"]["prompt_tokens"]
        explained = ["search", "--corpus", "set", "--query", question, "--explain", "--json"]
        assert json.loads(headwise.ok(*explained, "--keep", "kept"))["passages"] == json.loads(headwise.ok(*explained))["passages"]
    assert info(headwise)["passages"] == 40


def test_runs_and_explanations_read_what_is_kept(headwise, corpus):
    build(headwise)
    for asked in (["rerank", "--dataset", "set", "--run", "set/run.trec"],
                  ["rerank", "--dataset", "set", "--run", "set/run.trec", "--format", "jsonl", "--threads", "2"]):
        done = headwise(*asked, "--keep", "kept")
        assert done.stdout == headwise.ok(*asked) and "7 queries, 70 passages (70 kept), " in done.stderr
    explained = ["explain", "--dataset", "set", "--run", "set/run.trec", "--query-id", "q1", "--json"]
    plain, kept = json.loads(headwise.ok(*explained)), json.loads(headwise.ok(*explained, "--keep", "kept"))
    assert kept["passages"] == plain["passages"]
    assert (kept["statistics"]["passages_kept"], plain["statistics"]["passages_kept"]) == (10, 0)


@pytest.mark.parametrize("status, arguments, words", [
    (2, ["build", "--keep", "kept"], "--corpus is required"),
    (2, ["build", "--corpus", "set"], "--keep DIR or redis://host:port/db"),
    (2, ["build", "--corpus", "set", "--keep", "kept", "--shard", "3/2"], "expected i/n with 1 <= i <= n"),
    (2, ["build", "--corpus", "set", "--keep", "kept", "--encoding", "list"], "--encoding list"),
    (2, ["build", "--corpus", "set", "--keep", "kept", "--keep-second-sight"], "--keep-second-sight"),
    (2, ["build", "--corpus", "set", "--keep", "kept", "--shard", "41/41"], "use fewer shards"),
    (3, ["build", "--corpus", "nowhere", "--keep", "kept"], "there is no file or folder 'nowhere'"),
    (3, ["build", "--corpus", "empty", "--keep", "kept"], "neither corpus.jsonl nor a text file"),
    (3, ["build", "--corpus", "broken.jsonl", "--keep", "kept"], "broken.jsonl"),
    (3, ["build", "--corpus", "set", "--keep", "set"], "set"),
    (3, ["build", "--corpus", "set", "--keep", "facts.txt"], "facts.txt"),
    (2, ["info"], "--keep is required"),
    (3, ["info", "--keep", "nowhere"], "nowhere"),
    (3, ["info", "--keep", "set"], "set"),
    (3, ["verify", "--keep", "empty"], "empty"),
    (3, ["compact", "--keep", "facts.txt"], "facts.txt"),
    (4, ["verify", "--keep", "redis://127.0.0.1:1/0"], "verify is for folders"),
    (2, ["drop"], "--keep is required"),
    (2, ["rebuild"], "unknown verb 'rebuild'"),
])
def test_bad_input(headwise, corpus, tmp_path, status, arguments, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "facts.txt").write_text("a fact\n")
    (tmp_path / "broken.jsonl").write_text('{"id": "a", "text": "b"}\n{"id": \n')
    assert words in headwise.fails(status, "passages", *arguments)
    assert not (tmp_path / "kept").exists() or not segments(tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "empty").iterdir()) == []


def test_the_examples_of_the_help_run_one_after_the_other(headwise, home, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "headwise").symlink_to(headwise.binary)
    headwise.flags.clear()  # the default model, which the fixture `home` has made
    for verb in ("build", "info", "verify", "compact", "drop"):
        example = headwise.ok("passages", verb, "--help").split("Example:\n  ")[1].splitlines()[0]
        done = subprocess.run(["sh", "-c", f'PATH="{tmp_path}/bin:$PATH"\n{example}'], cwd=tmp_path, capture_output=True, text=True,
                              env=headwise.environment({"HEADWISE_HOME": home}))
        assert done.returncode == 0 and done.stdout, f"{example}: {done.stderr}"
    assert not (tmp_path / "kept").exists()
