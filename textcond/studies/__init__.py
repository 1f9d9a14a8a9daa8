"""The papers' tables and figures, measured again: `textcond study NAME`.

C18 and C19 are Dhamdhere, Sundararajan, Yan, "How Important Is a Neuron?" (arXiv 2018, ICLR
2019); L18 is Leino et al., "Influence-Directed Explanations for Deep Convolutional Networks"
(2018). Each module is one study: what it holds against what, and `run`.
"""

STUDIES = (
    *("ablation", "flip", "division", "negation", "questions", "selection", "experts"),
    *("removal", "axioms", "faithfulness", "images"),
)
ON_SENTENCES = tuple(name for name in STUDIES if name not in ("questions", "axioms", "images"))
"""Those that take SST, or rotten-tomatoes where it is not."""
