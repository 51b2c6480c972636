"""Numbers of the specifications that are no change of a case's values, and the test that catches them instead."""

REALFORMER, HERE = "tests/residual/test_residual_realformer.py", "tests/oracle/test_mistakes_core.py"
ELSEWHERE = {
    "realformer F17e": ("layers are dropped by chance, in training only; Z_n = S_n / n with n the layers of the chain",
                        REALFORMER,
                        "test_the_three_forms_of_the_running_mean_agree_but_carry_different_arrays"),
    "realformer F28": ("the masked carry where float16 ends; its value in exact arithmetic is carry-masked", HERE,
                       "test_a_masked_carry_overflows_in_float16"),
    "realformer F29": ("NaN from 0 times -inf needs a carry of -inf, and the carry is finite", REALFORMER,
                       "test_masks_never_enter_the_carry"),
    "realformer F45": ("a column more is another shape, which fails by itself", "tests/oracle/test_judge.py",
                       "test_what_is_no_tensor_of_the_case_is_a_problem_in_one_line"),
    "realformer F53": ("dropout acts by chance, in training only", REALFORMER,
                       "test_dropout_never_touches_the_carry_and_probabilities_are_recorded_undropped"),
    "realformer F58": ("a dtype is no value", REALFORMER, "test_a_float32_carry_stays_close_to_that_of_float64"),
}


def single(case):
    """Cases of one token: it attends to itself with probability 1, whatever the scores."""
    return case.values["inputs.tokens"].shape[1] == 1


def tiny_epsilon(case):
    """Cases whose epsilon is far below the variances."""
    return case.config["model"]["epsilon"] <= 1e-12


def normed_embedding(case):
    """Cases that norm token vectors and nothing else before the first layer."""
    model = case.config["model"]
    return model["positions"] in ("none", "rotary", "alibi") and model["epsilon"] <= 1e-12 and "start_norm.gain" in case.values


EQUIVALENT = {  # mistake -> (cases in which nothing changes, why)
    "epsilon-outside-root": (tiny_epsilon, "sqrt(v + e) and sqrt(v) + e differ by 1e-12 of the norm"),
    "embedding-scaled": (normed_embedding, "norm(c x) = norm(x)"),
    **dict.fromkeys(("mask-after-softmax", "mask-one-ahead", "mask-causal-missing", "mask-transposed",
                     "mask-missing-in-second-layer",
                     "softmax-over-queries", "query-gradient-unscaled", "keys-detached"),
                    (single, "there is one key, and its probability is 1")),
    **dict.fromkeys(("heads-split-by-reshape", "heads-merged-untransposed"), (single, "there is no other token to mix with")),
    "embedding-gradient-overwritten": (single, "no token comes twice in a row of one"),
}
