"""The network and its training: torch, numpy, pyarrow and safetensors, and nothing of the line around it."""
