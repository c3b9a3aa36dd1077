package jobfile

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const wholeFile = `name: teapot
module: render.wasm
command: [render, --frame, "{frame}", scene.obj]
each:
  frame: 0001-0100
  light: [warm, 010, 1.50]
env: {QUALITY: high, N: 3}
stdin: |
  line one
  {frame}
inputs:
  - scene.obj
  - path: ../assets
    as: assets/{light}
outputs: ["frame-*.png", "{light}/**"]
needs:
  cpu: 1.5
  memory: 512MiB
  disk: 1073741824
  gpu: 1
timeout: 10m
limits: {cpu: 300s, output: 1MiB}
where: labels.zone == "eu"
on: [alpha, beta]
strategy: pin
retry: 2
max_fails: 10
restart: never
live: true
cwd: work
`

func TestParseWhole(t *testing.T) {
	j, err := Parse("job.yaml", "/dir", []byte(wholeFile))
	if err != nil {
		t.Fatal(err)
	}
	want := &Job{
		Dir: "/dir", Module: "render.wasm", On: []string{"alpha", "beta"},
		Inputs: []LocalInput{{"scene.obj", "scene.obj"}, {"../assets", "assets/{light}"}},
		Spec: api.JobSpec{
			Name: "teapot", Runtime: api.RuntimeWasm, Command: []string{"render", "--frame", "{frame}", "scene.obj"},
			Each: []api.Axis{{Name: "frame", From: 1, To: 100, Width: 4}, {Name: "light", Values: []string{"warm", "010", "1.50"}}},
			Env:  map[string]string{"QUALITY": "high", "N": "3"}, Stdin: "line one\n{frame}\n", Cwd: "work",
			Outputs: []string{"frame-*.png", "{light}/**"},
			Needs:   api.Resources{CPU: 1.5, Memory: 512 << 20, Disk: 1 << 30, GPU: 1},
			Limits:  api.TaskLimits{Wall: api.Duration(10 * time.Minute), CPU: api.Duration(5 * time.Minute), Output: 1 << 20},
			Where:   `labels.zone == "eu"`, Strategy: "pin", Retry: 2, MaxFails: 10, Restart: "never", Live: true,
		},
	}
	if !reflect.DeepEqual(j, want) {
		t.Errorf("\n got %+v\nwant %+v", j, want)
	}
	if n := Count(j.Spec.Each); n != 300 {
		t.Errorf("%d tasks", n)
	}
}

func TestCommandLine(t *testing.T) {
	for line, want := range map[string][]string{
		`echo a  b`: {"echo", "a", "b"}, `echo 'a b' "c \" d" e\ f ''`: {"echo", "a b", `c " d`, "e f", ""}, `sh -c 'a | b'`: {"sh", "-c", "a | b"},
	} {
		if got, err := splitWords(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`a | b`, `a > b`, `a 'b`, `a \`, `echo $HOME`} {
		if got, err := splitWords(line); err == nil {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func TestErrorsHaveTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, msg, hint string }{
		"typo":                {"comand: [x]\n", "job.yaml:1:1: unknown key comand", "did you mean command?"},
		"far from any":        {"command: [x]\nzebra: 1\n", "job.yaml:2:1: unknown key zebra", "known here: name"},
		"nested typo":         {"command: [x]\nneeds:\n  memroy: 1\n", "job.yaml:3:3: unknown key needs.memroy", "did you mean memory?"},
		"input typo":          {"command: [x]\ninputs:\n  - {pth: a}\n", "unknown key inputs[0].pth", "did you mean path?"},
		"wrong type":          {"command: [x]\nretry: often\n", "job.yaml:2:8: retry is text, want a number", ""},
		"fraction":            {"command: [x]\nretry: 1.5\n", "job.yaml:2:8: retry is 1.5, want a whole number", ""},
		"out of range":        {"command: [x]\nretry: 1000\n", "job.yaml:2:8: retry is 1000", ""},
		"list for text":       {"command: [x]\nname: [a]\n", "job.yaml:2:7: name is a list, want text", ""},
		"text for list":       {"command: [x]\noutputs: a.png\n", "job.yaml:2:10: outputs is text, want a list", "[a.png]"},
		"mapping for list":    {"command: [x]\noutputs:\n  a: b\n", "job.yaml:3:3: outputs is a mapping", ""},
		"no value":            {"command: [x]\nname:\n", "job.yaml:2:1: name has no value", "leave the key out"},
		"bool":                {"command: [x]\nlive: maybe\n", "job.yaml:2:7: live is text, want true or false", ""},
		"size":                {"command: [x]\nneeds: {memory: lots}\n", "job.yaml:2:17: needs.memory: \"lots\" is not a size", "like 512MiB"},
		"duration":            {"command: [x]\ntimeout: soon\n", "job.yaml:2:10: timeout: \"soon\" is not a duration", "like 90s"},
		"negative duration":   {"command: [x]\ntimeout: -5s\n", "negative", ""},
		"runtime":             {"command: [x]\nruntime: proces\n", "job.yaml:2:10: there is no runtime proces", "did you mean process?"},
		"network":             {"image: x\nnetwork: lan\n", "network is lan, want none or filtered or open", ""},
		"network of no image": {"command: [x]\nnetwork: open\n", "job.yaml:2:10: only a container can have a network", "image: NAME"},
		"strategy":            {"command: [x]\nstrategy: spred\n", "strategy is spred, want spread or pin", "did you mean spread?"},
		"unknown placeholder": {"command: [x, \"{frmae}\"]\neach: {frame: 1-3}\n", "job.yaml:1:14: unknown placeholder {frmae}", "did you mean frame?"},
		"placeholder in env":  {"command: [x]\nenv:\n  A: \"{b}\"\n", "job.yaml:3:6: unknown placeholder {b}", ""},
		"open brace":          {"command: [x, \"{\\\"a\\\": 1}\"]\n", "opens a placeholder that is none", "write {{ for a brace"},
		"empty array":         {"command: [x]\neach: {n: []}\n", "n has no values: the array is empty", ""},
		"empty each":          {"command: [x]\neach: {}\n", "each names no variable", ""},
		"long range":          {"command: [x]\neach:\n  n: 1-99999999999999999999\n", "job.yaml:3:6: each.n: range 1-99999999999999999999 has a number of more than 18 digits", "for a plain value"},
		"backward range":      {"command: [x]\neach:\n  n: 9-1\n", "job.yaml:3:6: each.n: range 9-1 is empty", "the smaller number"},
		"half a range":        {"command: [x]\neach:\n  n: 1-x\n", "job.yaml:3:6: each.n: 1-x is half a range", "for a plain value"},
		"half a step":         {"command: [x]\neach:\n  n: 1-10/-2\n", "1-10/-2 is half a range", "like 1-100"},
		"ten million":         {"command: [x]\neach:\n  n: 1-10000000\n", "job.yaml:3:3: n has 10000000 values, an array may have at most 1000000 tasks", "split it"},
		"product too large":   {"command: [x]\neach: {a: 1-10000, b: 1-10000}\n", "combinations make more than 1000000", "split it"},
		"axis name":           {"command: [x]\neach: {N: 1-3}\n", "\"N\" is not a variable's name", ""},
		"axis task":           {"command: [x]\neach: {task: 1-3}\n", "the name task is taken", ""},
		"missing @file":       {"command: [x]\neach: {n: \"@nowhere.txt\"}\n", "there is no file", ""},
		"list of lists":       {"command: [x]\neach: {n: [[1]]}\n", "each.n[0] is a list, want text", ""},
		"no command":          {"name: x\n", "there is nothing to run", "command:"},
		"empty":               {"\n# nothing\n", "the file is empty", ""},
		"a list":              {"- a\n", "job.yaml:1:1: the file is a list, want a mapping", ""},
		"two documents":       {"command: [x]\n---\ncommand: [y]\n", "job.yaml:3:1: a second document", ""},
		"twice":               {"command: [x]\nname: a\nname: b\n", "job.yaml:3:1: not YAML: ", ""},
		"not yaml":            {"command: [x\nname: a\n", "not YAML", ""},
		"tab":                 {"needs:\n\tcpu: 1\n", "not YAML", ""},
		"alias":               {"command: &a [x]\nname: *a\n", "anchor", ""},
		"binary":              {"\xff\xfe", "not UTF-8", ""},
		"output escapes":      {"command: [x]\noutputs: [../a]\n", "job.yaml:2:11: output ../a leaves the task's directory", ""},
		"output absolute":     {"command: [x]\noutputs: [/etc/passwd]\n", "leaves the task's directory", ""},
		"output bad pattern":  {"command: [x]\noutputs: [\"[a\"]\n", "output [a is not a pattern", ""},
		"input escapes":       {"command: [x]\ninputs: [{path: a, as: ../b}]\n", "input ../b leaves the task's directory", ""},
		"input is all":        {"command: [x]\ninputs: [.]\n", "input . has no name of its own", "as: work"},
		"inputs collide":      {"command: [x]\ninputs: [a/x, {path: b/x, as: a/x}]\n", "a/x and b/x would both be a/x", ""},
		"cwd escapes":         {"command: [x]\ncwd: /tmp\n", "job.yaml:2:6: /tmp leaves", ""},
		"cwd placeholder":     {"command: [x]\ncwd: \"{task}\"\n", "cwd takes no placeholders", ""},
		"env name":            {"command: [x]\nenv: {\"A=B\": c}\n", "cannot be an environment variable", ""},
		"shell":               {"command: a | b\n", "there is no shell", "sh, -c"},
		"module and image":    {"module: a.wasm\nimage: b\n", "both module and image", ""},
		"wasm without module": {"command: [x]\nruntime: wasm\n", "runtime wasm needs a module", ""},
		"module in process":   {"module: a.wasm\nruntime: process\n", "a module runs in wasm", ""},
		"two timeouts":        {"command: [x]\ntimeout: 5s\nlimits: {wall: 5s}\n", "job.yaml:3:16: timeout and limits.wall are the same", ""},
		"two stdins":          {"command: [x]\nstdin: a\nstdin_file: b\n", "both stdin and stdin_file", ""},
	} {
		_, err := Parse("job.yaml", t.TempDir(), []byte(c.text))
		var je *Error
		if !errors.As(err, &je) || api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.HasPrefix(err.Error(), "job.yaml:") || !strings.Contains(err.Error(), c.msg) || !strings.Contains(api.HintOf(err), c.hint) {
			t.Errorf("%s:\n got %v (%s)\nwant %s (%s)", name, err, api.HintOf(err), c.msg, c.hint)
		}
	}
}

func TestExcerpt(t *testing.T) {
	_, err := Parse("job.yaml", ".", []byte("name: x\ncommand: [a]\nneeds: {memroy: 1}\n"))
	var je *Error
	if !errors.As(err, &je) {
		t.Fatal(err)
	}
	want := "   3 | needs: {memroy: 1}\n     |         ^"
	if je.Excerpt != want {
		t.Errorf("got\n%s\nwant\n%s", je.Excerpt, want)
	}
	long := "name: " + strings.Repeat("x", 500) + "\nretry: " + strings.Repeat(" ", 300) + "often\n"
	if _, err = Parse("job.yaml", ".", []byte(long)); !errors.As(err, &je) {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(je.Excerpt, "\n") {
		if len(line) > 110 {
			t.Errorf("excerpt of %d columns", len(line))
		}
	}
	lines := strings.Split(je.Excerpt, "\n")
	if i := strings.IndexByte(lines[1], '^'); i < 0 || i >= len(lines[0]) || lines[0][i] != 'o' {
		t.Errorf("the caret is beside it:\n%s", je.Excerpt)
	}
}

func TestParseAxis(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte("one\r\n\ntwo words\n1-x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "none"), []byte("\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for in, c := range map[string]struct {
		want api.Axis
		n    int64
	}{
		"1-100":           {api.Axis{Name: "n", From: 1, To: 100}, 100},
		"0001-0100":       {api.Axis{Name: "n", From: 1, To: 100, Width: 4}, 100},
		"0-99":            {api.Axis{Name: "n", From: 0, To: 99}, 100},
		"08-12":           {api.Axis{Name: "n", From: 8, To: 12, Width: 2}, 5},
		"1-100/5":         {api.Axis{Name: "n", From: 1, To: 100, Step: 5}, 20},
		"-5-5":            {api.Axis{Name: "n", From: -5, To: 5}, 11},
		"7-7":             {api.Axis{Name: "n", From: 7, To: 7}, 1},
		"a":               {api.Axis{Name: "n", Values: []string{"a"}}, 1},
		"5":               {api.Axis{Name: "n", Values: []string{"5"}}, 1},
		"a,b,,c":          {api.Axis{Name: "n", Values: []string{"a", "b", "", "c"}}, 4},
		"a-1,b-2":         {api.Axis{Name: "n", Values: []string{"a-1", "b-2"}}, 2},
		"2024-01,2024-02": {api.Axis{Name: "n", Values: []string{"2024-01", "2024-02"}}, 2},
		"2024-01-05":      {api.Axis{Name: "n", Values: []string{"2024-01-05"}}, 1},
		"@list":           {api.Axis{Name: "n", Values: []string{"one", "two words", "1-x"}}, 3},
	} {
		got, err := ParseAxis("n", in, dir)
		if err != nil || !reflect.DeepEqual(got, c.want) || count(got) != c.n {
			t.Errorf("%s: %+v (%d), %v", in, got, count(got), err)
		}
	}
	for _, in := range []string{"", "5-1", "1-9/0", "@none", "@nowhere", "@.", "1-3,7", "1-x", "1-", "1-10 ", "1-10/", "1-10/-2"} {
		if got, err := ParseAxis("n", in, dir); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
	big := api.Axis{From: -999_999_999_999_999_999, To: 999_999_999_999_999_999}
	if n := Count([]api.Axis{big, big}); n != math.MaxInt64 {
		t.Errorf("%d", n)
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "b:c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for in, want := range map[string]LocalInput{
		"a.txt": {"a.txt", "a.txt"}, "b:c": {"b:c", "b:c"}, "x:y": {"x", "y"}, "/abs/file": {"/abs/file", "file"}, "../up": {"../up", "up"},
		"./sub/../a.txt": {"./sub/../a.txt", "a.txt"}, ".": {".", "."}, ".:work": {".", "work"},
	} {
		if got := ParseInput(in, dir); got != want {
			t.Errorf("%s: %+v", in, got)
		}
	}
	if _, err := ParseEach("frame", dir); api.KindOf(err) != api.KindUsage {
		t.Error(err)
	}
	if _, err := ParseEach("frame=3-1", dir); api.KindOf(err) != api.KindUsage || api.HintOf(err) == "" {
		t.Error(err)
	}
	env, err := ParseEnv([]string{"A=b=c", "HERE", "EMPTY="}, func(k string) string { return "from-" + k })
	if err != nil || !reflect.DeepEqual(env, map[string]string{"A": "b=c", "HERE": "from-HERE", "EMPTY": ""}) {
		t.Errorf("%v, %v", env, err)
	}
	if _, err := ParseEnv([]string{"=x"}, nil); api.KindOf(err) != api.KindUsage {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml"), "job.yaml"); api.KindOf(err) != api.KindNotFound {
		t.Error(err)
	}
	if _, err := Load(dir, "job.yaml"); api.KindOf(err) != api.KindInvalid {
		t.Error(err)
	}
	file := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(file, []byte("module: m.wasm\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Load(file, "job.yaml")
	if err != nil || j.Abs(j.Module) != filepath.Join(dir, "m.wasm") || !slices.Equal(j.Spec.Command, []string{"m.wasm"}) {
		t.Errorf("%+v, %v", j, err)
	}
	if err := os.Truncate(file, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, "job.yaml"); api.KindOf(err) != api.KindTooLarge {
		t.Error(err)
	}
}

func TestSchemaIsTheOneInDocs(t *testing.T) {
	got, err := os.ReadFile("../docs/job.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(Schema()) {
		t.Error("docs/job.schema.json is not what jobfile.Schema makes: run go generate ./jobfile")
	}
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(got, &s); err != nil {
		t.Fatal(err)
	}
	for key := range s.Properties {
		if !strings.Contains(wholeFile, "\n"+key+":") && !strings.HasPrefix(wholeFile, key) && key != "runtime" && key != "image" && key != "network" && key != "stdin_file" {
			t.Errorf("the whole example lacks %s", key)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(wholeFile))
	f.Add([]byte("command: [x]\neach: {n: 1-3}"))
	f.Add([]byte("? a\n: b"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := Parse("f", dir, text)
		if err != nil {
			var je *Error
			if errors.As(err, &je) && (je.Line < 1 || je.Col < 1) {
				t.Errorf("%v has no place", err)
			}
			return
		}
		if n := Count(j.Spec.Each); n < 1 || n > api.MaxTasks {
			t.Errorf("%d tasks", n)
		}
	})
}
