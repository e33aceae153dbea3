"""Networks of formula files as models of timm.

>>> import recform.timm, timm
>>> recform.timm.register("resnet18_s.rf")
('rf_resnet18s',)
>>> model = timm.create_model("rf_resnet18s", num_classes=10, features_only=True)

timm is imported when a network is registered; recform itself does without.
"""

from recform.timm.registry import register

__all__ = ["register"]
