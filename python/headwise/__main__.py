# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`python -m headwise`: the program that lies in the package, as `headwise` starts it."""
import os
import sys
from pathlib import Path

os.execv(Path(__file__).with_name("bin") / "headwise", ["headwise", *sys.argv[1:]])
