"""`params.yaml` as validated, typed settings.

An unknown key, a wrong type or an impossible combination is a `UserError` that names the
key and its line, before any work. The comments beside each key in `params.yaml` say what it does;
the classes here say what it may be.
"""

from pipeline.config.captions import (
    Caption,
    CaptionColumns,
    CaptionRuntime,
    ClipText,
    EndpointCaption,
    FileCaption,
    InternVideoCaption,
    OtherText,
    Prompted,
    RulesCaption,
    SentenceTransformersText,
    TextFeatures,
    TransformersCaption,
    TransformersText,
)
from pipeline.config.demo import DEMO_CATEGORIES, Demo
from pipeline.config.encoders import Clip, Decode, Features
from pipeline.config.heads import (
    BaseHead,
    Category,
    Core,
    Gmm,
    Heads,
    Mil,
    Motar,
    RefineVadHead,
    Scorer,
    head_settings,
)
from pipeline.config.loading import load
from pipeline.config.params import Crossvalidate, Evaluate, Params, Report, Runtime, Tsne
from pipeline.config.section import Section
from pipeline.config.sources import (
    FeatureColumns,
    FeaturesSource,
    FolderColumns,
    FolderSource,
    Modality,
    Source,
    TableSource,
    UcfCrimeSource,
    XdViolenceSource,
)
from pipeline.config.training import Train
from pipeline.config.variants import Ablation, Row, Variant, modalities_of, of_head, of_row

__all__ = [
    "DEMO_CATEGORIES",
    "Ablation",
    "BaseHead",
    "Caption",
    "CaptionColumns",
    "CaptionRuntime",
    "Category",
    "Clip",
    "ClipText",
    "Core",
    "Crossvalidate",
    "Decode",
    "Demo",
    "EndpointCaption",
    "Evaluate",
    "FeatureColumns",
    "Features",
    "FeaturesSource",
    "FileCaption",
    "FolderColumns",
    "FolderSource",
    "Gmm",
    "Heads",
    "InternVideoCaption",
    "Mil",
    "Modality",
    "Motar",
    "OtherText",
    "Params",
    "Prompted",
    "RefineVadHead",
    "Report",
    "Row",
    "RulesCaption",
    "Runtime",
    "Scorer",
    "Section",
    "SentenceTransformersText",
    "Source",
    "TableSource",
    "TextFeatures",
    "Train",
    "TransformersCaption",
    "TransformersText",
    "Tsne",
    "UcfCrimeSource",
    "Variant",
    "XdViolenceSource",
    "head_settings",
    "load",
    "modalities_of",
    "of_head",
    "of_row",
]
