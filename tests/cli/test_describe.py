# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The man page and the completions that the binary writes about itself: asked of the tools that read them, where they are."""
import re
import shutil
import subprocess

import pytest
import where


@pytest.fixture
def described(headwise, tmp_path):
    (tmp_path / "described").mkdir()
    headwise.ok("describe", "--folder", "described")
    return tmp_path / "described"


def complete(described, *words: str, cursor: int | None = None) -> set[str]:
    """What bash offers for the last word, or the one at `cursor`."""
    cursor = len(words) - 1 if cursor is None else cursor
    script = (f"source {described}/headwise.bash\nCOMP_WORDS=({' '.join(map(repr, words))})\nCOMP_CWORD={cursor}\n"
              "_headwise headwise\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, cwd=described, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return set(done.stdout.split())


def test_the_verb_is_for_packagers_and_not_listed(headwise):
    assert "describe" not in headwise.ok("--help")
    assert "expected man, bash, zsh or fish" in headwise.fails(2, "describe")
    assert "expected one of man, bash, zsh, fish; found 'csh'" in headwise.fails(2, "describe", "csh")
    assert headwise.ok("describe", "bash").startswith("# SPDX")


def test_bash_completes_verbs_flags_and_words(described):
    subprocess.run(["bash", "-n", described / "headwise.bash"], check=True)
    assert {"rerank", "search", "heads", "models", "--version"} <= complete(described, "headwise", "")
    assert complete(described, "headwise", "rer") == {"rerank"}
    assert complete(described, "headwise", "heads", "s") == {"sample", "score", "select", "sensitivity", "show"}
    assert complete(described, "headwise", "rerank", "--encod") == {"--encoding"}
    assert complete(described, "headwise", "rerank", "--encoding", "") == {"blocks", "list"}
    assert complete(described, "headwise", "rerank", "--encoding", "=", "bl") == {"blocks"}
    assert complete(described, "headwise", "rerank", "--encoding", "=") == {"blocks", "list"}
    assert complete(described, "headwise", "--quiet", "rerank", "--top-") == {"--top-k"}
    assert complete(described, "headwise", "--config", "heads", "rerank", "--top-") == {"--top-k"}
    assert complete(described, "headwise", "heads", "show", "--json", "--repo") == {"--report"}
    assert complete(described, "headwise", "rerank", "--query", "rerank", "--format", "j") == {"jsonl"}
    (described / "facts.txt").write_text("")
    assert complete(described, "headwise", "rerank", "--documents", "fac") == {"facts.txt"}


def test_every_flag_of_every_verb_is_in_all_of_them(headwise, described):
    verbs = [verb for verb in re.findall(r"^  ([a-z]+) ", headwise.ok("--help"), re.M) if verb not in ("heads", "passages", "route", "align")]
    assert len(verbs) >= 8
    page = (described / "headwise.1").read_text().replace("\\-", "-")
    for verb in verbs:
        flags = set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", headwise.ok(verb, "--help"), re.M))
        assert flags <= complete(described, "headwise", verb, "--"), verb
        assert all(f"\\fB{flag}\\fR" in page or f", {flag}\\fR" in page for flag in flags), verb
        for name in ("_headwise", "headwise.fish"):
            text = (described / name).read_text()
            assert all(flag.removeprefix("--") in text for flag in flags), (verb, name)


@pytest.mark.parametrize("shell, file", [("zsh", "_headwise"), ("fish", "headwise.fish")])
def test_other_shells_can_parse_theirs(described, shell, file):
    if shutil.which(shell):
        subprocess.run([shell, "--no-execute", described / file], check=True, timeout=60)
    text = (described / file).read_text()
    assert text.replace("'\\''", "").count("'") % 2 == 0 and "rerank" in text


def test_the_man_page_is_one(described):
    page = described / "headwise.1"
    for tool in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-z", "-K", "utf8"]):
        if shutil.which(tool[0]):
            done = subprocess.run([*tool, page], capture_output=True, text=True, timeout=60)
            complaints = [line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line]
            assert done.returncode == 0 and not complaints, complaints
    if shutil.which("man"):
        shown = subprocess.run(["man", "-l", page], capture_output=True, text=True, timeout=60, env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        assert shown.returncode == 0 and "--max-words" in shown.stdout and "EXIT STATUS" in shown.stdout


def test_the_same_version_everywhere():
    root = where.ROOT
    built = re.search(r"project\(headwise VERSION ([\d.]+)", (root / "CMakeLists.txt").read_text()).group(1)
    assert f'version = "{built}"' in (root / "pyproject.toml").read_text()
    assert f"## {built}" in (root / "CHANGELOG.md").read_text()


def test_one_port_everywhere():
    default = re.search(r"int port = (\d+);", (where.ROOT / "src/serve/transport.h").read_text()).group(1)
    found = 0
    for path in [where.ROOT / "README.md", *(where.ROOT / "docs").glob("*.md"), *(where.ROOT / "packaging").rglob("*"),
                 where.ROOT / "apps/main.cc", where.ROOT / "examples/README.md"]:
        if path.is_file():
            for port in re.findall(r"(?:127\.0\.0\.1:|localhost:|--port |EXPOSE )(\d+)", path.read_text()):
                found += 1
                assert port == default, (path, port)
    assert found > 5


def test_files_that_the_readmes_commands_read_are_there():
    text = (where.ROOT / "README.md").read_text()
    named = re.findall(r"--(?:documents|corpus) (\S+)", text)
    assert named and all((where.ROOT / name).exists() for name in named), named
