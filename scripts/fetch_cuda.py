#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fetches a CUDA compiler and the libraries that libheadwise_cuda.so links to, out of six pinned wheels of the Python package index, into
build/cuda and prints the toolkit's folder: what cmake -DHEADWISE_CUDA=ON needs where no toolkit is installed. No card and no driver is
needed. 574 MB come over the net, of which cuBLAS is 444.

The wheels are NVIDIA's, under NVIDIA's licences; nothing of them is committed or shipped. Each is checked against its sha256, and the folder
is moved into place in one step. Standard library only.
"""
from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

import package_index

TARGET = Path(__file__).resolve().parent.parent / "build" / "cuda"
WHEELS = (
    package_index.Wanted("nvidia-cuda-nvcc", "nvidia_cuda_nvcc-13.5.37-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                         "f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7", 47028279),
    package_index.Wanted("nvidia-cuda-crt", "nvidia_cuda_crt-13.5.37-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                         "e898b7f73d3035fa89915a3f7bf3b54a73e90249746111aed295822c4729bb29", 166163),
    package_index.Wanted("nvidia-nvvm", "nvidia_nvvm-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
                         "c41bfa362e407405163f103c2229f0765f8cc2ed7d148b754dc77f228bf7e070", 75141406),
    package_index.Wanted("nvidia-cuda-runtime", "nvidia_cuda_runtime-13.5.37-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                         "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d", 2504024),
    package_index.Wanted("nvidia-cuda-cccl", "nvidia_cuda_cccl-13.3.5.0.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                         "d5230098fa2df5021e1a00c0c4eee41797671a91119d31e892463e5ccf3ee326", 4113651),
    package_index.Wanted("nvidia-cublas", "nvidia_cublas-13.10.0.20-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
                         "dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84", 444289903),
)
ROOT = Path("nvidia") / "cu13"


def fetch_cuda() -> Path:
    """build/cuda/nvidia/cu13, with bin, nvvm, include and lib."""
    if (TARGET / ROOT / "bin" / "nvcc").is_file():
        return TARGET / ROOT
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET.parent, prefix=".fetch-") as temporary:
        staged = Path(temporary) / "cuda"
        for wanted in WHEELS:
            wheel = package_index.fetch(wanted, Path(temporary) / wanted.file)
            with zipfile.ZipFile(wheel) as members:
                members.extractall(staged)
            wheel.unlink()
        for folder in ("bin", "nvvm/bin"):  # zip archives do not say what may be run
            for program in (staged / ROOT / folder).rglob("*"):
                if program.is_file():
                    program.chmod(0o755)
        os.replace(staged, TARGET)
    return TARGET / ROOT


if __name__ == "__main__":
    try:
        print(fetch_cuda())
    except package_index.FetchError as error:
        sys.exit(f"fetch: {error}")
