"""What a caption table's captions are like, so that a captioner that is silently broken is seen."""

from pipeline.caption_quality.summary import as_text, of_table, summary

__all__ = ["as_text", "of_table", "summary"]
