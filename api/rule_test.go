package api

import (
	"strings"
	"testing"
)

const somebody = "12D3KooWBroLWZWCSHULTD4Xv72zpnNs3K2J16YRsBMJMP3enhjP"

func TestRuleCheck(t *testing.T) {
	for _, r := range []Rule{
		{Subject: somebody, Action: ActionForward, Resource: "port:5432"},
		{Subject: "role:member", Action: ActionForward, Resource: "port:8000-8010"},
		{Subject: "role:member", Action: ActionMap, Resource: "port:8000-8010"},
		{Subject: somebody, Action: ActionMap, Resource: "listen:8000-8999"},
		{Subject: somebody, Action: ActionMap, Resource: "domain:app.example.org"},
		{Subject: somebody, Action: ActionMap, Resource: "domain:*.example.org"},
		{Subject: somebody, Action: ActionMap, Resource: "domain:*"},
		{Subject: "*", Action: "*", Resource: "host:nas.lan:*"},
		{Subject: "*", Action: ActionForward, Resource: "host:[2001:db8::1]:443"},
		{Subject: "*", Action: ActionNetwork, Resource: "network:filtered"},
		{Subject: "*", Action: ActionRun, Resource: "runtime:wasm"},
		{Subject: "*", Action: ActionPull, Resource: "image:debian"},
		{Subject: "*", Action: ActionPull, Resource: "image:127.0.0.1:5000/team/*"},
		{Subject: "*", Action: ActionPull, Resource: "image:*"},
		{Subject: "*", Action: "*", Resource: "*"},
	} {
		if err := r.Check(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for words, r := range map[string]Rule{
		`"MP3enhjP" is not a subject`:             {Subject: "MP3enhjP", Action: ActionRun, Resource: "*"}, // the id as lists show it
		`unknown role "owner"`:                    {Subject: "role:owner", Action: ActionRun, Resource: "*"},
		`"fly" is not an action`:                  {Subject: "*", Action: "fly", Resource: "*"},
		`"port:0" is not a resource`:              {Subject: "*", Action: ActionForward, Resource: "port:0"},
		`"port:9-8" is not`:                       {Subject: "*", Action: ActionForward, Resource: "port:9-8"},
		`"port:70000" is not`:                     {Subject: "*", Action: ActionForward, Resource: "port:70000"},
		`"port:" is not`:                          {Subject: "*", Action: ActionForward, Resource: "port:"},
		`"host::80" is not`:                       {Subject: "*", Action: ActionForward, Resource: "host::80"},
		`"host:NAS:80" is not`:                    {Subject: "*", Action: ActionForward, Resource: "host:NAS:80"},                 // names are compared in lower case
		`"image:docker.io/library/debian" is not`: {Subject: "*", Action: ActionPull, Resource: "image:docker.io/library/debian"}, // it would decide nothing
		`"image:deb*" is not`:                     {Subject: "*", Action: ActionPull, Resource: "image:deb*"},
		`action run cannot be on port:`:           {Subject: "*", Action: ActionRun, Resource: "port:80"},
		`action forward cannot be on l`:           {Subject: "*", Action: ActionForward, Resource: "listen:80"},
		`"domain:App.example.org" is not a`:       {Subject: "*", Action: ActionMap, Resource: "domain:App.example.org"},
		`"domain:a.*.org" is not a resource`:      {Subject: "*", Action: ActionMap, Resource: "domain:a.*.org"},
		`"domain:*example.org" is not a r`:        {Subject: "*", Action: ActionMap, Resource: "domain:*example.org"},
		`action forward cannot be on d`:           {Subject: "*", Action: ActionForward, Resource: "domain:a.org"},
		`"listen:x" is not a resource`:            {Subject: "*", Action: ActionMap, Resource: "listen:x"},
		`action forward cannot be on r`:           {Subject: "*", Action: ActionForward, Resource: "runtime:wasm"},
		`action run cannot be on netwo`:           {Subject: "*", Action: ActionRun, Resource: "network:open"},
	} {
		err := r.Check()
		if err == nil || err.Kind != KindInvalid || !strings.Contains(err.Msg, words) || err.Hint == "" {
			t.Errorf("%+v: %v, want %q and a hint", r, err, words)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{"*", "port:1", true}, {"port:80", PortResource(80), true}, {"port:80", PortResource(81), false},
		{"port:80-90", PortResource(80), true}, {"port:80-90", PortResource(90), true}, {"port:80-90", PortResource(91), false},
		{"port:*", PortResource(65535), true}, {"port:*", HostResource("nas", 80), false}, {"host:nas:*", PortResource(80), false},
		{"listen:80-90", ListenResource(85), true}, {"port:80", ListenResource(80), false}, {"listen:80", PortResource(80), false},
		{"host:nas:80", HostResource("NAS", 80), true}, {"host:nas:80", HostResource("nas2", 80), false},
		{"host:[::1]:80", HostResource("::1", 80), true}, {"runtime:wasm", "runtime:docker", false},
		{"domain:a.org", DomainResource("a.org"), true}, {"domain:a.org", DomainResource("b.a.org"), false}, {"domain:*.a.org", DomainResource("c.b.a.org"), true},
		{"domain:*.a.org", DomainResource("a.org"), false}, {"domain:*.a.org", DomainResource("ba.org"), false}, {"domain:*", DomainResource("a.org"), true},
		{"domain:*", ListenResource(80), false}, {"listen:*", DomainResource("a.org"), false}, {"*", DomainResource("a.org"), true},
		{"image:debian", ImageResource("debian"), true}, {"image:debian", ImageResource("debian:12"), true}, {"image:debian", ImageResource("debian@sha256:0"), true},
		{"image:debian:latest", ImageResource("debian"), true}, {"image:debian:12", ImageResource("debian"), false}, {"image:debian", ImageResource("debian/x"), false},
		{"image:debian", ImageResource("debian:5000/x"), false}, {"image:debian", ImageResource("debianx"), false}, {"image:a.b/c/*", ImageResource("a.b/c/d/e:1"), true},
		{"image:a.b/c/*", ImageResource("a.b/cd"), false}, {"image:*", ImageResource("x"), true}, {"image:*", "runtime:wasm", false}, {"*", ImageResource("x"), true},
	} {
		if got := Covers(c.pattern, c.resource); got != c.want {
			t.Errorf("%s covers %s: %v", c.pattern, c.resource, got)
		}
	}
}
