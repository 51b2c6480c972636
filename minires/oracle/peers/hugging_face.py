"""Hugging Face transformers: whole models from configurations, without download, with our weights."""

from contextlib import ExitStack
from importlib import import_module
from unittest import mock

from minires.errors import needs
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, around, call, layers_of
from minires.oracle.peers.sublayers import own
from minires.oracle.peers.trial import Trial

PACKAGE = "transformers"
IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
ATTENTION = {"q_proj": "W_q", "k_proj": "W_k", "v_proj": "W_v", "o_proj": "W_o"}
NETWORK = {"gate_proj": "W_gate", "up_proj": "W_1", "down_proj": "W_2"}


def modeling(name):
    """transformers.models.<name>.modeling_<name>; no images, so neither torchvision nor timm."""
    utils = import_module("transformers.utils")
    with ExitStack() as hidden:
        for where in (utils, utils.import_utils):
            for library in ("torchvision", "timm"):
                hidden.enter_context(mock.patch.object(where, f"is_{library}_available", lambda: False))
        return import_module(f"transformers.models.{name}.modeling_{name}")


def llama_names(norms, one=0):
    """Parameters of Llama's family. norms: their name -> our sublayer and norm; one: what their weight lacks of the gain."""
    def named(p, case):
        weights = {"norm.weight": p["final_norm.gain"] - one}
        for n in range(layers_of(case)):
            a, f = own(p, f"layers.{n}.attention."), own(p, f"layers.{n}.feed_forward.")
            weights |= {f"layers.{n}.self_attn.{theirs}.weight": a[ours].T for theirs, ours in ATTENTION.items()}
            weights |= {f"layers.{n}.mlp.{theirs}.weight": f[ours].T for theirs, ours in NETWORK.items()}
            weights |= {f"layers.{n}.{theirs}.weight": p[f"layers.{n}.{ours}.gain"] - one for theirs, ours in norms.items()}
        return weights
    return named


def neox_names(p, case):
    """GPT-NeoX's parameters: queries, keys and values of a head side by side; two norms."""
    torch, model = needs("torch", "peers"), case.config["model"]
    side = lambda a, kind: torch.cat([a[kind + part].unflatten(-1, (model["heads"], -1)) for part in "qkv"], -1).flatten(-2)
    weights = {"final_layer_norm.weight": p["final_norm.gain"], "final_layer_norm.bias": p["final_norm.bias"]}
    for n in range(layers_of(case)):
        a, f = own(p, f"layers.{n}.attention."), own(p, f"layers.{n}.feed_forward.")
        second = f if "norm.gain" in f else a
        weights |= {f"layers.{n}.{key}": tensor for key, tensor in {
            "attention.query_key_value.weight": side(a, "W_").T, "attention.query_key_value.bias": side(a, "b_"),
            "attention.dense.weight": a["W_o"].T, "attention.dense.bias": a["b_o"],
            "mlp.dense_h_to_4h.weight": f["W_1"].T, "mlp.dense_h_to_4h.bias": f["b_1"],
            "mlp.dense_4h_to_h.weight": f["W_2"].T, "mlp.dense_4h_to_h.bias": f["b_2"],
            "input_layernorm.weight": a["norm.gain"], "input_layernorm.bias": a["norm.bias"],
            "post_attention_layernorm.weight": second["norm.gain"],
            "post_attention_layernorm.bias": second["norm.bias"]}.items()}
    return weights


def model_of(name, title, names, left, **changes):
    """The answer of a model of theirs; names(p, case): its parameters."""
    def stack(p, x, case, seen):
        peer, model = modeling(name), case.config["model"]
        config = getattr(peer, title + "Config")(
            vocab_size=model["vocabulary"], hidden_size=model["width"], intermediate_size=model["feed_forward"],
            num_hidden_layers=model["layers"], num_attention_heads=model["heads"], **IDS, **changes)
        theirs = getattr(peer, title + "Model")(config).eval()
        run = call(theirs, names(p, case), left=left, inputs_embeds=x, output_hidden_states=True, use_cache=False)
        for n, hidden in enumerate(run.hidden_states[1:-1]):
            seen(f"layers.{n}.output", hidden)
        return run.last_hidden_state
    return lambda case: answered(case, around(stack))


EMBEDDING = ("embed_tokens.weight",)
SIZES = {"head_width": 2, "kv_heads": 2, "positions": "rotary", "norm": "rms", "activation": "swiglu"}
KEYS = {"num_key_value_heads": 2, "head_dim": 2, "rms_norm_eps": 1e-5}
GEMMA = {"layer_types": ["full_attention"] * 3, "attn_logit_softcapping": None, "query_pre_attn_scalar": 2,
         "hidden_activation": "silu"}
PRE = {"input_layernorm": "attention.norm", "post_attention_layernorm": "feed_forward.norm"}
SANDWICH = {"input_layernorm": "attention.norm_1", "post_attention_layernorm": "attention.norm_2",
            "pre_feedforward_layernorm": "feed_forward.norm_1", "post_feedforward_layernorm": "feed_forward.norm_2"}
NEOX = {"positions": "rotary", "biases": True, "heads": 2, "kv_heads": 2, "head_width": 4}
ROTARY = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0},
          "hidden_act": "gelu", "layer_norm_eps": 1e-5}
TRIALS = {
    "transformers/llama": Trial(PACKAGE, "LlamaModel", like("pre_norm", "llama", **SIZES),
                                model_of("llama", "Llama", llama_names(PRE), EMBEDDING, **KEYS)),
    "transformers/gemma2": Trial(PACKAGE, "Gemma2Model", like("sandwich_norm", "gemma", **SIZES),
                                 model_of("gemma2", "Gemma2", llama_names(SANDWICH, 1), EMBEDDING, **KEYS, **GEMMA)),
    "transformers/gpt_neox": Trial(
        PACKAGE, "GPTNeoXModel", like("parallel", options={"norms": "two"}, **NEOX),
        model_of("gpt_neox", "GPTNeoX", neox_names, ("embed_in.weight",), **ROTARY)),
    "transformers/gpt_neox-sequential": Trial(
        PACKAGE, "GPTNeoXModel, use_parallel_residual=False", like("pre_norm", "neox", norm="layer", **NEOX),
        model_of("gpt_neox", "GPTNeoX", neox_names, ("embed_in.weight",), use_parallel_residual=False, **ROTARY)),
}
