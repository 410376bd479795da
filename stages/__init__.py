"""One thin program per stage of `dvc.yaml`: read params, call `pipeline`, write outputs."""
