"""The actions of `minires conversation`, a file each: EXAMPLE, arguments(parser), run(arguments) -> exit code or None."""
