# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The verb `search`: what BM25 finds and with which scores, the index beside the corpus, re-ranking, bad input."""
import ctypes
import json
import math
import time

import pytest
from where import ROOT

TINY = ROOT / "tests" / "data" / "golden" / "models" / "tiny-qwen3"
FACTS = ["The moon circles the earth.", "Emma is a novel by Jane Austen.", "The moon has no air; the moon is dry.",
         "Copper turns green in the open air.", "A novel of the moon and the moon's men."]


@pytest.fixture
def facts(tmp_path):
    (tmp_path / "facts.txt").write_text("\n".join(FACTS) + "\n")
    return tmp_path / "facts.txt"


def found(headwise, *flags):
    return json.loads(headwise.ok("search", "--json", "--no-rerank", *flags))["results"]


def bm25(query: list[str], documents: list[list[str]], k1=0.9, b=0.4) -> list[float]:
    """By the formula (docs/method.md#first-stage)."""
    average = sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        score = 0.0
        for term in query:
            holding = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            count = document.count(term)
            score += idf * count / (count + k1 * (1 - b + b * len(document) / average))
        scores.append(score)
    return scores


def test_scores_are_bm25s(headwise, facts):
    # Without stop words, as Porter's stems.
    documents = [["moon", "circl", "earth"], ["emma", "novel", "jane", "austen"], ["moon", "ha", "air", "moon", "dry"],
                 ["copper", "turn", "green", "open", "air"], ["novel", "moon", "moon", "men"]]
    for question, terms in (("moon", ["moon"]), ("The MOON's air?", ["moon", "air"]), ("moon, moon and a novel", ["moon", "moon", "novel"])):
        expected = bm25(terms, documents)
        hits = found(headwise, "--corpus", facts, "--query", question)
        assert [int(hit["id"]) - 1 for hit in hits] == sorted((place for place in range(5) if expected[place] > 0),
                                                               key=lambda place: -expected[place])
        for hit in hits:
            assert hit["score"] == pytest.approx(expected[int(hit["id"]) - 1], rel=1e-12)
            assert hit["text"] == FACTS[int(hit["id"]) - 1]
        assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))


def test_word_frequencies_stand_in_for_the_corpus(headwise, facts, tmp_path):
    documents = [["moon", "circl", "earth"], ["emma", "novel", "jane", "austen"], ["moon", "ha", "air", "moon", "dry"],
                 ["copper", "turn", "green", "open", "air"], ["novel", "moon", "moon", "men"]]
    # Counts; words with one stem go together; "the" is a stop word and no part of the sum.
    (tmp_path / "words.tsv").write_text("the\t9000000\nmoon\t900\nmoons\t100\nair\t50\nnovel\t8950\r\n\n")
    share = {"moon": 0.1, "air": 0.005, "novel": 0.895, "emma": 0.005}  # one that is not in the file: as the rarest
    average = sum(map(len, documents)) / len(documents)

    def idf(term):
        passages = 1e7 * (1 - (1 - share[term]) ** average)
        return math.log(1 + (1e7 - passages + 0.5) / (passages + 0.5))
    for terms in (["moon"], ["air", "moon"], ["emma", "novel"]):
        hits = found(headwise, "--corpus", facts, "--query", " ".join(terms), "--word-frequencies", tmp_path / "words.tsv")
        for hit in hits:
            document = documents[int(hit["id"]) - 1]
            expected = sum(idf(term) * document.count(term) / (document.count(term) + 0.9 * (0.6 + 0.4 * len(document) / average))
                           for term in terms)
            assert hit["score"] == pytest.approx(expected, rel=1e-9)
        assert len(hits) == sum(any(term in document for term in terms) for document in documents)


@pytest.mark.parametrize(("text", "status", "words"), [
    ("moon 5\n", 3, "line 1: expected 'word <tab> number'"), ("moon\t5\nair\t-1\n", 3, "line 2: "), ("moon\tinf\n", 3, "line 1: "),
    ("moon\tmany\n", 3, "found 'moon\tmany'"), ("", 3, "no word in it"), ("the\t5\n", 3, "no word in it"), ("moon\t0\n", 3, "line 1: "),
    ("moon\t1\n\udcff\udcfe\t4\n", 3, "line 2: expected 'word <tab> number' with a number above 0, found '\ufffd\ufffd\t4'"),
    (None, 3, "taking --word-frequencies")])
def test_bad_word_frequencies(headwise, facts, tmp_path, text, status, words):
    if text is not None:
        (tmp_path / "words.tsv").write_text(text, errors="surrogateescape")
    done = headwise("search", "--corpus", facts, "--query", "moon", "--no-rerank", "--word-frequencies", tmp_path / "words.tsv")
    assert done.returncode == status and words in done.stderr and not done.stdout


def test_the_index_is_kept_and_follows_the_corpus(headwise, facts, tmp_path):
    first = headwise("search", "--corpus", facts, "--query", "emma", "--no-rerank", "--json")
    index = tmp_path / "facts.txt.bm25"
    assert first.returncode == 0 and "indexed 5 documents" in first.stderr and index.is_file()
    before = index.stat().st_mtime_ns
    assert headwise("search", "--corpus", facts, "--query", "emma", "--no-rerank").stderr == ""
    assert index.stat().st_mtime_ns == before
    facts.write_text(facts.read_text() + "Emma Watson is an actor.\n")
    again = headwise("search", "--corpus", facts, "--query", "emma", "--no-rerank", "--json")
    assert "indexed 6 documents" in again.stderr and len(json.loads(again.stdout)["results"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.txt", "facts.txt.bm25"]  # nothing half-made


def test_an_index_of_an_earlier_headwise_is_built_anew(headwise, facts, tmp_path):
    """It was Xapian's (glass, one file) until 2026; another program's Xapian database is not touched."""
    index = tmp_path / "facts.txt.bm25"
    index.write_bytes(b"\x0f\x0dXapian Glass\x04" + bytes(8000) + b"headwise BM25 index 2: UAX #29 words" + bytes(100))
    done = headwise("search", "--corpus", facts, "--query", "emma", "--no-rerank", "--json")
    assert done.returncode == 0 and "the index was one of an earlier headwise; it was built anew" in done.stderr
    assert [hit["id"] for hit in json.loads(done.stdout)["results"]] == ["2"] and index.read_bytes().startswith(b"SQLite format 3\0")
    index.write_bytes(b"\x0f\x0dXapian Glass\x04" + bytes(8000))
    assert "is no index of headwise; name another with --index" in headwise.fails(3, "search", "--corpus", facts, "--query", "emma", "--no-rerank")
    assert index.stat().st_size == 8015


def test_every_kind_of_corpus(headwise, tmp_path):
    (tmp_path / "beir").mkdir()
    (tmp_path / "beir" / "corpus.jsonl").write_text("".join(
        json.dumps({"_id": f"d{place}", "title": "Novels" if "novel" in fact else "", "text": fact}) + "\n" for place, fact in enumerate(FACTS)))
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "notes" / "a.txt").write_text("On copper.\r\nIt turns green.\r\n\r\n\r\nOn Emma,\na novel.\n")
    (tmp_path / "notes" / "deep" / "b.md").write_text("# Moon\n\nNo air.")
    (tmp_path / "notes" / "picture.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "lines.tsv").write_text("p1\tthe moon\np2\ta novel\n")
    (tmp_path / "list.json").write_text(json.dumps([{"id": "x", "text": "a novel", "title": "Emma"}]))
    assert [(hit["id"], hit.get("title")) for hit in found(headwise, "--corpus", "beir", "--query", "emma novels")] == \
        [("d1", "Novels"), ("d4", "Novels")]
    assert (tmp_path / "beir" / "corpus.bm25").is_file()
    hits = found(headwise, "--corpus", "notes", "--query", "emma copper moon")
    assert {hit["id"]: hit["text"] for hit in hits} == {"a.txt#1": "On copper.\nIt turns green.", "a.txt#2": "On Emma,\na novel.",
                                                        "deep/b.md#1": "No air."}
    assert [hit["id"] for hit in found(headwise, "--corpus", "lines.tsv", "--query", "novel")] == ["p2"]
    assert [hit["id"] for hit in found(headwise, "--corpus", "list.json", "--query", "emma")] == ["x"]


PDF_OBJECTS = [
    b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
    *(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents %d 0 R /Resources << /Font << /F1 7 0 R >> >> >>" % content
      for content in (5, 6)),
    *(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)
      for text in (b"BT /F1 12 Tf 10 100 Td (The moon is dry.) Tj ET", b"BT /F1 12 Tf 10 100 Td (Venus is hot.) Tj ET")),
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]


def pdf() -> bytes:
    """Two pages with a line each."""
    made, places = b"%PDF-1.4\n", []
    for number, value in enumerate(PDF_OBJECTS, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, value)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(places) + 1, table, len(places) + 1, len(made))


@pytest.fixture
def notes(tmp_path):
    """A folder with one of everything."""
    folder = tmp_path / "notes"
    (folder / "src").mkdir(parents=True)
    (folder / "B.TXT").write_text("The moon in capitals.\n")
    (folder / "guide.md").write_text("# Guide\n## Install\nTake the moon home.\n\n# Index\n")
    (folder / "page.html").write_text("<title>Page</title><script>var moon</script><h1>Rock</h1><p>A moon of caf&eacute;s.")
    (folder / "report.pdf").write_bytes(pdf())
    (folder / "src" / "orbit.py").write_text("import math\n\n\ndef moon():\n    return math.tau\n")
    (folder / "wide.txt").write_bytes("A moon of UTF-16".encode("utf-16"))
    (folder / "bad.txt").write_bytes(b"moon caf\xe9\n")
    (folder / "zeros.txt").write_bytes(b"moon\0\0\0")
    (folder / "empty.txt").write_text("\n")
    (folder / "torn.pdf").write_bytes(b"%PDF-1.4\nmoon")
    (folder / ".hidden.txt").write_text("moon\n")
    (folder / ".git").mkdir()
    (folder / "picture.png").write_bytes(b"\x89PNG moon")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.txt").symlink_to(folder / "nowhere")
    with open(folder / "huge.txt", "wb") as huge:
        huge.truncate((64 << 20) + 1)
    return folder


def test_a_folder_of_everything(headwise, notes):
    first = headwise("search", "--corpus", notes, "--query", "moon", "--no-rerank", "--json", "--top-k", "0")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    hits = {hit["id"]: (hit.get("title", ""), hit["text"]) for hit in answer["results"]}
    assert hits == {
        "B.TXT#1": ("", "The moon in capitals."), "guide.md#1": ("Guide > Install", "Take the moon home."),
        "page.html#1": ("Page > Rock", "A moon of cafés."), "report.pdf#1": ("report.pdf, page 1", "The moon is dry."),
        "src/orbit.py#1": ("src/orbit.py:1", "import math\n\n\ndef moon():\n    return math.tau"),
        "wide.txt#1": ("", "A moon of UTF-16")}
    left_out = {entry["reason"].split(" (")[0]: (entry["files"], sorted(entry["examples"])) for entry in answer["left_out"]}
    assert left_out == {
        "of a kind that is not read": (1, ["picture.png"]), "hidden": (2, [".git", ".hidden.txt"]), "linked folders": (1, ["loop"]),
        "no files": (1, ["gone.txt"]), "larger than 64 MiB": (1, ["huge.txt"]), "binary": (1, ["zeros.txt"]),
        "not UTF-8 text": (1, ["bad.txt"]), "PDF that pdftotext cannot read": (1, ["torn.pdf"]), "without text": (1, ["empty.txt"])}
    assert "10 files left out: 1 of a kind that is not read ('picture.png'), 2 hidden (" in first.stderr
    # Kept with the index: --json says it again, standard error does not.
    again = headwise("search", "--corpus", notes, "--query", "moon", "--no-rerank", "--json")
    assert again.stderr == "" and json.loads(again.stdout)["left_out"] == answer["left_out"]


def test_a_pdf_without_pdftotext(headwise, notes):
    done = headwise("search", "--corpus", notes, "--query", "moon", "--no-rerank", "--json", env={"PATH": "/nowhere"})
    answer = json.loads(done.stdout)
    assert "report.pdf#1" not in [hit["id"] for hit in answer["results"]]
    assert [entry["files"] for entry in answer["left_out"] if "pdftotext" in entry["reason"]] == [2]
    # Once it is there, the PDFs are read.
    assert "report.pdf#1" in [hit["id"] for hit in found(headwise, "--corpus", notes, "--query", "moon")]


def test_an_unreadable_file_is_left_out(headwise, tmp_path):
    drop_from_bounding_set, read_everything, search_everything = 24, 1, 2
    (tmp_path / "notes" / "closed").mkdir(parents=True)
    (tmp_path / "notes" / "open.txt").write_text("moon\n")
    (tmp_path / "notes" / "locked.txt").write_text("moon\n")
    (tmp_path / "notes" / "locked.txt").chmod(0)
    (tmp_path / "notes" / "closed").chmod(0)
    try:
        def as_others():
            for capability in (read_everything, search_everything):
                ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)
        answer = json.loads(headwise.ok("search", "--corpus", "notes", "--query", "moon", "--no-rerank", "--json", preexec=as_others))
        assert [hit["id"] for hit in answer["results"]] == ["open.txt#1"]
        assert [(entry["reason"], sorted(entry["examples"])) for entry in answer["left_out"]] == [("unreadable", ["closed", "locked.txt"])]
    finally:
        (tmp_path / "notes" / "closed").chmod(0o700)


@pytest.mark.parametrize("name", ["guide.md", "page.html", "report.pdf", "src/orbit.py"])
def test_one_file_of_a_kind(headwise, notes, name):
    hits = found(headwise, "--corpus", notes / name, "--query", "moon")
    assert [hit["id"] for hit in hits] == [name.split("/")[-1] + "#1"] and hits[0]["title"]


def test_one_file_that_cannot_be_read(headwise, notes):
    stderr = headwise.fails(3, "search", "--corpus", notes / "torn.pdf", "--query", "moon", "--no-rerank")
    assert "torn.pdf' has neither" in stderr and "1 PDF that pdftotext cannot read" in stderr


def test_where_nothing_may_be_written_the_index_is_at_home(headwise, facts, tmp_path):
    drop_from_bounding_set, may_write_everywhere = 24, 1  # prctl's PR_CAPBSET_DROP, and what root has beyond others
    tmp_path.chmod(0o500)
    try:
        home = tmp_path.parent / (tmp_path.name + "-home")
        home.mkdir()
        headwise.ok("search", "--corpus", facts, "--query", "emma", "--no-rerank", env={"HEADWISE_HOME": home},
                    preexec=lambda: ctypes.CDLL(None).prctl(drop_from_bounding_set, may_write_everywhere, 0, 0, 0))
        assert len(list((home / "indexes").glob("facts.txt-*.bm25"))) == 1
    finally:
        tmp_path.chmod(0o700)


def test_the_engine_orders_what_was_found(headwise, facts):
    asked = ["--corpus", facts, "--query", "moon novel"]
    first = found(headwise, *asked)
    ranked = json.loads(headwise.ok("search", *asked, "--model", TINY, "--json"))
    assert {hit["id"] for hit in ranked["results"]} == {hit["id"] for hit in first}
    documents = json.dumps([{"id": hit["id"], "text": hit["text"]} for hit in first])
    alone = headwise.ok("rerank", "--query", "moon novel", "--documents", "-", "--model", TINY, "--json", stdin=documents)
    assert [(hit["id"], hit["score"]) for hit in ranked["results"]] == [(hit["id"], hit["score"]) for hit in json.loads(alone)["results"]]
    places = {hit["id"]: {"rank": hit["rank"], "score": hit["score"]} for hit in first}
    assert all(hit["first_stage"] == places[hit["id"]] for hit in ranked["results"])
    assert len(json.loads(headwise.ok("search", *asked, "--model", TINY, "--json", "--depth", "3", "--top-k", "1"))["results"]) == 1


def test_an_explained_answer(headwise, facts, tmp_path):
    asked = ["--corpus", facts, "--query", "who wrote the novel?", "--model", TINY]
    done = headwise("search", *asked, "--explain", "--report", "page.html")
    assert done.returncode == 0 and "page written to 'page.html'" in done.stderr
    assert "1  [" in done.stdout and "score" in done.stdout and "<html" in (tmp_path / "page.html").read_text()
    explained = json.loads(headwise.ok("search", *asked, "--explain", "--json"))
    assert explained["passages"][0]["tokens"]


def test_a_first_stage_run(headwise, facts, tmp_path):
    (tmp_path / "queries.tsv").write_text("q1\tmoon\nq2\tzebra\nq3\tnovel\n")
    lines = headwise.ok("search", "--corpus", facts, "--queries", "queries.tsv", "--no-rerank").splitlines()
    assert [line.split()[0] for line in lines] == ["q1"] * 3 + ["q3"] * 2
    headwise.ok("search", "--corpus", facts, "--queries", "queries.tsv", "--no-rerank", "--output", "run.trec", "--top-k", "1")
    assert [line.split()[:4] for line in (tmp_path / "run.trec").read_text().splitlines()] == [["q1", "Q0", lines[0].split()[2], "1"],
                                                                                          ["q3", "Q0", lines[3].split()[2], "1"]]


def test_a_question_that_nothing_answers(headwise, facts):
    for question in ("zebra", "the of and", "?!", ""):
        done = headwise("search", "--corpus", facts, "--query", question, "--json", "--model", TINY)
        assert done.returncode == 0 and json.loads(done.stdout)["results"] == [], question
        assert "no document has a word of the query" in done.stderr


@pytest.mark.parametrize("variables", [{"HEADWISE_SCORE": "minmax"}, {"HEADWISE_MIN_SCORE": "0.5"}, {"HEADWISE_INSTRUCTION": "Find."}])
def test_what_is_set_for_every_run_contradicts_nothing(headwise, facts, variables):
    asked = ["search", "--corpus", facts, "--query", "moon", "--model", TINY]
    assert found(headwise, "--corpus", facts, "--query", "moon")
    for more in (["--no-rerank"], ["--explain"]):
        assert headwise.ok(*asked, *more, env=variables)


def test_odd_text(headwise, tmp_path):
    texts = ["Ünïcödé NAÏVE 漢字 🐝", "x" * 5000 + " bee", "nul\0byte bee", "under_score"]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps({"id": str(place), "text": text}) + "\n" for place, text in enumerate(texts)))
    for question, expected in (("naïve", ["0"]), ("ÜNÏCÖDÉ", ["0"]), ("漢字", ["0"]), ("bee", ["1", "2"]), ("x" * 5000, []), ("under_score", ["3"]), ("score", [])):
        assert sorted(hit["id"] for hit in found(headwise, "--corpus", "odd.jsonl", "--query", question)) == expected, question
    assert found(headwise, "--corpus", "odd.jsonl", "--query", "nul")[0]["text"] == texts[2]


@pytest.mark.parametrize("status, flags, messages", [
    (2, [], ["--corpus is required"]),
    (2, ["--corpus", "facts.txt"], ["nothing to search for"]),
    (2, ["--corpus", "facts.txt", "--query", "a", "--queries", "q.tsv"], ["give one of the two"]),
    (2, ["--corpus", "facts.txt", "--queries", "q.tsv"], ["--no-rerank", "headwise rerank"]),
    (2, ["--corpus", "facts.txt", "--query", "a", "--no-rerank", "--explain"], ["--explain and --report need the engine"]),
    (2, ["--corpus", "facts.txt", "--query", "a", "--explain", "--format", "trec"], ["--format is for rankings"]),
    (2, ["--corpus", "facts.txt", "--query", "a", "--explain", "--score", "minmax"], ["--score and --min-score are for rankings"]),
    (2, ["--corpus", "facts.txt", "--query", "a", "--report", "p.html", "--min-score", "0"], ["an explanation splits raw scores"]),
    (2, ["--corpus", "facts.txt", "--query", "a", "--depth", "0"], ["--depth"]),
    (3, ["--corpus", "nowhere", "--query", "a"], ["there is no file or folder 'nowhere'"]),
    (3, ["--corpus", "empty", "--query", "a"], ["neither corpus.jsonl nor a text file"]),
    (3, ["--corpus", "blank.txt", "--query", "a"], ["no"]),
    (3, ["--corpus", "stop.txt", "--query", "a"], ["no word that could be searched for"]),
    (3, ["--corpus", "broken.jsonl", "--query", "a"], ["broken.jsonl"]),
    (3, ["--corpus", "latin", "--query", "a"], ["neither corpus.jsonl nor a text file", "1 not UTF-8 text (convert, e.g. with iconv) ('a.txt')"]),
    (3, ["--corpus", "facts.txt", "--queries", "nowhere.tsv", "--no-rerank"], ["nowhere.tsv"]),
    (3, ["--corpus", "facts.txt", "--query", "a", "--index", "nowhere/x.bm25"], ["the index cannot be opened or made: No such file or directory; --index names another place", "nowhere/x.bm25"]),
    (3, ["--corpus", "facts.txt", "--query", "a", "--index", "blank.txt/x.bm25"], ["cannot be opened or made: ", "; --index names another place", "blank.txt/x.bm25"]),
    (3, ["--corpus", "facts.txt", "--query", "moon", "--index", "facts.txt"], ["facts.txt"]),
])
def test_bad_input(headwise, facts, tmp_path, status, flags, messages):
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "a.txt").write_bytes(b"caf\xe9\n")
    (tmp_path / "blank.txt").write_text("\n\n")
    (tmp_path / "stop.txt").write_text("the of\nand\n")
    (tmp_path / "broken.jsonl").write_text('{"id": "a", "text": "b"}\n{"id": \n')
    kept = facts.read_bytes()
    stderr = headwise.fails(status, "search", *flags)
    for message in messages:
        assert message in stderr, stderr
    assert facts.read_bytes() == kept
    assert not [path for path in tmp_path.rglob("*building*")]


def test_a_damaged_index_is_named(headwise, facts, tmp_path):
    headwise.ok("search", "--corpus", facts, "--query", "emma", "--no-rerank")
    index = tmp_path / "facts.txt.bm25"
    index.write_bytes(index.read_bytes()[:100])
    assert "facts.txt.bm25" in headwise.fails(3, "search", "--corpus", facts, "--query", "emma", "--no-rerank")


def test_ctrl_c_leaves_nothing(headwise, tmp_path):
    with open(tmp_path / "large.txt", "w") as corpus:
        for place in range(200_000):
            corpus.write(f"word{place % 9973} of line {place} in a file that takes a while\n")
    process = headwise.start("search", "--corpus", "large.txt", "--query", "word", "--no-rerank")
    end = time.monotonic() + 60
    while not list(tmp_path.glob("*building*")) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(2)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and b"interrupted" in said
    assert [path.name for path in tmp_path.iterdir()] == ["large.txt"]
