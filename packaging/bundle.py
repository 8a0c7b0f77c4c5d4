#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Makes what people install without building: a wheel with every library inside, and a tarball of the same files.

    .venv-python/bin/python packaging/bundle.py --output build/bundle

It takes the wheel that scripts/python_package.py has built for this Python (or --wheel), puts in ICU with the data that
`search` uses in place of all of it and an OpenSSL that is empty, lets auditwheel collect the libraries, and adds their licences. For another Python:
`pip wheel .` there, then --wheel. The machine it runs on decides how old a system the result runs on: Debian 12 is the
oldest that can build headwise.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

from auditwheel.wheeltools import InWheelCtx

ROOT = Path(__file__).resolve().parent.parent
LICENCES = ROOT / "packaging" / "licences.tsv"
# What search/terms.cc asks ICU for: where words begin and end, in every script.
ICU_ITEMS = re.compile(r"brkitr/(root\.res|ja\.res|word\.brk|[a-z]+dict\.dict)|nfkc\.nrm")
# Part of every Linux system that the wheel's tag promises.
OF_THE_SYSTEM = re.compile(r"lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|z)\.so\.|ld-linux|linux-vdso")


def run(*command: str | Path, **options) -> str:
    """What a command printed; the tools of this Python's environment come first."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **options.pop("environment", {})}
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"bundle: {command[0]}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def linked(binary: Path) -> dict[str, Path]:
    """The libraries that a binary loads, by the name it knows them by; not those of every system."""
    rows = re.findall(r"^\s*(\S+) => (\S+)", run("ldd", binary), re.MULTILINE)
    return {name: Path(path).resolve() for name, path in rows if not OF_THE_SYSTEM.match(name)}


def licence_rows() -> list[list[str]]:
    """Library, licence, stems of its files, packages with the text."""
    lines = LICENCES.read_text().splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def row_of(file: str, rows: list[list[str]]) -> list[str]:
    for row in rows:
        if file.partition(".so")[0].partition("-")[0] in (stem.partition("-")[0] for stem in row[2].split()):
            return row
    sys.exit(f"bundle: {file} is inside, but packaging/licences.tsv has no line for it")


def copy_licences(rows: list[list[str]], target: Path) -> None:
    """The licence texts of what is inside, each with the common texts that it refers to."""
    target.mkdir(parents=True)
    for _, _, _, package in rows:
        if package.startswith("py:"):
            folder = Path(sysconfig.get_path("purelib"))
            found = sorted(folder.glob(f"{package[3:]}-*.dist-info/**/LICENSE*"))
        else:
            found = [Path("/usr/share/doc") / package / "copyright"]
        if not found or not found[0].is_file():
            sys.exit(f"bundle: no licence text of {package}; is it installed?")
        text = found[0].read_text(encoding="utf-8", errors="replace")
        (target / package.replace("py:", "")).write_text(text, encoding="utf-8")
        for name in re.findall(r"/usr/share/common-licenses/([\w.+-]*\w)", text):
            common = Path("/usr/share/common-licenses") / name
            if common.is_file():
                shutil.copyfile(common, target / f"common-{common.resolve().name}")  # GPL is GPL-3


def small_icu(full: Path, folder: Path) -> None:
    """ICU's data library anew, under its name, with the items that are used: 3 MB of 31."""
    version = re.search(r"\.so\.(\d+)", full.name)[1]
    package = folder / f"icudt{version}l.dat"  # its name is the first part of every item's name inside
    everything, gone = folder / "everything" / package.name, folder / "gone.txt"
    everything.parent.mkdir()
    run("objcopy", "-O", "binary", "--only-section=.rodata", full, everything)
    items = run("icupkg", "-l", everything).split()
    gone.write_text("\n".join(item for item in items if not ICU_ITEMS.fullmatch(item)))
    run("icupkg", "--ignore-deps", "-r", gone, everything, package)
    source = folder / "icudata.S"
    source.write_text(f'.section .note.GNU-stack,"",@progbits\n.section .rodata\n.balign 16\n.globl icudt{version}_dat\n'
                      f'.type icudt{version}_dat, @object\nicudt{version}_dat: .incbin "{package}"\n'
                      f".size icudt{version}_dat, .-icudt{version}_dat\n")
    name = f"libicudata.so.{version}"
    run("cc", "-shared", "-nostdlib", f"-Wl,-soname,{name}", "-o", folder / name, source)


def without_tls(httplib: Path, libraries: dict[str, Path], folder: Path) -> None:
    """OpenSSL's two libraries with nothing in them. Debian's cpp-httplib asks for them when it is loaded, but `serve` leaves
    TLS to a proxy: every function says no, and there is no copy of OpenSSL that would have to be kept up to date."""
    asked = sorted(set(re.findall(r" U (\w+)@(OPENSSL_[\d.]+)$", run("nm", "-D", "--undefined-only", httplib), re.MULTILINE)))
    source, versions = folder / "no_tls.c", folder / "no_tls.map"
    source.write_text("".join(f"long {function}(void) {{ return 0; }}\n" for function, _ in asked))
    versions.write_text("".join(f"{version} {{ global: *; }};\n" for version in sorted({version for _, version in asked})))
    for name in filter(re.compile(r"lib(ssl|crypto)\.so").match, libraries):
        run("cc", "-shared", "-fPIC", "-w", "-nostdlib", f"-Wl,-soname,{name}", f"-Wl,--version-script={versions}",
            "-o", folder / name, source)


def check_module(wheel: Path, package: Path) -> None:
    """A wheel for every Python from 3.12 on holds a module that every one of them finds, not one version's."""
    modules = [path.name for path in package.glob("_core*.so")]
    stable = "-abi3-" in wheel.name
    if len(modules) != 1 or (modules[0] == "_core.abi3.so") != stable:
        sys.exit(f"bundle: {wheel.name} holds {', '.join(modules) or 'no module'}: expected {'_core.abi3.so' if stable else 'the one of its Python'}; "
                 "CMake 3.26 or later builds the first (scripts/requirements-abi3.txt)")


def self_contained(raw: Path, output: Path) -> Path:
    """The wheel with its libraries and their licences inside, under the oldest tag that auditwheel finds true."""
    rows = licence_rows()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with_texts = folder / raw.name
        with InWheelCtx(raw, with_texts) as inside:
            package = Path(inside.path)
            check_module(raw, package / "headwise")
            libraries = linked(package / "headwise" / "bin" / "headwise")
            for name in libraries:
                if not name.startswith("libheadwise"):
                    row_of(name, rows)
            copy_licences(rows, next(package.glob("*.dist-info")) / "licenses" / "inside")
        for name, path in libraries.items():
            if name.startswith("libicudata"):
                small_icu(path, folder)
            elif name.startswith("libcpp-httplib"):
                without_tls(path, libraries, folder)
        run("auditwheel", "repair", "--strip", "--zip-compression-level", "9", "--wheel-dir", folder / "repaired", with_texts,
            environment={"LD_LIBRARY_PATH": str(folder)})
        repaired = next((folder / "repaired").glob("*.whl"))
        for name in zipfile.ZipFile(repaired).namelist():
            if name.startswith("headwise.libs/") and not name.endswith("/"):
                row_of(Path(name).name, rows)
        return Path(shutil.copy(repaired, output / repaired.name))


def tarball(wheel: Path, build: Path, output: Path) -> Path:
    """bin/, lib/ and share/ out of the wheel and of what `cmake --install` lays down; found wherever it is unpacked."""
    version = wheel.name.split("-")[1]
    with tempfile.TemporaryDirectory() as temporary:
        unpacked, tree = Path(temporary) / "wheel", Path(temporary) / f"headwise-{version}"
        run("cmake", "--install", build, "--component", "headwise", "--prefix", tree)
        shutil.rmtree(tree / "lib", ignore_errors=True)  # a unit for systemd, with the paths of the Debian package
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
        shutil.copytree(unpacked / "headwise.libs", tree / "lib")
        shutil.copy(unpacked / "headwise" / "libheadwise_engine.so", tree / "lib")
        shutil.copy(unpacked / "headwise" / "bin" / "headwise", tree / "bin" / "headwise")
        licences = next(unpacked.glob("*.dist-info")) / "licenses" / "inside"
        shutil.copytree(licences, tree / "share" / "doc" / "headwise" / "licences", dirs_exist_ok=True)
        run("patchelf", "--set-rpath", "$ORIGIN/../lib", tree / "bin" / "headwise")
        for library in (tree / "lib").iterdir():
            run("patchelf", "--set-rpath", "$ORIGIN", library)
            library.chmod(0o644)
        (tree / "bin" / "headwise").chmod(0o755)
        made = output / f"{tree.name}-linux-{os.uname().machine}.tar.gz"
        with tarfile.open(made, "w:gz") as archive:
            archive.add(tree, tree.name)
        return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="packaging/bundle.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel to start from (default: the one in build/wheel)")
    parser.add_argument("--build", type=Path, help="the build folder it was made in (default: this Python's)")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bundle", help="folder for both files")
    arguments = parser.parse_args()
    raw = arguments.wheel or next(iter(sorted((ROOT / "build" / "wheel").glob("headwise-*.whl"))), None)
    if raw is None or not raw.is_file():
        sys.exit("bundle: there is no wheel to start from; run scripts/setup package and scripts/python_package.py")
    build = arguments.build or ROOT / "build" / f"python-{sys.implementation.cache_tag}"
    arguments.output.mkdir(parents=True, exist_ok=True)
    wheel = self_contained(raw, arguments.output)
    for made in (wheel, tarball(wheel, build, arguments.output)):
        print(made, f"{made.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
