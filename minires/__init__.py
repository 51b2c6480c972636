"""minires: residual paths in Transformers, and echo-state reservoirs, in plain NumPy with autograd. Read, run, rely on it.

The names below and the modules of the package are imported when they are first asked for: `import minires` imports no NumPy.
"""

from importlib import import_module

from minires._version import __version__

PLACES = {  # module -> the names of it that are names of minires too
    "decoding": ("Cache", "decode", "generate"),
    "masks": ("additive", "causal_mask", "global_local_mask", "padding_mask", "sliding_window_mask"),
    "model": ("BERT", "LLAMA", "Transformer"),
    "parameters": ("count", "flatten", "unflatten"),
    "record": ("Residual",),
    "residual": ("PLACEMENTS", "VARIANTS", "combine"),
}

__all__ = ["BERT", "LLAMA", "PLACEMENTS", "VARIANTS", "Cache", "Residual", "Transformer", "__version__", "additive",
           "causal_mask", "combine", "count", "decode", "flatten", "generate", "global_local_mask", "padding_mask",
           "sliding_window_mask", "unflatten"]


def __getattr__(name):
    """The name or the module, imported; AttributeError that names the nearest where there is none."""
    for module, names in PLACES.items():
        if name in names:
            return globals().setdefault(name, getattr(import_module(f"minires.{module}"), name))
    if not name.startswith("_"):
        from importlib.util import find_spec
        if find_spec(f"minires.{name}"):
            return import_module(f"minires.{name}")
    from minires.errors import one_of
    try:
        return one_of("attribute of minires", name, dict.fromkeys(__all__))
    except ValueError as error:
        raise AttributeError(str(error), name=name) from None


def __dir__():
    """The names that are there and those that are imported when asked for."""
    return sorted({*globals(), *__all__})
