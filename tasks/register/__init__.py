"""Register is two things: `package` is a cached step; publishing, the gate and the aliases are decided each time."""
