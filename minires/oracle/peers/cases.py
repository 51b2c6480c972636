"""The cases of the trials: ordinary small Transformers with what the peers have, and without what they have not."""

from minires.oracle.cases.transformers import transformer_case

PLAIN = {"layers": 3, "B": 2, "T": 5, "vocabulary": 11, "width": 8, "heads": 4, "kv_heads": 4, "head_width": 3,
         "feed_forward": 10, "positions": "none", "norm": "layer", "biases": False, "activation": "gelu_erf", "epsilon": 1e-5,
         "decode": 0, "head": "linear"}


def like(variant, name="", kind="decoder", padded=False, **changes):
    """A function that makes the case peer/VARIANT, or peer/VARIANT-NAME, always the same one; encoders without padding."""
    id = f"peer/{variant.replace(' ', '')}" + (f"-{name}" if name else "")

    def make():
        case = transformer_case(variant, kind, id=id, **{**PLAIN, **changes})
        return case if padded else case._replace(
            values={name: value for name, value in case.values.items() if name != "inputs.padding"})
    return make
