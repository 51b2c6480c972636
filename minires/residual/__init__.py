"""The catalogue: every variant by name, each as the fields of the record that it replaces.

A variant is a function of its options that returns these fields; the record is a norm placement with the fields
replaced. That is the whole definition: `PRE_NORM._replace(**resformer())`.
"""

from typing import Callable, NamedTuple

from minires.errors import check_options, one_of, require
from minires.residual.hidden.norm_placement import PLACEMENTS, vanilla
from minires.residual.scores.realformer import realformer, realformer_mean
from minires.residual.scores.temperature import temperature
from minires.residual.values.neutreno import neutreno, resformer_neutreno
from minires.residual.values.resformer import resformer, resformer_constant, resformer_sparse
from minires.residual.values.resformer_learnable import resformer_dense, resformer_learnable, resformer_plus
from minires.residual.values.svformer import svformer
from minires.transformer import Residual


class Variant(NamedTuple):
    """One entry of the catalogue."""

    fields: Callable       # (**options) -> the fields of the record that it replaces
    placement: str         # where its authors put the norms
    equation: str
    paper: str

    @property
    def file(self):
        """The file that defines it."""
        return self.fields.__module__.replace(".", "/") + ".py"


ZHOU = "Zhou et al. 2024, 2410.17897"
HE = "He et al. 2020, 2012.11747"

VARIANTS = {
    "vanilla": Variant(vanilla, "post", "x' = norm(x + f(x))", "Vaswani et al. 2017, 1706.03762"),
    "pre_norm": Variant(vanilla, "pre", "x' = x + f(norm(x))", "Xiong et al. 2020, 2002.04745"),
    "sandwich_norm": Variant(vanilla, "sandwich", "x' = x + norm_2(f(norm_1(x)))", "Ding et al. 2021, 2105.13290"),
    "output_norm": Variant(vanilla, "output", "x' = x + norm(f(x))", "Liu et al. 2021, 2111.09883"),
    "realformer": Variant(realformer, "post", "S_n = A_n + S_{n-1}; P_n = softmax(S_n)", HE),
    "realformer_mean": Variant(realformer_mean, "post", "S_n = A_n + S_{n-1}; P_n = softmax(S_n / n)", HE),
    "temperature": Variant(temperature, "post", "P_n = softmax(sqrt(n) A_n)", "control of RealFormer, of our own"),
    "resformer": Variant(resformer, "pre", "V'_n = (V_1 + V_n) / 2", ZHOU),
    "resformer_constant": Variant(resformer_constant, "pre", "V'_n = 2 V_1 + V_n", ZHOU),
    "resformer_sparse": Variant(resformer_sparse, "pre", "V'_n = 5 V_1 + V_n in late layers", ZHOU),
    "resformer_learnable": Variant(
        resformer_learnable, "pre", "V'_n = lambda_1[n] V_1 + lambda_2[n] V_n", ZHOU),
    "resformer_plus": Variant(
        resformer_plus, "pre", "V'_n = s softmax(theta)[n] V_1 + lambda_2[n] V_n", ZHOU),
    "resformer_dense": Variant(resformer_dense, "pre", "V'_n = sum_{i<=n} lambda[n,i] V_i", ZHOU),
    "svformer": Variant(svformer, "pre", "V'_n = V_1, no W_v after layer 1", ZHOU),
    "neutreno": Variant(
        neutreno, "pre", "U_n = P_n V_n + 0.4 (V_1 - V_n)", "Nguyen et al. 2023, 2312.00751"),
    "resformer_neutreno": Variant(
        resformer_neutreno, "pre", "V'_n = (V_1 + V_n)/2; U_n = P_n V'_n + 0.2 (V_1 - V'_n)", ZHOU),
}


def residual(name, placement=None, options=None):
    """The record of the variant called `name`, with its authors' norm placement unless another one is named.

    >>> residual("realformer").scores is residual("vanilla").scores
    False
    """
    if isinstance(name, Residual):
        require(placement is None and not options, "a Residual record of your own takes no placement and no options")
        return name
    variant = one_of("variant", name, VARIANTS)
    base = one_of("norm placement", placement or variant.placement, PLACEMENTS)
    require(isinstance(options or {}, dict), f"options={options!r}: expected a dict")
    check_options(name, variant.fields, options or {})
    fields = variant.fields(**(options or {}))
    return base._replace(**{**fields, "parameters": base.parameters + fields.get("parameters", ())})
