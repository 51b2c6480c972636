"""Judge the files that a port wrote: verdict, first divergence and likely mistake of every case.

Exit codes: 0 every case passed (or failed as expected), 1 one failed, 2 the request cannot be served.
"""

from minires.files import write_atomically

EXAMPLE = "minires oracle check vectors answers --junit report.xml"
WRITTEN = ("junit", "md")


def arguments(parser):
    """DIR, OUT, --case, --pack, --profile, --xfails, --junit, --md."""
    parser.add_argument("directory", metavar="DIR", help="what `minires oracle export` wrote")
    parser.add_argument("out", metavar="OUT", help="what the port wrote")
    parser.add_argument("--case", metavar="GLOB", help="ids, e.g. 'transformer/res*'; default: all that were exported")
    parser.add_argument("--pack", metavar="PACK", help="the pack that was exported; default: the core pack")
    parser.add_argument("--profile", help="the port's precision, instead of that of OUT/subject.json")
    parser.add_argument("--xfails", metavar="FILE", help="expected failures: a line per pattern of ids, # and the reason")
    parser.add_argument("--strict", action="store_true", help="an expected failure that passes is a failure")
    parser.add_argument("--reproduce", metavar="FOLDER", help="write the first diverging step of each failing case")
    parser.add_argument("--junit", metavar="FILE", help="write the report as JUnit XML too")
    parser.add_argument("--md", metavar="FILE", help="write the report as Markdown too")


def run(arguments):
    """Print the report."""
    from minires.oracle.adapters import files
    from minires.oracle.packs import pack
    goldens = pack.load(arguments.pack) if arguments.pack else None
    report = files.check(arguments.directory, arguments.out, goldens, arguments.case, arguments.profile,
                         xfails=arguments.xfails, strict=arguments.strict, reproduce=arguments.reproduce)
    documents = {"junit": report.junit, "md": report.markdown}
    for name in WRITTEN:
        if path := getattr(arguments, name):
            text = documents[name]().encode()
            write_atomically(path, lambda file: file.write(text))
    print(report.json() if arguments.json else report.text())
    return report.exit_code
