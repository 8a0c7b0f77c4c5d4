# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""libheadwise_cuda.so as cmake/cuda.cmake builds it: it loads without a card, and says what is missing. Section `cuda` of
scripts/test builds it before this is run."""
import ctypes
import os
import shutil
import sys
import zipfile

import pytest

from conftest import ROOT, must_run, run

LIBRARY = ROOT / "build" / "cuda-library" / "libheadwise_cuda.so"
TINY = ROOT / "tests" / "data" / "golden" / "models" / "tiny-qwen3"


def driver_is_there() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def library():
    assert LIBRARY.is_file(), f"{LIBRARY} is missing: scripts/test cuda builds it"
    return LIBRARY


def test_it_hands_out_its_table_alone(library):
    loaded = ctypes.CDLL(str(library))
    loaded.headwise_device_table.restype = ctypes.POINTER(ctypes.c_uint32)
    version, size = loaded.headwise_device_table()[:2]
    header = (ROOT / "src" / "decoder" / "cuda" / "device_table.h").read_text()
    assert f"kTableVersion = {version};" in header
    assert size == 8 + 8 * header.split("struct DeviceTable {")[1].split("};")[0].count("(*")
    names = run("nm", "-D", "--defined-only", library).stdout.split()[2::3]
    assert [name for name in names if "headwise" in name] == ["headwise_device_table"]


def says_that_there_is_no_driver(program, folder, **variables):
    if driver_is_there():
        pytest.skip("hardware: there is a driver")
    (folder / "documents.txt").write_text("a leaf of tea\na lamp\n")
    done = run(program, "rerank", "--model", TINY, "--query", "tea", "--documents", folder / "documents.txt", "--device", "cuda",
               env={**os.environ, **variables})
    assert done.returncode == 3
    assert "--device cuda:0 cannot be had: a driver for CUDA 13 or newer was expected" in done.stderr
    assert "use --device cpu" in done.stderr


def test_without_a_driver_the_program_says_so(library, build, tmp_path):
    says_that_there_is_no_driver(build / "headwise", tmp_path, HEADWISE_CUDA_LIBRARY=str(library))


def test_the_wheel_holds_it_where_the_package_looks(library, build, tmp_path):
    must_run(sys.executable, ROOT / "packaging" / "cuda_wheel.py", "--output", tmp_path)
    (wheel,) = tmp_path.glob("headwise_cuda-*-py3-none-manylinux_2_35_x86_64.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
    assert "Requires-Dist: nvidia-cublas>=13,<14" in metadata
    assert f"headwise-cuda=={metadata.split('Version: ')[2].split()[0]}" in (ROOT / "pyproject.toml").read_text()
    assert "$ORIGIN/../nvidia/cu13/lib" in run("readelf", "-d", site / "headwise_cuda" / "libheadwise_cuda.so").stdout
    (site / "headwise").mkdir()
    shutil.copy(build / "headwise", site / "headwise" / "headwise")  # the library that asks lies in this folder
    (site / "nvidia").symlink_to(ROOT / "build" / "cuda" / "nvidia")
    says_that_there_is_no_driver(site / "headwise" / "headwise", tmp_path)
