"""The Ray cluster that a run uses: one that is there, or one of its own."""

import importlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.config import Runtime
from pipeline.engine.local import worker_count
from pipeline.engine.work import first_line
from pipeline.errors import UserError

ADDRESS = "RAY_ADDRESS"
CONNECT_S = 10.0
OBJECT_STORE_BYTES = 100_000_000  # what workers return is small; pieces go to the work store


def library() -> Any:
    """The `ray` module; raises `UserError` when it is not installed."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read on import: nothing is reported to anybody
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UserError(
            f"runtime.engine is ray, but Ray cannot be imported ({error}); "
            "install it (pip install -r requirements-ray.txt) or set runtime.engine: local"
        ) from error


@contextmanager
def connected(runtime: Runtime) -> Iterator[Any]:
    """Ray, connected to the cluster at `RAY_ADDRESS`, or to a new one of this machine.

    A cluster started here is shut down at the end, a connection made here is closed, and one that
    the program had already is left alone. Raises `UserError` when no cluster can be reached.
    """
    ray = library()
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get(ADDRESS) or "local"
    try:
        if address == "local":
            _start(ray, runtime, quiet)
        else:
            _check(address)
            ray.init(address=address, **quiet)
    except UserError:
        raise
    except Exception as error:  # Ray raises a plain one when it is slow to start
        told = first_line(error)
        if address == "local":
            ray.shutdown()  # what had been started
            raise UserError(f"Ray could not be started on this machine ({told})") from error
        raise UserError(
            f"no Ray cluster at {ADDRESS}={address} ({told}); "
            f"is it running (ray status)? Without {ADDRESS} a run starts Ray on this machine"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check(address: str) -> None:
    """Raise at once what Ray would say of an address after minutes."""
    if address.startswith("ray://"):
        raise UserError(
            f"{ADDRESS} is {address}, but a run cannot go through Ray's client: start it on a node "
            f"of the cluster, with {ADDRESS}=auto"
        )
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_S).close()


def _start(ray: Any, runtime: Runtime, quiet: dict[str, Any]) -> None:
    ray.init(
        address="local",
        num_cpus=worker_count(runtime),
        num_gpus=0 if runtime.device == "cpu" else None,  # None: as many as there are
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        **quiet,
    )
