"""The independent port in PyTorch agrees with the library on every name, in every precision and style."""

import numpy as np
import pytest
from core_cases import CASES, case, far, farthest, right, values

from minires.oracle.cases.transformers import transformer_case
from minires.oracle.tape import record

pytest.importorskip("torch", reason="the independent port is in PyTorch (pip install 'minires[peers]')")
from ports.torch_transformer import run  # noqa: E402

SAME = 1e-10  # gradients that are zero by an identity are measured against 1e-3
MODELS = {
    "window": lambda: transformer_case("pre_norm", "decoder", layers=2, window=(2, 4), global_tokens=1),
    "sinusoidal": lambda: transformer_case("sandwich_norm", "encoder_decoder", layers=2, positions="sinusoidal"),
    "alibi": lambda: transformer_case("output_norm", "decoder", layers=2, positions="alibi", activation="relu", head="tied"),
    "bare": lambda: transformer_case("vanilla", "decoder", layers=2, placement="none", positions="none", segments=2,
                                     activation="gelu_erf"),
    "wide": lambda: transformer_case("vanilla", "encoder", layers=2, kv_heads=None, head_width=None, norm="rms", head="linear"),
    "bias": lambda: transformer_case("realformer_mean", "encoder", layers=2, positions="alibi", options={"carry_bias": True}),
}
STYLES = [{"mask_value": -1e4}, {"upcast": True}, {"fused": True}, {"product": "split"}, {"product": "einsum"},
          {"product": "loop"},
          {"product": "upcast"}, {"threads": 2}, {"fused": True, "product": "split"}, {"fused_attention": True},
          {"fused_attention": True, "mask_value": -1e4}]


def names(case):
    """Every name that the library's run gives, and its gradient."""
    tape = record(case)
    tensors = [name for name in (*tape.tensors, *tape.aliases) if tape.aliases.get(name) not in tape.roots]
    return {*tensors, *(f"grad/{name}" for name in (*tape.roots, *tensors) if name != "loss")}


@pytest.mark.parametrize("name", CASES)
def test_the_port_names_what_the_library_names_and_agrees_on_it(name):
    answer = run(case(name))
    assert set(answer) == names(case(name))
    difference, where = farthest(right(name), answer)
    assert difference < SAME, where


@pytest.mark.parametrize("name", MODELS)
def test_every_description_agrees(name):
    case = MODELS[name]()
    difference, where = farthest(values(case), run(case))
    assert difference < SAME, where


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("name", ["gpt", "bert"])
def test_every_style_is_correct(name, style):
    difference, where = farthest(right(name), run(case(name), **style))
    assert difference < SAME, where


@pytest.mark.parametrize(("dtype", "unit"), [("float32", 2.0 ** -24), ("float16", 2.0 ** -11), ("bfloat16", 2.0 ** -8)])
def test_a_shorter_precision_errs_by_its_own_rounding(dtype, unit):
    answer, truth = run(case("gpt"), dtype), right("gpt")
    errors = [far(truth[name], answer[name]) for name in ("logits", "loss", "grad/head.W", "layers.0.attention.probabilities")]
    assert all(unit / 50 < error < 50 * unit for error in errors if error) and any(errors)
    assert np.asarray(answer["logits"]).dtype == np.float32


def test_fused_attention_names_no_scores():
    fused = run(case("gpt"), fused_attention=True)
    assert not any(word in name for name in fused for word in ("scores", "probabilities", "attention.logits"))
    assert "layers.0.attention.heads" in fused


def test_a_correct_port_leaves_no_trace_of_an_earlier_call():
    twice = case("sum_level")
    once = twice._replace(values={name: value for name, value in twice.values.items() if "earlier." not in name})
    a, b = run(twice), run(once)
    assert all(np.array_equal(a[name], b[name]) for name in b)


def test_an_unknown_mistake_is_not_carried_in_silence():
    with pytest.raises(ValueError, match="scale-mising.*scale-missing"):
        run(case("gpt"), wrong=("scale-mising",))
