"""One thread per test process: many small matrices are slower with more, and processes share the cores."""

import os
import sys
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# the folder `benchmarks` of the checkout is not installed; it comes last, so that minires itself is the installed one
sys.path.append(str(Path(__file__).parents[1]))
