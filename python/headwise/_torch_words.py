# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The keywords of sentence-transformers' CrossEncoder that headwise has no use for: what is said of each, and what of it can
be obeyed without torch."""
import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import numpy.typing

from ._errors import UsageError, wrong_type
from ._values import text

# Keyword -> (values that ask for nothing, what is said of others; "": nothing). Constructor, predict and rank alike.
_QUIET: tuple[Any, ...] = (None, False, "", {}, [])
_SAID: dict[str, tuple[tuple[Any, ...], str]] = {
    "device": ((*_QUIET, "cpu"), "headwise runs on the CPU; for a card pass Reranker(model, device=\"cuda\") in the place of the model"),
    "backend": ((*_QUIET, "torch"), "headwise has an engine of its own"),
    "model_kwargs": (_QUIET, "the file says what the model is; `weights` chooses its precision"),
    "automodel_args": (_QUIET, "the file says what the model is; `weights` chooses its precision"),
    "config_kwargs": (_QUIET, "the file says what the model is"),
    "config_args": (_QUIET, "the file says what the model is"),
    "processor_kwargs": (_QUIET, "the model's own tokenizer is used as it is; only model_max_length is obeyed"),
    "tokenizer_kwargs": (_QUIET, "the model's own tokenizer is used as it is; only model_max_length is obeyed"),
    "tokenizer_args": (_QUIET, "the model's own tokenizer is used as it is; only model_max_length is obeyed"),
    "revision": (_QUIET, "nothing is downloaded: the model is what the path holds"),
    "classifier_dropout": (_QUIET, "there is no classifier"),
    "keep_in_fp32_modules": (_QUIET, "`weights` chooses the precision"),
    "pool": (_QUIET, "one engine uses all cores by itself"),
    "chunk_size": (_QUIET, "one engine uses all cores by itself"),
    "processing_kwargs": (_QUIET, "the model's own tokenizer is used as it is"),
    "prompts": (_QUIET, ""), "default_prompt_name": (_QUIET, ""), "prompt": (_QUIET, ""), "prompt_name": (_QUIET, ""),
    "cache_folder": (_QUIET, ""), "cache_dir": (_QUIET, ""), "trust_remote_code": (_QUIET, ""),
    "local_files_only": (_QUIET, ""), "token": (_QUIET, ""), "model_card_data": (_QUIET, ""), "model_name": (_QUIET, ""),
    "default_activation_function": (_QUIET, ""), "num_workers": (_QUIET, ""), "activation_fct": (_QUIET, ""),
}
_LENGTH_KEYWORDS = ("processor_kwargs", "tokenizer_kwargs", "tokenizer_args")
_CALLS = ("device", "pool", "chunk_size", "prompt", "prompt_name", "num_workers", "processing_kwargs", "batch_size",
          "show_progress_bar")


def parted(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Reranker's settings, and sentence-transformers' words."""
    if given.get("modules") is not None:
        raise wrong_type("modules", "None (headwise reads attention heads inside a decoder model and has no torch modules "
                         "to replace)", given["modules"])
    ours = {name: value for name, value in given.items() if name not in _SAID and name != "modules"}
    return ours, {name: value for name, value in given.items() if name in _SAID}


def known(given: Mapping[str, Any], call: str) -> Mapping[str, Any]:
    for name in given:
        if name not in _CALLS:
            raise TypeError(f"CrossEncoder.{call}() got an unexpected keyword argument '{name}'")
    return given


def _same(value: Any, quiet: Any) -> bool:
    return type(value) is type(quiet) and bool(value == quiet)


def warn_of(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        quiet, said = _SAID.get(name, (_QUIET, ""))
        obeyed = name in _LENGTH_KEYWORDS and isinstance(value, Mapping) and set(value) <= {"model_max_length"}
        harmless = name == "device" and str(value) == "cpu"  # torch.device("cpu")
        if said and not obeyed and not harmless and not any(_same(value, one) for one in quiet):
            warnings.warn(f"{name}={value!r} has no effect: {said}", UserWarning, stacklevel=3)


def check_labels(num_labels: int | None) -> None:
    if num_labels is not None and (isinstance(num_labels, bool) or not hasattr(num_labels, "__index__")):
        raise wrong_type("num_labels", "1 or None", num_labels)
    if num_labels not in (None, 1):
        raise UsageError(f"num_labels: expected 1, found {num_labels}: headwise gives one score for a query and a passage; "
                         "it does not classify")


def length_of(max_length: int | None, theirs: Mapping[str, Any]) -> int | None:
    """A passage's most tokens, by max_length or a tokenizer's keyword."""
    if max_length is not None:
        if isinstance(max_length, bool) or not hasattr(max_length, "__index__"):
            raise wrong_type("max_length", "a whole number of tokens", max_length)
        return max_length
    for name in _LENGTH_KEYWORDS:
        if isinstance(theirs.get(name), Mapping) and theirs[name].get("model_max_length") is not None:
            return length_of(theirs[name]["model_max_length"], {})
    return None


def one_of(first: Any, second: Any, name: str, other: str) -> Any:
    if (first is None) == (second is None):
        raise UsageError(f"{name}: expected a list of (query, passage) pairs" + ("" if first is None else f", without {other} beside it"))
    return second if first is None else first


def instruction_of(call: Mapping[str, Any], prompts: Mapping[str, str], default: str | None) -> str | None:
    """What a call's prompt, or the name of one, asks to look for; None: the Reranker's own words."""
    if call.get("prompt") is not None:
        return text(call["prompt"], "prompt")
    name = call.get("prompt_name") if call.get("prompt_name") is not None else default
    if name is None:
        return None
    if name not in prompts:
        raise UsageError(f"prompt_name: expected one of {', '.join(map(repr, prompts)) or 'the prompts, of which there are none'}, "
                         f"found {name!r}")
    return text(prompts[name], f"prompts[{name!r}]")


def prompts_of(theirs: Mapping[str, Any]) -> Mapping[str, str]:
    given = theirs.get("prompts")
    if given is not None and not isinstance(given, Mapping):
        raise wrong_type("prompts", "a dict of names and texts", given)
    return given or {}


def activation(given: Any, name: str) -> Callable[[Any], Any] | None:
    if given is not None and not callable(given):
        raise wrong_type(name, "a function of scores", given)
    return given  # type: ignore[no-any-return]


def torch_for(what: str) -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ImportError(f"{what} needs torch, which headwise itself does not: pip install torch") from error


def apply(function: Callable[[Any], Any], scores: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[Any]:
    """torch's modules get a tensor, any other function an array."""
    if any(one.__module__.split(".")[0] == "torch" for one in type(function).__mro__) or \
            (getattr(function, "__module__", None) or "").split(".")[0] == "torch":
        result = numpy.asarray(function(torch_for("activation_fn").from_numpy(scores)).numpy())
    else:
        result = numpy.asarray(function(scores))
    if result.shape != scores.shape:
        raise UsageError(f"activation_fn: expected one number for each of {scores.size} scores, found the shape {result.shape}")
    return result
