# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What the checks share: the list of the project's files, and the order of its strata. Not a script."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = {".cc", ".h", ".cpp", ".cu", ".cuh"}
HEADERS = {".h", ".cuh"}  # .cuh: what a CUDA compiler reads, and a plain one too

# Lowest first; a folder may include its own files and those of the folders before it. docs/architecture.md#the-folders-top-to-bottom says why.
STRATA = ["base", "kernels", "formats", "tokenizer", "model", "decoder", "passages", "rerank", "eval", "heads", "route", "engine", "align", "report", "jobs",
          "search", "serve", "python", "apps"]

# Rooms inside a stratum that have an order of their own, lowest first.
ROOMS = {"align": ["data", "graph", "files", "loop"]}

# A public header belongs to the stratum that implements it, so a lower folder cannot reach up through the public API.
PUBLIC_STRATUM = {
    "error.h": "base",
    "home.h": "base",
    "keep.h": "base",
    "passage.h": "base",
    "progress.h": "base",
    "dataset.h": "formats",
    "qrels.h": "formats",
    "run.h": "formats",
    "model_config.h": "model",
    "tokenizer.h": "tokenizer",
    "model.h": "model",
    "decoder_description.h": "decoder",
    "device_choice.h": "base",
    "head_selection.h": "model",
    "reranker.h": "rerank",
    "score_kind.h": "rerank",
    "relevance.h": "rerank",
    "explanation.h": "rerank",
    "evaluation.h": "eval",
    "significance.h": "eval",
    "score_store.h": "heads",
    "head_set.h": "heads",
    "head_catalogue.h": "heads",
    "router.h": "route",
    "engine.h": "engine",
    "shipped_adapter.h": "engine",
}

# Third-party headers by the folders that may see them; the standard library, POSIX and tl::expected are free to all.
THIRD_PARTY = {
    "pcre2.h": {"tokenizer"},
    "oniguruma.h": {"tokenizer"},
    "utf8proc.h": {"tokenizer"},
    "nlohmann/": {"formats", "tokenizer", "model", "passages", "rerank", "eval", "heads", "route", "align", "engine", "jobs", "report", "search", "serve", "apps", "python"},
    "lmdb.h": {"passages"},
    "hiredis/": {"passages"},
    "xxhash.h": {"passages"},
    "cuda_runtime.h": {"decoder"},
    "cuda_bf16.h": {"decoder"},
    "mma.h": {"decoder"},
    "cublasLt.h": {"decoder"},
    "httplib.h": {"serve"},
    "sqlite3.h": {"search"},
    "libstemmer.h": {"search"},
    "unicode/": {"search"},
    "torch/": {"align", "apps"},
    "CLI/": {"apps"},
    "nanobind/": {"python"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def files() -> list[Path]:
    """Tracked and new files, not those git ignores, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout
    return sorted({Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()})


def code_files(*folders: str) -> list[Path]:
    return [path for path in files() if path.suffix in CODE and (not folders or path.parts[0] in folders)]


def read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def resolve(include: str, included_from: Path) -> Path | None:
    """The project's file that a quoted include names, or None."""
    for folder in (included_from.parent, Path("include"), Path("src"), Path("apps"), Path("python"), Path("bench"), Path("tests")):
        if (ROOT / folder / include).is_file():
            return folder / include
    return None
