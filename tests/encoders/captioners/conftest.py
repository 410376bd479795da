from collections.abc import Iterator

import pytest

from tests.encoders.captioners.serving import Running, serving


@pytest.fixture
def server() -> Iterator[Running]:
    """A server without a model: it answers with digests of what it is shown."""
    with serving("--plain") as running:
        yield running
