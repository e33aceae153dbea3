"""What a network needs: memory of training and of inference, work, time on a device.

All of it is worked out from the graph, before anything runs: each operator says in its
entry of `recform/blocks` what it computes and what autograd keeps for it.
"""
