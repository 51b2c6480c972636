"""A tutorial's text as a student gets it, and its functions: stubs, solutions, or what a student has written.

Solutions stand inside a function's body between the marks that nbgrader and otter-grader use:

    def scores(fresh, previous):
        ### BEGIN SOLUTION
        return fresh if previous is None else fresh + previous
        ### END SOLUTION

Of a tutorial only imports, functions, classes and constants are run, so that an exercise is graded without its training.
"""

import ast
import linecache
import re
from pathlib import Path

MARKED = re.compile(r"^([ \t]*)### BEGIN SOLUTION[ \t]*\n.*?^[ \t]*### END SOLUTION[ \t]*\n", re.DOTALL | re.MULTILINE)


def student_text(text):
    """The text with every solution replaced by `raise NotImplementedError`.

    >>> print(student_text("def f(x):\\n    ### BEGIN SOLUTION\\n    return x\\n    ### END SOLUTION\\n"), end="")
    def f(x):
        raise NotImplementedError
    """
    return MARKED.sub(lambda match: f"{match[1]}raise NotImplementedError\n", text)


def solutions(path, student=False):
    """{exercise: the function} of a tutorial's file; student=True: as the student gets it, the stubs."""
    text = Path(path).read_text(encoding="utf-8")
    return functions(student_text(text) if student else text, str(path))


def functions(text, name):
    """{exercise: the function that the text checks for it}, of the Python source of a tutorial.

    ValueError in one line: a syntax error; an import or a definition that fails.
    """
    try:
        tree = ast.parse(text, name)
    except SyntaxError as error:
        raise ValueError(f"{name}, line {error.lineno}: {error.msg}") from None
    linecache.cache[name] = len(text), None, text.splitlines(True), name  # so that feedback shows the student's line
    tree, checks = ast.Module([node for node in tree.body if kept(node)], []), checked(tree)
    defined = {"__name__": "minires_exercise", "__file__": name}
    try:
        exec(compile(tree, name, "exec"), defined)
    except Exception as error:  # of the student's text, whatever it is
        raise ValueError(f"{name}: {type(error).__name__}: {error}") from None
    return {exercise: defined[function] for exercise, function in checks.items() if function in defined}


def kept(node):
    """Whether a statement is an import, a function, a class, or a constant."""
    if isinstance(node, ast.Assign):
        targets = [each for target in node.targets for each in getattr(target, "elts", [target])]
        return constant(node.value) and all(isinstance(each, ast.Name) for each in targets)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))


def constant(node):
    """Whether an expression is a literal."""
    try:
        ast.literal_eval(node)
        return True
    except ValueError:
        return False


def checked(tree):
    """{exercise: name of the function} of the calls check("04.scores", scores)."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) == 2
             and getattr(node.func, "id", getattr(node.func, "attr", None)) == "check"]
    return {call.args[0].value: call.args[1].id for call in calls
            if isinstance(call.args[0], ast.Constant) and isinstance(call.args[1], ast.Name)}
