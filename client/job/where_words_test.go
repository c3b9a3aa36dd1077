package job

import (
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestMistakesInWhere(t *testing.T) {
	for expr, want := range map[string][2]string{
		`lables.zone == "eu"`:                {`where, column 1: there is no name "lables"`, "did you mean labels?"},
		`os == linux`:                        {`column 7: there is no name "linux"`, "text is written in quotes; the names are id, name, role, os"},
		`memory > 4*GB`:                      {`column 12: there is no name "GB"`, "did you mean GiB?"},
		`name.startWith("a")`:                {`column 15: there is no name "startWith"`, "did you mean startsWith?"},
		`gpus.exists(g)`:                     {"column 12: exists is not used like that", "for example"},
		`labels.zone = "eu"`:                 {`column 13: "=" cannot stand here`, "== compares"},
		`os == "linux" and self`:             {`column 15: "and" cannot stand here`, "&& and || join"},
		`memory > 4GiB`:                      {`column 11: "GiB" cannot stand here`, "4*GiB is a size"},
		`self)`:                              {`column 5: ")" cannot stand here`, ""},
		`os == "linux`:                       {"column 7: a quote is not closed", ""},
		`cores >`:                            {"column 8: it ends where something should follow", ""},
		`(cores > 4`:                         {"column 11: ) is missing", ""},
		`cores > "4"`:                        {"column 7: > does not go with int and string", "text is written in quotes"},
		`!cores`:                             {"column 1: ! does not go with int", ""},
		`os.version == "x"`:                  {"column 3: a string has nothing behind a dot", ""},
		"os == \"linux\" &&\n lables.z == 1": {`line 2, column 2: there is no name "lables"`, "did you mean labels?"},
		`cores`:                              {"where is int, and should be true or false", "compare it"},
	} {
		_, err := compileWhere(expr)
		if api.KindOf(err) != api.KindInvalid || !strings.Contains(err.Error(), want[0]) || !strings.Contains(api.HintOf(err), want[1]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\nhint: %s", expr, err, api.HintOf(err))
		}
	}
}
