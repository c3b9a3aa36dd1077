package config

// syncDir does nothing: Windows flushes a rename with the file.
func syncDir(string) error { return nil }
