package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Print writes a section, or an element of a list of sections, as one would in
// a file, every key with its value. Secrets are written as "***".
func Print(section any) string {
	var b strings.Builder
	printSection(&b, reflect.ValueOf(section), "", "")
	return b.String()
}

// printSection writes the keys of v. The first is indented by first, the others
// by indent.
func printSection(b *strings.Builder, v reflect.Value, first, indent string) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			printSection(b, v.Field(i), first, indent)
			first = indent
			continue
		}
		b.WriteString(first + snake(f.Name) + ":")
		first = indent
		printValue(b, v.Field(i), indent)
	}
}

func printValue(b *strings.Builder, v reflect.Value, indent string) {
	switch kindOf(v.Type()) {
	case Section:
		b.WriteString("\n")
		printSection(b, v, indent+"  ", indent+"  ")
	case Sections:
		if v.Len() == 0 {
			b.WriteString(" []\n")
			return
		}
		b.WriteString("\n")
		for i := range v.Len() {
			printSection(b, v.Index(i), indent+"  - ", indent+"    ")
		}
	case Scalars:
		all := make([]string, v.Len())
		for i := range all {
			all[i] = Quote(text(v.Index(i)))
		}
		fmt.Fprintf(b, " [%s]\n", strings.Join(all, ", "))
	case Texts:
		b.WriteString("\n")
		for _, k := range v.MapKeys() {
			fmt.Fprintf(b, "%s  %s: %s\n", indent, Quote(k.String()), Quote(text(v.MapIndex(k))))
		}
	case Scalar:
		b.WriteString(" " + Quote(text(v)) + "\n")
	}
}

// Quote returns a text as a value in a file: as it is where that is read back as
// the same, else in double quotes.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-_./$@") == "" &&
		!strings.HasPrefix(s, "-") && !strings.HasPrefix(s, "@") {
		return s
	}
	return strconv.Quote(s)
}
