package container

import (
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// known are the instructions of a Dockerfile. ONBUILD is not among them: it would
// hide others from whoever reads.
var known = strings.Fields("FROM RUN CMD LABEL MAINTAINER EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG STOPSIGNAL HEALTHCHECK SHELL")

// documents are the instructions that <<EOF may follow, with lines that are none.
var documents = map[string]bool{"RUN": true, "COPY": true, "ADD": true}

var (
	escapes  = regexp.MustCompile(`(?i)^\s*#\s*escape\s*=`)
	goesOn   = regexp.MustCompile(`\\[ \t]*$`)
	unquoted = strings.NewReplacer(`"`, "", "'", "")
)

// pin names the images that a Dockerfile takes from by their content, as find tells
// it, and refuses what an engine would fetch by itself, from the machine's own
// network: what stands in a Dockerfile is a stranger's. What it cannot read with
// certainty it refuses too, and each instruction goes on in one line, so that an engine
// cannot find others in it. KindInvalid, or what find says.
func pin(text string, find func(name string) (api.ImageID, error)) (string, error) {
	p := pinning{find: find, stages: map[string]bool{"scratch": true}}
	var out strings.Builder
	for in := range instructions(strings.TrimPrefix(text, "\ufeff")) {
		line, err := p.pinned(in)
		if err != nil {
			return "", err
		}
		out.WriteString(line)
	}
	return out.String(), nil
}

// instruction is one of a Dockerfile's, which may go over many lines.
type instruction struct {
	line int
	word string // in capitals; empty: nothing but a comment
	rest string // in one line
}

func instructions(text string) iter.Seq[instruction] {
	return func(yield func(instruction) bool) {
		var in instruction
		var joined strings.Builder
		n, more := 0, false
		for raw := range strings.Lines(text) {
			n++
			if !more {
				in.line = n
			}
			line := strings.TrimRight(raw, "\r\n")
			bare := strings.TrimLeftFunc(line, unicode.IsSpace)
			comment := bare != "" && bare[0] == '#'
			if more && (bare == "" || comment) { // left out of what goes on
				continue
			}
			if more = goesOn.MatchString(line) && !comment; more {
				joined.WriteString(goesOn.ReplaceAllString(line, ""))
				if strings.HasSuffix(joined.String(), `\`) { // engines differ in what that means
					yield(instruction{line: n, word: `\\`})
					return
				}
				continue
			}
			joined.WriteString(line)
			if !yield(in.read(joined.String())) {
				return
			}
			joined.Reset()
		}
		if more {
			yield(in.read(joined.String()))
		}
	}
}

func (in instruction) read(line string) instruction {
	line = strings.TrimFunc(line, unicode.IsSpace)
	if line == "" || line[0] == '#' && !escapes.MatchString(line) {
		return in
	}
	end := strings.IndexFunc(line, unicode.IsSpace)
	if end < 0 {
		end = len(line)
	}
	in.word, in.rest = strings.ToUpper(line[:end]), strings.TrimSpace(line[end:])
	return in
}

type pinning struct {
	find   func(name string) (api.ImageID, error)
	stages map[string]bool // names that are no images'
	count  int
}

func (p *pinning) pinned(in instruction) (string, error) {
	wrong := func(format string, args ...any) (string, error) {
		return "", api.Errorf(api.KindInvalid, "line %d of the Dockerfile: "+format, append([]any{in.line}, args...)...).
			WithHint("a build reaches nothing: what it needs is in the folder or in its base image")
	}
	flags, words := flagsOf(in.rest)
	switch {
	case in.word == "":
		return "", nil
	case !slices.Contains(known, in.word):
		return wrong("%.40q cannot be used here", in.word)
	case !utf8.ValidString(in.rest) || strings.ContainsFunc(in.rest, odd) || goesOn.MatchString(in.rest):
		return wrong("it has characters that cannot be read with certainty")
	case strings.ContainsFunc(strings.Join(flags, ""), func(r rune) bool { return r > unicode.MaxASCII }):
		return wrong("the flags of %s are of plain letters here", in.word) // engines look for blanks in single bytes
	case documents[in.word] && strings.Contains(in.rest, "<<"):
		return wrong("%s takes no documents here, and no <<", in.word)
	case in.word == "RUN" && len(flags) > 0:
		return wrong("RUN takes no flags here")
	case in.word == "ADD":
		if plain := unquoted.Replace(in.rest); strings.ContainsAny(plain, `$\`) || strings.Contains(plain, "://") || strings.Contains(plain, "git@") {
			return wrong("ADD takes files of the folder, without variables")
		}
	case in.word == "COPY":
		return p.copies(flags, words, wrong)
	case in.word == "FROM":
		return p.from(flags, strings.Fields(words), wrong)
	}
	return in.word + " " + in.rest + "\n", nil
}

// odd tells which characters an engine may take for the end of a line or of a word.
func odd(r rune) bool { return r != '\t' && unicode.IsControl(r) }

type wronging = func(format string, args ...any) (string, error)

// from reads FROM [--platform=P] IMAGE [AS NAME].
func (p *pinning) from(flags, words []string, wrong wronging) (string, error) {
	if len(words) != 1 && (len(words) != 3 || !strings.EqualFold(words[1], "as")) {
		return wrong("FROM is followed by an image, and perhaps by AS and a name")
	}
	id, err := p.image(words[0])
	if err != nil {
		return "", err
	}
	p.count++
	if len(words) == 3 {
		p.stages[strings.ToLower(words[2])] = true
	}
	return strings.Join(slices.Concat([]string{"FROM"}, flags, []string{id}, words[1:]), " ") + "\n", nil
}

// copies reads COPY with its flags, of which one may name an image.
func (p *pinning) copies(flags []string, words string, wrong wronging) (string, error) {
	for i, flag := range flags {
		name, is := strings.CutPrefix(flag, "--from=")
		switch n, err := strconv.Atoi(name); {
		case strings.ContainsAny(flag, `$\"'`):
			return wrong("the flags of COPY are plain words here")
		case !is, err == nil && 0 <= n && n < p.count:
			continue
		}
		id, err := p.image(name)
		if err != nil {
			return "", err
		}
		flags[i] = "--from=" + id
	}
	return strings.Join(slices.Concat([]string{"COPY"}, flags, []string{words}), " ") + "\n", nil
}

// image is what stands for name: a stage's name is left, an image's becomes its content's.
func (p *pinning) image(name string) (string, error) {
	if p.stages[strings.ToLower(name)] {
		return name, nil
	}
	id, err := p.find(name)
	return string(id), err
}

// flagsOf parts the words that begin with -- from what is after them.
func flagsOf(rest string) (flags []string, words string) {
	for strings.HasPrefix(rest, "--") {
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		flags = append(flags, rest[:end])
		rest = strings.TrimLeft(rest[end:], " \t")
	}
	return flags, rest
}
