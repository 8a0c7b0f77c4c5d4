# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`heads show` and the catalogue of published lists: every figure against an independent numpy version on the same store,
the page's form, names that resolve, and answers to what does not fit."""
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from conftest import ROOT, must_run, run
from head_stores import HEADS, LAYERS, Reference, as_pairs, write_store
from terminal import on_a_terminal

MODELS = ROOT / "tests" / "data" / "golden" / "models"
PUBLISHED = ROOT / "tests" / "data" / "heads"


@pytest.fixture(scope="module")
def binary(build):
    return build / "headwise"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def reshuffled(store, tmp_path_factory):
    """The same queries with their candidates in another order and other noise."""
    folder = tmp_path_factory.mktemp("reshuffled")
    random = np.random.default_rng(11)
    manifest = json.loads((store / "manifest.json").read_text())
    for q, query in enumerate(manifest["queries"]):
        order = random.permutation(len(query["candidates"]))
        values = np.load(store / f"{q:05d}.npy")[..., order]
        np.save(folder / f"{q:05d}.npy", (values * np.exp(random.normal(0, 0.4, values.shape))).astype("<f4"))
        query["candidates"] = [query["candidates"][i] for i in order]
        query["first_stage_scores"] = [query["first_stage_scores"][i] for i in order]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "order": "shuffled", "seed": 1}))
    shutil.copy(store / "qrels.tsv", folder)
    return folder


def show(binary, store, *flags):
    return json.loads(must_run(binary, "heads", "show", "--store", store, "--qrels", store / "qrels.tsv", "--json", *flags))


def per_query(reference) -> np.ndarray:
    """nDCG@10 [queries, heads] of each head alone."""
    return np.array([[reference.ndcg_of(q[1][h], q) for h in reference.every] for q in reference.queries])


def ranks(values) -> np.ndarray:
    values = np.round(values, 12)
    return np.array([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values])


def spearman(a, b) -> float:
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def best(values, count=8) -> set[int]:
    return set(np.argsort(-np.round(values, 12), kind="stable")[:count].tolist())


@pytest.mark.parametrize("calibration", ["none", "na", "ratio"])
def test_map_and_layers_against_numpy(binary, store, calibration):
    reference = Reference(store, calibration)
    shown = show(binary, store, "--calibration", calibration)
    assert (shown["layers"], shown["heads"], shown["queries"], shown["model"]) == (LAYERS, HEADS, 24, "made-up")
    single = per_query(reference).mean(0).reshape(LAYERS, HEADS)
    np.testing.assert_allclose(shown["head_ndcg@10"], single, atol=1e-9)
    np.testing.assert_allclose(shown["layer_mean_ndcg@10"], single.mean(1), atol=1e-9)
    sums = [reference.ndcg([(layer, h) for h in range(HEADS)]) for layer in range(LAYERS)]
    np.testing.assert_allclose(shown["layer_ndcg@10"], sums, atol=1e-9)
    window = sorted({layer for layer, _ in reference.layers()[0]})
    assert shown["window"] == {"peak": int(np.argmax(sums)), "first": window[0], "last": window[-1]}
    assert shown["all_heads_ndcg@10"] == pytest.approx(reference.ndcg(reference.every), abs=1e-9)
    first = np.mean([reference.ndcg_of(q[5], q) for q in reference.queries])
    assert shown["first_stage_ndcg@10"] == pytest.approx(first, abs=1e-9)


def test_the_token_filter_can_be_left_out(binary, store):
    reference = Reference(store, "na")
    shown = show(binary, store, "--calibration", "na", "--no-token-filter")
    for q in reference.queries:
        q[1][...] = q[0][0] - q[0][1]
    np.testing.assert_allclose(shown["head_ndcg@10"], per_query(reference).mean(0).reshape(LAYERS, HEADS), atol=1e-9)
    assert shown["reading"] == "calibration na, token filter none"


def mixed(z: int) -> int:
    mask = 2**64 - 1
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return z ^ z >> 31


def test_stability_over_halves(binary, store):
    values = per_query(Reference(store, "ratio"))
    n, seed = len(values), 5
    stability = show(binary, store, "--seed", seed, "--splits", 7, "--top", 6)["stability"]
    assert (stability["between"], stability["top"], len(stability["pairs"])) == ("halves", 6, 7)
    for split, pair in enumerate(stability["pairs"]):
        order = sorted(range(n), key=lambda q: mixed((seed + 0x9E3779B97F4A7C15 * (split * n + q + 1)) % 2**64))
        first, second = values[order[:n // 2]].mean(0), values[order[n // 2:]].mean(0)
        assert pair["queries"] == [n // 2, n - n // 2]
        assert pair["spearman"] == pytest.approx(spearman(first, second), abs=1e-9)
        assert pair["shared_of_top"] == len(best(first, 6) & best(second, 6))
    other = show(binary, store, "--seed", 6, "--splits", 7)["stability"]
    assert [p["spearman"] for p in other["pairs"]] != [p["spearman"] for p in stability["pairs"]]


def test_stability_between_stores(binary, store, reshuffled, tmp_path):
    values = [per_query(Reference(folder, "ratio")) for folder in (store, reshuffled)]
    shown = show(binary, store, "--store", reshuffled)
    pair, = shown["stability"]["pairs"]
    assert shown["stability"]["between"] == "stores" and shown["queries"] == 48
    assert pair["stores"] == [store.name, reshuffled.name] and pair["queries"] == [24, 24]
    assert pair["spearman"] == pytest.approx(spearman(values[0].mean(0), values[1].mean(0)), abs=1e-9)
    assert pair["shared_of_top"] == len(best(values[0].mean(0)) & best(values[1].mean(0)))
    assert 0.3 < pair["spearman"] < 0.999
    np.testing.assert_allclose(shown["head_ndcg@10"], np.concatenate(values).mean(0).reshape(LAYERS, HEADS), atol=1e-9)
    # Only the queries that both have count: here the last ten.
    part = tmp_path / "part"
    part.mkdir()
    manifest = json.loads((reshuffled / "manifest.json").read_text())
    for place, q in enumerate(range(14, 24)):
        shutil.copy(reshuffled / f"{q:05d}.npy", part / f"{place:05d}.npy")
    (part / "manifest.json").write_text(json.dumps({**manifest, "queries": manifest["queries"][14:]}))
    pair, = show(binary, store, "--store", part)["stability"]["pairs"]
    assert pair["queries"] == [10, 10]
    assert pair["spearman"] == pytest.approx(spearman(values[0][14:].mean(0), values[1][14:].mean(0)), abs=1e-9)


def test_sets_and_their_overlap(binary, store, tmp_path):
    reference = Reference(store, "ratio")
    weighted = tmp_path / "weighted.json"
    weighted.write_text(json.dumps({"format": "headwise head set", "version": 1, "model": "made-up", "heads": ["1-0", "2-3"],
                                    "weights": [2.0, 0.5]}))
    given = ["1-0,2-1,4-3", "0..1", weighted, "4-3,2-1"]
    shown = show(binary, store, *(part for text in given for part in ("--heads", text)))
    sets = [as_pairs(item["set"]["heads"]) for item in shown["sets"]]
    assert sets == [[(1, 0), (2, 1), (4, 3)], [(layer, h) for layer in (0, 1) for h in range(HEADS)], [(1, 0), (2, 3)],
                    [(4, 3), (2, 1)]]
    for item, heads in zip(shown["sets"], sets):
        weights = dict(zip(heads, item["set"].get("weights", [1.0] * len(heads))))
        expected = np.mean([reference.ndcg_of(sum(w * q[1][h] for h, w in weights.items()), q) for q in reference.queries])
        assert item["ndcg@10 here"] == pytest.approx(expected, abs=1e-9)
    for a in range(4):
        for b in range(4):
            common, either = set(sets[a]) & set(sets[b]), set(sets[a]) | set(sets[b])
            assert shown["overlap"]["shared"][a][b] == len(common)
            assert shown["overlap"]["jaccard"][a][b] == pytest.approx(len(common) / len(either), abs=1e-12)
    assert shown["overlap"]["heads"] == [{"head": "1-0", "sets": [0, 1, 2]}, {"head": "2-1", "sets": [0, 3]},
                                         {"head": "4-3", "sets": [0, 3]}]


class Page(HTMLParser):
    """What a reader's browser would meet; unbalanced elements fail."""
    VOID = {"meta", "br", "line", "rect", "circle", "polyline"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.titles, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (self.open, tag)
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "title":
            self.titles.append(data)
        self.text += data


def test_the_page(binary, store, reshuffled, tmp_path):
    path = tmp_path / "heads.html"
    hostile = tmp_path / "<b>&\"x'.json"
    hostile.write_text(json.dumps({"format": "headwise head set", "version": 1, "heads": ["2-1"], "source": "<script>1</script>"}))
    must_run(binary, "heads", "show", "--store", store, "--qrels", store / "qrels.tsv", "--store", reshuffled, "--heads", hostile,
             "--heads", "2-1,3-0", "--report", path)
    text = path.read_text()
    page = Page(text)
    for outside in ("http:", "https:", "//", "src=", "href=", "@import", "url(", "<script"):
        assert outside not in text
    cells = [attributes for tag, attributes in page.tags if tag == "rect" and "cell" in attributes.get("class", "")]
    assert len(cells) == LAYERS * HEADS
    single = show(binary, store, "--store", reshuffled)["head_ndcg@10"]
    of_head = next(t for t in page.titles if t.startswith("head 2-1\n"))
    assert f"nDCG@10 {single[2][1]:.4f}" in of_head and f"in {hostile}" in of_head and "in 2-1,3-0" in of_head
    rings = [attributes["class"] for tag, attributes in page.tags if attributes.get("class", "").startswith("ring")]
    assert sorted(rings) == ["ring0", "ring1", "ring1"]
    for heading in ("Each head alone", "Layer by layer", "Head sets", "Overlap", "Stability"):
        assert heading in page.text


def test_the_page_without_a_store(binary, tmp_path):
    path = tmp_path / "heads.html"
    must_run(binary, "heads", "show", "--heads", "qrhead/llama-3.1-8b", "--heads", "core/llama-3.1-8b", "--report", path)
    page = Page(path.read_text())
    assert "Overlap" in page.text and "princeton-pli/QRHead" in page.text and "Stability" not in page.text


def test_in_a_pipe_and_in_a_terminal(binary, store):
    command = [binary, "heads", "show", "--store", store, "--qrels", store / "qrels.tsv", "--heads", "2-1,3-0"]
    piped = must_run(*command)
    assert "\033" not in piped and "summed" in piped and re.search(r"^\s*\d \|\d\.\d{4} \d\.\d{4} peak$", piped, re.M)
    for environment, drawn in (({"TERM": "xterm-256color"}, "\033[48;5;"), ({"TERM": "dumb"}, "█")):
        variables = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **environment}
        status, text = on_a_terminal(lambda terminal: subprocess.Popen(
            list(map(str, command)), stdout=terminal, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=variables))
        assert status == 0 and drawn in text and "•" in text


def catalogue(binary):
    return {entry["name"]: entry["set"] for entry in json.loads(must_run(binary, "heads", "show", "--json"))}


def test_the_catalogue(binary):
    entries = catalogue(binary)
    assert entries == {e["name"]: e["set"] for e in json.loads(must_run(binary, "heads", "show", "--catalogue", "--json"))}
    files = {str(p.relative_to(ROOT / "models" / "catalogue"))[:-5]: p for p in (ROOT / "models" / "catalogue").glob("*/*.json")}
    files |= {p.parent.name: p for p in (ROOT / "models").glob("*/heads.json")}
    assert set(entries) == set(files)
    listed = must_run(binary, "heads", "show")
    for name, path in files.items():
        assert entries[name] == json.loads(path.read_text()) and name in listed
        if "for" in entries[name]:
            assert re.search(r"github \S+/\S+, \S+, commit [0-9a-f]{40}", entries[name]["source"]), name
            shown, = json.loads(must_run(binary, "heads", "show", "--json", "--heads", name.upper()))["sets"]
            assert shown["set"] == entries[name]


def test_published_files_come_back_as_they_were(binary, tmp_path):
    """QRHead's YAML and CoRe's JSON, as published, hold what the catalogue has; our form and theirs keep it."""
    yaml = PUBLISHED / "Llama-3.1-8B-Instruct_qr_head_NQ.yaml"
    heads = re.search('attn_head_set: "(.+)"', yaml.read_text()).group(1).split(",")
    entries = catalogue(binary)
    assert entries["qrhead/llama-3.1-8b"]["heads"] == heads
    read, = json.loads(must_run(binary, "heads", "show", "--json", "--heads", yaml))["sets"]
    assert read["set"]["heads"] == heads and read["set"]["method"] == "qr"
    scores = json.loads((PUBLISHED / "core_llama_layers_8_13_14.json").read_text())
    ordered = sorted(scores, key=scores.get, reverse=True)
    core = entries["core/llama-3.1-8b"]
    assert core["heads"] == ordered[:8] and core["head_scores"] == [scores[h] for h in ordered[:8]]
    read, = json.loads(must_run(binary, "heads", "show", "--json", "--heads",
                                PUBLISHED / "core_llama_layers_8_13_14.json"))["sets"]
    assert read["set"]["heads"] == ordered and read["set"]["head_scores"] == [scores[h] for h in ordered]
    ours = tmp_path / "ours.json"
    ours.write_text(json.dumps(read["set"]))
    again, = json.loads(must_run(binary, "heads", "show", "--json", "--heads", ours))["sets"]
    assert again["set"] == read["set"]


def passages(tmp_path):
    (tmp_path / "passages.txt").write_text("tea of the sea\na lamp\n")
    return ["--query", "tea", "--documents", tmp_path / "passages.txt"]


def test_rerank_with_a_set_that_names_a_shape(binary, tmp_path):
    """A model of the shape takes it, one of another is refused with both named, before anything is printed."""
    heads = tmp_path / "heads.json"
    heads.write_text(json.dumps({"format": "headwise head set", "version": 1, "for": {"name": "Tiny", "layers": 3, "heads": 4},
                                 "heads": ["2-1", "0-3"]}))
    command = [binary, "rerank", *passages(tmp_path), "--format", "jsonl"]
    by_file, by_list = (json.loads(must_run(*command, "--model", MODELS / "tiny-llama", "--heads", given))["results"]
                        for given in (heads, "2-1,0-3"))
    assert by_file == by_list
    for model, name, words in ((MODELS / "tiny-qwen3", heads, "Tiny (3 layers x 4 heads)"),
                               (MODELS / "tiny-llama", "core/phi-4", "phi-4 (40 layers x 40 heads)")):
        refused = run(*command, "--model", model, "--heads", name)
        assert refused.returncode == 3 and refused.stdout == "", refused.stderr
        assert words in refused.stderr and re.search(r"this model, \w+-\d+x4-\S+, has \d layers x 4 heads", refused.stderr)


@pytest.mark.parametrize("member, words", [
    ({"for": "Llama"}, "'for' must name a model and its shape"),
    ({"for": {"name": "x", "layers": 0, "heads": 4}}, "'for' must name a model and its shape"),
    ({"for": {"name": "x", "layers": 2, "heads": 2.5}}, "'for' must name a model and its shape"),
    ({"for": {"layers": 2, "heads": 2}}, "'for' must name a model and its shape"),
    ({"for": {"name": "x", "layers": 1 << 40, "heads": 2}}, "'for' must name a model and its shape"),
    ({"for": {"name": "x", "layers": 2, "heads": 2}, "heads": ["1-1", "2-0"]}, "head 2-0 is not in a model of 2 layers x 2 heads"),
])
def test_bad_shapes(binary, tmp_path, member, words):
    heads = tmp_path / "heads.json"
    heads.write_text(json.dumps({"format": "headwise head set", "version": 1, "heads": ["1-1"], **member}))
    done = run(binary, "heads", "show", "--heads", heads)
    assert done.returncode == 3 and words in done.stderr and done.stdout == "", done.stderr


def test_bad_input(binary, store, tmp_path):
    base = ["--store", store, "--qrels", store / "qrels.tsv"]
    report = tmp_path / "page.html"
    (tmp_path / "other.json").write_text(json.dumps({"format": "headwise head set", "version": 1, "model": "another", "heads": ["0-0"]}))
    cases = [
        (["--heads", "qrhead/llama-3.1-9b"], 3, ["neither a file nor a published head list", "qrhead/llama-3.1-8b"]),
        (["--heads", "nobody/nothing"], 3, ["neither a file nor a published head list", "`headwise heads show`"]),
        (["--heads", "none.json"], 3, ["there is no file 'none.json'"]),
        (["--heads", "13"], 2, ["reading --heads '13'"]),
        (["--heads", "0..3"], 2, ["needs a model's shape"]),
        (["--heads", "qrhead/llama-3.1-8b", "--heads", "30..40"], 2, ["30..40"]),
        (["--heads", "qrhead/llama-3.1-8b", "--heads", "qrhead/qwen2.5-7b"], 3, ["Llama-3.1-8B-Instruct (32", "Qwen2.5-7B-Instruct (28"]),
        (["--store", tmp_path / "no", "--qrels", store / "qrels.tsv"], 3, [str(tmp_path / "no")]),
        (["--store", store], 2, ["--qrels FILE"]),
        (["--qrels", store / "qrels.tsv"], 2, ["--store FOLDER"]),
        ([*base, "--heads", "4-3,5-0"], 2, ["5-0", "reading --heads '4-3,5-0'"]),
        ([*base, "--heads", "qrhead/llama-3.2-1b"], 3, ["Llama-3.2-1B-Instruct (16 layers x 32 heads)", "made-up", "5 layers x 4 heads"]),
        ([*base, "--heads", tmp_path / "other.json"], 3, ["another", "made-up"]),
        ([*base, "--catalogue"], 2, ["--catalogue"]),
        ([], 2, ["--report needs something to draw"]),
    ]
    for arguments, status, words in cases:
        done = run(binary, "heads", "show", *arguments, "--report", report)
        assert done.returncode == status and done.stdout == "", (arguments, done.returncode, done.stderr)
        for word in words:
            assert word in done.stderr, (arguments, done.stderr)
        assert not report.exists()
    folder = run(binary, "heads", "show", "--heads", "1-1", "--report", tmp_path)
    assert folder.returncode == 2 and "is a folder" in folder.stderr


def test_the_example_of_the_help_runs(binary):
    example = re.search(r"^Example:\n  headwise (.+)$", must_run(binary, "heads", "show", "--help"), re.M).group(1)
    assert "13-18" in must_run(binary, *example.split())
