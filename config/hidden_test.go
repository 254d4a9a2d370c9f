package config

import (
	"strings"
	"testing"
)

// Whatever is wrong with a key that is or may be a secret's, the finding never
// has the value.
func TestFindingNeverShowsWhatMayBeASecret(t *testing.T) {
	trunk := func(text string) string {
		return "trunks:\n  - name: a\n    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
	}
	for name, source := range map[string]string{
		"misspelt key":                 trunk("auth: {passwrod: hunter2}"),
		"misspelt key on its own line": trunk("auth:\n  passwrod: hunter2"),
		"line below one that is wrong": trunk("auth:\n  secrt: hunter2\n  usrename: x"),
		"key of another program":       trunk("auth:\n  pw: hunter2"),
		"misspelt section":             trunk("auht: {pw: hunter2}"),
		"key outside of its section":   trunk("password: hunter2"),
		"list in place of a section":   trunk("auth: [- password: hunter2]"),
		"list of sections":             trunk("auth:\n  - password: hunter2"),
		"list at the same indent":      trunk("auth:\n- hunter2"),
		"text in place of a section":   trunk("auth: hunter2"),
		"two texts":                    trunk("auth: password hunter2"),
		"list in place of a secret":    trunk("auth: {password: [hunter2]}"),
		"section in place of a secret": trunk("auth: {password: {hunter2}}"),
		"no space after the colon":     trunk("auth: {password:hunter2}"),
		"equals sign":                  trunk("auth: {password=hunter2}"),
		"value without a key":          trunk("auth: {hunter2}"),
		"more than one line":           trunk("auth:\n  passwrod: |\n    one\n    hunter2"),
		"not closed":                   trunk("auth: {password: hunter2"),
		"quote not closed":             trunk("auth: {password: \"hunter2}"),
		"bad escape":                   trunk("auth:\n  password: \"\\hunter2\""),
		"tab":                          trunk("auth:\n\tpassword: hunter2"),
		"anchor":                       trunk("auth: {password: *hunter2}"),
		"tag":                          trunk("auth: {password: !hunter2 x}"),
		"twice":                        trunk("auth:\n  password: x\n  password: hunter2"),
		"file that is none":            trunk("auth: {username: u, password_file: hunter2}"),
		"users":                        trunk("login: {users: {alice: hunter2}}"),
		"user without a section":       trunk("login:\n  users:\n    - alice hunter2"),
		"token":                        "admin: {tokn: hunter2}\n",
		"token on its own line":        "admin:\n  tokn: hunter2\n",
		"token at the top":             "tokn: hunter2\n",
		"after a comment":              "log: {lvl: info}\n# password hunter2\nlogg: 1\n",
		"before what is wrong":         trunk("auth:\n  password: hunter2\nmedia: {codec: x}"),
		"tab after a secret":           trunk("auth:\n  username: u\n  password: hunter2\n\tx: y"),
	} {
		t.Run(name, func(t *testing.T) {
			_, all := load(t, source, nil)
			if all == nil {
				t.Fatalf("nothing was found in\n%s", source)
			}
			if text := all.Error(); strings.Contains(text, "unter2") {
				t.Errorf("shows the secret:\n%s", text)
			}
			for _, f := range all {
				if f.Line == 0 {
					t.Errorf("without a line: %v", f)
				}
			}
		})
	}
}

// What is no secret is quoted, even between secrets.
func TestFindingQuotesWhatIsNoSecret(t *testing.T) {
	for source, quoted := range map[string]string{
		"admin: {token: abcdefghijklmnop}\nlog:\n  format: json\n  levell: info\n":                                   "levell: info",
		"trunks:\n  - auth: {username: u, password: p}\n    name: a\n    media:\n      ptime: 20\n      codecz: 7\n": "codecz: 7",
		"# a password\nlog:\n  format: json\n  levell: info\n":                                                       "levell: info",
	} {
		_, all := load(t, source, nil)
		if all == nil || !strings.Contains(all.Error(), quoted) {
			t.Errorf("%q: %v, want %q quoted", source, all, quoted)
		}
	}
}
