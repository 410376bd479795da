"""Datasets: where videos lie, their splits, labels and events.

One file an adapter. An adapter turns a raw folder and its settings into a `Listing`;
`manifest.py` adds what the files themselves say. A dataset's name means nothing here:
`params.yaml` maps names to adapters.
"""
