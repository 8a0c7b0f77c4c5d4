# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Commands in documents and comments: whether our programs, scripts, verbs, flags and words in them exist. Not a script."""
import re
from pathlib import Path

import program_flags
from doc_text import CODE, Block

LAUNCHERS = ("sudo", "env", "do", "time", "exec", "torchrun", "printf")


def wrong_command(words: list[str], place: str, files: set[str]) -> list[str]:
    """One command, split into words; what is no program of ours is left alone."""
    while words and (re.match(r"[A-Z_]+=", words[0]) or words[0] in LAUNCHERS):
        words = words[1:]
    while words and (words[0].startswith("-") or re.fullmatch(r"\d+|sbatch", words[0])) and any(word.startswith("headwise") for word in words):
        words = words[1:]  # a launcher's own flags
    if words and re.search(r"(?:^|/)python3?$", words[0]):
        words = words[1:]
        if words[:1] == ["-m"] and len(words) > 1 and words[1].split(".")[0] == "headwise":
            stem = words[1].split(".")[-1]
            return [] if {f"python/headwise/{stem}.py", f"scripts/{stem}.py"} & files else [f"{place}: there is no module '{words[1]}'"]
    if not words:
        return []
    program = words[0].removeprefix("./")
    if program in ("headwise", "build/release/headwise", "headwise-align"):
        return wrong_verb(["align"] * program.endswith("align") + words[1:], place)
    if match := re.fullmatch(r"build/release/(\w+)|(headwise_\w+)", program):
        name = match.group(1) or match.group(2)
        return [] if name in program_flags.programs() else [f"{place}: CMake builds no '{name}'"]
    path = Path(program)
    if str(path) not in files or path.parts[0] not in ("scripts", "bench", "tests", "models", "examples"):
        return []
    known = program_flags.script_flags(path)
    found = [f"{place}: {path} has no flag '{flag}'" for flag in flags_of(words[1:]) if flag not in known]
    allowed = program_flags.script_words(path)
    plain = [word for word in words[1:] if re.fullmatch(r"[a-z][\w-]*", word)]
    return found + [f"{place}: {path} knows no '{word}'" for word in plain if allowed is not None and word not in allowed]


def flags_of(words: list[str]) -> list[str]:
    return [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word) and not word[1:2].isdigit()]


def wrong_verb(words: list[str], place: str) -> list[str]:
    verbs = program_flags.verbs()
    verb = next((name for count in (2, 1) if (name := " ".join(words[:count])) in verbs), "")
    groups = {name.split()[0] for name in verbs if " " in name}
    if not verb and words and re.fullmatch(r"[a-z]+", words[0]) and words[0] not in groups:
        return [f"{place}: headwise has no verb '{words[0]}'"]
    if not verb and words and words[0] in groups:
        if len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
            return [f"{place}: headwise has no verb '{words[0]} {words[1]}'"]
        return []
    return [f"{place}: headwise {verb} has no flag '{flag}'" for flag in flags_of(words[len(verb.split()):]) if flag not in verbs[verb]]


def commands(text: str) -> list[str]:
    """The commands of a line of shell, rests in parentheses and comments left out."""
    text = re.sub(r"(?:^|\s)#.*|\s\(.*\)\s*$", "", text)
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "X", text)
    return [part for part in re.split(r"[|;&()<>]+|\bdo\b", text) if part.strip()]


def wrong_commands(block: Block, files: set[str]) -> list[str]:
    found = []
    if block.kind == "command":
        text = re.sub(r"\\\n\s*", " ", block.text)
        for line in text.splitlines():
            place = block.place(max(0, block.text.find(line[:30])))
            for command in commands(line):
                found += wrong_command(command.split(), place, files)
    else:
        verbs = program_flags.verbs()
        for match in CODE.finditer(block.text.replace("\n", " ")):
            for command in commands(match.group(1)):
                words = command.split()
                if words[0] in ("headwise", "headwise-align", "scripts/test", "scripts/setup", "scripts/demo"):
                    found += wrong_command(words, block.place(match.start()), files)
                elif len(words) > 1 and any(command.strip().startswith(verb + " -") for verb in verbs if verb):
                    found += wrong_verb(words, block.place(match.start()))
    return found
