package plugin

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// literal is the value of a variable, in YAML that every reader takes for the same.
type literal string

// MarshalYAML is the value as it stands.
func (l literal) MarshalYAML() ([]byte, error) { return []byte(l), nil }

// value reads what an INI inventory gives to a variable as Ansible does: what is a
// literal of Python is its value, and all else is a string.
func value(text string) literal {
	p := pyReader{strings.TrimLeft(text, " \t")}
	if v, err := p.list(""); err == nil {
		return v
	}
	return quoted(text)
}

func quoted(s string) literal { return literal(strconv.QuoteToASCII(s)) }

var errNoLiteral = errors.New("no literal")

var (
	pyNumber = regexp.MustCompile(`^[+-]?(?:0[xXoObB][0-9a-fA-F_]+|[0-9][0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)`)
	pyOctal  = regexp.MustCompile(`^[+-]?0[0-9_]*[1-9]`) // of an older Python: none any more
	pyWord   = regexp.MustCompile(`^\w+`)
	pyNames  = map[string]literal{"True": "true", "False": "false", "None": "null"}
)

// pyReader reads literals of Python; it holds what is not read yet.
type pyReader struct{ rest string }

func (p *pyReader) blank() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *pyReader) takes(s string) bool {
	p.blank()
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

// over tells whether nothing follows but a comment.
func (p *pyReader) over() bool {
	p.blank()
	return p.rest == "" || p.rest[0] == '#'
}

// list reads values with commas between them up to end; without an end, to the end
// of all. One without a comma is itself where Python means no list by it.
func (p *pyReader) list(end string) (literal, error) {
	var all []string
	comma := end == "]"
	ends := func() bool { return end == "" && p.over() || end != "" && p.takes(end) }
	for !ends() {
		if len(all) > 0 && !comma {
			return "", errNoLiteral
		}
		v, err := p.one()
		if err != nil {
			return "", err
		}
		all = append(all, string(v))
		if p.takes(",") {
			comma = true
		} else if !ends() {
			return "", errNoLiteral
		} else {
			break
		}
	}
	if len(all) == 1 && !comma {
		return literal(all[0]), nil
	}
	if len(all) == 0 && end == "" {
		return "", errNoLiteral
	}
	return literal("[" + strings.Join(all, ", ") + "]"), nil
}

// braces reads the rest of a dict, or of a set, which is a list then.
func (p *pyReader) braces() (literal, error) {
	var all []string
	dict := true
	for i := 0; !p.takes("}"); i++ {
		if i > 0 && !p.takes(",") {
			return "", errNoLiteral
		}
		if i > 0 && p.takes("}") {
			break
		}
		if p.blank(); strings.ContainsAny(p.rest[:min(1, len(p.rest))], "[{(") {
			return "", errNoLiteral // no key
		}
		v, err := p.one()
		if err != nil {
			return "", err
		}
		if colon := p.takes(":"); i > 0 && colon != dict {
			return "", errNoLiteral
		} else if dict = colon; dict {
			of, err := p.one()
			if err != nil {
				return "", err
			}
			v += ": " + of
		}
		all = append(all, string(v))
	}
	if !dict {
		return literal("[" + strings.Join(all, ", ") + "]"), nil
	}
	return literal("{" + strings.Join(all, ", ") + "}"), nil
}

func (p *pyReader) one() (literal, error) {
	p.blank()
	if n := pyNumber.FindString(p.rest); n != "" {
		p.rest = p.rest[len(n):]
		if pyWord.MatchString(p.rest) { // an address, or an amount
			return "", errNoLiteral
		}
		return number(n)
	}
	switch {
	case p.takes("["):
		return p.list("]")
	case p.takes("("):
		return p.list(")")
	case p.takes("{"):
		return p.braces()
	case p.takes(`"`):
		return p.text('"', false)
	case p.takes("'"):
		return p.text('\'', false)
	}
	word := pyWord.FindString(p.rest)
	p.rest = p.rest[len(word):]
	if v, ok := pyNames[word]; ok {
		return v, nil
	}
	if raw := strings.EqualFold(word, "r"); raw || strings.EqualFold(word, "u") {
		for _, q := range `"'` {
			if rest, ok := strings.CutPrefix(p.rest, string(q)); ok {
				p.rest = rest
				return p.text(byte(q), raw)
			}
		}
	}
	return "", errNoLiteral
}

func number(n string) (literal, error) {
	if i, ok := new(big.Int).SetString(n, 0); ok && !pyOctal.MatchString(n) {
		return literal(i.String()), nil
	}
	if !strings.ContainsAny(n, ".eE") || strings.ContainsAny(n, "xX") {
		return "", errNoLiteral
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(n, "_", ""), 64)
	if err != nil {
		return "", errNoLiteral
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	if digits, exp, _ := strings.Cut(s, "e"); !strings.Contains(s, ".") { // YAML's have a point
		s = digits + ".0e" + exp
	}
	return literal(s), nil
}

// text reads the rest of a string.
func (p *pyReader) text(quote byte, raw bool) (literal, error) {
	var s strings.Builder
	for p.rest != "" {
		c := p.rest[0]
		switch {
		case c == quote:
			p.rest = p.rest[1:]
			if p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') { // more of it, in ways that nobody writes here
				return "", errNoLiteral
			}
			return quoted(s.String()), nil
		case c != '\\' || len(p.rest) == 1:
			s.WriteByte(c)
			p.rest = p.rest[1:]
		case !raw && strings.IndexByte(`abfnrtvxuU01234567\"'`, p.rest[1]) >= 0:
			r, n, err := escaped(p.rest)
			if err != nil {
				return "", err
			}
			s.WriteRune(r)
			p.rest = p.rest[n:]
		default: // Python leaves the others
			s.WriteString(p.rest[:2])
			p.rest = p.rest[2:]
		}
	}
	return "", errNoLiteral
}

var pyEscape = regexp.MustCompile(`^\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[abfnrtv\\"'])`)

// escaped reads the character that a backslash begins, of n bytes.
func escaped(s string) (r rune, n int, err error) {
	e := pyEscape.FindString(s)
	if e == "" {
		return 0, 0, errNoLiteral
	}
	if i := strings.IndexByte("abfnrtv", e[1]); i >= 0 {
		return rune("\a\b\f\n\r\t\v"[i]), len(e), nil
	}
	base, digits := 16, e[2:]
	switch {
	case strings.IndexByte(`\"'`, e[1]) >= 0:
		return rune(e[1]), len(e), nil
	case '0' <= e[1] && e[1] <= '7':
		base, digits = 8, e[1:]
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || !utf8.ValidRune(rune(v)) {
		return 0, 0, errNoLiteral
	}
	return rune(v), len(e), nil
}

// shellWords parts a line as a shell does, without its comment; false: a quote is
// not closed.
func shellWords(line string) (all []string, ok bool) {
	var word strings.Builder
	in, quote := false, rune(0)
	escape := false
	for _, c := range line {
		switch {
		case escape:
			if quote == '"' && c != '"' && c != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(c)
			escape = false
		case c == '\\' && quote != '\'':
			in, escape = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '"' || c == '\'':
			in, quote = true, c
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#':
			if in {
				all = append(all, word.String())
				word.Reset()
				in = false
			}
			if c == '#' {
				return all, true
			}
		default:
			in = true
			word.WriteRune(c)
		}
	}
	if in {
		all = append(all, word.String())
	}
	return all, quote == 0 && !escape
}
