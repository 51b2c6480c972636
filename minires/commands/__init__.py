"""The commands of `minires`, a file each: EXAMPLE, arguments(parser), run(arguments) -> exit code or None."""
