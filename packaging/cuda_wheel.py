#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Makes the wheel that `pip install headwise[cuda]` brings: libheadwise_cuda.so and nothing else. What it links to, cuBLAS and
the CUDA runtime, are NVIDIA's own wheels, under NVIDIA's licences, which it asks for; nothing of them is inside.

    packaging/cuda_wheel.py --output build/bundle

It takes the library that `scripts/test cuda` leaves in build/cuda-library (or --build). Standard library only.
"""
import argparse
import base64
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_GLIBC = 35  # as the wheel of headwise itself
NEEDS = ("nvidia-cublas>=13,<14", "nvidia-cuda-runtime>=13,<14")
SUMMARY = "What headwise runs on NVIDIA cards"


def project_version() -> str:
    return re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]


def installed_library(build: Path, folder: Path) -> Path:
    """The library as `cmake --install` lays it down: it looks for NVIDIA's wheels beside its own folder."""
    done = subprocess.run(["cmake", "--install", str(build), "--component", "cuda", "--strip", "--prefix", str(folder)], capture_output=True, text=True)
    library = folder / "lib" / "headwise" / "libheadwise_cuda.so"
    if done.returncode != 0 or not library.is_file():
        sys.exit(f"cuda_wheel: {build} has no libheadwise_cuda.so; scripts/test cuda builds it\n{done.stderr}")
    return library


def check_glibc(library: Path) -> None:
    symbols = subprocess.run(["nm", "-D", "--undefined-only", str(library)], capture_output=True, text=True, check=True).stdout
    newest = max(int(minor) for minor in re.findall(r"@GLIBC_2\.(\d+)", symbols))
    if newest > OLDEST_GLIBC:
        sys.exit(f"cuda_wheel: the library needs glibc 2.{newest}, and the wheel promises 2.{OLDEST_GLIBC}; build it on an older system")


def record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def make_wheel(library: Path, version: str, output: Path) -> Path:
    tag = f"py3-none-manylinux_2_{OLDEST_GLIBC}_x86_64"
    info = f"headwise_cuda-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in NEEDS)
    files = {
        "headwise_cuda/libheadwise_cuda.so": library.read_bytes(),
        f"{info}/METADATA": (f"Metadata-Version: 2.4\nName: headwise-cuda\nVersion: {version}\nSummary: {SUMMARY}\n"
                             f"License-Expression: Apache-2.0\nLicense-File: LICENSE\nRequires-Python: >=3.10\n{needs}").encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: headwise\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
        f"{info}/licenses/LICENSE": (ROOT / "LICENSE").read_bytes(),
    }
    record = "".join(record_line(name, content) for name, content in files.items()) + f"{info}/RECORD,,\n"
    output.mkdir(parents=True, exist_ok=True)
    wheel = output / f"headwise_cuda-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, f"{info}/RECORD": record.encode()}.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, content)
    return wheel


def main() -> None:
    parser = argparse.ArgumentParser(prog="packaging/cuda_wheel.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "cuda-library", help="the build folder with the library")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bundle", help="folder for the wheel")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        library = installed_library(arguments.build, Path(temporary))
        check_glibc(library)
        wheel = make_wheel(library, project_version(), arguments.output)
    print(wheel, f"{wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
