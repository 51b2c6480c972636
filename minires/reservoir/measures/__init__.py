"""What a reservoir can do, measured.

Each measure returns a record that names all that its value rests on; str(record) is the line to print.

    scores               MSE, RMSE, NMSE, NRMSE: never without the normaliser
    forecasts            NRMSE84, valid prediction time
    memory               memory capacity, estimated on a test part of its own
    linear_memory        memory capacity of a linear reservoir, exactly
    processing           information processing capacity
    rank                 kernel rank, generalisation rank
    lyapunov             conditional Lyapunov exponents
    echo_state_property  what guarantees echo states, what excludes them, what one input shows
"""
