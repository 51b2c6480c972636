"""List the cases of the catalogue, or those of a pack."""

from minires.report import as_json, table

EXAMPLE = "minires oracle list --case 'edge/*'"
COLUMNS = {"case": "case", "core": "core", "parameters": "parameters", "decode": "decode", "tags": "tags"}


def arguments(parser):
    """--case, --pack."""
    parser.add_argument("--case", default="*", metavar="GLOB", help="ids, e.g. 'transformer/res*'; default: all")
    parser.add_argument("--pack", metavar="DIR", help="a pack (folder or .zip) instead of the catalogue")


def run(arguments):
    """A row per case."""
    from minires.oracle.cases import CASES, CORE, chosen
    if arguments.pack:
        from minires.oracle.packs import pack  # imports every mistake: not for the catalogue
        cases = [golden.case for golden in pack.load(arguments.pack, arguments.case)]
    else:
        cases = [CASES[id]() for id in chosen(arguments.case)]
    rows = [{"case": case.id, "system": case.system, "core": "yes" if case.id in CORE else "",
             "parameters": sum(value.size for value in case.params.values()), "decode": case.config.get("decode", 0),
             "tags": ", ".join(case.tags)} for case in cases]
    print(as_json(rows) if arguments.json else table(rows, COLUMNS))
