# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

"""Prints the rows of src/tokenizer/unicode_update.cc, found by asking Hugging Face tokenizers about every code point:

* categories: where the general category differs between Unicode 14 (Debian 12's Oniguruma; Python 3.11's unicodedata)
  and the Oniguruma inside tokenizers (Unicode 16);
* forms: the characters that Debian's utf8proc (Unicode 15) reorders, composes or decomposes and the normalizer inside
  tokenizers (Unicode 9) leaves alone.

    .venv/bin/python tests/golden/tokenizer_unicode_table.py categories
    .venv/bin/python tests/golden/tokenizer_unicode_table.py forms
"""

import ctypes
import sys
import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
# Ideographs are Han too, which patterns ask for: they get a row of their own.
IDEOGRAPHS = (0x20000, 0x3FFFF)
FORMS = {"NFC": 2 | 8, "NFD": 2 | 16, "NFKC": 2 | 4 | 8, "NFKD": 2 | 4 | 16}  # utf8proc's options
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def print_ranges(values, row):
    ranges = []
    for code_point in sorted(values):
        if ranges and ranges[-1][1] == code_point - 1 and ranges[-1][2] == values[code_point]:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point, values[code_point]])
    for first, last, value in ranges:
        print(row.format(first=first, last=last, value=value))


def categories():
    assert unicodedata.unidata_version == "14.0.0", "needs Python 3.11, whose tables are Unicode 14"
    characters = [chr(c) for c in CODE_POINTS]
    changed = {}
    for category in CATEGORIES:
        splitter = pre_tokenizers.Split(Regex(rf"\p{{{category}}}+"), "removed", invert=True)
        for first in range(0, len(characters), 65536):
            for text, _ in splitter.pre_tokenize_str("".join(characters[first:first + 65536])):
                for character in text:
                    if unicodedata.category(character) != category:
                        ideograph = IDEOGRAPHS[0] <= ord(character) <= IDEOGRAPHS[1]
                        changed[ord(character)] = "Han" if ideograph else category
    print_ranges(changed, "    Range{{0x{first:04X}, 0x{last:04X}, Class::k{value}}},")


def utf8proc_form():
    library, c_library = ctypes.CDLL("libutf8proc.so.2"), ctypes.CDLL(None)
    library.utf8proc_map.argtypes = [ctypes.c_char_p, ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int]
    library.utf8proc_map.restype = ctypes.c_ssize_t
    c_library.free.argtypes = [ctypes.c_void_p]

    def form(text, options):
        data, result = text.encode(), ctypes.c_void_p()
        length = library.utf8proc_map(data, len(data), ctypes.byref(result), options)
        normal = ctypes.string_at(result, length).decode()
        c_library.free(result)
        return normal

    return form


def forms():
    form = utf8proc_form()
    changed = {}
    for name, options in FORMS.items():
        theirs = getattr(normalizers, name)()
        for code_point in CODE_POINTS:
            character = chr(code_point)
            for text in (character, f"a\u0300{character}\u0334\u0301\u0327", f"a{character}{character}\u0301"):
                if theirs.normalize_str(text) != form(text, options):
                    changed[code_point] = ""
                    # What a character is composed of composes: without its last part nothing does.
                    parts = form(character, FORMS["NFD"])
                    if len(parts) > 1:
                        changed[ord(parts[-1])] = ""
                    break
    print_ranges(changed, "    FormRange{{0x{first:04X}, 0x{last:04X}}},")


if __name__ == "__main__":
    {"categories": categories, "forms": forms}[sys.argv[1]]()
