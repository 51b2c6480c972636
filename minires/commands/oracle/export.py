"""Write cases as files, for a port in any language; `minires oracle check` judges what it writes.

The port reads DIR/<case id>/case.json and tensors.*, and writes OUT/<case id>/tensors.* and OUT/subject.json
{"name", "version", "profile"}; profile: float64, float32, tf32, bfloat16 or float16.
"""

EXAMPLE = "minires oracle export vectors --case 'transformer/*' --dtype bfloat16"


def arguments(parser):
    """DIR, --case, --pack, --dtype, --format, --blind."""
    parser.add_argument("directory", metavar="DIR", help="a new folder")
    parser.add_argument("--case", default="*", metavar="GLOB", help="ids, e.g. 'transformer/res*'; default: all")
    parser.add_argument("--pack", metavar="PACK", help="a folder or .zip; default: the core pack")
    parser.add_argument("--dtype", default="float64", help="of parameters and inputs: float64, float32, float16, bfloat16")
    parser.add_argument("--format", default="safetensors", help="safetensors (default), npz, npy, bin")
    parser.add_argument("--blind", action="store_true", help="without the truth")


def run(arguments):
    """Write, and say how many."""
    from minires.errors import one_of
    from minires.oracle.adapters import files
    from minires.oracle.packs import pack
    from minires.oracle.packs.raw import DTYPES
    one_of("dtype", arguments.dtype, DTYPES)
    goldens = pack.load(arguments.pack, arguments.case) if arguments.pack else pack.core(arguments.case)
    files.export(goldens, arguments.directory, arguments.dtype, arguments.format, arguments.blind)
    if not arguments.json:
        print(f"{len(goldens)} cases in {arguments.directory}")
