package config

import (
	"strings"
	"unicode"

	"github.com/tandem-voip/tandem/sbc"
)

// hiddenLines returns the lines, counted from 1, that may show a secret: those
// with a word that is or resembles the name of a secret or of a section that
// holds one, and what is indented below them. It looks at the text alone, since
// what is wrong with a file may be just that it cannot be read.
func hiddenLines(lines []string) map[int]bool {
	names := secretNames()
	hidden := map[int]bool{}
	open := -1 // the indent below which lines are hidden; -1: none
	for i, line := range lines {
		text := strings.TrimLeft(line, " \t-")
		if text == "" {
			hidden[i+1] = open >= 0
			continue
		}
		indent := len(line) - len(text)
		if indent <= open {
			open = -1
		}
		found := mentions(text, names)
		if found && open < 0 && text[0] != '#' {
			open = indent
		}
		hidden[i+1] = found || open >= 0
	}
	return hidden
}

// secretNames returns what the keys of secrets, and the sections they are in,
// are called here and elsewhere. Trunks are not among the sections: all of a
// trunk would be.
func secretNames() []string {
	names := []string{"pass", "passphrase", "passwd", "secret", "credentials"}
	Walk(Config{}, func(f Field) {
		if !f.Secret() {
			return
		}
		for part := range strings.SplitSeq(strings.TrimPrefix(f.Key, "trunks[]."), ".") {
			names = append(names, strings.TrimSuffix(part, "[]"))
		}
	})
	return names
}

// mentions reports whether a word of text is one of the names, or is nearly.
func mentions(text string, names []string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
	for _, w := range words {
		for _, n := range names {
			if w == n || len(w) > 3 && sbc.Edits(w, n) <= 2 {
				return true
			}
		}
	}
	return false
}

// shown returns the name of a key that is not known as it may be printed: as far
// as it is a name. What follows may be the value, as in "password=value".
func shown(name string) string {
	end := strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
	})
	if end < 0 {
		return name
	}
	return name[:end] + "..."
}
