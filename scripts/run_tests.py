#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The test run behind scripts/test: sections, seconds for each, one summary, one exit status.

Sections run one after the other, but for two stretches: while the tree is checked and the release build is made, the Python
environments are fetched; and what mostly waits for other people's programs runs beside what mostly compiles. Nothing that
measures time is in either. A section's line comes when it has ended.

A check of the tree counts as one test, a GoogleTest case as one, any other ctest entry as one, a pytest test as one.
Full logs are in build/logs/. Standard library only.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Callable

import test_reports
from test_reports import Counts, case_counts

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
JOBS = str(len(os.sched_getaffinity(0)))
TAIL_LINES = 60  # of a failed command's log


def logged(name: str, *command: str, environment: dict[str, str] | None = None) -> bool:
    """Runs a command with its output in build/logs/NAME.log; on failure the end of the log is printed."""
    log = LOGS / f"{name}.log"
    with open(log, "wb") as sink:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                              env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        lines = log.read_text(errors="replace").splitlines()
        shown = " ".join(command[:8]) + (" ..." if len(command) > 8 else "")
        end = "".join(f"   | {line}\n" for line in lines[-TAIL_LINES:])
        print(f"   {shown}: exit status {done.returncode}; the end of {log.relative_to(ROOT)}:\n{end}", end="", flush=True)
    return done.returncode == 0


def check(name: str, *command: str) -> Counts:
    ok = logged(name, *command)
    return Counts(passed=1) if ok else Counts(failed=1, notes=[f"failed: {name}"])


def format_check() -> Counts:
    sys.path.insert(0, str(ROOT / "scripts"))
    import tree
    return check("format", "clang-format", "--dry-run", "-Werror", *map(str, tree.code_files()))


def script_check(name: str) -> Callable[[], Counts]:
    return lambda: check(name, sys.executable, f"scripts/check_{name}.py")


def configure(preset: str, *flags: str) -> bool:
    return logged(f"configure-{preset}", "cmake", "--preset", preset, *flags)


def build(preset: str, target: str) -> bool:
    """A build folder that is made here compiles in large units (cmake/unity.cmake); one that is there stays as it is. Where two
    files of a unit clash, that is said, and every file is compiled alone: the tests have an answer all the same."""
    folder = ROOT / "build" / preset
    ninja = ("ninja", "-C", f"build/{preset}", target)
    # Ninja runs CMake again by itself when a list file changed.
    if not (folder / "build.ninja").is_file() and not configure(preset, "-DCMAKE_UNITY_BUILD=ON"):
        return False
    if logged(f"build-{preset}", *ninja):
        return True
    if not re.search(r"^CMAKE_UNITY_BUILD:\w+=ON$", (folder / "CMakeCache.txt").read_text(), re.MULTILINE):
        return False
    print(f"   {preset}: files of one unit may clash; building once more, file by file", flush=True)
    return configure(preset, "-DCMAKE_UNITY_BUILD=OFF") and logged(f"build-{preset}", *ninja)


def ctest(preset: str, selection: list[str], environment: dict[str, str], target: str) -> Counts:
    label = f"{preset}-tests"
    began = time.monotonic()
    if not build(preset, target):
        return Counts(failed=1, notes=[f"failed: building preset {preset}"])
    counts = Counts(building=time.monotonic() - began)
    cases = ROOT / "build" / preset / "cases"
    shutil.rmtree(cases, ignore_errors=True)
    cases.mkdir(parents=True)
    report = cases.parent / "ctest.xml"
    report.unlink(missing_ok=True)
    logged(label, "ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "--no-tests=error", "--parallel",
           JOBS, "--output-junit", str(report), *selection,
           environment={"GTEST_OUTPUT": f"xml:{cases}/", "GTEST_COLOR": "no", **environment})
    if not report.is_file():
        return Counts(failed=1, notes=[f"failed: ctest wrote no report for preset {preset}"])
    for program in ElementTree.parse(report).iter("testcase"):
        name, status = program.get("name", ""), program.get("status", "")
        own = cases / f"{name}.xml"
        inner = case_counts(own, f"{preset}/{name}") if own.is_file() else Counts()
        if status == "run":
            counts.add(inner if own.is_file() else Counts(passed=1))
        elif inner.failed > 0:
            counts.add(inner)
        elif status in ("notrun", "disabled"):
            counts.add(Counts(failed=1, notes=[f"failed: {preset}/{name} was not run"]))
        else:  # it crashed, timed out, or a sanitizer spoke at exit: no case of its own says so
            counts.add(inner)
            counts.add(Counts(failed=1, notes=[f"failed: {preset}/{name} ({status})"]))
    return counts


SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # Libraries are not instrumented: what they do among themselves cannot be judged.
    "TSAN_OPTIONS": "halt_on_error=1:ignore_noninstrumented_modules=1",
}
slow_too = False  # set by --slow


def release_build() -> Counts:
    began = time.monotonic()
    ok = build("release", "all")
    return Counts(building=time.monotonic() - began) if ok else Counts(failed=1, notes=["failed: building preset release"])


def release_tests() -> Counts:
    return ctest("release", [] if slow_too else ["-LE", "slow"], {}, "all")


def sanitizer_tests(preset: str) -> Callable[[], Counts]:
    # The tests' programs and what they link; the command line and the benchmarks are not run under sanitizers.
    return lambda: ctest(preset, ["-LE", "slow"], SANITIZERS, "tests/all")


def fuzz_tests() -> Counts:
    # The build of "asan": its library is instrumented for both.
    return ctest("dev", ["-L", "fuzz"], SANITIZERS, "tests/fuzz/all")


def pytest(name: str, *arguments: str, interpreter: str = sys.executable, jobs: str = JOBS, all_slow: bool = False) -> Counts:
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    selection = [] if slow_too or all_slow else ["-m", "not slow"]
    ok = logged(name, interpreter, "-m", "pytest", "-q", "-ra", "-n", jobs, "--dist", "loadfile", "--color=no", f"--junitxml={report}", *selection,
                *arguments)
    counts = case_counts(report, "pytest") if report.is_file() else Counts()
    if not ok and counts.failed == 0:  # a broken conftest, no test collected
        counts.add(Counts(failed=1, notes=[f"failed: pytest of {name}"]))
    return counts


INSTALL_FILES = ("tests/e2e/test_install.py", "tests/e2e/test_packages.py", "tests/e2e/test_scripts.py")
CUDA_FILE = "tests/e2e/test_cuda_library.py"


def command_line_tests() -> Counts:
    return pytest("command-line", "tests/cli")


def server_tests() -> Counts:
    return pytest("server", "tests/server", jobs="0")  # they measure how soon /health answers


def client_tests() -> Counts:
    if not logged("setup-clients", "scripts/setup", "clients"):
        return Counts(failed=1, notes=["failed: scripts/setup clients"])
    return pytest("clients", "tests/clients", interpreter=".venv-clients/bin/python", jobs="0")


def peer_tests() -> Counts:
    return pytest("peers", "tests/e2e", *(f"--ignore={name}" for name in (*INSTALL_FILES, CUDA_FILE)))


def install_tests() -> Counts:
    return pytest("install", *INSTALL_FILES)


def cuda_tests() -> Counts:
    """The library for cards, compiled and linked where no card is; nvcc is fetched where there is none."""
    began = time.monotonic()
    built = (shutil.which("nvcc") is not None or logged("cuda-fetch", sys.executable, "scripts/fetch_cuda.py")) \
        and logged("cuda-configure", "cmake", "-G", "Ninja", "-B", "build/cuda-library", "-DCMAKE_BUILD_TYPE=Release", "-DHEADWISE_CUDA=ON", "-DHEADWISE_ALIGN=OFF") \
        and logged("cuda-build", "ninja", "-C", "build/cuda-library", "headwise_cuda") and build("release", "headwise_cli")
    if not built:
        return Counts(failed=1, notes=["failed: building libheadwise_cuda.so"])
    counts = Counts(passed=1, building=time.monotonic() - began)
    counts.add(pytest("cuda", CUDA_FILE, jobs="0"))
    return counts


SCALE_FILES = ("tests/python/test_scale_ray.py", "tests/python/test_scale_spark.py", "tests/python/test_scale_slurm.py")


@lru_cache
def python_package() -> str:
    """Makes the wheel, and the binary that it is compared with, once a run. What failed, or nothing."""
    if not build("release", "headwise_cli"):
        return "building the command line"
    return "" if logged("python-package", sys.executable, "scripts/python_package.py") else "building the wheel"


def with_python_package(step: str, tests: Callable[[], Counts]) -> Counts:
    if not logged(f"setup-{step}", "scripts/setup", step):
        return Counts(failed=1, notes=[f"failed: scripts/setup {step}"])
    began = time.monotonic()
    if failed := python_package():
        return Counts(failed=1, notes=[f"failed: {failed}"])
    counts = Counts(building=time.monotonic() - began)
    counts.add(tests())
    return counts


def python_tests() -> Counts:
    return with_python_package("package", lambda: pytest("python", "tests/python", *(f"--ignore={name}" for name in SCALE_FILES),
                                                         interpreter=".venv-python/bin/python"))


def scale_out_tests() -> Counts:
    # One after the other: each starts a cluster of its own.
    return with_python_package("scale", lambda: pytest("scale-out", *SCALE_FILES, interpreter=".venv-python/bin/python", jobs="0",
                                                       all_slow=True))


def fetch_environments() -> Counts:
    """Early, beside the release build. What fails here fails again, and is counted, in the section that needs it."""
    logged("environments", "scripts/setup", *(("scale", "clients", "golden") if slow_too else ("package",)))
    return Counts()


ALONE = "alone"


@dataclass
class Section:
    name: str
    purpose: str
    run: Callable[[], Counts]
    when: str  # "fast": always; "default": unless --fast; "slow": with --slow
    lane: str = ALONE


# The stretches of a run, in order; lanes of one stretch run side by side.
STRETCHES = [("checks", "fetching"), (ALONE,), ("compiling", "waiting")]


SECTIONS = [
    Section("format", "clang-format", format_check, "fast", "checks"),
    Section("tree", "SPDX lines, file lengths, nothing that names one machine", script_check("tree"), "fast", "checks"),
    Section("docs", "paths, headings, commands and flags that documents and comments name are there", script_check("docs"), "fast", "checks"),
    Section("includes", "includes point downward only", script_check("includes"), "fast", "checks"),
    Section("reach", "every file includes what declares the names of ours that it uses", script_check("reach"), "fast", "checks"),
    Section("headers", "every public header compiles alone", script_check("headers"), "fast", "checks"),
    Section("release", "the release build, beside which the other sections' environments are fetched", release_build, "fast", "checks"),
    Section("environments", "Python packages, and with --slow a browser, Java and Slurm", fetch_environments, "default", "fetching"),
    Section("unit", "unit, golden and property tests, replay of the fuzz corpora", release_tests, "fast"),
    Section("command-line", "pytest: the binary's output, exit status, answers to bad input", command_line_tests, "fast"),
    Section("server", "pytest: the server's answers, errors, behaviour towards bad clients", server_tests, "fast"),
    Section("peers", "pytest: the binary against pytrec_eval, Hugging Face tokenizers, sentencepiece", peer_tests, "default"),
    Section("install", "pytest: the installed library, its example, the scripts", install_tests, "default"),
    Section("python", "pytest: the Python package and its adapters against the binary", python_tests, "default"),
    # Ray gives its workers a low priority: beside compilers they would stand still.
    Section("scale-out", "pytest: Ray, Spark and Slurm on loopback write the file of one process", scale_out_tests, "slow"),
    Section("cuda", "libheadwise_cuda.so compiles and links for sm_80, sm_90 and sm_100, and says where there is no driver", cuda_tests, "slow"),
    Section("clients", "pytest: other people's clients, schemathesis and a browser against the server", client_tests, "slow", "waiting"),
    Section("asan", "the same tests under AddressSanitizer and UndefinedBehaviorSanitizer", sanitizer_tests("dev"), "slow", "compiling"),
    Section("tsan", "the same tests under ThreadSanitizer", sanitizer_tests("tsan"), "slow", "compiling"),
    Section("tidy", "clang-tidy", script_check("tidy"), "slow", "compiling"),
    Section("fuzz", "libFuzzer, 10 s for each parser", fuzz_tests, "slow", "compiling"),
]


def parse_arguments() -> list[Section]:
    lines = "\n".join(f"  {section.name:13} {section.purpose} ({section.when})" for section in SECTIONS)
    parser = argparse.ArgumentParser(prog="scripts/test", description="Runs the tests of headwise.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter, epilog="sections:\n" + lines)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="run these only")
    parser.add_argument("--fast", action="store_true", help="only the sections marked (fast)")
    parser.add_argument("--slow", action="store_true", help="also clang-tidy, the slow tests and the fuzzing")
    parser.add_argument("--no-skips", action="store_true",
                        help="a skipped test is a failure, unless this machine's hardware or the shared folder lacks what it needs")
    arguments = parser.parse_args()
    global slow_too
    slow_too = arguments.slow
    test_reports.no_skips = arguments.no_skips
    if arguments.sections:
        unknown = set(arguments.sections) - {section.name for section in SECTIONS}
        if unknown:
            parser.error(f"unknown section {', '.join(sorted(unknown))}; expected some of the list in --help")
        return [section for section in SECTIONS if section.name in arguments.sections]
    wanted = {"fast"} | (set() if arguments.fast else {"default"}) | ({"slow"} if arguments.slow else set())
    return [section for section in SECTIONS if section.when in wanted]


def summary(counts: Counts) -> str:
    return f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped"


def run_section(section: Section) -> tuple[Counts, float]:
    start = time.monotonic()
    counts = section.run()
    seconds = time.monotonic() - start
    notes = "".join(f"   {note}\n" for note in counts.notes)
    print(f"== {section.name}: {section.purpose}\n{notes}   {summary(counts)}, {seconds:.0f} s", flush=True)
    return counts, seconds


def main() -> int:
    sections = parse_arguments()
    # A shell starts what it puts into the background with Ctrl-C ignored, and so would every test of Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("HEADWISE_SHARED", str(ROOT.parent / "shared"))
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    # The wheel is made of the release build's objects: by these the compiler cache knows them in another folder.
    os.environ.update(CCACHE_BASEDIR=str(ROOT), CCACHE_NOHASHDIR="1")
    began = time.monotonic()
    ended: dict[str, tuple[Counts, float]] = {}

    def run_lane(lane: str) -> None:
        for section in sections:
            if section.lane == lane:
                ended[section.name] = run_section(section)

    for lanes in STRETCHES:
        with ThreadPoolExecutor(len(lanes)) as pool:
            list(pool.map(run_lane, lanes))
    total = Counts()
    print(f"\n== summary ({time.monotonic() - began:.0f} s; logs in build/logs)")
    for section in sections:
        counts, seconds = ended[section.name]
        building = f", {counts.building:.0f} s of them building" if counts.building >= 0.5 else ""
        print(f"{section.name:13} {seconds:6.0f} s   {summary(counts)}{building}")
        total.add(counts)
    print(summary(total))
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
