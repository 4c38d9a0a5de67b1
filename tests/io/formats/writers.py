"""Writers of small files in each format, independent of the package and of its libraries."""

import base64
import struct
import zlib

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

_ECG_STORAGE = "1.2.840.10008.5.1.4.1.1.9.1.1"


def coded(value, meaning="", scheme="SCPECG"):
    item = Dataset()
    item.CodeValue, item.CodeMeaning, item.CodingSchemeDesignator = value, meaning, scheme
    return item


def dicom_channel(code="", meaning="", unit="uV", sensitivity=1.0, correction=1.0, baseline=0.0):
    channel = Dataset()
    channel.ChannelSourceSequence = Sequence([coded(code, meaning)])
    if sensitivity is not None:
        channel.ChannelSensitivity = str(sensitivity)
        channel.ChannelSensitivityCorrectionFactor = str(correction)
        channel.ChannelBaseline = str(baseline)
        if unit:
            channel.ChannelSensitivityUnitsSequence = Sequence([coded(unit, unit, "UCUM")])
    return channel


def dicom_group(digital, channels, rate=500, label="RHYTHM", originality="ORIGINAL", padding=None):
    """`digital` is int16 of shape (n_channels, n_samples)."""
    group = Dataset()
    group.WaveformOriginality = originality
    group.MultiplexGroupLabel = label
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = digital.shape
    group.SamplingFrequency = str(rate)
    group.ChannelDefinitionSequence = Sequence(channels)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    if padding is not None:
        group.add_new("WaveformPaddingValue", "OW", struct.pack("<h", padding))
    group.add_new("WaveformData", "OW", digital.T.astype("<i2").tobytes())
    return group


def write_dicom(path, groups, syntax=ExplicitVRLittleEndian, **elements):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = UID(_ECG_STORAGE)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID(_ECG_STORAGE), UID("1.2.3")
    dataset.Modality = "ECG"
    for name, value in elements.items():
        setattr(dataset, name, value)
    if groups:
        dataset.WaveformSequence = Sequence(groups)
    dataset.save_as(path, enforce_file_format=True)
    return path


def edf_signal(label, digital, per_record, unit="uV", physical=(-3276.8, 3276.7), limits=None):
    return {
        "label": label,
        "digital": np.asarray(digital),
        "per_record": per_record,
        "unit": unit,
        "physical": physical,
        "limits": limits or (-32768, 32767),
    }


def write_edf(path, signals, seconds=1, reserved="", patient="X X X X", bdf=False):
    """Write EDF, or BDF, by the letter of the specification."""
    n_records = len(signals[0]["digital"]) // signals[0]["per_record"]

    def text(value, width):
        return str(value).encode("latin-1").ljust(width)[:width]

    head = [b"\xffBIOSEMI" if bdf else text("0", 8), text(patient, 80)]
    head += [text("Startdate 02-MAR-2020 X X X", 80), text("02.03.20", 8), text("10.20.30", 8)]
    head += [text(256 * (1 + len(signals)), 8), text(reserved, 44), text(n_records, 8)]
    head += [text(seconds, 8), text(len(signals), 4)]
    fields = [
        (16, lambda s: s["label"]),
        (80, lambda s: ""),
        (8, lambda s: s["unit"]),
        (8, lambda s: s["physical"][0]),
        (8, lambda s: s["physical"][1]),
        (8, lambda s: s["limits"][0]),
        (8, lambda s: s["limits"][1]),
        (80, lambda s: ""),
        (8, lambda s: s["per_record"]),
        (32, lambda s: ""),
    ]
    head += [text(field(s), width) for width, field in fields for s in signals]
    size = 3 if bdf else 2
    for number in range(n_records):
        for signal in signals:
            part = signal["digital"][number * signal["per_record"] :][: signal["per_record"]]
            head += [int(v).to_bytes(size, "little", signed=True) for v in part]
    path.write_bytes(b"".join(head))
    return path


def muse_waveform(kind, digital, per_bit="4.88", units="MICROVOLTS", base=500, exponent=0):
    """`digital` is int16 samples by lead."""
    leads = []
    for lead, samples in digital.items():
        data = np.asarray(samples, "<i2").tobytes()
        unit = f"<LeadAmplitudeUnits>{units}</LeadAmplitudeUnits>" if units else ""
        leads.append(
            f"<LeadData><LeadByteCountTotal>{len(data)}</LeadByteCountTotal>"
            f"<LeadSampleCountTotal>{len(samples)}</LeadSampleCountTotal>"
            f"<LeadAmplitudeUnitsPerBit>{per_bit}</LeadAmplitudeUnitsPerBit>{unit}"
            f"<LeadSampleSize>2</LeadSampleSize><LeadID>{lead}</LeadID>"
            f"<LeadDataCRC32>{zlib.crc32(data)}</LeadDataCRC32>"
            f"<WaveFormData>{base64.b64encode(data).decode()}</WaveFormData></LeadData>"
        )
    return (
        f"<Waveform><WaveformType>{kind}</WaveformType><SampleBase>{base}</SampleBase>"
        f"<SampleExponent>{exponent}</SampleExponent>{''.join(leads)}</Waveform>"
    )


def write_muse(path, waveforms, before=""):
    path.write_text(
        f'<?xml version="1.0" encoding="ISO-8859-1"?>\n{before}<RestingECG>'
        "<PatientDemographics><PatientID>p7</PatientID><PatientAge>61</PatientAge>"
        "<AgeUnits>YEARS</AgeUnits><Gender>FEMALE</Gender></PatientDemographics>"
        "<TestDemographics><AcquisitionTime>10:20:30</AcquisitionTime>"
        f"<AcquisitionDate>03-02-2020</AcquisitionDate></TestDemographics>{''.join(waveforms)}"
        "</RestingECG>"
    )
    return path


def aecg_series(digits, scale="2.5", unit="uV", origin="0", increment="0.002", step="s"):
    """`digits` is integers by lead."""
    scale_unit = f' unit="{unit}"' if unit else ""
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}" '
        'codeSystem="2.16.840.1.113883.6.24"/><value xsi:type="SLIST_PQ">'
        f'<origin value="{origin}"{scale_unit}/><scale value="{scale}"{scale_unit}/>'
        f"<digits>{' '.join(map(str, samples))}</digits></value></sequence></component>"
        for lead, samples in digits.items()
    )
    return (
        '<component><sequenceSet><component><sequence><code code="TIME_ABSOLUTE"/>'
        '<value xsi:type="GLIST_TS"><head value="20200302102030.000"/>'
        f'<increment value="{increment}" unit="{step}"/></value></sequence></component>'
        f"{sequences}</sequenceSet></component>"
    )


def write_aecg(path, rhythm, beat=""):
    derived = (
        '<derivation><derivedSeries><code code="REPRESENTATIVE_BEAT" '
        f'codeSystem="2.16.840.1.113883.5.4"/>{beat}</derivedSeries></derivation>'
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="1.2"/>'
        '<component><series><id root="1.3"/><code code="RHYTHM"/>'
        f"{rhythm}{derived if beat else ''}</series></component></AnnotatedECG>"
    )
    return path


def write_philips(path, digital, resolution="5", rate=500, beat=None):
    """Write version 1.04 without compression; `digital` is int16 samples by lead."""
    n_samples = len(next(iter(digital.values())))
    data = base64.b64encode(np.array([*digital.values()], "<i2").tobytes()).decode()
    names = " ".join(digital)
    repeat = ""
    if beat:
        parts = "".join(
            f'<repbeat leadname="{lead}"><waveform duration="{1000 * len(s) // rate}">'
            f"{base64.b64encode(np.asarray(s, '<i2').tobytes()).decode()}</waveform></repbeat>"
            for lead, s in beat.items()
        )
        repeat = (
            f'<repbeats samplespersec="{rate}" resolution="{resolution}" dataencoding="Base64" '
            f'compression="Uncompressed">{parts}</repbeats>'
        )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<restingecgdata xmlns="http://www3.medical.philips.com">'
        "<documentinfo><documenttype>PhilipsECG</documenttype>"
        "<documentversion>1.04</documentversion></documentinfo><dataacquisition>"
        f"<signalcharacteristics><samplingrate>{rate}</samplingrate>"
        f"<resolution>{resolution}</resolution><numberchannelsvalid>{len(digital)}"
        f"</numberchannelsvalid></signalcharacteristics></dataacquisition><waveforms>{repeat}"
        f'<parsedwaveforms dataencoding="Base64" compression="Uncompressed" '
        f'durationperchannel="{1000 * n_samples // rate}" samplespersecond="{rate}" '
        f'resolution="{resolution}" numberofleads="{len(digital)}" leadlabels="{names}" '
        f'nbitspersample="16">{data}</parsedwaveforms></waveforms></restingecgdata>'
    )
    return path


_SCP_CODES = {"I": 1, "II": 2, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8, "III": 61}


def _crc(data):
    """CRC-CCITT, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _scp_section(number, body):
    body += b"\0" * (len(body) % 2)
    inner = struct.pack("<HIBB6s", number, 16 + len(body), 20, 20, b"SCPECG" if not number else b"")
    return struct.pack("<H", _crc(inner + body)) + inner + body


def write_scp(
    path, digital, nanovolts=5000, interval=2000, stated=None, beat=None, start=1, **flags
):
    """Write SCP-ECG without compression; `stated` is the number of samples in section 3.

    `flags` are ``bimodal`` and ``section``, the number of that with the rhythm strip.
    """
    first = next(iter(digital.values()))
    stated = stated or len(first)

    def leads(samples):
        sizes = b"".join(struct.pack("<H", 2 * len(s)) for s in samples.values())
        data = b"".join(np.asarray(s, "<i2").tobytes() for s in samples.values())
        bimodal = flags.get("bimodal", False)
        return struct.pack("<HHBB", nanovolts, interval, 0, bimodal) + sizes + data

    ids = b"".join(struct.pack("<IIB", start, stated, _SCP_CODES[lead]) for lead in digital)
    sections = {
        1: _scp_section(1, b"\x02\x03\x00p7\x00\xff\x00\x00"),
        3: _scp_section(3, bytes([len(digital), 4 | len(digital) << 3]) + ids),
    }
    if beat is not None:
        sections[4] = _scp_section(4, struct.pack("<HHH", len(beat["I"]) * interval // 1000, 1, 0))
        sections[5] = _scp_section(5, leads(beat))
    strip = flags.get("section", 6)
    sections[strip] = _scp_section(strip, leads(digital))
    n_pointers = 13
    place = 7 + 16 + 10 * n_pointers
    pointers = [struct.pack("<HII", 0, 16 + 10 * n_pointers, 7)]
    for number in range(1, n_pointers):
        section = sections.get(number, b"")
        pointers.append(struct.pack("<HII", number, len(section), place if section else 0))
        place += len(section)
    content = _scp_section(0, b"".join(pointers)) + b"".join(sections.values())
    sized = struct.pack("<I", 6 + len(content)) + content
    path.write_bytes(struct.pack("<H", _crc(sized)) + sized)
    return path


def make_digital(leads, n_samples, seed=0):
    """Return int16 samples by lead, each lead different."""
    rng = np.random.default_rng(seed)
    return {lead: rng.integers(-400, 400, n_samples).astype("<i2") for lead in leads}


EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def derive(millivolts):
    """Return twelve leads of eight, by Einthoven's and Goldberger's definitions."""
    one, two = millivolts["I"], millivolts["II"]
    limb = {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    return {**millivolts, **limb}
