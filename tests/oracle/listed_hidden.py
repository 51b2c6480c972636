"""Where the listed mistakes of the hidden stream are that no Mistake of its own files makes.

A number is "hidden/<file> <k>": the k-th of the `mistakes:` of that variant's docstring, counted from 1 between the
semicolons; or "catalogue <variant> <k>": the k-th under "Mistakes seen" of the catalogue's row.
"""

STARTS = "only initial values differ, which a case does not draw; "
TRAINS = "only training differs, a case is evaluated; "
SHAPES = "the wrong port has parameters of other shapes, and cannot load the case: "

# how many mistakes the catalogue's row of a variant lists
CATALOGUE = {
    "vanilla": 2, "pre_norm": 2, "sandwich_norm": 2, "output_norm": 1, "normformer": 2, "subln": 1, "mix_ln": 2,
    "layernorm_scaling": 2, "admin": 2, "deepnorm": 3, "b2t": 1, "resi_dual": 1, "siamese_norm": 1, "keel": 1, "gpt2_init": 2,
    "rezero": 2, "layer_scale": 2, "fixup": 1, "t_fixup": 1, "x0_lambdas": 1, "highway": 1, "gtrxl": 2, "laurel_lr": 2,
    "laurel_gemma": 1, "deep_delta": 2, "orthogonal": 1, "ngpt": 3, "mv_split": 1, "unet_skips": 2, "backout": 1, "revnet": 2,
    "hyper_connections": 3, "frac_connections": 1, "mhc": 8, "mhc_lite": 1, "gated_residual": 2, "denseformer": 3,
    "muddformer": 4, "deep_cross_attention": 2, "attn_res": 5, "attn_res_block": 2, "attn_res_delta": 1, "parallel": 1,
    "stochastic_depth": 2, "mixture_of_depths": 1, "canon": 2,
}

# number -> the mistake of another family that is this one
SAME = {
    "hidden/norm_placement 2": "residual-from-normed", "hidden/norm_placement 5": "epsilon-1e-6",
    "hidden/norm_placement 6": "batch-norm-for-layer-norm",
    "hidden/mix_ln 2": "final-norm-missing", "catalogue pre_norm 1": "residual-from-normed",
    "catalogue pre_norm 2": "final-norm-missing", "catalogue mix_ln 1": "final-norm-missing",
    "catalogue attn_res_delta 1": "depth-sources-cumulative",
}

ELSEWHERE = {
    "catalogue vanilla 2": "training without warm-up computes the same function: not a mistake, says the catalogue",
    "hidden/admin 1": STARTS + "test_after_the_profile_each_skip_is_as_large_as_all_that_was_added_before_it",
    "hidden/admin 2": STARTS + "test_after_the_profile_each_skip_is_as_large_as_all_that_was_added_before_it",
    "hidden/admin 4": STARTS + "test_after_the_profile_each_skip_is_as_large_as_all_that_was_added_before_it",
    "hidden/admin 5": STARTS + "test_after_the_profile_each_skip_is_as_large_as_all_that_was_added_before_it",
    "catalogue admin 1": STARTS + "test_after_the_profile_each_skip_is_as_large_as_all_that_was_added_before_it",
    "catalogue admin 2": STARTS + "test_the_profile_reads_the_data_and_not_the_omega_that_is_there",
    "hidden/deepnorm 2": STARTS + "test_a_law_of_the_row_holds",
    "catalogue deepnorm 2": STARTS + "test_a_law_of_the_row_holds",
    "hidden/subln 1": STARTS + "test_a_law_of_the_row_holds",
    "hidden/subln 2": STARTS + "test_cross_attention_is_that_of_pre_norm",
    "catalogue subln 1": STARTS + "test_a_law_of_the_row_holds",
    "catalogue resi_dual 1": "a README without code: there is nothing to compute",
    "catalogue keel 1": "its form is not verified and it is no variant of the library",
    "hidden/gpt2_init 1": STARTS + "test_with_gpt2_init_the_variance_that_the_branches_add_does_not_grow_with_depth",
    "hidden/gpt2_init 2": STARTS + "test_with_gpt2_init_the_variance_that_the_branches_add_does_not_grow_with_depth",
    "catalogue gpt2_init 1": STARTS + "test_with_gpt2_init_the_variance_that_the_branches_add_does_not_grow_with_depth",
    "catalogue gpt2_init 2": STARTS + "test_with_gpt2_init_the_variance_that_the_branches_add_does_not_grow_with_depth",
    "hidden/layer_scale 1": STARTS + "test_the_defaults_are_those_of_the_official_codes",
    "hidden/layer_scale 2": TRAINS + "test_only_matrices_and_tables_decay",
    "catalogue layer_scale 1": STARTS + "test_the_defaults_are_those_of_the_official_codes",
    "catalogue layer_scale 2": TRAINS + "test_only_matrices_and_tables_decay",
    "hidden/fixup 2": STARTS + "test_a_law_of_the_row_holds",
    "hidden/fixup 3": STARTS + "test_a_law_of_the_row_holds",
    "hidden/t_fixup 2": STARTS + "test_a_law_of_the_row_holds",
    "hidden/t_fixup 3": STARTS + "test_a_law_of_the_row_holds",
    "hidden/t_fixup 4": STARTS + "test_a_law_of_the_row_holds",
    "catalogue t_fixup 1": STARTS + "test_a_law_of_the_row_holds",
    "hidden/stochastic_depth 1": TRAINS + "test_the_mean_over_many_coins_is_the_branch_without_a_drop",
    "hidden/stochastic_depth 2": TRAINS + "test_per_batch_all_sequences_share_a_coin_and_layers_of_one_have_rate_p",
    "hidden/stochastic_depth 3": TRAINS + "test_the_rate_grows_linearly_from_nothing_to_p_in_the_last_layer",
    "hidden/stochastic_depth 4": TRAINS + "test_at_rate_one_the_branch_is_always_left_out_without_a_division_by_zero",
    "catalogue stochastic_depth 1": TRAINS + "test_the_mean_over_many_coins_is_the_branch_without_a_drop",
    "catalogue stochastic_depth 2": TRAINS + "test_per_batch_all_sequences_share_a_coin_and_layers_of_one_have_rate_p",
    "hidden/layer_drop 1": TRAINS + "test_layer_drop_has_one_coin_for_all_sublayers_and_sequences_of_a_layer",
    "hidden/layer_drop 2": TRAINS + "test_the_mean_over_many_coins_is_the_branch_without_a_drop",
    "catalogue mixture_of_depths 1": "routing of tokens, no variant of the library",
    "hidden/gtrxl 5": STARTS + "test_own_parameters_start_where_the_papers_say",
    "catalogue gtrxl 2": STARTS + "test_own_parameters_start_where_the_papers_say",
    "catalogue laurel_lr 2": STARTS + "test_own_parameters_start_where_the_papers_say",
    "hidden/ngpt 2": TRAINS + "test_after_training_steps_all_matrices_of_ngpt_are_still_unit",
    "catalogue ngpt 2": TRAINS + "test_after_training_steps_all_matrices_of_ngpt_are_still_unit",
    "catalogue mv_split 1": "a mean over all tokens, for encoders only, no variant of the library",
    "hidden/revnet 2": TRAINS + "test_every_stream_of_a_reversible_network_follows_from_the_last",
    "catalogue revnet 1": TRAINS + "test_every_stream_of_a_reversible_network_follows_from_the_last",
    "hidden/frozen 2": TRAINS + "test_training_leaves_every_bit_of_the_frozen_layers_and_moves_all_others",
    "hidden/canon 1": STARTS + "test_a_law_of_the_row_holds",
    "catalogue canon 1": STARTS + "test_a_law_of_the_row_holds",
    "hidden/hyper_connections 2": STARTS + "test_the_first_read_counts_sublayers_or_layers",
    "hidden/hyper_connections 3": STARTS + "test_the_first_read_counts_sublayers_or_layers",
    "catalogue hyper_connections 1": STARTS + "test_the_first_read_counts_sublayers_or_layers",
    "catalogue hyper_connections 2": STARTS + "test_the_first_read_counts_sublayers_or_layers",
    "hidden/mhc 6": SHAPES + "W_mix (R D, ..) sees all streams, (D, ..) one; test_a_variant_equals_its_paper",
    "catalogue mhc 6": SHAPES + "W_mix (R D, ..) sees all streams, (D, ..) one; test_a_variant_equals_its_paper",
    "catalogue mhc 7": STARTS + "test_mhc_starts_as_pre_norm_and_with_the_raw_values_of_hyper_connections_it_does_not",
    "catalogue mhc_lite 1": "a cost, not a mistake: the description is refused beyond five streams",
    "hidden/denseformer 2": STARTS + "test_the_own_parameters_start_as_their_file_says",
    "catalogue denseformer 2": STARTS + "test_the_own_parameters_start_as_their_file_says",
    "hidden/muddformer 1": STARTS + "test_the_own_parameters_start_as_their_file_says",
    "hidden/muddformer 3": SHAPES + "the last `a` is (1, R); test_the_own_parameters_start_as_their_file_says",
    "catalogue muddformer 1": STARTS + "test_the_own_parameters_start_as_their_file_says",
    "catalogue muddformer 2": SHAPES + "the first block has one norm; test_the_own_parameters_start_as_their_file_says",
    "catalogue muddformer 4": "the library's feed-forward networks are all of one width",
    "hidden/deep_cross_attention 2": SHAPES + "b has a row for every source; test_the_own_parameters_start_as_their_file_says",
    "catalogue deep_cross_attention 2": SHAPES + "b has a row per source; test_the_own_parameters_start_as_their_file_says",
}
