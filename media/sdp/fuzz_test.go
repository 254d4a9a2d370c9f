package sdp

import (
	"errors"
	"reflect"
	"testing"
)

// seed gives a fuzzer what the peers of the tests send.
func seed(f *testing.F) {
	f.Helper()
	for _, name := range []string{"chromium", "teams", "bypass", "twilio", "asterisk", "baresip", "sipp"} {
		f.Add(readFile(f, name))
	}
	f.Add([]byte("v=0\no=- 1 1 IN IP6 ::1\nc=IN IP4 0.0.0.0\na=inactive\nm=audio 9 RTP/AVP 0 0\nm=audio 0 x y\n"))
}

// No body makes the parser panic, and what it made of one survives printing.
func FuzzSDP(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := Parse(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		for i := range d.Media {
			d.Media[i].Unnamed = false // is not written
			d.Media[i].Crypto = append([]Key(nil), d.Media[i].Crypto...)
		}
		text := d.Bytes()
		if len(text) > MaxBytes {
			return // a description at the bound may grow above it
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in\n%q\nfrom\n%q", err, text, body)
		}
		for i := range again.Media {
			again.Media[i].Crypto = append([]Key(nil), again.Media[i].Crypto...)
		}
		if string(again.Bytes()) != string(text) || !reflect.DeepEqual(normal(again), normal(d)) {
			t.Fatalf("%q\nwas read again as\n%q\nfrom\n%q", text, again.Bytes(), body)
		}
	})
}

// normal is d with the difference between none and empty taken out.
func normal(d *Description) Description {
	n := *d
	n.Media = append([]Media{}, d.Media...)
	for i := range n.Media {
		m := &n.Media[i]
		m.Formats = append([]Format{}, m.Formats...)
		m.Fingerprints = append([]Fingerprint{}, m.Fingerprints...)
		m.Candidates = append([]Candidate{}, m.Candidates...)
	}
	return n
}

// Whatever can be parsed and is answered gets a valid answer, which the offerer
// can accept.
func FuzzAnswer(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		offer, err := Parse(body)
		if err != nil {
			return
		}
		for _, p := range []Policy{SecurityOff, SecurityOptional, SecurityRequired} {
			l := keyed(t, certified(local(opus(), g722(), pcmu(), pcma()), p), p, SuiteAES128SHA80, SuiteGCM256)
			l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
			l.ComfortNoise = true
			answer, a, err := Answer(offer, l)
			if err != nil {
				continue
			}
			checkAnswer(t, offer, answer)
			if a.Secure() != (answer.Audio() != nil && (len(answer.Audio().Crypto) > 0 || len(answer.Audio().Fingerprints) > 0)) {
				t.Errorf("agreed %+v with\n%s", a, answer.Bytes())
			}
			l.Previous = answer
			again, b, err := Answer(offer, l)
			if err != nil || *a != *b || again.Origin != answer.Origin {
				t.Errorf("a second answer differs: %v\n%s\n%s", err, answer.Bytes(), again.Bytes())
			}
			if re := Offer(l); len(re.Media) != max(len(answer.Media), 1) {
				t.Errorf("a re-offer has %d lines after %d", len(re.Media), len(answer.Media))
			}
		}
	})
}
