"""`benchmarks` is a folder of the checkout that is not installed; it comes last, so that minires itself is the installed one."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
