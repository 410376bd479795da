"""The costs as tables of text, for the terminal and for the page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.efficiency.quantities import UNKNOWN, memory, operations, rate, seconds, whole

COUNTED = ("Parameters", "FLOPs a unit", "Units a video", "FLOPs a video")
TIMED = ("Device", "At a time", "Time a video", "Videos/s", "Snippets/s", "Peak memory")
TRAINING_ONLY = "in training only"
TOGETHER = "Heads with encoders"
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A line; `part` belongs to the line above it, `remark` says what the cells leave open."""

    name: str
    cells: tuple[str, ...]
    remark: str = ""
    part: bool = False


@dataclass(frozen=True)
class Group:
    """Lines that may be compared with one another, and one sentence on what they are."""

    title: str
    meaning: str
    rows: list[Row]


def counted(counts: Entry) -> list[Group]:
    """Parameters and operations; columns `COUNTED`."""
    groups = [
        Group(
            "Heads",
            "Scoring the features of one video. The parameters include what serves a training "
            "loss alone.",
            [row for name, head in counts["heads"].items() for row in _head(name, head)],
        ),
        Group(
            "Encoders",
            "As the settings name them; frozen.",
            [_encoder(*named) for named in counts["encoders"].items()],
        ),
        Group(
            TOGETHER,
            "All that runs to score a new video, without what serves training alone.",
            [_together(*named) for named in counts["with_encoders"].items()],
        ),
        Group(
            "For comparison: the paper's encoders",
            "Counted from their configuration, without weights and whatever the settings name.",
            [_encoder(*named) for named in counts["reference"].items()],
        ),
    ]
    shown = {group.title for group in groups if group.rows}
    if not counts["encoders"]:
        shown -= {TOGETHER}
    return [group for group in groups if group.title in shown]


def _head(name: str, head: Entry) -> Iterator[Row]:
    sizes, spent = head["parameters"], head["flops"]
    per_video = operations(spent["per_video"])
    frozen = sizes["total"] - sizes["trainable"]
    remark = f"{whole(frozen)} parameters are not trained" if frozen else ""
    yield Row(name, (whole(sizes["total"]), UNKNOWN, UNKNOWN, per_video), remark)
    for part, size in sizes["parts"].items():
        unused, own = part in sizes["training_only_parts"], spent["parts"].get(part, 0)
        cells = (whole(size), UNKNOWN, UNKNOWN, UNKNOWN if unused else operations(own))
        if size or own:
            yield Row(part, cells, TRAINING_ONLY if unused else "", part=True)


def _encoder(name: str, count: Entry) -> Row:
    spent, per_video = count["flops"], count["per_video"]
    cells = (
        whole(count["parameters"]),
        operations(spent),
        f"{per_video:,} {count['unit']}s",
        operations(None if spent is None else spent * per_video),
    )
    return Row(f"{name}: {count['model']}", cells, count["remark"])


def _together(name: str, total: Entry) -> Row:
    spent = operations(total["flops"])
    cells = (whole(total["parameters"]), UNKNOWN, UNKNOWN, spent)
    return Row(name, cells, _without(total))


def _without(total: Entry) -> str:
    return f"without {', '.join(total['without'])}" if total["without"] else ""


def timed(measured: Entry) -> list[Group]:
    """Times and memory; columns `TIMED`."""
    gpu = measured["machine"]["gpu"] or "GPU"
    heads = [
        row for name, own in measured["heads"].items() for row in _timed(name, own, "video", gpu)
    ]
    units = {"image": "frame", "caption": "video", "text": "caption"}
    encoders = [
        row
        for name, own in measured["encoders"].items()
        for row in _timed(name, own, units[name], gpu)
    ]
    groups = [
        Group("Heads", "Features in memory to scores.", heads),
        Group(
            "Encoders",
            "The model alone, on input that is prepared (captions as long as above); the "
            "captioner with reading the frames' JPEGs.",
            encoders,
        ),
    ]
    if encoders:
        rows = [
            Row(name, _sum_cells(total, _device(where, None, gpu)), _without(total))
            for name, own in measured["with_encoders"].items()
            for where, total in own.items()
        ]
        meaning = "One after another, each at its fastest above; memory: the most that one needs."
        groups.append(Group(TOGETHER, meaning, rows))
    return [group for group in groups if group.rows]


def _timed(name: str, by_device: Entry, unit: str, gpu: str) -> Iterator[Row]:
    for where, entries in by_device.items():
        for entry in entries:
            number = f"{entry['at_a_time']:,} {unit}{'s' if entry['at_a_time'] > 1 else ''}"
            device = _device(where, entry.get("threads"), gpu)
            if "not_measured" in entry:
                cells = (device, number, *[UNKNOWN] * 4)
                yield Row(name, cells, f"not measured: {entry['not_measured']}")
                continue
            yield Row(
                name,
                (
                    device,
                    number,
                    seconds(entry["seconds_per_video"]),
                    rate(entry["videos_per_second"]),
                    rate(entry["snippets_per_second"]),
                    memory(entry["memory"]),
                ),
            )


def _sum_cells(total: Entry, device: str) -> tuple[str, ...]:
    spent = total["seconds_per_video"]
    speed = rate(1 / spent if spent else None)
    return (device, UNKNOWN, seconds(spent), speed, UNKNOWN, memory(total["memory"]))


def _device(where: str, threads: int | None, gpu: str) -> str:
    if where != "cpu":
        return gpu
    return "CPU" if threads is None else f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def on_video(video: Entry) -> str:
    """What a video is here, as a sentence."""
    widths = " and ".join(f"{width} of {name}" for name, width in video["widths"].items())
    return (
        f"A video has {video['snippets']} snippets of {video['frames_per_snippet']} frames; its "
        f"features {widths}; {video['categories']} categories."
    )


def on_machine(machine: Entry) -> str:
    """What the times belong to, as a sentence."""
    gpu = machine["gpu"] or "no GPU used"
    return (
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']} before; {gpu}; "
        f"torch {machine['torch']}, Python {machine['python']}, {machine['system']}."
    )


def as_text(costs: Entry) -> str:
    """Both tables for a terminal."""
    counts, measured = costs["counts"], costs["measured"]
    said = [on_video(counts["video"]), counts["convention"], counts["note"]]
    lines = [*filter(None, said), ""]
    lines += [*_table(COUNTED, counted(counts)), "", on_machine(measured["machine"]), ""]
    return "\n".join([*lines, *_table(TIMED, timed(measured))])


def _table(columns: tuple[str, ...], groups: list[Group]) -> list[str]:
    """Lines of equal columns, names to the left and all else to the right."""
    rows = [row for group in groups for row in group.rows]
    names = [f"  {'  ' * row.part}{row.name}" for row in rows]
    first = max(map(len, names))
    widths = [
        max(map(len, column)) for column in zip(columns, *(r.cells for r in rows), strict=True)
    ]

    def line(name: str, cells: tuple[str, ...], remark: str = "") -> str:
        padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join([name.ljust(first), *padded, remark]).rstrip()

    lines = [line("", columns)]
    left = iter(names)
    for group in groups:
        lines.append(group.title)
        lines += [line(next(left), row.cells, row.remark) for row in group.rows]
    return lines
