"""The samples in other languages compile, run, pass as they are, and fail with the mistake that they can make, by its name."""

import ast
import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from port_cases import few_mistakes, fewer_reruns, golden

import minires.oracle.samples
from minires.oracle import verify
from minires.oracle.adapters import files
from minires.oracle.samples.python.with_jax import port as jax_port
from minires.oracle.samples.python.with_torch import port as torch_port

__all__ = ["few_mistakes", "fewer_reruns"]
pytestmark = pytest.mark.usefixtures("fewer_reruns")
SAMPLES = Path(minires.oracle.samples.__file__).parent
RUSTC = shutil.which("rustc") or shutil.which("rustc", path=Path.home() / ".cargo" / "bin")
LANGUAGES = {  # name -> (tool, how to build, how to run)
    "cpp": (shutil.which("g++"), ["-std=c++17", "-Wall", "-Wextra", "-Werror", "port.cpp", "-o", "{built}"], ["{built}"]),
    "rust": (RUSTC, ["--edition", "2021", "-D", "warnings", "port.rs", "-o", "{built}"], ["{built}"]),
    "javascript": (shutil.which("node"), None, ["{tool}", str(SAMPLES / "javascript" / "port.mjs")]),
}


def bert():
    """A post-norm encoder with padding, grouped heads and learned positions."""
    return golden("vanilla", "encoder", T=5)


@pytest.fixture(scope="module", params=LANGUAGES)
def program(request, tmp_path_factory):
    """(the language, the words that run the sample), built once."""
    tool, build, run = LANGUAGES[request.param]
    if not tool:
        pytest.skip(f"the tool for {request.param} is not installed")
    fill = {"built": str(tmp_path_factory.mktemp(request.param) / "port"), "tool": tool}
    if build:
        subprocess.run([tool, *(word.format(**fill) for word in build)], cwd=SAMPLES / request.param, check=True)
    return request.param, [word.format(**fill) for word in run]


def answer(program, given, out, *flags):
    """Run a sample."""
    return subprocess.run([*program[1], str(given), str(out), bert().case.id, *flags], capture_output=True, text=True)


def test_a_sample_passes_as_it_is_and_its_planted_mistake_is_named(program, tmp_path, few_mistakes):
    files.export([bert()], tmp_path / "in", "bfloat16")
    for flags, passed in (((), True), (("no-scale",), False)):
        out = tmp_path / f"out{passed}"
        done = answer(program, tmp_path / "in", out, *flags)
        assert done.returncode == 0, done.stderr
        verdict, = [result.verdict for result in files.check(tmp_path / "in", out, [bert()]).results]
        assert verdict.passed == passed and len(verdict.supplied) == 8
    assert verdict.profile == ("float32" if program[0] == "cpp" else "float64")
    assert verdict.first["forward"]["local"] == "layers.0.attention.fresh_scores"
    assert verdict.causes[0].names == ("scale-missing",)


def test_a_sample_refuses_a_file_that_is_not_whole(program, tmp_path):
    files.export([bert()], tmp_path / "in")
    path = tmp_path / "in" / bert().case.id / "tensors.safetensors"
    whole = path.read_bytes()
    for size in (4, 100, -8):
        path.write_bytes(whole[:size])
        done = answer(program, tmp_path / "in", tmp_path / "out")
        assert done.returncode != 0 and done.stderr and not (tmp_path / "out").exists()


def test_the_reader_in_cpp_has_at_most_100_lines():
    assert len((SAMPLES / "cpp" / "minires.hpp").read_text().splitlines()) <= 100


# ---- recipes in Python -----------------------------------------------------------------------------------------------

def forward(np_, one_hot):
    """A post-norm encoder of one layer over the functions of a framework; its masked-LM head as BERT has it."""
    def norm(x, gain, bias, epsilon):
        centred = x - x.mean(-1)[..., None]
        return centred / np_.sqrt((centred * centred).mean(-1)[..., None] + epsilon) * gain + bias

    def gelu(x):
        return 0.5 * x * (1 + np_.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x)))

    def run(config, params, inputs, tap):
        model, at = config["model"], "layers.0.attention."
        H, G, K, eps = model["heads"], model["kv_heads"], model["head_width"], model["epsilon"]
        weight = lambda name: params[name]
        (B, T), V = inputs["tokens"].shape, model["vocabulary"]
        table = weight("embedding.W_token")
        x = one_hot(inputs["tokens"], V, table) @ table + weight("embedding.W_position")[:T]
        x = tap("layers.0.input", norm(x, weight("start_norm.gain"), weight("start_norm.bias"), eps))
        split = lambda letter, n: (x @ weight(f"{at}W_{letter}") + weight(f"{at}b_{letter}")).reshape(B, T, n, K).swapaxes(1, 2)
        q = tap(f"{at}query_heads", split("q", H)).reshape(B, G, H // G, T, K)
        k, v = (tap(f"{at}{name}_heads", split(name[0], G))[:, :, None] for name in ("key", "value"))
        scores = tap(f"{at}fresh_scores", (q @ k.swapaxes(-1, -2)).reshape(B, H, T, T) / K ** 0.5)
        raised = np_.exp(scores) * inputs["padding"][:, None, None]
        P = tap(f"{at}probabilities", raised / raised.sum(-1)[..., None])
        mixed = (P.reshape(B, G, H // G, T, T) @ v).reshape(B, H, T, K).swapaxes(1, 2).reshape(B, T, H * K)
        y = tap(f"{at}output", mixed @ weight(f"{at}W_o") + weight(f"{at}b_o"))
        x = norm(x + y, weight(f"{at}norm.gain"), weight(f"{at}norm.bias"), eps)
        at = "layers.0.feed_forward."
        inner = gelu(x @ weight(f"{at}W_1") + weight(f"{at}b_1"))
        x = norm(x + inner @ weight(f"{at}W_2") + weight(f"{at}b_2"), weight(f"{at}norm.gain"), weight(f"{at}norm.bias"), eps)
        x = norm(gelu(x @ weight("head.W") + weight("head.b")), weight("head.norm.gain"), weight("head.norm.bias"), eps)
        logits = tap("logits", x @ table.swapaxes(0, 1) + weight("head.b_token"))
        chosen = (logits * one_hot(inputs["targets"], V, table)).sum(-1)
        losses = np_.log(np_.exp(logits).sum(-1)) - chosen
        return (losses * inputs["weights"]).sum() / inputs["weights"].sum()
    return run


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")
def test_the_recipe_for_torch_makes_a_model_a_port():
    import torch
    port = torch_port(forward(torch, lambda ids, n, like: torch.nn.functional.one_hot(ids, n).to(like)))
    check(verify(port, [bert()], progress=False))


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")
def test_the_recipe_for_jax_makes_a_model_a_port():
    import jax
    import jax.numpy as jnp
    check(verify(jax_port(forward(jnp, lambda ids, n, like: jax.nn.one_hot(ids, n))), [bert()], progress=False))


def check(report):
    """It passes in float32, with the gradient of every parameter and of every tensor that it names."""
    assert report.passed, report
    supplied = set(report.results[0].verdict.supplied)
    assert {f"grad/{name}" for name in bert().case.differentiated} <= supplied
    named = {name for name in supplied if not name.startswith("grad/")} - {"loss"}
    assert len(named) == 8 and {f"grad/{name}" for name in named} <= supplied


@pytest.mark.parametrize("path", sorted((SAMPLES / "python").glob("with_*.py")), ids=lambda path: path.stem)
def test_a_recipe_has_30_lines_at_most_and_imports_its_framework_in_the_function_only(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 30
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(text).body)
