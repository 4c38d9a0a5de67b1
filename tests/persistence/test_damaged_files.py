"""Flipped bits, and manifests with right checksums that ask for too much or make no sense."""

import contextlib
import copy
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

import ecgsk
from ecgsk.exceptions import DamagedFileError, ECGError
from ecgsk.persistence._manifest import MANIFEST, WEIGHTS, unseal
from ecgsk.preprocessing import BandpassFilter


@pytest.fixture(scope="module")
def small(classifier, tmp_path_factory) -> Path:
    """A saved classifier; tests change copies or write it back."""
    return ecgsk.save(classifier, tmp_path_factory.mktemp("small") / "model")


@pytest.fixture
def parts(small):
    """Content of the manifest and arrays of the small classifier, to be changed."""
    return json.loads((small / MANIFEST).read_text("utf-8")), load_file(small / WEIGHTS)


@pytest.fixture
def load_changed(parts, tmp_path, write_model):
    """Load the small classifier after a change of its content."""

    def load(change):
        content, arrays = parts
        change(content["model"]["state"], arrays)
        write_model(tmp_path, content, arrays)
        return ecgsk.load(tmp_path)

    return load


def test_every_flipped_bit_of_a_manifest_is_refused(X, tmp_path):
    path = ecgsk.save(BandpassFilter(1.0, 30.0).fit(X), tmp_path / "model") / MANIFEST
    written = path.read_bytes()
    assert unseal(written, path)
    for position in range(len(written)):
        for bit in range(8):
            flipped = bytearray(written)
            flipped[position] ^= 1 << bit
            with pytest.raises(DamagedFileError, match=rf"{path} .* Copy the folder again"):
                unseal(bytes(flipped), path)


def test_line_ends_of_another_system_are_no_damage(small, classifier, X, tmp_path):
    for name in (MANIFEST, WEIGHTS):
        (tmp_path / name).write_bytes((small / name).read_bytes())
    text = (small / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(text.replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(
        ecgsk.load(tmp_path).predict_proba(X), classifier.predict_proba(X)
    )


@settings(max_examples=80)
@given(data=st.data())
def test_a_flipped_bit_in_either_file_is_refused(small, data):
    path = small / data.draw(st.sampled_from([MANIFEST, WEIGHTS]))
    written = path.read_bytes()
    flipped = bytearray(written)
    flipped[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(bytes(flipped))
        with pytest.raises(DamagedFileError, match=rf"{path} .*Copy the folder again"):
            ecgsk.load(small)
    finally:
        path.write_bytes(written)


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
def test_cut_and_extended_files_are_refused(small, name):
    path = small / name
    written = path.read_bytes()
    try:
        for length in (0, 1, 7, 8, 9, len(written) // 2, len(written) - 1):
            path.write_bytes(written[:length])
            with pytest.raises(DamagedFileError, match=str(path)):
                ecgsk.load(small)
        path.write_bytes(written + b"x")
        with pytest.raises(DamagedFileError, match=str(path)):
            ecgsk.load(small)
    finally:
        path.write_bytes(written)


def test_files_of_two_models_are_refused(small, make_classifier, X, Y, tmp_path):
    other = ecgsk.save(make_classifier(random_state=1).fit(X, Y), tmp_path / "other")
    (other / WEIGHTS).write_bytes((small / WEIGHTS).read_bytes())
    with pytest.raises(DamagedFileError, match=r"weights\.safetensors .* from another model"):
        ecgsk.load(other)


def test_what_is_no_regular_file_is_not_opened(small, tmp_path):
    (tmp_path / WEIGHTS).write_bytes((small / WEIGHTS).read_bytes())
    os.mkfifo(tmp_path / MANIFEST)  # opening it would wait for ever
    with pytest.raises(DamagedFileError, match=r"manifest\.json is not a file"):
        ecgsk.load(tmp_path)


def test_a_manifest_of_gigabytes_is_not_read(small, tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"")
    with (tmp_path / MANIFEST).open("wb") as file:
        file.truncate(10**12)  # takes no room on disk
    with pytest.raises(DamagedFileError, match=r"manifest\.json has more than 268,435,456 bytes"):
        ecgsk.load(tmp_path)


def test_unreadable_file(small, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(ECGError, match=r"cannot read .*manifest\.json .*Permission denied"):
        ecgsk.load(small)


def _encoder(name, **params):
    def change(state, arrays):
        state["encoder_spec_"] = {
            "$estimator": f"ecgsk.encoders.{name}",
            "number": 1000,
            "state": params,
        }

    return change


def _resnet(**params):
    return _encoder("ResNet1d", **{"depth": 10, "width": 4, "kernel_size": 5, **params})


def _attribute(name, value):
    return lambda state, arrays: state.update({name: value})


def _long_records(state, arrays):
    _encoder("RandomConvolution", n_features=5000)(state, arrays)
    state["shape_"] = {"$tuple": [12, 10**4000]}


def _table(state, arrays):
    """A classifier of a table, whose network may be of any size."""
    mlp = {"hidden_size": 10**12, "n_features": 8, "dropout": 0.1}
    mlp |= {"value_dropout": 0.0, "table_dropout": 0.0}
    state["clinical_encoder"] = {
        "$estimator": "ecgsk.encoders.ClinicalMLP",
        "number": 1000,
        "state": mlp,
    }
    columns = {"feature_names_out_": ["age"], "columns_": ["age"], "numeric_columns_": ["age"]}
    state["scaler_"] = {
        "$estimator": "ecgsk.preprocessing.ClinicalScaler",
        "number": 1001,
        "state": {**columns, "levels_": {"$dict": []}},
    }
    state["inputs"] = "ecg+clinical"
    state["recipe_"]["$dataclass"][1]["$dict"][0][1] = "full"


def _nested(state, arrays):
    for _ in range(300):
        state["thresholds_"] = [state["thresholds_"]]


def _wide_text(state, arrays):
    state["classes_"] = {"$text": ["x" * 10_000] + [""] * 10_000}


def _use_again(state, arrays):
    state["thresholds_"] = {"$tuple": [state["thresholds_"]] * 100}


def _strange_column(state, arrays):
    column = ["loss", "S1000000000", ["x"] * 10]
    state["history_"] = {"$frame": {"index": [None, list(range(10))], "columns": [column]}}


_S4 = {"width": 4, "state_size": 2, "stride": 1, "dropout": 0.0}
_VIT = {"depth": 1, "width": 8, "n_heads": 2, "patch_size": 50, "dropout": 0.1, "pooling": "mean"}
_ASK_FOR_TOO_MUCH = {
    "a wide network": _resnet(width=10**7),
    "a long kernel": _resnet(kernel_size=10**12 + 1),
    "a wide transformer": _encoder("ViT1d", **{**_VIT, "width": 10**9}),
    "a deep transformer": _encoder("ViT1d", **{**_VIT, "depth": 10**10}),
    "small patches": _encoder("ViT1d", **{**_VIT, "patch_size": 1}),
    "a deep inception": _encoder("InceptionTime", depth=3 * 10**10, width=1, kernel_size=1),
    "a deep state space": _encoder("S4", depth=10**10, **_S4),
    "many features": _encoder("RandomConvolution", n_features=10**13),
    "many leads": _attribute("shape_", {"$tuple": [10**10, 1000]}),
    "long records": _long_records,
    "many outputs": _attribute("n_outputs_", 10**13),
    "no outputs": _attribute("n_outputs_", -1),
    "a wide table": _table,
    "deep nesting": _nested,
    "wide text": _wide_text,
    "one array many times": _use_again,
    "wide column": _strange_column,
}


@pytest.mark.parametrize("change", _ASK_FOR_TOO_MUCH.values(), ids=_ASK_FOR_TOO_MUCH)
def test_what_a_manifest_asks_for_is_held_against_the_weights(load_changed, change):
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedFileError, match=r"manifest\.json does not describe a fitted model"):
        load_changed(change)
    # In kB; and seconds of this process, not of its neighbours.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    assert time.process_time() - started < 10


def _circle(state, arrays):
    state["encoder_spec_"] = {"$same": 0}


def _unfitted(state, arrays):
    scaler = {"$estimator": "ecgsk.preprocessing.ClinicalScaler", "number": 1000, "state": {}}
    state["scaler_"] = scaler


def _left_over(state, arrays):
    arrays["nobody's"] = np.zeros(3)


def _rename_weights(state, arrays):
    pair = state["weights_"]["$dict"][0]
    pair[0] = pair[0] + "x"


def _forget_weights(state, arrays):
    del state["weights_"]["$dict"][0]


def _integers(state, arrays):
    path = state["weights_"]["$dict"][0][1]["$array"]
    arrays[path] = arrays[path].astype(np.int32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_circle, "KeyError: 0"),
        (_unfitted, "not fitted"),
        (_left_over, 'nothing uses the array "nobody\'s"'),
        (_rename_weights, "the weights .* are missing"),
        (_forget_weights, "the weights .* are missing|nothing uses"),
        (_integers, "have shape .* and torch.int32"),
        (_attribute("recipe_", {"$dataclass": ["ecgsk.explain.Section", {}]}), "Section"),
        (_attribute("thresholds_", {"$float": "1e400"}), "1e400"),
        (_attribute("leads_", {"$text": [1, 2]}), "array of text"),
        (_attribute("leads_", {"$tuple": [], "$set": []}), "too many values"),
    ],
)
def test_contradictions_are_refused(load_changed, change, message):
    with pytest.raises(DamagedFileError, match=rf"does not describe a fitted model: .*{message}"):
        load_changed(change)


def _places(value, path=()):
    """Every place in a nested value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*path, key))


_OTHER = [None, True, -1, 10**30, 1e300, "", "x", [], {}, [[]], {"$array": "x"}, {"$tuple": 3}]


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_another_value_anywhere_is_refused_or_read(small, write_model, seed):
    """Nothing but our errors, whatever stands in a manifest with right checksums."""
    generator = random.Random(seed)
    originals = [(small / name, (small / name).read_bytes()) for name in (MANIFEST, WEIGHTS)]
    content = copy.deepcopy(json.loads(originals[0][1]))
    for _ in range(generator.randint(1, 3)):
        *path, last = generator.choice(list(_places(content["model"])))
        value = content["model"]
        for key in path:
            value = value[key]
        if generator.random() < 0.2:
            del value[last]
        elif isinstance(value, dict) and generator.random() < 0.3:
            value[last + "x"] = value.pop(last)
        else:
            value[last] = copy.deepcopy(generator.choice(_OTHER))
    try:
        write_model(small, content, load_file(small / WEIGHTS))
        with contextlib.suppress(ECGError):
            ecgsk.load(small)
    finally:
        for path, written in originals:
            path.write_bytes(written)


_LIMITED = """
import resource, sys
import ecgsk
ecgsk.load(sys.argv[1])
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ecgsk.load(sys.argv[2])
except ecgsk.exceptions.DamagedFileError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used)
"""


@pytest.mark.slow
def test_memory_of_a_hostile_manifest_in_a_fresh_process(small, parts, tmp_path, write_model):
    content, arrays = parts
    _resnet(width=600)(content["model"]["state"], arrays)  # 30 GB of weights
    write_model(tmp_path, content, arrays)
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(small), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(ecgsk.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert int(done.stdout) < 50_000, "kB"
