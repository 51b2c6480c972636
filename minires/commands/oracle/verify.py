"""Verify a pack: every hash, every number made anew and compared byte for byte, and a float64 run beside it.

Without DIR the core pack inside the package. Exit code 1 where a byte differs.
"""

from minires.commands.oracle.build import processes
from minires.report import as_json, table

EXAMPLE = "minires oracle verify"
COLUMNS = {"case": "case", "same": "bytes", "entries": "numbers", "bits": "bits", "float64": "float64 error (ulp, rms)"}


def arguments(parser):
    """DIR, --case, --jobs, --hashes."""
    parser.add_argument("directory", nargs="?", metavar="DIR", help="a folder or .zip; default: the core pack")
    parser.add_argument("--hashes", action="store_true", help="compare the hashes only, make nothing anew")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")


def run(arguments):
    """A row per case; exit code 1 where one differs."""
    from minires.oracle.packs.manifest import read_files, suite_hash
    from minires.oracle.packs.pack import core_path
    from minires.oracle.packs.verification import verified
    path = arguments.directory or core_path()
    files = read_files(path)
    if arguments.hashes:
        print(as_json({"sha256": suite_hash(files)}) if arguments.json else f"{len(files)} files as the manifest says")
        return 0
    rows, lines = verified(path, files, processes(arguments.jobs))
    if arguments.json:
        print(as_json({"sha256": suite_hash(files), "cases": rows, "problems": lines}))
    else:
        print(table(rows, COLUMNS) + "".join(f"\n{line}" for line in lines))
        print(f"\n{path}, sha256 {suite_hash(files)[:12]}: " + ("every byte is the same" if not lines else "NOT the same"))
    return 1 if lines else 0
