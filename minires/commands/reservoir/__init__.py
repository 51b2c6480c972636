"""The actions of `minires reservoir`, a file each: EXAMPLE, arguments(parser), run(arguments) -> exit code or None."""
