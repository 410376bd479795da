"""Times and memory of heads and encoders on this machine: never twice the same."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch

from pipeline.config import EndpointCaption, FileCaption, RulesCaption
from pipeline.efficiency import machine, measuring, towers
from pipeline.efficiency.costs import Encoders, Entry, Subject, units_a_video
from pipeline.encoders.tower import CPU_BATCH

WRITES = "it takes as long as its answers; `python -m benchmarks.captions` measures"
SERVER = "it waits for a server"
THERE = "the captions were there already"
NO_FRAMES = "no usable video has sampled frames"

# By device: measurements, one for each number at a time.
Measured = dict[str, list[Entry]]


def measured(
    subject: Subject, *, device: torch.device, threads: int, videos: int, encoded: int
) -> Entry:
    """Of each head and encoder, alone and together, on the CPU and on `device` if that is a GPU.

    Heads use `threads` threads on a CPU and take 1 and `videos` videos at a time; encoders keep
    to one thread, as in their stages, and on a GPU take up to `encoded` frames or captions.
    """
    about = machine.describe(device)
    devices = list(dict.fromkeys(["cpu", device.type]))
    heads = {}
    for name, settings in subject.heads.items():
        make = partial(towers.head, name, subject.layout, subject.features, settings)
        heads[name] = _on_each(make, dict.fromkeys(devices, videos), 1, subject, threads)
    encoders: dict[str, Measured] = {}
    if subject.encoders is not None:
        encoders = _encoders(subject, subject.encoders, devices, encoded)
    together = {name: _together(own, encoders, devices) for name, own in heads.items()}
    return {"machine": about, "heads": heads, "encoders": encoders, "with_encoders": together}


def _encoders(
    subject: Subject, encoders: Encoders, devices: Iterable[str], encoded: int
) -> dict[str, Measured]:
    modalities, found = subject.layout.widths, {}
    if "image" in modalities:
        make: measuring.Make = partial(towers.image_tower, encoders.tower)
        frames = units_a_video(subject, "frame")
        most = dict.fromkeys(devices, encoded) | {"cpu": CPU_BATCH}
        found["image"] = _on_each(make, most, frames, subject)
    if "text" in modalities:
        found["caption"] = {"cpu": _rated(_captioner(encoders), 1, subject)}
        make = partial(towers.text_tower, encoders.text, encoders.tower)
        captions = units_a_video(subject, "caption")
        most = dict.fromkeys(devices, encoded) | {"cpu": 1}
        found["text"] = _on_each(make, most, captions, subject)
    return found


def _on_each(
    make: measuring.Make,
    most: Mapping[str, int],
    per_video: int,
    subject: Subject,
    threads: int = 1,
) -> Measured:
    """On each device, one at a time and as many as `most` says."""
    return {
        where: _rated(
            measuring.apart(make, sorted({1, largest}), where, threads), per_video, subject
        )
        for where, largest in most.items()
    }


def _captioner(encoders: Encoders) -> list[Entry]:
    """The captioner of one video at a time, where it can be timed."""
    caption = encoders.caption
    if isinstance(caption, RulesCaption) and encoders.frames is not None:
        return measuring.apart(partial(towers.rule_captions, encoders.frames), [1], "cpu", 1)
    reasons = {RulesCaption: NO_FRAMES, FileCaption: THERE, EndpointCaption: SERVER}
    return [{"at_a_time": 1, "not_measured": reasons.get(type(caption), WRITES)}]


def _rated(entries: list[Entry], per_video: int, subject: Subject) -> list[Entry]:
    """With what `seconds` of `at_a_time` units come to for videos of `per_video` units."""
    for entry in entries:
        if "seconds" in entry:
            entry["seconds_per_video"] = entry["seconds"] / entry["at_a_time"] * per_video
            entry["videos_per_second"] = 1 / entry["seconds_per_video"]
            entry["snippets_per_second"] = subject.layout.n_snippets / entry["seconds_per_video"]
    return entries


def _together(
    head: Measured, encoders: Mapping[str, Measured], devices: Iterable[str]
) -> dict[str, Entry]:
    """Encoders and head one after another, as the stages run, each at its fastest on the device.

    What is not computed on a GPU counts with its time on the CPU. Memory is the most that any of
    them needs on the device. `without`: those of which no time is known.
    """
    found = {}
    for where in devices:
        chosen = {name: _fastest(own.get(where, own["cpu"])) for name, own in encoders.items()}
        chosen["head"] = _fastest(head[where])
        known = [entry for entry in chosen.values() if entry is not None]
        memory = [
            entry["memory"]
            for own in (head, *encoders.values())
            if (entry := _fastest(own.get(where, []))) and entry["memory"] is not None
        ]
        found[where] = {
            "seconds_per_video": sum(entry["seconds_per_video"] for entry in known) or None,
            "memory": max(memory, default=None),
            "without": [name for name, entry in chosen.items() if entry is None],
        }
    return found


def _fastest(entries: Iterable[Entry]) -> dict[str, Any] | None:
    timed = [entry for entry in entries if "seconds" in entry]
    return min(timed, key=lambda entry: entry["seconds_per_video"], default=None)
