package docs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc"
)

const profilesPath = "../../docs/profiles.md"

const profilesHead = `# Trunk profiles

Generated from package sbc by ` + "`make docs`" + `; do not edit.

A trunk's ` + "`profile`" + ` names the values its other keys start from; a key that the
trunk gives itself wins. The values follow what each peer publishes about its
SIP interface. They are a starting point: no profile is a certification, and no
peer has approved one. Check them against the peer's present documents.

A key that a table does not name has the value of ` + "`generic`" + `, which the manual of
the configuration gives. A name or address of your own (` + "`peer.host`, `peer.addresses`,\n`peer.domain`" + `, credentials) is never part of a profile, unless it is the same for
everybody.
`

// notes say what a profile cannot set.
func notes(p sbc.Profile) string {
	switch p {
	case sbc.ProfileGeneric:
		return "RFC 3261 and RFC 3264 as they are usually spoken, over UDP, without SRTP."
	case sbc.ProfileTwilio:
		return "Give `peer.host` as `NAME.pstn.twilio.com`: it must stand in the Request-URI. " +
			"With secure trunking set `peer.transport: tls` and `security.srtp: required`."
	case sbc.ProfileTelnyx:
		return "Give `peer.host` as `sip.telnyx.com` or that of your region. " +
			"For a tech prefix set `numbers.request_uri.prefix`; for a token header use `headers.set`."
	case sbc.ProfileVonage:
		return "Give `peer.host` as `NAME.sip-REGION.vonage.com`."
	case sbc.ProfileBandwidth:
		return "Give `peer.host` as the realm of your account, and `auth` if it has credentials."
	case sbc.ProfileTeams:
		return "For Direct Routing with media bypass. Give `peer.domain`, the name that our certificate " +
			"bears, and a `peer.tls` profile with it. Make two more trunks of it with the hosts " +
			"`sip2.pstnhub.microsoft.com` and `sip3.pstnhub.microsoft.com` and with `peer.addresses: []`, since a " +
			"source belongs to one trunk, and route to the three in this order. Without media bypass set `media.ice: off`."
	case sbc.ProfileACS:
		return "For direct routing of Azure Communication Services. As for teams, give `peer.domain` and `peer.tls`."
	}
	return ""
}

// profilesDocument writes, for each profile, the keys in which it differs from
// the generic one.
func profilesDocument() []byte {
	var b bytes.Buffer
	b.WriteString(profilesHead)
	usual := texts(sbc.DefaultTrunk())
	for _, p := range sbc.Profiles() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", p, notes(p))
		head := "\n| key | value | generic |\n|---|---|---|\n"
		config.WalkSection(sbc.ProfileTrunk(p), func(f config.Field) {
			now, was := written(f.Text()), written(usual[f.Key])
			if f.Kind >= config.Section || f.Key == "profile" || now == was {
				return
			}
			fmt.Fprintf(&b, "%s| `%s` | %s | %s |\n", head, f.Key, now, was)
			head = ""
		})
	}
	return b.Bytes()
}

// texts are the values of a trunk by key.
func texts(t sbc.TrunkConfig) map[string]string {
	out := make(map[string]string)
	config.WalkSection(t, func(f config.Field) { out[f.Key] = f.Text() })
	return out
}

// written is a value as the document has it.
func written(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

// docs/profiles.md says what the profiles set.
func TestProfilesDocumentIsCurrent(t *testing.T) {
	want := profilesDocument()
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(profilesPath, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(profilesPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale; run make docs", profilesPath)
	}
}
