"""Ray's GPUs, of which a node is only said to have some, and a cluster without nodes."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline import engine
from pipeline.engine import ray_crew
from pipeline.errors import UserError
from tests.engine.conftest import NODE
from tests.engine.trouble import Noting, make_trouble
from tests.runtime import RUNTIME

RAY = RUNTIME.model_copy(update={"engine": "ray", "device": "auto", "workers": None})


def test_each_gpu_has_one_worker_that_sees_no_other(cluster: Any, tmp_path: Path) -> None:
    node = cluster.add_node(num_cpus=2, num_gpus=2, **NODE)
    try:
        work = [str(number) for number in range(10)]
        make = partial(Noting, tmp_path, 0.5)
        outcomes = list(engine.run(make, work, RAY, label="test", gpu=True))
    finally:
        cluster.remove_node(node)
    seen = {outcome.value[1:] for outcome in outcomes}
    assert sorted(name for _, name in seen) == ["0", "1"]  # not recycled: recycle_after is 3


def test_a_cluster_without_nodes_ends_the_run_after_a_while(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_crew, "NO_NODES_S", 3.0)
    with pytest.raises(engine.FatalError, match="no node with a CPU for 3 s"):
        list(engine.run(make_trouble, ["a"], RAY, label="test", gpu=True))


def test_a_wanted_gpu_that_no_node_has_is_said_at_once(cluster: Any) -> None:
    cuda = RAY.model_copy(update={"device": "cuda"})
    with pytest.raises(UserError, match="the Ray cluster has no GPU"):
        list(engine.run(make_trouble, ["a"], cuda, label="test", gpu=True))
