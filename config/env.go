package config

import (
	"fmt"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// EnvVar is an environment variable that stands above a key of config.json.
type EnvVar struct {
	Name string
	Key  string // as Set takes it
}

// EnvVars lists them.
func EnvVars() []EnvVar {
	return []EnvVar{
		{"P2PRC_NAME", "name"},
		{"P2PRC_PORT", "listen.port"},
		{"P2PRC_HOSTS", "listen.hosts"},
		{"P2PRC_MDNS", "mdns"},
		{"P2PRC_ROOT_NODES", "root_nodes"},
		{"P2PRC_BLOB_QUOTA", "blob_quota"},
		{"P2PRC_LOG_LEVEL", "log_level"},
		{"P2PRC_LEND", "lend.enabled"},
	}
}

// withEnv is c with what the environment says, validated.
func (c Config) withEnv(getenv func(string) string) (Config, error) {
	var used []string
	for _, v := range EnvVars() {
		text := getenv(v.Name)
		if text == "" {
			continue
		}
		used = append(used, v.Name)
		if err := c.Set(v.Key, text); err != nil {
			return c, api.Errorf(api.KindInvalid, "environment variable %s: %w", v.Name, err).WithHint("%s", api.HintOf(err))
		}
	}
	if err := c.Validate(); err != nil {
		return c, api.Errorf(api.KindInvalid, "with %s from the environment: %w", strings.Join(used, ", "), err).WithHint("%s", api.HintOf(err))
	}
	return c, nil
}

// String is a line of help.
func (v EnvVar) String() string { return fmt.Sprintf("%-18s %s", v.Name, v.Key) }
