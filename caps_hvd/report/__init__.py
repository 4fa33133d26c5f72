"""What is written and drawn about runs; plain data in, files out, no TensorFlow."""
