# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""/v1/headwise/search: what the verb `search` gives, and what it says to servers and requests that cannot."""
import json
import subprocess

import pytest
from serving import Server
from where import BINARY, ROOT, TINY, environment

FACTS = ["The moon circles the earth.", "Emma is a novel by Jane Austen.", "The moon has no air; the moon is dry.",
         "Copper turns green in the open air.", "A novel of the moon."]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "facts.txt"
    path.write_text("\n".join(FACTS) + "\n")
    return path


@pytest.fixture(scope="module")
def searching(corpus):
    with Server("--corpus", corpus) as running:
        yield running


def ask(server, **fields):
    answer = server.post("/v1/headwise/search", {"query": "moon novel", **fields})
    assert answer.status == 200, answer.body
    return answer.json["queries"][0]


def test_is_what_the_verb_gives(searching, corpus):
    done = subprocess.run([str(BINARY), "search", "--corpus", str(corpus), "--query", "moon novel", "--model", str(TINY), "--json"],
                          capture_output=True, env=environment(), check=True)
    expected = json.loads(done.stdout)["results"]
    results = ask(searching)["results"]
    assert [(hit["id"], hit["relevance_score"], hit["first_stage"], hit["document"]["text"]) for hit in results] == \
        [(hit["id"], hit["score"], hit["first_stage"], hit["text"]) for hit in expected]
    assert len(results) == 4 and searching.get("/v1/models").json["data"][0]["corpus_documents"] == 5


def test_options(searching):
    assert len(ask(searching, depth=2)["results"]) == 2
    assert len(ask(searching, top_n=1)["results"]) == 1 and len(ask(searching, top_n=0)["results"]) == 4
    assert "document" not in ask(searching, return_documents=False)["results"][0]
    assert ask(searching, explain=True)["results"][0]["explanation"]["tokens"]
    listed, blocks = ask(searching, encoding="list"), ask(searching, encoding="blocks")
    assert [hit["relevance_score"] for hit in listed["results"]] != [hit["relevance_score"] for hit in blocks["results"]]
    assert ask(searching, fuse=0.7)["results"] and ask(searching, fuse="rrf")["results"]


def test_nothing_found(searching):
    for query in ("zebra", "the of", "?!"):
        found = ask(searching, query=query)
        assert found["results"] == [] and found["statistics"]["prompt_tokens"] == 0


@pytest.mark.parametrize("fields, says", [
    ({"query": ""}, '"query" is empty'), ({"query": None}, '"query" is missing'), ({"query": 5}, '"query" must be a string'),
    ({"depth": 0}, '"depth" must be at least 1'), ({"depth": "deep"}, '"depth" must be a whole number'), ({"top_n": -1}, '"top_n"'),
    ({"encoding": "lists"}, '"encoding" must be one of'), ({"heads": "99-0"}, "99-0"),
])
def test_bad_requests(searching, fields, says):
    answer = searching.post("/v1/headwise/search", {"query": "moon", **fields})
    assert answer.status == 400 and says in answer.message, answer.body


def test_a_corpus_that_was_encoded_ahead(searching, corpus, tmp_path):
    subprocess.run([str(BINARY), "passages", "build", "--corpus", str(corpus), "--keep", str(tmp_path / "kept"), "--model", str(TINY)],
                   check=True, capture_output=True)
    with Server("--corpus", corpus, "--keep", tmp_path / "kept", "--keep-memory", "0") as kept:
        for question in ("moon novel", "who wrote Emma?"):
            plain, answer = (ask(one, query=question) for one in (searching, kept))
            assert answer["results"] == plain["results"] != []
            assert answer["statistics"]["passages_kept"] >= len(answer["results"])
            assert answer["statistics"]["tokens_run"] < answer["statistics"]["prompt_tokens"]


def test_a_server_without_a_corpus(server):
    answer = server.post("/v1/headwise/search", {"query": "moon"})
    assert answer.status == 404 and "--corpus" in answer.message and answer.json["error"]["type"] == "not_found_error"


def test_the_examples_of_the_description(searching):
    does = json.loads((ROOT / "web" / "openapi.json").read_text())["paths"]["/v1/headwise/search"]["post"]
    for example in does["requestBody"]["content"]["application/json"]["examples"].values():
        assert searching.post("/v1/headwise/search", example["value"]).status == 200


def test_a_corpus_that_is_none(tmp_path):
    done = subprocess.run([str(BINARY), "serve", "--model", str(TINY), "--port", "0", "--corpus", str(tmp_path / "nowhere")],
                          capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 3 and "there is no file or folder" in done.stderr
