# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What --model may be."""
import shutil

import pytest
from where import TINY

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


@pytest.mark.parametrize("start", ["~", "$HOME", "${HOME}"])
def test_home_where_no_shell_has_put_it(headwise, tmp_path, start):
    """In a variable, a settings file, quotes, or behind a flag and "="."""
    env = {"HOME": tmp_path / "me"}
    shutil.copytree(TINY, tmp_path / "me" / "models" / "tiny")
    (tmp_path / "me" / "p.txt").write_text("a\nb\n")
    (tmp_path / "settings.toml").write_text(f'[rerank]\nmodel = "{start}/models/tiny"\ndocuments = "{start}/p.txt"\n')
    expected = headwise.ok("rerank", "--query", "q", "--documents", tmp_path / "me" / "p.txt", "--model", tmp_path / "me" / "models" / "tiny", "--format", "trec", env=env)
    for words, more in (([f"--model={start}/models/tiny", f"--documents={start}/p.txt"], {}),
                        (["--model", f"{start}/models/tiny", "--documents", f"{start}/p.txt"], {}),
                        ([f"--documents={start}/p.txt"], {"HEADWISE_MODEL": f"{start}/models/tiny"}),
                        (["--config", tmp_path / "settings.toml"], {})):
        assert headwise.ok("rerank", "--query", "q", "--format", "trec", *words, env={**env, **more}) == expected, words
    assert headwise.ok("rerank", "--query", "q", f"--model={start}/models/tiny", f"--documents={start}/p.txt", f"--output={start}/out.trec", "--format", "trec", env=env) == ""
    assert (tmp_path / "me" / "out.trec").read_text() == expected
    # A question is a question.
    shown = headwise.ok("rerank", "--query", f"{start}/p.txt", f"--model={start}/models/tiny", f"--documents={start}/p.txt", "--json", env=env)
    assert f'"query":"{start}/p.txt"' in shown


def test_a_folders_own_file_stands_for_it(headwise):
    rank = ["rerank", "--query", "q", "--documents", "-", "--format", "trec", "--model"]
    whole = headwise.ok(*rank, TINY, stdin="a\nb\n")
    for name in ("config.json", "model.safetensors"):
        assert headwise.ok(*rank, TINY / name, stdin="a\nb\n") == whole


@pytest.mark.parametrize("name, says, silent", [
    ("/nowhere/x.gguf", "no such file or folder; expected a .gguf file, a folder with config.json", "holds"),
    ("./x", "no such file or folder; expected a .gguf file", "holds"),
    ("~/x.gguf", "/x.gguf': no such file or folder; expected a .gguf file", "holds"),
    ("$MODELS/x", "no such file or folder; expected", "holds"),
    ("~nobody-of-this-name/x", "no such file or folder; expected", "holds"),
    ("Nobody/Qwen-of-Tomorrow", "`hf download Nobody/Qwen-of-Tomorrow` brings it", "ollama"),
    ("Nobody/Qwen-of-Tomorrow:Q4_K_M", "`hf download Nobody/Qwen-of-Tomorrow` brings it", "ollama"),
    ("qwen-of-tomorrow:0.6b", "`ollama pull qwen-of-tomorrow:0.6b` brings it", "hf download"),
    ("it's of tomorrow", "holds SmolLM2-135M-Instruct.Q4_1.gguf", "brings it"),
    ("", "--model: expected a value; found none: leave it out", "holds"),
])
def test_a_model_that_is_missing(headwise, home, name, says, silent):
    stderr = headwise.fails(3 if name else 2, *ONE_PASSAGE, "--model", name, stdin="a\n", env={"HEADWISE_HOME": home})
    assert says in stderr and silent not in stderr
