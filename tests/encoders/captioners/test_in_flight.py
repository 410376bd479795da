"""Batches under way: their number, their order, and what a failing one costs."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import pytest

from pipeline.encoders.captioners.in_flight import alike, captions
from pipeline.encoders.captioners.snippets import Snippets
from pipeline.engine import FatalError, SpoiledError
from pipeline.errors import UserError
from tests.encoders.pictures import jpeg, noise

Batch = tuple[str, list[int]]  # a video's id and numbers of snippets


def video(name: str, count: int) -> Snippets:
    return Snippets(name, range(count), range(1, count + 1), [[b""]] * count)


def in_twos(own: Snippets) -> list[list[int]]:
    return [list(range(len(own)))[first : first + 2] for first in range(0, len(own), 2)]


def text(name: str, numbers: Sequence[int]) -> list[str]:
    return [f"{name}{number}" for number in numbers]


class Server:
    """Begins batches and answers each only when its result is asked for, or it is told to."""

    def __init__(self, answers: Sequence[tuple[Batch, object]] = ()) -> None:
        self.begun: list[Batch] = []
        self.waiting: list[Batch] = []
        self.most = 0
        self.futures: list[Future[list[str]]] = []
        self.answers = {(name, tuple(own)): answer for (name, own), answer in answers}

    def __call__(self, own: Snippets, numbers: Sequence[int]) -> Future[list[str]]:
        server, batch = self, (own.video_id, list(numbers))

        class Answer(Future[list[str]]):
            def result(self, timeout: float | None = None) -> list[str]:
                if not self.done():
                    server.waiting.remove(batch)
                    answer = server.answers.get((batch[0], tuple(numbers)), text(*batch))
                    if isinstance(answer, Exception):
                        self.set_exception(answer)
                    else:
                        self.set_result(answer)
                return super().result(timeout)

        self.begun.append(batch)
        self.waiting.append(batch)
        self.most = max(self.most, len(self.waiting))
        self.futures.append(Answer())
        return self.futures[-1]


def run(
    videos: Sequence[Snippets], server: Server, ahead: int = 2
) -> list[tuple[int, list[str] | Exception]]:
    return list(captions(videos, in_twos, server, ahead=ahead))


def test_each_video_has_its_captions_in_order() -> None:
    videos = [video("a", 5), video("b", 1), video("c", 4)]
    assert run(videos, Server()) == [
        (i, text(v.video_id, range(len(v)))) for i, v in enumerate(videos)
    ]


def test_snippets_of_any_order_find_their_place() -> None:
    def odd_first(_: Snippets) -> list[list[int]]:
        return [[3, 1], [2, 0]]

    ((_, found),) = captions([video("a", 4)], odd_first, Server(), ahead=1)
    assert found == ["a0", "a1", "a2", "a3"]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_so_many_batches_are_under_way_across_videos_and_no_more(ahead: int) -> None:
    server = Server()
    run([video("a", 3), video("b", 3), video("c", 3)], server, ahead)
    assert server.most == ahead + 1
    assert len(server.begun) == 6


def test_videos_are_read_only_as_far_as_batches_are_begun() -> None:
    read = []

    def videos() -> Iterator[Snippets]:
        for name in "abcdef":
            read.append(name)
            yield video(name, 2)

    results = captions(videos(), in_twos, Server(), ahead=1)
    assert next(results) == (0, ["a0", "a1"])
    assert read == ["a", "b"]


def test_a_video_is_told_as_soon_as_it_is_whole() -> None:
    server = Server()
    results = captions([video("a", 2), video("b", 8)], in_twos, server, ahead=1)
    assert next(results)[0] == 0
    assert server.begun == [("a", [0, 1]), ("b", [0, 1])]


def test_a_failing_batch_costs_its_video_alone() -> None:
    error = ValueError("no answer")
    server = Server([(("b", [2, 3]), error)])
    found = run([video("a", 2), video("b", 6), video("c", 2)], server)
    assert found == [(0, ["a0", "a1"]), (1, error), (2, ["c0", "c1"])]


def test_a_failed_video_s_other_batches_are_not_waited_for() -> None:
    server = Server([(("a", [0, 1]), ValueError("no answer"))])
    found = run([video("a", 6), video("b", 2)], server)
    assert [position for position, _ in found] == [0, 1]
    begun = {
        f"{name}{numbers}": own
        for (name, numbers), own in zip(server.begun, server.futures, strict=True)
    }
    assert begun["a[2, 3]"].cancelled() and begun["a[4, 5]"].cancelled()


def test_a_failed_cut_costs_its_video_alone() -> None:
    def cut(own: Snippets) -> list[list[int]]:
        if own.video_id == "b":
            raise UserError("no JPEG")
        return in_twos(own)

    found = list(captions([video("a", 2), video("b", 2), video("c", 2)], cut, Server(), ahead=2))
    assert {position: type(value) for position, value in found} == {0: list, 1: UserError, 2: list}


def test_too_few_captions_are_an_error_of_the_video() -> None:
    server = Server([(("a", [0, 1]), ["only one"])])
    (_, error), (_, whole) = run([video("a", 4), video("b", 2)], server)
    assert isinstance(error, ValueError)
    assert "1 captions came back for 2 snippets" in str(error)
    assert whole == ["b0", "b1"]


@pytest.mark.parametrize("kind", [FatalError, SpoiledError])
def test_what_is_nobody_s_fault_ends_the_call_and_cancels_the_rest(kind: type[Exception]) -> None:
    server = Server([(("a", [0, 1]), kind("the disk is full"))])
    with pytest.raises(kind, match="disk is full"):
        run([video("a", 2), video("b", 6)], server)
    assert [own.cancelled() for own in server.futures] == [False, True, True]


def test_a_caller_that_stops_leaves_nothing_under_way() -> None:
    server = Server()
    results = captions([video("a", 2), video("b", 6)], in_twos, server, ahead=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert [own.cancelled() for own in server.futures] == [False, True, True]


def sized(*sizes: tuple[int, int]) -> Snippets:
    images = [[jpeg(noise(0, size))] * 2 for size in sizes]
    return Snippets("v", range(len(sizes)), range(1, len(sizes) + 1), images)


def test_batches_hold_snippets_of_one_frame_size() -> None:
    small, large = (40, 30), (64, 48)
    own = sized(small, large, small, small, large, small)
    assert alike(own, 2) == [[0, 2], [3, 5], [1, 4]]
    assert alike(own, 9) == [[0, 2, 3, 5], [1, 4]]


def test_turned_frames_and_wider_ones_are_of_another_size() -> None:
    assert alike(sized((40, 30), (30, 40), (64, 30), (40, 64)), 9) == [[0], [1], [2], [3]]


def test_a_frame_that_is_no_jpeg_is_named_with_its_video() -> None:
    own = Snippets("v7", [0], [1], [[b"GIF89a"]])
    with pytest.raises(UserError, match=r"v7: a sampled frame is no JPEG.*dvc repro -f decode"):
        alike(own, 4)
