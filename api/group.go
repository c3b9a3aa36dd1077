package api

// Group is a named set of this node's containers.
type Group struct {
	Name       string   `json:"name" maxLength:"63" pattern:"^[a-z0-9][a-z0-9._-]*$" patternDescription:"lower-case letters, digits, dots, dashes and underscores, a letter or a digit first" doc:"no group and no container has it already"`
	Containers []string `json:"containers" maxItems:"500" doc:"names; one that ends leaves"`
}

// GroupChange names containers that join a group or leave it.
type GroupChange struct {
	Containers []string `json:"containers" minItems:"1" maxItems:"500" doc:"names or ids"`
}
