package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A variable of ours that sets nothing is named, with the one that was meant.
func TestUnknownVariableIsAFinding(t *testing.T) {
	for name, said := range map[string]string{
		"TANDEM_MEDIA_PORT_MINN":      `did you mean "TANDEM_MEDIA_PORT_MIN"?`,
		"TANDEM_ADMIN_TOKEN_FLE":      `did you mean "TANDEM_ADMIN_TOKEN_FILE"?`,
		"TANDEM_TRUNKS_NAME":          "no such variable",
		"TANDEM_MEDIA_PORT_MIN_FILE":  "no such variable",
		"TANDEM_SERVICE":              "no such variable",
		"TANDEM_PORT_MIN":             "no such variable",
		"TANDEM_SOMETHING_ALTOGETHER": "set in the file alone",
	} {
		_, all := load(t, "", map[string]string{name: "hunter2"})
		wantFinding(t, all, name+": ", said)
		if all != nil && strings.Contains(all.Error(), "hunter2") {
			t.Errorf("shows the value: %v", all)
		}
	}
}

// What others set under our name is none of ours.
func TestForeignVariablesAreLeftAlone(t *testing.T) {
	env := environ([]string{
		"TANDEM=/usr/bin/tandem", "PATH=/bin", "TANDEM_MEDIA_PORT_MINN=", // empty: as if not set
		"TANDEM_PORT=udp://10.0.0.1:5060", "TANDEM_PORT_5060_UDP_ADDR=10.0.0.1", "TANDEM_SERVICE_HOST=10.0.0.1",
		"TANDEM_SERVICE_PORT_SIP=5060", "TANDEM_ACTIVE_HELP=0", "TANDEM_COMPLETION_DESCRIPTIONS=false",
	})
	if _, all := load(t, "", env); all != nil {
		t.Error(all)
	}
}

// A secret may be in a file that a variable names; not twice, and the file must
// be there.
func TestSecretOfAVariableComesFromItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("a-token-of-some-length\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, all := load(t, "admin: {token: another-of-some-length}\n", map[string]string{"TANDEM_ADMIN_TOKEN_FILE": path})
	if all != nil || c.Admin.Token.Reveal() != "a-token-of-some-length" {
		t.Errorf("token %q, %v", c.Admin.Token.Reveal(), all)
	}
	_, all = load(t, "", map[string]string{"TANDEM_ADMIN_TOKEN_FILE": path, "TANDEM_ADMIN_TOKEN": "x"})
	wantFinding(t, all, "TANDEM_ADMIN_TOKEN_FILE: ", "given here and by TANDEM_ADMIN_TOKEN")
	_, all = load(t, "", map[string]string{"TANDEM_ADMIN_TOKEN_FILE": path + ".none"})
	wantFinding(t, all, "TANDEM_ADMIN_TOKEN_FILE: ", "no such file")
}
