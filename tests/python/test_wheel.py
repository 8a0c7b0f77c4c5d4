# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The wheel: what is in it, an empty environment with it, the examples of README and docs, types."""
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ENVIRONMENT, ROOT


@pytest.fixture(scope="module")
def wheel():
    found = sorted((ROOT / "build" / "wheel").glob("headwise-*.whl"))
    if len(found) != 1:
        pytest.skip("build/wheel holds no wheel; run scripts/test python")
    return found[0]


@pytest.fixture(scope="module")
def empty(wheel, tmp_path_factory):
    """An environment with the wheel and what it asks for, nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
    return python


def run(python, code, folder):
    return subprocess.run([python, "-c", code], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)


def indented_block(page: str, after: str) -> str:
    """The block of four-space lines that follows a text."""
    lines = page[page.index(after):].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("    "))
    end = next((number for number in range(start, len(lines)) if lines[number] and not lines[number].startswith("    ")), len(lines))
    return "\n".join(line[4:] for line in lines[start:end])


def fenced_blocks(page: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))


def test_contents(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("py.typed", "_core.pyi", "__init__.py", "fetch_model.py", "package_index.py", "pyterrier.py", "haystack.py", "ray.py",
                 "spark.py"):
        assert f"headwise/{name}" in names
    assert {"headwise/libheadwise_engine.so", "headwise/bin/headwise"} < set(names)
    assert sum(name.endswith(".so") for name in names) == 2
    assert not [name for name in names if not name.startswith(("headwise/", "headwise-"))]


def test_readme_example_in_an_empty_environment(empty, model, tmp_path):
    done = run(empty, indented_block((ROOT / "README.md").read_text(), "From Python (["), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Emma is a novel by Jane Austen.\n") and done.stdout.count("\n") == 1
    listed = subprocess.run([empty, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True).stdout
    assert {line.split("==")[0] for line in listed.split()} <= {"headwise", "numpy", "pip", "setuptools", "wheel"}


def test_an_extra_that_is_missing_says_so(empty, tmp_path):
    done = run(empty, "import headwise.langchain", tmp_path)
    assert done.returncode == 1 and "No module named 'langchain_core'" in done.stderr
    done = run(empty, "import headwise; headwise.Reranker(heads='0..0').rank_many([('a', ['b'])], progress=True)", tmp_path)
    assert done.returncode == 1 and "pip install headwise[progress]" in done.stderr


def test_fetch_model_comes_along(empty, model, tmp_path):
    done = subprocess.run([empty, "-m", "headwise.fetch_model"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith(".gguf\n"), done.stderr  # it is there: nothing is downloaded


def test_docs_examples(model, collection, tmp_path):
    code = fenced_blocks((ROOT / "docs" / "python.md").read_text())
    judged = tmp_path / "judged"
    shutil.copytree(collection, judged)
    (judged / "qrels").mkdir(exist_ok=True)
    (judged / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{place}\td{place % 6}\t1\n" for place in range(7)))
    code += f"\nassert len(whole_run({str(collection)!r})) == 7\nassert len(found_heads({str(judged)!r})['heads']) == 16\n"
    done = run(sys.executable, code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("1 ") and "{'year': 1815}" in done.stdout
    (collection / "reranked.trec").unlink()


def test_types(tmp_path):
    user = tmp_path / "user.py"
    user.write_text("import headwise\n"
                    "ranking = headwise.Reranker('smollm2', heads=[(1, 2)], fuse=0.7).rank('q', ['a', {'text': 'b'}, ('i', 'c')])\n"
                    "first: headwise.Hit = ranking[0]\n"
                    "name: str = first.score\n"  # wrong, and must be found
                    "grid = headwise.Reranker().head_scores('q', ['a']).grid()\n"
                    "reveal_type(grid)\n"
                    "headwise.Reranker(no_such=1)\n")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(user)],
                          capture_output=True, text=True, cwd=tmp_path)
    lines = [line for line in done.stdout.splitlines() if ": error:" in line or "Revealed" in line]
    assert len(lines) == 3, done.stdout
    assert "user.py:4" in lines[0] and "32Bit" in lines[1] and "no_such" in lines[2]


def test_the_package_is_typed_throughout(tmp_path):
    import headwise
    shutil.copytree(headwise.__path__[0], tmp_path / "headwise")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports",
                           "--cache-dir", str(tmp_path / "cache"), "headwise"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
