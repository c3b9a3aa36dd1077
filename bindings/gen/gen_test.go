package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestBindingsAreChecked(t *testing.T) {
	document, err := os.ReadFile("../../node/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the API says; run: go generate ./bindings/gen", name)
		}
	}
}

func TestWhatIsNotUnderstood(t *testing.T) {
	for name, document := range map[string]string{
		"no JSON":     `{`,
		"a type":      `{"components":{"schemas":{"A":{"properties":{"b":{"type":"null"}}}}}}`,
		"a list's":    `{"components":{"schemas":{"A":{"properties":{"b":{"type":"array","items":{}}}}}}}`,
		"a parameter": `{"paths":{"/a":{"get":{"operationId":"a","parameters":[{"name":"b","in":"query","schema":{}}]}}}}`,
		"an answer":   `{"paths":{"/a":{"get":{"operationId":"a","responses":{"200":{"content":{"application/x-ndjson":{"schema":{}}}}}}}}}`,
		"a body":      `{"paths":{"/a":{"get":{"operationId":"a","requestBody":{"content":{"application/json":{"schema":{}}}}}}}}`,
	} {
		if _, err := generate([]byte(document)); err == nil {
			t.Errorf("%s that makes no sense was read", name)
		}
	}
}
