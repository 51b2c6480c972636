"""Cases in which a convention of a public package shows that ordinary numbers hide."""

from minires.oracle.cases.transformers import transformer_case, with_values
from minires.oracle.cases.variants import ALIKE, SMALL


def negative_alpha(id):
    """nGPT with negative steps in the second layer's attention."""
    case = transformer_case("ngpt", "decoder", id=id, **{**SMALL, **ALIKE})
    return with_values(case, "negative alpha", **{"layers.1.attention.alpha": lambda alpha: -alpha})


CASES = {"option/ngpt-negative-alpha": lambda: negative_alpha("option/ngpt-negative-alpha")}
