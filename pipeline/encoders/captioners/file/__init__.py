"""`file`: captions that the user already has, aligned to snippets by overlap."""

from pipeline.encoders.captioners.file.captioner import VERSION, FileCaptioner, identity
from pipeline.encoders.captioners.file.videos import check_numbers, digest, read_given

__all__ = ["VERSION", "FileCaptioner", "check_numbers", "digest", "identity", "read_given"]
