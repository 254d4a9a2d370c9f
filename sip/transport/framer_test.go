package transport

import (
	"bytes"
	"testing"
)

// cut feeds stream to a framer in pieces of n octets and returns what came out,
// pings as "ping".
func cut(stream []byte, n int) (out []string, bad fault) {
	var f framer
	for len(stream) > 0 {
		k := copy(f.space()[:n], stream)
		f.filled(k)
		stream = stream[k:]
		for {
			kind, data, bad := f.next()
			switch kind {
			case frameNone:
			case frameMessage:
				out = append(out, string(data))
				continue
			case framePing:
				out = append(out, "ping")
				continue
			case frameBroken:
				return out, bad
			}
			break
		}
	}
	return out, 0
}

func pieces() []int { return []int{1, 2, 3, 7, 64, minRead} }

func TestStreamIsCutAlikeInPiecesOfAnySize(t *testing.T) {
	a, b := invite(), invite("Content-Length: 5\r\n", "l :\r\n 5\r\n")
	var stream []byte
	for _, part := range [][]byte{a, []byte("\r\n\r\n"), b, []byte("\r\n"), a, []byte("\r\n\r\n\r\n"), b} {
		stream = append(stream, part...)
	}
	want := []string{string(a), "ping", string(b), string(a), "ping", string(b)}
	for _, n := range pieces() {
		got, bad := cut(stream, n)
		if bad != 0 || len(got) != len(want) {
			t.Fatalf("pieces of %d: %d frames, want %d (%v)", n, len(got), len(want), bad)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("pieces of %d: frame %d is\n%q, want\n%q", n, i, got[i], want[i])
			}
		}
	}
}

// A CRLF that comes alone inside a message is part of it, not a keep-alive.
func TestSingleCRLFInsideAMessageIsKept(t *testing.T) {
	var f framer
	parts := bytes.SplitAfter(invite(), []byte("\r\n"))
	for i, part := range parts {
		f.filled(copy(f.space(), bytes.TrimSuffix(part, []byte("\r\n"))))
		if kind, _, _ := f.next(); kind != frameNone {
			t.Fatalf("part %d: frame %d too early", i, kind)
		}
		if bytes.HasSuffix(part, []byte("\r\n")) {
			f.filled(copy(f.space(), "\r\n"))
			if kind, data, _ := f.next(); kind == frameMessage {
				if string(data) != string(invite()) {
					t.Fatalf("got %q", data)
				}
				return
			}
		}
	}
	t.Fatal("no message")
}

func TestStreamWhoseFramingIsLostIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		edits []string
		want  fault
	}{
		"two Content-Lengths": {[]string{"Max-Forwards: 70", "l: 6"}, faultLengthTwice},
		"no Content-Length":   {[]string{"Content-Length: 5\r\n", ""}, faultNoLength},
		"negative":            {[]string{"Length: 5", "Length: -1"}, faultLength},
		"huge":                {[]string{"Length: 5", "Length: 99999999999999999999"}, faultLength},
		"too large":           {[]string{"Length: 5", "Length: 65536"}, faultTooLarge},
		"endless header":      {[]string{"70\r\n", "70\r\nX: " + string(bytes.Repeat([]byte("a"), maxHeader)) + "\r\n"}, faultTooLarge},
	} {
		for _, n := range pieces() {
			if _, bad := cut(invite(c.edits...), n); bad != c.want {
				t.Errorf("%s in pieces of %d: %v, want %v", name, n, bad, c.want)
			}
		}
	}
}

func TestHeaderWithoutEndIsGivenUp(t *testing.T) {
	endless := append([]byte("INVITE sip:a SIP/2.0\r\n"), bytes.Repeat([]byte("X: y\r\n"), maxHeader)...)
	for _, n := range pieces() {
		if _, bad := cut(endless, n); bad != faultTooLarge {
			t.Errorf("in pieces of %d: %v, want %v", n, bad, faultTooLarge)
		}
	}
}

func TestFramerKnowsWhatItWaitsFor(t *testing.T) {
	var f framer
	for _, c := range []struct {
		feed string
		want phase
	}{
		{"\r\n", phaseIdle},
		{"OPTIONS", phaseHeader},
		{" sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\n", phaseBody},
		{"a", phaseBody},
		{"b", phaseIdle},
	} {
		f.filled(copy(f.space(), c.feed))
		_, _, _ = f.next()
		if got := f.phase(); got != c.want {
			t.Errorf("after %q: phase %d, want %d", c.feed, got, c.want)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add(append(invite(), invite()...), uint8(1))
	for _, m := range corpus(f) {
		f.Add(append(m.raw, invite()...), uint8(7))
	}
	f.Add([]byte("\r\n\r\n\r\nA b SIP/2.0\r\nl: 1\r\nL: 2\r\n\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, n uint8) {
		whole, bad := cut(stream, minRead)
		small, badSmall := cut(stream, max(int(n), 1))
		if len(whole) != len(small) || bad != badSmall {
			t.Fatalf("%d frames, %v; in pieces of %d: %d, %v", len(whole), bad, n, len(small), badSmall)
		}
		for i := range whole {
			if whole[i] != small[i] {
				t.Fatalf("frame %d: %q, in pieces %q", i, whole[i], small[i])
			}
			if whole[i] != "ping" && len(whole[i]) > maxMessage {
				t.Fatalf("frame of %d bytes", len(whole[i]))
			}
		}
	})
}

func BenchmarkFramer(b *testing.B) {
	data := invite()
	var f framer
	b.ReportAllocs()
	for b.Loop() {
		f.filled(copy(f.space(), data))
		if kind, _, _ := f.next(); kind != frameMessage {
			b.Fatal(kind)
		}
	}
}
