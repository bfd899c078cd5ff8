"""The table of exports: one line per kind of training file."""

from __future__ import annotations

from collections.abc import Mapping

from exports import other_formats, preference, probed, rlvr, sft, step_labels, step_preference, unpaired
from exports.base import Export

EXPORTS: Mapping[str, Export] = {
    entry.name: entry
    for entry in (
        sft.SFT,
        preference.PREFERENCE,
        rlvr.RLVR,
        step_labels.STEP_LABELS,
        step_preference.STEP_PREFERENCE,
        probed.CALIBRATION,
        probed.REVIEW,
        unpaired.UNPAIRED,
        other_formats.SHAREGPT,
        other_formats.ALPACA,
    )
}

DATASET = tuple(name for name, export in EXPORTS.items() if not export.on_request)
"""What a run leaves in its dataset folder."""
