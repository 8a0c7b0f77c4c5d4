# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The installed tree is usable: the example builds against it alone, runs, and ranks as the installed binary does."""
import json
import shutil

import pytest

from conftest import ROOT, must_run, run


@pytest.fixture(scope="module")
def prefix(build, tmp_path_factory):
    """An install, moved after the fact: nothing in it may depend on the folder it was installed to."""
    first = tmp_path_factory.mktemp("install") / "first"
    must_run("cmake", "--build", build, "--target", "headwise_shared", "headwise_cli")
    must_run("cmake", "--install", build, "--prefix", first)
    moved = first.with_name("moved")
    first.rename(moved)
    return moved


@pytest.fixture(scope="module")
def example(prefix, tmp_path_factory):
    source = tmp_path_factory.mktemp("example") / "source"
    shutil.copytree(ROOT / "examples" / "01_library", source)  # outside the checkout: no header of it is in reach
    must_run("cmake", "-S", source, "-B", source / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
             "-DCMAKE_CXX_FLAGS=-Wall -Werror", "-DCMAKE_BUILD_TYPE=Release")
    must_run("cmake", "--build", source / "build")
    return source / "build" / "rerank_five"


def example_passages():
    """The passages as the example's source has them, so that the binary is asked the very same thing."""
    source = (ROOT / "examples" / "01_library" / "rerank_five.cc").read_text()
    rows = [line.split('"')[1::2] for line in source.splitlines() if "{.id = " in line]
    assert len(rows) == 5 and all(len(row) == 3 for row in rows), rows
    return [{"id": row[0], "text": row[2]} for row in rows]


def test_installed_files(prefix):
    assert (prefix / "bin" / "headwise").is_file()
    headers = {path.name for path in (prefix / "include" / "headwise").iterdir()}
    assert headers == {path.name for path in (ROOT / "include" / "headwise").iterdir()}
    libraries = [path.name for path in prefix.rglob("*.a")] + [path.name for path in prefix.rglob("*.so")]
    assert libraries == ["libheadwise.so"]


def test_nothing_points_back_at_the_build(prefix, build):
    for path in prefix.rglob("*"):
        if path.suffix in (".cmake", ".h"):
            assert str(ROOT) not in path.read_text(), path
    for binary in (prefix / "bin" / "headwise", next(prefix.rglob("libheadwise.so"))):
        dynamic = must_run("readelf", "--dynamic", binary)
        assert str(build) not in dynamic and str(ROOT) not in dynamic, dynamic


def test_library_exports_only_its_own_namespace(prefix):
    symbols = must_run("nm", "--dynamic", "--demangle", "--defined-only", next(prefix.rglob("libheadwise.so")))
    names = [line.split(" ", 2)[2] for line in symbols.splitlines()]
    assert any(name.startswith("headwise::Reranker::rank(") for name in names)
    assert [name for name in names if "headwise::" not in name] == []


def test_a_newer_version_is_not_claimed(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES CXX)\n"
                                             "find_package(headwise 0.2 REQUIRED CONFIG)\n")
    done = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    assert done.returncode == 1 and "compatible with requested version" in done.stderr


def test_example_ranks_like_the_binary(example, prefix, model, tmp_path):
    lines = [line.split("\t") for line in must_run(example, model).splitlines()]
    scores = [float(score) for score, _ in lines]
    assert len(lines) == 5 and scores == sorted(scores, reverse=True) and len(set(scores)) == 5
    documents = tmp_path / "passages.jsonl"
    documents.write_text("".join(json.dumps(passage) + "\n" for passage in example_passages()))
    answer = json.loads(must_run(prefix / "bin" / "headwise", "rerank", "--heads", "all", "--model", model, "--precision", "fp32", "--documents", documents,
                                 "--query", "Who wrote the novel Emma?", "--format", "jsonl"))
    binary = [(result["id"], result["score"]) for result in answer["results"]]
    assert [name for _, name in lines] == [name for name, _ in binary]
    assert scores == pytest.approx([score for _, score in binary], rel=1e-5)


def test_example_reports_errors(example, tmp_path):
    assert run(example).returncode == 2
    missing = run(example, tmp_path / "missing.gguf")
    assert missing.returncode == 3 and "missing.gguf" in missing.stderr and missing.stdout == ""
