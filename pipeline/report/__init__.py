"""The page a person looks at: a dataset's results as one self-contained HTML file."""
