"""The workers of a run on Ray: hiring, handing out work, and finding out what became of it."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engine.ray_worker import RemoteWorker, actor_class
from pipeline.engine.work import Backlog, FatalError, Outcome, died_in_set_up

TICK_S = 0.5  # between looks at time limits
LOOK_S = 2.0  # between looks at the cluster
AHEAD = 2  # work a worker holds: one under way, one that it can begin without asking
SET_UPS = 3  # workers in a row that may die while being set up
NO_NODES_S = 120.0  # a cluster without a single CPU (or GPU) for so long ends the run
# How long Ray may take to find that a node is lost, before a video is blamed for the death of its
# worker: when Ray says that the process died, and when it only lost contact to it.
SURE_S, UNSURE_S = 3.0, 30.0


@dataclass(frozen=True)
class Suspect:
    """Work whose worker died, until it is known whether its whole node did."""

    index: int
    node: str
    how: str
    until: float


class Crew:
    """The workers of a run, and what is known of their work."""

    def __init__(
        self,
        ray: Any,
        make: Callable[[], Callable[[Any], Any]],
        work: Sequence[Any],
        backlog: Backlog,
        *,
        most: int | None,
        lives: int | None,
        gpu: bool,
        label: str,
    ) -> None:
        """`most` workers at a time (None: as many as the cluster has room for), each of which is
        replaced after `lives` pieces of work (None: never).
        """
        self.ray, self.work, self.backlog = ray, work, backlog
        self.make, self.kind = ray.cloudpickle.dumps(make), actor_class(ray)
        self.most, self.lives, self.gpu, self.label = most, lives or sys.maxsize, gpu, label
        self.workers: list[RemoteWorker] = []
        self.suspects: list[Suspect] = []
        self.deaths_in_set_up = 0
        self.capacity = 0
        self.looked = float("-inf")
        self.had_nodes = time.monotonic()

    def outcomes(self) -> Iterator[Outcome]:
        """What the work comes to, until there is none left."""
        while len(self.backlog) or self.suspects or any(w.held for w in self.workers):
            self._look()
            self._hire()
            self._hand_out()
            for worker in self._with_news():
                yield from self._advance(worker)
            yield from self._late()
            yield from self._judged()

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.kill()
        self.workers = []

    def _look(self) -> None:
        """See how many workers the cluster has room for; raises `FatalError` when for none."""
        now = time.monotonic()
        if now - self.looked < LOOK_S:
            return
        kind = "GPU" if self.gpu else "CPU"
        self.looked, self.capacity = now, int(self.ray.cluster_resources().get(kind, 0))
        if self.capacity:
            self.had_nodes = now
        elif now - self.had_nodes > NO_NODES_S:
            raise FatalError(
                f"{self.label}: the Ray cluster has had no node with a {kind} for {NO_NODES_S:g} s "
                "(ray status shows its nodes); run again when it has: nothing computed is lost"
            )

    def _hire(self) -> None:
        """Ask for workers; those for which there is no room yet wait while others work."""
        needed = len(self.backlog) + sum(len(worker.held) for worker in self.workers)
        for _ in range(min(self.most or max(self.capacity, 1), needed) - len(self.workers)):
            self.workers.append(RemoteWorker(self.ray, self.kind, self.make, self.gpu))

    def _hand_out(self) -> None:
        """Give ready workers work, one more than they do unless others would go without."""
        for worker in [w for w in self.workers if w.handed >= self.lives and not w.held]:
            self._dismiss(worker)
        ready = [worker for worker in self.workers if worker.ready]
        for depth in range(AHEAD if len(self.backlog) > len(self.workers) else 1):
            for worker in ready:
                if len(self.backlog) and len(worker.held) <= depth and worker.handed < self.lives:
                    index = self.backlog.take()
                    worker.hand(index, self.work[index])

    def _with_news(self) -> list[RemoteWorker]:
        """Workers that got further, or died; waits for one for a moment."""
        busy = {worker.next: worker for worker in self.workers if worker.next is not None}
        if not busy:
            time.sleep(TICK_S)
            return []
        refs = list(busy)
        self.ray.wait(refs, num_returns=1, timeout=TICK_S)
        return [busy[ref] for ref in self.ray.wait(refs, num_returns=len(refs), timeout=0)[0]]

    def _advance(self, worker: RemoteWorker) -> Iterator[Outcome]:
        try:
            done = worker.advance()
        except self.ray.exceptions.RayError as error:
            self._lost(worker, error)
            return
        if done is not None:
            self.deaths_in_set_up = 0
            yield Outcome(*done)

    def _lost(self, worker: RemoteWorker, error: Exception) -> None:
        """A worker died, by its work or with its node; Ray may not know yet."""
        unsure = isinstance(error, self.ray.exceptions.ActorUnavailableError)
        nowhere = not worker.node or worker.node in self._nodes()  # it died before Ray placed it
        if worker.setting_up is not None and nowhere and not unsure:
            time.sleep(TICK_S)
            self.deaths_in_set_up += 1
            if self.deaths_in_set_up == SET_UPS:
                raise FatalError(died_in_set_up(self.label))
        if worker.held:
            index, _ = worker.held.popleft()
            until = time.monotonic() + (UNSURE_S if unsure else SURE_S)
            how = f"Ray: {type(error).__name__}"
            self.suspects.append(Suspect(index, worker.node, how, until))
        self._dismiss(worker)

    def _late(self) -> Iterator[Outcome]:
        """Stop work that took too long."""
        now = time.monotonic()
        for worker in [worker for worker in self.workers if worker.held]:
            index, result = worker.held[0]
            late = now - worker.since > self.backlog.limits[index]
            if late and not self.ray.wait([result], timeout=0)[0]:
                worker.held.popleft()
                self._dismiss(worker)
                yield self.backlog.too_long(index)

    def _judged(self) -> Iterator[Outcome]:
        """Give back work that was lost with its node; blame what killed its worker alone."""
        nodes = self._nodes() if self.suspects else set()
        for suspect in list(self.suspects):
            if suspect.node not in nodes:
                self.suspects.remove(suspect)
                self.backlog.give_back([suspect.index])
            elif time.monotonic() > suspect.until:
                self.suspects.remove(suspect)
                outcome = self.backlog.worker_died(suspect.index, suspect.how)
                if outcome is not None:
                    yield outcome

    def _nodes(self) -> set[str]:
        return {node["NodeID"] for node in self.ray.nodes() if node["Alive"]}

    def _dismiss(self, worker: RemoteWorker) -> None:
        """End a worker; what it has not begun is for others."""
        worker.kill()
        self.workers.remove(worker)
        self.backlog.give_back(index for index, _ in worker.held)
