"""The errors that a user or a client can cause.

    TextcondError
    ├── TextError           a text that cannot be read as words
    ├── PatternError        a pattern that is not in the text
    ├── QuantityError       a target or an output that the model does not have
    ├── CorpusError         labelled text that is missing or broken
    ├── VectorsError        word vectors that are missing or broken
    ├── ModelError          a trained model that is missing, damaged or not ours
    ├── TrainingError       a training run that cannot start or go on
    ├── AnalysisError       a corpus analysis that is missing, broken or of something else
    ├── ClusterError        a cluster that is not there, or cannot do what is asked
    └── StudyError          a study that there is not, or whose parts are missing

Each message is one line that names what is wrong and what to do about it. The command
line prints it and exits with code 2.
"""


class TextcondError(Exception):
    """Something the caller can mend; the message says how."""


class TextError(TextcondError):
    """The text is empty, too long, or holds characters that are not text."""


class PatternError(TextcondError):
    """The pattern does not occur in the text."""


class QuantityError(TextcondError):
    """The model has no such target or output."""


class CorpusError(TextcondError):
    """Labelled text is missing, truncated or out of range."""


class VectorsError(TextcondError):
    """Word vectors are missing or broken."""


class ModelError(TextcondError):
    """A model is missing, damaged, of another shape, or not a textcond model."""


class TrainingError(TextcondError):
    """A training run cannot start or cannot go on."""


class AnalysisError(TextcondError):
    """A corpus analysis is missing, stopped, damaged, or of another model or corpus."""


class ClusterError(TextcondError):
    """There is no such cluster, or its workers cannot do what is asked."""


class StudyError(TextcondError):
    """There is no such study, or a package that it needs is missing."""
