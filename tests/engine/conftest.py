"""A Ray cluster of several nodes in this machine."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

NODE = {"object_store_memory": 80_000_000}
# A node that vanishes is found within a second, not a quarter of a minute.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A head that computes nothing, to which tests add nodes; this process is connected to it."""
    pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
    from pipeline.engine.ray_cluster import library  # noqa: PLC0415

    ray = library()
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "_system_config": QUICK}
    try:
        started = Cluster(initialize_head=True, head_node_args=head | NODE)
    except Exception as error:  # Ray gives itself half a minute, which a busy machine may exceed
        if "timed out during startup" not in str(error):
            raise
        started = Cluster(initialize_head=True, head_node_args=head | NODE)
    try:
        ray.init(address=started.address, log_to_driver=False, logging_level=logging.ERROR)
        yield started
    finally:
        ray.shutdown()
        started.shutdown()
