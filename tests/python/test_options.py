# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The Reranker's keywords are the table of options, which C++ keeps; and the package's modules import downwards."""
import ast
import graphlib
import inspect
import os
import pickle
import re
import typing
from pathlib import Path

import headwise
import pytest
from conftest import LOW, ROOT
from headwise import _core

ROWS = {option.keyword: option for option in _core.options() if not option.per_call}
TYPES = {"flag": bool, "integer": int | None, "number": float | None,
         "text": str | None, "word": str | None, "number or word": float | str | None,
         "size": int | str | None, "path": str | os.PathLike[str] | None}


def test_the_signature_is_the_table():
    parameters = inspect.signature(headwise.Reranker).parameters
    assert set(parameters) == set(ROWS)
    types = typing.get_type_hints(headwise.Reranker.__init__)
    for name, parameter in parameters.items():
        kind = ROWS[name].kind
        assert parameter.default is (False if kind == "flag" else None), name
        if name != "heads":  # pairs too
            assert types[name] == TYPES[kind], name
    assert [option.keyword for option in _core.options() if option.per_call] == ["top_k"]


def test_the_documents_list_them():
    page = (ROOT / "docs" / "python.md").read_text()
    listed = re.search(r"`Reranker\(([^)]*)\)`", page)
    assert listed
    assert set(re.findall(r"(\w+)=", listed.group(1))) == set(ROWS)


@pytest.mark.parametrize("name", ["no_such", "top_k", "max-words"])
def test_what_is_no_keyword(name):
    with pytest.raises(headwise.UsageError, match=f"there is no setting '{name}'"):
        _core.Engine({name: "1"})


@pytest.mark.parametrize("settings, says", [
    ({"max_words": "3"}, "max_words: expected a number, found str"),
    ({"max_words": True}, "max_words: expected a number, found bool"),
    ({"max_words": 2.0}, "max_words: expected a number, found float"),
    ({"seed": -1}, "seed: expected 0 or more; found '-1'"),
    ({"seed": 2**64}, "seed: expected a number that fits, at most 18446744073709551615; found '18446744073709551616'"),
    ({"threads": 1025}, "threads: expected 0 to 1024; found '1025'"),
    ({"min_score": "0.5"}, "min_score: expected a number, found str"),
    ({"min_score": float("nan")}, "min_score: expected a number; found 'nan'"),
    ({"min_score": True}, "min_score: expected a number, found bool"),
    ({"score": "Softmax"}, "score: expected one of raw, relevance, softmax, minmax; found 'Softmax'"),
    ({"encoding": "lists"}, "encoding: expected one of blocks, list; found 'lists'"),
    ({"fuse": float("nan")}, "fuse: expected a weight of the first stage such as 0.7, or rrf, or none; found 'nan'"),
])
def test_values_are_checked_by_the_table(settings, says):
    with pytest.raises(headwise.UsageError) as caught:
        headwise.Reranker(**settings)
    assert str(caught.value) == says


def test_values_arrive(model):
    numpy = pytest.importorskip("numpy")
    made = headwise.Reranker(Path(model), heads=LOW, encoding="list", calibration="none", rows="query", fuse=1, order="shuffled",
                             seed=numpy.int64(5), max_words=40, max_tokens=30, max_prompt_tokens=900, full_depth=True, threads=1,
                             weights="fp32")
    expected = {"heads": LOW, "encoding": "list", "calibration": "none", "rows": "query", "fuse": "1.0", "order": "shuffled", "seed": 5,
                "max-words": 40, "max-tokens": 30, "max-prompt-tokens": 900, "filter-after-sum": False, "top-k": 0}
    assert {name: made.settings[name] for name in expected} == expected
    assert pickle.loads(pickle.dumps(made)).settings == made.settings


def test_modules_import_downwards():
    """No circle, not even inside a function."""
    above: dict[str, set[str]] = {}
    for path in sorted((ROOT / "python" / "headwise").glob("*.py")):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.level == 1]
        above[path.stem] = {name for node in imports for name in ([node.module] if node.module else [alias.name for alias in node.names])}
    assert above["_reranker"] >= {"_runs", "_values"}
    graphlib.TopologicalSorter(above).prepare()  # raises CycleError
