"""Networks with timm's interface: image classifiers.

``plan`` reads what a head consists of; ``passes`` makes the class of that of the plain
network, with ``levels`` and ``row`` (for networks that are one row of modules) for its
levels, of the modules that ``units`` finds; ``image_classifier`` is the class that
generated files hold.
"""
