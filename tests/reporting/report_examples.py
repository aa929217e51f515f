"""Invented numbers and EEG for reports; the elements of a drawing."""

from xml.etree import ElementTree

import numpy as np

PLANTED = '"><script>alert(1)</script>\tsub-01'


def szcore(**numbers):
    return {"tp": 3, "fp": 1, "ref_true": 5, "n_subjects": {"f1": 2}} | numbers


def nedc(sensitivity, fa_per_24h):
    return {
        "tp": 3.0,
        "fp": 1.0,
        "fn": 2.0,
        "sensitivity": sensitivity,
        "precision": 0.75,
        "f1": 0.667,
        "fa_per_24h": fa_per_24h,
    }


def read_eeg(recording_id, start_s, stop_s):
    """A sine of 100 uV on each second electrode; O2 is absent."""
    time_s = start_s + np.arange(round((stop_s - start_s) * 64)) / 64
    eeg_uv = np.zeros((19, len(time_s)), np.float32)
    eeg_uv[::2] = 100 * np.sin(2 * np.pi * 3 * time_s)
    eeg_uv[15] = np.nan
    return eeg_uv


def elements(drawing, tag, css_class=""):
    root = ElementTree.fromstring(drawing)
    tagged = [each for each in root.iter() if each.tag.endswith("}" + tag)]
    return [each for each in tagged if css_class in each.get("class", "").split() or not css_class]


def texts(drawing):
    return [each.text for each in elements(drawing, "text")]
