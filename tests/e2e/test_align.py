# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""headwise align on a tiny model: what it writes, that a killed run goes on to the same bytes, that training helps, and bad input."""
import json
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from conftest import ROOT, must_run, run
from safetensors.numpy import load_file
from terminal import on_a_terminal

MODEL = ROOT / "tests" / "data" / "golden" / "models" / "tiny-llama-linear"
WORDS = "moon earth novel river cat dog stone house tree bird".split()
RESULTS = ["adapter_config.json", "adapter_model.safetensors", "heads.json"]


@pytest.fixture(scope="module")
def headwise(build):
    if not (build / "headwise-align").is_file():
        pytest.skip("headwise-align is not built: libtorch was not found")
    return build / "headwise"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Ten queries of a word each; the passage with that word twice has grade 2, the one with it once grade 1."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "qrels").mkdir()
    corpus, queries, run_lines, qrels = [], [], [], ["query-id\tcorpus-id\tscore"]
    for number, word in enumerate(WORDS):
        others = [other for other in WORDS if other != word]
        for place in range(6):
            text = " ".join([word] * (2 if place == 4 else 1 if place == 2 else 0) + others[place:place + 4])
            corpus.append({"_id": f"{word}-{place}", "text": text})
            run_lines.append(f"{number} Q0 {word}-{place} {place + 1} {10 - place} made-up")
        queries.append({"_id": str(number), "text": f"which one has the {word}?"})
        qrels += [f"{number}\t{word}-4\t2", f"{number}\t{word}-2\t1"]
    for name, lines in (("corpus.jsonl", map(json.dumps, corpus)), ("queries.jsonl", map(json.dumps, queries)), ("run.trec", run_lines),
                        ("qrels/test.tsv", qrels)):
        (folder / name).write_text("\n".join(lines) + "\n")
    batch = {"set": "made-up", "passages": [{"text": row["text"]} for row in corpus[:6]], "queries": ["moon", "the earth"],
             "scores": [[.1, .2, .5, .1, .9, .0], [.5, .4, .3, .2, .1, .0]]}
    (folder / "targets.jsonl").write_text((json.dumps(batch) + "\n") * 2)
    return folder


def flags(data, output, *more):
    return ["--model", MODEL, "--heads", "1-3,1-0", "--graded", f"dir={data},run=run.trec,first=8", "--held-out",
            f"dir={data},run=run.trec,skip=8", "--targets", f"{data}/targets.jsonl=0.5", "--train", "q,k,v,o,gate,up,down", "--train-weights",
            "--weights-learning-rate", "0.01", "--learning-rate", "0.005", "--list-size", "6", "--lists", "2", "--rank", "4", "--alpha", "8",
            "--evaluate-every", "5", "--checkpoint-every", "4", "--threads", "1", "--output", output, *more]


def log_of(output):
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def stop_at(process, output, lines, with_signal):
    """When the log has more than so many lines."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (output / "log.jsonl").exists() and len((output / "log.jsonl").read_text().splitlines()) > lines:
            break
        time.sleep(0.005)
    process.send_signal(with_signal)


@pytest.fixture(scope="module")
def trained(headwise, data, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "adapter"
    answer = json.loads(must_run(headwise, "align", *flags(data, output, "--updates", "30")))
    assert answer["updates"] == 30
    return output


@pytest.mark.parametrize("encoding", ["blocks", "list"])
@pytest.mark.parametrize("calibration", ["ratio", "na", "none"])
def test_the_loss_falls(headwise, data, tmp_path, encoding, calibration):
    must_run(headwise, "align", "--model", MODEL, "--heads", "1-3,1-0", "--graded", f"dir={data},run=run.trec", "--encoding", encoding, "--calibration",
             calibration, "--updates", "25", "--learning-rate", "0.01", "--gain", "5", "--list-size", "6", "--lists", "3", "--accumulate", "3", "--regulariser", "none", "--threads", "1",
             "--output", tmp_path / "a")
    losses = [line["pair"] for line in log_of(tmp_path / "a")]
    assert len(losses) == 25 and np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.02


def test_what_is_written(trained, headwise, data):
    log = log_of(trained)
    assert [line["update"] for line in log if "loss" in line] == list(range(1, 31))
    assert [line["update"] for line in log if "held_out" in line] == [0, 5, 10, 15, 20, 25, 30]
    config = json.loads((trained / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA" and config["r"] == 4 and config["lora_alpha"] == 8
    tensors = load_file(trained / "adapter_model.safetensors")
    # Every projection of layer 0, queries and keys of layer 1, the deepest that is read; each with two factors.
    assert len(tensors) == 2 * (7 + 2)
    heads = json.loads((trained / "heads.json").read_text())
    assert heads["heads"] == ["1-3", "1-0"] and heads["method"] == "aligned" and heads["calibration"] == "ratio"
    card = (trained / "README.md").read_text()
    assert "HeadRank" in card and "reconstruction" in card and "own addition" in card and "learning-rate" in card
    page = (trained / "training.html").read_text()
    assert page.count("<svg") >= 3 and not re.search(r"(src|href)=.http", page)


def test_the_engine_ranks_with_it_as_the_training_did(trained, headwise, data, tmp_path):
    """The held-out figure of the last evaluation is what `rerank --adapter` and `eval` find."""
    best = json.loads(must_run(headwise, "align", *flags(data, trained, "--updates", "30")))["best_update"]
    must_run(headwise, "rerank", "--model", MODEL, "--adapter", trained, "--dataset", data, "--run", data / "run.trec", "--depth", "40", "--max-words", "60",
             "--output", tmp_path / "run.trec")
    lines = (tmp_path / "run.trec").read_text().splitlines()
    (tmp_path / "last.trec").write_text("\n".join(line for line in lines if line.split()[0] in ("8", "9")) + "\n")
    shown = json.loads(must_run(headwise, "eval", "--qrels", data / "qrels" / "test.tsv", "--run", tmp_path / "last.trec", "-m", "ndcg@10", "--only-retrieved",
                                "--json"))
    figure = next(line for line in log_of(trained) if "held_out" in line and line["update"] == best)["held_out"][0]["alone"]
    assert shown["runs"][0]["means"]["ndcg@10"] == pytest.approx(figure, abs=1e-9)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_to_the_same_bytes(trained, headwise, data, tmp_path, stop):
    output = tmp_path / "adapter"
    command = [str(part) for part in (headwise, "align", *flags(data, output, "--updates", "30"))]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop_at(process, output, 12, stop)
    # 1 is "stopped"; 0 would say that the run was over before it could be.
    assert process.wait(60) == {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 1}[stop]
    assert not (output / "adapter_model.safetensors").exists()
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "going on after update" in done.stderr
    for name in RESULTS:
        assert (output / name).read_bytes() == (trained / name).read_bytes(), name
    assert [{**line, "seconds": 0} for line in log_of(output)] == [{**line, "seconds": 0} for line in log_of(trained)]


def test_the_bar_of_a_run_that_goes_on_counts_its_own_updates(headwise, data, tmp_path):
    output = tmp_path / "adapter"
    command = [str(part) for part in (headwise, "align", *flags(data, output, "--updates", "400"))]
    command[command.index("--evaluate-every") + 1] = "400"
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop_at(process, output, 80, signal.SIGINT)
    assert process.wait(60) == 1
    before = max(line["update"] for line in log_of(output))
    status, text = on_a_terminal(lambda terminal: subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal))
    assert status == 0
    # A bar is not shown in the first half second: there must be more to do.
    shown = re.findall(r"(\d+)/400 updates, loss [\d.]+, ([\d.]+)/s", text)
    assert shown, text
    seconds = {line["update"]: line["seconds"] for line in log_of(output) if "seconds" in line}
    for update, rate in shown:
        took = sum(seconds[number] for number in range(before + 1, int(update) + 1))
        assert float(rate) <= 1.1 * (int(update) - before) / took, (update, before)


def test_the_mean_of_what_is_trained_is_the_result_and_goes_on(headwise, data, tmp_path):
    """After each update the mean moves by 1 - min(D, (1 + n) / (10 + n)) of the way to what is trained then."""
    def parameters(name, updates, *more):
        plain = [part for part in flags(data, tmp_path / name, "--updates", str(updates), "--checkpoint-every", "1", "--floor", "1", "--warm-up", "0", *more)]
        for flag in ("--held-out", "--checkpoint-every"):
            del plain[plain.index(flag):plain.index(flag) + 2]
        must_run(headwise, "align", *plain)
        return load_file(tmp_path / name / "adapter_model.safetensors")

    steps = [parameters(f"plain{updates}", updates) for updates in (1, 2, 3)]
    averaged = parameters("averaged", 3, "--average", "0.3")
    for name, found in averaged.items():
        if "lora_B" not in name:  # the other factor starts elsewhere than at zero
            continue
        mean = np.zeros_like(found)
        for update, step in enumerate(steps, 1):
            mean += (1 - min(.3, (1 + update) / (10 + update))) * (step[name] - mean)
        np.testing.assert_allclose(found, mean, atol=1e-6)
        assert np.abs(found - steps[-1][name]).max() > 1e-5
    output = tmp_path / "stopped"
    command = [str(part) for part in (headwise, "align", *flags(data, output, "--updates", "30", "--average", "0.9"))]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop_at(process, output, 12, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    must_run(*command)
    must_run(headwise, "align", *flags(data, tmp_path / "whole", "--updates", "30", "--average", "0.9"))
    assert (output / "adapter_model.safetensors").read_bytes() == (tmp_path / "whole" / "adapter_model.safetensors").read_bytes()


def test_an_interrupted_run_can_be_finished_and_still_goes_on(trained, headwise, data, tmp_path):
    output = tmp_path / "adapter"
    command = [str(part) for part in (headwise, "align", *flags(data, output, "--updates", "30"))]
    command[command.index("--checkpoint-every") + 1] = "1000"
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    stop_at(process, output, 9, signal.SIGINT)
    assert "--finish" in process.communicate(timeout=60)[1]
    answer = json.loads(must_run(*command, "--finish"))
    assert 0 < answer["updates"] < 30 and answer["stopped_early"] and answer["best_update"] <= answer["updates"]
    assert all((output / name).stat().st_size for name in RESULTS)
    evaluations = [line for line in log_of(output) if "held_out" in line]
    assert evaluations[-1]["update"] == answer["updates"]
    must_run(*command)
    for name in RESULTS:
        assert (output / name).read_bytes() == (trained / name).read_bytes(), name
    log = log_of(output)
    assert json.loads(must_run(*command, "--finish"))["updates"] == 30 and log_of(output) == log, "there was nothing left to do"


def test_a_result_that_is_not_the_last_update_is_said_to_be_none(headwise, data, tmp_path):
    plain = [part for part in flags(data, tmp_path / "a", "--updates", "5")]
    plain[plain.index("--learning-rate") + 1] = plain[plain.index("--weights-learning-rate") + 1] = "1e-12"
    done = run(headwise, "align", *plain)
    assert done.returncode == 0 and json.loads(done.stdout)["best_update"] == 0
    assert "the result is what it began with: no update ranked the held-out queries better" in done.stderr
    del plain[plain.index("--held-out"):plain.index("--held-out") + 2]
    plain[plain.index("--output") + 1] = tmp_path / "b"
    done = run(headwise, "align", *plain)
    assert done.returncode == 0 and json.loads(done.stdout)["best_update"] == 5 and "the result is" not in done.stderr


def test_nothing_to_finish(headwise, data, tmp_path):
    done = run(headwise, "align", *flags(data, tmp_path / "a", "--finish"))
    assert done.returncode == 3 and "no checkpoint" in done.stderr
    done = run(headwise, "align", *flags(data, tmp_path / "a", "--finish", "--restart"))
    assert done.returncode == 2 and "--restart" in done.stderr


def test_other_settings_do_not_go_on(trained, headwise, data):
    done = run(headwise, "align", *flags(data, trained, "--updates", "30", "--seed", "7"))
    assert done.returncode == 2
    assert "'seed' was 1 and is 7" in done.stderr and "--restart" in done.stderr


def test_whole_matrices_become_an_adapter_of_full_rank(headwise, data, tmp_path):
    must_run(headwise, "align", *flags(data, tmp_path / "a", "--updates", "3", "--whole-matrices"))
    must_run(headwise, "rerank", "--model", MODEL, "--adapter", tmp_path / "a", "--dataset", data, "--run", data / "run.trec", "--output", tmp_path / "run.trec")
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert config["rank_pattern"] and config["rank_pattern"] == config["alpha_pattern"]


def test_temperature_of_one_file(headwise, data, tmp_path):
    adapters = []
    for name, ways in (("all", ["--targets", f"{data}/targets.jsonl=1", "--temperature", "0.2"]), ("own", ["--targets", f"{data}/targets.jsonl=1,temperature=0.2"]),
                       ("with", ["--targets", f"{data}/targets.jsonl=1,temperature=0.2,frozen=0"]), ("usual", ["--targets", f"{data}/targets.jsonl=1"])):
        must_run(headwise, "align", "--model", MODEL, "--heads", "1-3,1-0", *ways, "--updates", "3", "--learning-rate", "0.01", "--threads", "1", "--output", tmp_path / name)
        adapters.append((tmp_path / name / "adapter_model.safetensors").read_bytes())
    assert adapters[0] == adapters[1] == adapters[2] != adapters[3]


def test_a_run_may_be_in_another_folder(headwise, data, tmp_path):
    lines = (data / "run.trec").read_text().splitlines()
    (tmp_path / "first.trec").write_text("\n".join(line for line in lines if line.split()[0] in "0123") + "\n")
    ways = ["--model", MODEL, "--heads", "1-3", "--updates", "1", "--threads", "1", "--graded", f"dir={data},run=first.trec"]
    said = run(headwise, "align", *ways, "--output", tmp_path / "a", cwd=tmp_path)
    assert said.returncode == 0 and "4 graded queries" in said.stderr, said.stderr
    assert run(headwise, "align", *ways, "--output", tmp_path / "b", cwd=data).returncode == 3


def test_heads_below_the_join_are_left_out(headwise, data, tmp_path):
    (tmp_path / "set.json").write_text(json.dumps({"format": "headwise head set", "version": 1, "heads": ["0-1", "1-3", "0-2", "1-0"], "weights": [4, 3, 2, 1]}))
    ways = ["--model", MODEL, "--graded", f"dir={data},run=run.trec", "--encoding", "blocks", "--join", "1", "--updates", "1", "--threads", "1"]
    said = run(headwise, "align", *ways, "--heads", tmp_path / "set.json", "--output", tmp_path / "a")
    assert said.returncode == 0 and "2 of 4 heads are left out: below --join 1" in said.stderr, said.stderr
    heads = json.loads((tmp_path / "a" / "heads.json").read_text())
    assert heads["heads"] == ["1-3", "1-0"] and heads["weights"] == [3, 1] and heads["keep_budget"] == "1,split=join:1"


def test_settings_file(headwise, data, tmp_path):
    (tmp_path / "train.toml").write_text(f'[align]\nmodel = "{MODEL}"\nheads = "1-3"\ngraded = ["dir={data},run=run.trec"]\nupdates = 2\nlist-size = 4\n')
    answer = json.loads(must_run(headwise, "align", "--config", tmp_path / "train.toml", "--output", tmp_path / "a"))
    assert answer["updates"] == 2


@pytest.mark.parametrize("more, status, words", [
    (["--graded", "dir=/nowhere,run=x"], 3, "/nowhere"),
    (["--graded", "dir=x"], 2, "run is missing"),
    (["--targets", "/nowhere.jsonl"], 3, "/nowhere.jsonl"),
    (["--targets", "x.jsonl=1,frozen=-1"], 2, "frozen=W"),
    (["--targets", "x.jsonl=1,temperature=hot,frozen=2"], 2, "temperature=T"),
    (["--heads", "99-0"], 2, "99-0"),
    (["--heads", "nowhere.json"], 3, "nowhere.json"),
    (["--select", "headrank"], 2, "leave one out"),
    (["--select", "tea-leaves"], 2, "--select"),
    (["--train", "q,x"], 2, "--train"),
    (["--rank", "100000"], 2, "--rank"),
    (["--first-layer", "7"], 2, "first trained layer"),
    (["--join", "2"], 2, "--join must lie in 0..1"),
    (["--join", "1", "--encoding", "list"], 2, "leave it out or take --encoding blocks"),
    (["--device", "toaster"], 2, "toaster"),
    (["--updates", "0"], 2, "--updates"),
    (["--average", "1"], 2, "--average"),
    (["--learning-rate", "-1"], 2, "--learning-rate"),
    (["--updatse", "3"], 2, "--updatse"),
])
def test_bad_input_is_named_and_nothing_is_written(headwise, data, tmp_path, more, status, words):
    base = ["--model", MODEL, "--heads", "1-3"] + ([] if "--graded" in more else ["--graded", f"dir={data},run=run.trec"])
    replaced = {base[i] for i in range(0, len(base), 2)} & set(more)
    kept = [part for i in range(0, len(base), 2) if base[i] not in replaced for part in base[i:i + 2]]
    done = run(headwise, "align", *kept, *more, "--output", tmp_path / "a")
    assert done.returncode == status, done.stderr
    assert words in done.stderr and done.stderr.startswith("headwise align: ")
    assert not (tmp_path / "a").exists()


def test_nothing_to_select_heads_in(headwise, data, tmp_path):
    done = run(headwise, "align", "--model", MODEL, "--select", "qr", "--targets", data / "targets.jsonl", "--output", tmp_path / "a")
    assert done.returncode == 2 and "--select finds heads in graded judgements" in done.stderr and not (tmp_path / "a").exists()


def test_nothing_to_train_on(headwise, tmp_path):
    done = run(headwise, "align", "--model", MODEL, "--heads", "1-3", "--output", tmp_path / "a")
    assert done.returncode == 2 and "nothing to train on" in done.stderr


def test_a_broken_checkpoint_is_named(headwise, data, tmp_path):
    output = tmp_path / "a"
    must_run(headwise, "align", *flags(data, output, "--updates", "4"))
    (output / "checkpoint.safetensors").write_bytes((output / "checkpoint.safetensors").read_bytes()[:5000])
    done = run(headwise, "align", *flags(data, output, "--updates", "4"))
    assert done.returncode == 3 and "checkpoint.safetensors" in done.stderr
    must_run(headwise, "align", *flags(data, output, "--updates", "4", "--restart"))


def test_from_an_adapter_training_starts_where_it_ended(trained, headwise, data, tmp_path):
    best = json.loads(must_run(headwise, "align", *flags(data, trained, "--updates", "30")))["best_update"]
    ended = next(line for line in log_of(trained) if "held_out" in line and line["update"] == best)["held_out"]
    def changed(name, *dropped, **values):
        """The flags with some left out and others given another value."""
        given = [part for part in flags(data, tmp_path / name, "--from", trained) if part != "--train-weights"]
        pairs = {given[i]: given[i + 1] for i in range(0, len(given), 2)}
        pairs.update({"--" + flag.replace("_", "-"): value for flag, value in values.items()})
        return ["--train-weights", *(part for flag, value in pairs.items() if flag not in dropped for part in (flag, value))]
    must_run(headwise, "align", *changed("a", "--heads", updates="2"))
    start = next(line for line in log_of(tmp_path / "a") if "held_out" in line)["held_out"]
    assert [entry["alone"] for entry in start] == pytest.approx([entry["alone"] for entry in ended], abs=1e-9)
    # A higher rank than the adapter's is no harm; what the adapter knows must not be lost.
    must_run(headwise, "align", *changed("b", rank="12", updates="1"))
    for values, words in (({"rank": "2"}, "expected --rank of that or more, found 2"), ({"train": "q,k"}, "which is not trained")):
        done = run(headwise, "align", *changed("c", **values))
        assert done.returncode == 2 and words in done.stderr and not (tmp_path / "c").exists(), done.stderr
    # Below the first trained layer its change stays, to the last bit.
    must_run(headwise, "align", *changed("d", "--held-out", first_layer="1", updates="2"))
    old, new = (load_file(folder / "adapter_model.safetensors") for folder in (trained, tmp_path / "d"))
    assert old.keys() == new.keys()
    for name in old:
        if ".layers.0." in name:
            assert np.allclose(old[name], new[name], rtol=1e-6, atol=0), name
    assert any(not np.allclose(old[name], new[name]) for name in old if ".layers.1." in name)
    done = run(headwise, "align", *flags(data, tmp_path / "c", "--from", "/nowhere"))
    assert done.returncode == 3 and "/nowhere" in done.stderr


@pytest.mark.parametrize(("method", "more"), [("qr", []), ("weighted", ["--calibration", "na"]), ("headrank", ["--encoding", "list"])])
def test_select_finds_the_heads_that_heads_select_does(headwise, data, tmp_path, method, more):
    base = ["--model", MODEL, "--graded", f"dir={data},run=run.trec,first=6,skip=1", "--updates", "2", "--threads", "1", "--list-size", "6"]
    select = ["--select", method, "--select-count", "3", "--select-queries", "4", "--select-max-layer", "1", *more]
    said = run(headwise, "align", *base, *select, "--output", tmp_path / "a")
    assert said.returncode == 0 and f"heads by {method}: " in said.stderr, said.stderr
    stores = list((tmp_path / "a" / "selection").iterdir())
    assert len(stores) == 1 and (stores[0] / "manifest.json").is_file()
    reading = [word for word in more if word not in ("--calibration", "na")]
    must_run(headwise, "heads", "score", "--model", MODEL, "--adapter", "none", "--dataset", data, "--run", data / "run.trec", "--skip", "1", "--queries", "4",
             "--max-words", "60", *reading, "--output", tmp_path / "store")
    must_run(headwise, "heads", "select", "--store", tmp_path / "store", "--qrels", data / "qrels" / "test.tsv", "--method", method, "--count", "3",
             "--max-layer", "1", *[word for word in more if word not in reading], "--output", tmp_path / "heads.json")
    ours, theirs = (json.loads(path.read_text()) for path in (tmp_path / "a" / "heads.json", tmp_path / "heads.json"))
    for member in ("heads", "encoding", "calibration", "token_filter", "template", "rows"):
        assert ours[member] == theirs[member], member
    if method == "weighted":  # the training may move them a little, and scales them all by its gain
        assert np.corrcoef(ours["weights"], theirs["weights"])[0, 1] > 0.99
    # A second start does not read the data again, and ends with the same bytes.
    first = (tmp_path / "a" / "adapter_model.safetensors").read_bytes()
    stamp = (stores[0] / "manifest.json").stat().st_mtime_ns
    must_run(headwise, "align", *base, *select, "--restart", "--output", tmp_path / "a")
    assert (tmp_path / "a" / "adapter_model.safetensors").read_bytes() == first
    assert (stores[0] / "manifest.json").stat().st_mtime_ns == stamp


def test_with_a_trunk_cache_the_same_bytes(headwise, data, tmp_path):
    more = ("--updates", "8", "--first-layer", "1", "--fixed-lists")
    must_run(headwise, "align", *flags(data, tmp_path / "plain", *more))
    for name in ("filling", "filled"):
        must_run(headwise, "align", *flags(data, tmp_path / name, *more, "--trunk-cache", tmp_path / "trunk"))
        for result in RESULTS:
            assert (tmp_path / name / result).read_bytes() == (tmp_path / "plain" / result).read_bytes(), (name, result)
        kept = len(list((tmp_path / "trunk").glob("*.safetensors")))
        assert kept > 0 and (name == "filling" or kept == before)
        before = kept
