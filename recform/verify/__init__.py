"""What is claimed of a formula, held against a module that runs: emitted, or in a file.

:mod:`whole` is asked. The analysis is held against a :mod:`twin` of the formula
(:mod:`checks`, :mod:`linear`, with :mod:`matrices` for words), the emitted code against
the equations of the whole network (:mod:`emitted`, :mod:`naive`), and what goes on by
:mod:`positions` against a pass at once. All compare
:mod:`passes`: of a module, and of equations that :mod:`evaluate` computes one by one.
:mod:`modules` and :mod:`sizes` make what is quickly run, :mod:`trials` says how often
and how close. A generated file (:mod:`files`) runs in a process :mod:`apart`, the
:mod:`worker`, that only writes down what it can :mod:`observe`; :mod:`judge` compares.
"""
