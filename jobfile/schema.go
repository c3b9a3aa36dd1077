package jobfile

import "encoding/json"

// schema is a JSON schema or a part of one.
type schema map[string]any

var (
	textShape   = schema{"type": "string"}
	numberShape = schema{"type": "number", "minimum": 0}
	boolShape   = schema{"type": "boolean"}
	scalarShape = schema{"type": []string{"string", "number", "boolean"}}
	textList    = arrayOf(scalarShape)
	scalarList  = schema{"type": "array", "items": scalarShape, "minItems": 1}
)

func arrayOf(item schema) schema    { return schema{"type": "array", "items": item} }
func mapOf(value schema) schema     { return schema{"type": "object", "additionalProperties": value} }
func anyOf(shapes ...schema) schema { return schema{"anyOf": shapes} }
func oneOf(words ...string) schema  { return schema{"type": "string", "enum": words} }
func wholeShape(lo, hi int) schema  { return schema{"type": "integer", "minimum": lo, "maximum": hi} }

func object(fields []field) schema {
	props := schema{}
	for _, f := range fields {
		p := schema{"description": f.doc}
		for k, v := range f.shape {
			p[k] = v
		}
		props[f.key] = p
	}
	return schema{"type": "object", "properties": props, "additionalProperties": false}
}

// Schema is the JSON schema of a job file, for editors: made from the table
// that reads it.
func Schema() []byte {
	s := object(fileFields)
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "p2prc job file"
	s["anyOf"] = []schema{{"required": []string{"command"}}, {"required": []string{"module"}}, {"required": []string{"image"}}}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers always marshal
	}
	return append(b, '\n')
}
