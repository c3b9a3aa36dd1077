package jobfile

import (
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// splitWords splits a line at blanks. Quotes and backslashes keep blanks as they
// do in a shell; nothing else of a shell is there, and what looks like it is
// refused rather than passed on as text.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case strings.ContainsRune("|&;<>$`", c):
			return nil, api.Errorf(api.KindInvalid, "%q has no meaning here: there is no shell", c).WithHint("write command: [sh, -c, \"...\"], or put the word into quotes")
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, api.Errorf(api.KindInvalid, "a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
