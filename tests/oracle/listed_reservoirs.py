"""Numbers of the reservoirs' lists that are no change of a case's values, and the test that catches them instead."""

ELSEWHERE = {  # number -> (why, file, test)
    "echo_state 12": (
        "random: a port's own numbers cannot be foretold; it fails and no known mistake fits",
        "tests/reservoir/test_echo_state.py",
        "test_noise_is_only_where_asked_for_and_comes_from_the_generator_given"),
    "echo_state 14": (
        "random: it fails and no known mistake fits",
        "tests/reservoir/test_echo_state.py",
        "test_noise_is_inside_the_activation_per_unit_of_zero_mean_and_of_the_deviation_asked_for"),
    "echo_state 15": (
        "random: two runs differ",
        "tests/reservoir/test_echo_state.py",
        "test_running_twice_gives_the_same_bits"),
    "echo_state 30": (
        "a case gives W as it is used; which size is scaled",
        "tests/reservoir/test_scaling.py",
        "test_the_radius_is_the_largest_modulus_and_nothing_that_is_taken_for_it"),
    "echo_state 31": (
        "a case gives W as it is used; which size is scaled",
        "tests/reservoir/test_scaling.py",
        "test_the_radius_is_the_largest_modulus_and_nothing_that_is_taken_for_it"),
    "echo_state 32": (
        "a case gives W as it is used; which size is scaled",
        "tests/reservoir/test_scaling.py",
        "test_the_circular_law_is_resesns_factor_and_only_near_the_target"),
    "echo_state 33": (
        "a case gives W as it is used; which size is scaled",
        "tests/reservoir/test_scaling.py",
        "test_the_target_of_one_measure_is_not_that_of_another"),
    "echo_state 34": (
        "a case gives W as it is used; which size is scaled",
        "tests/reservoir/test_scaling.py",
        "test_the_radius_is_the_largest_modulus_and_nothing_that_is_taken_for_it"),
    "echo_state 35": (
        "a case gives W as it is used; which size is scaled",
        "tests/reservoir/test_scaling.py",
        "test_the_radius_is_the_largest_root_of_the_characteristic_polynomial"),
    "echo_state 36": (
        "a case gives W as it is used; the order of its draw",
        "tests/reservoir/test_scaling.py",
        "test_sparse_weights_are_scaled_after_they_are_made_sparse"),
    "echo_state 37": (
        "a case gives W as it is used",
        "tests/reservoir/test_network.py",
        "test_each_way_of_scaling_reaches_the_size_that_was_asked_for"),
    "echo_state 38": (
        "a case gives W as it is used; the word density",
        "tests/reservoir/test_topologies.py",
        "test_density_is_the_fraction_that_is_not_zero_exactly"),
    "echo_state 39": (
        "a case gives all weights; how they are drawn",
        "tests/reservoir/test_topologies.py",
        "test_one_generator_gives_independent_weights_inputs_and_bias"),
    "echo_state 40": (
        "a case gives W as it is used; a radius of zero",
        "tests/reservoir/test_scaling.py",
        "test_a_radius_of_zero_or_lost_in_rounding_is_not_divided_by"),
    "echo_state 51": (
        "the library has no scaler: what is learnt is learnt of training rows",
        "tests/reservoir/test_experiment.py",
        "test_the_strength_is_chosen_from_the_training_rows"),
    "echo_state 55": (
        "the same number in exact arithmetic: digits are lost, which a derived tolerance sees",
        "tests/reservoir/readouts/test_readout_ridge.py",
        "test_normal_equations_would_lose_the_digits_that_ridge_keeps"),
    "echo_state 56": (
        "the same number in exact arithmetic: digits are lost",
        "tests/reservoir/readouts/test_readout_ridge.py",
        "test_an_offset_of_the_features_costs_no_digits"),
    "echo_state 57": (
        "a cutoff in float32 only: digits are lost",
        "tests/reservoir/readouts/test_readout_ridge.py",
        "test_gradients_keep_float32"),
    "echo_state 62": (
        "no mistake of a program: the peak is there",
        "tests/reservoir/readouts/test_readout_ridge.py",
        "test_no_peak_is_hidden_where_rows_equal_features"),
    "echo_state 63": (
        "a case has no truth to feed after its end",
        "tests/reservoir/test_generation.py",
        "test_in_a_closed_loop_each_output_is_the_next_input"),
    "echo_state 73": (
        "data",
        "tests/tasks/series/test_series_narma.py",
        "test_regression_on_the_series_gives_back_the_coefficients_of_the_form"),
    "echo_state 74": (
        "data",
        "tests/tasks/series/test_series_narma.py",
        "test_regression_on_the_series_gives_back_the_coefficients_of_the_form"),
    "echo_state 75": (
        "data",
        "tests/tasks/series/test_series_mackey_glass.py",
        "test_the_delay_is_in_units_of_time_not_in_steps"),
    "echo_state 76": ("data", "tests/tasks/series/test_series_lorenz.py", "test_rows_lie_on_the_grid_exactly"),
    "echo_state 77": (
        "a metric",
        "tests/reservoir/measures/test_measure_scores.py",
        "test_one_prediction_has_all_names_and_they_differ"),
    "echo_state 78": (
        "a measure",
        "tests/reservoir/measures/test_measure_memory.py",
        "test_no_test_row_shares_a_target_with_the_training_rows_and_nothing_wraps_around"),
    "echo_state 79": (
        "a measure",
        "tests/reservoir/measures/test_measure_linear_memory.py",
        "test_the_tolerance_is_relative_and_the_size_of_the_input_does_not_matter"),
    "echo_state 80": (
        "a measure",
        "tests/reservoir/measures/test_measure_processing.py",
        "test_an_input_of_another_range_or_density_is_refused"),
    "echo_state 81": (
        "a measure",
        "tests/reservoir/measures/test_measure_lyapunov.py",
        "test_a_scalar_reservoir_at_rest_has_its_closed_form_and_the_leak_counts"),
    "echo_state 82": (
        "a measure",
        "tests/reservoir/measures/test_measure_forecasts.py",
        "test_the_valid_time_is_that_of_the_first_row_beyond_the_threshold"),
    "echo_state 92": (
        "a case gives W as it is used; the gradient through the radius",
        "tests/reservoir/test_scaling.py",
        "test_derivatives_pass_through_the_radius"),
    "reservoir_resformer 14": (
        "random: two calls differ",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_the_same_call_twice_gives_the_same_bits_and_changes_nothing_that_it_is_given"),
    "reservoir_resformer 30": (
        "the description's reset has an effect",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_a_memory_that_is_never_reset_goes_on_from_one_conversation_to_the_next"),
    "reservoir_resformer 36": (
        "another shape, which fails by itself",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_a_conversation_does_not_see_the_others_of_its_batch"),
    "reservoir_resformer 45": (
        "random: it fails and no known mistake fits; zero is the start",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_the_first_utterance_reads_silence_or_nothing"),
    "reservoir_resformer 46": (
        "a conversation has no washout: every utterance has a state",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_one_utterance_at_a_time_is_the_whole_conversation"),
    "reservoir_resformer 47": (
        "the caller's data",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_the_same_call_twice_gives_the_same_bits_and_changes_nothing_that_it_is_given"),
    "reservoir_resformer 75": (
        "training",
        "tests/reservoir_resformer/neighbours/test_neighbour_laws.py",
        "test_training_moves_every_trained_array_and_no_byte_of_a_frozen_one"),
    "reservoir_resformer 77": (
        "training with states that are kept; the library's table is frozen",
        "tests/training/test_conversation_training.py",
        "test_the_name_of_kept_states_changes_with_all_that_decides_them_and_with_nothing_else"),
    "reservoir_resformer 80": (
        "the order of the data",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_an_utterance_changes_its_own_answer_and_the_later_ones_only"),
    "reservoir_resformer 81": (
        "the same numbers: a count of steps",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_steps_are_counted_by_real_tokens_and_not_by_padding_or_history"),
    "reservoir_resformer 82": (
        "the same numbers: a count of bytes",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_the_memory_of_a_stream_does_not_depend_on_its_length"),
    "reservoir_resformer 83": (
        "training of a readout",
        "tests/reservoir/readouts/test_readout_ridge.py",
        "test_no_peak_is_hidden_where_rows_equal_features"),
    "reservoir_resformer 84": (
        "random: two calls differ",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_the_same_call_twice_gives_the_same_bits_and_changes_nothing_that_it_is_given"),
    "reservoir_resformer 16": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 17": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 18": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 19": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_the_draw_masks_first_and_scales_last_in_the_order_that_is_documented"),
    "reservoir_resformer 20": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 21": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 22": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 23": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 24": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
    "reservoir_resformer 25": (
        "a case gives W as it is used; how a draw is scaled",
        "tests/reservoir_resformer/test_resformer_laws.py",
        "test_states_are_bounded_by_one_and_have_the_radius_asked_for"),
}
