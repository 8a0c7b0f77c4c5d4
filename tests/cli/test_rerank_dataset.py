# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`rerank` over a data set: resume after a kill, shards, full disks, and what a partial file is protected from."""
import json
import os
import resource
import signal

import pytest
from conftest import stop, wait_for
from where import FAKE_CUDA

pytestmark = pytest.mark.usefixtures("tiny")


def rerank(headwise, collection, *flags, **options) -> str:
    return headwise.ok("rerank", *collection, *flags, **options)


def lines_of(path) -> list[str]:
    return path.read_text().splitlines()


def test_a_data_set_becomes_a_trec_run(headwise, collection, tmp_path):
    done = headwise("rerank", *collection, "--output", "out.trec")
    assert done.returncode == 0 and done.stdout == ""
    assert "7 queries, 28 passages" in done.stderr
    rows = [line.split() for line in lines_of(tmp_path / "out.trec")]
    assert [row[0] for row in rows] == [f"q{place}" for place in range(7) for _ in range(4)]
    assert [int(row[3]) for row in rows] == [1, 2, 3, 4] * 7
    for first, second in zip(rows, rows[1:]):
        assert first[0] != second[0] or float(first[4]) > float(second[4])
    assert {row[2] for row in rows if row[0] == "q0"} == {"d0", "d1", "d2", "d3"}
    assert not (tmp_path / "out.trec.partial").exists()
    # Standard output gets the same bytes.
    assert rerank(headwise, collection) == (tmp_path / "out.trec").read_text()


def test_quiet_is_quiet(headwise, collection):
    assert headwise("rerank", *collection, "--output", "out.trec", "--quiet").stderr == ""


def test_depth_queries_split_and_top_k(headwise, collection):
    assert len(rerank(headwise, collection, "--depth", "3", "--queries", "2").splitlines()) == 6
    assert len(rerank(headwise, collection, "--top-k", "1").splitlines()) == 7
    judged = headwise("rerank", *collection, "--split", "test")
    assert {line.split()[0] for line in judged.stdout.splitlines()} == {"q0", "q1"}
    assert "5 queries of the run are not judged in split 'test'" in judged.stderr


@pytest.mark.parametrize("format", ["trec", "jsonl", "msmarco", "rankllm"])
def test_every_format_can_be_read_back(headwise, collection, format):
    headwise.ok("rerank", *collection, "--format", format, "--output", f"out.{format}")
    text = headwise.ok("eval", "--qrels", "set/qrels/test.tsv", "--run", f"out.{format}", "-m", "recip_rank", "--json")
    headwise.ok("rerank", *collection, "--output", "plain.trec")
    plain = headwise.ok("eval", "--qrels", "set/qrels/test.tsv", "--run", "plain.trec", "-m", "recip_rank", "--json")
    assert numbers(json.loads(text)) == numbers(json.loads(plain)) != []


def numbers(value) -> list[float]:
    if isinstance(value, dict):
        return [number for child in value.values() for number in numbers(child)]
    if isinstance(value, list):
        return [number for child in value for number in numbers(child)]
    return [value] if isinstance(value, float) else []


def test_shards_together_are_one_run(headwise, collection, tmp_path):
    whole = rerank(headwise, collection)
    parts = []
    for shard in ("1/3", "2/3", "3/3"):
        name = "shard" + shard[0]
        rerank(headwise, collection, "--shard", shard, "--output", name)
        parts.append(lines_of(tmp_path / name))
    assert all(parts) and not set(parts[0]) & set(parts[1])
    assert "\n".join(parts[0] + parts[1] + parts[2]) + "\n" == whole
    # What `cat` makes of them in another order has the same measures.
    (tmp_path / "cat.trec").write_text("\n".join(parts[2] + parts[0] + parts[1]) + "\n")
    (tmp_path / "whole.trec").write_text(whole)
    measured = [numbers(json.loads(headwise.ok("eval", "--qrels", "set/qrels/test.tsv", "--run", name, "--json")))
                for name in ("cat.trec", "whole.trec")]
    assert measured[0] == measured[1]
    assert "use fewer shards" in headwise.fails(2, "rerank", *collection, "--queries", "2", "--shard", "3/3")


# Slow enough to be hit between two queries by a signal, in a test with `definition`.
SLOW = ["--threads", "1", "--full-depth"]


@pytest.fixture
def definition(monkeypatch):
    """The kernels that are no faster than their definition."""
    monkeypatch.setenv("HEADWISE_ISA", "scalar")


def finished(path) -> int:
    """Queries in a partial file; the first line is its header."""
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_bytes(headwise, collection, tmp_path, number, definition):
    whole = rerank(headwise, collection)
    output, partial = tmp_path / "out.trec", tmp_path / "out.trec.partial"
    stops = 0
    for wanted in (1, 3, 5):
        wanted = max(wanted, finished(partial) + 1)  # one of its own: before that it may not listen to signals yet
        process = headwise.start("rerank", *collection, "--output", "out.trec", *SLOW)
        wait_for(lambda: finished(partial) >= wanted or process.poll() is not None, what=f"{wanted} finished queries")
        if process.poll() is not None:
            break  # it was faster than the signal
        status, stderr = stop(process, number)
        if status == 0:
            break
        stops += 1
        assert not output.exists()
        if number != signal.SIGKILL:
            assert status == 1 and "they are kept in 'out.trec.partial'" in stderr
    assert stops >= 1
    if not output.exists():
        kept = finished(partial)
        stderr = headwise("rerank", *collection, "--output", "out.trec").stderr
        assert f"going on from 'out.trec.partial': {kept} of 7 queries are done" in stderr
    assert output.read_text() == whole
    assert not partial.exists()


def killed_half_way(headwise, collection, folder) -> bytes:
    """The partial file of a run that was killed after three queries or more."""
    partial = folder / "out.trec.partial"
    process = headwise.start("rerank", *collection, "--output", "out.trec", *SLOW)
    wait_for(lambda: finished(partial) >= 3, what="three finished queries")
    stop(process, signal.SIGKILL)
    assert partial.exists(), "the run was over before the kill: make it longer"
    return partial.read_bytes()


def test_a_partial_file_cut_at_any_byte_is_good_enough(headwise, collection, tmp_path, definition):
    whole = rerank(headwise, collection)
    partial = tmp_path / "out.trec.partial"
    content = killed_half_way(headwise, collection, tmp_path)
    lines = content.split(b"\n")
    ends = [len(b"\n".join(lines[:count])) for count in range(1, len(lines))]
    cuts = [0, 1, len(lines[0]) - 1, ends[0] + 1, ends[1] - 7, ends[2] + 40]
    flipped = bytearray(content)  # a byte of the second answer that went bad on disk
    flipped[ends[1] + 60] ^= 1
    for damaged in [content[:cut] for cut in cuts] + [bytes(flipped), content[: ends[1]] + bytes(500)]:
        partial.write_bytes(damaged)
        done = headwise("rerank", *collection, "--output", "out.trec")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out.trec").read_text() == whole
        assert not partial.exists()
        (tmp_path / "out.trec").unlink()


@pytest.mark.parametrize("flags, difference", [
    (["--encoding", "list"], 'flags.encoding was "blocks", now "list"'),
    (["--depth", "2"], "depth was 40, now 2"),
    (["--shard", "1/2"], 'shard was "1/1", now "1/2"'),
    (["--calibration", "none"], 'flags.calibration was "ratio", now "none"'),
    (["--json"], 'format was "trec", now "jsonl"'),
    (["--max-words", "5"], "flags.max-words was 300, now 5"),
    (["--precision", "int8"], 'precision was "fp32", now "int8"'),
    (["--device", "cuda", "--precision", "fp32"], 'backend was "cpu", now "cuda"'),
])
def test_a_partial_file_of_other_settings_is_refused(headwise, collection, tmp_path, flags, difference, definition):
    content = killed_half_way(headwise, collection, tmp_path)
    stderr = headwise.fails(2, "rerank", *collection, "--output", "out.trec", *flags, env={"HEADWISE_CUDA_LIBRARY": FAKE_CUDA})
    assert "'out.trec.partial' was begun with other settings" in stderr
    assert difference in stderr and "--restart" in stderr
    assert (tmp_path / "out.trec.partial").read_bytes() == content
    assert not (tmp_path / "out.trec").exists()


def test_a_partial_file_of_other_texts_is_refused_and_restart_begins_afresh(headwise, collection, tmp_path, definition):
    killed_half_way(headwise, collection, tmp_path)
    corpus = tmp_path / "set" / "corpus.jsonl"
    corpus.write_text(corpus.read_text().replace("novel", "book"))
    stderr = headwise.fails(2, "rerank", *collection, "--output", "out.trec")
    assert "texts and first stage was" in stderr and "flags" not in stderr
    assert "going on" not in headwise("rerank", *collection, "--output", "out.trec", "--restart").stderr
    assert (tmp_path / "out.trec").read_text() == rerank(headwise, collection)


def test_a_file_that_is_not_ours_is_not_touched(headwise, collection, tmp_path):
    (tmp_path / "out.trec.partial").write_text("my notes\n")
    assert "is not a partial result of headwise" in headwise.fails(2, "rerank", *collection, "--output", "out.trec")
    assert (tmp_path / "out.trec.partial").read_text() == "my notes\n"


def test_two_processes_cannot_write_one_output(headwise, collection, tmp_path, definition):
    process = headwise.start("rerank", *collection, "--output", "out.trec", *SLOW)
    wait_for(lambda: finished(tmp_path / "out.trec.partial") >= 1, what="a finished query")
    process.send_signal(signal.SIGSTOP)
    try:
        assert "another headwise is writing" in headwise.fails(2, "rerank", *collection, "--output", "out.trec")
    finally:
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert (tmp_path / "out.trec").read_text() == rerank(headwise, collection)


def test_a_full_disk_keeps_what_is_finished(headwise, collection, tmp_path):
    whole = rerank(headwise, collection)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
    stderr = headwise.fails(5, "rerank", *collection, "--output", "out.trec", preexec=limit)
    assert "what is finished is kept" in stderr
    assert not (tmp_path / "out.trec").exists()
    partial = tmp_path / "out.trec.partial"
    assert finished(partial) >= 1 and partial.read_bytes().endswith(b"\n")
    rerank(headwise, collection, "--output", "out.trec")
    assert (tmp_path / "out.trec").read_text() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.trec", "set"]


def test_candidate_files_carry_their_own_texts(headwise, collection, tmp_path):
    rerank(headwise, collection, "--format", "rankllm", "--output", "requests.jsonl")
    again = headwise.ok("rerank", "--run", "requests.jsonl", "--heads", "0..1")
    assert sorted(line.split()[:3] for line in again.splitlines()) == sorted(
        line.split()[:3] for line in rerank(headwise, collection).splitlines())


def replace_in(path, old: str, new: str):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("file, old, new, messages", [
    ("run.trec", "q3 Q0 d4", "q3 Q0 nowhere", ["nowhere"]),
    ("run.trec", "q3 Q0 d4", "q3 Q0 d3", ["d3", "q3"]),
    ("run.trec", "q1 Q0 d1 1 10.5 test", "q1 Q0 d1 1 best test", ["run.trec:5", "best"]),
    ("run.trec", "q1 Q0 d1 1 10.5 test", "q1 Q0 d1", ["run.trec:5"]),
    ("run.trec", "q6 Q0", "q66 Q0", ["q66"]),
    ("queries.jsonl", '"who wrote Emma?"', '""', ["q0", "empty"]),
    ("queries.jsonl", '"who wrote Emma?"', "12", ["queries.jsonl:1"]),
    ("corpus.jsonl", '"_id": "d3"', '"_id": "d2"', ["d2"]),
    ("corpus.jsonl", '"_id": "d3",', '"_id": "d3"', ["corpus.jsonl:4"]),
])
def test_bad_data_sets(headwise, collection, tmp_path, file, old, new, messages):
    replace_in(tmp_path / "set" / file, old, new)
    stderr = headwise.fails(3, "rerank", *collection, "--output", "out.trec")
    for message in messages:
        assert message in stderr
    assert not (tmp_path / "out.trec").exists()


def test_bytes_that_are_not_utf8_name_file_line_and_byte(headwise, collection, tmp_path):
    corpus = tmp_path / "set" / "corpus.jsonl"
    corpus.write_bytes(corpus.read_bytes().replace(b"novel", b"n\xffvel"))
    stderr = headwise.fails(3, "rerank", *collection)
    assert "corpus.jsonl:2" in stderr and "UTF-8" in stderr and "byte" in stderr


@pytest.mark.parametrize("missing", ["run.trec", "corpus.jsonl", "queries.jsonl"])
def test_missing_files(headwise, collection, tmp_path, missing):
    os.remove(tmp_path / "set" / missing)
    assert missing in headwise.fails(3, "rerank", *collection)


def test_missing_judgements_matter_only_to_split(headwise, collection, tmp_path):
    os.remove(tmp_path / "set" / "qrels" / "test.tsv")
    assert rerank(headwise, collection)
    assert "test.tsv" in headwise.fails(3, "rerank", *collection, "--split", "test")


def test_a_prompt_that_is_too_long_names_the_query(headwise, collection):
    stderr = headwise.fails(5, "rerank", *collection, "--max-prompt-tokens", "130")
    assert "of 4 passages fit" in stderr and "re-ranking query 'q0'" in stderr
