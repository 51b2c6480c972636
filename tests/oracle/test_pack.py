"""What a pack holds is what was built: cases that run from it alone, their truth, and decoys that are wrong."""

import json

import numpy as np
import pytest

from minires.oracle.case import Case
from minires.oracle.cases import CASES, CORE
from minires.oracle.mistakes import MISTAKES
from minires.oracle.packs import decoys, pack
from minires.oracle.packs.clauses import all_clauses, axes_of, clause_of
from minires.oracle.packs.decoys import Sight, numbers, shared_out, sights
from minires.oracle.packs.facts import digest, facts_of, files_of, fine, golden_of, stored
from minires.oracle.packs.golden import Truth
from minires.oracle.packs.manifest import NAME, read_files, with_manifest, write_files
from minires.oracle.packs.raw import from_bytes
from minires.oracle.packs.schema import SCHEMAS, check
from minires.oracle.packs.verification import float64_error, verified
from minires.oracle.tape import differentiate, record

SMALL = "edge/one-token"


def rough(case):
    """A truth from a float64 run, with remainders that are no zeros: what an exact run gives, made in no time."""
    values = numbers(case)
    rng = np.random.default_rng(0)
    remainders = {name: (rng.integers(-128, 129, value.shape) / 256).astype(np.float32) for name, value in values.items()}
    entries = sum(value.size for value in values.values())
    return Truth(values, remainders, {"bits": 53, "log2_radius": None, "entries": entries, "zeros": {}})


def golden(id, **more):
    case = CASES[id]()
    return pack.golden_with(case, rough(case), **more)


@pytest.fixture(scope="module")
def goldens():
    return {id: golden(id) for id in (SMALL, "part/cross-attention", "transformer/realformer-encoder", "echo_state/feedback",
                                      "transformer/denseformer-decoder")}


def equal(a, b):
    return a.keys() == b.keys() and all(
        np.asarray(a[n]).dtype == b[n].dtype and np.array_equal(a[n], b[n]) and np.shape(a[n]) == b[n].shape for n in a)


def test_a_golden_that_is_read_again_is_the_one_that_was_built(goldens):
    for id, built in goldens.items():
        read = golden_of(files_of(built), id)
        assert read.case._replace(values=0, cotangents=0) == built.case._replace(values=0, cotangents=0)
        assert equal(built.case.cotangents, read.case.cotangents) and read.facts == built.facts
        assert equal(built.truth.values, read.truth.values) and equal(built.truth.remainders, read.truth.remainders)
        for name, value in built.case.values.items():
            assert np.array_equal(value, read.case.values[name])
            assert read.case.values[name].dtype.kind == np.asarray(value).dtype.kind
        assert list(read.case.values) == list(built.case.values)


def test_a_case_runs_from_its_files_alone(goldens):
    for id, built in goldens.items():
        case = golden_of(files_of(built), id).case
        assert isinstance(case, Case)
        found = differentiate(record(case), case.values)
        assert all(np.array_equal(found[name], value) for name, value in built.truth.values.items())


def test_the_facts_are_of_the_published_schema_and_the_pack_names_its_clauses(goldens):
    known = all_clauses()
    for built in goldens.values():
        check(json.loads(json.dumps(built.facts)), SCHEMAS["case"], built.case.id)
        assert {row["clause"] for row in built.facts["tensors"] if "clause" in row} <= set(known)
        assert set(built.facts["clauses"]) <= set(known) or built.case.system != "transformer"


def test_rows_are_in_the_order_of_computation_and_name_what_each_tensor_is_computed_from(goldens):
    for built in goldens.values():
        seen = set()
        for row in built.facts["tensors"]:
            assert set(row.get("inputs", ())) <= seen, row["name"]
            seen.add(row["name"])
        names = [row["name"] for row in built.facts["tensors"]]
        assert len(set(names)) == len(names)
        own = {name for name in built.truth.values if not name.startswith("grad/")}
        assert {row["name"] for row in built.facts["tensors"] if row["role"] in ("activation", "loss")} == own
    rows = {row["name"]: row for row in goldens["transformer/realformer-encoder"].facts["tensors"]}
    fresh = ["layers.0.attention.fresh_scores", "layers.1.attention.fresh_scores"]
    assert rows["layers.1.attention.scores"]["inputs"] == fresh
    assert rows["layers.1.attention.scores"]["axes"] == ["B", "H", "T", "S"]
    assert "layers.0.attention.scores" in rows["layers.0.attention.fresh_scores"]["aliases"]
    assert rows["layers.0.attention.W_q"]["role"] == "parameter" and rows["inputs.mask.1"]["role"] == "input"
    assert rows["cotangent/logits"]["role"] == "cotangent" and rows["loss"]["role"] == "loss"


def test_each_tensor_has_the_sha256_of_its_bytes_and_its_gradients(goldens):
    import hashlib
    built = goldens[SMALL]
    rows, truth = {row["name"]: row for row in built.facts["tensors"]}, built.truth.values
    both = truth["logits"].astype("<f8").tobytes() + truth["grad/logits"].astype("<f8").tobytes()
    assert rows["logits"]["sha256"] == hashlib.sha256(both).hexdigest()
    assert rows["loss"]["sha256"] == hashlib.sha256(truth["loss"].astype("<f8").tobytes()).hexdigest()
    assert rows["embedding.W_token"]["dtype"] == "F32" and rows["embedding.W_token"]["gradient"]
    assert "gradient" not in rows["inputs.tokens"] and "gradient" not in rows["loss"]


def test_axes_and_clauses_are_found_by_the_last_part_of_a_name():
    assert clause_of("decoder.layers.3.cross_attention.value_heads") == "attention.value_heads"
    assert clause_of("decode.2") == "decode" and clause_of("layers.0.altup") is None
    assert axes_of("layers.0.attention.W_q", (5, 18)) == ["D", "HK"]
    assert axes_of("layers.0.input", (2, 3, 4, 5)) is None  # several streams


def test_numbers_off_the_grid_are_refused():
    case = CASES[SMALL]()
    with pytest.raises(ValueError, match="head.b: the numbers do not lie on the grid, expected float32"):
        stored("head.b", case.values["head.b"] + 1e-9)
    assert stored("mask", np.array([-np.inf, 0.5])).dtype == np.float32


@pytest.mark.parametrize("change, says", [
    (lambda f, a: a.pop("logits"), "tensor 'logits' is missing, expected it in tensors.safetensors"),
    (lambda f, a: a.pop("grad/head.W"), "tensor 'grad/head.W' is missing"),
    (lambda f, a: a.update(logits=a["logits"] + 1), "tensor 'logits' is not the one that case.json describes"),
    (lambda f, a: a.update({"head.b": -a["head.b"]}), "tensor 'head.b' is not the one"),
    (lambda f, a: a.update({"grad/logits": a["grad/logits"] * 2}), "tensor 'logits' is not the one"),
    (lambda f, a: a.update(remainders=a["remainders"][1:]), "remainders: .* numbers, expected one for each number of the"),
])
def test_a_tensor_that_is_not_the_one_described_is_named(change, says, goldens):
    from minires.oracle.packs.raw import to_bytes
    files = files_of(goldens[SMALL])
    arrays = from_bytes(files["tensors.safetensors"])
    change(files, arrays)
    with pytest.raises(ValueError, match=says):
        golden_of({**files, "tensors.safetensors": to_bytes(arrays)}, SMALL)


# ---- decoys ----------------------------------------------------------------------------------------------------------

def test_a_decoy_is_what_the_program_with_the_mistake_gives():
    case = CASES["edge/fully-masked-row"]()
    some = {name: MISTAKES[name] for name in ("softmax-over-queries",)}
    seen = sights(case, some)
    assert set(seen) == set(some) and seen["softmax-over-queries"].change > 1e-3
    wrong, right = seen["softmax-over-queries"].decoy["softmax-over-queries/logits"], numbers(case)["logits"]
    assert wrong.dtype == np.float32 and wrong.shape == right.shape and np.max(abs(wrong - right)) > 1e-3


@pytest.mark.parametrize("change, shown", [
    (lambda r: {**r, "logits": r["logits"] + 1, "grad/head.b": 0 * r["grad/head.b"]}, {"m/logits"}),
    (lambda r: {**r, "grad/head.W": 2 * r["grad/head.W"], "grad/head.b": 2 * r["grad/head.b"]}, {"m/grad/head.b"}),
    (lambda r: {**r, **{f"layers.0.feed_forward.{name}": -r[f"layers.0.feed_forward.{name}"] for name in ("output", "inner")}},
     {"m/layers.0.feed_forward.inner"}),
    (lambda r: {name: value for name, value in r.items() if name != "layers.0.feed_forward.inner"}, set()),
])
def test_a_decoy_shows_the_outputs_else_the_smallest_wrong_gradient_else_the_first_wrong_tensor(change, shown):
    case = CASES[SMALL]()
    right = numbers(case)
    sight = decoys.compared(case, "m", right, change(right))
    assert set(sight.decoy) == shown and sight.change > decoys.SEEN
    assert decoys.compared(case, "m", right, right).change == 0 and decoys.compared(case, "m", right, None).change == np.inf


def test_a_change_that_rounding_may_hide_makes_no_decoy_and_what_is_only_rounding_is_not_seen():
    case = CASES[SMALL]()
    right = numbers(case)
    near = decoys.compared(case, "m", right, {**right, "logits": right["logits"] * (1 + 1e-6)})
    assert near.decoy == {} and near.change > decoys.SEEN
    zero = {**right, "grad/layers.0.attention.b_k": np.full_like(right["grad/layers.0.attention.b_k"], 1e-17)}
    other = {**zero, "grad/layers.0.attention.b_k": -zero["grad/layers.0.attention.b_k"]}
    assert decoys.compared(case, "m", zero, other).change < decoys.SEEN
    both = {**right, "grad/head.W": 2 * right["grad/head.W"], "grad/head.b": right["grad/head.b"] * (1 + 1e-6)}
    assert set(decoys.compared(case, "m", right, both).decoy) == {"m/grad/head.W"}


def test_a_change_of_shape_or_of_what_is_finite_is_seen():
    x = np.array([1.0, -2.0])
    assert decoys.distance(x, x[:1]) == decoys.distance(x, np.array([1.0, np.nan])) == decoys.distance(x, None) == np.inf
    assert decoys.distance(x, np.array([1.0, -2.5])) == 0.25 and decoys.distance(0 * x, x) == 2.0
    infinite = np.array([-np.inf, 1.0])
    assert decoys.distance(infinite, infinite) == 0


def test_each_mistakes_decoy_is_in_one_case_of_the_core_if_one_sees_it():
    sight = lambda change, name: Sight(change, {f"{name}/logits": np.ones(1)})
    seen = {"z": {"a": sight(1.0, "a"), "b": sight(1.0, "b")}, "core": {"a": sight(1e-6, "a")}, "core2": {"a": sight(1.0, "a")},
            "y": {"c": sight(1e-5, "c")}, "x": {"c": sight(1e-4, "c"), "d": Sight(np.inf, {})}}
    held = {id: {name.split("/")[0] for name in own} for id, own in shared_out(seen, ("core", "core2")).items()}
    assert held == {"z": {"b"}, "core": set(), "core2": {"a"}, "y": set(), "x": {"c"}}
    alone = shared_out({id: seen[id] for id in ("core", "core2")}, ("core", "core2"))
    assert {id: set(own) for id, own in alone.items()} == {"core": set(), "core2": {"a/logits"}}


# ---- whole packs -----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A pack of two small cases, exact, as a folder."""
    pytest.importorskip("flint")
    path = tmp_path_factory.mktemp("packs") / "pack"
    files = pack.build([SMALL, "echo_state/leaky"])
    write_files(path, files)
    return path, files


def test_a_pack_is_built_bit_for_bit_and_verified(built):
    path, files = built
    assert read_files(path) == files
    rows, lines = verified(path, files)
    assert not lines and [row["same"] for row in rows] == ["same", "same"] and all(row["float64"] < 100 for row in rows)
    assert {"schemas/case.json", "schemas/manifest.json", "schemas/flags.json", "SPEC-CLAUSES.json", "FLAGS.json"} <= set(files)
    flags = json.loads(files["FLAGS.json"])
    check(flags, SCHEMAS["flags"], "FLAGS.json")
    assert set(flags) == set(MISTAKES)


def test_mistakes_of_a_case_are_those_that_the_flags_name_it_for_and_decoys_are_among_them(built):
    path, files = built
    flags, held = json.loads(files["FLAGS.json"]), pack.decoys(path)
    for golden in pack.load(path):
        mistakes = golden.facts["mistakes"]
        assert mistakes == [name for name in flags if golden.case.id in flags[name]["cases"]]
        assert mistakes or golden.case.id != SMALL
        assert set(golden.facts["decoys"]) == set(held.get(golden.case.id, {})) <= set(mistakes)
        for decoy in held.get(golden.case.id, {}).values():
            assert any(decoys.distance(golden.truth.values[name], wrong.astype(float)) > 1e-9 for name, wrong in decoy.items())


def test_the_tag_fp16_safe_is_in_the_pack(built):
    assert "fp16_safe" in pack.load(built[0], "echo_state/leaky")[0].case.tags


def test_verification_names_what_is_not_as_the_library_makes_it(built, tmp_path):
    _, files = built
    name = f"cases/{SMALL}/case.json"
    facts = json.loads(files[name])
    other = with_manifest({**{n: data for n, data in files.items() if n != NAME},
                           name: json.dumps({**facts, "tags": ["changed"]}).encode(), "README.md": b"other"})
    rows, lines = verified(tmp_path, other)
    assert len(lines) == 2 and "edge/one-token/case.json is not what the library makes today" in lines[0]
    assert "README.md is not" in lines[1] and [row["same"] for row in rows if row["case"] == SMALL] == ["differ"]
    strange = with_manifest({n.replace(SMALL, "edge/two-tokens"): data for n, data in files.items() if n != NAME})
    assert any("'edge/two-tokens' is not in the catalogue" in line for line in verified(tmp_path, strange)[1])


def test_a_float64_run_is_near_the_truth_and_a_wrong_one_is_not(goldens):
    right = goldens["part/cross-attention"]
    assert float64_error(right) == 0
    other = {name: value * 1.001 for name, value in right.truth.values.items()}
    assert float64_error(right._replace(truth=right.truth._replace(values=other))) > 1e6


def test_a_pack_without_cases_or_with_a_half_one_is_refused(built, tmp_path):
    _, files = built
    plain = {name: data for name, data in files.items() if name != NAME}
    write_files(tmp_path / "empty.zip", with_manifest({"README.md": b""}))
    with pytest.raises(ValueError, match="holds no case"):
        pack.load(tmp_path / "empty.zip")
    for change, says in (({f"cases/{SMALL}/tensors.safetensors": None}, "tensors.safetensors is missing"),
                         ({f"cases/{SMALL}/case.json": b"{"}, "no JSON, expected a whole file"),
                         ({f"cases/{SMALL}/case.json": b'{"schema": 1}'}, "case.json: 'id' is missing")):
        half = {name: data for name, data in {**plain, **change}.items() if data is not None}
        write_files(tmp_path / "half.zip", with_manifest(half))
        with pytest.raises(ValueError, match=says):
            pack.load(tmp_path / "half.zip")


def test_cases_of_a_pack_are_chosen_by_a_pattern(built):
    assert [golden.case.id for golden in pack.load(built[0], "echo*")] == ["echo_state/leaky"]
    with pytest.raises(ValueError, match="unknown case 'edge/one-tokn': did you mean 'edge/one-token'"):
        pack.load(built[0], "edge/one-tokn")


# ---- the core pack in the package ------------------------------------------------------------------------------------

def test_the_core_pack_is_whole_below_one_megabyte_and_has_the_core_cases():
    assert pack.core_path().stat().st_size < 1_000_000
    goldens = pack.core()
    assert {golden.case.id for golden in goldens} == set(CORE)
    assert {golden.case.system for golden in goldens} == {"transformer", "echo_state", "readout", "reservoir_resformer"}
    for golden in goldens:
        assert float64_error(golden) < 1e4, golden.case.id


def test_the_core_pack_has_the_numbers_of_the_catalogue():
    for golden in pack.core():
        case = CASES[golden.case.id]()
        assert all(np.array_equal(value, golden.case.values[name]) for name, value in case.values.items()), case.id
        assert case.config == golden.case.config and case.differentiated == golden.case.differentiated


@pytest.mark.slow
def test_the_core_pack_is_made_again_bit_for_bit():
    pytest.importorskip("flint")
    assert verified("core", read_files(pack.core_path()))[1] == []


def test_a_hash_is_of_the_raw_bytes():
    assert digest(np.zeros(1)) != digest(np.zeros(2)) and digest(np.array([1.0])) != digest(np.array([-1.0]))
    assert facts_of(CASES[SMALL](), rough(CASES[SMALL]()))["schema"] == 1


def test_remainders_are_kept_to_a_256th_of_an_ulp():
    rest = np.linspace(-0.5, 0.5, 1001).astype(np.float32)
    kept = fine(rest)
    assert np.max(abs(kept - rest)) <= 1 / 512 and np.array_equal(kept.astype(np.float16), kept) and len(np.unique(kept)) == 257


@pytest.mark.slow
def test_the_order_of_the_ids_changes_no_byte():
    pytest.importorskip("flint")
    ids = ["echo_state/leaky", "echo_state/feedback", "readout/ridge"]
    assert pack.build(ids) == pack.build(ids[::-1])
