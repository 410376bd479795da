"""Captions by a vision-language model that transformers knows by itself."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from pipeline.config import Runtime, TransformersCaption
from pipeline.encoders import pinned
from pipeline.encoders.captioners.in_flight import alike, captions
from pipeline.encoders.captioners.snippets import Snippets

VERSION = 1  # raise when captions change for the same settings and frames
AHEAD = 2  # batches that are prepared while one generates


def identity(settings: TransformersCaption) -> dict[str, Any]:
    """What decides the captions beside the code.

    Not the versions of torch and transformers: captions of a dataset take days, and another GPU
    changes as much of a greedy answer in bf16 as another version does.
    """
    asked = settings.model_dump(exclude={"backend", "model", "revision"})
    return {"model": pinned.identity(settings.model, settings.revision)} | asked


def together(runtime: Runtime) -> int:
    """Videos at a time: many on a GPU, which then never waits between two of them."""
    from pipeline.devices import videos_together  # noqa: PLC0415  (imports torch)

    return videos_together(runtime)


class NativeCaptioner:
    """Captions by greedy generation, batches of snippets at a time.

    One thread prepares batches (JPEGs to the model's inputs), one generates: while a batch
    generates, the next are being prepared.
    """

    def __init__(self, settings: TransformersCaption, runtime: Runtime) -> None:
        # Here and not above: torch and transformers take seconds, and `rules` needs neither.
        from pipeline.devices import pick_device  # noqa: PLC0415
        from pipeline.encoders.captioners.native.answering import Answering  # noqa: PLC0415
        from pipeline.encoders.captioners.native.asking import Asking  # noqa: PLC0415

        self.asking = Asking(settings)
        self.answering = Answering(
            settings,
            self.asking,
            device=pick_device(runtime.device),
            batch_size=runtime.captions.batch_size,
        )

    def __call__(self, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str] | Exception]]:
        """See `snippets.Captioner`."""
        preparing = ThreadPoolExecutor(1, "preparing")
        generating = ThreadPoolExecutor(1, "generating")
        try:
            submit = partial(self._submit, preparing, generating)
            yield from captions(videos, self._cut, submit, ahead=AHEAD)
        finally:
            for pool in (preparing, generating):
                pool.shutdown(cancel_futures=True)

    def _cut(self, video: Snippets) -> list[list[int]]:
        return alike(video, self.answering.batch_size)

    def _submit(
        self,
        preparing: ThreadPoolExecutor,
        generating: ThreadPoolExecutor,
        video: Snippets,
        numbers: Sequence[int],
    ) -> Future[list[str]]:
        snippets = [video.images[number] for number in numbers]
        inputs = preparing.submit(self.asking, snippets)
        return generating.submit(self.answering, snippets, inputs)
