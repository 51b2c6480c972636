"""The golden oracle: exact truth, derived tolerances, and a report that names the mistake in a port.

    from minires.oracle import verify
    print(verify(run, profile="float32"))       # run(case) -> {name: array}

`minires.oracle.judgement.judge.judge` does the same for one case and an answer at hand.
"""

__all__ = ["verify"]


def __getattr__(name):
    """`verify`, imported when it is asked for."""
    if name == "verify":
        from minires.oracle.adapters.adapter import verify
        return verify
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
