# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The wheel and the tarball with everything inside: size, licences, an environment without pip, a new Debian."""
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from conftest import ENVIRONMENT, ROOT

PASSAGES = ["Copper turns green.", "Emma is a novel by Jane Austen.", "Bees dance."]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Wheel and tarball."""
    if not list((ROOT / "build" / "wheel").glob("headwise-*.whl")):
        pytest.skip("build/wheel holds no wheel; run scripts/test python")
    folder = tmp_path_factory.mktemp("bundle")
    subprocess.run([sys.executable, ROOT / "packaging" / "bundle.py", "--output", folder], check=True)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def unpacked(bundle, tmp_path_factory):
    """The tarball, unpacked somewhere."""
    folder = tmp_path_factory.mktemp("anywhere")
    with tarfile.open(bundle[1]) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


def loaded(program) -> dict[str, str]:
    """What the loader finds for a program: names and paths."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    assert "not found" not in listed
    return dict(re.findall(r"^\s*(\S+) => (\S+)", listed, re.MULTILINE))


def test_both_are_small_and_say_what_they_run_on(bundle):
    wheel, tarball = bundle
    assert re.fullmatch(r"headwise-[\d.]+-cp3\d+-(cp3\d+|abi3)-manylinux_2_\d+_\w+\.whl", wheel.name)
    assert wheel.stat().st_size < 25e6 and tarball.stat().st_size < 25e6, (wheel.stat().st_size, tarball.stat().st_size)


def test_the_program_needs_nothing_but_the_systems_own(unpacked):
    ours, others = [], []
    for name, path in loaded(unpacked / "bin" / "headwise").items():
        (ours if path.startswith(str(unpacked)) else others).append(name)
    assert any(name.startswith("libonig") for name in ours)
    assert not [name for name in ours if "omp" in name]  # torch has an OpenMP runtime of its own in the process
    system = {"libc", "libm", "libdl", "librt", "libpthread", "libstdc++", "libgcc_s", "libz", "linux-vdso"}
    assert {name.split(".")[0] for name in others} <= system


def test_every_library_inside_has_its_licence(bundle, unpacked):
    told = subprocess.run([unpacked / "bin" / "headwise", "--version"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in (ROOT / "packaging" / "licences.tsv").read_text().splitlines() if line[0] != "#"]
    for library, licence, stems, package in rows:
        line = rf"^  {re.escape(library)} +{re.escape(licence)}$"
        assert package.startswith("py:") or re.search(line, told, re.MULTILINE), library
        assert (unpacked / "share" / "doc" / "headwise" / "licences" / package.replace("py:", "")).stat().st_size > 500
    named = {stem for row in rows for stem in row[2].split() if stem != "-"}
    inside = {path.name.partition(".so")[0] for path in (unpacked / "lib").iterdir()} - {"libheadwise_engine"}
    assert {name.rsplit("-", 1)[0] for name in inside} == named  # NAME-SUM.so.VERSION
    with zipfile.ZipFile(bundle[0]) as wheel:
        texts = {name.rpartition("/")[2] for name in wheel.namelist() if "/licenses/inside/" in name}
    assert {row[3].replace("py:", "") for row in rows} <= texts and any(name.startswith("common-") for name in texts)


def test_words_begin_and_end_as_with_all_of_icu(unpacked, tmp_path):
    """The data that was left out of ICU is not missed: texts of many scripts give the index of the ordinary program."""
    ordinary = ROOT / "build" / "release" / "headwise"
    texts = ["สวัสดีครับวันนี้อากาศดีมาก", "我们今天去北京大学图书馆看书。", "東京都に住んでいます。テレビゲームｾﾝﾀｰ",
             "ប្រទេសកម្ពុជាជាប្រទេស", "ປະເທດລາວ", "မြန်မာနိုင်ငံ", "naïve cafés can't wait", "대한민국의 수도는 서울이다", "Привет, мир", "שלום עולם"]
    corpus, queries = tmp_path / "corpus.jsonl", tmp_path / "queries.tsv"
    corpus.write_text("".join(json.dumps({"_id": f"d{place}", "text": text * 3}) + "\n" for place, text in enumerate(texts)))
    words = ["อากาศ", "图书馆", "テレビ", "កម្ពុជា", "ປະເທດ", "မြန်မာနိုင်ငံ", "cafés", "서울이다", "мир", "שלום"]
    queries.write_text("".join(f"q{place}\t{word}\n" for place, word in enumerate(words)))
    runs = [subprocess.run([program, "search", "--corpus", corpus, "--index", tmp_path / f"index{place}", "--queries", queries,
                            "--no-rerank", "--format", "trec", "--quiet"], capture_output=True, text=True, check=True).stdout
            for place, program in enumerate([ordinary, unpacked / "bin" / "headwise"])]
    assert runs[0] == runs[1] and {line.split()[0] for line in runs[0].splitlines()} == {f"q{place}" for place in range(len(words))}


@pytest.mark.parametrize("wheel, module, sound", [
    ("headwise-1-cp312-abi3-linux_x86_64.whl", "_core.abi3.so", True), ("headwise-1-cp311-cp311-linux_x86_64.whl", "_core.cpython-311-x86_64-linux-gnu.so", True),
    ("headwise-1-cp312-abi3-linux_x86_64.whl", "_core.cpython-312-x86_64-linux-gnu.so", False),  # no other Python than 3.12 finds it
    ("headwise-1-cp311-cp311-linux_x86_64.whl", "_core.abi3.so", False), ("headwise-1-cp312-abi3-linux_x86_64.whl", "_core.pyi", False),
])
def test_a_wheels_tag_says_who_finds_its_module(tmp_path, wheel, module, sound):
    (tmp_path / module).write_bytes(b"")
    done = subprocess.run([sys.executable, "-c", "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import bundle; "
                           "bundle.check_module(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))", ROOT / "packaging", wheel, tmp_path],
                          capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == sound and (sound or f"{wheel} holds" in done.stderr), done.stderr


def environment_without_pip(wheel, folder):
    """As uv makes one: the installer is not inside."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--python", python, "install", wheel], check=True)
    return python


@pytest.fixture(scope="module")
def without_pip(bundle, tmp_path_factory):
    return environment_without_pip(bundle[0], tmp_path_factory.mktemp("without-pip") / "venv")


def test_an_environment_without_pip(without_pip, model, tmp_path):
    folder = without_pip.parent
    assert not (folder / "pip").exists()
    fetched = subprocess.run([without_pip, "-m", "headwise.fetch_model"], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert fetched.stdout.strip() == str(model)
    (tmp_path / "passages.txt").write_text("\n".join(PASSAGES))
    arguments = ["rerank", "--query", "who wrote Emma?", "--documents", tmp_path / "passages.txt", "--format", "jsonl", "--quiet"]
    answers = [subprocess.run([*program, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
               for program in ([folder / "headwise"], [without_pip, "-m", "headwise"], [ROOT / "build" / "release" / "headwise"])]
    results = [json.loads(answer)["results"] for answer in answers]
    assert results[0] == results[1] == results[2] and results[0][0]["index"] == 1  # and the bits of the ordinary build


@pytest.mark.slow
def test_a_new_debian_with_python_only(bundle):
    """From `pip install` to the first ranking in less than a minute, nothing compiled; the seconds are printed."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("hardware: a new system takes root and debootstrap")
    suite = {(3, 11): "bookworm"}.get(sys.version_info[:2], "trixie")
    wheel, tarball = bundle
    script = ROOT / "packaging" / "try_bundle.py"
    done = subprocess.run([sys.executable, script, "--suite", suite, "--wheel", wheel, "--tarball", tarball],
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    told = json.loads(done.stdout)
    print(told["seconds"])
    assert told["first ranking"] < 60, told["seconds"]
    ranked = [json.loads(told["printed"][name])["results"] for name in ("rank", "rank free of pip", "rank from the tarball")]
    assert ranked[0] == ranked[1] == ranked[2] and ranked[0][0]["index"] == 1
    assert told["printed"]["rank from Python"] == "Emma is a novel by Jane Austen.\n"
