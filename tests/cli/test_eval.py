# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`headwise eval` as a program: what it prints, its paired tests against scipy, its report, and bad input."""
import bz2
import gzip
import json
import lzma
import os
import random
import re
import stat
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy
import pytest
from scipy import stats
from where import BINARY, environment

QRELS = "query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\tb\t0\nq2\ta\t1\nq3\tc\t1\n"
GOOD = "q1 Q0 a 1 2.0 good\nq1 Q0 b 2 1.0 good\nq2 Q0 a 1 1.0 good\nq3 Q0 c 1 1.0 good\n"
POOR = "q1 Q0 b 1 2.0 poor\nq1 Q0 a 2 1.0 poor\nq2 Q0 b 1 1.0 poor\nq3 Q0 c 1 1.0 poor\n"


def evaluate(*arguments, stdin: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, "eval", *map(str, arguments)], input=stdin, capture_output=True, text=True,
                          env=environment(), timeout=60)


def printed(*arguments, stdin: str = "") -> str:
    done = evaluate(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def files(tmp_path) -> Path:
    for name, text in {"qrels.tsv": QRELS, "good.trec": GOOD, "poor.trec": POOR}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_table_of_one_run(files):
    assert printed("--qrels", files / "qrels.tsv", "--run", files / "poor.trec", "-m", "ndcg@10,recip_rank,P_1") == (
        "run   ndcg@10  recip_rank     p@1  queries\n"
        "poor   0.5436      0.5000  0.3333        3\n")


def test_table_of_two_runs_marks_the_best(files):
    lines = printed("--qrels", files / "qrels.tsv", "--run", files / "poor.trec", "--run", files / "good.trec",
                    "-m", "map").splitlines()
    assert lines[0].split() == ["run", "map", "queries"]
    assert lines[1].split() == ["poor", "0.5000", "3"]
    assert lines[2].split() == ["good", "1.0000*", "3"]
    assert lines[5].split()[:2] == ["run", "measure"]
    assert lines[6].split()[:3] == ["good", "map", "+0.5000"]
    assert "2/1/0" in "\n".join(lines[6:]).split()  # below, where the terminal is narrow


def test_other_baseline(files):
    value = json.loads(printed("--qrels", files / "qrels.tsv", "--run", files / "poor.trec", "--run", files / "good.trec",
                               "--baseline", "good", "-m", "map", "--json"))
    assert [(item["run"], item["baseline"], item["mean_difference"]) for item in value["comparisons"]] == [
        ("poor", "good", -0.5)]


def test_per_query(files):
    lines = printed("--qrels", files / "qrels.tsv", "--run", files / "poor.trec", "-m", "recip_rank", "--per-query").splitlines()
    assert lines[:4] == ["query  run   recip_rank", "q1     poor      0.5000", "q2     poor      0.0000",
                         "q3     poor      1.0000"]


def test_run_from_standard_input(files):
    assert "1.0000" in printed("--qrels", files / "qrels.tsv", "--run", "-", "-m", "map", stdin=GOOD)


def test_missing_and_unjudged_queries_are_said_on_stderr(files):
    (files / "part.trec").write_text("q2 Q0 a 1 1.0 t\nq9 Q0 a 1 1.0 t\n")
    done = evaluate("--qrels", files / "qrels.tsv", "--run", files / "part.trec", "-m", "map")
    assert done.returncode == 0
    assert "lacks 2 judged queries (q1, q3): they count 0, as with trec_eval -c" in done.stderr
    assert "1 queries have no judgements (q9)" in done.stderr
    assert done.stdout.splitlines()[1].split() == ["part", "0.3333", "3"]
    quiet = evaluate("--qrels", files / "qrels.tsv", "--run", files / "part.trec", "-m", "map", "--only-retrieved", "--quiet")
    assert quiet.stderr == ""
    assert quiet.stdout.splitlines()[1].split() == ["part", "1.0000", "1"]


@pytest.mark.parametrize("queries", [5, 12, 43, 300])
def test_paired_tests_agree_with_scipy(tmp_path, queries):
    """Three runs, so that Holm has something to correct; reciprocal ranks, so that the values are easy to plant."""
    dice = random.Random(queries)
    names, values = ["a", "b", "c"], {}
    (tmp_path / "qrels.txt").write_text("".join(f"q{i} 0 hit 1\n" for i in range(queries)))
    for shift, name in enumerate(names):
        lines = []
        for i in range(queries):
            rank = dice.randint(1, 6 - shift)
            lines += [f"q{i} Q0 {'hit' if place == rank else f'miss{place}'} 0 {-place} {name}\n" for place in range(1, 7)]
            values.setdefault(name, []).append(1 / rank)
        (tmp_path / f"{name}.trec").write_text("".join(lines))
    answer = json.loads(printed("--qrels", tmp_path / "qrels.txt", *(part for name in names for part in ("--run", tmp_path / f"{name}.trec")),
                                "-m", "recip_rank", "--json"))
    p_values = []
    for item in answer["comparisons"]:
        difference = numpy.array(values[item["run"]]) - numpy.array(values["a"])
        expected = stats.ttest_1samp(difference, 0)
        interval = expected.confidence_interval(0.95)
        assert item["queries"] == queries
        assert item["mean_difference"] == pytest.approx(difference.mean(), abs=1e-12)
        assert item["t"] == pytest.approx(expected.statistic, rel=1e-9)
        assert item["t_test_p"] == pytest.approx(expected.pvalue, rel=1e-8)
        assert item["interval_95"] == pytest.approx([interval.low, interval.high], abs=1e-10)
        flips = stats.permutation_test((difference,), numpy.mean, permutation_type="samples", vectorized=True,
                                       n_resamples=numpy.inf if queries <= 12 else 20_000, rng=1)
        exact = 2 ** int(numpy.count_nonzero(difference)) <= 100_000
        assert item["randomisation_exact"] == exact
        # Two samples of sign flips differ by a few standard errors of the smaller one.
        error = 0 if exact else 5 * (flips.pvalue * (1 - flips.pvalue) / 20_000) ** 0.5 + 1e-4
        assert item["randomisation_p"] == pytest.approx(flips.pvalue, abs=error + 1e-12)
        p_values.append(item["t_test_p"])
    low, high = sorted(p_values)
    corrected = {low: min(1, 2 * low), high: max(min(1, 2 * low), high)}
    assert [item["holm_p"] for item in answer["comparisons"]] == pytest.approx([corrected[p] for p in p_values])


class Page(HTMLParser):
    """Checks that elements nest, and collects what a reader could see or a browser could fetch."""
    VOID = {"meta", "line", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.addresses, self.text = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_report_is_one_page_with_nothing_outside_and_escaped_texts(files):
    hostile = "<script>alert(1)</script> & \"quotes\""
    (files / "queries.jsonl").write_text("".join(json.dumps({"_id": query, "text": text}) + "\n" for query, text in
                                                 {"q1": hostile, "q2": "two", "q3": "three"}.items()))
    done = evaluate("--qrels", files / "qrels.tsv", "--run", files / "poor.trec", "--run", files / "good.trec", "--report",
                    files / "report.html", "--queries", files / "queries.jsonl")
    assert done.returncode == 0, done.stderr
    page = Page()
    page.feed((files / "report.html").read_text())
    assert page.open == [] and page.addresses == []
    assert "script" not in page.seen
    assert page.seen.count("circle") == 3 and page.seen.count("svg") == 2
    assert hostile in page.text
    assert any("good against poor" in text for text in page.text)


def test_dataset_folder_gives_judgements_and_query_texts(files):
    (files / "qrels").mkdir()
    (files / "qrels" / "dev.tsv").write_text(QRELS)
    (files / "queries.jsonl").write_text('{"_id": "q1", "text": "the text of the first"}\n')
    printed("--dataset", files, "--split", "dev", "--run", files / "poor.trec", "--report", files / "report.html")
    assert "the text of the first" in (files / "report.html").read_text()


BAD_FILES = [
    # (judgements, run, what the message says)
    (QRELS, "q1 Q0 a 1 2.0 t\nq1 Q0 b 2\n", r"run\.trec:2: expected the 6 columns"),
    (QRELS, "q1 a\n", r"run\.trec:1: expected a run"),
    (QRELS, "q1 Q0 a 1 high t\n", r"run\.trec:1: expected a number as score"),
    (QRELS, "q1 Q0 a 1 nan t\n", r"run\.trec:1: the score .* is not a finite"),
    (QRELS, "q1 Q0 a 1 2 t\nq1 Q0 a 2 1 t\n", r"run\.trec:2: document 'a' is given twice .* first on line 1"),
    (QRELS, "", r"run\.trec: holds no results"),
    (QRELS, "\x00\x01\x02", r"run\.trec:1: expected a run"),
    (QRELS, QRELS.replace("\t", " 0 "), r"run\.trec:1: expected a run"),
    (QRELS, "x1 Q0 a 1 2 t\n", r"no query in common"),
    ("", GOOD, r"qrels: holds no judgements"),
    ("q1 0 a good\n", GOOD, r"qrels:1: expected a whole number as grade, found 'good'"),
    ("q1 0 a 1\nq1 0 a\n", GOOD, r"qrels:2: expected 4 columns"),
    ("q1 0 a 1\nq1 0 a 2\n", GOOD, r"qrels:2: document 'a' of query 'q1' has grade 2 here and 1 on line 1"),
    (GOOD, GOOD, r"6 columns look like a run"),
]


@pytest.mark.parametrize("qrels, run, message", BAD_FILES)
def test_bad_files_exit_3(tmp_path, qrels, run, message):
    (tmp_path / "qrels").write_text(qrels)
    (tmp_path / "run.trec").write_text(run)
    done = evaluate("--qrels", tmp_path / "qrels", "--run", tmp_path / "run.trec", "--report", tmp_path / "report.html")
    assert done.returncode == 3, (done.returncode, done.stderr)
    assert re.search(message, done.stderr), done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("columns", [40, 56, 80, 200])
def test_tables_fit_the_terminal(files, columns):
    name = "a-run-whose-name-says-how-it-was-made-and-when"
    (files / f"{name}.trec").write_text(POOR)
    measures = "ndcg@10,map,recip_rank,p@1,p@5,recall@10"
    done = subprocess.run([BINARY, "eval", "--qrels", files / "qrels.tsv", "--run", files / f"{name}.trec", "-m", measures],
                          capture_output=True, text=True, env=environment(COLUMNS=columns), timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= columns for line in done.stdout.splitlines()), done.stdout
    for word in ("ndcg@10", "recall@10", "queries", "0.5436"):  # what does not fit stands below
        assert word in done.stdout
    assert (name in done.stdout) == (columns == 200)


@pytest.mark.parametrize("packed, hint", [
    (gzip.compress, "is packed (gzip); unpack it first"), (bz2.compress, "is packed (bzip2)"), (lzma.compress, "is packed (xz)"),
    (lambda text: text.decode().encode("utf-16"), "is UTF-16; convert it to UTF-8"),
    (lambda text: text.decode().encode("utf-16-be"), "is UTF-16"), (lambda text: text.decode().encode("utf-32"), "is UTF-32"),
])
def test_packed_and_wide_files_are_told_as_such(files, packed, hint):
    for name, flag in {"qrels.tsv": "--qrels", "good.trec": "--run"}.items():
        (files / "packed").write_bytes(packed((files / name).read_bytes()))
        others = {"--qrels": files / "qrels.tsv", "--run": files / "good.trec", flag: files / "packed"}
        done = evaluate(*[part for pair in others.items() for part in pair])
        assert done.returncode == 3 and hint in done.stderr and "packed'" in done.stderr, done.stderr


def test_a_report_is_written_through_a_link(files):
    (files / "real.html").write_text("old")
    (files / "link.html").symlink_to("real.html")
    printed("--qrels", files / "qrels.tsv", "--run", files / "good.trec", "--report", files / "link.html")
    assert (files / "link.html").is_symlink() and "<html" in (files / "real.html").read_text()


@pytest.mark.parametrize("arguments, message", [
    (["-m", "ndgc@10"], r"unknown measure 'ndgc@10': known are ndcg\[@k\], map"),
    (["-m", "p"], r"needs the number of ranks it reads, as in p@10"),
    (["--baseline", "none"], r"--baseline 'none' is none of the runs: good"),
    (["--dataset", "x"], r"expected either --qrels FILE or --dataset DIR .* found both"),
    (["--relevance-level", "0"], r"relevance-level"),
    (["--run", "SAME"], r"is given twice"),
])
def test_bad_usage_exits_2(files, arguments, message):
    arguments = [files / "good.trec" if part == "SAME" else part for part in arguments]
    done = evaluate("--qrels", files / "qrels.tsv", "--run", files / "good.trec", *arguments)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert re.search(message, done.stderr), done.stderr


def test_no_run_and_no_judgements_exit_2(files):
    assert evaluate("--qrels", files / "qrels.tsv").returncode == 2
    done = evaluate("--run", files / "good.trec")
    assert done.returncode == 2 and "found neither" in done.stderr


def test_missing_and_unreadable_files_exit_3(files):
    done = evaluate("--qrels", files / "qrels.tsv", "--run", files / "nothing.trec")
    assert done.returncode == 3 and "nothing.trec" in done.stderr
    done = evaluate("--qrels", files, "--run", files / "good.trec")
    assert done.returncode == 3 and "Is a directory" in done.stderr
    done = evaluate("--dataset", files, "--run", files / "good.trec")
    assert done.returncode == 3 and "test.tsv" in done.stderr
    locked = files / "locked.trec"
    locked.write_text(GOOD)
    locked.chmod(0)
    if os.access(locked, os.R_OK):  # the superuser may read it all the same
        locked.chmod(stat.S_IRUSR)
        return
    done = evaluate("--qrels", files / "qrels.tsv", "--run", locked)
    assert done.returncode == 3 and "Permission denied" in done.stderr


def test_full_disk_exits_5(files):
    with open("/dev/full", "w") as full:
        done = subprocess.run([BINARY, "eval", "--qrels", files / "qrels.tsv", "--run", files / "good.trec"], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 5 and "No space left" in done.stderr


def test_report_in_a_folder_that_is_not_there(files):
    done = evaluate("--qrels", files / "qrels.tsv", "--run", files / "good.trec", "--report", files / "no" / "report.html")
    assert done.returncode == 3 and "report.html" in done.stderr and done.stdout == ""
