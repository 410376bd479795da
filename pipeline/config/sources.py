"""Where a dataset comes from: one class an adapter of `pipeline.datasets`."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.section import Count, Name, Positive, Section

Fraction = Annotated[float, Field(gt=0, lt=1)]
Modality = Literal["image", "text"]


class AnySource(Section):
    """What every source has.

    `validation_share`: of the training videos, stratified by category, drawn by hash of the id.
    """

    validation_share: Fraction | None = None

    @property
    def brings(self) -> tuple[Modality, ...]:
        """The modalities whose features come with the dataset; none: they are computed."""
        return ()


class UcfCrimeSource(AnySource):
    """UCF-Crime's folders and list files; `categories` defaults to the official 13."""

    adapter: Literal["ucf_crime"]
    categories: list[Name] | None = None


XdCode = Literal["A", "B1", "B2", "B4", "B5", "B6", "G"]


class XdViolenceSource(AnySource):
    """XD-Violence: label codes in the file names, test events in `annotations.txt`.

    `test_folders`: names of folders whose videos are the test split. `test_list`: a text file below
    the raw folder, one test video a line, for a flat folder. `labels`: codes by video id
    where the file name has none or a wrong one.
    """

    adapter: Literal["xd_violence"]
    test_folders: list[str] = Field(default=["videos"])
    test_list: str | None = None
    labels: dict[str, Annotated[list[XdCode], Field(min_length=1)]] = Field(default={})


class FolderColumns(Section):
    """What a user's own table calls each column.

    `events` are in frames, `events_seconds` in seconds; videos of one `group` (a camera, a source
    video) stay on one side of a drawn split.
    """

    path: str = "path"
    split: str = "split"
    categories: str = "categories"
    events: str = "events"
    events_seconds: str = "events_seconds"
    group: str | None = None


class TableSource(AnySource):
    """A table of videos in the raw folder.

    `normal` is the category that means normal; `test_share` draws a test split where the table has
    none.
    """

    table: str = "videos.csv"
    columns: FolderColumns = FolderColumns()
    normal: str = "Normal"
    test_share: Fraction | None = None


class FolderSource(TableSource):
    """A user's own videos, listed in a CSV file."""

    adapter: Literal["folder"]


class FeatureColumns(FolderColumns):
    """`FolderColumns`, the video's frames and rate, and a Parquet table's snippet and feature.

    `path` names each video's file of features; in a Parquet table it is the video's id.
    """

    n_frames: str = "n_frames"
    fps: str = "fps"
    snippet: str = "snippet"
    feature: str = "feature"


class FeaturesSource(TableSource):
    """Features that the user already has, in place of videos.

    `table` is a CSV file of videos, each with a `.npy` or `.npz` file, or one Parquet table with a
    row a feature. `folders`: by modality, the folder below the raw folder that `path` is relative
    to. `array` is the name within an `.npz` file (null: its only one). `crops_axis` is averaged
    over. `frames_per_feature` gives the video's frames where there is no column `n_frames`; `fps`
    its rate where there is no column `fps`.
    """

    adapter: Literal["features"]
    columns: FeatureColumns = FeatureColumns()
    folders: Annotated[dict[Modality, str], Field(min_length=1, default={"image": "."})]
    array: str | None = None
    crops_axis: Annotated[int, Field(ge=0, le=2)] | None = None
    frames_per_feature: Count | None = None
    fps: Positive = 30.0

    @property
    def brings(self) -> tuple[Modality, ...]:
        """The modalities whose features come with the dataset."""
        return tuple(self.folders)


Source = Annotated[
    UcfCrimeSource | XdViolenceSource | FolderSource | FeaturesSource,
    Field(discriminator="adapter"),
]
