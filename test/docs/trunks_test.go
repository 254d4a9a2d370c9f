package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/config"
)

// Every configuration in docs/trunks.md is one the program takes.
func TestConfigurationsOfTheGuideWork(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "docs", "trunks.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml\n")[1:]
	if len(blocks) < 3 {
		t.Fatalf("%d configurations, want at least 3", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		if !strings.Contains(text, "listeners:") { // a part of one
			text += "sip: {listeners: [{name: udp, transport: udp, address: \"127.0.0.1:5060\"}]}\n"
		}
		path := filepath.Join(t.TempDir(), "tandem.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}
