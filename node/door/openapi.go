package door

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Document is the OpenAPI 3.1 document of rows, indented.
func Document(rows []Row, version string) ([]byte, error) {
	config := humaConfig(version)
	config.OpenAPI.Info.Description = "The API of a P2PRC node. x-audience says behind which doors a route stands: " +
		"the owner's unix socket (p2prc.sock in the home), the peers' libp2p stream /p2prc/api/1, or both. " +
		"Errors are application/problem+json. Streams are NDJSON."
	config.OpenAPI.Servers = []*huma.Server{{URL: "http://p2prc", Description: "curl --unix-socket ~/.p2prc/p2prc.sock http://p2prc/v1/status"}}
	config.OpenAPI.Components.Schemas = newRegistry()
	h := humago.New(http.NewServeMux(), config)
	for _, row := range rows {
		row.Handler.register(h, row.operation())
	}
	delete(config.OpenAPI.Components.Schemas.Map(), "ErrorModel") // huma's own errors never leave the house
	delete(config.OpenAPI.Components.Schemas.Map(), "ErrorDetail")
	b, err := json.Marshal(h.OpenAPI())
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// humaConfig is the same for every door: JSON only, no documents of its own,
// the house's errors.
func humaConfig(version string) huma.Config {
	return huma.Config{
		OpenAPI:       &huma.OpenAPI{OpenAPI: "3.1.0", Info: &huma.Info{Title: "P2PRC", Version: version}, Components: &huma.Components{}},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{oneProblem},
	}
}

func newRegistry() huma.Registry {
	return huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
}

func schemaOf[T any](h huma.API) *huma.Schema {
	return h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// documented adds the answer every route may give: a problem.
func documented(h huma.API, op huma.Operation) huma.Operation {
	responses := map[string]*huma.Response{}
	for status, r := range op.Responses {
		responses[status] = r
	}
	responses["default"] = &huma.Response{Description: "an error", Content: map[string]*huma.MediaType{
		problemType: {Schema: schemaOf[api.Problem](h)},
	}}
	op.Responses = responses
	return op
}
