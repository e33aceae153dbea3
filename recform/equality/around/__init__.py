"""What stands around the equations of two networks: the frame, starts, widths of tensors."""
