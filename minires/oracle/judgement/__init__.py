"""Judgement: derived tolerances, local replay, likelihoods of mistakes, closed forms, the verdict."""
