"""Stage `transfer`: what heads trained on one dataset are worth on another."""

from functools import partial
from typing import Any

import torch

from pipeline import config, made_by, scoring, transfer, trials
from pipeline.devices import pick_device
from pipeline.errors import UserError
from stages import feature_tables, program
from stages.layout import PARAMS, Layout, write_json


def main(source: str, target: str) -> str:
    """Write `results/transfer/<source>.json` of the target; print the table."""
    params = config.load(PARAMS)
    layout, device = Layout(target), pick_device(params.runtime.device)
    brings = params.source(target).brings
    expected = made_by.features(params.clip, params.caption, params.text, brings)
    load = partial(feature_tables.videos_of, layout, params.features.modalities, expected)
    videos, encoders = feature_tables.load(layout, params.features.modalities, expected)
    test = videos.split("test")
    if not test.rows:
        raise UserError(f"{layout.manifest}: {scoring.NO_VIDEO} to transfer to")
    torch.set_num_threads(params.train.threads)
    own, foreign = (
        {(m, seed): Layout(name).model(m, seed) for m in params.models for seed in params.seeds}
        for name in (target, source)
    )
    for folder in transfer.trained(foreign).values():
        transfer.check_fits(folder, videos)
    # First: this checks the encoders.
    scored, at_source = scoring.score(foreign, test, device, encoders)
    trained, at_target = scoring.score(own, test, device, encoders)
    variants = [
        config.of_head(name, params.heads, params.features, params.train) for name in params.models
    ]
    wanted = transfer.trials(variants, foreign, videos, params.transfer.frozen)
    tried = trials.run(wanted, load, params.runtime, videos=videos)
    runs = [
        *transfer.named(trained, "trained on target"),
        *transfer.named([run for found in tried for run in found], "CORE frozen"),
        *transfer.named([run for run in scored if run.checkpoint == "last"], "no training"),
    ]
    without = transfer.reasons(variants, videos, at_source, at_target)
    result: dict[str, Any] = {
        "source": source,
        "target": target,
        "frozen": params.transfer.frozen,
        "n_test": len(test.rows),
        "rows": transfer.summary(runs, without, videos, params.evaluate),
    }
    write_json(layout.transfer(source), result)
    print(transfer.as_text(result))
    return f"{layout.transfer(source)}: {len(result['rows'])} rows"


if __name__ == "__main__":
    program.run(main, source=str, target=str)
