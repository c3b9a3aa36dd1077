package jobfile

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

var rangeRE = regexp.MustCompile(`^(-?\d+)-(-?\d+)(?:/(\d+))?$`)

// halfRE matches what begins as a range and does not end as one. A date goes on after
// its second dash.
var halfRE = regexp.MustCompile(`^-?\d+-(?:[^-,]*|\d+/[^,]*)$`)

// maxDigits is how long a range's numbers may be, the sign included: their
// difference then fits an int64.
const maxDigits = 18

// maxList is the longest file of values that is read, in bytes.
const maxList = 256 << 20

// ParseAxis reads the values of an array's variable as flags and job files
// write them: 1-100, 0001-0100 (zero-padded), 1-100/5 (a step), a,b,c, or @file
// with one value a line, empty lines left out; file is below dir.
func ParseAxis(name, text, dir string) (api.Axis, error) {
	axis := api.Axis{Name: name}
	switch m := rangeRE.FindStringSubmatch(text); {
	case m != nil:
		return rangeAxis(axis, text, m)
	case strings.HasPrefix(text, "@"):
		values, err := readLines(text[1:], dir)
		axis.Values = values
		return axis, err
	case text == "":
		return axis, api.Errorf(api.KindInvalid, "there are no values").WithHint("like 1-100, a,b,c or @file")
	case halfRE.MatchString(text):
		return axis, api.Errorf(api.KindInvalid, "%s is half a range", text).WithHint("a range is like 1-100 or 1-100/5; for a plain value use a job file's list, or @file with one value a line")
	}
	axis.Values = strings.Split(text, ",")
	for _, v := range axis.Values {
		if m := rangeRE.FindStringSubmatch(v); m != nil && len(axis.Values) > 1 {
			if a, err := rangeAxis(api.Axis{}, v, m); err == nil && count(a) > 0 {
				return axis, api.Errorf(api.KindInvalid, "range %s stands among single values", v).WithHint("put one value a line into a file and give @file")
			}
		}
	}
	return axis, nil
}

func rangeAxis(axis api.Axis, text string, m []string) (api.Axis, error) {
	var err error
	if max(len(m[1]), len(m[2]), len(m[3])) > maxDigits {
		return axis, api.Errorf(api.KindInvalid, "range %s has a number of more than %d digits", text, maxDigits).WithHint("for a plain value use a job file's list")
	}
	if axis.From, err = strconv.ParseInt(m[1], 10, 64); err == nil {
		axis.To, err = strconv.ParseInt(m[2], 10, 64)
	}
	if err == nil && m[3] != "" {
		axis.Step, err = strconv.ParseInt(m[3], 10, 64)
	}
	if err != nil {
		return axis, api.Errorf(api.KindInvalid, "%s is not a range", text)
	}
	if m[3] != "" && axis.Step == 0 {
		return axis, api.Errorf(api.KindInvalid, "range %s has a step of 0", text)
	}
	if padded(m[1]) || padded(m[2]) {
		axis.Width = max(len(m[1]), len(m[2]))
	}
	if axis.From > axis.To {
		return axis, api.Errorf(api.KindInvalid, "range %s is empty", text).WithHint("the smaller number goes first; for a plain value use a job file's list")
	}
	return axis, nil
}

func padded(digits string) bool {
	digits = strings.TrimPrefix(digits, "-")
	return len(digits) > 1 && digits[0] == '0'
}

func readLines(file, dir string) ([]string, error) {
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, api.Errorf(api.KindNotFound, "there is no file %s", path)
	case err != nil:
		return nil, api.Errorf(api.KindInternal, "%w", err)
	case !st.Mode().IsRegular():
		return nil, api.Errorf(api.KindInvalid, "%s is not a file", path)
	case st.Size() > maxList:
		return nil, api.Errorf(api.KindTooLarge, "%s is larger than %d MiB", path, maxList>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	if !utf8.Valid(text) {
		return nil, api.Errorf(api.KindInvalid, "%s is not UTF-8 text", path)
	}
	var values []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			values = append(values, line)
		}
	}
	if len(values) == 0 {
		return nil, api.Errorf(api.KindInvalid, "%s has no lines", path).WithHint("one value a line")
	}
	return values, nil
}

// count is how many values an axis has.
func count(a api.Axis) int64 {
	if a.Values != nil {
		return int64(len(a.Values))
	}
	if a.To < a.From {
		return 0
	}
	// ParseInt was given at most maxDigits digits, so the difference cannot overflow.
	return (a.To-a.From)/max(a.Step, 1) + 1
}

// Count is how many tasks the axes make together; very many is MaxInt64.
func Count(each []api.Axis) int64 {
	total := int64(1)
	for _, a := range each {
		n := count(a)
		if n == 0 {
			return 0
		}
		if total > math.MaxInt64/n {
			return math.MaxInt64
		}
		total *= n
	}
	return total
}
