"""GE MUSE XML, HL7 aECG, Philips XML and SCP-ECG, against independent arithmetic."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError, RecordReadError, UnitError
from ecgsk.io import read_ecg, read_ecgs
from ecgsk.io.formats import hospital
from ecgsk.signals import STANDARD_12_LEADS
from tests.io.formats.writers import (
    EIGHT,
    aecg_series,
    derive,
    make_digital,
    muse_waveform,
    write_aecg,
    write_muse,
    write_philips,
    write_scp,
)


def assert_is(record, millivolts, rate=500):
    assert record.leads == tuple(lead for lead in STANDARD_12_LEADS if lead in millivolts)
    assert record.sampling_rate == rate
    expected = np.array([millivolts[lead] for lead in record.leads])
    np.testing.assert_allclose(record.signal, expected, atol=1e-6)


@pytest.fixture
def eight():
    return make_digital(EIGHT, 5000)


@pytest.fixture
def beat():
    return make_digital(EIGHT, 600, seed=1)


@pytest.mark.parametrize("median", [0, 1])
@pytest.mark.parametrize(("per_bit", "units"), [("4.88", "MICROVOLTS"), ("0.005", "MILLIVOLTS")])
def test_muse_gives_the_rhythm_strip_of_twelve_leads(tmp_path, eight, beat, median, per_bit, units):
    waveforms = [muse_waveform("Rhythm", eight, per_bit, units)]
    waveforms.insert(median, muse_waveform("Median", beat, per_bit, units))
    scale = float(per_bit) * (1e-3 if units == "MICROVOLTS" else 1)
    expected = derive({lead: samples * scale for lead, samples in eight.items()})
    record = read_ecg(write_muse(tmp_path / "a.xml", waveforms))
    assert record.leads == STANDARD_12_LEADS
    assert_is(record, expected)


def test_derived_leads_are_read_alone_and_in_any_order(tmp_path, eight):
    path = write_muse(tmp_path / "a.xml", [muse_waveform("Rhythm", eight, "5")])
    record = read_ecg(path, leads=["V2", "aVL", "III"])
    expected = derive({lead: samples * 5e-3 for lead, samples in eight.items()})
    assert record.leads == ("V2", "aVL", "III")
    np.testing.assert_allclose(
        record.signal, [expected["V2"], expected["aVL"], expected["III"]], atol=1e-6
    )


def test_muse_without_limb_leads_has_only_what_it_stores(tmp_path):
    chest = make_digital(EIGHT[2:], 500)
    path = write_muse(tmp_path / "a.xml", [muse_waveform("Rhythm", chest, "5")])
    assert read_ecg(path).leads == EIGHT[2:]
    with pytest.raises(LeadMismatchError, match="expected leads II, but it lacks II"):
        read_ecg(path, leads=["II"])


def test_muse_without_a_unit_asks_for_it(tmp_path, eight):
    path = write_muse(tmp_path / "a.xml", [muse_waveform("Rhythm", eight, "5", units="")])
    with pytest.raises(UnitError, match=r"does not state the unit of lead I.*unit='uV'"):
        read_ecg(path)
    expected = derive({lead: samples * 5e-3 for lead, samples in eight.items()})
    assert_is(read_ecg(path, unit="uV"), expected)


def test_muse_states_patient_and_time(tmp_path, eight):
    path = write_muse(tmp_path / "a.xml", [muse_waveform("Rhythm", eight)])
    row = read_ecgs(path).iloc[0]
    assert (row["subject_id"], row["age"], row["sex"], row["note"]) == ("p7", 61.0, "F", "")
    assert row["ecg_time"] == pd.Timestamp("2020-03-02 10:20:30")


def test_a_wrong_checksum_is_noted(tmp_path, eight):
    path = write_muse(tmp_path / "a.xml", [muse_waveform("Rhythm", eight)])
    text = path.read_text()
    start = text.index("<LeadDataCRC32>") + len("<LeadDataCRC32>")
    path.write_text(text[:start] + "1" + text[start:])
    assert read_ecgs(path)["note"].str.contains("CRC32 mismatch in lead I").all()


@given(
    scale=st.decimals("0.01", "20", places=2),
    origin=st.decimals("-100", "100", places=1),
    unit=st.sampled_from([("uV", 1e-3), ("mV", 1.0)]),
)
def test_aecg_values_are_origin_plus_scale_times_digit(tmp_path_factory, scale, origin, unit):
    digits = {"II": [0, 1, -300, 250]}
    path = tmp_path_factory.mktemp("aecg") / "a.xml"
    write_aecg(path, aecg_series(digits, scale, unit[0], origin))
    expected = (np.array(digits["II"]) * float(scale) + float(origin)) * unit[1]
    np.testing.assert_allclose(read_ecg(path).signal[0], expected, rtol=1e-6, atol=1e-6)


def test_aecg_gives_the_rhythm_strip(tmp_path):
    twelve, beat = make_digital(STANDARD_12_LEADS, 500), make_digital(STANDARD_12_LEADS, 90)
    path = write_aecg(tmp_path / "a", aecg_series(twelve), aecg_series(beat))
    assert_is(read_ecg(path), {lead: samples * 2.5e-3 for lead, samples in twelve.items()})
    assert read_ecgs(path)["ecg_time"].tolist() == [pd.Timestamp("2020-03-02 10:20:30")]


@pytest.mark.parametrize(
    ("increment", "step", "rate"),
    [("0.002", "s", 500), ("4", "ms", 250), ("0.0075", "s", 400 / 3), ("1000", "us", 1000)],
)
def test_aecg_rates_are_not_rounded(tmp_path, increment, step, rate):
    series = aecg_series({"II": [1] * 50}, increment=increment, step=step)
    record = read_ecg(write_aecg(tmp_path / "a", series))
    assert record.sampling_rate == pytest.approx(rate, rel=1e-9)


def test_aecg_without_a_unit_asks_for_it(tmp_path):
    path = write_aecg(tmp_path / "a", aecg_series({"II": [4, 8]}, "2.5", unit=""))
    with pytest.raises(UnitError, match="does not state the unit of lead II"):
        read_ecg(path)
    np.testing.assert_allclose(read_ecg(path, unit="uV").signal, [[0.01, 0.02]], atol=1e-7)


def test_philips_gives_the_rhythm_strip(tmp_path):
    twelve, beat = make_digital(STANDARD_12_LEADS, 1000), make_digital(STANDARD_12_LEADS, 500)
    path = write_philips(tmp_path / "a", twelve, "2.5", beat=beat)
    assert_is(read_ecg(path), {lead: samples * 2.5e-3 for lead, samples in twelve.items()})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("base", "exponent", "rate"), [("499.75", 0, 499.75), (49975, -2, 499.75), (5, 2, 500)]
)
def test_muse_rates_are_not_rounded(tmp_path, eight, base, exponent, rate, encoding):
    path = tmp_path / "a.xml"
    write_muse(path, [muse_waveform("Rhythm", eight, base=base, exponent=exponent)])
    path.write_bytes(path.read_text().replace("ISO-8859-1", encoding).encode(encoding))
    assert read_ecg(path).sampling_rate == rate


def test_rates_that_cannot_be_told_apart_are_refused(tmp_path, eight):
    blocks = [
        muse_waveform(kind, eight, base=base)
        for kind, base in (("Median", "500"), ("Rhythm", "499.75"))
    ]
    with pytest.raises(RecordReadError, match=r"it states the rates 499.75 Hz and 500 Hz"):
        read_ecg(write_muse(tmp_path / "a.xml", blocks))


def test_philips_rates_are_not_rounded(tmp_path, eight):
    write_philips(tmp_path / "a.xml", eight, rate=500)
    text = (tmp_path / "a.xml").read_text()
    (tmp_path / "a.xml").write_text(text.replace('second="500"', 'second="499.8"'))
    with pytest.raises(RecordReadError, match=r"it states the rates 499.8 Hz and 500 Hz"):
        read_ecg(tmp_path / "a.xml")
    changed = text.replace('second="500"', 'second="499.8"').replace(">500<", ">499.8<")
    (tmp_path / "a.xml").write_text(changed)
    assert read_ecg(tmp_path / "a.xml").sampling_rate == 499.8


@given(
    nanovolts=st.integers(100, 20_000),
    rate=st.sampled_from([(2000, 500), (1000, 1000), (1250, 800), (3906, 256), (7813, 128)]),
)
def test_scp_values_and_rates(tmp_path_factory, nanovolts, rate):
    eight = make_digital(EIGHT, 300)
    path = tmp_path_factory.mktemp("scp") / "a"
    write_scp(path, eight, nanovolts, rate[0], beat=make_digital(EIGHT, 40))
    expected = derive({lead: samples * (nanovolts * 1e-6) for lead, samples in eight.items()})
    assert_is(read_ecg(path), expected, rate[1])


def test_an_scp_rate_that_is_no_whole_number_is_kept(tmp_path):
    path = write_scp(tmp_path / "a", make_digital(EIGHT, 300), interval=7000)
    assert read_ecg(path).sampling_rate == pytest.approx(1e6 / 7000, rel=1e-12)


def test_scp_that_states_more_samples_than_it_holds_is_read_with_a_note(tmp_path):
    eight = make_digital(EIGHT, 300)
    path = write_scp(tmp_path / "a", eight, stated=400)
    assert read_ecg(path).n_samples == 300
    note = read_ecgs(path)["note"].item()
    assert "section 3 states 400 samples, section 6 holds 300" in note


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"bimodal": True}, "bimodal compression .* is not supported"),
        ({"section": 12}, "long-term rhythm data .Section 12, SCP-ECG v3. is not supported"),
    ],
)
def test_scp_of_other_kinds_is_refused(tmp_path, eight, flags, reason):
    path = write_scp(tmp_path / "a.scp", eight, **flags)
    with pytest.raises(RecordReadError, match=rf"a.scp: it cannot be read as SCP-ECG .*{reason}"):
        read_ecg(path)


def test_scp_that_counts_samples_from_zero_is_read(tmp_path):
    eight = make_digital(EIGHT, 300)
    path = write_scp(tmp_path / "a", eight, start=0)
    assert_is(read_ecg(path), derive({lead: samples * 5e-3 for lead, samples in eight.items()}))
    assert read_ecgs(path)["note"].item() == ""


def test_a_lead_of_scp_that_begins_later_is_aligned(tmp_path):
    path = write_scp(tmp_path / "a", {"II": [100, 200, 300]}, start=3, stated=5)
    expected = [[np.nan, np.nan, 0.5, 1.0, 1.5]]
    np.testing.assert_allclose(read_ecg(path).signal, expected, rtol=1e-6)


def test_a_lead_that_would_begin_after_any_recording_is_refused(tmp_path):
    path = write_scp(tmp_path / "a", {"II": [1, 2]}, start=2**31, stated=2**31 + 1)
    with pytest.raises(RecordReadError, match="begins 2147483647 samples after"):
        read_ecg(path)


_ENTITIES = '<!DOCTYPE RestingECG [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
_EXTERNAL = '<!DOCTYPE RestingECG [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("head", [_ENTITIES, _EXTERNAL])
def test_xml_with_entities_is_refused(tmp_path, eight, head):
    muse = write_muse(tmp_path / "muse", [muse_waveform("Rhythm", eight)], before=head)
    with pytest.raises(RecordReadError, match=r"cannot be read as GE MUSE XML .*[Ee]ntit"):
        read_ecg(muse)
    aecg = write_aecg(tmp_path / "aecg", aecg_series({"II": [1, 2]}))
    for path in (aecg, write_philips(tmp_path / "philips", make_digital(EIGHT, 500))):
        first, _, rest = path.read_text().partition("\n")
        path.write_text(f"{first}\n{head}{rest}")
        with pytest.raises(RecordReadError, match=r"cannot be read as .*[Ee]ntit"):
            read_ecg(path)


def test_a_document_type_without_entities_is_read(tmp_path, eight):
    head = '<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<!-- exported -->\n'
    path = write_muse(tmp_path / "a", [muse_waveform("Rhythm", eight)], before=head)
    assert read_ecg(path).n_samples == 5000


def test_a_large_file_is_refused(tmp_path, eight, monkeypatch):
    path = write_muse(tmp_path / "a", [muse_waveform("Rhythm", eight)])
    monkeypatch.setattr(hospital, "MAX_BYTES", 1000)
    with pytest.raises(RecordReadError, match="a GE MUSE XML file of at most 1,000 bytes, got"):
        read_ecg(path)


def test_cut_files_are_refused(tmp_path, eight):
    writers = {
        "muse": lambda p: write_muse(p, [muse_waveform("Rhythm", eight)]),
        "aecg": lambda p: write_aecg(p, aecg_series(eight)),
        "philips": lambda p: write_philips(p, eight),
        "scp": lambda p: write_scp(p, eight),
    }
    for name, write in writers.items():
        whole = write(tmp_path / name).read_bytes()
        for share in (0.3, 0.7, 0.99):
            (tmp_path / "cut").write_bytes(whole[: int(share * len(whole))])
            with pytest.raises(RecordReadError, match="cut"):
                read_ecg(tmp_path / "cut")


def test_a_missing_library_is_named_with_its_extra(tmp_path, eight, monkeypatch):
    path = write_muse(tmp_path / "a", [muse_waveform("Rhythm", eight)])
    monkeypatch.setitem(sys.modules, "ecgdatakit", None)
    with pytest.raises(RecordReadError, match=r"needs ecgdatakit.*pip install 'ecgsk\[formats\]'"):
        read_ecg(path)
