"""Networks with timm's interface: image classifiers.

``plan`` reads what a head consists of, ``writer`` writes the class, ``levels`` its stages,
``head`` its head, ``row`` networks that are one row of modules; ``image_classifier`` is the
class that generated files hold.
"""
