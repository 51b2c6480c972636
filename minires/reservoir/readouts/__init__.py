"""Readouts: what is learnt from the states of a reservoir, {"W_o": (F, q), "b_o": (q,)} in the plainest case.

    features        [u; x; squares; y before]          series          washout, several series as rows
    ridge           fit, predict (`least_squares`)     selection       its strength by leave-one-out or GCV
    online          RLS, LMS                           force           RLS while the own output is fed back
    plasticity      gain and bias of each unit         classification  one class per sequence
    conceptors      soft projectors and their logic    patterns        stored, and recalled by a conceptor

Perceptron and self-attention as readouts: `minires.training.readout`.
"""
