"""Training losses. One file a loss; none mixes snippets of two videos."""
