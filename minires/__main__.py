"""`python -m minires` is the command `minires`."""

import sys

from minires.cli import main

sys.exit(main())
