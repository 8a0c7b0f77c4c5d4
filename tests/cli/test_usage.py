# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Verbs, flags, help, the environment, settings files: what happens before any work."""
import json
import re
import shutil
import subprocess

import pytest
import where

VERBS = ["rerank", "search", "explain", "eval", "models", "inspect", "tokenize", "bench"]


def test_version(headwise):
    first, *licences = headwise.ok("--version").splitlines()
    assert re.fullmatch(r"headwise \d+\.\d+\.\d+", first)
    assert "Apache-2.0" in licences[0] and any(re.fullmatch(r"  LMDB +OLDAP-2.8", line) for line in licences)


def test_help_lists_every_verb(headwise):
    text = headwise.ok("--help")
    for verb in VERBS:
        assert re.search(rf"^\s+{verb}\s+\w", text, re.M), verb


def example_of(headwise, verb: str) -> str:
    text = headwise.ok(verb, "--help")
    assert "Usage: headwise " + verb in text
    found = re.search(r"^Example:\n  (.+)$", text, re.M)
    assert found, f"{verb} --help has no example"
    return found.group(1)


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_the_help_runs(headwise, home, tmp_path, verb):
    # The files that eval's example speaks of.
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td1\t2\n")
    (tmp_path / "bm25.trec").write_text("q1 Q0 d1 1 2.0 a\nq1 Q0 d2 2 1.0 a\nq2 Q0 d2 1 2.0 a\nq2 Q0 d1 2 1.0 a\n")
    (tmp_path / "reranked.trec").write_text("q1 Q0 d1 1 2.0 b\nq2 Q0 d1 1 1.0 b\n")
    # `headwise` in the example is found through PATH.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "headwise").symlink_to(headwise.binary)
    done = subprocess.run(["sh", "-c", f'PATH="{tmp_path}/bin:$PATH"\n' + example_of(headwise, verb)], cwd=tmp_path,
                          env=headwise.environment({"HEADWISE_HOME": home}), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_no_verb(headwise):
    done = headwise()
    assert done.returncode == 2 and done.stdout == ""
    assert "no verb was given" in done.stderr


@pytest.mark.parametrize("arguments, message, hint", [
    (["rernk"], "unknown verb 'rernk'", "did you mean 'rerank'?"),
    (["rerank", "--encodng", "list"], "unknown flag '--encodng'", "did you mean '--encoding'?"),
    (["rerank", "--top_k=3"], "unknown flag '--top_k'", "did you mean '--top-k'?"),
    (["serve", "--score-scale", "minmax"], "unknown flag '--score-scale'", "did you mean '--score'?"),
    (["rerank", "--query", "a", "--query", "b"], "--query: expected once, found 2 times", "headwise rerank --help"),
    (["rerank", "--max-words", "1", "--max-words=2", "--max-words", "3"], "--max-words: expected once, found 3 times", "headwise rerank --help"),
    (["serve", "--cors", ""], "--cors: expected a value; found none: leave it out where nothing is meant", "headwise serve --help"),
    (["rerank", "--output", ""], "--output: expected a value; found none", "headwise rerank --help"),
    (["inspect", ""], "expected a value; found none", "headwise inspect --help"),
    (["rerank", "surplus"], "unexpected word 'surplus'", "headwise rerank --help"),
    (["bench", "--xyzzy"], "unknown flag '--xyzzy'", "headwise bench --help"),
    (["rerank", "--encoding", "lists"], "--encoding: expected one of blocks, list; found 'lists'", "headwise rerank --help"),
    (["rerank", "--encoding", ""], "--encoding: expected a value; found none", "headwise rerank --help"),
    (["rerank", "--max-words", "many"], "--max-words: expected a whole number; found 'many'", "headwise rerank --help"),
    (["serve", "--threads", "1025"], "--threads: expected 0 to 1024; found '1025'", "headwise serve --help"),
    (["search", "--corpus", "c", "--top-k", "-1"], "--top-k: expected 0 or more; found '-1'", "headwise search --help"),
    (["rerank", "--depth", "-3"], "--depth: expected a whole number, 0 or more; found '-3'", "headwise rerank --help"),
    (["rerank", "--skip", "1.5"], "--skip: expected a whole number, 0 or more; found '1.5'", "headwise rerank --help"),
    (["rerank", "--queries", "99999999999"], "--queries: expected a whole number, 0 or more, at most 2147483647", "rerank --help"),
    (["rerank", "--format", "xml"], "--format: expected one of table, jsonl, trec, msmarco, rankllm; found 'xml'", "rerank --help"),
    (["eval", "--qrels", "x", "--run", "y", "--relevance-level", "0"], "--relevance-level: expected a whole number, 1 or more; found '0'", "eval"),
    (["eval", "--qrels", "x", "--run", "y", "--samples", "7"], "--samples: expected a whole number, 100 to 100000000; found '7'", "eval"),
    (["serve", "--port", "70000"], "--port: expected a whole number, 0 to 65535; found '70000'", "serve --help"),
    (["serve", "--drain-seconds", "nan"], "--drain-seconds: expected 0 to 86400; found 'nan'", "serve --help"),
    (["bench", "--repeat", "0"], "--repeat: expected a whole number, 1 to 10000; found '0'", "bench --help"),
    (["route", "label", "--sample", "2"], "--sample: expected 0.05 to 1; found '2'", "route label --help"),
    (["heads", "select", "--temperature", "0"], "--temperature: expected a number above 0; found '0'", "heads select --help"),
    (["heads", "select", "--seed", "abc"], "--seed: expected a number; found 'abc'", "heads select --help"),
    (["--top-k", "3", "rerank"], "'--top-k' belongs behind the verb: headwise rerank --top-k", "rerank --help"),
    (["--store", "s", "heads", "show"], "'--store' belongs behind the verb: headwise heads show --store", "heads show --help"),
    (["--encodng", "list", "rerank"], "unknown flag '--encodng'", "did you mean '--encoding'?"),
    (["rerank", "--query"], "--query", "headwise rerank --help"),
])
def test_bad_usage(headwise, arguments, message, hint):
    stderr = headwise.fails(2, *arguments)
    assert message in stderr.splitlines()[0]
    assert hint in stderr


@pytest.mark.parametrize("arguments, message", [
    (["--query", "a"], "--query needs --documents"),
    (["--documents", "a.txt"], "--documents needs --query"),
    (["--dataset", "set"], "--dataset needs --run"),
    (["--query", "a", "--documents", "a.txt", "--run", "b.trec"], "give one of the two"),
    (["--query", "a", "--documents", "a.txt", "--shard", "1/2"], "--shard is for data sets"),
    (["--query", "a", "--documents", "a.txt", "--restart"], "--restart is for data sets"),
    (["--run", "b.trec", "--restart"], "--restart needs --output"),
    (["--run", "b.trec", "--format", "table"], "--format table is for one query"),
    (["--run", "b.trec", "--shard", "3/2"], "expected i/n with 1 <= i <= n"),
    (["--run", "b.trec", "--shard", "0/2"], "expected i/n with 1 <= i <= n"),
    (["--run", "b.trec", "--shard", "half"], "expected i/n with 1 <= i <= n"),
])
def test_contradictions(headwise, arguments, message):
    assert message in headwise.fails(2, "rerank", *arguments)


PASSAGES = "a cat\na dog\na fox\n"


def ids(stdout: str) -> list[str]:
    return [hit["id"] for hit in json.loads(stdout)["results"]]


def rerank(headwise, *arguments, **options) -> list[str]:
    return ids(headwise.ok("rerank", "--query", "what barks?", "--documents", "-", "--json", *arguments,
                           stdin=PASSAGES, **options))


def test_a_flag_may_be_an_environment_variable(headwise, tiny):
    assert len(rerank(headwise)) == 3
    assert len(rerank(headwise, env={"HEADWISE_TOP_K": "2"})) == 2
    # The command line wins.
    assert len(rerank(headwise, "--top-k", "1", env={"HEADWISE_TOP_K": "2"})) == 1


def test_a_variable_with_a_bad_value_is_bad_usage(headwise):
    message = "--top-k: expected a whole number; found 'two'"
    assert message in headwise.fails(2, "rerank", env={"HEADWISE_TOP_K": "two"})


@pytest.mark.parametrize("word, on", [("true", True), ("yes", True), ("1", True), ("false", False), ("0", False)])
def test_a_switch_may_be_a_variable_or_a_line(headwise, tiny, tmp_path, word, on):
    def layers_run(*arguments, **options) -> int:
        answer = headwise.ok("rerank", "--query", "q", "--documents", "-", "--json", "--heads", "0-0", *arguments,
                             stdin=PASSAGES, **options)
        return json.loads(answer)["statistics"]["layers_run"]

    whole = layers_run("--full-depth")
    assert whole > 1 == layers_run()
    assert layers_run(env={"HEADWISE_FULL_DEPTH": word}) == (whole if on else 1)
    if word in ("true", "false"):  # TOML's own
        (tmp_path / "settings.toml").write_text(f"[rerank]\nfull-depth = {word}\n")
        assert layers_run("--config", "settings.toml") == (whole if on else 1)


def test_a_variable_of_another_verb_does_no_harm(headwise, tiny):
    # tokenize has no --encoding, and "nonsense" is nothing that rerank's would take.
    assert headwise.ok("tokenize", stdin="a cat\n", env={"HEADWISE_ENCODING": "nonsense"})


def test_a_flag_may_be_a_line_of_a_settings_file(headwise, tiny, tmp_path):
    (tmp_path / "settings.toml").write_text(
        '# every verb\nthreads = 1\n\n[rerank]\ntop_k = 2   # an underscore is a dash\n'
        'heads = "1-1,0-0"  # a comma and a # inside: "#"\n[bench]\nrepeat = 7\n')
    config = ["--config", "settings.toml"]
    assert len(rerank(headwise, *config)) == 2
    done = json.loads(headwise.ok("rerank", "--query", "q", "--documents", "-", "--json", *config, stdin=PASSAGES))
    assert done["statistics"]["heads_read"] == 2
    # Variable over file, command line over both.
    assert len(rerank(headwise, *config, env={"HEADWISE_TOP_K": "1"})) == 1
    assert len(rerank(headwise, *config, "--top-k", "3", env={"HEADWISE_TOP_K": "1"})) == 3
    # An array may have a line for each element, a comma behind the last, and remarks.
    (tmp_path / "array.toml").write_text('[rerank]\nheads = [  # two\n\n  # with remarks: ]\n  "1-1,0-0",\n] # end\ntop-k = 1\n')
    assert len(rerank(headwise, "--config", "array.toml")) == 1
    # The file itself may be named by the environment.
    assert len(rerank(headwise, env={"HEADWISE_CONFIG": "settings.toml"})) == 2


@pytest.mark.parametrize("text, message", [
    ("top-kk = 2\n", "line 1: no flag '--top-kk'; did you mean '--top-k'?"),
    ("\n[rernk]\ntop-k = 2\n", "line 3: no verb 'rernk'; did you mean 'rerank'?"),
    ("[rerank\n", "line 1: a section is not closed"),
    ("model = smollm\n", "line 1: text must stand in quotes"),
    ('model = "smollm\n', "line 1: a string is not closed"),
    ('model "smollm"\n', "line 1: no '='"),
    ("top-k = 2 3\n", "line 1: something follows the value"),
    ("top-k = [2, 3\n", "line 1: an array is not closed"),
    ("\ntop-k = [\n  2,\n  3\n", "line 2: an array is not closed"),
    ("top-k = [\n  2\n  3\n]\n", "line 3: an array is not closed"),
    ('top-k = [\n  2,\n  "3\n]\n', "line 3: a string is not closed"),
    ("top-k = [\n  2,\n] 3\n", "line 3: something follows the value"),
    ("top-k =\n", "line 1: a value is missing"),
])
def test_a_bad_settings_file_names_the_line(headwise, tmp_path, text, message):
    (tmp_path / "settings.toml").write_text(text)
    assert message in headwise.fails(2, "rerank", "--config", "settings.toml")


def test_a_missing_settings_file(headwise):
    said = headwise.fails(3, "rerank", "--config", "nowhere.toml")
    assert said.startswith("headwise rerank: --config: cannot read 'nowhere.toml': expected a file of settings such as top-k = 3")
    assert "nowhere.toml" in headwise.fails(3, "rerank", env={"HEADWISE_CONFIG": "nowhere.toml"})


@pytest.mark.parametrize("variables, settings, message", [
    ({"HEADWISE_TOP_K": "abc"}, "", "--top-k: expected a whole number; found 'abc' (from HEADWISE_TOP_K)"),
    ({"HEADWISE_DEPTH": "-1"}, "", "--depth: expected a whole number, 0 or more; found '-1' (from HEADWISE_DEPTH)"),
    ({"HEADWISE_FORMAT": "xml"}, "", "found 'xml' (from HEADWISE_FORMAT)"),
    ({"HEADWISE_ENCODING": "lists"}, "", "found 'lists' (from HEADWISE_ENCODING)"),
    ({}, "depth = -1", "--depth: expected a whole number, 0 or more; found '-1' (from the settings file)"),
    ({}, "max-words = 1.5", "--max-words: expected a whole number; found '1.5' (from the settings file)"),
])
def test_a_wrong_value_is_told_with_where_it_came_from(headwise, tmp_path, variables, settings, message):
    (tmp_path / "settings.toml").write_text(settings + "\n")
    assert message in headwise.fails(2, "rerank", "--config", "settings.toml", env=variables)
    for name in variables:  # on the command line, nobody needs to be told
        flag = "--" + name.removeprefix("HEADWISE_").lower().replace("_", "-")
        assert "(from" not in headwise.fails(2, "rerank", flag, variables[name])


def test_quiet_may_stand_before_the_verb(headwise, tiny):
    before = headwise("--quiet", "rerank", "--query", "q", "--documents", "-", "--json", stdin="a\nb\n")
    assert before.returncode == 0 and before.stderr == ""
    assert "missing" not in headwise("--quiet", "align", "--help").stderr


WEIGHTY = re.compile(r"(--[a-z-]+) ([a-z][a-z0-9]*)\b")


def test_messages_name_values_that_flags_take(headwise):
    """A flag and a word behind it, in any text of the program's source, where the flag takes one of a few words."""
    words = {}
    for flag, choices in re.findall(r"(--[a-z-]+) \{([a-z0-9+,|_-]+)\}", headwise.ok("rerank", "--help")):
        words[flag] = set(choices.split(","))
    assert "fp32" in words["--weights"]
    found = 0
    for folder in ("src", "apps"):
        for path in sorted((where.ROOT / folder).rglob("*.cc")):
            for flag, word in WEIGHTY.findall(path.read_text()):
                if flag in words and word not in {"or", "and", "is", "as", "to", "by", "asks", "for", "can", "cannot", "with", "here", "has"}:
                    found += 1
                    assert word in words[flag], (path, flag, word)
    assert found > 3


def test_a_verb_that_is_another_program_gets_its_flags_and_a_heap_that_keeps_its_memory(headwise, tmp_path):
    alone = shutil.copy(headwise.binary, tmp_path / "headwise")

    def align(**variables):
        return subprocess.run([alone, "align", "--updates", "3"], env=headwise.environment(variables), capture_output=True, text=True)

    missing = align()
    assert missing.returncode != 0 and missing.stderr.startswith("headwise align: cannot start") and "install libtorch-dev" in missing.stderr
    program = tmp_path / "headwise-align"
    program.write_text('#!/bin/sh\necho "$@"\nprintenv GLIBC_TUNABLES\n')
    program.chmod(0o755)
    flags, tunables = align().stdout.splitlines()
    assert flags == "--updates 3" and "glibc.malloc.mmap_max=0" in tunables and "trim_threshold" in tunables
    assert align(GLIBC_TUNABLES="glibc.malloc.perturb=1").stdout.splitlines()[1] == "glibc.malloc.perturb=1"
