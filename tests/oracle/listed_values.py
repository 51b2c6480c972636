"""Numbers of the specifications on values and scores that are no change of a case's values, and the test that catches them.

MISTAKES_OF says for every phrase of a variant's docstring under "mistakes:" which mistakes of the catalogue stand for it, or
why none does. EQUIVALENT lists where a mistake applies and cannot be seen.
"""

METRICS, COST = "tests/test_analysis.py", "tests/residual/test_residual_decoding.py"
START = "tests/residual/test_residual_initial.py"
VALUES, HERE = "tests/residual/test_residual_values.py", "tests/oracle/test_mistakes_values.py"
ELSEWHERE = {
    "value_residual F27": ("the same as realformer F40, in every model with 1 < G < H", "tests/oracle/test_mistakes_core.py",
                           "test_a_planted_mistake_is_what_a_wrong_port_computes"),
    "value_residual F46": ("a W_v that nothing uses changes no value; the parameters count it", START,
                           "test_a_variant_has_as_many_parameters_more_or_fewer_as_its_paper_says"),
    "value_residual F47": ("memory that is not initialised gives NaN by chance", "tests/oracle/test_judge.py",
                           "test_what_is_not_finite_must_be_so_in_the_truth"),
    "value_residual F49": ("decay acts in training; at step 0 nothing differs", "tests/training/test_optimisers.py",
                           "test_only_matrices_and_tables_decay"),
    "value_residual F51": ("a metric", METRICS, "test_importance_entropy_is_none_of_its_misreadings"),
    "value_residual F52": ("a metric", METRICS, "test_importance_entropy_is_none_of_its_misreadings"),
    "value_residual F53": ("a metric", METRICS, "test_token_similarity_leaves_the_diagonal_out"),
    "value_residual F54": ("a metric", METRICS, "test_value_spectrum_is_the_eigenvalues_of_the_uncentred_second_moment"),
    "value_residual F55": ("a metric", METRICS, "test_repeating_the_heads_of_a_group_scales_the_norms_but_not_the_drain"),
    "value_residual F56": ("accounting", COST, "test_svformer_keeps_one_value_for_all_layers"),
    "value_residual 11.1.5": ("a mixer that nothing uses changes no value; the parameters count it", START,
                              "test_a_variant_has_as_many_parameters_more_or_fewer_as_its_paper_says"),
    "value_residual 11.1.9": ("a metric", METRICS, "test_importance_entropy_is_none_of_its_misreadings"),
    "value_residual 11.1.10": ("two recipes in one paper; no program", None, None),
    "value_residual 11.1.11": ("a metric", METRICS, "test_value_norms_and_drain_ratio_are_those_of_the_flat_values"),
    "value_residual 11.1.12": ("a sentence of the paper; no program", None, None),
    "value_residual 11.1.13": ("a matter of names: V_1, too, depends on the token alone where positions are rotary", VALUES,
                               "test_the_first_values_depend_on_the_token_alone_at_any_position"),
}
NUMBERS = {f"value_residual F{n}" for n in range(1, 57)} | {f"value_residual 11.1.{n}" for n in range(1, 14)} | {
    f"residual_catalogue 4 {row}" for row in ("ReViT", "Evolving Attention", "LazyFormer")} | {
    f"residual_catalogue 5 {row}" for row in ("NeuTRENO", "RWKV-7", "learned mix", "Value embeddings", "KV sharing", "YOCO",
                                              "KV shifting")}

HALF = "at 1/2 and 1/2 both weights, their shares and their sum 1 are alike"
EQUIVALENT = {  # (mistake, variant with its default options) -> why nothing changes
    **{(name, variant): HALF for variant in ("resformer", "resformer_neutreno") for name in (
        "value-weights-swapped", "value-weights-normalized", "value-weights-softmax", "value-residual-in-first-layer")},
    **{(name, variant): "lambda_2 = 1" for name, variant in (
        ("own-value-unweighted", "resformer_constant"), ("own-value-unweighted", "resformer_sparse"),
        ("first-value-weighted", "resformer_constant"))},
    **{("value-weights-in-float32", variant): "float32 holds 1/2, 1, 2 and 5" for variant in (
        "resformer", "resformer_constant", "resformer_sparse", "resformer_neutreno")},
    ("revit-weights-swapped", "revit"): "alpha = 1/2",
}
EQUIVALENT_IN = {  # (mistake, name of a case of value_cases) -> why nothing changes
    ("gemma-first-owner-of-kind", "decoder gemma windows"): "each kind has one owner",
    ("value-weights-normalized", "decoder together"): "1/4 + 3/4 = 1",
    ("value-residual-in-first-layer", "decoder together"): "1/4 + 3/4 = 1",
    ("value-weights-in-float32", "decoder together"): "float32 holds 1/4 and 3/4",
    ("revit-weights-swapped", "revit masks"): "alpha = 1/2",
}

TWICE = ("shared-keys-rotated-twice",)
MISTAKES_OF = {  # file of variants -> phrase -> mistakes, or the reason why there is none
    "resformer": {
        "V_1 + V_n without the 1/2": ("value-residual-unhalved",),
        "the weights swapped, divided by their sum or through a softmax (invisible at 1/2, 1/2)": (
            "value-weights-swapped", "value-weights-normalized", "value-weights-softmax"),
        "V'_{n-1} or V_{n-1} for V_1": ("mixed-value-for-first", "value-below-for-first"),
        "the mix in layer 1 too": ("value-residual-in-first-layer", "first-value-weighted"),
        "V_1 added after attention or after W_o": ("first-value-after-attention", "first-value-after-projection"),
        "V_1 detached": ("first-value-detached",),
        "rows kept from earlier steps unmixed, or mixed again": ("decode-values-kept-unmixed", "decode-values-mixed-again")},
    "resformer_learnable": {
        "the weights of one layer used in the next, or shared by all": ("value-weights-of-layer-below", "value-weights-shared"),
        "sigmoid or softmax of the pair": ("value-weights-sigmoid", "value-weights-softmax"),
        "in plus s forgotten, or on lambda_2 too, the logits in reverse order of depth, the softmax over L for L - 1": (
            "plus-scale-dropped", "plus-scale-on-both", "plus-logits-reversed", "plus-softmax-over-all-layers"),
        "lambda decayed": "value_residual F49",
        "its gradient a mean for a sum": ("value-weight-gradient-averaged",)},
    "svformer": {
        "the keys shared too": ("svformer-keys-shared",), "a W_v kept and never used": "value_residual F46",
        "L copies of the value in the cache": "value_residual F56",
        "in decoding the newest V_1 only": ("decode-newest-shared-value",)},
    "neutreno": {
        "the sign of the difference": ("neutreno-sign",), "adding it after W_o": ("neutreno-after-projection",),
        "V'_n for V_n in the combination (or the reverse)": ("neutreno-raw-or-mixed",),
        "lambda in layer 1 (adds 0, invisible)": "V_1 - V_1 = 0",
        "the flat form, which adds G K to H K channels and fails where G < H": "another shape, which fails by itself",
        "heads of a group tiled, not repeated": ("neutreno-heads-tiled",)},
    "kv_sharing": {
        "keys rotated again in each follower": TWICE,
        "yoco's K, V from the normed input of layer L/2 + 1 or without a norm": (
            "yoco-pair-from-layer-input", "yoco-pair-without-norm"),
        "groups off by one": ("sharing-groups-off-by-one",)},
    "gemma_sharing": {
        "the nearest owner whatever its kind": ("gemma-owner-of-any-kind",),
        "the first owner of the kind for the last": ("gemma-first-owner-of-kind",),
        "keys rotated again in each follower": TWICE},
    "kv_shifting": {
        "shifting after the rotation (K_{t-1} then has the angle of t - 1)": ("shift-after-rotation",),
        "the weights swapped": ("shift-weights-swapped",),
        "the first token's own K in place of zeros": ("shift-first-token-repeated",),
        "a shift the other way, which sees the future": ("shift-to-the-left",),
        "one weight for all heads": ("shift-weight-shared",)},
    "lime": {
        "mixing keys after the rotation": "a token's keys turn by the same angles in all heads and layers: it is the same",
        "another rho for values than for keys": "a port with two has no second one to load",
        "the own layer first": ("lime-own-layer-first",), "mixing used instead of own keys": ("lime-used-for-own",),
        "a softmax over hidden states under this name (another operator)": "another operator with other parameters"},
    "rwkv7_v_first": {
        "V'_{n-1} for V_1": ("mixed-value-for-first",), "a gate on V_n instead of V_1": ("value-weights-swapped",),
        "V_1 detached": ("first-value-detached",),
        "the gate of the first layer kept and counted, unused": "value_residual 11.1.5"},
    "token_mix": {
        "the two values swapped in the interpolation": ("value-weights-swapped",),
        "v + V_1 (m - v) for the interpolation": ("value-interpolation-arguments",), "V_1 detached": ("first-value-detached",),
        "the own v passed for V_1 (a mix of v with v)": ("own-value-for-first",),
        "one gate per query head": "another shape, which fails by itself",
        "a mixer in cross-attention that nothing uses": "value_residual 11.1.5"},
    "value_embeddings": {
        "the weights of V_n and E_n swapped": ("value-embedding-weights-swapped",),
        "the 2 of sigma2 in sigma3, or its 3 in sigma2": ("value-embedding-gate-range",),
        "tables in the layers L - 1, L - 3, .. instead": ("value-embedding-layers-one-early",)},
    "temperature": {
        "n counted from 0 (uniform attention in the first layer) or over sublayers": (
            "temperature-from-zero", "temperature-by-sublayer"),
        "dividing": ("temperature-divides",), "scaling bias and mask too": ("temperature-on-bias",)},
    "revit": {
        "carrying Z_n, not Z'_n": ("revit-own-scores-carried",), "alpha on the carried scores": ("revit-weights-swapped",),
        "mixing after the relative position (or bias) is added": ("revit-mask-carried",)},
    "evolving_attention": {
        "carrying M_n or Z_n": ("evolving-mix-carried", "evolving-own-scores-carried"),
        "centred rows in a decoder, or rows whose hidden entries are not zeroed: the future is seen": (
            "evolving-rows-centred", "evolving-hidden-scores-seen")},
    "map_reuse": {
        "reusing the map after dropout": "dropout acts in training only",
        "reusing the values or the heads P_{n-1} V_{n-1} too": ("map-reuse-values-too",),
        "gradients in unused W_q and W_k": "the parameters that are not there have no gradient"},
}
