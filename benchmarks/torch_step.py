"""The step of PyTorch in eager mode, as its users write it: F.linear, F.layer_norm, F.gelu, F.cross_entropy, AdamW.

Attention either spelled with matmul, masked_fill and softmax, or by F.scaled_dot_product_attention. A linear map keeps its
weight as (out, in), PyTorch's own layout. AdamW is torch.optim's default beside the first; beside the second the fused one, on
a CPU the fastest of its three forms: PyTorch as it is written, and at its best.
"""

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.job import DECAY, RATE, batch_of, model_of, start_of
from benchmarks.step import Step
from minires.parameters import unflatten
from minires.training.optimisers import decays


def turned(name):
    """Whether PyTorch keeps this weight transposed."""
    return decays(name) and not name.startswith("embedding.")


def matmul_attention(q, k, v, hidden):
    """softmax(q k^T / sqrt(K)) v, the future masked; (B, H, T, K)."""
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    return F.softmax(scores.masked_fill(hidden, float("-inf")), dim=-1) @ v


def fused_attention(q, k, v, hidden):
    """The same in one operation."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def logits(model, params, tokens, hidden, attention):
    """Logits (B, T, V) of the post-norm causal decoder."""
    norm = lambda x, p: F.layer_norm(x, x.shape[-1:], p["gain"], p["bias"], model.epsilon)
    tables, T = params["embedding"], tokens.shape[1]
    x = norm(F.embedding(tokens, tables["W_token"]) + tables["W_position"][:T], params["start_norm"])
    for layer in params["layers"]:
        p = layer["attention"]
        q, k, v = (F.linear(x, p[f"W_{name}"], p[f"b_{name}"]).unflatten(-1, (model.heads, -1)).transpose(1, 2)
                   for name in "qkv")
        heads = attention(q, k, v, hidden).transpose(1, 2).flatten(-2)
        x = norm(x + F.linear(heads, p["W_o"], p["b_o"]), p["norm"])
        p = layer["feed_forward"]
        inner = F.gelu(F.linear(x, p["W_1"], p["b_1"]), approximate="tanh")
        x = norm(x + F.linear(inner, p["W_2"], p["b_2"]), p["norm"])
    return F.linear(x, params["head"]["W"], params["head"]["b"])


def torch_step(job, attention, **how):
    """A Step; how: foreach or fused of torch.optim.AdamW."""
    torch.set_num_threads(job.threads)
    model, batch = model_of(job), batch_of(job)
    flat = {name: torch.tensor(np.ascontiguousarray(w.T) if turned(name) else w, requires_grad=True)
            for name, w in start_of(job).items()}
    params, tokens, targets = unflatten(flat), torch.tensor(batch.inputs["tokens"]), torch.tensor(batch.targets)
    hidden = torch.ones(job.length, job.length, dtype=torch.bool).triu(1)
    groups = [{"params": [w for name, w in flat.items() if decays(name) == yes], "weight_decay": DECAY * yes}
              for yes in (True, False)]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), eps=1e-8, **how)
    ours = lambda arrays: {name: w.detach().numpy().T if turned(name) else w.detach().numpy() for name, w in arrays.items()}

    def backward():
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(logits(model, params, tokens, hidden, attention).flatten(0, 1), targets.flatten())
        loss.backward()
        return loss.item()

    def step():
        value = backward()
        optimiser.step()
        return value

    return Step(step, lambda: (backward(), ours({name: w.grad for name, w in flat.items()})), lambda: ours(flat))


def torch_eager(job):
    """Attention spelled out, AdamW with its defaults."""
    return torch_step(job, matmul_attention)


def torch_sdpa(job):
    """PyTorch's fused attention, and its fused AdamW."""
    return torch_step(job, fused_attention, fused=True)
