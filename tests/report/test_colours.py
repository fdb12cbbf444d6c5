"""Colours of models: seen on white, told apart, and the same everywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.drawing.colours import (
    LOOKS,
    PALETTE,
    model_colours,
    model_markers,
)


def info(backend, checkpoint=None):
    return CalculatorInfo(f"{backend}:{checkpoint}", backend, checkpoint=checkpoint)


# linear rgb as a dichromat sees it: Machado, Oliveira and Fernandes, IEEE TVCG 15, 1291 (2009)
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.072175],
        [0.0193339, 0.119192, 0.9503041],
    ]
)


def to_linear(colour):
    c = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def to_lab(linear):
    x = XYZ @ np.clip(linear, 0, 1) / XYZ.sum(axis=1)
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_ruler_knows_black_and_white():
    assert to_lab(to_linear("#FFFFFF")) == pytest.approx([100, 0, 0], abs=1e-9)
    assert to_lab(to_linear("#FF0000")) == pytest.approx([53.24, 80.09, 67.2], abs=0.05)


@pytest.mark.parametrize("colour", PALETTE)
def test_a_line_is_seen_on_white(colour):
    luminance = to_linear(colour) @ XYZ[1]
    assert 1.05 / (luminance + 0.05) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_told_apart(sight):
    seen = [to_lab(SIGHTS[sight] @ to_linear(c)) for c in (*PALETTE, "#000000")]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    # the nearest, green and purple to a deuteranope, are Okabe and Ito's own, 17.9 apart; the
    # orange that this would be with less black in it is 4 from the vermillion
    assert nearest > 17.5


def test_a_model_has_its_colour_alone_and_beside_others():
    for backend, (colour, marker) in LOOKS.items():
        models = [info(b) for b in LOOKS if b != backend]
        alone = info(backend or "somebody")
        for at in range(len(models) + 1):
            beside = [*models[:at], alone, *models[at:]]
            assert model_colours(beside)[at] == colour
            assert model_markers(beside)[at] == marker
        assert model_colours([alone]) == (colour,)
        assert model_colours([alone, alone])[0] == colour


def test_two_checkpoints_of_one_backend_differ():
    two = [info("chgnet", "0.3.0"), info("chgnet", "0.2.0"), info("sevennet")]
    colours = model_colours(two)
    assert colours[0] == LOOKS["chgnet"][0]
    assert colours[2] == LOOKS["sevennet"][0]  # which an earlier chgnet does not take
    assert len(set(colours)) == len(set(model_markers(two))) == 3
    assert model_colours([info(None), info("ase"), info("rescaled")])[0] == LOOKS[""][0]
    assert model_colours([]) == model_markers([]) == ()


def test_however_many_models_no_two_look_alike():
    models = [info("chgnet")] * 14 + [info(b) for b in LOOKS]
    looks = list(zip(model_colours(models), model_markers(models), strict=True))
    assert len(set(looks)) == len(models)
