package transport

import (
	"errors"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Nothing that a header is made of can end its line, its brackets or its quotes
// (RFC 3261 §25.1): one message in never makes two out.
func TestNothingIsSmuggledThroughAHeader(t *testing.T) {
	evil := "x\r\nEvil: yes"
	for name, break_ := range map[string]func(*sipmsg.Request){
		"value":          func(r *sipmsg.Request) { r.AppendHeader(sipmsg.NewHeader("Subject", evil)) },
		"NUL":            func(r *sipmsg.Request) { r.AppendHeader(sipmsg.NewHeader("Subject", "a\x00b")) },
		"LF":             func(r *sipmsg.Request) { r.AppendHeader(sipmsg.NewHeader("Subject", "a\nEvil: b")) },
		"name":           func(r *sipmsg.Request) { r.AppendHeader(sipmsg.NewHeader("X: y\r\nEvil", "z")) },
		"name and colon": func(r *sipmsg.Request) { r.AppendHeader(sipmsg.NewHeader("Evil: x", "z")) },
		"no name":        func(r *sipmsg.Request) { r.AppendHeader(sipmsg.NewHeader("", "z")) },
		"display name":   func(r *sipmsg.Request) { r.From().DisplayName = evil },
		"open quote":     func(r *sipmsg.Request) { r.From().DisplayName = `a" <sip:evil@example.com>;x="` },
		"half an escape": func(r *sipmsg.Request) { r.From().DisplayName = `a\` },
		"user":           func(r *sipmsg.Request) { r.To().Address.User = evil },
		"bracket":        func(r *sipmsg.Request) { r.To().Address.User = "a>;evil=<b" },
		"request URI":    func(r *sipmsg.Request) { r.Recipient.User = "a SIP/2.0\r\nEvil: x" },
		"space in URI":   func(r *sipmsg.Request) { r.Recipient.Host = "a b" },
		"method":         func(r *sipmsg.Request) { r.Method = "BYE sip:evil SIP/2.0\r\nX:" },
		"parameter":      func(r *sipmsg.Request) { r.From().Params.Add("x", `1;tag=2`) },
		"quoted value":   func(r *sipmsg.Request) { r.From().Params.Add("x", `"a" ;b="c"`) },
		"branch":         func(r *sipmsg.Request) { r.Via().Params.Add("branch", evil) },
		"call id":        func(r *sipmsg.Request) { *r.CallID() = sipmsg.CallIDHeader(evil) },
	} {
		msg, err := Parse(invite())
		if err != nil {
			t.Fatal(err)
		}
		req := msg.(*sipmsg.Request)
		break_(req)
		raw, err := Append([]byte("kept"), req)
		if !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: error = %v, wrote\n%s", name, err, raw)
		}
		if string(raw) != "kept" {
			t.Errorf("%s: dst was not given back as it was", name)
		}
	}
}

func TestReasonPhraseCannotBreakOut(t *testing.T) {
	res := sipmsg.NewResponse(200, "OK\r\nEvil: x")
	if _, err := Append(nil, res); !errors.Is(err, ErrUnsafe) {
		t.Errorf("error = %v", err)
	}
}

func TestContentLengthIsThatOfTheBody(t *testing.T) {
	msg, err := Parse(invite())
	if err != nil {
		t.Fatal(err)
	}
	req := msg.(*sipmsg.Request)
	req.AppendHeader(sipmsg.NewHeader("l", "3")) // as a careless header rule might
	req.SetBody([]byte("0123456789"))
	raw, err := Append(nil, req)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(raw), "Content-Length: 10\r\n\r\n0123456789"); n != 1 {
		t.Errorf("wrote\n%s", raw)
	}
	if strings.Contains(string(raw), "l: 3") {
		t.Error("a second Content-Length was written")
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	msg, err := Parse(invite())
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf, _ = Append(buf[:0], msg) }); n > 1 {
		t.Errorf("%v allocations", n) // one: the text of Max-Forwards
	}
}
