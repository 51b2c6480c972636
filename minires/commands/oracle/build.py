"""Make a pack anew: every number from an exact run, every mistake tried.

DIR may be a folder, or a file that ends in .zip. The bytes of the files do not depend on the machine.
"""

import sys
import time
from pathlib import Path

from minires.report import as_json

EXAMPLE = "minires oracle build minires-vectors.zip"


def arguments(parser):
    """DIR, --core, --case, --jobs."""
    parser.add_argument("directory", nargs="?", metavar="DIR", help="default: minires-vectors-VERSION; --core: the package")
    parser.add_argument("--core", action="store_true", help="the cases of the core pack only")
    parser.add_argument("--case", metavar="GLOB", help="these cases only")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")


def run(arguments):
    """Build, write, and say how large and how long."""
    from minires.oracle.cases import CORE, chosen
    from minires.oracle.packs.manifest import SUITE, suite_hash, write_files
    from minires.oracle.packs.pack import build, core_path
    start = time.perf_counter()
    ids = chosen(arguments.case) if arguments.case else list(CORE) if arguments.core else chosen("*")
    path = Path(arguments.directory or (core_path() if arguments.core else f"minires-vectors-{SUITE}"))
    files = build(ids, processes(arguments.jobs))
    write_files(path, files)
    told = {"pack": str(path), "suite": SUITE, "sha256": suite_hash(files), "cases": len(ids), "files": len(files),
            "bytes": sum(map(len, files.values())), "seconds": round(time.perf_counter() - start, 1)}
    if path.suffix == ".zip":
        told["zip bytes"] = path.stat().st_size
    print(as_json(told) if arguments.json else "\n".join(f"{key:10} {value}" for key, value in told.items()))


def processes(jobs):
    """map by so many processes, with a bar on standard error."""
    from minires.experiments import side_by_side
    return lambda function, ids: side_by_side([(function, id) for id in ids], jobs, "exact runs", sys.stderr.isatty())
