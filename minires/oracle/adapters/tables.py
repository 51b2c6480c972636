"""Ready tables of names and layouts: PyTorch's state_dict style, Hugging Face's GPT-2, Flax, Keras, TransformerLens.

GPT-2 and TransformerLens fix all names; Flax and Keras those of a layer's arrays, and the names of the layers are one's own.
Whoever names things otherwise gives a dict of patterns.
"""

from minires.oracle.adapters.aliases import Rule

SUBLAYERS = {"attention": "attn", "cross_attention": "cross_attn"}
ACTIVATIONS = {".q": ".query_heads", ".k": ".key_heads", ".v": ".value_heads", ".scores": ".scores",
               ".probs": ".probabilities", ".out": ".output"}


def pairs(theirs, ours, kinds):
    """A rule per kind: {suffix of theirs: (suffix of ours, layout)}."""
    return [Rule(theirs + one, (ours + two,), layout) for one, (two, layout) in kinds.items()]


def norms(names, gain, bias):
    """Norms {theirs: ours}, with the port's words for gain and bias."""
    return [rule for theirs, ours in names.items()
            for rule in pairs(theirs, ours, {gain: (".gain", "in,out"), bias: (".bias", "in,out")})]


def dense(theirs, ours, letter, weight, bias, layout):
    """A weight W_letter and its bias b_letter."""
    return [Rule(theirs + weight, (f"{ours}.W_{letter}",), layout), Rule(theirs + bias, (f"{ours}.b_{letter}",), "in,out")]


def state_dict():
    """blocks.0.attn.wq.weight (out, in), as a PyTorch model by hand names things; and the activations of attention."""
    rules = [Rule("tok_emb.weight", ("embedding.W_token",)), Rule("pos_emb.weight", ("embedding.W_position",)),
             Rule("head.weight", ("head.W",), "out,in"), Rule("head.bias", ("head.b",))]
    rules += norms({"norm": "final_norm", "emb_norm": "start_norm", "blocks.{n}.mlp_norm": "layers.{n}.feed_forward.norm",
                    "blocks.{n}.attn_norm": "layers.{n}.attention.norm",
                    "blocks.{n}.cross_attn_norm": "layers.{n}.cross_attention.norm"}, ".weight", ".bias")
    for sublayer, short in SUBLAYERS.items():
        theirs, ours = f"blocks.{{n}}.{short}", f"layers.{{n}}.{sublayer}"
        for letter in "qkvo":
            rules += dense(f"{theirs}.w{letter}", ours, letter, ".weight", ".bias", "out,in")
        rules += pairs(theirs, ours, {one: (two, "in,out") for one, two in ACTIVATIONS.items()})
    for short, letter in (("1", "1"), ("2", "2"), ("3", "gate")):
        rules += dense(f"blocks.{{n}}.mlp.w{short}", "layers.{n}.feed_forward", letter, ".weight", ".bias", "out,in")
    return rules


def gpt2():
    """Hugging Face's GPT-2: Conv1D weights (in, out), queries, keys and values fused in c_attn."""
    at, ours = "transformer.h.{n}.", "layers.{n}."
    rules = [Rule("transformer.wte.weight", ("embedding.W_token",)), Rule("transformer.wpe.weight", ("embedding.W_position",)),
             Rule("lm_head.weight", ("head.W",), "out,in")]
    rules += [Rule(f"{at}attn.c_attn.{theirs}", tuple(f"{ours}attention.{kind}_{letter}" for letter in "qkv"), "fused in,out")
              for theirs, kind in (("weight", "W"), ("bias", "b"))]
    for theirs, place, letter in (("attn.c_proj", "attention", "o"), ("mlp.c_fc", "feed_forward", "1"),
                                  ("mlp.c_proj", "feed_forward", "2")):
        rules += dense(at + theirs, ours + place, letter, ".weight", ".bias", "in,out")
    return rules + norms({at + "ln_1": ours + "attention.norm", at + "ln_2": ours + "feed_forward.norm",
                          "transformer.ln_f": "final_norm"}, ".weight", ".bias")


def kernels(embedding, gain, bias, output):
    """Flax and Keras: layers_0/attention/query/kernel (D, H, K), heads as an axis of their own."""
    at, ours = "layers_{n}/", "layers.{n}."
    rules = [Rule(f"token_embedding/{embedding}", ("embedding.W_token",)), Rule("head/kernel", ("head.W",)),
             Rule(f"position_embedding/{embedding}", ("embedding.W_position",)), Rule("head/bias", ("head.b",))]
    for word, letter in (("query", "q"), ("key", "k"), ("value", "v")):
        rules += [Rule(f"{at}attention/{word}/{kind}", (f"{ours}attention.{own}_{letter}",), "split heads")
                  for kind, own in (("kernel", "W"), ("bias", "b"))]
    rules += [Rule(f"{at}attention/{output}/kernel", (ours + "attention.W_o",), "merged heads"),
              Rule(f"{at}attention/{output}/bias", (ours + "attention.b_o",))]
    for word, letter in (("in", "1"), ("out", "2"), ("gate", "gate")):
        rules += dense(f"{at}mlp_{word}", ours + "feed_forward", letter, "/kernel", "/bias", "in,out")
    return rules + norms({at + "attention_norm": ours + "attention.norm", at + "mlp_norm": ours + "feed_forward.norm",
                          "final_norm": "final_norm", "start_norm": "start_norm"}, "/" + gain, "/" + bias)


def transformer_lens():
    """TransformerLens: W_Q (H, D, K), W_O (H, K, D), activations with time before heads."""
    at, ours = "blocks.{n}.", "layers.{n}."
    rules = [Rule("embed.W_E", ("embedding.W_token",)), Rule("pos_embed.W_pos", ("embedding.W_position",)),
             Rule("unembed.W_U", ("head.W",)), Rule("unembed.b_U", ("head.b",)),
             Rule(at + "attn.W_O", (ours + "attention.W_o",), "merged heads"), Rule(at + "attn.b_O", (ours + "attention.b_o",))]
    for letter in "qkv":
        rules += [Rule(f"{at}attn.{kind}_{letter.upper()}", (f"{ours}attention.{kind}_{letter}",), "heads first")
                  for kind in "Wb"]
    for word, letter in (("in", "1"), ("out", "2"), ("gate", "gate")):
        rules += dense(at + "mlp.", ours + "feed_forward", letter, f"W_{word}", f"b_{word}", "in,out")
    rules += pairs(at + "attn.hook_", ours + "attention.", {
        theirs: (name, "time before heads")
        for theirs, name in (("q", "query_heads"), ("k", "key_heads"), ("v", "value_heads"), ("z", "heads"))})
    rules += pairs(at, ours, {
        theirs: (name, "in,out")
        for theirs, name in (("attn.hook_pattern", "attention.probabilities"), ("hook_attn_out", "attention.output"),
                             ("hook_mlp_out", "feed_forward.output"), ("hook_resid_pre", "input"),
                             ("hook_resid_post", "output"))})
    return rules + norms({at + "ln1": ours + "attention.norm", at + "ln2": ours + "feed_forward.norm",
                          "ln_final": "final_norm"}, ".w", ".b")


TABLES = {
    "state_dict": state_dict(),
    "gpt2": gpt2(),
    "flax": kernels("embedding", "scale", "bias", "out"),
    "keras": kernels("embeddings", "gamma", "beta", "attention_output"),
    "transformer_lens": transformer_lens(),
}
