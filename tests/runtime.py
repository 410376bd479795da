"""Settings of `runtime:` for tests: two workers of this machine, three seconds a video."""

from pipeline.config import Runtime

RUNTIME = Runtime(
    engine="local",
    workers=2,
    device="cpu",
    batch_size=8,
    compile=False,
    timeout_s=3.0,
    recycle_after=3,
    max_failed_share=1.0,
    store="unused",
)
