# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The scripts: set-up is silent when there is nothing to do, the demo shows what it promises, the checks can fail."""
import csv
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT, must_run, run

sys.path.insert(0, str(ROOT / "scripts"))
import check_docs  # noqa: E402
import check_includes  # noqa: E402
import check_reach  # noqa: E402
import check_tree  # noqa: E402
import function_lengths  # noqa: E402
import program_flags  # noqa: E402
import test_reports  # noqa: E402
import tree  # noqa: E402


def demo_questions():
    with open(ROOT / "examples" / "demo" / "questions.tsv", encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def test_second_setup_is_silent_and_quick():
    start = time.monotonic()
    assert must_run(ROOT / "scripts" / "setup", "packages", "python", "model") == ""
    assert time.monotonic() - start < 10  # about 0.3 s on an idle machine


def test_setup_names_an_unknown_step():
    done = run(ROOT / "scripts" / "setup", "everything")
    assert done.returncode == 2 and "unknown step 'everything'" in done.stderr and "packages" in done.stderr


def test_demo_files():
    questions = demo_questions()
    assert len(questions) >= 3
    for row in questions:
        lines = (ROOT / "examples" / "demo" / row["file"]).read_text(encoding="utf-8").splitlines()
        passages = [json.loads(line) for line in lines]
        ids = [passage["id"] for passage in passages]
        assert len(passages) == 20 == len(set(ids)), row["file"]
        assert all(40 <= len(passage["text"].split()) <= 80 for passage in passages), row["file"]
        # The given order is bad on purpose: no answer in the first half.
        assert all(ids.index(answer) >= 10 for answer in row["answered by"].split(", ")), row["file"]


def test_demo_shows_every_question(build, model):
    if build != ROOT / "build" / "release":
        pytest.skip("scripts/demo builds and runs build/release")
    shown = must_run(ROOT / "scripts" / "demo", "--threads", "2")
    for row in demo_questions():
        assert row["question"] in shown
    tables = shown.split("  as given (")[1:]
    assert len(tables) == len(demo_questions())
    for table in tables:
        for needed in ("stand at", "rank  was", "█", "read ", "tokens/s"):
            assert needed in table, (needed, table)
        places = sorted(int(was) for was in re.findall(r"^ *\d+ +(\d+)  [▲▼=]", table, re.MULTILINE))
        assert places == list(range(1, 21)), table


@pytest.fixture
def small_tree(tmp_path, monkeypatch):
    """Writes files into an empty repository that the checks then look at."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setattr(tree, "ROOT", tmp_path)

    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tree.files()

    return write


LICENCE = "// SPDX-License-Identifier: Apache-2.0\n// SPDX-FileCopyrightText: headwise contributors\n"


@pytest.mark.parametrize("files, complaint", [
    ({"src/base/a.cc": '#include "model/b.h"\n', "src/model/b.h": ""}, 'base includes "model/b.h" of the higher folder model'),
    ({"src/base/a.cc": '#include "headwise/reranker.h"\n', "include/headwise/reranker.h": ""}, "of the higher folder rerank"),
    ({"include/headwise/error.h": '#include "base/a.h"\n', "src/base/a.h": ""}, "includes the private"),
    ({"include/headwise/error.h": "#include <nlohmann/json.hpp>\n"}, "may be included from"),
    ({"src/rerank/a.cc": "#include <lmdb.h>\n"}, "may be included from passages only"),
    ({"src/model/a.cc": '#include "nowhere.h"\n'}, "is not a file of this project"),
    ({"include/headwise/brand_new.h": ""}, "give it a stratum"),
    ({"src/attic/a.cc": ""}, "is not in STRATA"),
    ({"src/eval/a.cc": '#include "unit/b.h"\n', "tests/unit/b.h": ""}, "of tests/"),
    ({"examples/1/a.cc": '#include "base/a.h"\n', "src/base/a.h": ""}, "public headers only"),
    ({"src/base/a.cc": '#include "base/b.cc"\n', "src/base/b.cc": ""}, "is a source file"),
])
def test_include_check_finds(small_tree, files, complaint):
    found = [line for path in small_tree(files) for line in check_includes.violations(path)]
    assert len(found) == 1 and complaint in found[0], found


def test_include_check_accepts_what_points_down(small_tree):
    files = {"src/model/a.cc": '#include "base/b.h"\n#include "headwise/error.h"\n#include <vector>\n', "src/base/b.h": "",
             "include/headwise/error.h": "#include <tl/expected.hpp>\n", "tests/unit/t.cc": '#include "base/b.h"\n'}
    assert [line for path in small_tree(files) for line in check_includes.violations(path)] == []


HALF = "int half(int number);\nstruct Half {\n};\n"


@pytest.mark.parametrize("used, missing", [
    ("int four() { return half(8); }\n", ["half"]),
    ("bool same(const Half& a);\n", ["Half"]),
    ('#include "base/around.h"\nint four() { return half(8) + (Half(), 0); }\n', []),
    ("int four(Number number) { return number.half(8) + other::half(8); } // half(8)\n", []),
    ("int half(int number) { return number; }\nint four() { return half(8); }\n", []),
])
def test_reach_check_finds_names_without_their_header(small_tree, used, missing):
    for kept in (check_reach.code, check_reach.includes, check_reach.declared):
        kept.cache_clear()  # each case is another tree
    found = check_reach.missing(small_tree({"src/base/half.h": HALF, "src/base/around.h": '#include "base/half.h"\n', "src/base/a.cc": used}))
    assert [line.split(",")[0] for line in found] == [f"src/base/a.cc: names {name}" for name in missing], found


@pytest.mark.parametrize("files, complaint", [
    ({"src/base/a.cc": "int x;\n"}, "SPDX"),
    ({"src/base/a.cc": LICENCE + "using std::vector;\nint x;\n"}, "names what nothing uses"),
    ({"src/base/a.cc": LICENCE + "namespace fs = std::filesystem;\nint x;\n"}, "names what nothing uses"),
    ({"docs/a.md": "see /" + "home/me/notes\n"}, "names one machine"),
    ({"docs/a.md": "from https://" + "pypi" + ".org/simple\n"}, "names one machine or one registry"),
    ({"src/base/a.cc": LICENCE + "// TO" + "DO later\n"}, "needs an issue number"),
])
def test_tree_check_finds(small_tree, files, complaint):
    found = [line for path in small_tree(files) for line in check_tree.violations(path)]
    assert len(found) == 1 and complaint in found[0], found


def test_tree_check_finds_a_type_that_is_defined_twice(small_tree):
    front, end = LICENCE + "namespace headwise {\n", "}  // namespace headwise\n"
    hidden = front + "namespace {\nstruct Reading {\n};\n}  // namespace\n" + end
    files = {"src/engine/a.h": front + "struct Reading {\n};\n" + end, "src/rerank/b.h": front + "class Reading final : public Other {\n};\n" + end,
             "src/heads/c.cc": hidden, "src/model/d.cc": front + "struct Model::Reading {\n};\n" + end}
    found = check_tree.defined_twice(small_tree(files))
    assert len(found) == 1 and "src/rerank/b.h:4: 'headwise::Reading' is defined at src/engine/a.h:4 too" in found[0], found


def test_tree_check_accepts_a_good_file(small_tree):
    files = {"src/base/a.cc": LICENCE + "// TO" + "DO(#12) later\nusing std::size_t;\nsize_t x;\n", "docs/a.md": "plain words\n"}
    assert [line for path in small_tree(files) for line in check_tree.violations(path)] == []


MAIN = '''constexpr std::array kVerbs{Verb{"rerank", "Order passages", add_rerank}, Verb{"heads show", "Draw", add_heads_show}};'''
SMALL = {
    "docs/method.md": "# Method\n\n## Scores\n\nSums.\n",
    "apps/main.cc": MAIN,
    "apps/rerank.cc": '#include "common/flags.h"\nAction add_rerank(CLI::App& verb) {\n  verb.add_flag("--json");\n}\n',
    "apps/heads_show.cc": "Action add_heads_show(CLI::App& verb) {\n}\n",
    "apps/common/flags.h": "", "apps/common/flags.cc": 'add("--heads", "Heads");\n',
    "scripts/setup": "step_model() { :; }\n",
    "scripts/plot.py": 'parser.add_argument("--output")\n',
}


@pytest.fixture
def small_docs(small_tree):
    """What the check of documents says of a small tree with these files in it."""
    def forget():
        for module in (check_docs, program_flags):
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()

    def said(files):
        forget()
        paths = small_tree({**SMALL, **files})
        return [line for path in paths for line in check_docs.violations(path)]

    yield said
    forget()


@pytest.mark.parametrize("files, complaint", [
    ({"docs/a.md": "It is in `src/base/gone.h`.\n", "src/base/b.h": ""}, "there is no 'src/base/gone.h'"),
    ({"docs/a.md": "It is in `base/gone`.\n", "src/base/b.h": ""}, "there is no 'base/gone'"),
    ({"docs/a.md": "It is in gone.cc.\n"}, "no file named 'gone.cc'"),
    ({"src/base/b.h": "// See docs/gone.md.\n"}, "there is no 'docs/gone.md'"),
    ({"src/base/b.h": "// See docs/method.md#score.\n"}, "no heading 'score'; it has: method, scores"),
    ({"src/base/b.h": "// The sums of\n// docs/method.md,\n// section 3.\n"}, "b.h:3: 'section 3': cite our documents by anchor"),
    ({"src/base/b.h": '// A. Author 2024.\nfail("see docs/method.md#" "score");\n'}, "no heading 'score'"),
    ({"scripts/b.py": '"""Plots (docs/method.md, "Losses")."""\n'}, "no heading 'Losses'"),
    ({"docs/a.md": "[here](gone.md)\n"}, "the link leads to 'gone.md'"),
    ({"docs/a.md": "[here](method.md#score)\n"}, "method.md has no heading 'score'"),
    ({"docs/a.md": "    build/release/headwise rank --json\n"}, "headwise has no verb 'rank'"),
    ({"docs/a.md": "    headwise heads draw\n"}, "headwise has no verb 'heads draw'"),
    ({"docs/a.md": "    headwise rerank --json \\\n        --head 1\n"}, "headwise rerank has no flag '--head'"),
    ({"docs/a.md": "    headwise heads show --json\n"}, "headwise heads show has no flag '--json'"),
    ({"src/base/b.h": "// As `rerank --head` does.\n"}, "headwise rerank has no flag '--head'"),
    ({"docs/a.md": "With `--heat` it is warm.\n"}, "none of our programs has a flag '--heat'"),
    ({"docs/a.md": "    python3 scripts/plot.py --out x\n"}, "scripts/plot.py has no flag '--out'"),
    ({"docs/a.md": "    python3 scripts/gone.py --output x\n"}, "there is no 'scripts/gone.py'"),
    ({"docs/a.md": "    headwise rerank --heads scripts/heads.json\n"}, "there is no 'scripts/heads.json'"),
    ({"docs/a.md": "    scripts/setup models\n"}, "scripts/setup knows no 'models'"),
    ({"docs/a.md": "    build/release/headwise_plot x\n"}, "CMake builds no 'headwise_plot'"),
    ({"docs/a.md": "Set HEADWISE_HEAT.\n"}, "nothing reads 'HEADWISE_HEAT'"),
    ({"docs/a.md": "A `HeatPump` does it.\n"}, "the code has no 'HeatPump'"),
    ({"docs/a.md": "The function `warm_up(x)` does it.\n"}, "the code has no 'warm_up'"),
    ({"docs/a.md": "| a | b |\n| --- | --- |\n| `x|y` | z |\n"}, "a.md:3: 3 cells; the table's head has 2"),
    ({"docs/a.md": "word " * 23 + "\n"}, "115 columns; documents wrap at 110"),
])
def test_documents_check_finds(small_docs, files, complaint):
    found = small_docs(files)
    assert complaint in " ".join(found) and len({line.split(": ")[0] for line in found}) == 1, found


def test_documents_check_knows_the_rooms(small_docs):
    small_docs({"docs/architecture.md": "| folder | what |\n| `src/model/` | is |\n", "src/model/a.h": "", "src/base/b.h": ""})
    assert check_docs.wrong_rooms() == ["docs/architecture.md: its table of folders has model; expected model, base"]


def test_documents_check_knows_the_options(small_docs):
    small_docs({"docs/options.md": "| `--heads` | all |\n| `--heat` | warm |\n",
                "apps/common/engine_flags.cc": 'add("--heads", "Heads");\nadd("--rows", "Rows");\n'})
    assert check_docs.wrong_options() == ["docs/options.md: the option '--rows' has no row",
                                          "docs/options.md: there is no option '--heat'"]


def test_documents_check_accepts_what_is_there(small_docs):
    assert small_docs({
        "docs/a.md": "# A\n\nSee [scores](method.md#scores), `base/b`, `tests/unit/AREA`, b.{h,cc}, a/b/c and `RankedList`; `--heads`\n"
                     "of `rerank --json` is HEADWISE_HEADS. Chen et al. 2025, section 3.3. h[d](j)\n\n"
                     "    HEADWISE_HEADS=1 headwise rerank --json --heads 13-18 | sort -n    # --any\n\n"
                     "    headwise heads show; scripts/setup model; python3 scripts/plot.py --output FILE\n\n"
                     "| " + "wide " * 40 + "|\n",
        "src/base/b.h": '// The sums of docs/method.md#scores; "http://a/b"; openai/gpt-2/src/encoder.py, RFC 9110 section 4.\nclass RankedList;\n',
        "src/base/b.cc": "",
    }) == []


JUNIT = """<testsuites><testsuite name="s">
<testcase classname="C" name="ran" status="run" result="completed"/>
<testcase classname="C" name="lacks" status="run" result="skipped"><skipped message="tests/a_test.cc:12&#x0A;no model here"/></testcase>
<testcase classname="C" name="cannot" status="run" result="skipped"><skipped message="tests/a_test.cc:13&#x0A;hardware: no AVX-512"/></testcase>
<testcase classname="C" name="elsewhere"><skipped type="pytest.skip" message="shared: there is no folder">a.py:3: shared</skipped></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("no_skips, shared, failed", [
    (False, True, []), (False, False, []),
    (True, False, ["C.lacks: skipped: no model here"]),
    (True, True, ["C.lacks: skipped: no model here", "C.elsewhere: skipped: shared: there is no folder"]),
])
def test_a_skip_is_a_failure_unless_it_is_excused(tmp_path, monkeypatch, no_skips, shared, failed):
    (tmp_path / "junit.xml").write_text(JUNIT)
    monkeypatch.setattr(test_reports, "no_skips", no_skips)
    monkeypatch.setenv("HEADWISE_SHARED", str(tmp_path if shared else tmp_path / "none"))
    counts = test_reports.case_counts(tmp_path / "junit.xml", "x")
    assert (counts.passed, counts.failed, counts.skipped) == (1, len(failed), 3 - len(failed))
    assert [note for note in counts.notes if note.startswith("failed")] == [f"failed: x: {note}" for note in failed]


def test_a_failure_stands_under_its_name_in_its_own_words(tmp_path):
    (tmp_path / "junit.xml").write_text("""<testsuites><testsuite name="s"><testcase classname="C" name="bad" status="run">
<failure message="a_test.cc:7&#x0A;Expected equality&#x0A;  Which is: 3" type=""/><failure message="a_test.cc:9&#x0A;and this"/></testcase>
</testsuite></testsuites>""")
    counts = test_reports.case_counts(tmp_path / "junit.xml", "x")
    assert counts.notes == ["failed: x: C.bad\n      | a_test.cc:7\n      | Expected equality\n      |   Which is: 3\n      | a_test.cc:9\n      | and this"]


def test_include_check_counts_joined_rooms(small_tree):
    files = {"src/model/a.cc": '#include "base/b.h"\n#include "base/c.h"\n#include "headwise/qrels.h"\n', "src/base/b.h": "", "src/base/c.h": "",
             "include/headwise/qrels.h": '#include "headwise/error.h"\n', "include/headwise/error.h": "", "apps/d.cc": '#include "base/b.h"\n'}
    assert check_includes.joined(small_tree(files)) == {("model", "base"), ("model", "formats"), ("formats", "base")}


LONG_CPP = """namespace a {
struct S { int x = f({1}); };
enum class E { kA, kB };
const std::vector<int> kTable = {{1, 2}, {3}};
S::S(int a, int b) : x_{a}, y_(b) {
  // } in a comment, and in "a string {"
  const char* text = "}{"; char sign = '}'; const int big = 1'000;
#define OPEN {
  const auto inner = [&] { if (a) { return 1; } return 2; };
}
template <typename T>
auto S::get(const T& key) const noexcept -> std::vector<T> {
  return R"({{{)";
}
TEST(Area, Name) {
}
}  // namespace a
int last(int x) { return x; }
"""


def test_functions_are_found_by_their_braces():
    found = function_lengths.functions(Path("a.cc"), LONG_CPP)
    assert found == [("S::S", 5, 6), ("S::get", 11, 4), ("TEST", 15, 2), ("last", 18, 1)]


@pytest.mark.parametrize("name, text, complaint", [
    ("src/base/a.cc", LICENCE + "\n" * 399, "src/base/a.cc: 401 lines"),
    ("src/base/a.cc", "int f() {\n" + "\n" * 79 + "}\n", "src/base/a.cc:1: f has 81 lines"),
    ("scripts/a.py", "x = 1\ndef f():\n" + "    y = 1\n" * 80, "scripts/a.py:2: f has 81 lines"),
])
def test_what_is_too_long_is_named(small_tree, name, text, complaint):
    (path,) = small_tree({name: text})
    found = check_tree.too_long(path)
    assert len(found) == 1 and found[0].startswith(complaint), found
    (path,) = small_tree({name: "\n".join(text.split("\n")[:2] + text.split("\n")[3:])})  # a line less
    assert check_tree.too_long(path) == []


def project_modules() -> set[str]:
    return {path.stem for folder in ("scripts", "tests", "bench") for path in (ROOT / folder).rglob("*.py")}


# Those that answer requests on stdin have no flags to ask for.
@pytest.mark.parametrize("script", sorted(str(path.relative_to(ROOT)) for kind in ("races", "quality") for path in (ROOT / "bench" / kind).glob("*.py")
                                          if not path.stem.startswith("worker_") and "__main__" in path.read_text()))
def test_a_measuring_script_finds_what_it_imports(script, tmp_path):
    done = run(sys.executable, ROOT / script, "--help", cwd=tmp_path, timeout=60)
    missing = re.search(r"No module named '(\w+)'", done.stderr)
    if missing:  # a contender's package, which not every machine has
        assert missing.group(1) not in project_modules(), done.stderr
    else:
        assert done.returncode == 0 and "usage:" in done.stdout, done.stderr
    assert not list(tmp_path.iterdir())
