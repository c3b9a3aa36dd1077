package cli

import (
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestNamesThatAreNowhere(t *testing.T) {
	w := newWorld(t).serve()
	missing := func(what string) error { return api.Errorf(api.KindNotFound, "there is no %s", what) }
	w.answer("GET /v1/peers", somePeers()).answer("GET /v1/containers", []api.Container{{Name: "web"}}).
		answer("GET /v1/groups", []api.Group{{Name: "front", Containers: []string{"web"}}}).answer("GET /v1/groups/front", api.Group{Name: "front", Containers: []string{"web"}}).
		answer("/v1/groups/", missing("group")).answer("/v1/peers/", missing("peer")).answer("/v1/containers/", missing("container")).
		answer("POST /v1/forward", missing("container")).answer("POST /v1/mappings", missing("container"))
	for typed, hint := range map[string]string{"webs": "did you mean web?", "fornt": "did you mean front?", "alhpa": "did you mean alpha?", "nosuch": "p2prc peers and p2prc container ls list them"} {
		w.want(125, "", "no peer and no container of yours is called \""+typed+"\"\nhint: "+hint+"\nkind: not_found (exit code 125 is p2prc's, not the command's)\n", "ssh", "root@"+typed)
		w.want(12, "", "hint: "+hint, "map", "80", "--on", typed)
		w.want(12, "", "hint: "+hint, "forward", typed, "80")
	}
	w.want(125, "", "front is a group\nhint: name one of its containers: web", "ssh", "front")
	w.want(125, "", "there is no container\nkind: not_found", "ssh", "web") // it is there: what is not is something else
}
