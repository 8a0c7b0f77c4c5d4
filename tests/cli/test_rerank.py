# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`rerank` for one query and for a stream of requests, good input and bad."""
import fcntl
import json
import os
import re
import resource
import signal
import struct
import subprocess
import termios
import time

import pytest
from conftest import catches, stop, wait_for
from terminal import on_a_terminal
from where import FACTS

pytestmark = pytest.mark.usefixtures("tiny")

QUERY = ["rerank", "--query", "who wrote Emma?"]
LINES = "\n".join(FACTS) + "\n"


def results(stdout: str) -> list[dict]:
    return json.loads(stdout)["results"]


def test_one_query(headwise):
    answer = json.loads(headwise.ok(*QUERY, "--documents", "-", "--json", stdin=LINES))
    assert answer["query"] == "who wrote Emma?" and answer["query_id"] == "1"
    hits = answer["results"]
    assert sorted(hit["index"] for hit in hits) == list(range(len(FACTS)))
    assert all(hit["id"] == str(hit["index"] + 1) for hit in hits)
    assert [hit["rank"] for hit in hits] == list(range(1, len(FACTS) + 1))
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(scores)
    statistics = answer["statistics"]
    assert statistics["heads_read"] == 8 and statistics["layers_run"] == 2 and statistics["prompt_tokens"] > 60


def test_documents_of_every_kind_give_the_same_scores(headwise, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES)
    (tmp_path / "objects.jsonl").write_text("".join(json.dumps({"_id": f"d{i}", "text": text}) + "\n" for i, text in enumerate(FACTS)))
    (tmp_path / "list.json").write_text(json.dumps(FACTS))
    runs = [results(headwise.ok(*QUERY, "--documents", name, "--json")) for name in ("lines.txt", "objects.jsonl", "list.json")]
    assert len({tuple((hit["index"], hit["score"]) for hit in run) for run in runs}) == 1
    assert runs[1][0]["id"] == f"d{runs[1][0]['index']}"


@pytest.fixture
def best(headwise) -> str:
    """The id of the best passage."""
    return results(headwise.ok(*QUERY, "--documents", "-", "--json", stdin=LINES))[0]["id"]


def test_the_table(headwise, best):
    table = headwise.ok(*QUERY, "--documents", "-", stdin=LINES, env={"COLUMNS": "80"})
    lines = table.splitlines()
    assert lines[0] == "who wrote Emma?"
    moved = f"▲{int(best) - 1}" if best != "1" else " "
    assert re.match(rf"   1    {best}  {moved} +-?[\d.]+  █+ +\[{best}\] {FACTS[int(best) - 1][:15]}", lines[2]), lines[2]
    assert "2 layers run;" in lines[-1] and "tokens/s" in lines[-1]
    assert len(lines) == 2 + len(FACTS) + 1
    assert all(len(line) <= 80 for line in lines[:-1])
    assert "\x1b" not in table  # not a terminal


def test_passages_cannot_send_control_characters_to_the_terminal(headwise):
    table = headwise.ok(*QUERY, "--documents", "-", stdin="a \x1b[2J\x07 b\nc\u009b31m\u202e d\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", table)


def on_columns(headwise, *arguments, columns: int, env=None) -> str:
    """What the binary writes when stdout is a terminal of that width."""
    def start(terminal):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        return headwise.start(*arguments, stdout=terminal, stderr=subprocess.DEVNULL, env={"TERM": "xterm", **(env or {})})
    status, shown = on_a_terminal(start)
    assert status == 0
    return shown


def test_a_terminal_gets_colours_and_lines_that_fit(headwise, tmp_path):
    (tmp_path / "wide.txt").write_text("日本語の文章がここにあります。" * 6 + "\n" + "word " * 60 + "\n")
    arguments = [*QUERY, "--documents", "wide.txt"]
    coloured = on_columns(headwise, *arguments, columns=60)
    assert "\x1b[" in coloured
    plain = on_columns(headwise, *arguments, columns=60, env={"NO_COLOR": "1"})
    assert "\x1b[" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured).splitlines()[:4] == plain.splitlines()[:4]
    for line in plain.splitlines()[:4]:
        assert sum(2 if ord(c) >= 0x1100 and ord(c) > 0x25ff else 1 for c in line) <= 60
    assert plain.count("…") == 2


@pytest.mark.parametrize("format, line", [
    ("trec", r"7 Q0 {best} 1 -?[\d.e-]+ headwise"),
    ("msmarco", r"7\t{best}\t1"),
    ("rankllm", r'\{"query": ?\{"text": ?"who wrote Emma\?", ?"qid": ?"7"\}.*'),
    ("jsonl", r'\{"query_id":"7".*'),
])
def test_formats(headwise, best, format, line):
    first = headwise.ok(*QUERY, "--documents", "-", "--format", format, "--query-id", "7", stdin=LINES).splitlines()[0]
    assert re.fullmatch(line.replace("{best}", best), first), first


def test_output_goes_to_a_file(headwise, best, tmp_path):
    assert headwise.ok(*QUERY, "--documents", "-", "--json", "--output", "out.jsonl", stdin=LINES) == ""
    assert results((tmp_path / "out.jsonl").read_text())[0]["id"] == best
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize("flags", [["--encoding", "list"], ["--calibration", "none"], ["--calibration", "na"], ["--heads", "1-2"],
                                   ["--calibration", "na", "--token-filter", "none"], ["--heads", "1-0,0-3"],
                                   ["--calibration", "na", "--filter-after-sum"],
                                   ["--heads", "1..1"], ["--rows", "query"], ["--fuse", "rrf"],
                                   ["--encoding", "list", "--order", "reversed"], ["--max-words", "3"], ["--max-tokens", "3"],
                                   ["--encoding", "list", "--order", "shuffled", "--seed", "5"], ["--block-span", "300"],
                                   ["--encoding", "list", "--template", "core"], ["--chat-format", "none"]])
def test_flags_reach_the_engine(headwise, flags):
    documents = ["--documents", "-", "--json"]
    usual = results(headwise.ok(*QUERY, *documents, stdin=LINES))
    other = results(headwise.ok(*QUERY, *documents, *flags, stdin=LINES))
    assert len(other) == len(usual)
    assert {hit["id"]: hit["score"] for hit in other} != {hit["id"]: hit["score"] for hit in usual}


@pytest.mark.parametrize("flags", [["--threads", "1"], ["--threads", "3"], ["--weights", "fp32"], ["--full-depth"]])
def test_flags_that_must_not_change_a_bit(headwise, flags):
    documents = ["--documents", "-", "--json", "--heads", "0..1"]
    assert results(headwise.ok(*QUERY, *documents, stdin=LINES)) == results(headwise.ok(*QUERY, *documents, *flags, stdin=LINES))


def test_top_k_and_one_passage(headwise):
    assert len(results(headwise.ok(*QUERY, "--documents", "-", "--json", "--top-k", "2", stdin=LINES))) == 2
    assert [hit["id"] for hit in results(headwise.ok(*QUERY, "--documents", "-", "--json", stdin="only this\n"))] == ["1"]


@pytest.mark.parametrize("status, flags, stdin, messages", [
    (3, ["--query", ""], LINES, ["the query is empty"]),
    (3, ["--query", b"caf\xe9"], LINES, ["--query is not UTF-8", "byte 3"]),
    (3, ["--query", "a"], "", ["no passages"]),
    (3, ["--query", "a"], b"fine\nbad \xff here\n", ["-:2", "UTF-8", "byte 5"]),
    (3, ["--query", "a"], '{"id": "x", "text": "a"}\n{"id": "x", "text": "b"}\n', ["'x'", "twice", "line 1"]),
    (3, ["--query", "a"], '{"id": "x", "text": "a"}\n{"id": "y"}\n', ["-:2", "text"]),
    (3, ["--query", "a"], '{"id": "x", "text": "a"}\n{"id": \n', ["-:2"]),
    (2, ["--query", "a", "--heads", "40-1"], LINES, ["head 40-1 is not in this model", "0..1"]),
    (2, ["--query", "a", "--heads", "1-9"], LINES, ["head 1-9 is not in this model", "0..3"]),
    (2, ["--query", "a", "--heads", "1-1,1-1"], LINES, ["1-1 is listed twice"]),
    (2, ["--query", "a", "--heads", "best"], LINES, ["'best' is not a head", "13-18,14-2"]),
    (2, ["--query", "a", "--fuse", "much"], LINES, ["--fuse", "0.7", "'much'"]),
    (2, ["--query", "a", "--fuse", "0.7"], LINES, ["--fuse needs the first stage's score"]),
    (2, ["--query", "a", "--calibration", "ratio", "--filter-after-sum"], LINES, ["--calibration na"]),
    (2, ["--query", "a", "--encoding", "list", "--block-span", "9"], LINES, ["--encoding blocks"]),
    (3, ["--query", "a", "--template", "nowhere"], LINES, ["no prompt template 'nowhere'", "selective-qwen3"]),
    (5, ["--query", "a", "--max-prompt-tokens", "70"], LINES, ["template takes 98", "raise --max-prompt-tokens"]),
    (5, ["--query", "a", "--max-prompt-tokens", "130"], LINES, ["of 6 passages fit", "--max-words"]),
    (5, ["--query", "a", "--max-words", "0", "--encoding", "list"], ("word " * 100 + "\n") * 2,
     ["512", "1 of 2 passages fit", "--max-words"]),
])
def test_bad_input(headwise, status, flags, stdin, messages):
    flags = [os.fsdecode(flag) if isinstance(flag, bytes) else flag for flag in flags]
    stderr = headwise.fails(status, "rerank", "--documents", "-", "--output", "out", *flags, stdin=stdin)
    for message in messages:
        assert message in stderr
    assert list(headwise.folder.iterdir()) == []


def test_files_that_cannot_be_read(headwise, tmp_path):
    assert "No such file" in headwise.fails(3, *QUERY, "--documents", "nowhere.txt")
    (tmp_path / "folder").mkdir()
    assert "folder" in headwise.fails(3, *QUERY, "--documents", "folder")
    # Opens for everybody, root too, and cannot be read.
    assert "cannot read '/proc/self/mem': Input/output error" in headwise.fails(3, *QUERY, "--documents", "/proc/self/mem")


def test_output_that_cannot_be_written(headwise, tmp_path):
    documents = ["--documents", "-", "--json"]
    assert "nowhere" in headwise.fails(3, *QUERY, *documents, "--output", "nowhere/out", stdin=LINES)
    (tmp_path / "folder").mkdir()
    assert "a folder" in headwise.fails(2, *QUERY, *documents, "--output", "folder", stdin=LINES)
    # A device must not be replaced by a file.
    assert "not a regular file" in headwise.fails(2, *QUERY, *documents, "--output", "/dev/null", stdin=LINES)


def test_full_disk(headwise, tmp_path):
    (tmp_path / "out").write_text("the old result")
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
    stderr = headwise.fails(5, *QUERY, "--documents", "-", "--json", "--output", "out", stdin=LINES, preexec=small)
    assert "File too large" in stderr
    assert (tmp_path / "out").read_text() == "the old result"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    # Standard output on a full device.
    with open("/dev/full", "wb") as full:
        process = headwise.start("rerank", "--query", "a", "--documents", "/dev/stdin", "--json", stdin=open_lines(tmp_path), stdout=full)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 5 and b"No space left on device" in stderr


def open_lines(folder):
    (folder / "lines.txt").write_text(LINES)
    return open(folder / "lines.txt", "rb")


def test_a_stream_answers_in_order_and_survives_bad_requests(headwise):
    requests = [
        {"query": "who wrote Emma?", "documents": FACTS},
        "not json",
        {"query_id": "moon", "query": "how long does the Moon take?",
         "passages": [{"_id": f"d{i}", "title": "Fact", "text": text} for i, text in enumerate(FACTS)]},
        {"query": "", "documents": FACTS},
        {"documents": FACTS},
        {"query": "a", "documents": []},
        {"query": "a", "documents": "a text"},
        {"query": "a", "documents": [{"id": "x", "text": "a"}, {"docid": "x", "text": "b"}]},
        {"query": "a", "documents": [{"id": "x"}]},
        {"query": "a", "documents": [7]},
        {"query": 7, "documents": ["a"]},
        ["a"],
        {"query_id": 12, "query": "bees", "documents": ["about cars", {"id": 5, "text": FACTS[3], "extra": None}]},
    ]
    text = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in requests).encode()
    text += b"\n\n" + b'{"query": "\xff", "documents": ["a"]}'
    done = headwise("rerank", stdin=text)
    assert done.returncode == 3
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["query_id"] for answer in answers] == ["1", "2", "moon", "4", "5", "6", "7", "8", "9", "10", "11", "12", "12", "15"]
    assert [place for place, answer in enumerate(answers) if "results" in answer] == [0, 2, 12]
    assert {hit["id"] for hit in answers[0]["results"]} == {"1", "2", "3", "4", "5", "6"}
    assert {hit["id"] for hit in answers[2]["results"]} == {f"d{i}" for i in range(6)}
    assert sorted((hit["index"], hit["id"]) for hit in answers[12]["results"]) == [(0, "1"), (1, "5")]
    errors = {answer["line"]: answer["error"]["message"] for answer in answers if "error" in answer}
    for line, message in {2: "not JSON: byte 2", 4: "the query is empty", 5: 'no "query"', 6: "no passages", 7: '"documents"',
                          8: "the id 'x'", 9: "documents[0] has neither a title nor 'text'", 10: "documents[0]", 11: '"query" must be a string',
                          12: "a request is a JSON object", 15: "not UTF-8: byte 11"}.items():
        assert message in errors[line], (line, errors[line])
    assert "11 of 14 requests failed (lines 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, …)" in done.stderr


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1" + "0" * 400, "123456789e99999", "[[1e309]]"])
def test_a_number_that_no_double_holds_is_the_lines_error(headwise, number):
    good = json.dumps({"query": "bees", "documents": FACTS[:2]})
    bad = '{"query": "bees", "documents": [{"text": "a", "score": %s}]}' % number
    done = headwise("rerank", stdin="\n".join([bad, good]) + "\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3 and "results" in answers[1]
    assert answers[0]["line"] == 1 and "number overflow" in answers[0]["error"]["message"]


@pytest.mark.parametrize("wishes, flags", [
    ({"instruction": "Find what contradicts the claim."}, ["--instruction", "Find what contradicts the claim."]),
    ({"score": "minmax"}, ["--score", "minmax"]),
    ({"score_scale": "softmax", "top_n": 3}, ["--score", "softmax", "--top-k", "3"]),
    ({"score": "minmax", "min_score": 0.5}, ["--score", "minmax", "--min-score", "0.5"]),
    ({"top_k": 2, "instruction": None, "min_score": None}, ["--top-k", "2"]),
])
def test_a_request_of_a_stream_has_wishes_of_its_own(headwise, wishes, flags):
    body = {"query": "who wrote Emma?", "documents": FACTS}
    lines = "".join(json.dumps({**body, **more}) + "\n" for more in (wishes, {}))
    own, plain = (json.loads(line)["results"] for line in headwise.ok("rerank", "--top-k", "4", stdin=lines).splitlines())
    asked = json.loads(headwise.ok("rerank", *(["--top-k", "4"] if "--top-k" not in flags else []), *flags, stdin=json.dumps(body)))["results"]
    assert own == asked != plain and len(plain) == 4
    [every] = headwise.ok("rerank", "--top-k", "4", stdin=json.dumps({**body, "top_k": 0})).splitlines()
    assert len(json.loads(every)["results"]) == len(FACTS)


@pytest.mark.parametrize("wishes, says", [
    ({"instruction": 3}, '"instruction" must be a string, found number'),
    ({"instruction": " "}, "instruction is blank"),
    ({"score": "percent"}, '"score": expected one of raw, relevance, softmax, minmax; found \'percent\''),
    ({"score": 0.5}, "found '0.5'"),
    ({"score": "relevance"}, "relevance needs heads that have a fit of it"),
    ({"min_score": "0.5"}, '"min_score" must be a number, found string'),
    ({"min_score": 3, "score": "minmax"}, "expected 1 or less"),
    ({"top_k": -1}, '"top_k" must be a whole number of 0 (all) or more, found -1'),
    ({"top_k": 1.5}, "found 1.5"),
])
def test_wrong_wishes_are_their_lines_error(headwise, wishes, says):
    body = {"query": "bees", "documents": FACTS[:2]}
    done = headwise("rerank", stdin=json.dumps({**body, **wishes}) + "\n" + json.dumps(body) + "\n")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 3 and says in first["error"]["message"] and len(second["results"]) == 2


@pytest.mark.parametrize("document, title, text", [
    ({"title": "Emma"}, "Emma", ""),
    ({"Title": "Emma", "Content": "by Austen"}, "Emma", "by Austen"),
    ({"contents": "short", "text": "by Austen", "id": "x", "_id": "y"}, "", "by Austen"),
    ({"page_content": "by Austen", "metadata": {"text": "no"}}, "", "by Austen"),
    ({"DOCNO": "y", "Body": "by Austen", "score": None}, "", "by Austen"),
])
def test_documents_of_a_stream_go_by_the_names_of_all_readers(headwise, document, title, text):
    plain = {"title": title, "text": text} if title else text
    answers = [json.loads(headwise.ok("rerank", stdin=json.dumps({"query": "who wrote Emma?", "documents": [row, FACTS[0]]})))
               for row in (document, plain)]
    assert [[(hit["index"], hit["score"]) for hit in answer["results"]] for answer in answers][0] == \
        [(hit["index"], hit["score"]) for hit in answers[1]["results"]]
    if "_id" in document or "DOCNO" in document:
        assert "y" in {hit["id"] for hit in answers[0]["results"]}


@pytest.mark.parametrize("columns, bar, was", [(40, False, False), (30, False, False), (56, False, True), (60, True, True), (80, True, True), (200, True, True)])
def test_the_passage_is_shown_at_any_width(headwise, columns, bar, was):
    table = headwise.ok("rerank", "--query", "who wrote Emma?", "--documents", "-", stdin="Emma by Austen.\nThe Moon.\n",
                        env={"COLUMNS": str(columns)})
    assert "Emma" in table.splitlines()[2 if "Emma" in table.splitlines()[2] else 3]
    assert "Moon" in table and ("█" in table) == bar and ("was" in table.splitlines()[1]) == was
    assert all(len(line) <= max(columns, 40) for line in table.splitlines()[:4]), table


def test_a_query_that_leaves_no_room_is_told_as_one(headwise):
    stderr = headwise.fails(5, "rerank", "--query", "why " * 9000, "--documents", "-", stdin="a passage\n")
    assert re.search(r"the query takes 27,001 tokens; the model has 512 positions", stderr)
    stderr = headwise.fails(5, "rerank", "--query", "why " * 200, "--max-prompt-tokens", "300", "--documents", "-", stdin="a passage\n")
    assert re.search(r"the query takes 601 tokens; a prompt may have 300 \(--max-prompt-tokens\)", stderr)


def test_a_stream_gives_the_same_scores_as_single_queries(headwise):
    one = results(headwise.ok(*QUERY, "--documents", "-", "--json", stdin=LINES))
    stream = headwise.ok("rerank", stdin=json.dumps({"query": "who wrote Emma?", "documents": FACTS}) + "\n")
    assert results(stream) == one


def test_a_stream_answers_at_once_and_stops_on_ctrl_c(headwise):
    import subprocess
    process = headwise.start("rerank", stdin=subprocess.PIPE)
    process.stdin.write(json.dumps({"query": "a", "documents": FACTS}).encode() + b"\n")
    process.stdin.flush()
    assert b'"results"' in process.stdout.readline()  # although the stream is still open
    status, stderr = stop(process, signal.SIGINT)
    assert status == 1 and "interrupted" in stderr


def test_a_stream_without_requests(headwise):
    assert "holds no request" in headwise.fails(3, "rerank", stdin="\n\n")


def test_ctrl_c_while_a_query_runs(headwise, tmp_path):
    (tmp_path / "long.txt").write_text("".join(f"{i} " + "many words " * 20 + "\n" for i in range(2000)))
    process = headwise.start(*QUERY, "--documents", "long.txt", "--max-prompt-tokens", "0", "--json", "--output", "out", "--threads", "1")
    wait_for(lambda: catches(process, signal.SIGINT), what="a handler for the signal")
    assert process.poll() is None, "the run was over before the signal: make it longer"
    begun = time.monotonic()
    status, stderr = stop(process, signal.SIGINT)
    assert status == 1 and re.match(r"headwise rerank: (interrupted|stopped after layer \d of 2)", stderr), stderr
    assert time.monotonic() - begun < 20
    assert [path.name for path in tmp_path.iterdir()] == ["long.txt"]
