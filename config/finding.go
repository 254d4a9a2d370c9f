package config

import (
	"fmt"
	"strings"
)

// A Finding is one thing wrong with a configuration.
type Finding struct {
	// File is the file as it was named to Load; empty when the value came from
	// the environment or the built-in configuration.
	File string `json:"file,omitempty"`
	// Line and Column count from 1, columns in characters; 0 when unknown.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Key is the key concerned, or empty.
	Key string `json:"key,omitempty"`
	// Text says what is wrong and what was expected.
	Text string `json:"text"`
	// Excerpt is the line and the one before it, with a mark under the column;
	// empty when the line is unknown or shows a secret.
	Excerpt string `json:"excerpt,omitempty"`
}

// Error is the finding on one line: file:line:column: key: text.
func (f Finding) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
		}
		b.WriteString(": ")
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// Errors is everything wrong with a configuration, in the order of the file.
type Errors []Finding

// Error is every finding with its excerpt.
func (e Errors) Error() string {
	var b strings.Builder
	for i, f := range e {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.Error())
		if f.Excerpt != "" {
			b.WriteByte('\n')
			b.WriteString(f.Excerpt)
		}
	}
	return b.String()
}

// excerpt shows line n of lines (counted from 1) under the one before it, and a
// mark under column col.
func excerpt(lines []string, n, col int) string {
	if n < 1 || n > len(lines) {
		return ""
	}
	var b strings.Builder
	if n > 1 {
		fmt.Fprintf(&b, "  %4d | %s\n", n-1, lines[n-2])
	}
	line := []rune(lines[n-1])
	fmt.Fprintf(&b, "> %4d | %s\n", n, string(line))
	b.WriteString("       | ")
	for i := range max(min(col, len(line)+1)-1, 0) {
		if line[i] == '\t' {
			b.WriteByte('\t') // stay under the column whatever a tab is wide
		} else {
			b.WriteByte(' ')
		}
	}
	b.WriteByte('^')
	return b.String()
}
