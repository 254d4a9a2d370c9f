package sip

import (
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// What is copied of a message that came in is what sipgo would have written.
func TestCopiedHeadersAreAsTheyWereRead(t *testing.T) {
	head := "INVITE sip:+15550100@[2001:db8::1]:5070;user=phone SIP/2.0\r\n" +
		"Via: SIP/2.0/TCP [2001:db8::9]:5060;branch=z9hG4bKx;rport;note=\"a b\"\r\n" +
		"Record-Route: <sip:192.0.2.7;lr;x=1>\r\nCall-ID: a@b\r\nCSeq: 7 INVITE\r\n"
	for _, who := range []string{
		"sip:alice@example.com", "<sip:192.0.2.1>;tag=1", "<tel:+1-555-0100;phone-context=x>;tag=a",
		"\"A \\\"B\\\" C\" <sips:a;b?c:pw@[2001:db8::2]:5061;transport=tcp;lr?Subject=x&Priority=y>;tag=1;x=\"q r\"",
		"Alice B <SIP:a@EXAMPLE.com:1>", "<urn:service:sos>;tag=2", "<sip:a@b?h=>;flag",
	} {
		m, err := transport.Parse([]byte(head + "From: " + who + "\r\nTo: " + who + "\r\n\r\n"))
		if err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		r := m.(*sipmsg.Request)
		for _, h := range r.Headers() {
			var want strings.Builder
			h.StringWrite(&want)
			var w wire
			if w.copied(h); string(w.b) != want.String()+"\r\n" {
				t.Errorf("got  %swant %s", w.b, want.String())
			}
		}
		if got := uriString(&r.Recipient); got != r.Recipient.String() {
			t.Errorf("got %s, want %s", got, r.Recipient.String())
		}
		if got := uriString(&r.From().Address); got != r.From().Address.String() {
			t.Errorf("got %s, want %s", got, r.From().Address.String())
		}
	}
}
