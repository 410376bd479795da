"""What heads and encoders cost: parameters, operations, time, memory."""
