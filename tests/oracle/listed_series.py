"""The mistakes of echo_state 73 to 76, part by part, and the name of each."""

PARTS = {  # number -> part, as it is listed -> mistake
    73: {"NARMA sum with n-1 terms": "narma-sum-without-newest", "NARMA sum with n+1 terms": "narma-sum-one-term-more",
         "lag n": "narma-lag-of-order", "u in [0,1]": "narma-input-to-one"},
    74: {"quadratic term missing": "narma-memory-missing"},
    75: {"Mackey-Glass delay in steps instead of tau/h": "mackey-glass-delay-in-steps",
         "Euler with h = 1": "mackey-glass-whole-euler-step",
         "h missing in the production term": "mackey-glass-production-without-h"},
    76: {"linspace grid, step h*n/(n-1)": "grid-of-linspace", "step h^2": "grid-step-squared"},
}
