# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What --model may be."""
import pytest

ONE_PASSAGE = ["rerank", "--query", "q", "--documents", "-", "--json"]


@pytest.fixture(autouse=True)
def no_models(home):
    """Things beside the model that are none."""
    (home / "models" / "no-model").mkdir()
    (home / "models" / "notes.txt").write_text("not a model")


@pytest.mark.parametrize("name", [None, "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1",
                                  "SmolLM2-135M-Instruct.Q4_1.gguf", "home/models/SmolLM2-135M-Instruct.Q4_1.gguf"])
def test_names_of_a_model(headwise, home, name):
    assert headwise.ok(*ONE_PASSAGE, *([] if name is None else ["--model", name]), stdin="a\nb\n",
                       env={"HEADWISE_HOME": home})


def test_an_unknown_name_lists_what_is_there(headwise, home):
    stderr = headwise.fails(3, *ONE_PASSAGE, "--model", "smollm2-135m-instrukt", stdin="a\n", env={"HEADWISE_HOME": home})
    assert "no model 'smollm2-135m-instrukt'" in stderr
    assert f"'{home}/models' holds SmolLM2-135M-Instruct.Q4_1.gguf" in stderr
    assert "did you mean 'smollm2-135m-instruct'?" in stderr
    assert "scripts/setup" in stderr
    assert "notes.txt" not in stderr and "no-model" not in stderr


def test_a_name_that_fits_two_models(headwise, home):
    (home / "models" / "SmolLM2-135M-Instruct-Q8_0.gguf").write_bytes(b"")
    stderr = headwise.fails(2, *ONE_PASSAGE, "--model", "smollm2-135m-instruct", stdin="a\n", env={"HEADWISE_HOME": home})
    assert "fits several models" in stderr and "Q8_0" in stderr and "Q4_1" in stderr


def test_no_default_model(headwise, tmp_path):
    stderr = headwise.fails(3, *ONE_PASSAGE, stdin="a\n", env={"HEADWISE_HOME": tmp_path / "nowhere"})
    assert "the default model SmolLM2-135M-Instruct.Q4_1.gguf is not there" in stderr
    assert f"'{tmp_path}/nowhere/models' does not exist" in stderr and "scripts/setup" in stderr
    (tmp_path / "empty" / "models").mkdir(parents=True)
    stderr = headwise.fails(3, *ONE_PASSAGE, stdin="a\n", env={"HEADWISE_HOME": tmp_path / "empty"})
    assert "holds no model" in stderr
