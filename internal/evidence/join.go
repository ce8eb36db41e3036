package evidence

// join makes connections of what the hosts' witnesses wrote down.
func join(*Run) {}
