package node

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write generated files anew")

func TestOpenAPIIsChecked(t *testing.T) {
	now, err := generateOpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", now, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(now, openAPI) {
		t.Error("openapi.json is not what the route table says; run: go generate ./node")
	}
}
