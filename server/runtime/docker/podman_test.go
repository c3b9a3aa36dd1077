package docker

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
)

// A rootless podman 4.3.1 on control groups of version 1 says by docker's API that it
// holds guests to limits, and lets them take what there is; what it says by its own
// is believed. The answers are those it gave, shortened.
func TestPodmanThatHoldsNothing(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "sock")
	ln, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	controllers := `[]`
	mux := http.NewServeMux()
	say := func(path string, body func() string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Api-Version", "1.41")
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body()) // the client finds out
		})
	}
	say("/_ping", func() string { return "OK" })
	say("/v1.41/info", func() string {
		return `{"MemoryLimit":true,"SwapLimit":true,"PidsLimit":true,"CpuCfsQuota":true,"CgroupDriver":"cgroupfs","CgroupVersion":"1","SecurityOptions":["name=seccomp,profile=default"],"DefaultRuntime":"runc","ServerVersion":"4.3.1","OSType":"linux","Architecture":"amd64","Rootless":true}`
	})
	say("/v4.0.0/libpod/info", func() string {
		return `{"host":{"arch":"amd64","cgroupManager":"cgroupfs","cgroupVersion":"v1","cgroupControllers":` + controllers + `,"security":{"rootless":true}}}`
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.Listener.Close()
	srv.Listener = ln
	srv.Start()
	defer srv.Close()
	e, err := New(Config{Host: "unix://" + sock, Agent: []string{"true"}, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	info, err := NewRuntime(e).Probe(t.Context())
	if err != nil || info.Available || len(info.Missing) != 1 || !strings.Contains(info.Missing[0], "cannot be held to their memory") || !strings.Contains(info.Missing[0], "systemd.unified_cgroup_hierarchy=1") {
		t.Errorf("%+v, %v", info, err)
	}
	controllers = `["cpu","memory","pids"]`
	if pod, err := e.podman(t.Context()); err != nil || boundless(system.Info{}, pod) != "" {
		t.Errorf("with the controllers: %+v, %v", pod, err)
	}
}

// Podman 4.3.1 lists the volumes that have any of the labels asked for; a node takes only
// its own away.
func TestPodmanListsOthersVolumes(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "sock")
	ln, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{
		"ours":             {LabelNode: "us", LabelKind: KindTask},
		"theirs":           {LabelNode: "them", LabelKind: KindTask},
		"of our container": {LabelNode: "us", LabelKind: KindContainer},
	}
	var removed []string
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.HandleFunc("GET /v1.41/containers/json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
	mux.HandleFunc("GET /v1.41/volumes", func(w http.ResponseWriter, req *http.Request) {
		var filters struct{ Label map[string]bool }
		if err := json.Unmarshal([]byte(req.FormValue("filters")), &filters); err != nil {
			t.Error(err)
		}
		var found struct{ Volumes []volume.Volume }
		for name, labels := range all {
			for k, v := range labels {
				if filters.Label[k+"="+v] {
					found.Volumes = append(found.Volumes, volume.Volume{Name: name, Labels: labels})
					break
				}
			}
		}
		_ = json.NewEncoder(w).Encode(found) // the client finds out
	})
	mux.HandleFunc("DELETE /v1.41/volumes/{name}", func(w http.ResponseWriter, req *http.Request) {
		removed = append(removed, req.PathValue("name"))
		w.WriteHeader(http.StatusNoContent)
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.Listener.Close()
	srv.Listener = ln
	srv.Start()
	defer srv.Close()
	e, err := New(Config{Host: "unix://" + sock, Node: "us", Agent: []string{"true"}, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := NewRuntime(e).sweep(t.Context()); err != nil || !slices.Equal(removed, []string{"ours"}) {
		t.Errorf("removed %q, %v", removed, err)
	}
}

func TestBoundless(t *testing.T) {
	if why := boundless(system.Info{MemoryLimit: true, CgroupVersion: "1"}, nil); why != "" {
		t.Errorf("docker of root: %s", why)
	}
	if why := boundless(system.Info{CgroupDriver: "none", CgroupVersion: "2"}, nil); !strings.Contains(why, "Delegate=memory") {
		t.Errorf("rootless docker without delegated controllers: %q", why)
	}
}
