"""The actions of `minires oracle`, a file each: EXAMPLE, arguments(parser), run(arguments) -> exit code or None."""
