"""A tutorial in a few lines, with its notebook as if it had been run, for tests of what is made from tutorials."""

TEXT = '''# %% [markdown]
# # 04 A toy & more
#
# You see a picture
# of nothing.
#
# - Time: 20 minutes
# - Needs: nothing but NumPy
# - You learn: to look,
#   to look again
# - Paper: none

# %%
print("shape", (2, 3))

# %% [markdown]
# [Exercises](#Exercises), [this one](04_toy.ipynb), [elsewhere](https://example.org)
#
# ## Exercises

# %%
def mean(fresh, previous, n):
    ### BEGIN SOLUTION
    total = fresh if previous is None else fresh + previous
    return total, total / n
    ### END SOLUTION


# %%
check("04.mean", mean)
'''
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def toy(folder, text=TEXT, alt="a point", run=True):
    """Write 04_toy.py and 04_toy.ipynb; returns the folder."""
    import nbformat
    from minires.course.notebooks import notebook_of, written
    notebook = notebook_of(text)
    for i, cell in enumerate([cell for cell in notebook.cells if cell.cell_type == "code"]):
        cell.execution_count = i + 1 if run else None
    data = {"image/png": PIXEL, "text/plain": "picture"}
    metadata = {"image/png": {"alt": alt}} if alt else {}
    notebook.cells[1].outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
    (folder / "04_toy.py").write_text(text, encoding="utf-8")
    (folder / "04_toy.ipynb").write_bytes(written(notebook))
    return folder
